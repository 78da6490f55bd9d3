#include "src/sim/timeline_base.h"

#include "src/base/mem.h"
#include "src/base/sort.h"

void fg_line_init(struct fg_line *l, const struct fg_timeline_ops *ops, struct fg_executor *ex, fg_time_t now)
{
    *l = (struct fg_line){.base = {.ops = ops}, .ex = ex, .now = now, .deadline = FG_NEVER};
}

void fg_line_fini(struct fg_line *l)
{
    for (size_t i = 0; i < l->n_flights; i++) {
        l->flights[i].live = false;
    }
    fg_line_closed(&l->base);
    fg_queue_fini(&l->queue);
    fg_free(l->flights);
}

struct fg_flight *fg_line_find(struct fg_line *l, uint64_t id)
{
    size_t at = fg_sort_find(l->flights, l->n_flights, sizeof *l->flights, id);
    return at < l->n_flights ? &l->flights[at] : NULL;
}

enum fg_status fg_line_publish(struct fg_line *l, const struct fg_task *task, struct fg_err *err)
{
    struct fg_there there = fg_aggregator_there(l->agg);
    if (task->version == fg_aggregator_version(l->agg) && there.away != NULL) {
        return l->ex->ops->publish_there(l->ex, task->version, there, err);
    }
    return l->ex->ops->publish(l->ex, task->version,
                               fg_aggregator_start_of(l->agg, task->client, task->version), err);
}

enum fg_status fg_line_submit(struct fg_line *l, struct fg_flight *f, uint32_t steps, struct fg_err *err)
{
    struct fg_task task = f->task;
    task.steps = task.kind == FG_TASK_TRAIN ? steps : task.steps;
    enum fg_status st = fg_line_publish(l, &task, err);
    if (st == FG_OK) {
        st = l->ex->ops->submit(l->ex, &task, 1, err);
    }
    f->submitted = st == FG_OK;
    return st;
}

static bool of_a_task(const struct fg_queue_entry *e)
{
    return e->kind == FG_EVENT_RESULT || e->kind == FG_EVENT_LOST;
}

enum fg_status fg_line_expect(struct fg_line *l, const struct fg_flight *f, bool arrives)
{
    return fg_queue_push(&l->queue, (struct fg_queue_entry){.at = f->outcome.t_end,
                                                            .kind = arrives ? FG_EVENT_RESULT : FG_EVENT_LOST,
                                                            .id = f->task.id});
}

enum fg_status fg_line_pop(struct fg_line *l, struct fg_event *ev, struct fg_flight **f, struct fg_err *err)
{
    struct fg_queue_entry e;
    do {
        if (!fg_queue_pop(&l->queue, &e)) {
            return fg_fail(err, FG_E_INTERNAL, "the event queue ran dry before the run finished");
        }
        *f = of_a_task(&e) ? fg_line_find(l, e.id) : NULL;
    } while (*f != NULL && !(*f)->live);
    *ev = (struct fg_event){.kind = (enum fg_event_kind)e.kind, .now = e.at, .id = e.id};
    return FG_OK;
}

/* ---- the table's functions ---- */

fg_time_t fg_line_now(const struct fg_timeline *base)
{
    return ((const struct fg_line *)base)->now;
}

enum fg_status fg_line_wake_at(struct fg_timeline *base, fg_time_t at)
{
    struct fg_line *l = (struct fg_line *)base;
    return fg_queue_push(&l->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_WAKE});
}

enum fg_status fg_line_deadline_at(struct fg_timeline *base, fg_time_t at)
{
    struct fg_line *l = (struct fg_line *)base;
    l->deadline = at;
    return fg_queue_push(&l->queue, (struct fg_queue_entry){.at = at, .kind = FG_EVENT_DEADLINE});
}

enum fg_status fg_line_assign(struct fg_timeline *base, const struct fg_action *action)
{
    struct fg_line *l = (struct fg_line *)base;
    enum fg_status st = FG_GROW(l->flights, l->n_flights, l->cap_flights);
    if (st == FG_OK) {
        l->flights[l->n_flights++] = (struct fg_flight){
            .task = action->task,
            .outcome = {.download_done = true, .t_begin = action->at, .bytes_down = action->bytes_down},
            .live = true};
    }
    return st;
}

static bool of_a_flight(const struct fg_queue_entry *e, void *arg)
{
    return of_a_task(e) && fg_line_find(arg, e->id) != NULL;
}

void fg_line_closed(struct fg_timeline *base)
{
    struct fg_line *l = (struct fg_line *)base;
    size_t kept = 0;
    for (size_t i = 0; i < l->n_flights; i++) {
        if (l->flights[i].live) {
            l->flights[kept++] = l->flights[i];
        } else if (l->flights[i].submitted) {
            l->ex->ops->release(l->ex, l->flights[i].task.id);
        }
    }
    l->n_flights = l->fresh = kept;
    l->deadline = FG_NEVER;
    fg_queue_keep(&l->queue, of_a_flight, l);
}

/* The round may be closed by now: then its results were released with it. */
void fg_line_taken(struct fg_timeline *base, const struct fg_event *ev)
{
    struct fg_line *l = (struct fg_line *)base;
    struct fg_flight *f = ev->kind == FG_EVENT_RESULT ? fg_line_find(l, ev->id) : NULL;
    if (f != NULL && f->submitted) {
        f->submitted = false;
        l->ex->ops->release(l->ex, ev->id);
    }
}
