#include "src/deploy/worker_env.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "datasets/shard.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/deploy/worker_sums.h"
#include "src/net/notice.h"
#include "src/sim/setup.h"
#include "src/store/shard_cache.h"
#include "src/worker/kept.h"

/* One task's place in a cohort: its update, and what it is encoded with. */
struct seat {
    struct fg_worker_env_state *owner;
    float *delta;   /* (P) */
    uint8_t *bytes; /* (bound(P)) */
    size_t len;
    enum fg_seen seen;     /* in an update that is sent as floats */
    struct fg_codec_ws ws; /* .kept: (P), owned, where clients keep something */
    uint32_t reset;
    struct fg_dataset *shard;          /* movable placement: the task's own data */
    uint32_t *index;                   /* (n) all of them */
    struct fg_train_state from, state; /* to go on from; where it was stopped */
    struct fg_str state_bytes;
    double *scores;    /* of a piece of the server's evaluation: losses, then uint32_t, */
    size_t cap_scores; /* for so many samples */
    struct fg_err err;
};

struct fg_worker_env_state {
    struct fg_config cfg;
    bool have_cfg;
    struct fg_setup *setup; /* fixed placement */
    struct fg_model *model; /* movable placement: owned; else the setup's */
    const struct fg_codec *codec;
    struct fg_codec_opts coding;
    struct fg_kept *kept;        /* NULL: the codec has clients keep nothing */
    struct fg_worker_sums *sums; /* NULL: updates go up */
    size_t bound;                /* bytes of an encoded update */
    struct fg_trainer *trainer;
    size_t P;
    enum { HAND_NOTHING, HAND_STATE, HAND_UPDATE } on_stop; /* what a task that was stopped gives */
    struct fg_notice *notice;                               /* NULL: nothing to look for */
    struct fg_fleet *pace;                                  /* of the clients seen so far, under drive.pace */
    struct seat *seat;
    struct fg_job *job;
    size_t n_seats;
    struct fg_shard_cache *shards; /* movable placement; NULL: none are kept */
    struct fg_str shard;           /* found last */
};

/* ---- configuring ---- */

static enum fg_status read_config(struct fg_worker_env_state *w, const struct fg_worker_work *work,
                                  struct fg_err *err)
{
    struct fg_config_origin from = {"the aggregator's configuration", "/", NULL};
    enum fg_status st = fg_config_init(&w->cfg);
    if (st != FG_OK) {
        return fg_fail(err, st, "out of memory for the configuration");
    }
    w->have_cfg = true;
    st = fg_config_parse(&w->cfg, work->config, work->len, &from, err);
    if (st != FG_OK || w->cfg.worker.data_path[0] == '\0') {
        return st;
    }
    char *path = fg_strdup(w->cfg.worker.data_path);
    if (path == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for the configuration");
    }
    fg_free(w->cfg.data.path);
    w->cfg.data.path = path;
    return FG_OK;
}

/* Movable placement: the model follows from the configuration and what the aggregator says a sample is. */
static enum fg_status make_model(struct fg_worker_env_state *w, const uint32_t *input, struct fg_err *err)
{
    const struct fg_config *c = &w->cfg;
    struct fg_model_input in = {
        .kind = (enum fg_input_kind)input[0], .shape = {input[1], input[2], input[3]}, .classes = input[4]};
    if (in.kind != FG_INPUT_IMAGE && in.kind != FG_INPUT_VECTOR && in.kind != FG_INPUT_TOKENS) {
        return fg_fail(err, FG_E_INPUT, "the aggregator's data are of an unknown kind %u", input[0]);
    }
    return fg_model_create(&w->model, c->model.layers, &in, c->model.init[0] != '\0' ? c->model.init : NULL,
                           err);
}

