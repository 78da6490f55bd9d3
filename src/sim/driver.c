#include "src/sim/driver.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/sim/queue.h"
#include "src/worker/trainer.h"

/* A task on its way: where its event will come from. */
struct flight {
    struct fg_task task;
    struct fg_outcome outcome; /* as the traces have it */
    bool live;                 /* its event is still due */
    bool submitted;            /* the executor has it */
};

struct driver {
    struct fg_aggregator *agg;
    const struct fg_fleet *fleet;
    struct fg_executor *ex;
    const struct fg_driver_config *cfg;
    const struct fg_driver_hooks *hooks;
    struct fg_queue queue;
    struct flight *flights; /* (n_flights), task ids first_id .. */
    size_t n_flights, cap_flights, fresh; /* fresh: flights from here on are new in this step */
    uint64_t first_id;
    uint32_t *available;
    struct fg_task *cohort;
    size_t *order;
    size_t cap_cohort, cap_order;
    fg_time_t now, deadline;
    uint64_t published;
    bool have_published, finished;
    enum fg_finish reason;
    struct fg_err *err;
};

static bool arrives(const struct flight *f)
{
    return f->outcome.kind == FG_OUTCOME_ARRIVED || f->outcome.kind == FG_OUTCOME_PARTIAL;
}

static struct flight *find(struct driver *d, uint64_t id)
{
    FG_ASSERT(id >= d->first_id && id - d->first_id < d->n_flights);
    return &d->flights[id - d->first_id];
}

/* The mean over an epoch, whose last batch may be smaller. */
static double samples_per_step(const struct driver *d, uint32_t client)
{
    uint32_t n = d->cfg->samples[client], steps = fg_local_steps(n, d->cfg->batch, 1, 0);
    return steps > 0 ? (double)n / (double)steps : 0.0;
}

