/* The aggregator core over thousands of random event orders, with no world, clock or numerics at all.
 *
 * A random opponent answers assignments in any order and at any time, loses some, repeats and misdirects
 * others, lets deadlines pass, stops and resumes; after every event the invariants are checked, and the
 * parameters are compared with a naive twin that adds up the updates that were accepted.
 */
#include "tests/lib/any_config.h"
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "src/aggregator/core.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

enum { CLIENTS = ANY_CLIENTS, PARAMS = ANY_PARAMS };

struct open_task {
    struct fg_task task;
    fg_time_t begin;
};

struct world {
    struct fg_rng rng;
    struct fg_aggregator *agg;
    struct fg_fleet *fleet;
    struct any_config any;
    struct fg_aggregator_config cfg; /* of it */
    struct open_task open[CLIENTS];
    size_t n_open;
    uint64_t done_id[4096];
    size_t n_done;
    fg_time_t now, wake, deadline;
    bool asleep, finished, committed, beginning;
    uint64_t asked; /* losses, in this process */
    uint64_t commits;
    bool twin;                  /* knows only fedavg, with weights that the policy leaves alone */
    double sum[PARAMS], weight; /* the naive twin */
    float x[PARAMS];
    /* of the models after rounds in which an update counted, model s weighing s (s + 1) ... (s + 7) */
    struct twin_mean {
        double sum[PARAMS], weight;
        uint64_t taken;
    } mean, saved_mean;
    struct fg_str saved; /* at the last commit */
    float saved_x[PARAMS];
    float rows[CLIENTS][PARAMS], kept[CLIENTS][PARAMS]; /* of rules that keep something of each client */
    uint8_t changed[CLIENTS];
    uint64_t saved_commits;
};

