/* The remote executor against real worker cores over the in-process transport, with a pretended trainer: whatever
 * the number of workers, the order of events, and whoever dies, hangs or refuses, every result is the same.
 * FG_TEST_SEED and FG_TEST_ITERS choose other conversations. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/net/executor_remote.h"
#include "src/net/transport_loop.h"
#include "src/wire/codec.h"
#include "src/worker/session.h"
#include "src/worker/trainer.h"

enum { P = 33, MAX_WORKERS = 60, SHARD_LEN = 100, SHARDS = 7 };

/* ---- the pretended trainer: a pure function of task, parameters and shard ---- */

static uint32_t shard_of_client(uint32_t client)
{
    return client % SHARDS;
}

static void shard_fill(uint8_t bytes[SHARD_LEN], uint32_t k)
{
    memset(bytes, (int)(k * 17 + 3), SHARD_LEN);
}

static void compute(struct fg_result *res, float delta[P], const struct fg_task *t, const float *params,
                    const uint8_t *shard)
{
    *res = (struct fg_result){.id = t->id, .client = t->client, .steps = t->steps, .samples = t->number + 10};
    res->loss = (double)t->client / 7 + (double)params[0] + shard[SHARD_LEN - 1];
    res->scored = t->kind == FG_TASK_EVALUATE ? 100 : 0;
    for (uint32_t i = 0; i < P; i++) {
        delta[i] = params[i] * 0.25f + (float)t->client * 0.1f + (float)(t->number + shard[i]) + t->lr;
    }
}

/* Where a task stands after `steps` steps: pretended parameters that only this task has then. */
static void state_after(struct fg_train_state *s, float params[P], const struct fg_task *t, uint32_t steps)
{
    for (uint32_t i = 0; i < P; i++) {
        params[i] = (float)(t->id * 100 + steps) + (float)i * 0.5f;
    }
    *s = (struct fg_train_state){
        .client = t->client, .number = t->number, .steps = steps, .seen = steps, .n = P, .params = params};
}

/* ---- pretended workers: one core each, advanced at random ---- */

struct pretender {
    struct fg_session *s;
    struct fg_session_actions acts;
    const struct fg_session_job *jobs;
    size_t n_jobs;
    bool configure, dead, welcome, halted;
    unsigned asleep; /* turns in which it does nothing: hangs */
};

struct world {
    struct fg_rng rng;
    struct fg_loop *loop;
    uint32_t n;
    struct pretender w[MAX_WORKERS + 1];
    struct fg_codec_ws ws;
    fg_time_t now;
    uint32_t kill_in_1000, hang_in_1000, refuse_in_1000, notice_in_1000,
        spare;                                                              /* `spare` workers never die */
    enum badness { GOOD, NOT_FINITE, WRONG_CLIENT, UNDECODABLE, JUNK } bad; /* what worker 2 sends */
    bool everyone_is_bad;
    bool all_late; /* the next one that computes falls silent for longer than its patience */
    bool movable, cannot_configure, ignore, late_counts; /* workers.on_loss = ignore */
    struct fg_respawn_opts respawn;
    size_t max_bytes;
    unsigned killed, hung, refused, handed, resumed, partial;
};

static void act(struct world *w, uint32_t i)
{
    struct pretender *p = &w->w[i];
    struct fg_transport *t = fg_loop_end(w->loop, i);
    for (size_t k = 0; k < p->acts.n; k++) {
        struct fg_session_action *a = &p->acts.a[k];
        if (a->kind == FG_SESSION_SEND) {
            uint8_t *frame = a->frame;
            a->frame = NULL;
            (void)t->ops->post(t, 0, frame, a->len);
        } else if (a->kind == FG_SESSION_CONFIGURE) {
            p->configure = p->welcome = true;
        } else if (a->kind == FG_SESSION_RUN) {
            p->jobs = a->jobs;
            p->n_jobs = a->n;
        } else if (a->kind == FG_SESSION_HALT) {
            p->halted = true;
        } else {
            fg_loop_kill(w->loop, i);
            p->dead = true;
        }
    }
    const char *broken = fg_session_check(p->s);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
}

