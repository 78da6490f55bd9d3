/* Virtual time: outcomes are foreseen from traces and models, and the clock jumps from event to event. */
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/sim/queue.h"
#include "src/sim/timeline.h"
#include "src/worker/trainer.h"

/* A task on its way: where its event will come from. */
struct flight {
    struct fg_task task;
    struct fg_outcome outcome; /* as the traces have it */
    bool live;                 /* its event is still due */
    bool submitted;            /* the executor has it */
};

struct timeline {
    struct fg_timeline base;
    const struct fg_fleet *fleet;
    struct fg_executor *ex;
    struct fg_timeline_virtual_config cfg;
    struct fg_queue queue;
    struct flight *flights;               /* (n_flights), task ids first_id .. */
    size_t n_flights, cap_flights, fresh; /* fresh: flights from here on are not settled */
    uint64_t first_id;
    uint32_t *available; /* (clients) */
    struct fg_task *cohort;
    size_t *order;
    size_t cap_cohort, cap_order;
    fg_time_t now, deadline;
    uint64_t published;
    bool have_published;
    struct fg_result result; /* of the event handed out last */
    struct fg_outcome outcome;
};

static bool arrives(const struct flight *f)
{
    return f->outcome.kind == FG_OUTCOME_ARRIVED || f->outcome.kind == FG_OUTCOME_PARTIAL;
}

static struct flight *find(struct timeline *t, uint64_t id)
{
    FG_ASSERT(id >= t->first_id && id - t->first_id < t->n_flights);
    return &t->flights[id - t->first_id];
}

/* The mean over an epoch, whose last batch may be smaller. */
static double samples_per_step(const struct timeline *t, uint32_t client)
{
    uint32_t n = t->cfg.samples[client], steps = fg_local_steps(n, t->cfg.batch, 1, 0);
    return steps > 0 ? (double)n / (double)steps : 0.0;
}

static fg_time_t now(const struct fg_timeline *base)
{
    return ((const struct timeline *)base)->now;
}

static enum fg_status wake_at(struct fg_timeline *base, fg_time_t at)
{
    struct timeline *t = (struct timeline *)base;
    return fg_queue_push(&t->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_WAKE});
}

static enum fg_status deadline_at(struct fg_timeline *base, fg_time_t at)
{
    struct timeline *t = (struct timeline *)base;
    t->deadline = at;
    return fg_queue_push(&t->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_DEADLINE});
}

static enum fg_status assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct timeline *t = (struct timeline *)base;
    if (t->n_flights == 0) {
        t->first_id = action->task.id;
    }
    enum fg_status st = FG_GROW(t->flights, t->n_flights, t->cap_flights);
    if (st != FG_OK) {
        return st;
    }
    struct flight *f = &t->flights[t->n_flights++];
    *f = (struct flight){.task = action->task, .live = true};
    fg_world_outcome(t->fleet, f->task.client, action->at, action->bytes_down, f->task.steps,
                     samples_per_step(t, f->task.client), t->cfg.update_bytes, t->cfg.hand_back, &f->outcome);
    return fg_queue_push(&t->queue,
                         (struct fg_queue_entry){.at = f->outcome.t_end,
                                                 .kind = arrives(f) ? FG_EVENT_RESULT : FG_EVENT_LOST,
                                                 .id = f->task.id});
}

/* ---- the cohort ---- */

