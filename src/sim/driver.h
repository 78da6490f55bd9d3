/* The driver: carries events from a timeline to the aggregator core, and its actions back.
 *
 * Thread safety: one caller.
 */
#ifndef FG_SIM_DRIVER_H
#define FG_SIM_DRIVER_H

#include <stdbool.h>

#include "src/sim/timeline.h"

/* What the driver asks of its owner. */
struct fg_driver_hooks {
    void *arg;
    /* Evaluate the parameters (NULL: those that moved on the trainer's device last) as asked by `what` (only
     * .evaluate and .evaluate_clients are read).
     * FG_E_INTERRUPTED when asked to stop meanwhile: the run ends as stopped, with the commit pending. */
    enum fg_status (*evaluate)(void *arg, const float *params, const struct fg_action *what,
                               struct fg_evaluation *out, struct fg_err *err);
    /* A round is committed and its record complete. */
    enum fg_status (*committed)(void *arg, struct fg_err *err);
    /* The core took an event: for the journal. NULL = nobody wants to know. */
    enum fg_status (*took)(void *arg, const struct fg_event *ev, struct fg_err *err);
    /* True once the run is asked to stop (signal). */
    bool (*stopping)(void *arg);
};

/* Drive the aggregator until it finishes or is stopped. Errors: those of timeline and hooks; FG_E_NOMEM;
 * those of adding updates (fg_unjudged.mend), where FG_E_INTERRUPTED is a stop that drops the open round.
 * After FG_E_INPUT (the run outlived a trace) the open round is dropped and the aggregator can be saved. */
enum fg_status fg_driver_run(struct fg_aggregator *agg, struct fg_timeline *timeline,
                             const struct fg_driver_hooks *hooks, enum fg_finish *reason, struct fg_err *err);

#endif
