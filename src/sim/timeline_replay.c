/* Replay: the events are those that a real run met and wrote down; the numerics are computed again. */
#include "src/aggregator/event_io.h"
#include "src/base/mem.h"
#include "src/sim/timeline_base.h"

struct timeline {
    struct fg_line line;
    const struct fg_replay_record *records; /* (n) */
    size_t n, at;
    struct fg_event_copy event; /* handed out last */
    struct fg_result result;
};

/* Times of waking and deadlines are in the journal. */
static enum fg_status ignore_time(struct fg_timeline *base, fg_time_t at)
{
    (void)base;
    (void)at;
    return FG_OK;
}

static enum fg_status settle(struct fg_timeline *base, const struct fg_aggregator *agg, struct fg_err *err)
{
    (void)err;
    ((struct fg_line *)base)->agg = agg;
    return FG_OK;
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
    t->line.now = t->event.ev.now;
    return FG_OK;
}

/* The recorded answer to a cancel is the next event, unless the journal was cut there. */
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
    *spent = (struct fg_outcome){.kind = FG_OUTCOME_CUT, .t_begin = t->line.now, .t_end = t->line.now};
}

/* Compute the update that the worker sent then. */
static enum fg_status compute(struct timeline *t, struct fg_err *err)
{
    struct fg_result *recorded = &t->event.result;
    struct fg_flight *f = fg_line_find(&t->line, recorded->id);
    if (f == NULL) {
        return fg_fail(err, FG_E_CORRUPT,
                       "journal: event %zu is the result of task %llu, which was not given", t->at,
                       (unsigned long long)recorded->id);
    }
    if (recorded->reset) {
        f->task.kept = 0; /* its client began anew then */
    }
    enum fg_status st = fg_line_submit(&t->line, f, recorded->steps, err);
    if (st == FG_OK) {
        st = t->line.ex->ops->collect(t->line.ex, recorded->id, &t->result, err);
    }
    if (st == FG_OK && t->result.loss != recorded->loss) {
        st = fg_fail(err, FG_E_CORRUPT, "journal: task %llu of client %u gave loss %.17g then and %.17g now",
                     (unsigned long long)recorded->id, f->task.client, recorded->loss, t->result.loss);
    }
    if (st == FG_OK && t->result.kept != recorded->kept) {
        st = fg_fail(err, FG_E_CORRUPT, "journal: after task %llu client %u kept something else then",
                     (unsigned long long)recorded->id, f->task.client);
    }
    t->result.reset = recorded->reset;
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

static void destroy(struct fg_timeline *base)
{
    struct timeline *t = (struct timeline *)base;
    fg_line_fini(&t->line);
    fg_event_copy_fini(&t->event);
    fg_free(t);
}

static const struct fg_timeline_ops replay_ops = {
    .now = fg_line_now,
    .wake_at = ignore_time,
    .deadline_at = ignore_time,
    .assign = fg_line_assign,
    .settle = settle,
    .cancel = cancel,
    .closed = fg_line_closed,
    .next = next,
    .taken = fg_line_taken,
    .destroy = destroy,
};

enum fg_status fg_timeline_replay_create(struct fg_timeline **out, const struct fg_replay_record *records,
                                         size_t n, struct fg_executor *ex, fg_time_t start)
{
    struct timeline *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return FG_E_NOMEM;
    }
    *t = (struct timeline){.records = records, .n = n};
    fg_line_init(&t->line, &replay_ops, ex, start);
    *out = &t->line.base;
    return FG_OK;
}
