/* The virtual-time driver: the aggregator core in a world made of traces, with real numerics from an executor.
 *
 * It keeps one queue of future events ordered by (time, kind, task id), so the order of everything that
 * decides is a function of configuration and seed alone. The numerics of a round are handed to the executor as
 * one cohort when the round opens, only for results that will count, and are collected when their virtual
 * event fires; where and how fast they are computed changes nothing.
 *
 * Thread safety: one caller.
 */
#ifndef FG_SIM_DRIVER_H
#define FG_SIM_DRIVER_H

#include <stdbool.h>

#include "src/aggregator/core.h"
#include "src/worker/executor.h"

/* What the driver asks of its owner. */
struct fg_driver_hooks {
    void *arg;
    /* Evaluate the parameters as asked by `what` (only .evaluate and .evaluate_clients are read). */
    enum fg_status (*evaluate)(void *arg, const float *params, const struct fg_action *what,
                               struct fg_evaluation *out, struct fg_err *err);
    /* A round is committed and its record complete. */
    enum fg_status (*committed)(void *arg, struct fg_err *err);
    /* True once the run is asked to stop (signal). */
    bool (*stopping)(void *arg);
};

struct fg_driver_config {
    uint64_t update_bytes; /* one update up, as durations count it */
    uint32_t batch;          /* samples a step, 0 = the whole shard */
    const uint32_t *samples; /* (clients) */
    bool hand_back;
};

/* Drive the aggregator until it finishes or is stopped. Errors: those of executor and hooks; FG_E_NOMEM. */
enum fg_status fg_driver_run(struct fg_aggregator *agg, const struct fg_fleet *fleet, struct fg_executor *ex,
                             const struct fg_driver_config *cfg, const struct fg_driver_hooks *hooks,
                             enum fg_finish *reason, struct fg_err *err);

#endif