static void step(struct world *w, uint32_t i, const struct fg_session_event *ev)
{
    assert_int_equal(fg_session_step(w->w[i].s, ev, &w->w[i].acts), FG_OK);
    act(w, i);
}

/* The state that came with a job is one that was handed back for it. */
static void check_resume(struct world *w, const struct fg_session_job *j)
{
    struct fg_train_state got, want;
    struct fg_err err;
    float params[P];
    if (j->resume.len == 0) {
        return;
    }
    assert_int_equal(fg_train_state_decode(&got, j->resume.data, j->resume.len, P, &err), FG_OK);
    state_after(&want, params, &j->task, got.steps);
    assert_int_equal(got.client, want.client);
    assert_int_equal(got.number, want.number);
    assert_in_range(got.steps, 1, j->task.steps - 1);
    assert_memory_equal(got.params, want.params, sizeof params);
    fg_train_state_fini(&got);
    w->resumed++;
}

/* Stopped by a notice: some have not begun, some hand back where they stand. */
static void hand_back(struct world *w, const struct fg_session_job *j, struct fg_session_answer *a,
                      struct fg_str *bytes)
{
    struct fg_train_state s;
    float params[P];
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

static void finish(struct world *w, uint32_t i)
{
    struct pretender *p = &w->w[i];
    struct fg_session_answer answers[8];
    static uint8_t bytes[8][1024];
    struct fg_str states[8] = {{0}};
    size_t n = p->n_jobs;
    for (size_t k = 0; k < n; k++) {
        const struct fg_session_job *j = &p->jobs[k];
        uint8_t in_place[SHARD_LEN];
        float delta[P];
        shard_fill(in_place, shard_of_client(j->task.client));
        assert_int_equal(j->shard.data != NULL, w->movable);
        answers[k] = (struct fg_session_answer){.id = j->task.id};
        check_resume(w, j);
        if (p->halted && (!w->ignore || j->task.kind != FG_TASK_TRAIN || fg_rng_below(&w->rng, 2) == 0)) {
            hand_back(w, j, &answers[k], &states[k]);
            continue;
        }
        compute(&answers[k].result, delta, &j->task, j->params, w->movable ? j->shard.data : in_place);
        if (p->halted) { /* the steps it has done, as an update */
            answers[k].result.steps = 1 + fg_rng_below(&w->rng, j->task.steps - 1);
            w->partial++;
        }
        if (fg_rng_below(&w->rng, 1000) < w->refuse_in_1000) {
            answers[k].st = FG_E_NOMEM;
            w->refused++;
        }
        bool bad = w->bad != GOOD && (i == 2 || w->everyone_is_bad) && j->task.kind == FG_TASK_TRAIN;
        if (bad && w->bad == NOT_FINITE) {
            delta[j->task.client % P] = NAN;
        } else if (bad && w->bad == WRONG_CLIENT) {
            answers[k].result.client++;
        } else if (bad && w->bad == JUNK) {
            uint8_t *junk = fg_calloc(60, 1);
            (void)fg_loop_end(w->loop, i)->ops->post(fg_loop_end(w->loop, i), 0, junk, 60);
        }
        if (j->task.kind == FG_TASK_TRAIN) {
            const struct fg_codec *codec = i % 2 ? &fg_codec_zstd : &fg_codec_none;
            answers[k].codec = codec->id;
            answers[k].bytes = bytes[k];
            assert_int_equal(codec->encode(&w->ws, bytes[k], sizeof bytes[k], &answers[k].len, delta, P),
                             FG_OK);
            answers[k].len -= bad && w->bad == UNDECODABLE;
        }
    }
    p->n_jobs = 0;
    step(w, i, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
    for (size_t k = 0; k < n; k++) {
        fg_str_fini(&states[k]);
    }
}

/* One worker does one thing. */
static void turn(struct world *w, uint32_t i)
{
    struct pretender *p = &w->w[i];
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
                                        .params = P,
                                        .cohort = 1 + i % 3,
                                        .cache_bytes = 3 * SHARD_LEN});
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

static void idle(void *ctx)
{
    struct world *w = ctx;
    uint32_t i = 1 + fg_rng_below(&w->rng, fg_loop_up(w->loop) - 1);
    w->now += 10000;
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
    return ((struct world *)arg)->now;
}

static enum fg_status shard_name(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err)
{
    (void)arg;
    (void)err;
    uint8_t bytes[SHARD_LEN];
    shard_fill(bytes, shard_of_client(task->client));
    return fg_sha256(hash, bytes, sizeof bytes);
}

static bool shard_bytes(void *arg, const uint8_t hash[32], struct fg_view *out)
{
    (void)arg;
    static uint8_t bytes[SHARD_LEN];
    for (uint32_t k = 0; k < SHARDS; k++) {
        uint8_t h[32];
        shard_fill(bytes, k);
        assert_int_equal(fg_sha256(h, bytes, sizeof bytes), FG_OK);
        if (memcmp(h, hash, 32) == 0) {
            *out = (struct fg_view){.data = bytes, .len = sizeof bytes};
            return true;
        }
    }
    return false;
}

/* ---- a pretended local executor ---- */

struct here {
    struct fg_executor base;
    uint64_t version;
    float params[P];
    struct fg_result result[8];
    float delta[600][P];
    unsigned done, last;
};

static enum fg_status here_publish(struct fg_executor *ex, uint64_t version, const float *params,
                                   struct fg_err *err)
{
    struct here *h = (struct here *)ex;
    (void)err;
    h->version = version;
    memcpy(h->params, params, sizeof h->params);
    return FG_OK;
}

static enum fg_status here_submit(struct fg_executor *ex, const struct fg_task *tasks, size_t n,
                                  struct fg_err *err)
{
    struct here *h = (struct here *)ex;
    uint8_t shard[SHARD_LEN];
    (void)err;
    assert_int_equal(n, 1);
    assert_int_equal(tasks->version, h->version);
    assert_true(tasks->id > h->last);
    h->last = (unsigned)tasks->id;
    shard_fill(shard, shard_of_client(tasks->client));
    float *delta = h->delta[tasks->id % 600];
    compute(&h->result[tasks->id % 8], delta, tasks, h->params, shard);
    h->result[tasks->id % 8].delta = tasks->kind == FG_TASK_TRAIN ? delta : NULL;
    return FG_OK;
}

static enum fg_status here_collect(struct fg_executor *ex, uint64_t id, struct fg_result *out,
                                   struct fg_err *err)
{
    (void)err;
    *out = ((struct here *)ex)->result[id % 8];
    ((struct here *)ex)->done++;
    return FG_OK;
}

static void here_release(struct fg_executor *ex, uint64_t id)
{
    (void)ex;
    (void)id;
}

static void here_destroy(struct fg_executor *ex)
{
    (void)ex; /* the test looks at it afterwards */
}

static const struct fg_executor_ops here_ops = {.name = "here",
                                                .publish = here_publish,
                                                .submit = here_submit,
                                                .collect = here_collect,
                                                .release = here_release,
                                                .destroy = here_destroy};

/* ---- the world and the runs ---- */

static struct world *world_create(uint64_t seed, uint32_t n, bool movable)
{
    struct world *w = fg_calloc(1, sizeof *w);
    assert_non_null(w);
    fg_rng_init(&w->rng, seed, FG_RNG_TEST, 0, 0);
    w->n = n;
    w->movable = movable;
    w->loop = fg_loop_create(n + 1);
    assert_non_null(w->loop);
    fg_loop_on_idle(w->loop, idle, w);
    for (uint32_t i = 1; i <= n; i++) {
        struct fg_session_self self = {.version = "1", .host = "h", .isa = "x", .pid = i, .threads = i};
        assert_int_equal(fg_session_create(&w->w[i].s, &self), FG_OK);
    }
    return w;
}

static void world_destroy(struct world *w)
{
    for (uint32_t i = 1; i <= w->n; i++) {
        fg_session_actions_fini(&w->w[i].acts);
        fg_session_destroy(w->w[i].s);
    }
    fg_codec_ws_fini(&w->ws);
    fg_loop_destroy(w->loop);
    fg_free(w);
}

static struct fg_executor *executor(struct world *w, struct fg_executor *local)
{
    struct fg_executor *ex = NULL;
    struct fg_executor_remote_opts opts = {.transport = fg_loop_end(w->loop, 0),
                                           .params = P,
                                           .config = "[run]\n",
                                           .run_id = 99,
                                           .shard_of = w->movable ? shard_name : NULL,
                                           .shard_bytes = w->movable ? shard_bytes : NULL,
                                           .arg = w,
                                           .ignore_losses = w->ignore,
                                           .late_counts = w->late_counts,
                                           .partial = w->ignore,
                                           .max_bytes = w->max_bytes,
                                           .local = local,
                                           .local_width = 2,
                                           .now = now,
                                           .heartbeat_us = FG_SECOND / 10,
                                           .patience_us = FG_SECOND,
                                           .respawn = w->respawn};
    assert_int_equal(fg_executor_remote_create(&ex, &opts, NULL), FG_OK);
    return ex;
}

static void params_of(float x[P], uint64_t version)
{
    for (uint32_t i = 0; i < P; i++) {
        x[i] = (float)version + (float)i * 0.5f;
    }
}

static void assert_result(const struct fg_result *got, const struct fg_task *t)
{
    struct fg_result want;
    float x[P], delta[P];
    uint8_t shard[SHARD_LEN];
    params_of(x, t->version);
    shard_fill(shard, shard_of_client(t->client));
    compute(&want, delta, t, x, shard);
    assert_int_equal(got->id, t->id);
    assert_int_equal(got->client, want.client);
    assert_int_equal(got->steps, want.steps);
    assert_int_equal(got->samples, want.samples);
    assert_int_equal(got->scored, want.scored);
    assert_memory_equal(&got->loss, &want.loss, sizeof want.loss);
    if (t->kind == FG_TASK_TRAIN) {
        assert_memory_equal(got->delta, delta, sizeof delta);
    } else {
        assert_null(got->delta);
    }
}

/* Rounds of cohorts, two versions overlapping, some tasks released unread; every result is compared. */
static void run_rounds(struct world *w, struct fg_executor *ex, unsigned rounds)
{
    enum { COHORT = 12 };
    struct fg_task task[COHORT];
    struct fg_result res;
    struct fg_err err;
    uint64_t id = 1;
    for (uint64_t v = 1; v <= rounds; v++) {
        float x[P];
        params_of(x, v);
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
                assert_result(&res, &task[k]);
            }
            ex->ops->release(ex, task[k].id);
        }
    }
}

