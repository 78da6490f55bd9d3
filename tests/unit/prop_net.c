/* A whole deployment under the virtual clock, thousands of times: the aggregator core, its driver and
 * timeline, and the remote executor on one side, worker cores on the other, and between them a network that
 * fails from a seed; the aggregator dies as well, or is stopped, and goes on from its last commit. After each
 * event the invariants of all cores are checked; at the end the parameters are those of a run that nothing
 * disturbed, bit for bit. FG_TEST_SEED and FG_TEST_ITERS choose others. */
#include "tests/lib/test.h"

#include "src/aggregator/event_io.h"
#include "src/base/mem.h"
#include "src/net/executor_remote.h"
#include "src/sim/driver.h"
#include "tests/lib/chaos.h"

enum { CLIENTS = 10, ROUNDS = 10, MOST_WORKERS = 400 };

static uint32_t steps[CLIENTS], samples[CLIENTS];

/* Who looks on at each event of the network: then a stop may come, also while updates are added. */
struct onlooker {
    const struct fg_executor *ex;
    struct fg_rng *rng;
    atomic_int *stop;
    uint32_t stop_in_10000; /* events; and each second time that an update was wrong when it was added */
    uint64_t *mended;       /* such updates so far */
};

struct deployment {
    struct fg_rng rng;
    struct chaos_opts opts;
    uint32_t die_in_1000; /* the aggregator, at each event that it takes */
    struct onlooker onlooker;
    atomic_int stop;
    uint64_t mended_before;
    bool ignore; /* workers.on_loss */
    bool keeps;  /* clients keep something for the codec; events are recorded */
    struct fg_replay_record *record;
    size_t n_record, cap_record, whole; /* whole: of committed rounds */
    struct fg_fleet *fleet;
    struct fg_aggregator_config cfg;
    struct fg_timeline_virtual_config line;

    struct fg_aggregator *agg;
    struct fg_str saved;
    float rows[CLIENTS][CHAOS_P], kept[CLIENTS][CHAOS_P]; /* of rules that keep something of each client */
    uint8_t changed[CLIENTS];
    struct chaos *chaos;
    struct fg_executor *ex;
    uint32_t committed;
    bool died; /* or was stopped */
    /* what came of it, over all lives of the aggregator */
    unsigned deaths, stops /* of these */, count[CHAOS_FAULTS], broken_frames, handed_back, continued;
    uint64_t repeated, ignored, refused, lost, partial, reset, steps_sent, mended;
    fg_time_t took;
};

static double lr(const void *arg, uint32_t round)
{
    (void)arg;
    return 0.5 / (1 + round);
}

static void configure(struct deployment *d, uint64_t seed)
{
    static const char *const policies[] = {"all", "uniform", "cyclic"};
    fg_rng_init(&d->rng, seed, FG_RNG_TEST, 2, 0);
    uint32_t n_rules = 0;
    while (fg_rule_list()[n_rules] != NULL) {
        n_rules++;
    }
    for (int i = 0; i < CLIENTS; i++) {
        steps[i] = 1 + fg_rng_below(&d->rng, 100);
        samples[i] = 1 + fg_rng_below(&d->rng, 90);
    }
    d->line = (struct fg_timeline_virtual_config){.update_bytes = 1000, .batch = 10, .samples = samples};
    d->cfg = (struct fg_aggregator_config){
        .rounds = ROUNDS,
        .slot = FG_HOUR,
        .slot_pace = fg_rng_below(&d->rng, 2) == 0,
        .deadline = fg_rng_below(&d->rng, 3) == 0 ? FG_SECOND / 2 : 0,
        .lr = lr,
        .model_bytes = 1000,
        .update_bytes = 1000,
        .steps = steps,
        .samples = samples,
        .select = {.seed = seed,
                   .clients = CLIENTS,
                   .want = 2 + fg_rng_below(&d->rng, 7),
                   .over = fg_rng_below(&d->rng, 2) == 0 ? 1.0 : 1.5,
                   .groups = 3},
        .policy = fg_select_find(policies[fg_rng_below(&d->rng, 3)]),
        .rule = {.params = CHAOS_P,
                 .clients = CLIENTS,
                 .total_samples = 400.0,
                 .lr = 1.0,
                 .tau = 1e-3,
                 .rows = {d->rows[0], d->changed}},
        .rule_ops = fg_rule_list()[fg_rng_below(&d->rng, n_rules)],
    };
    if (seed % 2 != 0 && !d->cfg.rule_ops->own_start) { /* models go down as differences */
        d->cfg.down = (struct fg_down_config){
            .codec = fg_codecs[1 + seed % 10], .coding = chaos_coding, .params = CHAOS_P};
    }
    struct fg_fleet_spec spec;
    struct fg_err err;
    fg_fleet_spec_defaults(&spec);
    spec.clients = CLIENTS;
    spec.seed = seed;
    spec.speed_spread = 1.0;
    spec.start = 0;
    assert_int_equal(fg_fleet_create(&d->fleet, &spec, NULL, NULL, 0, &err), FG_OK);
}

