#include "src/deploy/ranks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "datasets/shard.h"
#include "kernels/kernels.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/deploy/launch_folder.h"
#include "src/deploy/ranks_status.h"
#include "src/deploy/worker_env.h"
#include "src/net/net.h"

enum { HOST_BYTES = sizeof((struct fg_ranks *)NULL)->host };

/* ---- a worker ---- */

static void name_host(char host[HOST_BYTES])
{
    host[0] = '\0';
    (void)gethostname(host, HOST_BYTES - 1);
    host[HOST_BYTES - 1] = '\0';
}

static void on_notice(int number)
{
    (void)number;
    fg_worker_shell_leave();
}

static void end_process(struct fg_transport *t) __attribute__((noreturn));
static void end_process(struct fg_transport *t)
{
    fg_net_stop(t);
    (void)fflush(NULL);
    _exit(0); /* a computing thread may still run: no destructor may pull anything from under it */
}

static void work(struct fg_transport *t) __attribute__((noreturn));
static void work(struct fg_transport *t)
{
    struct sigaction sa = {.sa_handler = on_notice};
    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)signal(SIGINT, SIG_IGN);  /* the aggregator says when the run ends */
    (void)signal(SIGUSR1, SIG_IGN); /* likewise: launchers send it to every rank */
    char host[HOST_BYTES];
    name_host(host);
    const struct fg_kernels *kernels = fg_kernels_get("auto", FG_EXACT);
    struct fg_session_self self = {.version = PACKAGE_VERSION,
                                   .host = host,
                                   .isa = kernels != NULL ? kernels->name : "none",
                                   .pid = (uint32_t)getpid()};
    struct fg_worker_env_state *state = NULL;
    struct fg_worker_env env;
    struct fg_err err = {{0}};
    bool busy = false;
    enum fg_status st = fg_worker_env_create(&state, &env);
    if (st == FG_OK) {
        st = fg_worker_shell_run(t, &env, &self, &busy, &err);
    }
    if (st != FG_OK) {
        fg_log_write(FG_LOG_ERROR, "%s", err.text[0] != '\0' ? err.text : fg_status_text(st));
    }
    if (!busy) {
        fg_worker_env_destroy(state);
    }
    end_process(t);
}

/* ---- shards by name (movable placement) ---- */

struct fg_ranks_shards {
    const struct fg_setup *setup;
    uint8_t (*name)[FG_SHARD_HASH_BYTES]; /* (clients) */
    bool *named;                          /* (clients) */
    struct fg_str bytes;                  /* of the shard asked for last */
};

static void shards_destroy(struct fg_ranks_shards *sh)
{
    if (sh != NULL) {
        fg_str_fini(&sh->bytes);
        fg_free(sh->name);
        fg_free(sh->named);
        fg_free(sh);
    }
}

static struct fg_ranks_shards *shards_create(const struct fg_setup *s)
{
    struct fg_ranks_shards *sh = fg_calloc(1, sizeof *sh);
    if (sh == NULL) {
        return NULL;
    }
    sh->setup = s;
    sh->name = fg_calloc(s->clients, sizeof *sh->name);
    sh->named = fg_calloc(s->clients, sizeof *sh->named);
    if (sh->name == NULL || sh->named == NULL) {
        shards_destroy(sh);
        return NULL;
    }
    return sh;
}

static enum fg_status encode_shard(struct fg_ranks_shards *sh, uint32_t client)
{
    const uint32_t *index;
    uint32_t n;
    fg_setup_shard(sh->setup, client, &index, &n);
    sh->bytes.len = 0;
    return fg_shard_encode(&sh->bytes, sh->setup->data, index, n);
}

static enum fg_status shard_of(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err)
{
    struct fg_ranks_shards *sh = arg;
    uint32_t shard = task->shard;
    if (!sh->named[shard]) {
        enum fg_status st = encode_shard(sh, shard);
        if (st == FG_OK) {
            st = fg_shard_name(sh->name[shard], sh->bytes.data, sh->bytes.len);
        }
        if (st != FG_OK) {
            return fg_fail(err, st, "shard %u: %s", shard, fg_status_text(st));
        }
        sh->named[shard] = true;
    }
    memcpy(hash, sh->name[shard], FG_SHARD_HASH_BYTES);
    return FG_OK;
}