static enum fg_status make_seats(struct fg_worker_env_state *w, size_t n)
{
    w->seat = fg_calloc(n, sizeof *w->seat);
    w->job = fg_calloc(n, sizeof *w->job);
    if (w->seat == NULL || w->job == NULL) {
        return FG_E_NOMEM;
    }
    w->n_seats = n;
    for (size_t i = 0; i < n; i++) {
        struct seat *s = &w->seat[i];
        s->owner = w;
        s->ws.opts = w->coding;
        s->delta = fg_calloc_aligned(w->P, sizeof *s->delta);
        s->bytes = fg_calloc(w->bound, 1);
        if (w->codec->clients_keep_state) {
            s->ws.kept = fg_calloc_aligned(fg_codec_state(w->codec, &w->coding, w->P), sizeof *s->ws.kept);
        }
        if (s->delta == NULL || s->bytes == NULL || (w->codec->clients_keep_state && s->ws.kept == NULL)) {
            return FG_E_NOMEM;
        }
    }
    return w->codec->clients_keep_state ? fg_kept_create(&w->kept, fg_codec_state(w->codec, &w->coding, w->P),
                                                         0, (struct fg_kept_rows){0})
                                        : FG_OK;
}

/* Only the computing thread and those it starts give way; the one that serves frames answers at once. */
static void lower_priority(unsigned by)
{
    errno = 0;
    if (nice((int)by) == -1 && errno != 0) {
        fg_log_write(FG_LOG_WARN, "priority not lowered: %s", strerror(errno));
    }
}

static enum fg_status look_for_notice(struct fg_worker_env_state *w, struct fg_err *err)
{
    const struct fg_notice_opts opts = {.file = w->cfg.workers.notice_file,
                                        .command = w->cfg.workers.notice_command,
                                        .every_us = fg_from_seconds(w->cfg.workers.notice_every_s),
                                        .seen = fg_worker_shell_leave};
    bool any = opts.file[0] != '\0' || opts.command[0] != '\0';
    return any ? fg_notice_start(&w->notice, &opts, err) : FG_OK;
}

/* Without a place for them shards come over the network each time. */
static void open_cache(struct fg_worker_env_state *w, bool movable)
{
    struct fg_err err = {{0}};
    const struct fg_config *c = &w->cfg;
    uint64_t limit = (uint64_t)c->worker.cache_disk_mb << 20;
    if (movable && limit > 0 && fg_shard_cache_open(&w->shards, c->worker.cache_dir, limit, &err) != FG_OK) {
        fg_log_write(FG_LOG_WARN, "shards are not kept: %s", err.text);
        w->shards = NULL;
    }
}

static bool find_shard(void *arg, const uint8_t hash[32], struct fg_view *out)
{
    struct fg_worker_env_state *w = arg;
    struct fg_err err = {{0}};
    enum fg_status st = fg_shard_cache_get(w->shards, hash, &w->shard, &err);
    if (st != FG_OK && st != FG_E_MISSING) {
        fg_log_write(FG_LOG_WARN, "a shard that was kept is fetched again: %s", err.text);
    }
    *out = (struct fg_view){.data = (const uint8_t *)w->shard.data, .len = w->shard.len};
    return st == FG_OK;
}

static void keep_shard(void *arg, const uint8_t hash[32], struct fg_view bytes)
{
    struct fg_worker_env_state *w = arg;
    struct fg_err err = {{0}};
    if (fg_shard_cache_put(w->shards, hash, bytes.data, bytes.len, &err) != FG_OK) {
        fg_log_write(FG_LOG_WARN, "a shard was not kept: %s", err.text);
    }
}

