/* The driver with a fake executor: the queue's order, over-selection, deadlines, and that only results that
 * count are computed. */
#include "tests/lib/test.h"

#include "src/aggregator/event_io.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/sim/driver.h"
#include "src/sim/queue.h"
#include "src/sim/setup.h"

enum { CLIENTS = 20, P = 4 };

static void queue_gives_events_in_order_of_time_kind_and_id(void **state)
{
    (void)state;
    struct fg_rng r;
    struct fg_queue q = {0};
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 0);
    static const int kinds[] = {FG_EVENT_WAKE, FG_EVENT_RESULT, FG_EVENT_LOST, FG_EVENT_DEADLINE};
    for (int i = 0; i < 5000; i++) {
        struct fg_queue_entry e = {
            .at = fg_rng_below(&r, 50), .id = fg_rng_u32(&r), .kind = kinds[fg_rng_below(&r, 4)]};
        assert_int_equal(fg_queue_push(&q, e), FG_OK);
    }
    struct fg_queue_entry last, e;
    assert_true(fg_queue_pop(&q, &last));
    for (int i = 1; i < 5000; i++) {
        assert_true(fg_queue_pop(&q, &e));
        assert_true(last.at <= e.at);
        if (last.at == e.at) { /* results and losses, then the deadline, then the next round */
            int a = last.kind == FG_EVENT_WAKE ? 2 : last.kind == FG_EVENT_DEADLINE;
            int b = e.kind == FG_EVENT_WAKE ? 2 : e.kind == FG_EVENT_DEADLINE;
            assert_true(a <= b);
            assert_true(a < b || last.id <= e.id);
        }
        last = e;
    }
    assert_false(fg_queue_pop(&q, &e));
    fg_queue_fini(&q);
}

/* An executor whose update is (client + 1) in every place, less where steps are missing;
 * counts what it is asked for. */
struct fake {
    struct fg_executor base;
    struct fg_task tasks[CLIENTS];
    size_t n, submitted, collected, released;
    uint64_t version;
    float delta[P];
    size_t spoil;   /* every so many answers is not a number; 0: none */
    size_t lose;    /* every so many tasks are lost with their worker; 0: none */
    size_t shorten; /* every so many answers have a quarter of the steps; 0: none */
    size_t asked;
    size_t wrong; /* the how-manieth answer is wrong when it is added, and a stop comes meanwhile; 0: none */
    bool waits;   /* and is added with all of its round */
    struct fg_unjudged unjudged;
    struct fg_form form;
    struct fg_hold hold;
};

/* A stop comes while the update is made once more. */
static enum fg_status mend_stopped(struct fg_unjudged *u, double weight, struct fg_exact *into)
{
    (void)u;
    (void)weight;
    (void)into;
    return FG_E_INTERRUPTED;
}

static void hold_free(struct fg_hold *hold)
{
    (void)hold;
}

/* Its values, of which the frame said something else. */
static void make_wrong(struct fake *f, struct fg_result *out)
{
    const uint8_t *bytes = (const uint8_t *)f->delta;
    f->unjudged = (struct fg_unjudged){
        .scan = fg_scanner_of(bytes, 0, bytes, sizeof f->delta, 0), .checksum = 1, .mend = mend_stopped};
    f->form = (struct fg_form){.kind = FG_FORM_FLOATS, .x = f->delta, .unjudged = &f->unjudged};
    f->hold = (struct fg_hold){.users = 1, .free = hold_free};
    out->form = &f->form;
    out->hold = f->waits ? &f->hold : NULL;
    out->seen = FG_SEEN_FINITE;
}

static enum fg_status fake_publish(struct fg_executor *ex, uint64_t version, const float *params,
                                   struct fg_err *err)
{
    (void)params;
    (void)err;
    ((struct fake *)ex)->version = version;
    return FG_OK;
}

static enum fg_status fake_submit(struct fg_executor *ex, const struct fg_task *tasks, size_t n,
                                  struct fg_err *err)
{
    struct fake *f = (struct fake *)ex;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tasks[i].version, f->version);
        f->tasks[f->n++] = tasks[i];
    }
    f->submitted += n;
    return FG_OK;
}

