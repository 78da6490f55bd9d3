#include "tests/lib/pretend.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/worker/trainer.h"
#include "tests/lib/test.h"

/* ---- answers ---- */

/* The answer to a share of an evaluation: losses, then how much was right. */
static void score(struct pretend *w, const struct fg_session_job *j, struct fg_session_answer *a,
                  uint8_t *bytes)
{
    uint32_t n = j->task.steps;
    assert_int_equal(j->shard.len, 4 * n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t sample, correct;
        memcpy(&sample, j->shard.data + 4 * (size_t)i, sizeof sample);
        double loss = pretend_score(j->params, sample, &correct);
        memcpy(bytes + 8 * (size_t)i, &loss, sizeof loss);
        memcpy(bytes + 8 * (size_t)n + 4 * (size_t)i, &correct, sizeof correct);
    }
    a->codec = FG_MSG_NO_CODEC;
    a->bytes = bytes;
    a->len = 12 * (size_t)n;
    w->scored++;
}

/* Where a task stands after `steps` steps: pretended parameters that only this task has then. */
static void state_after(struct fg_train_state *s, float params[PRETEND_P], const struct fg_task *t,
                        uint32_t steps)
{
    for (uint32_t i = 0; i < PRETEND_P; i++) {
        params[i] = (float)(t->id * 100 + steps) + (float)i * 0.5f;
    }
    *s = (struct fg_train_state){.shard = t->shard,
                                 .number = t->number,
                                 .steps = steps,
                                 .seen = steps,
                                 .n = PRETEND_P,
                                 .params = params};
}

/* ---- pretended workers: one core each, advanced at random ---- */

static void step(struct pretend *w, uint32_t i, const struct fg_session_event *ev);

/* The sum is wanted. */
static void tell_sum(struct pretend *w, uint32_t i, uint64_t sum)
{
    struct fg_view bytes = fg_worker_sums_pack(w->w[i].sums, sum);
    bool bad = w->bad == PRETEND_BAD_SUM && (i == 2 || w->everyone_is_bad);
    w->summed++;
    step(w, i,
         &(struct fg_session_event){
             .kind = FG_SESSION_SUMMED, .sum = sum, .frame = bytes.data, .len = bytes.len / (bad ? 2 : 1)});
}

static void damage(struct pretend *w, uint32_t i, uint8_t *frame, size_t len)
{
    struct fg_msg_values v = fg_msg_values(frame, len);
    bool bad = w->bad == PRETEND_DAMAGED && (i == 2 || w->everyone_is_bad);
    if (bad && v.size > 0 && fg_rng_below(&w->rng, 2) == 0) {
        size_t from = FG_FRAME_HEADER_BYTES + v.at;
        frame[from + fg_rng_below(&w->rng, (uint32_t)(len - from))] ^=
            (uint8_t)(1u << fg_rng_below(&w->rng, 8));
        w->damaged++;
    }
}

static void act(struct pretend *w, uint32_t i)
{
    struct pretend_worker *p = &w->w[i];
    struct fg_transport *t = fg_loop_end(w->loop, i);
    uint64_t wanted = 0;
    for (size_t k = 0; k < p->acts.n; k++) {
        struct fg_session_action *a = &p->acts.a[k];
        if (a->kind == FG_SESSION_SEND) {
            uint8_t *frame = a->frame;
            a->frame = NULL;
            damage(w, i, frame, a->len);
            (void)t->ops->post(t, 0, frame, a->len);
        } else if (a->kind == FG_SESSION_CONFIGURE) {
            p->configure = p->welcome = true;
            assert_true(a->sums == w->updates_stay);
            assert_true(!a->sums || fg_worker_sums_create(&p->sums, PRETEND_P) == FG_OK);
        } else if (a->kind == FG_SESSION_RUN) {
            p->jobs = a->jobs;
            p->n_jobs = a->n;
        } else if (a->kind == FG_SESSION_HALT) {
            p->halted = true;
        } else if (a->kind == FG_SESSION_ADD) {
            fg_worker_sums_add(p->sums, a->sum, a->id, a->weight);
        } else if (a->kind == FG_SESSION_SUM) {
            wanted = a->sum;
        } else if (a->kind == FG_SESSION_FORGET) {
            fg_worker_sums_forget(p->sums, a->floor);
        } else {
            fg_loop_kill(w->loop, i);
            p->dead = true;
        }
    }
    const char *broken = fg_session_check(p->s);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
    if (wanted != 0) {
        tell_sum(w, i, wanted);
    }
}

static void step(struct pretend *w, uint32_t i, const struct fg_session_event *ev)
{
    assert_int_equal(fg_session_step(w->w[i].s, ev, &w->w[i].acts), FG_OK);
    act(w, i);
}