static bool shard_bytes(void *arg, const uint8_t hash[32], struct fg_view *out)
{
    struct fg_ranks_shards *sh = arg;
    for (uint32_t i = 0; i < sh->setup->clients; i++) {
        if (sh->named[i] && memcmp(sh->name[i], hash, FG_SHARD_HASH_BYTES) == 0) {
            if (encode_shard(sh, i) != FG_OK) {
                return false;
            }
            *out = (struct fg_view){.data = (const uint8_t *)sh->bytes.data, .len = sh->bytes.len};
            return true;
        }
    }
    return false;
}

/* ---- the aggregator's executor ---- */

static fg_time_t now(void *arg)
{
    (void)arg;
    return fg_now_steady();
}

/* Tells frames of this run from those of another one that went over the same wires. */
static uint64_t make_run_id(void)
{
    struct timespec t;
    uint64_t id[3];
    (void)clock_gettime(CLOCK_REALTIME, &t);
    id[0] = (uint64_t)t.tv_sec;
    id[1] = (uint64_t)t.tv_nsec;
    id[2] = (uint64_t)getpid();
    return fg_xxh64(id, sizeof id) | 1;
}

static void opened(void *arg, const char *folder)
{
    struct fg_ranks *r = arg;
    if (snprintf(r->folder, sizeof r->folder, "%s", folder) >= (int)sizeof r->folder) {
        r->folder[0] = '\0';
    }
}

static void status(void *arg, const struct fg_worker_status *list, size_t n,
                   const struct fg_executor_remote_stats *stats)
{
    const struct fg_ranks *r = arg;
    if (r->folder[0] != '\0') {
        fg_ranks_write_status(r->folder, list, n, stats);
    }
}

/* What the executor is asked for, but for the workers' configuration. */
static struct fg_executor_remote_opts options_of(struct fg_ranks *r, const struct fg_setup *s,
                                                 const struct fg_setup_hands *hands,
                                                 const struct fg_config *told)
{
    struct fg_model_input in = *fg_model_input(s->model);
    name_host(r->host);
    bool movable = s->cfg->data.placement == FG_OPT_PLACEMENT_MOVABLE;
    bool real = s->cfg->run.clock == FG_OPT_CLOCK_REAL, driven = real && r->shell.play != NULL;
    bool ignores = told->workers.on_loss == FG_OPT_ON_LOSS_IGNORE;
    return (struct fg_executor_remote_opts){
        .transport = r->transport,
        .params = fg_model_params(s->model),
        .coding = s->coding,
        .input = {(uint32_t)in.kind, in.shape[0], in.shape[1], in.shape[2], in.classes},
        .version = PACKAGE_VERSION,
        .run_id = make_run_id(),
        .shard_of = movable ? shard_of : NULL,
        .shard_bytes = movable ? shard_bytes : NULL,
        .now = now,
        .arg = r->shards,
        .ignore_losses = ignores,
        .late_counts = s->rule->late == FG_LATE_USED,
        .partial = real ? fg_setup_takes_partial(told) : ignores,
        .pinned = real,
        .clients = s->clients,
        .arrival = driven ? fg_drive_rank_arrival : NULL,
        .here = driven ? fg_drive_rank_here : NULL,
        .arrival_arg = &r->play,
        .local_cohort = hands->cohort,
        .local_host = hands->cores ? r->host : NULL,
        .updates_stay = r->aggregator_computes && !real && !ignores && fg_setup_only_adds(s) &&
                        s->codec == &fg_codec_none,
        .judge_late = !real && !ignores && fg_setup_only_adds(s),
        .beside = true,
        .clients_keep = s->codec->clients_keep_state,
        .share_cores = s->cfg->run.threads == 0,
        .heartbeat_us = fg_from_seconds(s->cfg->workers.heartbeat_s),
        .patience_us = fg_from_seconds(s->cfg->workers.patience_s),
        .respawn = {.initial = r->replaces ? fg_net_size() - 1 : 0,
                    .min = s->cfg->workers.min,
                    .max = s->cfg->workers.max,
                    .backoff_us = fg_from_seconds(s->cfg->workers.spawn_backoff_s)},
        .hosts = &r->hosts,
        .probe = fg_probe_look,
        .probe_arg = r->probe,
        .status = status,
        .status_arg = r,
    };
}

static void tell_of_idle_clients(const struct fg_ranks *r, const struct fg_setup *s)
{
    unsigned workers = (unsigned)fg_net_size() - 1;
    if (r->shell.play == NULL && s->clients > workers) {
        fg_log_write(
            FG_LOG_WARN,
            "%s: %u clients (data.clients) and %u workers: under run.clock = real a client is a worker, "
            "and without one it is never up",
            fg_config_where(s->cfg, "data.clients"), s->clients, workers);
    }
}