static void end(struct world *w, struct fg_executor *ex)
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

static void any_number_of_workers_gives_the_same_results(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 6; n++) {
        for (int movable = 0; movable < 2; movable++) {
            struct world *w = world_create(n, n, movable != 0);
            w->max_bytes =
                n % 3 == 1 ? 2 * P * sizeof(float) : 0; /* room for two results: it still goes on */
            struct fg_executor *ex = executor(w, NULL);
            run_rounds(w, ex, 6);
            struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
            assert_int_equal(stats.workers, n);
            assert_int_equal(stats.tasks_repeated, 0);
            assert_int_equal(stats.frames_refused, 0);
            end(w, ex);
        }
    }
}

static void deaths_hangs_and_refusals_change_nothing(void **state)
{
    (void)state;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(300);
    unsigned killed = 0, hung = 0, refused = 0;
    uint64_t repeated = 0, ignored = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < iters; i++) {
        struct world *w = world_create(seed + i, 2 + (uint32_t)(i % 5), i % 2 == 0);
        w->kill_in_1000 = 5;
        w->hang_in_1000 = i % 3 == 0 ? 10 : 0;
        w->refuse_in_1000 = i % 5 == 0 ? 10 : 0;
        w->spare = 1;
        struct fg_executor *ex = executor(w, NULL);
        run_rounds(w, ex, 5);
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        repeated += stats.tasks_repeated;
        ignored += stats.answers_ignored;
        killed += w->killed;
        hung += w->hung;
        refused += w->refused;
        end(w, ex);
    }
    assert_true(killed > iters && hung > 0 && refused > 0 && repeated > iters && ignored > 0);
}