static enum fg_status fake_collect(struct fg_executor *ex, uint64_t id, struct fg_result *out,
                                   struct fg_err *err)
{
    struct fake *f = (struct fake *)ex;
    (void)err;
    for (size_t i = 0; i < f->n; i++) {
        if (f->tasks[i].id == id) {
            size_t nth = ++f->asked;
            if (f->lose != 0 && nth % f->lose == 0) {
                return FG_E_LOST;
            }
            bool early = f->shorten != 0 && nth % f->shorten == 0;
            uint32_t done = early ? f->tasks[i].steps / 4 : f->tasks[i].steps;
            for (int k = 0; k < P; k++) {
                f->delta[k] = (float)(f->tasks[i].client + 1) * (float)done / 100.0f;
            }
            if (f->spoil != 0 && f->collected % f->spoil == 0) {
                f->delta[P - 1] = NAN;
            }
            *out = (struct fg_result){.id = id,
                                      .client = f->tasks[i].client,
                                      .steps = done,
                                      .samples = 10,
                                      .loss = 1.0,
                                      .delta = f->delta,
                                      .wire_bytes = 16};
            if (nth == f->wrong) {
                make_wrong(f, out);
            }
            f->collected++;
            return FG_OK;
        }
    }
    fail_msg("task %llu was collected but not submitted", (unsigned long long)id);
    return FG_E_INTERNAL;
}

static void fake_release(struct fg_executor *ex, uint64_t id)
{
    struct fake *f = (struct fake *)ex;
    for (size_t i = 0; i < f->n; i++) {
        if (f->tasks[i].id == id) {
            f->tasks[i] = f->tasks[--f->n];
            f->released++;
            return;
        }
    }
    fail_msg("task %llu was released but is not held", (unsigned long long)id);
}

static const struct fg_executor_ops fake_ops = {
    .publish = fake_publish, .submit = fake_submit, .collect = fake_collect, .release = fake_release};

struct seen {
    const struct fg_aggregator *agg;
    bool record;
    struct fg_str events[400]; /* encoded, when recorded */
    size_t n_events;
    uint32_t rounds, used, partial, lost, late, evaluated, stop_after, stop_evaluation;
};

static enum fg_status on_evaluate(void *arg, const float *params, const struct fg_action *what,
                                  struct fg_evaluation *out, struct fg_err *err)
{
    (void)params;
    struct seen *s = arg;
    if (s->stop_evaluation != 0 && s->evaluated + 1 == s->stop_evaluation) {
        s->stop_evaluation = 0;
        return fg_fail(err, FG_E_INTERRUPTED, "asked to stop");
    }
    s->evaluated += what->evaluate;
    *out = (struct fg_evaluation){.have = true, .accuracy = 0.5};
    return FG_OK;
}

static enum fg_status on_commit(void *arg, struct fg_err *err)
{
    (void)err;
    struct seen *s = arg;
    const struct fg_round_record *r = fg_aggregator_record(s->agg);
    assert_int_equal(r->round, s->rounds);
    s->rounds++;
    s->used += r->n_used;
    s->late += r->n_late;
    s->partial += r->n_partial;
    s->lost += r->n_lost;
    return FG_OK;
}

static enum fg_status on_took(void *arg, const struct fg_event *ev, struct fg_err *err)
{
    (void)err;
    struct seen *s = arg;
    assert_true(s->n_events < sizeof s->events / sizeof *s->events);
    return fg_event_encode(&s->events[s->n_events++], ev);
}

static bool on_stopping(void *arg)
{
    struct seen *s = arg;
    return s->stop_after != 0 && s->rounds >= s->stop_after;
}

static double lr(const void *arg, uint32_t round)
{
    (void)arg;
    (void)round;
    return 0.1;
}

static uint32_t steps[CLIENTS], samples[CLIENTS];

struct rig {
    size_t spoil, lose, shorten, wrong;
    bool waits;
    const char *rule;            /* NULL: fedavg */
    const struct seen *replayed; /* instead of the virtual timeline */
    uint32_t stop_evaluation;    /* the how-manieth one */
    struct fg_fleet *fleet;
    struct fg_aggregator *agg;
    struct fake ex;
    struct seen seen;
    enum fg_finish reason;
};