/* What fails, and how often, is drawn as well: runs with one kind of failure only are among them. */
static void plan_failures(struct deployment *d, uint64_t seed)
{
    d->opts =
        (struct chaos_opts){.seed = seed,
                            .workers = 1 + fg_rng_below(&d->rng, 4),
                            .most = MOST_WORKERS,
                            .patience_us = FG_SECOND,
                            .step_us = 1 + fg_rng_below(&d->rng, 2500), /* a task ends between crashes */
                            .movable = fg_rng_below(&d->rng, 2) == 0};
    for (int k = 0; k < CHAOS_FAULTS; k++) {
        bool any = fg_rng_below(&d->rng, 2) == 0;
        d->opts.every_us[k] = any ? FG_SECOND / 2 + (fg_time_t)fg_rng_below(&d->rng, 5000000) : 0;
    }
    d->die_in_1000 = fg_rng_below(&d->rng, 2) == 0 ? fg_rng_below(&d->rng, 40) : 0;
}

/* ---- hooks ---- */

/* Only the rows that a commit says it changed are kept, as a checkpoint does. */
static void keep_rows(struct deployment *d)
{
    for (uint32_t c = 0; c < CLIENTS; c++) {
        if (d->changed[c] != 0) {
            memcpy(d->kept[c], d->rows[c], sizeof d->rows[c]);
            d->changed[c] = 0;
        }
    }
}

static enum fg_status on_evaluate(void *arg, const float *params, const struct fg_action *what,
                                  struct fg_evaluation *out, struct fg_err *err)
{
    (void)what;
    (void)err;
    struct deployment *d = arg;
    if (d->chaos != NULL) {
        chaos_pass(d->chaos, fg_rng_below(&d->rng, 1000000)); /* nobody listens to the workers meanwhile */
    }
    *out = (struct fg_evaluation){.have = true, .accuracy = 0.5, .loss = (double)params[0]};
    return FG_OK;
}

static enum fg_status on_commit(void *arg, struct fg_err *err)
{
    (void)err;
    struct deployment *d = arg;
    const struct fg_round_record *r = fg_aggregator_record(d->agg);
    d->committed++;
    d->lost += r->n_lost;
    d->partial += r->n_partial;
    assert_int_equal(r->n_used + r->n_lost + r->n_late, r->n_selected);
    assert_true(r->n_partial <= r->n_used);
    assert_int_equal(fg_aggregator_version(d->agg), d->committed);
    assert_int_equal(fg_aggregator_record(d->agg)->round + 1, d->committed);
    d->saved.len = 0;
    keep_rows(d);
    assert_int_equal(fg_aggregator_save(d->agg, &d->saved), FG_OK);
    d->whole = d->n_record;
    return FG_OK;
}

static void record(struct deployment *d, const struct fg_event *ev)
{
    struct fg_str bytes = {0};
    assert_int_equal(fg_event_encode(&bytes, ev), FG_OK);
    assert_int_equal(FG_GROW(d->record, d->n_record, d->cap_record), FG_OK);
    d->record[d->n_record++] = (struct fg_replay_record){.bytes = bytes.data, .len = bytes.len};
}

/* Those of the open round go with the aggregator. */
static void forget_records(struct deployment *d, size_t keep)
{
    while (d->n_record > keep) {
        struct fg_replay_record *r = &d->record[--d->n_record];
        struct fg_str bytes = {.data = (char *)(uintptr_t)r->bytes};
        fg_str_fini(&bytes);
    }
}

