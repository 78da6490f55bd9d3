/* A whole deployment in real time, thousands of times: the aggregator core driven by what the remote executor
 * sees of its workers, each of which is a client, over a network that fails from a seed. What is lost is lost
 * here, so there is no undisturbed run to compare with; instead every promise is checked: each task ends
 * exactly once, an update is the pure function of its task and of the parameters of its version, a client
 * goes down only when it was up, no round outlasts its deadline, the version grows by one with each commit,
 * and the invariants of both sides hold after each event. FG_TEST_SEED and FG_TEST_ITERS choose others. */
#include "tests/lib/test.h"

#include "src/aggregator/core.h"
#include "src/base/mem.h"
#include "src/net/executor_remote.h"
#include "src/plan/live.h"
#include "tests/lib/chaos.h"

enum { CLIENTS = 6, ROUNDS = 12, MOST_WORKERS = 400, MOST_TASKS = 4096 };

enum state { NEVER, OUT, ENDED };

struct shell {
    struct fg_rng rng;
    struct chaos *chaos;
    struct fg_executor *ex;
    struct fg_live *live;
    struct fg_fleet *fleet;
    struct fg_aggregator_config cfg;
    struct fg_aggregator *agg;
    fg_time_t wake, deadline; /* FG_NEVER: none */
    bool up[CLIENTS], committed, finished;
    enum state state[MOST_TASKS];
    struct fg_task task[MOST_TASKS];
    fg_time_t begun[MOST_TASKS];
    float x[CHAOS_P]; /* parameters of the open round's version */
    struct fg_task assigned[CLIENTS];
    size_t n_assigned;
    /* what came of it */
    uint64_t used, lost, late;
};

static uint32_t steps[CLIENTS], samples[CLIENTS];
static uint64_t last_seed;

static double lr(const void *arg, uint32_t round)
{
    (void)arg;
    (void)round;
    return 0.25;
}

static void send(struct shell *s, struct fg_event ev);

static struct fg_outcome spent(const struct shell *s, uint64_t id, enum fg_outcome_kind kind, uint32_t done)
{
    return (struct fg_outcome){.kind = kind,
                               .download_done = true,
                               .steps = done,
                               .t_begin = s->begun[id],
                               .t_end = s->chaos->now,
                               .compute_us = s->chaos->now - s->begun[id]};
}

static void end_task(struct shell *s, uint64_t id)
{
    assert_in_range(id, 1, MOST_TASKS - 1);
    assert_int_equal(s->state[id], OUT);
    s->state[id] = ENDED;
}

static void lost(struct shell *s, uint64_t id, enum fg_outcome_kind kind)
{
    struct fg_outcome o = spent(s, id, kind, 0);
    end_task(s, id);
    s->ex->ops->release(s->ex, id);
    send(s, (struct fg_event){.kind = FG_EVENT_LOST, .id = id, .outcome = &o});
}

