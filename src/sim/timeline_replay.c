/* Replay: the events are those that a real run met and wrote down; the numerics are computed again. */
#include "src/aggregator/event_io.h"
#include "src/base/mem.h"
#include "src/sim/timeline.h"

struct timeline {
    struct fg_timeline base;
    struct fg_executor *ex;
    const struct fg_replay_record *records; /* (n) */
    size_t n, at;
    struct fg_event_copy event; /* handed out last */
    struct fg_task *tasks;      /* of the open round */
    size_t n_tasks, cap_tasks;
    uint64_t published;
    bool have_published;
    fg_time_t now;
    struct fg_result result;
};

static fg_time_t now(const struct fg_timeline *base)
{
    return ((const struct timeline *)base)->now;
}

/* Times of waking and deadlines are in the journal. */
static enum fg_status ignore_time(struct fg_timeline *base, fg_time_t at)
{
    (void)base;
    (void)at;
    return FG_OK;
}

static enum fg_status assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct timeline *t = (struct timeline *)base;
    enum fg_status st = FG_GROW(t->tasks, t->n_tasks, t->cap_tasks);
    if (st == FG_OK) {
        t->tasks[t->n_tasks++] = action->task;
    }
    return st;
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    uint64_t version = fg_aggregator_version(agg);
    enum fg_status st = FG_OK;
    if (t->n_tasks > 0 && (!t->have_published || t->published != version)) {
        st = t->ex->ops->publish(t->ex, version, fg_aggregator_params(agg), err);
        t->have_published = st == FG_OK;
        t->published = version;
    }
    return st;
}

static enum fg_status advance(struct timeline *t, struct fg_err *err)
{
    do {
        if (t->at == t->n) {
            return FG_E_INTERRUPTED; /* the recorded run ended here */
        }
        const struct fg_replay_record *r = &t->records[t->at++];
        if (fg_event_decode(&t->event, r->bytes, r->len) != FG_OK) {
            return fg_fail(err, FG_E_CORRUPT, "journal: event %zu cannot be read", t->at);
        }
    } while (t->event.ev.kind == FG_EVENT_EVALUATED); /* evaluated again */
    t->now = t->event.ev.now;
    return FG_OK;
}

/* The recorded answer to a cancel is the next event; another policy may cancel what was not cancelled then. */
static void cancel(struct fg_timeline *base, uint64_t id, struct fg_outcome *spent)
{
    struct timeline *t = (struct timeline *)base;
    struct fg_err ignored;
    size_t before = t->at;
    if (advance(t, &ignored) == FG_OK && t->event.ev.kind == FG_EVENT_LOST && t->event.ev.id == id) {
        *spent = t->event.outcome;
        return;
    }
    t->at = before;
    *spent = (struct fg_outcome){.kind = FG_OUTCOME_CUT, .t_begin = t->now, .t_end = t->now};
}

static void closed(struct fg_timeline *base)
{
    ((struct timeline *)base)->n_tasks = 0;
}

/* Compute the update that the worker sent then. */
static enum fg_status compute(struct timeline *t, struct fg_err *err)
{
    struct fg_result *recorded = &t->event.result;
    size_t i = 0;
    while (i < t->n_tasks && t->tasks[i].id != recorded->id) {
        i++;
    }
    if (i == t->n_tasks) {
        return fg_fail(err, FG_E_CORRUPT,
                       "journal: event %zu is the result of task %llu, which was not given", t->at,
                       (unsigned long long)recorded->id);
    }
    struct fg_task task = t->tasks[i];
    task.steps = recorded->steps;
    enum fg_status st = t->ex->ops->submit(t->ex, &task, 1, err);
    if (st == FG_OK) {
        st = t->ex->ops->collect(t->ex, task.id, &t->result, err);
    }
    if (st == FG_OK && t->result.loss != recorded->loss) {
        st = fg_fail(err, FG_E_CORRUPT, "journal: task %llu of client %u gave loss %.17g then and %.17g now",
                     (unsigned long long)task.id, task.client, recorded->loss, t->result.loss);
    }
    t->event.ev.result = &t->result;
    return st;
}

static enum fg_status next(struct fg_timeline *base, struct fg_event *ev, struct fg_err *err)
{
    struct timeline *t = (struct timeline *)base;
    enum fg_status st = advance(t, err);
    if (st == FG_OK && t->event.ev.kind == FG_EVENT_RESULT) {
        st = compute(t, err);
    }
    *ev = t->event.ev;
    return st;
}

static void taken(struct fg_timeline *base, const struct fg_event *ev)
{
    struct timeline *t = (struct timeline *)base;
    if (ev->kind == FG_EVENT_RESULT) {
        t->ex->ops->release(t->ex, ev->id);
    }
}

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    fg_event_copy_fini(&t->event);
    fg_free(t->tasks);
    fg_free(t);
}

static const struct fg_timeline_ops replay_ops = {
    .name = "replay",
    .now = now,
    .wake_at = ignore_time,
    .deadline_at = ignore_time,
    .assign = assign,
    .settle = settle,
    .cancel = cancel,
    .closed = closed,
    .next = next,
    .taken = taken,
    .destroy = destroy,
};

enum fg_status fg_timeline_replay_create(struct fg_timeline **out, const struct fg_replay_record *records,
                                         size_t n, struct fg_executor *ex, fg_time_t start)
{
    struct timeline *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return FG_E_NOMEM;
    }
    *t = (struct timeline){.base = {.ops = &replay_ops}, .ex = ex, .records = records, .n = n, .now = start};
    *out = &t->base;
    return FG_OK;
}