static void make_aggregator(struct rig *g, double over, fg_time_t deadline)
{
    struct fg_err err = {{0}};
    float x[P] = {0};
    struct fg_aggregator_config cfg = {
        .rounds = 5,
        .slot = FG_HOUR,
        .slot_pace = true,
        .deadline = deadline,
        .eval_every = 2,
        .lr = lr,
        .model_bytes = 1000,
        .update_bytes = 1000,
        .steps = steps,
        .samples = samples,
        .select = {.seed = 3, .clients = CLIENTS, .want = 8, .over = over},
        .policy = fg_select_find("uniform"),
        .rule = {.params = P, .clients = CLIENTS, .lr = 1.0},
        .rule_ops = fg_rule_find(g->rule != NULL ? g->rule : "fedavg"),
        .hand_back = g->shorten != 0 || g->replayed != NULL,
    };
    assert_int_equal(fg_aggregator_create(&g->agg, &cfg, g->fleet, x, &err), FG_OK);
    g->seen.agg = g->agg;
}

static void drive(struct rig *g)
{
    struct fg_err err = {{0}};
    struct fg_timeline_virtual_config tcfg = {.update_bytes = 1000, .batch = 10, .samples = samples};
    struct fg_driver_hooks hooks = {
        .arg = &g->seen, .evaluate = on_evaluate, .committed = on_commit, .stopping = on_stopping};
    struct fg_timeline *line = NULL;
    struct fg_replay_record records[400];
    hooks.took = g->seen.record ? on_took : NULL;
    if (g->replayed == NULL) {
        assert_int_equal(
            fg_timeline_virtual_create(&line, g->fleet, &g->ex.base, &tcfg, fg_aggregator_now(g->agg)),
            FG_OK);
    } else {
        for (size_t i = 0; i < g->replayed->n_events; i++) {
            records[i] = (struct fg_replay_record){g->replayed->events[i].data, g->replayed->events[i].len};
        }
        assert_int_equal(fg_timeline_replay_create(&line, records, g->replayed->n_events, &g->ex.base,
                                                   fg_aggregator_now(g->agg)),
                         FG_OK);
    }
    enum fg_status st = fg_driver_run(g->agg, line, &hooks, &g->reason, &err);
    line->ops->destroy(line);
    if (st != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fg_aggregator_check(g->agg, &err), FG_OK);
    assert_int_equal(g->ex.n, 0); /* nothing is left held */
    assert_int_equal(g->ex.released, g->ex.submitted);
}

static void run_rig(struct rig *g, double over, fg_time_t deadline, uint32_t stop_after)
{
    struct fg_err err = {{0}};
    struct fg_fleet_spec spec;
    fg_fleet_spec_defaults(&spec);
    spec.clients = CLIENTS;
    spec.seed = 3;
    spec.speed_spread = 1.0;
    spec.start = 0;
    for (int i = 0; i < CLIENTS; i++) {
        steps[i] = 100;
        samples[i] = 10;
    }
    assert_int_equal(fg_fleet_create(&g->fleet, &spec, NULL, NULL, 0, &err), FG_OK);
    make_aggregator(g, over, deadline);
    g->ex = (struct fake){.base = {.ops = &fake_ops},
                          .spoil = g->spoil,
                          .lose = g->lose,
                          .shorten = g->shorten,
                          .wrong = g->wrong,
                          .waits = g->waits};
    g->seen.stop_after = stop_after;
    g->seen.stop_evaluation = g->stop_evaluation;
    drive(g);
}

static void free_rig(struct rig *g)
{
    for (size_t i = 0; i < g->seen.n_events; i++) {
        fg_str_fini(&g->seen.events[i]);
    }
    fg_aggregator_destroy(g->agg);
    fg_fleet_destroy(g->fleet);
}

static void every_round_uses_everyone_it_asked(void **state)
{
    (void)state;
    struct rig g = {0};
    run_rig(&g, 1.0, 0, 0);
    assert_int_equal(g.reason, FG_FINISH_ROUNDS);
    assert_int_equal(g.seen.rounds, 5);
    assert_int_equal(g.seen.used, 40);
    assert_int_equal(g.seen.evaluated, 3); /* after rounds 2, 4 and the last */
    assert_int_equal(g.ex.submitted, 40);
    free_rig(&g);
}

