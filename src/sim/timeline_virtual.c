/* Virtual time: outcomes are foreseen from traces and models, and the clock jumps from event to event. */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/sim/timeline_base.h"
#include "src/worker/trainer.h"

struct timeline {
    struct fg_line line;
    const struct fg_fleet *fleet;
    struct fg_timeline_virtual_config cfg;
    uint32_t *available; /* (clients) */
    fg_time_t *until;    /* (clients) up to when those that were up at `seen` stay */
    fg_time_t seen;
    struct fg_task *cohort;
    size_t *order;
    size_t cap_cohort, cap_order;
    struct fg_result result; /* of the event handed out last */
    struct fg_outcome outcome;
};

static bool arrives(const struct fg_flight *f)
{
    return f->outcome.kind == FG_OUTCOME_ARRIVED || f->outcome.kind == FG_OUTCOME_PARTIAL;
}

/* Training: the mean over an epoch, whose last batch may be smaller. Evaluation: all of it, as samples that
 * are trained; forward alone is a third of forward and backward. */
static double samples_per_step(const struct timeline *t, const struct fg_task *task)
{
    uint32_t n = t->cfg.samples[task->shard], steps = fg_local_steps(n, t->cfg.batch, 1, 0);
    if (task->kind == FG_TASK_EVALUATE) {
        return (double)fg_evaluated(task, n) / 3.0;
    }
    return steps > 0 ? (double)n / (double)steps : 0.0;
}

/* Whether there is something to compute. */
static bool computes(const struct fg_flight *f)
{
    return f->task.kind == FG_TASK_EVALUATE || f->outcome.steps > 0;
}

static enum fg_status assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct timeline *t = (struct timeline *)base;
    enum fg_status st = fg_line_assign(base, action);
    if (st != FG_OK) {
        return st;
    }
    struct fg_flight *f = &t->line.flights[t->line.n_flights - 1];
    bool train = f->task.kind == FG_TASK_TRAIN;
    uint32_t c = f->task.client;
    const struct fg_assignment a = {.client = c,
                                    .steps = train ? f->task.steps : 0,
                                    .samples_per_step = samples_per_step(t, &f->task),
                                    .bytes_down = action->bytes_down,
                                    .bytes_up = train ? action->bytes_up : FG_ANSWER_BYTES,
                                    .t_assign = action->at,
                                    .until = action->at == t->seen ? t->until[c] : action->at,
                                    .hand_back = train && t->cfg.hand_back};
    fg_world_outcome(t->fleet, &a, &f->outcome);
    return fg_line_expect(&t->line, f, arrives(f));
}

/* ---- the cohort ---- */

static int by_arrival(const void *a, const void *b, void *arg)
{
    const struct fg_flight *flights = arg;
    size_t i, j;
    memcpy(&i, a, sizeof i);
    memcpy(&j, b, sizeof j);
    fg_time_t x = flights[i].outcome.t_end, y = flights[j].outcome.t_end;
    return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

static int by_version(const void *a, const void *b, void *arg)
{
    const struct fg_flight *flights = arg;
    size_t i, j;
    memcpy(&i, a, sizeof i);
    memcpy(&j, b, sizeof j);
    uint64_t x = flights[i].task.version, y = flights[j].task.version;
    return x != y ? (x > y) - (x < y) : by_arrival(a, b, arg);
}

/* Numbers of the fresh flights whose results will count into t->order: the first `goal` to arrive before the
 * deadline, or all where none are called off. In the order in which results are taken in, so that few wait,
 * those of one version together. */
static enum fg_status choose(struct timeline *t, size_t goal, bool all, size_t *count)
{
    size_t n = 0;
    for (size_t i = t->line.fresh; i < t->line.n_flights; i++) {
        const struct fg_flight *f = &t->line.flights[i];
        if (arrives(f) && (all || f->outcome.t_end <= t->line.deadline) && computes(f)) {
            enum fg_status st = FG_GROW(t->order, n, t->cap_order);
            if (st != FG_OK) {
                return st;
            }
            t->order[n++] = i;
        }
    }
    if (n > 0) {
        qsort_r(t->order, n, sizeof *t->order, by_arrival, t->line.flights);
        n = all || n < goal ? n : goal;
        qsort_r(t->order, n, sizeof *t->order, by_version, t->line.flights);
    }
    *count = n;
    return FG_OK;
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    size_t n = 0;
    t->line.agg = agg;
    if (t->line.ex == NULL) {
        t->line.fresh = t->line.n_flights;
        return FG_OK;
    }
    if (t->line.fresh == t->line.n_flights) {
        return FG_OK;
    }
    enum fg_status st = choose(t, fg_aggregator_goal(agg), fg_aggregator_keeps(agg), &n);
    t->line.fresh = t->line.n_flights;
    while (st == FG_OK && t->cap_cohort < n) {
        st = fg_grow(&t->cohort, &t->cap_cohort, sizeof *t->cohort);
    }
    if (st != FG_OK || n == 0) {
        return st;
    }
    for (size_t k = 0; k < n; k++) {
        struct fg_flight *f = &t->line.flights[t->order[k]];
        t->cohort[k] = f->task;
        if (f->task.kind == FG_TASK_TRAIN) {
            t->cohort[k].steps = f->outcome.steps; /* a client that leaves early does fewer */
        }
        f->submitted = true;
    }
    for (size_t k = 0, end; k < n && st == FG_OK;
         k = end) { /* those that start from the same version together */
        for (end = k + 1; end < n && t->cohort[end].version == t->cohort[k].version;) {
            end++;
        }
        st = fg_line_publish(&t->line, &t->cohort[k], err);
        st = st == FG_OK ? t->line.ex->ops->submit(t->line.ex, t->cohort + k, end - k, err) : st;
    }
    return st;
}

/* ---- the round's end ---- */

static void cancel(struct fg_timeline *base, uint64_t id, struct fg_outcome *spent)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_flight *f = fg_line_find(&t->line, id);
    FG_ASSERT(f != NULL);
    f->live = false;
    *spent = f->outcome;
    fg_world_cut(t->fleet, f->task.client, samples_per_step(t, &f->task), t->line.now, spent);
}