/* Workers are given notice: what they had begun goes on elsewhere from there, with the same results. */
static void noticed_workers_hand_back_where_they_stand(void **state)
{
    (void)state;
    unsigned handed = 0, resumed = 0;
    uint64_t continued = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world *w = world_create(seed, 5, seed % 2 == 0);
        w->notice_in_1000 = 15;
        w->kill_in_1000 = seed % 3 == 0 ? 5 : 0;
        w->spare = 1;
        struct fg_executor *ex = executor(w, NULL);
        run_rounds(w, ex, 5);
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        assert_int_equal(stats.frames_refused, 0);
        assert_true(stats.tasks_continued >= w->resumed);
        handed += w->handed;
        resumed += w->resumed;
        continued += stats.tasks_continued;
        end(w, ex);
    }
    print_message("%u handed back, %u resumed\n", handed, resumed);
    assert_true(handed > 30 && resumed > 20 && continued >= resumed);
}

/* Every task is answered by the right bytes, by those of fewer steps, or by FG_E_LOST; never by anything else. */
static void ignoring(struct world *w, struct fg_executor *ex, unsigned *whole, unsigned *partial,
                     unsigned *lost)
{
    enum { COHORT = 12 };
    struct fg_result res;
    struct fg_err err;
    uint64_t id = 1;
    for (uint64_t v = 1; v <= 6; v++) {
        struct fg_task task[COHORT];
        float x[P];
        params_of(x, v);
        assert_int_equal(ex->ops->publish(ex, v, x, &err), FG_OK);
        for (uint32_t i = 0; i < COHORT; i++) {
            task[i] =
                (struct fg_task){.id = id++, .version = v, .kind = FG_TASK_TRAIN, .client = i, .steps = 5};
        }
        task[3].kind = FG_TASK_EVALUATE; /* is never lost */
        assert_int_equal(ex->ops->submit(ex, task, COHORT, &err), FG_OK);
        for (uint32_t i = 0; i < COHORT; i++) {
            enum fg_status st = ex->ops->collect(ex, task[i].id, &res, &err);
            if (st == FG_OK && res.steps < task[i].steps) {
                struct fg_task shorter = task[i];
                shorter.steps = res.steps;
                assert_in_range(res.steps, 1, 4);
                assert_result(&res, &shorter);
                ++*partial;
            } else if (st == FG_OK) {
                assert_result(&res, &task[i]);
                ++*whole;
            } else {
                assert_int_equal(st, FG_E_LOST);
                assert_int_equal(task[i].kind, FG_TASK_TRAIN);
                ++*lost;
            }
            ex->ops->release(ex, task[i].id);
        }
        assert_null(fg_executor_remote_check(ex));
    }
    assert_int_equal(w->resumed, 0);
}

