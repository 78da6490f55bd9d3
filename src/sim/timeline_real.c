/* Real time: the clock is the wall's, a client is a worker, and what is seen decides. */
#include <string.h>
#include <time.h>

#include "src/base/mem.h"
#include "src/plan/live.h"
#include "src/sim/queue.h"
#include "src/sim/timeline.h"

enum { LONGEST_WAIT_US = 200000 };

/* A task that a worker has. */
struct flight {
    struct fg_task task;
    fg_time_t begun;
    uint64_t bytes_down;
    bool live;
};

struct timeline {
    struct fg_timeline base;
    struct fg_executor *ex;
    struct fg_live *workers;
    uint32_t clients;
    bool anyone;           /* somebody was there: until then no round begins */
    bool *up;              /* (clients) */
    uint32_t *available;   /* (clients) */
    struct fg_queue queue; /* WAKE and DEADLINE */
    struct flight *flights;
    size_t n_flights, cap_flights, fresh;
    uint64_t first_id, published;
    bool have_published;
    fg_time_t latest; /* time never runs backwards, whatever the wall clock does */
    struct fg_result result;
    struct fg_outcome outcome;
};

static fg_time_t wall(struct timeline *t)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    fg_time_t now = (fg_time_t)ts.tv_sec * FG_SECOND + ts.tv_nsec / 1000;
    t->latest = now > t->latest ? now : t->latest;
    return t->latest;
}

static fg_time_t now(const struct fg_timeline *base)
{
    return ((const struct timeline *)base)->latest;
}

static enum fg_status wake_at(struct fg_timeline *base, fg_time_t at)
{
    struct timeline *t = (struct timeline *)base;
    return fg_queue_push(&t->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_WAKE});
}

static enum fg_status deadline_at(struct fg_timeline *base, fg_time_t at)
{
    struct timeline *t = (struct timeline *)base;
    return fg_queue_push(&t->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_DEADLINE});
}

static enum fg_status assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct timeline *t = (struct timeline *)base;
    if (t->n_flights == 0) {
        t->first_id = action->task.id;
    }
    enum fg_status st = FG_GROW(t->flights, t->n_flights, t->cap_flights);
    if (st == FG_OK) {
        t->flights[t->n_flights++] = (struct flight){
            .task = action->task, .begun = action->at, .bytes_down = action->bytes_down, .live = true};
    }
    return st;
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    uint64_t version = fg_aggregator_version(agg);
    enum fg_status st = FG_OK;
    if (t->fresh < t->n_flights && (!t->have_published || t->published != version)) {
        st = t->ex->ops->publish(t->ex, version, fg_aggregator_params(agg), err);
        t->have_published = st == FG_OK;
        t->published = version;
    }
    while (st == FG_OK && t->fresh < t->n_flights) {
        st = t->ex->ops->submit(t->ex, &t->flights[t->fresh++].task, 1, err);
    }
    return st;
}

/* ---- the end of a task ---- */

static struct flight *find(struct timeline *t, uint64_t id)
{
    bool known = t->n_flights > 0 && id >= t->first_id && id - t->first_id < t->n_flights;
    return known && t->flights[id - t->first_id].live ? &t->flights[id - t->first_id] : NULL;
}

/* What a worker spent by now. Its phases are not seen from here: all of it counts as computing. */
static struct fg_outcome spent(const struct timeline *t, const struct flight *f, enum fg_outcome_kind kind)
{
    return (struct fg_outcome){.kind = kind,
                               .download_done = true,
                               .t_begin = f->begun,
                               .t_end = t->latest,
                               .compute_us = t->latest - f->begun,
                               .bytes_down = f->bytes_down};
}

static void cancel(struct fg_timeline *base, uint64_t id, struct fg_outcome *out)
{
    struct timeline *t = (struct timeline *)base;
    struct flight *f = find(t, id);
    FG_ASSERT(f != NULL);
    *out = spent(t, f, FG_OUTCOME_CUT);
    f->live = false;
}