static enum fg_status make_executor(void *arg, const struct fg_setup *s, struct fg_executor *local,
                                    const struct fg_setup_hands *hands, atomic_int *stop,
                                    struct fg_executor **out, struct fg_err *err)
{
    struct fg_ranks *r = arg;
    bool real = s->cfg->run.clock == FG_OPT_CLOCK_REAL;
    /* A study that is only spread over ranks is to give the study's model, whoever dies. */
    bool ignores = s->cfg->workers.on_loss == FG_OPT_ON_LOSS_IGNORE && !r->aggregator_computes;
    if (s->codec->clients_keep_state && !ignores && !real) {
        fg_log_write(
            FG_LOG_WARN,
            "wire.codec = %s: clients keep what was not sent, and what is lost with a worker begins anew: a "
            "run that loses workers ends with another model (replay gives the same)",
            s->codec->name);
    }
    if (real) {
        tell_of_idle_clients(r, s);
    }
    struct fg_config told = *s->cfg; /* what the workers are told; its strings are borrowed */
    told.workers.on_loss = ignores ? FG_OPT_ON_LOSS_IGNORE : FG_OPT_ON_LOSS_REASSIGN;
    struct fg_str config = {0};
    enum fg_status st;
    FG_TRY(fg_config_save(&config, &told, err));
    if (s->cfg->data.placement == FG_OPT_PLACEMENT_MOVABLE && (r->shards = shards_create(s)) == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory for the names of %u shards", s->clients);
        goto cleanup;
    }
    struct fg_executor_remote_opts opts = options_of(r, s, hands, &told);
    opts.config = config.data;
    opts.local = r->aggregator_computes ? local : NULL;
    opts.stop = stop;
    FG_TRY(fg_executor_remote_create(out, &opts, err));
    r->started = true;
    r->shell.live = real ? fg_executor_remote_live(*out) : NULL;
    if (!r->aggregator_computes) {
        local->ops->destroy(local);
    }
cleanup:
    fg_str_fini(&config);
    return st;
}

/* ---- whoever plays a trace ---- */

static void stands(void *arg, fg_time_t at)
{
    fg_drive_rank_stands(&((struct fg_ranks *)arg)->play, at);
}

static bool ready(void *arg, uint32_t ups)
{
    return fg_drive_rank_ready(&((struct fg_ranks *)arg)->play, ups);
}

static void begun(void *arg, fg_time_t at, fg_time_t steady_us)
{
    fg_drive_rank_begun(&((struct fg_ranks *)arg)->play, at, steady_us);
}

static const struct fg_study_play player = {stands, ready, begun};

/* ---- begin and end ---- */

/* Where `forage launch` lets workers run. */
static enum fg_status find_hosts(struct fg_hosts *hosts, struct fg_agent *agent, struct fg_err *err)
{
    const char *up = getenv(FG_LAUNCH_HOSTS), *down = getenv(FG_LAUNCH_DOWN);
    if (up == NULL || up[0] == '\0') {
        return FG_OK;
    }
    enum fg_status st = fg_hosts_add_list(hosts, up, strlen(up), err);
    hosts->first = hosts->n;
    if (st == FG_OK && down != NULL && down[0] != '\0') {
        st = fg_hosts_add_list(hosts, down, strlen(down), err);
    }
    return st == FG_OK ? fg_agent_init(agent, getenv(FG_LAUNCH_AGENT), err) : st;
}

/* A worker whose place is another host goes there and does not come back. */
static enum fg_status hop(const char *host, const char *const *self, const struct fg_agent *agent)
{
    char log[4096];
    if (host != NULL && host[0] != '\0' && !fg_agent_here(host) && getenv(FG_AGENT_HOPPED) == NULL) {
        fg_agent_hop(agent, host, self, fg_launch_folder_path(log, "log") ? log : NULL,
                     fg_launch_folder_give_up);
    }
    return FG_OK;
}

/* The same for those that mpirun started. */
static enum fg_status hop_first(const char *const *self, struct fg_err *err)
{
    struct fg_hosts hosts = {0};
    struct fg_agent agent = {0};
    enum fg_status st = find_hosts(&hosts, &agent, err);
    uint32_t rank = fg_net_env_rank();
    if (st == FG_OK && rank > 0 && hosts.n > 0) {
        st = hop(hosts.host[fg_hosts_initial(&hosts, rank - 1)].name, self, &agent);
    }
    fg_agent_fini(&agent);
    fg_hosts_fini(&hosts);
    return st;
}