static void losses_can_be_ignored(void **state)
{
    (void)state;
    unsigned whole = 0, partial = 0, lost = 0;
    uint64_t iters = fg_test_iters(150);
    for (uint64_t seed = 1; seed <= iters; seed++) {
        struct world *w = world_create(seed, 5, seed % 2 == 0);
        unsigned before = lost;
        w->ignore = true;
        w->spare = 1;
        w->notice_in_1000 = seed % 3 == 0 ? 15 : 0;
        w->kill_in_1000 = seed % 3 == 1 ? 15 : 0;
        w->hang_in_1000 = seed % 3 == 2 ? 10 : 0;
        struct fg_executor *ex = executor(w, NULL);
        ignoring(w, ex, &whole, &partial, &lost);
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        assert_int_equal(stats.tasks_lost, lost - before);
        assert_int_equal(stats.answers_late, 0); /* this rule refuses them */
        end(w, ex);
    }
    print_message("%u whole, %u partial, %u lost\n", whole, partial, lost);
    assert_true(whole > 20 * iters && partial > iters / 10 && lost > iters / 2);
}

/* Under ignore a hung worker's task is lost; its late answer is used while nobody has been told so yet, if the rule
 * says so, else ignored; never twice. */
static void late_answers_are_used_or_refused_as_the_rule_says(void **state)
{
    (void)state;
    unsigned late = 0, refused = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *w = world_create(seed, 2, false);
        struct fg_result res;
        struct fg_err err;
        struct fg_task task[4];
        float x[P];
        w->ignore = w->all_late = true;
        w->late_counts = seed % 2 == 0;
        struct fg_executor *ex = executor(w, NULL);
        params_of(x, 1);
        assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
        for (uint32_t i = 0; i < 4; i++) {
            task[i] =
                (struct fg_task){.id = i + 1, .version = 1, .kind = FG_TASK_TRAIN, .client = i, .steps = 5};
        }
        assert_int_equal(ex->ops->submit(ex, task, 4, &err), FG_OK);
        while (w->now <
               30 * FG_SECOND) { /* the hung one is given up, wakes up and answers: nobody has asked yet */
            assert_int_equal(ex->ops->poll(ex, &err), FG_OK);
            idle(w);
        }
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        for (uint32_t i = 0; i < 4; i++) {
            enum fg_status st = ex->ops->collect(ex, task[i].id, &res, &err);
            assert_true(st == FG_OK || (st == FG_E_LOST && !w->late_counts));
            refused += st == FG_E_LOST;
            if (st == FG_OK) {
                assert_result(&res, &task[i]);
            }
        }
        late += (unsigned)stats.answers_late;
        assert_true(w->late_counts || stats.answers_late == 0);
        assert_int_equal(fg_executor_remote_stats(ex).answers_late, stats.answers_late);
        end(w, ex);
    }
    assert_true(late > 30 && refused > 30);
}