static enum fg_status configure(void *arg, const struct fg_worker_work *work, struct fg_worker_ready *out,
                                struct fg_err *err)
{
    struct fg_worker_env_state *w = arg;
    enum fg_status st;
    FG_TRY(read_config(w, work, err));
    lower_priority(w->cfg.worker.nice);
    bool movable = w->cfg.data.placement == FG_OPT_PLACEMENT_MOVABLE;
    st = movable ? make_model(w, work->input, err) : fg_setup_create(&w->setup, &w->cfg, FG_START_AUTO, err);
    if (st != FG_OK && !movable && w->cfg.worker.data_path[0] != '\0') {
        fg_fail_prefix(err, st, "with worker.data_path = %s", w->cfg.worker.data_path);
    }
    FG_TRY(st);
    const struct fg_model *model = movable ? w->model : w->setup->model;
    struct fg_local_opts local = fg_setup_local(&w->cfg);
    unsigned threads = 0; /* tasks at once */
    w->P = fg_model_params(model);
    w->codec = fg_codec_find(w->cfg.wire.codec);
    if (w->codec == NULL) {
        st = fg_fail(err, FG_E_CONFIG, "wire.codec: this worker has no codec '%s'", w->cfg.wire.codec);
        goto cleanup;
    }
    FG_TRY(fg_setup_trainer(&w->trainer, &threads, &w->cfg, model, &local, movable ? NULL : w->setup->data,
                            err));
    st = fg_setup_coding(&w->coding, &w->cfg, model);
    w->bound = st == FG_OK ? w->codec->bound(&w->coding, w->P) : 0;
    st = st == FG_OK && work->sums ? fg_worker_sums_create(&w->sums, w->P) : st;
    if (st != FG_OK || make_seats(w, threads) != FG_OK) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory for %u updates", threads);
        goto cleanup;
    }
    bool real = w->cfg.run.clock == FG_OPT_CLOCK_REAL,
         ignored = w->cfg.workers.on_loss == FG_OPT_ON_LOSS_IGNORE;
    bool hand_back = w->cfg.train.on_leave == FG_OPT_ON_LEAVE_HAND_BACK;
    w->on_stop = ignored || (real && hand_back) ? HAND_UPDATE : real ? HAND_NOTHING : HAND_STATE;
    FG_TRY(look_for_notice(w, err));
    open_cache(w, movable);
    *out = (struct fg_worker_ready){.params = w->P,
                                    .cohort = threads,
                                    .keeps_shards = w->shards != NULL,
                                    .coding = &w->coding,
                                    .cache_bytes = (size_t)w->cfg.worker.cache_mb << 20,
                                    .grace_us = fg_from_seconds(w->cfg.workers.grace_s)};
cleanup:
    return st;
}

/* ---- working ---- */

/* On the trainer's threads: the update becomes bytes as soon as it is there, or stays. */
static enum fg_status encode(struct fg_job *job, void *arg)
{
    struct seat *s = arg;
    const struct fg_worker_env_state *w = s->owner;
    if (w->sums != NULL) {
        float largest;
        enum fg_status st =
            fg_worker_sums_keep(w->sums, job->task.id, job->task.version, &s->delta, &largest);
        memcpy(s->bytes, &largest, sizeof largest); /* the machine's order is that of the wire */
        s->len = sizeof largest;
        return st;
    }
    s->ws.shard = job->task.shard;
    s->ws.number = job->task.number;
    s->ws.variance = job->task.variance;
    s->seen = w->codec->plain != sizeof(float)         ? FG_SEEN_NOT
              : fg_kernel_all_finite(job->delta, w->P) ? FG_SEEN_FINITE
                                                       : FG_SEEN_NOT_FINITE;
    return w->codec->encode(&s->ws, s->bytes, w->bound, &s->len, job->delta, w->P);
}

static void clear_seat(struct seat *s)
{
    fg_dataset_destroy(s->shard);
    fg_free(s->index);
    s->shard = NULL;
    s->index = NULL;
    fg_train_state_fini(&s->from);
    fg_train_state_fini(&s->state);
    s->state.steps = 0;
}

/* Where another worker stopped; a state that does not fit is done without: the task begins at its start. */
static void go_on_from(struct seat *s, const struct fg_session_job *j, struct fg_job *job)
{
    struct fg_err err;
    if (j->resume.len == 0) {
        return;
    }
    if (fg_train_state_decode(&s->from, j->resume.data, j->resume.len, s->owner->P, &err) != FG_OK) {
        fg_log_write(FG_LOG_WARN, "task %llu begins again: %s", (unsigned long long)j->task.id, err.text);
        return;
    }
    job->resume = &s->from;
}

