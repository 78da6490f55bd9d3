/* What the pretended workers compute, the shards they compute it on, and an executor that nothing
 * disturbs. */
#include "tests/lib/test.h"

#include "tests/lib/chaos.h"

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/worker/trainer.h"

void chaos_steps(float *x, const struct fg_task *t, uint32_t from, uint32_t to)
{
    for (uint32_t k = from; k < to; k++) {
        for (uint32_t i = 0; i < CHAOS_P; i++) {
            uint32_t pull = (t->client * 31 + t->number * 17 + k * 7 + i * 3) % 64;
            x[i] = x[i] * 0.96875f + (float)pull * 0.013f * t->lr;
        }
    }
}

void chaos_compute(struct fg_result *out, float *delta, const struct fg_task *t, const float *params)
{
    float x[CHAOS_P];
    memcpy(x, params, sizeof x);
    chaos_steps(x, t, 0, t->steps);
    for (uint32_t i = 0; i < CHAOS_P; i++) {
        delta[i] = params[i] - x[i];
    }
    *out = (struct fg_result){.id = t->id, .client = t->client, .steps = t->steps, .samples = 10 + t->number};
    out->loss = (double)params[0] + (double)t->client / 7.0;
    out->scored = t->kind == FG_TASK_EVALUATE ? 100 : 0;
}

/* ---- shards ---- */

static uint8_t shard[CHAOS_SHARDS][CHAOS_SHARD_LEN];
static uint8_t name[CHAOS_SHARDS][32];

static void make_shards(void)
{
    for (int k = 0; k < CHAOS_SHARDS && shard[0][0] == 0; k++) {
        memset(shard[CHAOS_SHARDS - 1 - k], CHAOS_SHARDS - k, CHAOS_SHARD_LEN);
        assert_int_equal(fg_sha256(name[CHAOS_SHARDS - 1 - k], shard[CHAOS_SHARDS - 1 - k], CHAOS_SHARD_LEN),
                         FG_OK);
    }
}

enum fg_status chaos_shard_of(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err)
{
    (void)arg;
    (void)err;
    make_shards();
    memcpy(hash, name[task->client % CHAOS_SHARDS], 32);
    return FG_OK;
}

bool chaos_shard_bytes(void *arg, const uint8_t hash[32], struct fg_view *out)
{
    (void)arg;
    make_shards();
    for (int k = 0; k < CHAOS_SHARDS; k++) {
        if (memcmp(name[k], hash, 32) == 0) {
            *out = (struct fg_view){.data = shard[k], .len = CHAOS_SHARD_LEN};
            return true;
        }
    }
    return false;
}

/* ---- answers ---- */

static void check_shard(const struct chaos *c, const struct fg_session_job *j)
{
    uint8_t hash[32];
    struct fg_view want;
    assert_int_equal(j->shard.data != NULL, c->o.movable);
    if (c->o.movable) {
        assert_int_equal(chaos_shard_of(NULL, &j->task, hash, NULL), FG_OK);
        assert_true(chaos_shard_bytes(NULL, hash, &want));
        assert_int_equal(j->shard.len, want.len);
        assert_memory_equal(j->shard.data, want.data, want.len);
    }
}

/* Where a task was stopped before. */
static uint32_t resumed_at(struct chaos *c, const struct fg_session_job *j)
{
    struct fg_train_state s = {0};
    struct fg_err err = {{0}};
    float x[CHAOS_P];
    if (j->resume.len == 0) {
        return 0;
    }
    if (fg_train_state_decode(&s, j->resume.data, j->resume.len, CHAOS_P, &err) != FG_OK) {
        fail_msg("a state that was handed back: %s", err.text);
    }
    memcpy(x, j->params, sizeof x);
    chaos_steps(x, &j->task, 0, s.steps);
    assert_memory_equal(s.params, x, sizeof x);
    uint32_t steps = s.steps;
    fg_train_state_fini(&s);
    c->continued++;
    return steps;
}

/* Where it is stopped now: nowhere before its first step. */
static void hand_back(struct chaos *c, const struct fg_session_job *j, uint32_t steps,
                      struct fg_session_answer *a, struct fg_str *bytes)
{
    float x[CHAOS_P];
    memcpy(x, j->params, sizeof x);
    chaos_steps(x, &j->task, 0, steps);
    struct fg_train_state s = {
        .shard = j->task.shard, .number = j->task.number, .steps = steps, .n = CHAOS_P, .params = x};
    a->st = FG_E_INTERRUPTED;
    if (steps > 0) {
        assert_int_equal(fg_train_state_encode(&s, bytes), FG_OK);
        a->state = (const uint8_t *)bytes->data;
        a->state_len = bytes->len;
        c->handed_back++;
    }
}

/* Through top-k, with what the client kept; returns how long the bytes are. */
static size_t through_topk(struct fg_codec_ws *ws, struct fg_kept *kept, const struct fg_task *t,
                           const float *delta, uint8_t bytes[256], struct fg_result *out)
{
    float state[CHAOS_P];
    size_t len;
    ws->opts.density = 0.4;
    ws->kept = state;
    assert_int_equal(fg_kept_begin(kept, t->client, t->kept, state, &out->reset), FG_OK);
    assert_int_equal(fg_codec_topk.encode(ws, bytes, 256, &len, delta, CHAOS_P), FG_OK);
    assert_int_equal(fg_kept_end(kept, t->client, state, &out->kept), FG_OK);
    ws->kept = NULL;
    return len;
}

