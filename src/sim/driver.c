#include "src/sim/driver.h"

struct driver {
    struct fg_aggregator *agg;
    struct fg_timeline *line;
    const struct fg_driver_hooks *hooks;
    bool finished;
    enum fg_finish reason;
    struct fg_err *err;
};

static enum fg_status step(struct driver *d, const struct fg_event *ev);

static enum fg_status cancel(struct driver *d, uint64_t id)
{
    struct fg_outcome spent;
    d->line->ops->cancel(d->line, id, &spent);
    struct fg_event ev = {
        .kind = FG_EVENT_LOST, .now = d->line->ops->now(d->line), .id = id, .outcome = &spent};
    return step(d, &ev);
}

static enum fg_status committed(struct driver *d, const struct fg_action *what)
{
    struct fg_event ev = {.kind = FG_EVENT_EVALUATED, .now = d->line->ops->now(d->line)};
    enum fg_status st = FG_OK;
    d->line->ops->closed(d->line);
    if (what->evaluate || what->evaluate_clients) {
        st = d->hooks->evaluate(d->hooks->arg, fg_aggregator_params(d->agg), what, &ev.evaluation, d->err);
    }
    if (st == FG_OK) {
        st = step(d, &ev);
    }
    return st == FG_OK ? d->hooks->committed(d->hooks->arg, d->err) : st;
}

static enum fg_status perform_one(struct driver *d, const struct fg_action *x)
{
    switch (x->kind) {
    case FG_ACTION_WAKE_AT:
        return d->line->ops->wake_at(d->line, x->at);
    case FG_ACTION_ASSIGN:
        return d->line->ops->assign(d->line, x);
    case FG_ACTION_DEADLINE_AT:
        return d->line->ops->deadline_at(d->line, x->at);
    case FG_ACTION_CANCEL:
        return cancel(d, x->id);
    case FG_ACTION_COMMIT:
        return committed(d, x);
    case FG_ACTION_FINISH:
        d->finished = true;
        d->reason = x->reason;
        return FG_OK;
    }
    return FG_E_INTERNAL;
}

static enum fg_status perform(struct driver *d, const struct fg_actions *acts)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < acts->n && st == FG_OK; i++) {
        st = perform_one(d, &acts->a[i]);
    }
    return st == FG_OK ? d->line->ops->settle(d->line, d->agg, d->err) : st;
}

static enum fg_status step(struct driver *d, const struct fg_event *ev)
{
    struct fg_actions acts = {0}; /* its own: an action may be answered by another step */
    enum fg_status st = fg_aggregator_step(d->agg, ev, &acts);
    if (st != FG_OK) {
        fg_fail(d->err, st, "the aggregator refused event %d: %s", (int)ev->kind, fg_status_text(st));
    } else if (d->hooks->took != NULL) {
        st = d->hooks->took(d->hooks->arg, ev, d->err);
    }
    if (st == FG_OK) {
        st = perform(d, &acts);
    }
    fg_actions_fini(&acts);
    return st;
}

static enum fg_status stop(struct driver *d)
{
    d->line->ops->closed(d->line);
    return step(d, &(struct fg_event){.kind = FG_EVENT_STOP, .now = d->line->ops->now(d->line)});
}

enum fg_status fg_driver_run(struct fg_aggregator *agg, struct fg_timeline *timeline,
                             const struct fg_driver_hooks *hooks, enum fg_finish *reason, struct fg_err *err)
{
    struct driver d = {.agg = agg, .line = timeline, .hooks = hooks, .err = err};
    struct fg_actions acts = {0};
    enum fg_status st = fg_aggregator_begin(agg, &acts);
    if (st == FG_OK) {
        st = perform(&d, &acts);
    }
    fg_actions_fini(&acts);
    while (st == FG_OK && !d.finished) {
        struct fg_event ev = {0};
        st = hooks->stopping(hooks->arg) ? FG_E_INTERRUPTED : timeline->ops->next(timeline, &ev, err);
        if (st == FG_E_INTERRUPTED || st == FG_E_INPUT) {
            enum fg_status dropped = stop(&d);
            st = dropped != FG_OK ? dropped : st == FG_E_INTERRUPTED ? FG_OK : st;
            break;
        }
        if (st == FG_OK) {
            st = step(&d, &ev);
            timeline->ops->taken(timeline, &ev);
        }
    }
    if (st == FG_E_INTERRUPTED && fg_aggregator_pending(agg)) {
        d.reason = FG_FINISH_STOPPED; /* in the middle of an evaluation: it is made when the run goes on */
        st = FG_OK;
    } else if (st == FG_E_INTERRUPTED) { /* while updates were added, one of which was made once more */
        st = stop(&d);
    }
    if (st == FG_E_NOMEM) {
        fg_fail(err, st, "out of memory while running");
    }
    if (st == FG_OK) {
        *reason = d.reason;
    }
    return st;
}