/* The task's data: shipped, or this machine's share of the client. */
static enum fg_status find_data(struct seat *s, const struct fg_session_job *j, struct fg_job *job)
{
    const struct fg_worker_env_state *w = s->owner;
    if (w->setup != NULL) {
        if (j->task.shard >= w->setup->clients) {
            return fg_fail(&s->err, FG_E_INPUT, "shard %u does not exist here", j->task.shard);
        }
        job->data = w->setup->data;
        fg_setup_shard(w->setup, j->task.shard, &job->index, &job->n);
        return FG_OK;
    }
    if (j->shard.data == NULL) {
        return fg_fail(&s->err, FG_E_MISSING, "a task without its shard");
    }
    struct fg_blob blob = {.name = "shard", .data = j->shard.data, .len = j->shard.len};
    enum fg_status st =
        fg_shard_decode(&s->shard, &blob, NULL, &s->err); /* its name was checked on arrival */
    if (st == FG_OK) {
        st = fg_trainer_check_data(w->model, s->shard, &s->err);
    }
    if (st != FG_OK) {
        return st;
    }
    job->data = s->shard;
    job->n = (uint32_t)s->shard->n;
    s->index = fg_calloc(job->n, sizeof *s->index);
    if (s->index == NULL) {
        return fg_fail(&s->err, FG_E_NOMEM, "out of memory for a shard");
    }
    for (uint32_t i = 0; i < job->n; i++) {
        s->index[i] = i;
    }
    job->index = s->index;
    return FG_OK;
}

/* A task that was stopped: the update of the steps it has done. */
static enum fg_status close_early(struct seat *s, struct fg_job *job)
{
    for (size_t i = 0; i < s->owner->P; i++) {
        job->delta[i] = job->params[i] - s->state.params[i];
    }
    return encode(job, s);
}

/* A task that was stopped: what it takes to go on elsewhere. */
static void report_stopped(struct seat *s, struct fg_session_answer *a)
{
    s->state_bytes.len = 0;
    if (s->owner->on_stop == HAND_STATE && s->state.steps > 0 &&
        fg_train_state_encode(&s->state, &s->state_bytes) == FG_OK) {
        a->state = (const uint8_t *)s->state_bytes.data;
        a->state_len = s->state_bytes.len;
    }
}

/* What the client keeps goes with its task. */
static enum fg_status bring_kept(struct seat *s, const struct fg_task *task)
{
    struct fg_kept *kept = s->owner->kept;
    s->reset = 0;
    if (kept == NULL || task->kind != FG_TASK_TRAIN) {
        return FG_OK;
    }
    enum fg_status st = fg_kept_begin(kept, task->client, task->kept, s->ws.kept, &s->reset);
    return st == FG_OK ? FG_OK : fg_fail(&s->err, st, "out of memory for what a client keeps");
}

/* How long a step takes when time is compressed: transfers included, as a client of the fleet. */
static enum fg_status pace(struct fg_worker_env_state *w, struct fg_job *job, struct fg_err *err)
{
    uint32_t client = job->task.client, steps = job->task.steps;
    if (!w->cfg.drive.on || !w->cfg.drive.pace || job->task.kind != FG_TASK_TRAIN || steps == 0) {
        return FG_OK;
    }
    if (w->pace == NULL || client >= fg_fleet_clients(w->pace)) {
        struct fg_fleet_spec spec = fg_setup_fleet_spec(&w->cfg, 2 * client + 1, 0);
        fg_fleet_destroy(w->pace);
        w->pace = NULL;
        enum fg_status st = fg_fleet_create(&w->pace, &spec, NULL, NULL, 0, err);
        if (st != FG_OK) {
            return st;
        }
    }
    struct fg_local_opts local = fg_setup_local(&w->cfg);
    uint32_t per_epoch = fg_local_steps(job->n, local.batch, 1, 0);
    uint64_t down = w->P * sizeof(float), up = w->codec->expected(&w->coding, w->P);
    fg_time_t whole = fg_world_duration(w->pace, client, down, steps, (double)job->n / per_epoch, up);
    job->step_us = fg_from_seconds(fg_seconds(whole) / steps * w->cfg.drive.hour_s / 3600.0);
    return FG_OK;
}

