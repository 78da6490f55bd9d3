/* What forecasts are worth: the schedules made with them against the schedule of someone who knows.
 *
 * Each day, for the day ahead, the slot planner (slots.h) makes a schedule of who trains in which hour from
 * forecasts of availability and carbon, within a budget of carbon; then the day is played as it really was:
 * hour by hour the ledger books what is really emitted until it is full, an hour counts if the client was up
 * throughout, one that breaks off is booked as far as it went and counts nothing. The regret is the utility
 * lost against the schedule made from what really came, under the same realised budget:
 *
 *     regret = 1 - sum of days U(plan) / sum of days U(oracle),   U = sum_c (sum_t (g_max - g))^alpha
 *
 * Schedules are made once for the day, and for both ensembles also anew each hour with what is left of the
 * day and the budget, when who is down is not asked. Beside it the irreducible part: the same for the
 * forecaster that knows the true model, on a synthetic twin (a chain with a daily shape for each node, a
 * daily mean with an autoregression for each zone, fitted).
 * doc/algorithms/forecasts.md has the details.
 *
 * Place: choice. Thread safety: pure; the same bits on any machine.
 */
#ifndef FG_PLANNER_WORTH_H
#define FG_PLANNER_WORTH_H

#include <stddef.h>
#include <stdint.h>

#include "src/availability/fleet.h"
#include "src/base/status.h"

struct fg_worth_spec {
    uint32_t nodes_max; /* of a larger trace that many nodes are drawn */
    int64_t hours_max;  /* of a longer one the first so many hours are used */
    uint32_t slots;     /* of a schedule, h; 1 .. 24 */
    double share;       /* of the grams that all nodes would emit in all slots: the budget */
    double alpha;       /* of the utility, (0, 1] */
    uint64_t seed;
};

/* 32 nodes, 8 weeks, 24 slots, a fifth, alpha .5, seed 1. */
void fg_worth_defaults(struct fg_worth_spec *spec);

struct fg_worth_row {
    const char *availability, *carbon; /* names of predictors */
    double regret, low, high;          /* 95% by drawing days; NAN from fewer than two */
};

struct fg_worth {
    uint32_t nodes, windows;
    int64_t hours, warmup_h;
    size_t ensemble; /* the row of both ensembles */
    struct fg_worth_row *rows;
    size_t n_rows;
    struct fg_worth_row irreducible;   /* the true model's on the twin */
    struct fg_worth_row twin_ensemble; /* both ensembles' on the twin */
    /* the same three where what is left of the day is planned again each hour */
    struct fg_worth_row hourly, hourly_irreducible, hourly_twin;
};

/* Errors: FG_E_RANGE for a spec out of range, FG_E_INPUT for a trace too short for a single schedule and
 *         what a fleet refuses, FG_E_NOMEM.
 * Owner:  the caller, fg_worth_fini(). Cost: some seconds. */
enum fg_status fg_worth_run(struct fg_worth *out, const struct fg_trace *t,
                            const struct fg_zone_carbon *zones, size_t n_zones,
                            const struct fg_worth_spec *spec, struct fg_err *err) FG_NODISCARD;
void fg_worth_fini(struct fg_worth *w);

#endif