/* The state that came with a job is one that was handed back for it. */
static void check_resume(struct pretend *w, const struct fg_session_job *j)
{
    struct fg_train_state got, want;
    struct fg_err err;
    float params[PRETEND_P];
    if (j->resume.len == 0) {
        return;
    }
    assert_int_equal(fg_train_state_decode(&got, j->resume.data, j->resume.len, PRETEND_P, &err), FG_OK);
    state_after(&want, params, &j->task, got.steps);
    assert_int_equal(got.shard, want.shard);
    assert_int_equal(got.number, want.number);
    assert_in_range(got.steps, 1, j->task.steps - 1);
    assert_memory_equal(got.params, want.params, sizeof params);
    fg_train_state_fini(&got);
    w->resumed++;
}

/* Stopped by a notice: some have not begun, some hand back where they stand. */
static void hand_back(struct pretend *w, const struct fg_session_job *j, struct fg_session_answer *a,
                      struct fg_str *bytes)
{
    struct fg_train_state s;
    float params[PRETEND_P];
    uint32_t steps = fg_rng_below(&w->rng, j->task.steps);
    a->st = FG_E_INTERRUPTED;
    if (j->task.kind == FG_TASK_TRAIN && steps > 0) {
        state_after(&s, params, &j->task, steps);
        bytes->len = 0;
        assert_int_equal(fg_train_state_encode(&s, bytes), FG_OK);
        a->state = (const uint8_t *)bytes->data;
        a->state_len = bytes->len;
        w->handed++;
    }
}

/* The update does not go up. */
static void keep(struct pretend_worker *p, const struct fg_task *t, const float delta[PRETEND_P],
                 uint8_t *bytes, struct fg_session_answer *a)
{
    float *own = fg_calloc_aligned(PRETEND_P, sizeof *own), largest;
    assert_non_null(own);
    memcpy(own, delta, PRETEND_P * sizeof *own);
    assert_int_equal(fg_worker_sums_keep(p->sums, t->id, t->version, &own, &largest), FG_OK);
    memcpy(bytes, &largest, sizeof largest);
    a->codec = FG_MSG_STAYS;
    a->bytes = bytes;
    a->len = sizeof largest;
    fg_free(own);
}

/* What an answer points to. */
struct buffers {
    uint8_t update[1024], scores[12 * 1024];
    struct fg_str state;
};

/* What a bad worker does to an update. */
static void spoil(struct pretend *w, uint32_t i, const struct fg_task *t, float *delta,
                  struct fg_session_answer *a)
{
    if (w->bad == PRETEND_NOT_FINITE) {
        delta[t->client % PRETEND_P] = NAN;
        a->result.seen = w->lies ? FG_SEEN_FINITE : FG_SEEN_NOT_FINITE;
    } else if (w->bad == PRETEND_WRONG_CLIENT) {
        a->result.client++;
    } else if (w->bad == PRETEND_JUNK) {
        uint8_t *junk = fg_calloc(60, 1);
        (void)fg_loop_end(w->loop, i)->ops->post(fg_loop_end(w->loop, i), 0, junk, 60);
    }
}

static void encode(struct pretend *w, uint32_t i, const struct fg_task *t, const float *delta,
                   struct buffers *b, struct fg_session_answer *a)
{
    const struct fg_codec *codec = w->int8 ? &fg_codec_int8 : i % 2 ? &fg_codec_zstd : &fg_codec_none;
    a->codec = codec->id;
    a->bytes = b->update;
    w->ws.shard = t->shard;
    w->ws.number = t->number;
    assert_int_equal(codec->encode(&w->ws, b->update, sizeof b->update, &a->len, delta, PRETEND_P), FG_OK);
}

static void refuse(struct pretend *w, struct fg_session_answer *a)
{
    a->st = FG_E_NOMEM;
    w->refused++;
}

/* What worker i says of a task. */
static void answer(struct pretend *w, uint32_t i, const struct fg_session_job *j, struct buffers *b,
                   struct fg_session_answer *a)
{
    struct pretend_worker *p = &w->w[i];
    uint8_t in_place[PRETEND_SHARD_LEN];
    float delta[PRETEND_P];
    bool trains = j->task.kind == FG_TASK_TRAIN;
    if (j->task.kind == FG_TASK_SCORE && !p->halted) {
        score(w, j, a, b->scores);
        if (w->refuse_in_1000 > 0 && fg_rng_below(&w->rng, 1000) < w->refuse_in_1000) {
            refuse(w, a);
        }
        return;
    }
    pretend_shard(in_place, pretend_shard_of(j->task.client));
    assert_int_equal(j->shard.data != NULL, w->movable || j->task.kind == FG_TASK_SCORE);
    check_resume(w, j);
    if (p->halted && (!w->ignore || !trains || fg_rng_below(&w->rng, 2) == 0)) {
        hand_back(w, j, a, &b->state);
        return;
    }
    pretend_compute(&a->result, delta, &j->task, j->params, w->movable ? j->shard.data : in_place);
    if (p->halted) { /* the steps it has done, as an update */
        a->result.steps = 1 + fg_rng_below(&w->rng, j->task.steps - 1);
        w->partial++;
    }
    if (fg_rng_below(&w->rng, 1000) < w->refuse_in_1000) {
        refuse(w, a);
    }
    bool bad = w->bad != PRETEND_GOOD && (i == 2 || w->everyone_is_bad) && trains;
    if (bad) {
        spoil(w, i, &j->task, delta, a);
    }
    if (trains && p->sums != NULL) {
        keep(p, &j->task, delta, b->update, a);
    } else if (trains) {
        encode(w, i, &j->task, delta, b, a);
        a->len -= bad && w->bad == PRETEND_UNDECODABLE;
    }
}