static int by_arrival(const void *a, const void *b, void *arg)
{
    const struct flight *flights = arg;
    size_t i, j;
    memcpy(&i, a, sizeof i);
    memcpy(&j, b, sizeof j);
    fg_time_t x = flights[i].outcome.t_end, y = flights[j].outcome.t_end;
    return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

static int by_number(const void *a, const void *b)
{
    size_t i, j;
    memcpy(&i, a, sizeof i);
    memcpy(&j, b, sizeof j);
    return (i > j) - (i < j);
}

/* Numbers of the fresh flights whose results will count, the first `goal` to arrive before the deadline, in the
 * order of their ids, into t->order. */
static enum fg_status choose(struct timeline *t, size_t goal, size_t *count)
{
    size_t n = 0;
    for (size_t i = t->fresh; i < t->n_flights; i++) {
        const struct flight *f = &t->flights[i];
        if (arrives(f) && f->outcome.t_end <= t->deadline && f->outcome.steps > 0) {
            enum fg_status st = FG_GROW(t->order, n, t->cap_order);
            if (st != FG_OK) {
                return st;
            }
            t->order[n++] = i;
        }
    }
    if (n > 0) {
        qsort_r(t->order, n, sizeof *t->order, by_arrival, t->flights);
        n = n < goal ? n : goal;
        qsort(t->order, n, sizeof *t->order, by_number);
    }
    *count = n;
    return FG_OK;
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    size_t n = 0;
    if (t->fresh == t->n_flights) {
        return FG_OK;
    }
    enum fg_status st = choose(t, fg_aggregator_goal(agg), &n);
    t->fresh = t->n_flights;
    while (st == FG_OK && t->cap_cohort < n) {
        st = fg_grow(&t->cohort, &t->cap_cohort, sizeof *t->cohort);
    }
    if (st != FG_OK || n == 0) {
        return st;
    }
    for (size_t k = 0; k < n; k++) {
        struct flight *f = &t->flights[t->order[k]];
        t->cohort[k] = f->task;
        t->cohort[k].steps = f->outcome.steps; /* a client that leaves early does fewer */
        f->submitted = true;
    }
    uint64_t version = fg_aggregator_version(agg);
    if (!t->have_published || t->published != version) {
        st = t->ex->ops->publish(t->ex, version, fg_aggregator_params(agg), err);
        t->have_published = st == FG_OK;
        t->published = version;
    }
    return st == FG_OK ? t->ex->ops->submit(t->ex, t->cohort, n, err) : st;
}

/* ---- the round's end ---- */

static void cancel(struct fg_timeline *base, uint64_t id, struct fg_outcome *spent)
{
    struct timeline *t = (struct timeline *)base;
    struct flight *f = find(t, id);
    f->live = false;
    *spent = f->outcome;
    fg_world_cut(t->fleet, f->task.client, samples_per_step(t, f->task.client), t->now, spent);
}

static void closed(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    for (size_t i = 0; i < t->n_flights; i++) {
        if (t->flights[i].submitted) {
            t->ex->ops->release(t->ex, t->flights[i].task.id);
        }
    }
    t->n_flights = t->fresh = 0;
    t->deadline = FG_NEVER;
    fg_queue_clear(&t->queue);
}

/* ---- events ---- */

static enum fg_status fill_result(struct timeline *t, struct flight *f, struct fg_event *ev,
                                  struct fg_err *err)
{
    enum fg_status st = FG_OK;
    t->result = (struct fg_result){.id = f->task.id, .client = f->task.client};
    if (!f->submitted &&
        f->outcome.steps > 0) { /* an earlier one was refused, so this one counts after all */
        struct fg_task task = f->task;
        task.steps = f->outcome.steps;
        st = t->ex->ops->submit(t->ex, &task, 1, err);
        f->submitted = st == FG_OK;
    }
    if (st == FG_OK && f->submitted) {
        st = t->ex->ops->collect(t->ex, f->task.id, &t->result, err);
    }
    if (st == FG_OK && t->result.steps != f->outcome.steps) {
        st = fg_fail(err, FG_E_INTERNAL, "task %llu of client %u did %u steps, expected %u",
                     (unsigned long long)f->task.id, f->task.client, t->result.steps, f->outcome.steps);
    }
    ev->result = &t->result;
    return st;
}

static enum fg_status next(struct fg_timeline *base, struct fg_event *ev, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_queue_entry e;
    struct flight *f = NULL;
    do {
        if (!fg_queue_pop(&t->queue, &e)) {
            return fg_fail(err, FG_E_INTERNAL, "the event queue ran dry before the run finished");
        }
        f = e.kind == FG_EVENT_RESULT || e.kind == FG_EVENT_LOST ? find(t, e.id) : NULL;
    } while (f != NULL && !f->live);
    enum fg_status st = fg_fleet_covers(t->fleet, e.at, err);
    if (st != FG_OK) {
        return st; /* nothing is decided, or paid for, where a trace says nothing */
    }
    t->now = e.at;
    *ev = (struct fg_event){.kind = (enum fg_event_kind)e.kind, .now = e.at, .id = e.id};
    if (f == NULL) {
        ev->available = t->available;
        ev->n_available = ev->kind == FG_EVENT_WAKE ? fg_fleet_available(t->fleet, e.at, t->available) : 0;
        return FG_OK;
    }
    f->live = false;
    t->outcome = f->outcome;
    ev->outcome = &t->outcome;
    return ev->kind == FG_EVENT_RESULT ? fill_result(t, f, ev, err) : FG_OK;
}

/* The round may be closed by now: then its results were released with it. */
static void taken(struct fg_timeline *base, const struct fg_event *ev)
{
    struct timeline *t = (struct timeline *)base;
    bool open = t->n_flights > 0 && ev->id >= t->first_id && ev->id - t->first_id < t->n_flights;
    if (ev->kind == FG_EVENT_RESULT && open && find(t, ev->id)->submitted) {
        find(t, ev->id)->submitted = false;
        t->ex->ops->release(t->ex, ev->id);
    }
}

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    closed(base);
    fg_queue_fini(&t->queue);
    fg_free(t->flights);
    fg_free(t->available);
    fg_free(t->cohort);
    fg_free(t->order);
    fg_free(t);
}

static const struct fg_timeline_ops virtual_ops = {
    .name = "virtual",
    .now = now,
    .wake_at = wake_at,
    .deadline_at = deadline_at,
    .assign = assign,
    .settle = settle,
    .cancel = cancel,
    .closed = closed,
    .next = next,
    .taken = taken,
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
    *t = (struct timeline){.base = {.ops = &virtual_ops},
                           .fleet = fleet,
                           .ex = ex,
                           .cfg = *cfg,
                           .now = start,
                           .deadline = FG_NEVER};
    t->available = fg_calloc(fg_fleet_clients(fleet), sizeof *t->available);
    if (t->available == NULL) {
        fg_free(t);
        return FG_E_NOMEM;
    }
    *out = &t->base;
    return FG_OK;
}