static void who_keeps_sending_nonsense_is_put_aside(void **state)
{
    (void)state;
    for (enum badness bad = NOT_FINITE; bad <= JUNK; bad++) {
        struct world *w = world_create((uint64_t)bad, 3, bad % 2 == 0);
        w->bad = bad;
        struct fg_executor *ex = executor(w, NULL);
        run_rounds(w, ex, 40); /* compares every result */
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        if (bad != JUNK) { /* its other frames are good: they weigh against the junk */
            assert_int_equal(stats.put_aside, 1);
        }
        assert_true(stats.frames_refused >= 5);
        assert_int_equal(stats.alive + stats.put_aside, 3);
        end(w, ex);
    }
}

/* When nobody's updates are finite, it is the training: they are handed on as they are, and nobody is put aside. */
static void training_that_diverges_is_nobodys_fault(void **state)
{
    (void)state;
    struct world *w = world_create(1, 3, false);
    w->bad = NOT_FINITE;
    w->everyone_is_bad = true;
    struct fg_executor *ex = executor(w, NULL);
    struct fg_result res;
    struct fg_err err;
    struct fg_task task[12];
    float x[P];
    params_of(x, 1);
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    for (uint32_t i = 0; i < 12; i++) {
        task[i] = (struct fg_task){.id = i + 1, .version = 1, .kind = FG_TASK_TRAIN, .client = i, .steps = 5};
    }
    assert_int_equal(ex->ops->submit(ex, task, 12, &err), FG_OK);
    for (uint32_t i = 0; i < 12; i++) {
        assert_int_equal(ex->ops->collect(ex, i + 1, &res, &err), FG_OK);
        assert_true(isfinite(res.delta[i]) == 0);
        assert_null(fg_executor_remote_check(ex));
    }
    struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
    assert_int_equal(stats.put_aside, 0);
    assert_int_equal(stats.frames_refused, 0);
    assert_int_equal(stats.tasks_repeated, 1); /* one second opinion is enough for a version */
    end(w, ex);
}

static void this_process_computes_its_share(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 3; n++) {
        struct world *w = world_create(n, n, false);
        struct here *here = fg_calloc(1, sizeof *here);
        assert_non_null(here);
        here->base.ops = &here_ops;
        w->kill_in_1000 = n == 2 ? 20 : 0; /* all may die: it goes on alone */
        w->max_bytes = n == 3 ? 1 : 0;
        struct fg_executor *ex = executor(w, &here->base);
        run_rounds(w, ex, 20);
        assert_true(here->done > 0);
        end(w, ex);
        fg_free(here);
    }
}

static void nobody_left_is_an_error_not_a_hang(void **state)
{
    (void)state;
    struct world *w = world_create(3, 3, false);
    struct fg_executor *ex = executor(w, NULL);
    struct fg_task task = {.id = 1, .version = 1, .kind = FG_TASK_TRAIN};
    struct fg_result res;
    struct fg_err err;
    float x[P] = {0};
    w->kill_in_1000 = 1000;
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
    assert_int_equal(ex->ops->collect(ex, 1, &res, &err), FG_E_GONE);
    assert_non_null(strstr(err.text, "no worker is left"));
    end(w, ex);

    w = world_create(4, 2, false);
    w->cannot_configure = true;
    ex = executor(w, NULL);
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
    assert_int_equal(ex->ops->collect(ex, 1, &res, &err), FG_E_GONE);
    assert_non_null(strstr(err.text, "no data on this machine"));
    end(w, ex);
}