static enum fg_status assign(struct driver *d, const struct fg_action *action)
{
    if (d->n_flights == 0) {
        d->first_id = action->task.id;
    }
    enum fg_status st = FG_GROW(d->flights, d->n_flights, d->cap_flights);
    if (st != FG_OK) {
        return st;
    }
    struct flight *f = &d->flights[d->n_flights++];
    *f = (struct flight){.task = action->task, .live = true};
    fg_world_outcome(d->fleet, f->task.client, action->at, action->bytes_down, f->task.steps,
                     samples_per_step(d, f->task.client), d->cfg->update_bytes, d->cfg->hand_back, &f->outcome);
    return fg_queue_push(&d->queue, (struct fg_queue_entry){.at = f->outcome.t_end,
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

static enum fg_status submit(struct driver *d, const struct fg_task *tasks, size_t n)
{
    uint64_t version = fg_aggregator_version(d->agg);
    enum fg_status st = FG_OK;
    if (!d->have_published || d->published != version) {
        st = d->ex->ops->publish(d->ex, version, fg_aggregator_params(d->agg), d->err);
        d->have_published = st == FG_OK;
        d->published = version;
    }
    return st == FG_OK ? d->ex->ops->submit(d->ex, tasks, n, d->err) : st;
}

static void as_world_has_it(struct fg_task *t, const struct flight *f)
{
    *t = f->task;
    t->steps = f->outcome.steps; /* a client that left early did fewer */
}

/* Hand in the fresh tasks whose results will count: the first `goal` to arrive before the deadline. */
static enum fg_status submit_fresh(struct driver *d)
{
    size_t n = 0, goal = fg_aggregator_goal(d->agg);
    for (size_t i = d->fresh; i < d->n_flights; i++) {
        const struct flight *f = &d->flights[i];
        if (arrives(f) && f->outcome.t_end <= d->deadline && f->outcome.steps > 0) {
            enum fg_status st = FG_GROW(d->order, n, d->cap_order);
            if (st != FG_OK) {
                return st;
            }
            d->order[n++] = i;
        }
    }
    d->fresh = d->n_flights;
    if (n == 0) {
        return FG_OK;
    }
    qsort_r(d->order, n, sizeof *d->order, by_arrival, d->flights);
    n = n < goal ? n : goal;
    qsort(d->order, n, sizeof *d->order, by_number); /* executors take ids that grow */
    while (d->cap_cohort < n) {
        enum fg_status st = fg_grow(&d->cohort, &d->cap_cohort, sizeof *d->cohort);
        if (st != FG_OK) {
            return st;
        }
    }
    for (size_t k = 0; k < n; k++) {
        struct flight *f = &d->flights[d->order[k]];
        as_world_has_it(&d->cohort[k], f);
        f->submitted = true;
    }
    return submit(d, d->cohort, n);
}

static void forget_flights(struct driver *d)
{
    for (size_t i = 0; i < d->n_flights; i++) {
        if (d->flights[i].submitted) {
            d->ex->ops->release(d->ex, d->flights[i].task.id);
        }
    }
    d->n_flights = d->fresh = 0;
    d->deadline = FG_NEVER;
    fg_queue_clear(&d->queue);
}

/* ---- events into the core, actions out of it ---- */

static enum fg_status step(struct driver *d, const struct fg_event *ev);

static enum fg_status cancel(struct driver *d, uint64_t id)
{
    struct flight *f = find(d, id);
    f->live = false;
    struct fg_outcome cut = f->outcome;
    fg_world_cut(d->fleet, f->task.client, samples_per_step(d, f->task.client), d->now, &cut);
    return step(d, &(struct fg_event){.kind = FG_EVENT_LOST, .now = d->now, .id = id, .outcome = &cut});
}

static enum fg_status committed(struct driver *d, const struct fg_action *what)
{
    forget_flights(d);
    struct fg_event ev = {.kind = FG_EVENT_EVALUATED, .now = d->now};
    enum fg_status st = FG_OK;
    if (what->evaluate || what->evaluate_clients) {
        st = d->hooks->evaluate(d->hooks->arg, fg_aggregator_params(d->agg), what, &ev.evaluation, d->err);
    }
    if (st != FG_OK) {
        return st;
    }
    st = step(d, &ev);
    return st == FG_OK ? d->hooks->committed(d->hooks->arg, d->err) : st;
}

static enum fg_status perform(struct driver *d, const struct fg_actions *acts)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < acts->n && st == FG_OK; i++) {
        const struct fg_action *x = &acts->a[i];
        switch (x->kind) {
        case FG_ACTION_WAKE_AT:
            st = fg_queue_push(&d->queue, (struct fg_queue_entry){.at = x->at, .kind = FG_EVENT_WAKE});
            break;
        case FG_ACTION_ASSIGN:
            st = assign(d, x);
            break;
        case FG_ACTION_DEADLINE_AT:
            d->deadline = x->at;
            st = fg_queue_push(&d->queue, (struct fg_queue_entry){.at = x->at, .kind = FG_EVENT_DEADLINE});
            break;
        case FG_ACTION_CANCEL:
            st = cancel(d, x->id);
            break;
        case FG_ACTION_COMMIT:
            st = committed(d, x);
            break;
        case FG_ACTION_FINISH:
            d->finished = true;
            d->reason = x->reason;
            break;
        }
    }
    return st == FG_OK && d->fresh < d->n_flights ? submit_fresh(d) : st;
}

static enum fg_status step(struct driver *d, const struct fg_event *ev)
{
    struct fg_actions acts = {0}; /* its own: an action may be answered by another step */
    enum fg_status st = fg_aggregator_step(d->agg, ev, &acts);
    if (st == FG_OK) {
        st = perform(d, &acts);
    } else {
        fg_fail(d->err, st, "the aggregator refused event %d: %s", (int)ev->kind, fg_status_text(st));
    }
    fg_actions_fini(&acts);
    return st;
}

static enum fg_status deliver_result(struct driver *d, struct flight *f)
{
    enum fg_status st = FG_OK;
    struct fg_result result = {.id = f->task.id, .client = f->task.client, .steps = f->outcome.steps};
    if (f->outcome.steps > 0) {
        if (!f->submitted) {
            struct fg_task task;
            as_world_has_it(&task, f);
            st = submit(d, &task, 1);
            f->submitted = st == FG_OK;
        }
        if (st == FG_OK) {
            st = d->ex->ops->collect(d->ex, f->task.id, &result, d->err);
        }
        if (st == FG_OK && result.steps != f->outcome.steps) {
            st = fg_fail(d->err, FG_E_INTERNAL, "task %llu of client %u did %u steps, expected %u",
                         (unsigned long long)f->task.id, f->task.client, result.steps, f->outcome.steps);
        }
    }
    if (st != FG_OK) {
        return st;
    }
    struct fg_outcome outcome = f->outcome;
    bool submitted = f->submitted;
    f->live = f->submitted = false;
    uint64_t id = f->task.id;
    st = step(d, &(struct fg_event){
                     .kind = FG_EVENT_RESULT, .now = d->now, .id = id, .result = &result, .outcome = &outcome});
    if (submitted) {
        d->ex->ops->release(d->ex, id);
    }
    return st;
}

static enum fg_status fire(struct driver *d, const struct fg_queue_entry *e)
{
    d->now = e->at;
    struct fg_event ev = {.kind = (enum fg_event_kind)e->kind, .now = e->at, .id = e->id};
    if (ev.kind == FG_EVENT_WAKE) {
        ev.available = d->available;
        ev.n_available = fg_fleet_available(d->fleet, e->at, d->available);
        return step(d, &ev);
    }
    if (ev.kind == FG_EVENT_DEADLINE) {
        return step(d, &ev);
    }
    struct flight *f = find(d, e->id);
    if (!f->live) {
        return FG_OK;
    }
    if (ev.kind == FG_EVENT_RESULT) {
        return deliver_result(d, f);
    }
    struct fg_outcome outcome = f->outcome;
    f->live = false;
    ev.outcome = &outcome;
    return step(d, &ev);
}

static enum fg_status stop(struct driver *d)
{
    enum fg_status st = step(d, &(struct fg_event){.kind = FG_EVENT_STOP, .now = d->now});
    forget_flights(d);
    return st;
}

static enum fg_status loop(struct driver *d)
{
    struct fg_actions acts = {0};
    enum fg_status st = fg_aggregator_begin(d->agg, &acts);
    if (st == FG_OK) {
        st = perform(d, &acts);
    }
    fg_actions_fini(&acts);
    while (st == FG_OK && !d->finished) {
        if (d->hooks->stopping(d->hooks->arg)) {
            return stop(d);
        }
        struct fg_queue_entry e;
        if (!fg_queue_pop(&d->queue, &e)) {
            return fg_fail(d->err, FG_E_INTERNAL, "the event queue ran dry before the run finished");
        }
        st = fire(d, &e);
        if (st == FG_E_INTERRUPTED) {
            return stop(d);
        }
    }
    return st;
}

enum fg_status fg_driver_run(struct fg_aggregator *agg, const struct fg_fleet *fleet, struct fg_executor *ex,
                             const struct fg_driver_config *cfg, const struct fg_driver_hooks *hooks,
                             enum fg_finish *reason, struct fg_err *err)
{
    struct driver d = {.agg = agg, .fleet = fleet, .ex = ex, .cfg = cfg, .hooks = hooks, .deadline = FG_NEVER,
                       .now = fg_aggregator_now(agg), .err = err};
    d.available = fg_calloc(fg_fleet_clients(fleet), sizeof *d.available);
    enum fg_status st = d.available == NULL ? FG_E_NOMEM : loop(&d);
    if (st == FG_E_NOMEM) {
        fg_fail(err, st, "out of memory while running");
    }
    if (st == FG_OK) {
        *reason = d.reason;
    }
    forget_flights(&d);
    fg_queue_fini(&d.queue);
    fg_free(d.flights);
    fg_free(d.available);
    fg_free(d.cohort);
    fg_free(d.order);
    return st;
}
