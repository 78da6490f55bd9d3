#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/deploy/worker_env_internal.h"
#include "src/worker/through.h"

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
    struct fg_setup_hands hands = {0};
    w->P = fg_model_params(model);
    w->codec = fg_codec_find(w->cfg.wire.codec);
    if (w->codec == NULL) {
        st = fg_fail(err, FG_E_CONFIG, "wire.codec: this worker has no codec '%s'", w->cfg.wire.codec);
        goto cleanup;
    }
    FG_TRY(
        fg_setup_trainer(&w->trainer, &hands, &w->cfg, model, &local, movable ? NULL : w->setup->data, err));
    st = fg_setup_coding(&w->coding, &w->cfg, model);
    w->bound = st == FG_OK ? w->codec->bound(&w->coding, w->P) : 0;
    st = st == FG_OK && work->sums ? fg_worker_sums_create(&w->sums, w->P) : st;
    w->codes = w->sums == NULL && fg_codec_coded(&w->levels, w->codec, &w->coding, w->P);
    if (st != FG_OK || make_seats(w, hands.cohort) != FG_OK) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory for %u updates", hands.cohort);
        goto cleanup;
    }
    bool real = w->cfg.run.clock == FG_OPT_CLOCK_REAL,
         ignored = w->cfg.workers.on_loss == FG_OPT_ON_LOSS_IGNORE;
    bool hand_back = w->cfg.train.on_leave == FG_OPT_ON_LEAVE_HAND_BACK;
    w->on_stop = ignored || (real && hand_back) ? HAND_UPDATE : real ? HAND_NOTHING : HAND_STATE;
    FG_TRY(look_for_notice(w, err));
    open_cache(w, movable);
    *out = (struct fg_worker_ready){.params = w->P,
                                    .cohort = hands.cohort,
                                    .cores = hands.cores,
                                    .keeps_shards = w->shards != NULL,
                                    .coding = &w->coding,
                                    .cache_bytes = (size_t)w->cfg.worker.cache_mb << 20,
                                    .grace_us = fg_from_seconds(w->cfg.workers.grace_s)};
cleanup:
    return st;
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
                                  .run = worker_env_run,
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
        worker_env_clear(&w->seat[i]);
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