/* Three workers, and many more that are started one by one: everyone may die at any moment, also all at once. */
static void lost_workers_are_replaced_until_all_is_done(void **state)
{
    (void)state;
    unsigned killed = 0;
    uint32_t spawned = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_create(seed, MAX_WORKERS, seed % 2 == 0);
        fg_loop_hold_back(w->loop, MAX_WORKERS - 3);
        w->respawn = (struct fg_respawn_opts){
            .initial = 3, .min = seed % 4 == 0 ? 2 : 1, .backoff_us = FG_SECOND / 20};
        w->kill_in_1000 = 8;
        struct fg_executor *ex = executor(w, NULL);
        run_rounds(w, ex, 5);
        struct fg_executor_remote_stats stats = fg_executor_remote_stats(ex);
        assert_true(stats.alive <= 3);
        assert_int_equal(stats.workers, 3 + stats.spawned);
        killed += w->killed;
        spawned += stats.spawned;
        for (uint32_t i = 4 + stats.spawned; i <= MAX_WORKERS; i++) {
            w->w[i].dead = true; /* never was */
        }
        end(w, ex);
    }
    assert_true(killed > 100 && spawned > 100);
}

static void what_never_works_is_not_started_for_ever(void **state)
{
    (void)state;
    struct world *w = world_create(3, MAX_WORKERS, false);
    fg_loop_hold_back(w->loop, MAX_WORKERS - 2);
    w->respawn = (struct fg_respawn_opts){.initial = 2, .min = 1};
    struct fg_executor *ex = executor(w, NULL);
    struct fg_task task = {.id = 1, .version = 1, .kind = FG_TASK_TRAIN};
    struct fg_result res;
    struct fg_err err;
    float x[P] = {0};
    w->kill_in_1000 = 1000;
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
    assert_int_equal(ex->ops->collect(ex, 1, &res, &err), FG_E_GONE);
    uint32_t spawned = fg_executor_remote_stats(ex).spawned;
    assert_in_range(spawned, FG_RESPAWN_HOPELESS - 2, FG_RESPAWN_HOPELESS);
    for (uint32_t i = 3 + spawned; i <= MAX_WORKERS; i++) {
        w->w[i].dead = true;
    }
    end(w, ex);
}

static void a_task_that_fails_everywhere_is_an_error(void **state)
{
    (void)state;
    struct world *w = world_create(5, 2, false);
    struct fg_executor *ex = executor(w, NULL);
    struct fg_task task = {.id = 1, .version = 1, .kind = FG_TASK_TRAIN, .client = 3};
    struct fg_result res;
    struct fg_err err;
    float x[P] = {0};
    w->refuse_in_1000 = 1000;
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
    assert_int_equal(ex->ops->collect(ex, 1, &res, &err), FG_E_INTERNAL);
    assert_non_null(strstr(err.text, "out of memory"));
    assert_int_equal(w->refused, 3);
    task.id = 2;
    task.version = 9;
    assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_E_STALE);
    end(w, ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_workers_gives_the_same_results),
        cmocka_unit_test(deaths_hangs_and_refusals_change_nothing),
        cmocka_unit_test(noticed_workers_hand_back_where_they_stand),
        cmocka_unit_test(losses_can_be_ignored),
        cmocka_unit_test(late_answers_are_used_or_refused_as_the_rule_says),
        cmocka_unit_test(who_keeps_sending_nonsense_is_put_aside),
        cmocka_unit_test(training_that_diverges_is_nobodys_fault),
        cmocka_unit_test(this_process_computes_its_share),
        cmocka_unit_test(nobody_left_is_an_error_not_a_hang),
        cmocka_unit_test(lost_workers_are_replaced_until_all_is_done),
        cmocka_unit_test(what_never_works_is_not_started_for_ever),
        cmocka_unit_test(a_task_that_fails_everywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