static enum fg_status on_event(void *arg, const struct fg_event *ev, struct fg_err *err)
{
    struct deployment *d = arg;
    struct fg_err why = {{0}};
    if (d->keeps && d->chaos != NULL) {
        record(d, ev);
    }
    if (fg_aggregator_check(d->agg, &why) != FG_OK) {
        fail_msg("%s", why.text);
    }
    d->died = d->chaos != NULL && fg_rng_below(&d->rng, 1000) < d->die_in_1000;
    return d->died ? fg_fail(err, FG_E_IO, "kill -9") : FG_OK;
}

static bool on_stopping(void *arg)
{
    struct deployment *d = arg;
    return atomic_load(&d->stop) != 0;
}

/* ---- a life of the aggregator ---- */

static const char *look_on(const void *arg)
{
    const struct onlooker *o = arg;
    uint64_t mended = fg_executor_remote_stats(o->ex).updates_mended;
    uint32_t likely = mended > *o->mended ? 5000 : o->stop_in_10000;
    if (o->stop_in_10000 > 0 && fg_rng_below(o->rng, 10000) < likely) {
        atomic_store(o->stop, 1);
    }
    *o->mended = mended;
    return fg_executor_remote_check(o->ex);
}

static void start_executor(struct deployment *d)
{
    d->opts.seed++; /* another life, other failures */
    d->chaos = chaos_create(&d->opts);
    struct fg_executor_remote_opts opts = {
        .transport = &d->chaos->base,
        .params = CHAOS_P,
        .config = "[run]\n",
        .run_id = 1000 + d->opts.seed,
        .shard_of = d->opts.movable ? chaos_shard_of : NULL,
        .shard_bytes = d->opts.movable ? chaos_shard_bytes : NULL,
        .max_bytes = d->opts.seed % 3 == 0 ? 100 : 0,
        .ignore_losses = d->ignore,
        .late_counts = d->ignore && d->opts.seed % 2 == 0,
        .partial = d->ignore,
        .clients_keep = d->keeps,
        .judge_late = !d->ignore && !d->keeps && fg_rule_only_adds(d->cfg.rule_ops),
        .stop = &d->stop,
        .now = chaos_now,
        .arg = d->chaos,
        .heartbeat_us = d->opts.patience_us / 5,
        .patience_us = d->opts.patience_us,
        .respawn = {.initial = d->opts.workers, .min = 1, .backoff_us = FG_SECOND / 20},
    };
    assert_int_equal(fg_executor_remote_create(&d->ex, &opts, NULL), FG_OK);
    d->onlooker.ex = d->ex;
    d->onlooker.mended = &d->mended_before;
    d->mended_before = 0;
    d->chaos->check = look_on;
    d->chaos->check_arg = &d->onlooker;
}

static void end_executor(struct deployment *d)
{
    struct fg_executor_remote_stats s = fg_executor_remote_stats(d->ex);
    for (int k = 0; k < CHAOS_FAULTS; k++) {
        d->count[k] += d->chaos->count[k];
    }
    d->broken_frames += d->chaos->doubled + d->chaos->swapped + d->chaos->damaged;
    d->handed_back += d->chaos->handed_back;
    d->continued += d->chaos->continued;
    d->repeated += s.tasks_repeated;
    d->ignored += s.answers_ignored;
    d->refused += s.frames_refused;
    d->steps_sent += s.steps_sent;
    d->mended += s.updates_mended;
    d->took += d->chaos->now;
    d->ex->ops->destroy(d->ex);
    chaos_destroy(d->chaos);
}

/* What a stopped run leaves is what it goes on from. */
static void save_stopped(struct deployment *d)
{
    d->stops++;
    d->died = true;
    d->saved.len = 0;
    assert_int_equal(fg_aggregator_save(d->agg, &d->saved), FG_OK);
}