static void arrived(struct shell *s, uint64_t id)
{
    struct fg_err err = {{0}};
    struct fg_result got, want;
    float delta[CHAOS_P];
    if (s->ex->ops->collect(s->ex, id, &got, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    chaos_compute(&want, delta, &s->task[id], s->x);
    assert_int_equal(got.client, s->task[id].client);
    assert_memory_equal(got.delta, delta, sizeof delta);
    struct fg_outcome o = spent(s, id, FG_OUTCOME_ARRIVED, got.steps);
    end_task(s, id);
    send(s, (struct fg_event){.kind = FG_EVENT_RESULT, .id = id, .result = &got, .outcome = &o});
    s->ex->ops->release(s->ex, id);
}

static void on_commit(struct shell *s)
{
    const struct fg_round_record *r = fg_aggregator_record(s->agg);
    s->committed = true;
    s->deadline = FG_NEVER;
    s->used += r->n_used;
    s->lost += r->n_lost;
    s->late += r->n_late;
    assert_int_equal(fg_aggregator_version(s->agg), r->round + 1);
    for (uint64_t id = 1; id < MOST_TASKS; id++) {
        assert_true(s->state[id] != OUT); /* nothing is out between rounds */
    }
}

static void perform(struct shell *s, const struct fg_action *a)
{
    switch (a->kind) {
    case FG_ACTION_WAKE_AT:
        s->wake = a->at > s->chaos->now ? a->at : s->chaos->now;
        break;
    case FG_ACTION_ASSIGN:
        assert_true(a->id < MOST_TASKS && s->state[a->id] == NEVER);
        assert_true(s->up[a->task.client]);
        s->state[a->id] = OUT;
        s->task[a->id] = a->task;
        s->begun[a->id] = s->chaos->now;
        s->assigned[s->n_assigned++] = a->task;
        break;
    case FG_ACTION_DEADLINE_AT:
        s->deadline = a->at;
        break;
    case FG_ACTION_CANCEL:
        lost(s, a->id, FG_OUTCOME_CUT);
        break;
    case FG_ACTION_COMMIT:
        on_commit(s);
        break;
    case FG_ACTION_FINISH:
        s->finished = true;
        break;
    }
}

static void perform_all(struct shell *s, const struct fg_actions *acts)
{
    struct fg_err err = {{0}};
    s->n_assigned = 0;
    for (size_t i = 0; i < acts->n; i++) {
        perform(s, &acts->a[i]);
    }
    if (s->n_assigned > 0) {
        memcpy(s->x, fg_aggregator_params(s->agg), sizeof s->x);
        assert_int_equal(s->ex->ops->publish(s->ex, fg_aggregator_version(s->agg), s->x, &err), FG_OK);
        assert_int_equal(s->ex->ops->submit(s->ex, s->assigned, s->n_assigned, &err), FG_OK);
    }
}

static void send(struct shell *s, struct fg_event ev)
{
    struct fg_actions acts = {0};
    struct fg_err err = {{0}};
    ev.now = s->chaos->now;
    assert_int_equal(fg_aggregator_step(s->agg, &ev, &acts), FG_OK);
    perform_all(s, &acts);
    fg_actions_fini(&acts);
    if (fg_aggregator_check(s->agg, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
}

static void wake(struct shell *s)
{
    uint32_t available[CLIENTS];
    size_t n = 0;
    for (uint32_t c = 0; c < CLIENTS; c++) {
        if (s->up[c]) {
            available[n++] = c;
        }
    }
    s->wake = FG_NEVER;
    send(s, (struct fg_event){.kind = FG_EVENT_WAKE, .available = available, .n_available = n});
}

static void take(struct shell *s, const struct fg_live_event *ev)
{
    bool known = ev->kind == FG_LIVE_RESULT || ev->kind == FG_LIVE_LOST;
    if (ev->kind == FG_LIVE_UP || ev->kind == FG_LIVE_DOWN) {
        assert_in_range(ev->client, 0, CLIENTS - 1);
        assert_true(s->up[ev->client] == (ev->kind == FG_LIVE_DOWN));
        s->up[ev->client] = ev->kind == FG_LIVE_UP;
    } else if (known && s->state[ev->id] == OUT) { /* else cancelled before its end was told */
        if (ev->kind == FG_LIVE_RESULT) {
            arrived(s, ev->id);
        } else {
            lost(s, ev->id, FG_OUTCOME_LEFT);
        }
    }
}

/* One thing: what is due, or else what is seen. */
static void go_on(struct shell *s)
{
    struct fg_live_event ev;
    struct fg_err err = {{0}};
    if (s->committed) {
        s->committed = false;
        chaos_pass(s->chaos, fg_rng_below(&s->rng, 300000)); /* the evaluation: nobody listens meanwhile */
        send(s, (struct fg_event){.kind = FG_EVENT_EVALUATED});
        return;
    }
    if (s->wake <= s->chaos->now) {
        wake(s);
        return;
    }
    if (s->deadline <= s->chaos->now) {
        s->deadline = FG_NEVER;
        send(s, (struct fg_event){.kind = FG_EVENT_DEADLINE});
        assert_true(s->committed); /* whoever is silent, it ends here */
        return;
    }
    fg_time_t until = s->wake < s->deadline ? s->wake : s->deadline;
    fg_time_t most =
        until == FG_NEVER || until - s->chaos->now > FG_SECOND / 5 ? FG_SECOND / 5 : until - s->chaos->now;
    assert_int_equal(s->live->ops->next(s->live, most, &ev, &err), FG_OK);
    take(s, &ev);
}

static const char *check(const void *ex)
{
    return fg_executor_remote_check(ex);
}

static void make_executor(struct shell *s, uint64_t seed, bool broken)
{
    struct chaos_opts o = {.seed = seed,
                           .workers = CLIENTS,
                           .most = MOST_WORKERS,
                           .patience_us = FG_SECOND,
                           .step_us = 1 + fg_rng_below(&s->rng, 5000),
                           .movable = fg_rng_below(&s->rng, 2) == 0};
    for (int k = 0; k < CHAOS_FAULTS; k++) {
        bool any = fg_rng_below(&s->rng, 2) == 0;
        o.every_us[k] = any ? FG_SECOND / 2 + (fg_time_t)fg_rng_below(&s->rng, 5000000) : 0;
    }
    o.doubled = o.swapped = o.damaged = broken ? fg_rng_below(&s->rng, 300) : 0;
    s->chaos = chaos_create(&o);
    struct fg_executor_remote_opts opts = {
        .transport = &s->chaos->base,
        .params = CHAOS_P,
        .config = "[run]\n",
        .run_id = 5000 + seed,
        .shard_of = o.movable ? chaos_shard_of : NULL,
        .shard_bytes = o.movable ? chaos_shard_bytes : NULL,
        .arg = s->chaos,
        .pinned = true,
        .clients = CLIENTS,
        .now = chaos_now,
        .heartbeat_us = o.patience_us / 5,
        .patience_us = o.patience_us,
        .respawn = {.initial = CLIENTS, .min = 1, .backoff_us = FG_SECOND / 20},
    };
    assert_int_equal(fg_executor_remote_create(&s->ex, &opts, NULL), FG_OK);
    s->live = fg_executor_remote_live(s->ex);
    s->chaos->check = check;
    s->chaos->check_arg = s->ex;
}

static void make_aggregator(struct shell *s, uint64_t seed)
{
    struct fg_fleet_spec spec;
    struct fg_err err = {{0}};
    float x[CHAOS_P] = {0.5f, -0.25f};
    for (int i = 0; i < CLIENTS; i++) {
        steps[i] = 1 + fg_rng_below(&s->rng, 60);
        samples[i] = 1 + fg_rng_below(&s->rng, 50);
    }
    fg_fleet_spec_defaults(&spec);
    spec.clients = CLIENTS;
    spec.seed = seed;
    spec.start = 0;
    assert_int_equal(fg_fleet_create(&s->fleet, &spec, NULL, NULL, 0, &err), FG_OK);
    s->cfg = (struct fg_aggregator_config){
        .rounds = ROUNDS,
        .slot = FG_SECOND,
        .slot_pace = fg_rng_below(&s->rng, 2) == 0,
        .deadline = FG_SECOND / 2 + fg_rng_below(&s->rng, 3000000),
        .lr = lr,
        .steps = steps,
        .samples = samples,
        .select = {.seed = seed,
                   .clients = CLIENTS,
                   .want = 1 + fg_rng_below(&s->rng, CLIENTS),
                   .over = fg_rng_below(&s->rng, 2) == 0 ? 1.0 : 1.5,
                   .groups = 2},
        .policy = fg_select_find("uniform"),
        .rule = {.params = CHAOS_P, .clients = CLIENTS, .total_samples = 100.0, .lr = 1.0},
        .rule_ops = fg_rule_find("fedavg"),
    };
    assert_int_equal(fg_aggregator_create(&s->agg, &s->cfg, s->fleet, x, &err), FG_OK);
}

static void play(struct shell *s, uint64_t seed, bool broken)
{
    struct fg_actions acts = {0};
    last_seed = seed;
    *s = (struct shell){.wake = FG_NEVER, .deadline = FG_NEVER};
    fg_rng_init(&s->rng, seed, FG_RNG_TEST, 3, 0);
    make_executor(s, seed, broken);
    make_aggregator(s, seed);
    assert_int_equal(fg_aggregator_begin(s->agg, &acts), FG_OK);
    perform_all(s, &acts);
    fg_actions_fini(&acts);
    while (!s->finished) {
        go_on(s);
    }
    s->ex->ops->destroy(s->ex);
    fg_aggregator_destroy(s->agg);
    fg_fleet_destroy(s->fleet);
    chaos_destroy(s->chaos);
}

static void play_many(bool broken, uint64_t usual)
{
    static struct shell s;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(usual), used = 0, lost_tasks = 0,
             late = 0;
    for (uint64_t i = 0; i < iters; i++) {
        play(&s, seed + i, broken);
        used += s.used;
        lost_tasks += s.lost;
        late += s.late;
    }
    print_message("updates used %llu, lost %llu, late %llu\n", (unsigned long long)used,
                  (unsigned long long)lost_tasks, (unsigned long long)late);
    assert_true(iters < 100 || (used > 10 * iters && lost_tasks > iters / 2 && late > iters / 2));
}

static void whatever_fails_every_promise_is_kept(void **state)
{
    (void)state;
    play_many(false, 1500);
}

static void with_frames_that_do_not_arrive_as_well(void **state)
{
    (void)state;
    play_many(true, 500);
}

static int say_seed(void **state)
{
    (void)state;
    print_message("last seed %llu\n", (unsigned long long)last_seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(whatever_fails_every_promise_is_kept, say_seed),
        cmocka_unit_test_teardown(with_frames_that_do_not_arrive_as_well, say_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