static void report(struct seat *s, struct fg_job *job, struct fg_session_answer *a)
{
    bool train = job->task.kind == FG_TASK_TRAIN;
    uint64_t kept = 0;
    if (job->status == FG_E_INTERRUPTED && s->owner->on_stop == HAND_UPDATE && s->state.steps > 0) {
        job->status = close_early(s, job);
    }
    if (job->status == FG_E_INTERRUPTED) {
        report_stopped(s, a);
    }
    if (job->status == FG_OK && train && s->owner->kept != NULL) {
        job->status = fg_kept_end(s->owner->kept, job->task.client, s->ws.kept, &kept);
    }
    a->st = job->status;
    a->text = s->err.text[0] != '\0' ? s->err.text : NULL;
    a->result = (struct fg_result){.id = job->task.id,
                                   .client = job->task.client,
                                   .steps = job->steps,
                                   .samples = job->samples,
                                   .correct = job->correct,
                                   .scored = job->scored,
                                   .loss = job->loss,
                                   .wire_bytes = !train                   ? 0
                                                 : s->owner->sums != NULL ? s->owner->P * sizeof(float)
                                                                          : s->len,
                                   .seen = train ? s->seen : FG_SEEN_NOT,
                                   .kept = kept,
                                   .reset = s->reset};
    a->codec = train && s->owner->sums != NULL ? (uint32_t)FG_MSG_STAYS : s->owner->codec->id;
    a->bytes = train ? s->bytes : NULL;
    a->len = train ? s->len : 0;
}

/* A share of the server's evaluation: what comes as a shard lists samples of the data set, which is here. */
static enum fg_status score(struct seat *s, const struct fg_session_job *j, struct fg_session_answer *a,
                            atomic_int *stop)
{
    const struct fg_worker_env_state *w = s->owner;
    const uint32_t *index = (const uint32_t *)(const void *)j->shard.data; /* aligned for any type */
    size_t n = j->task.steps, i = 0;
    struct fg_score sum;
    bool fits = w->setup != NULL && index != NULL && j->shard.len == n * sizeof *index;
    while (fits && i < n && index[i] < w->setup->data->n) {
        i++;
    }
    a->text = s->err.text;
    if (!fits || i < n) {
        return fg_fail(&s->err, FG_E_INPUT, "a list of samples that do not exist here");
    }
    enum fg_status st = s->cap_scores < n ? fg_realloc(&s->scores, 2 * n, sizeof *s->scores) : FG_OK;
    if (st != FG_OK) {
        return fg_fail(&s->err, st, "out of memory for %zu scores", n);
    }
    s->cap_scores = s->cap_scores < n ? n : s->cap_scores;
    struct fg_sample_scores each = {.loss = s->scores, .correct = (uint32_t *)(void *)(s->scores + n)};
    a->result = (struct fg_result){.id = j->task.id, .samples = (uint32_t)n};
    a->codec = FG_MSG_NO_CODEC;
    a->bytes = (const uint8_t *)s->scores;
    a->len = n * (sizeof(double) + sizeof *index);
    return fg_trainer_evaluate(w->trainer, j->params, w->setup->data, index, n, &each, &sum, stop, &s->err);
}