static void closed(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    for (size_t i = 0; i < t->fresh; i++) {
        t->ex->ops->release(t->ex, t->flights[i].task.id);
    }
    t->n_flights = t->fresh = 0;
    fg_queue_clear(&t->queue);
}

/* ---- events ---- */

static bool due(struct timeline *t, struct fg_event *ev)
{
    struct fg_queue_entry e;
    if (!t->anyone || t->queue.n == 0 || t->queue.heap[0].at > wall(t) || !fg_queue_pop(&t->queue, &e)) {
        return false;
    }
    *ev = (struct fg_event){.kind = (enum fg_event_kind)e.kind, .now = t->latest, .available = t->available};
    for (uint32_t c = 0; e.kind == FG_EVENT_WAKE && c < t->clients; c++) {
        if (t->up[c]) {
            t->available[ev->n_available++] = c;
        }
    }
    return true;
}

/* Turn what a worker did into an event of the core; false if it is none. */
static enum fg_status convert(struct timeline *t, const struct fg_live_event *live, struct fg_event *ev,
                              bool *is_one, struct fg_err *err)
{
    *is_one = false;
    wall(t);
    if (live->kind == FG_LIVE_UP || live->kind == FG_LIVE_DOWN) {
        if (live->client < t->clients) {
            t->up[live->client] = live->kind == FG_LIVE_UP;
            t->anyone = true;
        }
        return FG_OK;
    }
    struct flight *f = live->kind == FG_LIVE_NONE ? NULL : find(t, live->id);
    if (f == NULL) {
        return FG_OK;
    }
    f->live = false;
    *is_one = true;
    *ev = (struct fg_event){.now = t->latest, .id = live->id, .outcome = &t->outcome};
    if (live->kind == FG_LIVE_LOST) {
        ev->kind = FG_EVENT_LOST;
        t->outcome = spent(t, f, FG_OUTCOME_LEFT);
        return FG_OK;
    }
    enum fg_status st = t->ex->ops->collect(t->ex, live->id, &t->result, err);
    ev->kind = FG_EVENT_RESULT;
    ev->result = &t->result;
    t->outcome = spent(t, f, t->result.steps < f->task.steps ? FG_OUTCOME_PARTIAL : FG_OUTCOME_ARRIVED);
    t->outcome.steps = t->result.steps;
    t->outcome.bytes_up = t->result.wire_bytes;
    return st;
}

static enum fg_status next(struct fg_timeline *base, struct fg_event *ev, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    enum fg_status st = FG_OK;
    bool is_one = false;
    while (st == FG_OK && !is_one && !due(t, ev)) {
        fg_time_t wait = t->queue.n > 0 ? t->queue.heap[0].at - t->latest : LONGEST_WAIT_US;
        struct fg_live_event live = {0};
        st = t->workers->ops->next(t->workers, wait < LONGEST_WAIT_US ? wait : LONGEST_WAIT_US, &live, err);
        if (st == FG_OK) {
            st = convert(t, &live, ev, &is_one, err);
        }
    }
    return st;
}

static void taken(struct fg_timeline *base, const struct fg_event *ev)
{
    (void)base;
    (void)ev;
}

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    closed(base);
    fg_queue_fini(&t->queue);
    fg_free(t->flights);
    fg_free(t->up);
    fg_free(t->available);
    fg_free(t);
}

static const struct fg_timeline_ops real_ops = {
    .name = "real",
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

enum fg_status fg_timeline_real_create(struct fg_timeline **out, struct fg_live *workers,
                                       struct fg_executor *ex, uint32_t clients, fg_time_t now_at_least)
{
    struct timeline *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return FG_E_NOMEM;
    }
    *t = (struct timeline){
        .base = {.ops = &real_ops}, .ex = ex, .workers = workers, .clients = clients, .latest = now_at_least};
    t->up = fg_calloc(clients, sizeof *t->up);
    t->available = fg_calloc(clients, sizeof *t->available);
    if (t->up == NULL || t->available == NULL) {
        destroy(&t->base);
        return FG_E_NOMEM;
    }
    *out = &t->base;
    return FG_OK;
}