static void check(struct world *w)
{
    struct fg_err err = {{0}};
    if (fg_aggregator_check(w->agg, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fg_aggregator_version(w->agg), w->commits);
    if (w->twin && !w->cfg.average) {
        assert_memory_equal(fg_aggregator_params(w->agg), w->x, sizeof w->x);
    }
    for (int i = 0; w->mean.taken > 0 && i < PARAMS; i++) {
        double want = w->mean.sum[i] / w->mean.weight;
        fg_assert_close((double)fg_aggregator_params(w->agg)[i], want, 1e-6 * (1.0 + fabs(want)));
    }
}

/* The newest model is what goes down, unless that is rounded. */
static void average_naively(struct world *w)
{
    size_t n;
    const struct fg_participation *rows = fg_aggregator_participation(w->agg, &n);
    bool counted = false;
    for (size_t i = 0; i < n; i++) {
        counted = counted || rows[i].verdict == FG_VERDICT_USED || rows[i].verdict == FG_VERDICT_PARTIAL;
    }
    if (!w->cfg.average || w->cfg.down.codec != NULL || !counted) {
        return;
    }
    const float *x = fg_aggregator_start_of(w->agg, 0, w->commits);
    double weight = 1.0;
    w->mean.taken++;
    for (uint64_t k = 0; k < 8; k++) {
        weight *= (double)(w->mean.taken + k);
    }
    w->mean.weight += weight;
    for (int i = 0; i < PARAMS; i++) {
        w->mean.sum[i] += weight * (double)x[i];
    }
}

static void naive_commit(struct world *w)
{
    if (w->weight > 0.0) {
        for (int i = 0; i < PARAMS; i++) {
            w->x[i] = (float)((double)w->x[i] - 1.0 * (w->sum[i] / w->weight));
        }
    }
    memset(w->sum, 0, sizeof w->sum);
    w->weight = 0.0;
    w->commits++;
}

static void send(struct world *w, const struct fg_event *ev);

static size_t find_open(const struct world *w, uint64_t id)
{
    for (size_t i = 0; i < w->n_open; i++) {
        if (w->open[i].task.id == id) {
            return i;
        }
    }
    fail_msg("task %llu was cancelled but is not open", (unsigned long long)id);
    return 0;
}

static struct open_task take_open(struct world *w, size_t i)
{
    struct open_task t = w->open[i];
    w->open[i] = w->open[--w->n_open];
    w->done_id[w->n_done++ % 4096] = t.task.id;
    return t;
}

static struct fg_outcome outcome_of(const struct world *w, const struct open_task *t,
                                    enum fg_outcome_kind kind, uint32_t steps)
{
    return (struct fg_outcome){.kind = kind,
                               .download_done = true,
                               .steps = steps,
                               .t_begin = t->begin,
                               .t_end = w->now,
                               .compute_us = w->now - t->begin,
                               .bytes_down = 100,
                               .bytes_up = 50};
}

/* A task's data: its client's own, or where they may go; copies alone share them. */
static void check_shard(const struct world *w, const struct fg_task *t)
{
    const struct fg_move_config *m = &w->cfg.move;
    uint32_t copies = 0;
    assert_true(t->shard < CLIENTS);
    assert_true(t->shard == t->client || w->any.allowed[t->shard] != 0);
    assert_true(t->shard == t->client || m->how != FG_MOVE_OWN || m->copies > 1);
    for (size_t i = 0; i < w->n_open; i++) {
        const struct fg_task *other = &w->open[i].task;
        if (other->shard == t->shard) {
            copies++;
            assert_int_equal(other->round, t->round);
            assert_int_equal(other->number, t->number);
            assert_int_equal(other->steps, t->steps);
            assert_int_equal(other->version, t->version);
        }
    }
    assert_true(copies == 0 || copies < m->copies);
}

/* No shard counts twice in a round. */
static void check_counted(const struct world *w)
{
    size_t n;
    const struct fg_participation *rows = fg_aggregator_participation(w->agg, &n);
    uint8_t counted[CLIENTS] = {0};
    for (size_t i = 0; i < n; i++) {
        if (rows[i].verdict == FG_VERDICT_USED || rows[i].verdict == FG_VERDICT_PARTIAL) {
            assert_int_equal(counted[rows[i].shard]++, 0);
        }
    }
}

/* By name; 0: nothing, as nobody does but where the codec has them. */
static uint64_t what_it_keeps(const struct world *w, uint32_t client)
{
    const uint64_t *keeps = fg_aggregator_keeps_of(w->agg);
    assert_int_equal(keeps != NULL, w->cfg.keeping != FG_KEEPING_NONE);
    return keeps != NULL ? keeps[client] : 0;
}

static void perform(struct world *w, const struct fg_action *a)
{
    switch (a->kind) {
    case FG_ACTION_WAKE_AT:
        assert_true(a->at >= w->now);
        w->wake = a->at;
        w->asleep = true;
        break;
    case FG_ACTION_ASSIGN:
        assert_true(w->n_open < CLIENTS);
        assert_true(w->cfg.rule_ops->own_start || a->at < w->now || w->beginning
                        ? a->task.version <= w->commits
                        : a->task.version == w->commits);
        assert_true(w->commits - a->task.version <= w->cfg.staleness || w->cfg.rule_ops->own_start);
        for (size_t i = 0; i < w->n_open; i++) {
            assert_int_not_equal(w->open[i].task.client, a->task.client);
        }
        check_shard(w, &a->task);
        assert_int_equal(a->task.kept, a->task.kind == FG_TASK_TRAIN ? what_it_keeps(w, a->task.client) : 0);
        w->open[w->n_open++] = (struct open_task){a->task, a->at};
        w->asked += a->task.kind == FG_TASK_EVALUATE;
        break;
    case FG_ACTION_DEADLINE_AT:
        w->deadline = a->at;
        break;
    case FG_ACTION_CANCEL: {
        struct open_task t = take_open(w, find_open(w, a->id));
        struct fg_outcome o = outcome_of(w, &t, FG_OUTCOME_CUT, t.task.steps / 2);
        send(w, &(struct fg_event){.kind = FG_EVENT_LOST, .now = w->now, .id = a->id, .outcome = &o});
        break;
    }
    case FG_ACTION_COMMIT:
        assert_true(w->n_open == 0 || fg_aggregator_keeps(w->agg));
        check_counted(w);
        naive_commit(w);
        average_naively(w);
        w->committed = true;
        break;
    case FG_ACTION_FINISH:
        assert_true(w->n_open == 0 || a->reason == FG_FINISH_STOPPED);
        w->finished = true;
        break;
    }
}

static void send(struct world *w, const struct fg_event *ev)
{
    struct fg_actions acts = {0};
    assert_int_equal(fg_aggregator_step(w->agg, ev, &acts), FG_OK);
    for (size_t i = 0; i < acts.n; i++) {
        perform(w, &acts.a[i]);
    }
    fg_actions_fini(&acts);
}

static void answer(struct world *w, bool lost)
{
    struct open_task t = take_open(w, fg_rng_below(&w->rng, (uint32_t)w->n_open));
    bool train = t.task.kind == FG_TASK_TRAIN;
    bool partial = fg_rng_below(&w->rng, 4) == 0 && t.task.steps > 1 && train;
    uint32_t steps = partial ? 1 + fg_rng_below(&w->rng, t.task.steps - 1) : train ? t.task.steps : 0;
    struct fg_outcome o = outcome_of(w, &t,
                                     lost      ? FG_OUTCOME_LEFT
                                     : partial ? FG_OUTCOME_PARTIAL
                                               : FG_OUTCOME_ARRIVED,
                                     steps);
    if (lost) {
        send(w, &(struct fg_event){.kind = FG_EVENT_LOST, .now = w->now, .id = t.task.id, .outcome = &o});
        return;
    }
    float delta[PARAMS];
    for (int i = 0; i < PARAMS; i++) {
        delta[i] = (float)(fg_rng_uniform(&w->rng) - 0.5);
    }
    bool broken = fg_rng_below(&w->rng, 20) == 0;
    if (broken) {
        delta[fg_rng_below(&w->rng, PARAMS)] = fg_rng_below(&w->rng, 2) == 0 ? NAN : -INFINITY;
    }
    if (train && !broken && (!partial || w->cfg.hand_back)) {
        double weight = (double)w->any.samples[t.task.client];
        for (int i = 0; i < PARAMS; i++) {
            w->sum[i] += weight * (double)delta[i];
        }
        w->weight += weight;
    }
    struct fg_result r = {.id = t.task.id,
                          .client = t.task.client,
                          .steps = steps,
                          .loss = fg_rng_uniform(&w->rng),
                          .delta = train ? delta : NULL,
                          .kept = train && w->cfg.keeping != FG_KEEPING_NONE ? t.task.id + 1 : 0,
                          .wire_bytes = 50};
    send(w, &(struct fg_event){
                .kind = FG_EVENT_RESULT, .now = w->now, .id = t.task.id, .result = &r, .outcome = &o});
}

/* Something that must be refused and must change nothing. */
static void misbehave(struct world *w)
{
    struct fg_actions acts = {0};
    struct fg_outcome o = {0};
    struct fg_result r = {.steps = 1};
    uint64_t id = fg_rng_below(&w->rng, 2) == 0 || w->n_done == 0
                      ? 1000000 + fg_rng_below(&w->rng, 9)
                      : w->done_id[fg_rng_below(&w->rng, (uint32_t)(w->n_done < 4096 ? w->n_done : 4096))];
    struct fg_event ev = {.kind = FG_EVENT_RESULT, .now = w->now, .id = id, .result = &r, .outcome = &o};
    ev.kind = fg_rng_below(&w->rng, 2) == 0 ? FG_EVENT_RESULT : FG_EVENT_LOST;
    assert_int_equal(fg_aggregator_step(w->agg, &ev, &acts), FG_E_STALE);
    assert_int_equal(acts.n, 0);
    ev.kind = w->asleep ? FG_EVENT_DEADLINE : FG_EVENT_WAKE;
    assert_int_equal(fg_aggregator_step(w->agg, &ev, &acts), FG_E_USAGE);
    ev.kind = FG_EVENT_STOP;
    ev.now = fg_aggregator_now(w->agg) - 1;
    assert_int_equal(fg_aggregator_step(w->agg, &ev, &acts), FG_E_USAGE);
    fg_actions_fini(&acts);
}

static void begin(struct world *w)
{
    struct fg_actions acts = {0};
    assert_int_equal(fg_aggregator_begin(w->agg, &acts), FG_OK);
    w->beginning = true;
    for (size_t i = 0; i < acts.n; i++) {
        perform(w, &acts.a[i]);
    }
    w->beginning = false;
    fg_actions_fini(&acts);
}

/* Only the rows that a commit says it changed are kept, as a checkpoint does. */
static void keep_rows(struct world *w)
{
    for (uint32_t c = 0; c < CLIENTS; c++) {
        if (w->changed[c] != 0) {
            memcpy(w->kept[c], w->rows[c], sizeof w->rows[c]);
            w->changed[c] = 0;
        }
    }
}

static void save(struct world *w)
{
    w->saved.len = 0;
    keep_rows(w);
    assert_int_equal(fg_aggregator_save(w->agg, &w->saved), FG_OK);
    memcpy(w->saved_x, w->x, sizeof w->x);
    w->saved_mean = w->mean;
    w->saved_commits = w->commits;
}

/* Whoever held what clients keep is gone, as in a run that goes on; a checkpoint says so. */
static void forget(struct world *w)
{
    send(w, &(struct fg_event){.kind = FG_EVENT_FORGET, .now = fg_aggregator_now(w->agg)});
    for (uint32_t c = 0; c < CLIENTS; c++) {
        assert_int_equal(what_it_keeps(w, c), 0);
    }
    assert_false(fg_aggregator_forgets(w->agg));
    save(w);
}

/* Stop in the middle, throw the aggregator away, load the last commit: as if the open round had never
 * been. */
static void stop_and_resume(struct world *w)
{
    struct fg_err err = {{0}};
    send(w, &(struct fg_event){.kind = FG_EVENT_STOP, .now = w->now});
    assert_true(w->finished);
    struct fg_str now = {0};
    assert_int_equal(fg_aggregator_save(w->agg, &now), FG_OK);
    assert_int_equal(now.len, w->saved.len);
    assert_memory_equal(now.data, w->saved.data, now.len);
    fg_str_fini(&now);
    assert_memory_equal(w->rows, w->kept, sizeof w->rows);
    fg_aggregator_destroy(w->agg);
    float zero[PARAMS] = {0};
    assert_int_equal(fg_aggregator_create(&w->agg, &w->cfg, w->fleet, zero, &err), FG_OK);
    assert_int_equal(fg_aggregator_load(w->agg, w->saved.data, w->saved.len, &err), FG_OK);
    struct fg_str again = {0}; /* what was loaded is what was saved */
    assert_int_equal(fg_aggregator_save(w->agg, &again), FG_OK);
    assert_int_equal(again.len, w->saved.len);
    assert_memory_equal(again.data, w->saved.data, again.len);
    fg_str_fini(&again);
    memcpy(w->x, w->saved_x, sizeof w->x);
    w->mean = w->saved_mean;
    w->commits = w->saved_commits;
    w->n_open = w->n_done = 0; /* ids of the dropped round are given again */
    memset(w->sum, 0, sizeof w->sum);
    w->weight = 0.0;
    w->finished = w->asleep = false;
    w->now = fg_aggregator_now(w->agg);
    assert_true(!fg_aggregator_forgets(w->agg) || w->cfg.keeping == FG_KEEPING_AWAY);
    if (fg_aggregator_forgets(w->agg)) {
        forget(w);
    }
    begin(w);
}

static void wake(struct world *w)
{
    uint32_t up[CLIENTS];
    size_t n = 0;
    for (uint32_t c = 0; c < CLIENTS; c++) {
        if (fg_rng_below(&w->rng, 3) != 0) {
            up[n++] = c;
        }
    }
    if (fg_rng_below(&w->rng, 6) == 0) {
        n = 0;
    }
    w->now = w->wake;
    w->asleep = false;
    w->deadline = FG_NEVER;
    send(w, &(struct fg_event){.kind = FG_EVENT_WAKE, .now = w->now, .available = up, .n_available = n});
}

static void advance(struct world *w)
{
    fg_time_t next = w->now + (fg_time_t)fg_rng_below(&w->rng, 100) * FG_SECOND;
    w->now = next < w->deadline ? next : w->deadline;
}

static void act_once(struct world *w)
{
    uint32_t dice = fg_rng_below(&w->rng, 100);
    if (w->committed) {
        w->committed = false;
        struct fg_event ev = {.kind = FG_EVENT_EVALUATED, .now = w->now};
        ev.evaluation.have = dice < 50;
        ev.evaluation.accuracy = (double)dice / 100.0;
        send(w, &ev);
        save(w);
    } else if (dice < 10) {
        misbehave(w);
    } else if (dice < 13) {
        stop_and_resume(w);
    } else if (w->asleep && w->n_open > 0 && dice < 40) {
        answer(w, dice > 35); /* of an earlier round */
    } else if (w->asleep) {
        wake(w);
    } else if (w->deadline != FG_NEVER && (dice < 18 || w->now >= w->deadline)) {
        w->now = w->deadline;
        send(w, &(struct fg_event){.kind = FG_EVENT_DEADLINE, .now = w->now});
        assert_true(w->committed); /* whoever is silent, the round ends here */
    } else {
        advance(w);
        if (w->n_open > 0 && w->now < w->deadline) {
            answer(w, dice > 80);
        }
    }
}

static void random_event_orders_keep_every_invariant(void **state)
{
    (void)state;
    const char *only = getenv("FG_TEST_SEED");
    uint32_t first = only != NULL ? (uint32_t)strtoul(only, NULL, 10) : 0,
             last = only != NULL ? first + 1 : (uint32_t)fg_test_iters(3000);
    for (uint32_t seed = first; seed < last; seed++) {
        struct world *w = fg_calloc(1, sizeof *w);
        struct fg_err err = {{0}};
        float zero[PARAMS] = {0};
        assert_non_null(w);
        fg_rng_init(&w->rng, seed, FG_RNG_TEST, 0, 0);
        any_config(&w->any, &w->rng, seed);
        w->cfg = w->any.cfg;
        w->cfg.rule.rows = (struct fg_rule_rows){w->rows[0], w->changed};
        w->twin = w->any.plain && w->cfg.rule_ops == fg_rule_find("fedavg");
        struct fg_fleet_spec spec;
        fg_fleet_spec_defaults(&spec);
        spec.clients = CLIENTS;
        spec.seed = seed;
        spec.start = w->cfg.start;
        assert_int_equal(fg_fleet_create(&w->fleet, &spec, NULL, NULL, 0, &err), FG_OK);
        assert_int_equal(fg_aggregator_create(&w->agg, &w->cfg, w->fleet, zero, &err), FG_OK);
        w->now = w->cfg.start;
        w->deadline = FG_NEVER;
        save(w);
        begin(w);
        for (int i = 0; i < 4000 && !w->finished; i++) {
            act_once(w);
            check(w);
        }
        if (!w->finished) {
            fail_msg("seed %u: the run did not finish", seed);
        }
        fg_aggregator_destroy(w->agg);
        fg_fleet_destroy(w->fleet);
        fg_str_fini(&w->saved);
        fg_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_event_orders_keep_every_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