static void finish(struct pretend *w, uint32_t i)
{
    struct pretend_worker *p = &w->w[i];
    struct fg_session_answer answers[8];
    static struct buffers buffers[8];
    size_t n = p->n_jobs;
    for (size_t k = 0; k < n; k++) {
        buffers[k].state = (struct fg_str){0};
        answers[k] = (struct fg_session_answer){.id = p->jobs[k].task.id};
        answer(w, i, &p->jobs[k], &buffers[k], &answers[k]);
    }
    p->n_jobs = 0;
    step(w, i, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
    for (size_t k = 0; k < n; k++) {
        fg_str_fini(&buffers[k].state);
    }
}

/* One worker does one thing. */
static void turn(struct pretend *w, uint32_t i)
{
    struct pretend_worker *p = &w->w[i];
    struct fg_transport *t = fg_loop_end(w->loop, i);
    struct fg_net_event ev;
    if (p->asleep > 0) {
        p->asleep--;
        return;
    }
    if (p->configure) {
        p->configure = false;
        step(w, i,
             &(struct fg_session_event){.kind = FG_SESSION_READY,
                                        .st = w->cannot_configure ? FG_E_MISSING : FG_OK,
                                        .text = "no data on this machine",
                                        .params = PRETEND_P,
                                        .cohort = w->cohort > 0 ? w->cohort : 1 + i % 3,
                                        .cores = i % 2 == 0,
                                        .cache_bytes = 3 * PRETEND_SHARD_LEN});
    } else if (p->n_jobs > 0 && fg_rng_below(&w->rng, 2) == 0) {
        finish(w, i);
    } else {
        assert_int_equal(t->ops->poll(t, &ev, 0), FG_OK);
        if (ev.kind == FG_NET_FRAME) {
            step(w, i,
                 &(struct fg_session_event){.kind = FG_SESSION_FRAME, .frame = ev.frame, .len = ev.len});
            fg_free(ev.frame);
        }
    }
}

void pretend_pass(void *ctx)
{
    struct pretend *w = ctx;
    uint32_t i = 1 + fg_rng_below(&w->rng, fg_loop_up(w->loop) - 1);
    w->now += 10000;
    atomic_fetch_add(&w->passed, 1);
    if (w->w[i].dead) {
        return;
    }
    if (i > w->spare && fg_rng_below(&w->rng, 1000) < w->kill_in_1000) {
        fg_loop_kill(w->loop, i);
        w->w[i].dead = true;
        w->killed++;
        return;
    }
    if (w->all_late && w->w[i].welcome && w->w[i].n_jobs > 0 && w->w[i].asleep == 0) {
        w->w[i].asleep = 400 + fg_rng_below(&w->rng, 400);
        w->all_late = false;
    }
    if (w->notice_in_1000 > 0 && i > w->spare && w->w[i].welcome && !w->w[i].halted &&
        fg_rng_below(&w->rng, 1000) < w->notice_in_1000) {
        step(w, i, &(struct fg_session_event){.kind = FG_SESSION_LEAVE});
        return;
    }
    if (w->w[i].welcome && fg_rng_below(&w->rng, 1000) < w->hang_in_1000) {
        w->w[i].asleep = 400;
        w->hung++;
    }
    turn(w, i);
}

static fg_time_t now(void *arg)
{
    return ((struct pretend *)arg)->now;
}

static enum fg_status shard_name(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err)
{
    (void)arg;
    (void)err;
    uint8_t bytes[PRETEND_SHARD_LEN];
    pretend_shard(bytes, pretend_shard_of(task->client));
    return fg_sha256(hash, bytes, sizeof bytes);
}

static bool shard_bytes(void *arg, const uint8_t hash[32], struct fg_view *out)
{
    (void)arg;
    static uint8_t bytes[PRETEND_SHARD_LEN];
    for (uint32_t k = 0; k < PRETEND_SHARDS; k++) {
        uint8_t h[32];
        pretend_shard(bytes, k);
        assert_int_equal(fg_sha256(h, bytes, sizeof bytes), FG_OK);
        if (memcmp(h, hash, 32) == 0) {
            *out = (struct fg_view){.data = bytes, .len = sizeof bytes};
            return true;
        }
    }
    return false;
}

/* ---- the world and the runs ---- */

struct pretend *pretend_create(uint64_t seed, uint32_t n, bool movable)
{
    struct pretend *w = fg_calloc(1, sizeof *w);
    assert_non_null(w);
    fg_rng_init(&w->rng, seed, FG_RNG_TEST, 0, 0);
    w->n = n;
    w->movable = movable;
    w->loop = fg_loop_create(n + 1);
    assert_non_null(w->loop);
    fg_loop_on_idle(w->loop, pretend_pass, w);
    for (uint32_t i = 1; i <= n; i++) {
        struct fg_session_self self = {.version = "1", .host = "h", .isa = "x", .pid = i};
        assert_int_equal(fg_session_create(&w->w[i].s, &self), FG_OK);
    }
    return w;
}

static void world_destroy(struct pretend *w)
{
    for (uint32_t i = 1; i <= w->n; i++) {
        fg_session_actions_fini(&w->w[i].acts);
        fg_session_destroy(w->w[i].s);
        fg_worker_sums_destroy(w->w[i].sums);
    }
    fg_codec_ws_fini(&w->ws);
    fg_loop_destroy(w->loop);
    fg_free(w);
}

struct fg_executor *pretend_executor(struct pretend *w, struct fg_executor *local)
{
    struct fg_executor *ex = NULL;
    struct fg_executor_remote_opts opts = {.transport = fg_loop_end(w->loop, 0),
                                           .params = PRETEND_P,
                                           .config = "[run]\n",
                                           .version = w->version,
                                           .run_id = 99,
                                           .shard_of = w->movable ? shard_name : NULL,
                                           .shard_bytes = w->movable ? shard_bytes : NULL,
                                           .arg = w,
                                           .ignore_losses = w->ignore,
                                           .late_counts = w->late_counts,
                                           .partial = w->ignore,
                                           .max_bytes = w->max_bytes,
                                           .local = local,
                                           .local_cohort = 2,
                                           .beside = w->beside,
                                           .updates_stay = w->updates_stay,
                                           .judge_late = w->judge_late,
                                           .stop = &w->stop,
                                           .now = now,
                                           .heartbeat_us = FG_SECOND / 10,
                                           .patience_us = w->patience > 0 ? w->patience : FG_SECOND,
                                           .respawn = w->respawn};
    assert_int_equal(fg_executor_remote_create(&ex, &opts, NULL), FG_OK);
    return ex;
}

void pretend_rounds(struct pretend *w, struct fg_executor *ex, unsigned rounds)
{
    enum { COHORT = 12 };
    struct fg_task task[COHORT];
    struct fg_result res;
    struct fg_err err;
    uint64_t id = 1;
    for (uint64_t v = 1; v <= rounds; v++) {
        float x[PRETEND_P];
        pretend_params(x, v);
        assert_int_equal(ex->ops->publish(ex, v, x, &err), FG_OK);
        for (uint32_t i = 0; i < COHORT; i++) {
            task[i] = (struct fg_task){.id = id++,
                                       .version = v,
                                       .kind = 1 + fg_rng_below(&w->rng, 2),
                                       .client = fg_rng_below(&w->rng, 40),
                                       .number = (uint32_t)v,
                                       .steps = 5,
                                       .lr = 0.1f};
        }
        struct fg_task first = task[0]; /* a cohort is handed in in any order */
        task[0] = task[COHORT - 1];
        task[COHORT - 1] = first;
        assert_int_equal(ex->ops->submit(ex, task, COHORT, &err), FG_OK);
        for (uint32_t i = 0; i < COHORT; i++) {
            uint32_t k = (i * 5 + (uint32_t)v) % COHORT; /* 5 and 12 have no common factor */
            if (fg_rng_below(&w->rng, 10) > 0) {
                enum fg_status st = ex->ops->collect(ex, task[k].id, &res, &err);
                if (st != FG_OK) {
                    fail_msg("%s", err.text);
                }
                pretend_check(&res, &task[k]);
            }
            ex->ops->release(ex, task[k].id);
        }
    }
}

void pretend_end(struct pretend *w, struct fg_executor *ex)
{
    ex->ops->destroy(ex);
    for (int i = 0; i < 200 * (int)w->n; i++) { /* everyone alive hears STOP and quits */
        uint32_t k = 1 + (uint32_t)i % w->n;
        if (!w->w[k].dead) {
            w->w[k].asleep = 0;
            turn(w, k);
        }
    }
    for (uint32_t k = 1; k <= w->n; k++) {
        assert_true(w->w[k].dead);
    }
    world_destroy(w);
}