static void over_selection_computes_only_the_first_answers(void **state)
{
    (void)state;
    struct rig g = {0};
    run_rig(&g, 1.5, 0, 0);
    assert_int_equal(g.seen.used, 40);
    assert_int_equal(g.seen.late, 20);    /* 12 asked, 8 used, each of 5 rounds */
    assert_int_equal(g.ex.submitted, 40); /* the late ones cost virtual energy, but no real work */
    free_rig(&g);
}

static void a_deadline_makes_the_slow_late(void **state)
{
    (void)state;
    struct rig g = {0};
    run_rig(&g, 1.0, FG_SECOND / 2, 0); /* the median client needs half a second for 1000 samples */
    assert_true(g.seen.used > 5 && g.seen.late > 5);
    assert_int_equal(g.seen.used + g.seen.late, 40);
    assert_int_equal(g.ex.submitted, g.seen.used);
    free_rig(&g);
}

static void an_update_that_is_not_a_number_is_refused_and_another_counts(void **state)
{
    (void)state;
    struct rig g = {.spoil = 9}; /* the first, the tenth, ... */
    run_rig(&g, 1.5, 0, 0);
    assert_int_equal(g.seen.used, 40);
    assert_true(g.seen.late < 20); /* some of the late ones stepped in */
    assert_true(g.ex.submitted > 40);
    const float *x = fg_aggregator_params(g.agg);
    for (int i = 0; i < P; i++) {
        assert_true(isfinite(x[i]));
    }
    free_rig(&g);
}

/* workers.on_loss = ignore: the round goes on without what is lost,
 * or with the next of those asked too many. */
static void what_is_lost_with_its_worker_is_counted_and_the_round_goes_on(void **state)
{
    (void)state;
    struct rig g = {.lose = 5};
    run_rig(&g, 1.0, 0, 0);
    assert_int_equal(g.reason, FG_FINISH_ROUNDS);
    assert_int_equal(g.seen.rounds, 5);
    assert_int_equal(g.seen.lost, 8);
    assert_int_equal(g.seen.used, 32);
    free_rig(&g);
    g = (struct rig){.lose = 5};
    run_rig(&g, 1.5, 0, 0);
    assert_int_equal(g.seen.used, 40); /* the late ones stepped in */
    assert_true(g.seen.lost > 5 && g.seen.late < 20);
    assert_int_equal(g.seen.lost + g.seen.late, 20);
    free_rig(&g);
}

/* A partial update is used as the rule declares; and what happened is met again by a replay,
 * to the same parameters. */
static void partial_updates_are_used_as_the_rule_says_and_replayed(void **state)
{
    (void)state;
    for (size_t i = 0; fg_rule_list()[i] != NULL; i++) {
        const struct fg_rule_ops *rule = fg_rule_list()[i];
        bool refused = rule->partial == FG_PARTIAL_REFUSED;
        struct rig g = {.rule = rule->name, .lose = 7, .shorten = 4, .seen.record = true};
        run_rig(&g, 1.0, 0, 0);
        assert_int_equal(g.seen.partial, refused ? 0 : 9); /* of 40 asked: every fourth, unless it is lost */
        assert_int_equal(g.seen.lost, refused ? 14 : 5);
        assert_int_equal(g.seen.used, 40 - g.seen.lost);
        struct rig again = {.rule = rule->name, .replayed = &g.seen};
        run_rig(&again, 1.0, 0, 0);
        assert_int_equal(again.seen.rounds, 5);
        assert_int_equal(again.seen.partial, g.seen.partial);
        assert_int_equal(again.seen.lost, g.seen.lost);
        assert_memory_equal(fg_aggregator_params(again.agg), fg_aggregator_params(g.agg), P * sizeof(float));
        free_rig(&again);
        free_rig(&g);
    }
}

static void a_stop_ends_after_whole_rounds(void **state)
{
    (void)state;
    struct rig g = {0};
    run_rig(&g, 1.0, 0, 3);
    assert_int_equal(g.reason, FG_FINISH_STOPPED);
    assert_int_equal(g.seen.rounds, 3);
    assert_int_equal(fg_aggregator_version(g.agg), 3);
    free_rig(&g);
}