static void run(void *arg, const struct fg_session_job *jobs, size_t n, struct fg_session_answer *answers,
                atomic_int *stop)
{
    struct fg_worker_env_state *w = arg;
    struct fg_err err;
    size_t ready = 0;
    FG_ASSERT(n <= w->n_seats);
    for (size_t i = 0; i < n; i++) {
        struct seat *s = &w->seat[i];
        struct fg_job *job = &w->job[ready];
        s->err.text[0] = '\0';
        answers[i].id = jobs[i].task.id;
        if (jobs[i].task.kind == FG_TASK_SCORE) {
            answers[i].st = score(s, &jobs[i], &answers[i], stop);
            continue;
        }
        s->len = 0;
        s->seen = FG_SEEN_NOT;
        *job = (struct fg_job){.task = jobs[i].task,
                               .params = jobs[i].params,
                               .delta = s->delta,
                               .state = &s->state,
                               .finish_arg = s};
        job->finish = jobs[i].task.kind == FG_TASK_TRAIN ? encode : NULL;
        job->status = FG_E_INTERRUPTED;
        answers[i].st = find_data(s, &jobs[i], job);
        go_on_from(s, &jobs[i], job);
        if (answers[i].st == FG_OK) {
            answers[i].st = bring_kept(s, &jobs[i].task);
        }
        if (answers[i].st == FG_OK) {
            answers[i].st = pace(w, job, &s->err);
        }
        answers[i].text = s->err.text;
        ready += answers[i].st == FG_OK;
    }
    enum fg_status st = ready > 0 ? fg_trainer_run(w->trainer, w->job, ready, stop, &err) : FG_OK;
    if (st != FG_OK && st != FG_E_INTERRUPTED) {
        fg_log_write(FG_LOG_WARN, "a task failed: %s", err.text);
    }
    for (size_t i = 0, k = 0; i < n; i++) {
        if (answers[i].st == FG_OK && jobs[i].task.kind != FG_TASK_SCORE) {
            report(&w->seat[i], &w->job[k++], &answers[i]);
        }
        if (st == FG_E_IO && answers[i].st == FG_E_IO) {
            answers[i].st = FG_E_LOST; /* the device does nothing any more: not the task's fault */
            w->seat[i].err = err;
            answers[i].text = w->seat[i].err.text;
        }
        clear_seat(&w->seat[i]);
    }
}

/* ---- updates that stay here ---- */

static void add(void *arg, uint64_t sum, uint64_t id, double weight)
{
    fg_worker_sums_add(((struct fg_worker_env_state *)arg)->sums, sum, id, weight);
}

static struct fg_view sum_of(void *arg, uint64_t sum)
{
    return fg_worker_sums_pack(((struct fg_worker_env_state *)arg)->sums, sum);
}

static void forget(void *arg, uint64_t floor)
{
    fg_worker_sums_forget(((struct fg_worker_env_state *)arg)->sums, floor);
}

/* ---- life ---- */

enum fg_status fg_worker_env_create(struct fg_worker_env_state **out, struct fg_worker_env *env)
{
    struct fg_worker_env_state *w = fg_calloc(1, sizeof *w);
    if (w == NULL) {
        return FG_E_NOMEM;
    }
    *out = w;
    *env = (struct fg_worker_env){.arg = w,
                                  .configure = configure,
                                  .run = run,
                                  .find_shard = find_shard,
                                  .keep_shard = keep_shard,
                                  .add = add,
                                  .sum = sum_of,
                                  .forget = forget};
    return FG_OK;
}

void fg_worker_env_destroy(struct fg_worker_env_state *w)
{
    if (w == NULL) {
        return;
    }
    fg_notice_stop(w->notice);
    fg_trainer_destroy(w->trainer);
    fg_fleet_destroy(w->pace);
    for (size_t i = 0; i < w->n_seats; i++) {
        clear_seat(&w->seat[i]);
        fg_str_fini(&w->seat[i].state_bytes);
        fg_free(w->seat[i].scores);
        fg_free(w->seat[i].ws.kept);
        fg_codec_ws_fini(&w->seat[i].ws);
        fg_free(w->seat[i].delta);
        fg_free(w->seat[i].bytes);
    }
    fg_kept_destroy(w->kept);
    fg_worker_sums_destroy(w->sums);
    fg_shard_cache_close(w->shards);
    fg_str_fini(&w->shard);
    fg_setup_coding_fini(&w->coding);
    fg_free(w->seat);
    fg_free(w->job);
    fg_model_destroy(w->model);
    fg_setup_destroy(w->setup);
    if (w->have_cfg) {
        fg_config_fini(&w->cfg);
    }
    fg_free(w);
}