static void encode(struct chaos *c, const float *delta, struct fg_session_answer *a, uint8_t bytes[256])
{
    const struct fg_codec *codec = c->o.seed % 2 ? &fg_codec_zstd : &fg_codec_none;
    a->codec = codec->id;
    a->bytes = bytes;
    assert_int_equal(codec->encode(&c->ws, bytes, 256, &a->len, delta, CHAOS_P), FG_OK);
}

void chaos_answer(struct chaos *c, struct fg_kept *kept, const struct fg_session_job *j, uint32_t done,
                  bool halted, struct fg_session_answer *a, struct chaos_bytes *bytes)
{
    uint32_t steps = resumed_at(c, j) + done;
    bool train = j->task.kind == FG_TASK_TRAIN;
    float delta[CHAOS_P];
    check_shard(c, j);
    *a = (struct fg_session_answer){.id = j->task.id};
    struct fg_task task = j->task;
    if (halted && train && c->o.partial && steps > 0 && steps < task.steps) {
        task.steps = steps;
    }
    chaos_compute(&a->result, delta, &task, j->params);
    if (halted && (steps < task.steps || !train)) {
        hand_back(c, j, train ? steps : 0, a, &bytes->state);
    } else if (fg_rng_below(&c->rng, 10000) < c->o.refused) {
        a->st = FG_E_NOMEM;
    } else if (train && kept != NULL) {
        a->codec = fg_codec_topk.id;
        a->bytes = bytes->update;
        a->len = through_topk(&c->ws, kept, &j->task, delta, bytes->update, &a->result);
    } else if (train) {
        encode(c, delta, a, bytes->update);
    }
}

/* ---- undisturbed ---- */

enum { MOST = 64 };

struct undisturbed {
    struct fg_executor base;
    uint64_t version; /* published last */
    float params[CHAOS_P], delta[CHAOS_P];
    struct fg_task task[MOST];
    float from[MOST][CHAOS_P]; /* what each starts from */
    size_t n;
    struct fg_kept *kept; /* or NULL */
};

static enum fg_status publish(struct fg_executor *ex, uint64_t version, const float *params,
                              struct fg_err *err)
{
    struct undisturbed *u = (struct undisturbed *)ex;
    (void)err;
    u->version = version;
    memcpy(u->params, params, sizeof u->params);
    return FG_OK;
}

static enum fg_status submit(struct fg_executor *ex, const struct fg_task *tasks, size_t n,
                             struct fg_err *err)
{
    struct undisturbed *u = (struct undisturbed *)ex;
    (void)err;
    assert_true(u->n + n <= MOST);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tasks[i].version, u->version);
        u->task[u->n] = tasks[i];
        memcpy(u->from[u->n++], u->params, sizeof u->params);
    }
    return FG_OK;
}

static enum fg_status collect(struct fg_executor *ex, uint64_t id, struct fg_result *out, struct fg_err *err)
{
    struct undisturbed *u = (struct undisturbed *)ex;
    (void)err;
    for (size_t i = 0; i < u->n; i++) {
        if (u->task[i].id == id) {
            chaos_compute(out, u->delta, &u->task[i], u->from[i]);
            out->delta = u->delta;
            if (u->kept != NULL && u->task[i].kind == FG_TASK_TRAIN) {
                struct fg_codec_ws ws = {0};
                uint8_t bytes[256];
                size_t len = through_topk(&ws, u->kept, &u->task[i], u->delta, bytes, out);
                assert_int_equal(fg_codec_topk.decode(&ws, u->delta, CHAOS_P, bytes, len), FG_OK);
                fg_codec_ws_fini(&ws);
            }
            return FG_OK;
        }
    }
    fail_msg("task %llu was not submitted", (unsigned long long)id);
    return FG_E_INTERNAL;
}

static void release(struct fg_executor *ex, uint64_t id)
{
    struct undisturbed *u = (struct undisturbed *)ex;
    for (size_t i = 0; i < u->n; i++) {
        if (u->task[i].id == id) {
            u->task[i] = u->task[--u->n];
            memcpy(u->from[i], u->from[u->n], sizeof u->from[i]);
            return;
        }
    }
}

static void destroy(struct fg_executor *ex)
{
    fg_kept_destroy(((struct undisturbed *)ex)->kept);
    fg_free(ex);
}

static const struct fg_executor_ops ops = {
    .publish = publish, .submit = submit, .collect = collect, .release = release, .destroy = destroy};

struct fg_executor *chaos_undisturbed(bool keeps)
{
    struct undisturbed *u = fg_calloc(1, sizeof *u);
    assert_non_null(u);
    if (keeps) {
        assert_int_equal(fg_kept_create(&u->kept, CHAOS_P, 0, (struct fg_kept_rows){0}), FG_OK);
    }
    u->base.ops = &ops;
    return &u->base;
}