/* ---- events ---- */

/* workers.on_loss = ignore: what the traces had arrive was lost with its worker before it was sent up. */
static void lose(struct timeline *t, struct fg_flight *f, struct fg_event *ev)
{
    ev->kind = FG_EVENT_LOST;
    t->outcome.kind = FG_OUTCOME_LEFT;
    t->outcome.upload_us = 0;
    t->outcome.bytes_up = 0;
    f->submitted = false;
    t->line.ex->ops->release(t->line.ex, f->task.id); /* should it still come, it is too late */
}

/* Its worker had to go and handed back fewer steps than the traces allowed for. */
static void shorten(struct timeline *t)
{
    t->outcome.kind = FG_OUTCOME_PARTIAL;
    t->outcome.compute_us =
        (fg_time_t)((double)t->outcome.compute_us * t->result.steps / (double)t->outcome.steps);
    t->outcome.steps = t->result.steps;
}

static const float nothing; /* an update without parameters */

static enum fg_status fill_result(struct timeline *t, struct fg_flight *f, struct fg_event *ev,
                                  struct fg_err *err)
{
    enum fg_status st = FG_OK;
    t->result = (struct fg_result){.id = f->task.id, .client = f->task.client};
    ev->result = &t->result;
    if (t->line.ex == NULL) { /* done, and nothing is known of it */
        t->result.steps = f->outcome.steps;
        t->result.samples = t->cfg.samples[f->task.shard];
        t->result.loss = FG_LOSS_UNKNOWN;
        t->result.delta = &nothing;
        return FG_OK;
    }
    if (!f->submitted && computes(f)) { /* an earlier one was refused, so this one counts after all */
        st = fg_line_submit(&t->line, f, f->outcome.steps, err);
    }
    if (st == FG_OK && f->submitted) {
        st = t->line.ex->ops->collect(t->line.ex, f->task.id, &t->result, err);
    }
    if (st == FG_E_LOST) {
        lose(t, f, ev);
        return FG_OK;
    }
    if (st == FG_OK && t->result.steps > f->outcome.steps) {
        st = fg_fail(err, FG_E_INTERNAL, "task %llu of client %u did %u steps, expected at most %u",
                     (unsigned long long)f->task.id, f->task.client, t->result.steps, f->outcome.steps);
    }
    if (st == FG_OK && t->result.steps < f->outcome.steps) {
        shorten(t);
    }
    return st;
}

/* Who is up when a round begins; only they are given tasks then. */
static void see(struct timeline *t, struct fg_event *ev)
{
    ev->available = t->available;
    if (ev->kind == FG_EVENT_WAKE) {
        ev->n_available = fg_fleet_available(t->fleet, ev->now, t->available, t->until);
        t->seen = ev->now;
    }
}

static enum fg_status next(struct fg_timeline *base, struct fg_event *ev, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_flight *f = NULL;
    enum fg_status st = fg_line_pop(&t->line, ev, &f, err);
    st = st == FG_OK ? fg_fleet_covers(t->fleet, ev->now, err) : st;
    if (st != FG_OK) {
        return st; /* nothing is decided, or paid for, where a trace says nothing */
    }
    t->line.now = ev->now;
    if (f == NULL) {
        see(t, ev);
        return FG_OK;
    }
    f->live = false;
    t->outcome = f->outcome;
    ev->outcome = &t->outcome;
    return ev->kind == FG_EVENT_RESULT ? fill_result(t, f, ev, err) : FG_OK;
}

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    fg_line_fini(&t->line);
    fg_free(t->available);
    fg_free(t->until);
    fg_free(t->cohort);
    fg_free(t->order);
    fg_free(t);
}

static const struct fg_timeline_ops virtual_ops = {
    .now = fg_line_now,
    .wake_at = fg_line_wake_at,
    .deadline_at = fg_line_deadline_at,
    .assign = assign,
    .settle = settle,
    .cancel = cancel,
    .closed = fg_line_closed,
    .next = next,
    .taken = fg_line_taken,
    .destroy = destroy,
};

enum fg_status fg_timeline_virtual_create(struct fg_timeline **out, const struct fg_fleet *fleet,
                                          struct fg_executor *ex,
                                          const struct fg_timeline_virtual_config *cfg, fg_time_t start)
{
    struct timeline *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return FG_E_NOMEM;
    }
    *t = (struct timeline){.fleet = fleet, .cfg = *cfg, .seen = FG_NEVER};
    fg_line_init(&t->line, &virtual_ops, ex, start);
    t->available = fg_calloc(fg_fleet_clients(fleet), sizeof *t->available);
    t->until = fg_calloc(fg_fleet_clients(fleet), sizeof *t->until);
    if (t->available == NULL || t->until == NULL) {
        destroy(&t->line.base);
        return FG_E_NOMEM;
    }
    *out = &t->line.base;
    return FG_OK;
}