static void assert_same_state(struct fg_aggregator *a, struct fg_aggregator *b)
{
    struct fg_str of_a = {0}, of_b = {0};
    assert_int_equal(fg_aggregator_save(a, &of_a), FG_OK);
    assert_int_equal(fg_aggregator_save(b, &of_b), FG_OK);
    assert_int_equal(of_a.len, of_b.len);
    assert_memory_equal(of_a.data, of_b.data, of_a.len);
    fg_str_fini(&of_a);
    fg_str_fini(&of_b);
}

static void a_stopped_evaluation_is_made_when_the_run_goes_on(void **state)
{
    (void)state;
    struct fg_err err = {{0}};
    struct fg_str half = {0};
    struct rig a = {0}, b = {.stop_evaluation = 2}; /* after round 4 */
    run_rig(&a, 1.5, FG_SECOND, 0);
    run_rig(&b, 1.5, FG_SECOND, 0);
    assert_int_equal(b.reason, FG_FINISH_STOPPED);
    assert_int_equal(fg_aggregator_version(b.agg), 4);
    assert_int_equal(b.seen.rounds, 3); /* the fourth is not recorded yet */
    assert_true(fg_aggregator_pending(b.agg));
    assert_int_equal(fg_aggregator_save(b.agg, &half), FG_OK);
    fg_aggregator_destroy(b.agg);
    make_aggregator(&b, 1.5, FG_SECOND);
    for (size_t cut = 1; cut < half.len; cut += 97) { /* the new part is judged like the rest */
        assert_int_equal(fg_aggregator_load(b.agg, half.data, half.len - cut, &err), FG_E_CORRUPT);
        fg_aggregator_destroy(b.agg);
        make_aggregator(&b, 1.5, FG_SECOND);
    }
    assert_int_equal(fg_aggregator_load(b.agg, half.data, half.len, &err), FG_OK);
    drive(&b);
    assert_int_equal(b.seen.rounds, 5);
    assert_int_equal(b.seen.used, a.seen.used);
    assert_int_equal(b.seen.late, a.seen.late);
    assert_int_equal(b.seen.evaluated, a.seen.evaluated);
    assert_same_state(a.agg, b.agg);
    fg_str_fini(&half);
    free_rig(&a);
    free_rig(&b);
}

/* What was added of the open round is forgotten, and the round is run again. */
static void a_stop_while_updates_are_added_drops_the_open_round(void **state)
{
    (void)state;
    for (size_t wrong = 17; wrong <= 24; wrong++) { /* in the third round */
        struct fg_str half = {0};
        struct fg_err err = {{0}};
        struct rig a = {0}, b = {.wrong = wrong, .waits = wrong % 2 == 0};
        run_rig(&a, 1.5, FG_SECOND, 0);
        run_rig(&b, 1.5, FG_SECOND, 0);
        assert_int_equal(b.reason, FG_FINISH_STOPPED);
        assert_int_equal(b.seen.rounds, fg_aggregator_version(b.agg));
        assert_in_range(b.seen.rounds, 1, 4);
        assert_false(fg_aggregator_pending(b.agg));
        assert_int_equal(fg_aggregator_save(b.agg, &half), FG_OK);
        fg_aggregator_destroy(b.agg);
        make_aggregator(&b, 1.5, FG_SECOND);
        assert_int_equal(fg_aggregator_load(b.agg, half.data, half.len, &err), FG_OK);
        drive(&b);
        assert_int_equal(b.seen.rounds, 5);
        assert_same_state(a.agg, b.agg);
        fg_str_fini(&half);
        free_rig(&a);
        free_rig(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_gives_events_in_order_of_time_kind_and_id),
        cmocka_unit_test(every_round_uses_everyone_it_asked),
        cmocka_unit_test(over_selection_computes_only_the_first_answers),
        cmocka_unit_test(a_deadline_makes_the_slow_late),
        cmocka_unit_test(an_update_that_is_not_a_number_is_refused_and_another_counts),
        cmocka_unit_test(what_is_lost_with_its_worker_is_counted_and_the_round_goes_on),
        cmocka_unit_test(partial_updates_are_used_as_the_rule_says_and_replayed),
        cmocka_unit_test(a_stop_ends_after_whole_rounds),
        cmocka_unit_test(a_stopped_evaluation_is_made_when_the_run_goes_on),
        cmocka_unit_test(a_stop_while_updates_are_added_drops_the_open_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