/* From the last commit to the end, or to the aggregator's death, or until it is stopped. */
static void live(struct deployment *d, bool disturbed)
{
    struct fg_err err = {{0}};
    float x[CHAOS_P] = {0.5f, -0.25f};
    struct fg_driver_hooks hooks = {
        .arg = d, .evaluate = on_evaluate, .committed = on_commit, .took = on_event, .stopping = on_stopping};
    struct fg_timeline *line = NULL;
    enum fg_finish reason;
    if (disturbed) {
        start_executor(d);
    } else {
        d->ex = chaos_undisturbed(d->keeps);
    }
    d->cfg.keeping = !d->keeps ? FG_KEEPING_NONE : disturbed ? FG_KEEPING_AWAY : FG_KEEPING_HERE;
    assert_int_equal(fg_aggregator_create(&d->agg, &d->cfg, d->fleet, x, &err), FG_OK);
    if (disturbed && fg_aggregator_down(d->agg) != NULL) {
        d->ex->ops->follow(d->ex, fg_aggregator_down(d->agg));
    }
    memcpy(d->rows, d->kept, sizeof d->rows);
    memset(d->changed, 0, sizeof d->changed);
    if (d->saved.len > 0) {
        assert_int_equal(fg_aggregator_load(d->agg, d->saved.data, d->saved.len, &err), FG_OK);
    }
    d->committed = (uint32_t)fg_aggregator_version(d->agg);
    if (fg_aggregator_forgets(d->agg)) {
        struct fg_event forget = {.kind = FG_EVENT_FORGET, .now = fg_aggregator_now(d->agg)};
        struct fg_actions none = {0};
        record(d, &forget);
        assert_int_equal(fg_aggregator_step(d->agg, &forget, &none), FG_OK);
        fg_actions_fini(&none);
    }
    enum fg_status made =
        d->keeps && !disturbed
            ? fg_timeline_replay_create(&line, d->record, d->n_record, d->ex, 0)
            : fg_timeline_virtual_create(&line, d->fleet, d->ex, &d->line, fg_aggregator_now(d->agg));
    assert_int_equal(made, FG_OK);
    d->died = false;
    atomic_store(&d->stop, 0);
    enum fg_status st = fg_driver_run(d->agg, line, &hooks, &reason, &err);
    if (st != FG_OK && !d->died) {
        fail_msg("%s", err.text);
    }
    line->ops->destroy(line);
    if (st == FG_OK && reason == FG_FINISH_STOPPED) {
        save_stopped(d);
    }
    if (d->died) {
        fg_aggregator_destroy(d->agg); /* first: it gives back what the executor holds */
    }
    if (disturbed) {
        end_executor(d);
    } else {
        d->ex->ops->destroy(d->ex);
    }
}

/* All of a run; its parameters into `x`. */
static void run(struct deployment *d, bool disturbed, float x[CHAOS_P])
{
    d->saved.len = 0;
    memset(d->kept, 0, sizeof d->kept);
    d->chaos = NULL;
    for (;;) {
        live(d, disturbed);
        if (!d->died) {
            break;
        }
        d->deaths++;
        forget_records(d, d->whole);
    }
    struct fg_summary s;
    fg_aggregator_summary(d->agg, &s);
    d->reset = s.states_reset;
    assert_int_equal(fg_aggregator_version(d->agg), ROUNDS);
    memcpy(x, fg_aggregator_params(d->agg), CHAOS_P * sizeof *x);
    fg_aggregator_destroy(d->agg);
}

static uint64_t last_seed;

static void begin(struct deployment *d, uint64_t seed)
{
    last_seed = seed;
    *d = (struct deployment){0};
    configure(d, seed);
    plan_failures(d, seed);
}

static void end(struct deployment *d)
{
    float disturbed[CHAOS_P], undisturbed[CHAOS_P];
    run(d, true, disturbed);
    run(d, false, undisturbed);
    assert_memory_equal(disturbed, undisturbed, sizeof disturbed);
    fg_fleet_destroy(d->fleet);
    fg_str_fini(&d->saved);
}