static void write_exit(int code)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d\n", code);
    fg_launch_folder_write("exit", text);
}

/* A worker died while one was being started, and the main thread will never come back from starting it. */
static void stuck(void)
{
    fg_log_write(FG_LOG_WARN,
                 "a worker did not come up in %d s; everyone is started again, going on after the last "
                 "checkpoint",
                 FG_NET_SPAWN_S);
    write_exit(FG_LAUNCH_AGAIN);
    _exit(0);
}

enum fg_status fg_ranks_work(const char *host, const char *const *self, struct fg_err *err)
{
    struct fg_transport *t;
    struct fg_hosts hosts = {0};
    struct fg_agent agent = {0};
    enum fg_status st;
    FG_TRY(find_hosts(&hosts, &agent, err));
    FG_TRY(hop(hosts.n > 0 ? host : NULL, self, &agent));
    FG_TRY(fg_net_start(&t, err));
    if (fg_net_spawned()) {
        work(t);
    }
    fg_net_stop(t);
    st = fg_fail(err, FG_E_USAGE, "--worker is for processes that an aggregator starts");
cleanup:
    fg_agent_fini(&agent);
    fg_hosts_fini(&hosts);
    return st;
}

enum fg_status fg_ranks_begin(struct fg_ranks *r, const struct fg_ranks_how *how, struct fg_err *err)
{
    bool first = fg_net_env_rank() == 0;
    *r = (struct fg_ranks){.aggregator_computes = how->aggregator_computes, .replaces = how->spawn != NULL};
    if (first) {
        fg_launch_folder_attach();
    }
    enum fg_status st = how->self != NULL ? hop_first(how->self, err) : FG_OK;
    st = st == FG_OK ? fg_net_start(&r->transport, err) : st;
    if (st != FG_OK) {
        return st;
    }
    if (fg_net_rank() != 0) {
        work(r->transport);
    }
    fg_launch_folder_write("up", "1\n");
    if (how->spawn != NULL) {
        fg_transport_mpi_spawns(r->transport, how->spawn, how->spawn_host, stuck);
    }
    r->shell = (struct fg_study_shell){.executor = make_executor, .arg = r};
    r->shell.opened = opened;
    r->shell.has_workers = !how->aggregator_computes;
    r->shell.play = fg_drive_rank_open(&r->play) ? &player : NULL;
    if (fg_net_size() < 2 && !how->aggregator_computes && r->shell.play == NULL) {
        return fg_fail(err, FG_E_USAGE, "expected at least 2 ranks, one aggregator and one worker, found 1");
    }
    st = r->replaces ? find_hosts(&r->hosts, &r->agent, err) : FG_OK;
    if (st == FG_OK && r->hosts.n > 0 && fg_probe_create(&r->probe, &r->hosts, &r->agent) != FG_OK) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory for %zu hosts", r->hosts.n);
    }
    return st;
}

/* The run ended before it had an executor: nobody else will say so. */
static void dismiss_workers(struct fg_transport *t)
{
    for (uint32_t i = 1; i < fg_net_size(); i++) {
        struct fg_msg m = {.type = FG_MSG_STOP};
        uint8_t *frame = NULL;
        size_t len = 0;
        m.u.end.reason = FG_STOP_DONE;
        if (fg_msg_encode(&frame, &len, &m, 0, 1) == FG_OK) {
            (void)t->ops->post(t, i, frame, len);
        }
    }
}

void fg_ranks_end(struct fg_ranks *r, int rc)
{
    bool began = r->transport != NULL;
    (void)fflush(NULL);
    if (began || fg_net_env_rank() == 0) {
        write_exit(rc);
    } else {
        fg_launch_folder_give_up(NULL);
    }
    if (r->folder[0] != '\0') {
        fg_ranks_drop_status(r->folder);
    }
    if (r->transport != NULL) {
        if (!r->started) {
            dismiss_workers(r->transport);
        }
        fg_net_stop(r->transport);
    }
    shards_destroy(r->shards);
    fg_probe_destroy(r->probe);
    fg_agent_fini(&r->agent);
    fg_hosts_fini(&r->hosts);
    _exit(began ? 0 : rc); /* another code ends every rank: those that wait in MPI_Init() */
}
