/* What the timelines have in common: the tasks under way, what the executor was told, and the queue of wakes
 * and deadlines. A timeline's struct begins with a struct fg_line, and its table of functions takes from here
 * what it does not do in its own way.
 *
 * Thread safety: one caller.
 */
#ifndef FG_SIM_TIMELINE_BASE_H
#define FG_SIM_TIMELINE_BASE_H

#include "src/sim/queue.h"
#include "src/sim/timeline.h"

/* A task under way. */
struct fg_flight {
    struct fg_task task;
    struct fg_outcome outcome; /* as far as it is known */
    bool live;                 /* its event is still due */
    bool submitted;            /* the executor has it, until it is released */
};

struct fg_line {
    struct fg_timeline base;
    struct fg_executor *ex;          /* borrowed */
    const struct fg_aggregator *agg; /* of the open round: where tasks start from; borrowed */
    fg_time_t now, deadline;
    struct fg_queue queue;
    struct fg_flight *flights;            /* (n_flights), by growing task ids */
    size_t n_flights, cap_flights, fresh; /* flights from `fresh` on are not settled */
};

/* The caller's memory, zeroed. */
void fg_line_init(struct fg_line *l, const struct fg_timeline_ops *ops, struct fg_executor *ex,
                  fg_time_t now);
void fg_line_fini(struct fg_line *l);

/* The task of that id, or NULL when none such is under way. */
struct fg_flight *fg_line_find(struct fg_line *l, uint64_t id);

/* Make sure that the executor knows the parameters that the task starts from; l->agg is set. */
enum fg_status fg_line_publish(struct fg_line *l, const struct fg_task *task,
                               struct fg_err *err) FG_NODISCARD;

/* Give the executor one flight's task, with `steps` steps if it trains, and what it starts from. */
enum fg_status fg_line_submit(struct fg_line *l, struct fg_flight *f, uint32_t steps,
                              struct fg_err *err) FG_NODISCARD;

/* Where all is foreseen: the flight's event, due at its end; and the next event of the queue, of a flight
 * (*f) or of the run (NULL). */
enum fg_status fg_line_expect(struct fg_line *l, const struct fg_flight *f, bool arrives) FG_NODISCARD;
enum fg_status fg_line_pop(struct fg_line *l, struct fg_event *ev, struct fg_flight **f,
                           struct fg_err *err) FG_NODISCARD;

/* For the table of functions: wakes and deadlines into the queue; a flight that begins now; the end of the
 * round, which only flights survive that are neither answered nor called off;
 * and of a result that was taken. */
fg_time_t fg_line_now(const struct fg_timeline *base);
enum fg_status fg_line_wake_at(struct fg_timeline *base, fg_time_t at);
enum fg_status fg_line_deadline_at(struct fg_timeline *base, fg_time_t at);
enum fg_status fg_line_assign(struct fg_timeline *base, const struct fg_action *action);
void fg_line_closed(struct fg_timeline *base);
void fg_line_taken(struct fg_timeline *base, const struct fg_event *ev);

#endif
