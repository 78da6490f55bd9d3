/* What would have been: other decisions on the availability that a deployment met (met.h). An assignment
 * takes as many seconds a step as that client took then, and is lost when its worker was seen to go; nothing
 * is decided where the recording ends. */
#include "src/base/mem.h"
#include "src/sim/met.h"
#include "src/sim/timeline_base.h"
#include "src/worker/trainer.h"

struct timeline {
    struct fg_line line;
    const struct fg_met *met;
    struct fg_timeline_virtual_config cfg;
    uint32_t clients;
    uint32_t *available; /* (clients) */
    struct fg_result result;
    struct fg_outcome outcome;
};

/* The outcome of a task that takes `step_s` a step, with a client that is there until `until`. */
static void foresee(const struct timeline *t, struct fg_flight *f, double step_s, fg_time_t until)
{
    struct fg_outcome *o = &f->outcome;
    uint32_t n = t->cfg.samples[f->task.shard];
    bool train = f->task.kind == FG_TASK_TRAIN;
    double steps = train ? (double)f->task.steps /* forward alone is a third of forward and backward */
                         : fg_local_steps(n, t->cfg.batch, 1, 0) * (double)fg_evaluated(&f->task, n) /
                               (3.0 * (n > 0 ? n : 1));
    fg_time_t whole = fg_from_seconds(step_s * steps), have = until - o->t_begin;
    o->kind = FG_OUTCOME_ARRIVED;
    o->steps = train ? f->task.steps : 0;
    o->bytes_up = train ? t->cfg.update_bytes : FG_ANSWER_BYTES;
    if (until != FG_NEVER && whole > have) {
        o->steps = step_s > 0.0 && train ? (uint32_t)(fg_seconds(have) / step_s) : 0;
        o->kind = t->cfg.hand_back && o->steps > 0 ? FG_OUTCOME_PARTIAL : FG_OUTCOME_LEFT;
        o->bytes_up = o->kind == FG_OUTCOME_PARTIAL ? o->bytes_up : 0;
        whole = have;
    }
    o->compute_us = whole; /* as of real workers: phases are not told apart */
    o->t_end = o->t_begin + whole;
}

static bool arrives(const struct fg_flight *f)
{
    return f->outcome.kind != FG_OUTCOME_LEFT && (f->outcome.steps > 0 || f->task.kind == FG_TASK_EVALUATE);
}

static enum fg_status assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct timeline *t = (struct timeline *)base;
    bool own;
    enum fg_status st = fg_line_assign(base, action);
    if (st != FG_OK) {
        return st;
    }
    struct fg_flight *f = &t->line.flights[t->line.n_flights - 1];
    uint32_t c = f->task.client;
    foresee(t, f, fg_met_step_s(t->met, c, &own), fg_met_up_until(t->met, c, action->at));
    return fg_line_expect(&t->line, f, arrives(f));
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_line *l = &t->line;
    enum fg_status st = FG_OK;
    l->agg = agg;
    for (; st == FG_OK && l->fresh < l->n_flights; l->fresh++) {
        struct fg_flight *f = &l->flights[l->fresh];
        if (arrives(f) && (fg_aggregator_keeps(agg) || f->outcome.t_end <= l->deadline)) {
            st = fg_line_submit(l, f, f->outcome.steps, err);
        }
    }
    return st;
}

static void cancel(struct fg_timeline *base, uint64_t id, struct fg_outcome *spent)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_flight *f = fg_line_find(&t->line, id);
    FG_ASSERT(f != NULL);
    f->live = false;
    *spent = f->outcome;
    if (t->line.now < spent->t_end) {
        double share = fg_seconds(t->line.now - spent->t_begin) / fg_seconds(spent->compute_us);
        spent->steps = (uint32_t)(share * spent->steps);
        spent->t_end = t->line.now;
        spent->compute_us = spent->t_end - spent->t_begin;
        spent->bytes_up = 0;
    }
    spent->kind = FG_OUTCOME_CUT;
}

static enum fg_status next(struct fg_timeline *base, struct fg_event *ev, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_flight *f = NULL;
    enum fg_status st = fg_line_pop(&t->line, ev, &f, err);
    if (st != FG_OK) {
        return st;
    }
    if (ev->now > fg_met_end(t->met)) {
        return FG_E_INTERRUPTED; /* nobody knows what would have been */
    }
    t->line.now = ev->now;
    if (f == NULL) {
        ev->available = t->available;
        for (uint32_t c = 0; ev->kind == FG_EVENT_WAKE && c < t->clients; c++) {
            if (fg_met_up_until(t->met, c, ev->now) > ev->now) {
                t->available[ev->n_available++] = c;
            }
        }
        return FG_OK;
    }
    f->live = false;
    t->outcome = f->outcome;
    ev->outcome = &t->outcome;
    ev->result = &t->result;
    return ev->kind == FG_EVENT_RESULT ? t->line.ex->ops->collect(t->line.ex, f->task.id, &t->result, err)
                                       : FG_OK;
}

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    fg_line_fini(&t->line);
    fg_free(t->available);
    fg_free(t);
}

static const struct fg_timeline_ops met_ops = {
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

enum fg_status fg_timeline_met_create(struct fg_timeline **out, const struct fg_met *met, uint32_t clients,
                                      struct fg_executor *ex, const struct fg_timeline_virtual_config *cfg,
                                      fg_time_t start)
{
    struct timeline *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return FG_E_NOMEM;
    }
    *t = (struct timeline){.met = met, .cfg = *cfg, .clients = clients};
    fg_line_init(&t->line, &met_ops, ex, start);
    t->available = fg_calloc(clients, sizeof *t->available);
    if (t->available == NULL) {
        destroy(&t->line.base);
        return FG_E_NOMEM;
    }
    *out = &t->line.base;
    return FG_OK;
}