/* `broken`: links also double, swap and damage frames, so that many are refused. */
static void play(bool broken, uint64_t usual)
{
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(usual);
    unsigned count[CHAOS_FAULTS] = {0}, deaths = 0;
    unsigned handed_back = 0, continued = 0, broken_frames = 0;
    unsigned stops = 0;
    uint64_t repeated = 0, ignored = 0, refused = 0, steps_sent = 0, mended = 0;
    for (uint64_t i = 0; i < iters; i++) {
        struct deployment d;
        begin(&d, seed + i);
        d.onlooker = (struct onlooker){
            .rng = &d.rng, .stop = &d.stop, .stop_in_10000 = i % 2 == 0 ? 0 : 1 + fg_rng_below(&d.rng, 60)};
        if (broken) {
            d.opts.doubled = fg_rng_below(&d.rng, 300);
            d.opts.swapped = fg_rng_below(&d.rng, 300);
            d.opts.damaged = fg_rng_below(&d.rng, 300);
        }
        end(&d);
        for (int k = 0; k < CHAOS_FAULTS; k++) {
            count[k] += d.count[k];
        }
        deaths += d.deaths - d.stops;
        stops += d.stops;
        handed_back += d.handed_back;
        continued += d.continued;
        broken_frames += d.broken_frames;
        repeated += d.repeated;
        ignored += d.ignored;
        refused += d.refused;
        steps_sent += d.steps_sent;
        mended += d.mended;
    }
    print_message(
        "crashes %u, stops %u, notices %u, partitions %u, flaps %u, deaths of the aggregator %u, stops %u\n",
        count[CHAOS_CRASH], count[CHAOS_STOP], count[CHAOS_NOTICE], count[CHAOS_PARTITION], count[CHAOS_FLAP],
        deaths, stops);
    print_message(
        "states handed back %u, gone on from %u; broken frames %u, refused by the aggregator %llu\n",
        handed_back, continued, broken_frames, (unsigned long long)refused);
    print_message("models sent as steps from another %llu; updates found wrong when they were added %llu\n",
                  (unsigned long long)steps_sent, (unsigned long long)mended);
    assert_true(iters < 100 || steps_sent > 3 * iters);
    for (int k = 0; k < CHAOS_FAULTS; k++) {
        assert_true(count[k] > iters / 2);
    }
    assert_true(iters < 100 ||
                (deaths > iters / 10 && stops > iters / 10 && repeated > iters && ignored > 0));
    assert_true(iters < 100 || (handed_back > 0 && continued > 0));
    assert_true(broken ? iters < 100 || (refused > iters && mended > 0) : refused + mended == 0);
}

static void whatever_fails_the_model_is_the_same(void **state)
{
    (void)state;
    play(false, 3000);
}

static void frames_that_do_not_arrive_whole_and_in_order_cost_time_only(void **state)
{
    (void)state;
    play(true, 1000);
}

/* What is lost stays lost: no model to compare with, but each task ends once and is counted,
 * and nothing waits for ever. */
static void losses_that_are_ignored_are_counted(void **state)
{
    (void)state;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(700), lost = 0, partial = 0;
    for (uint64_t i = 0; i < iters; i++) {
        struct deployment d;
        float x[CHAOS_P];
        begin(&d, seed + i);
        d.ignore = d.cfg.hand_back = d.opts.partial = true;
        run(&d, true, x);
        lost += d.lost;
        partial += d.partial;
        fg_fleet_destroy(d.fleet);
        fg_str_fini(&d.saved);
    }
    print_message("lost %llu, partial %llu\n", (unsigned long long)lost, (unsigned long long)partial);
    assert_true(iters < 100 || (lost > iters && partial > iters / 10));
}

/* What clients keep goes with the worker that held it, so the model is another one; but what was lost is in
 * the events, and who meets these again comes to the same model and the same losses. */
static void what_clients_keep_is_met_again_by_a_replay(void **state)
{
    (void)state;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(1000), reset = 0, deaths = 0;
    for (uint64_t i = 0; i < iters; i++) {
        struct deployment d;
        float deployed[CHAOS_P], replayed[CHAOS_P];
        begin(&d, seed + i);
        d.keeps = d.opts.keeps = true;
        d.ignore = d.cfg.hand_back = d.opts.partial = fg_rng_below(&d.rng, 2) == 0;
        run(&d, true, deployed);
        uint64_t was_reset = d.reset;
        run(&d, false, replayed);
        assert_memory_equal(deployed, replayed, sizeof deployed);
        assert_int_equal(d.reset, was_reset);
        reset += was_reset;
        deaths += d.deaths;
        forget_records(&d, 0);
        fg_free(d.record);
        fg_fleet_destroy(d.fleet);
        fg_str_fini(&d.saved);
    }
    print_message("states reset %llu, deaths of the aggregator %llu\n", (unsigned long long)reset,
                  (unsigned long long)deaths);
    assert_true(iters < 100 || (reset > iters && deaths > iters / 10));
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
        cmocka_unit_test_teardown(whatever_fails_the_model_is_the_same, say_seed),
        cmocka_unit_test_teardown(losses_that_are_ignored_are_counted, say_seed),
        cmocka_unit_test_teardown(what_clients_keep_is_met_again_by_a_replay, say_seed),
        cmocka_unit_test_teardown(frames_that_do_not_arrive_whole_and_in_order_cost_time_only, say_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
