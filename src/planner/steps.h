/* How many local steps (or shards) each client gets, so that all together do T at the least cost.
 *
 * minimise sum_i cost_i(x_i) subject to sum_i x_i = T and lower_i <= x_i <= upper_i: the minimal cost FL
 * schedule of pilla23. Which method is exact depends on the marginal costs M_i(x) = cost_i(x) - cost_i(x -
 * 1): growing MarIn, constant MarCo, falling MarDec, anything the dynamic programme (MC)2MKP.
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_PLANNER_STEPS_H
#define FG_PLANNER_STEPS_H

#include <stdint.h>

#include "src/base/status.h"

struct fg_steps_problem {
    uint32_t clients;
    uint32_t total;        /* T */
    const uint32_t *lower; /* (clients) */
    const uint32_t *upper; /* (clients) */
    /* Cost (energy, grams, seconds) of x steps by a client, finite; asked for lower <= x <= upper only. */
    double (*cost)(const void *arg, uint32_t client, uint32_t x);
    const void *arg;
};

/* How the marginal costs run between the limits, each client on its own. */
enum fg_steps_shape { FG_STEPS_CONSTANT, FG_STEPS_GROWING, FG_STEPS_FALLING, FG_STEPS_ANY };

/* The shape that all clients share; differences of 1e-9 of a cost count as none.
 * Cost:    one call of cost for each allowed number of steps of each client. */
enum fg_steps_shape fg_steps_shape(const struct fg_steps_problem *p);

/* Write a best x (clients) and its cost by the cheapest method that is exact for the problem's shape.
 *
 * Errors:  of this and all below: FG_E_RANGE when the limits cannot be met or a cost is not finite, naming
 *          the client; FG_E_NOMEM. Ties go to the client of the lowest number.
 * Source:  Pilla 2023: which algorithm for which marginal costs.
 */
enum fg_status fg_steps_plan(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                             struct fg_err *err) FG_NODISCARD;

/* Give one step after another to whom it costs least. Exact when marginal costs never fall.
 * Cost: O(n + T log n). Source: Pilla 2023, algorithm MarIn. */
enum fg_status fg_steps_marin(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                              struct fg_err *err) FG_NODISCARD;

/* Fill up the cheapest client, then the next. Exact when marginal costs are constant.
 * Cost: O(n log n). Source: Pilla 2023, algorithm MarCo. */
enum fg_status fg_steps_marco(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                              struct fg_err *err) FG_NODISCARD;

/* All clients but one are at a limit; which, by a knapsack for each choice of that one. Exact when marginal
 * costs never grow. Cost: O(n^2 T), n T bytes. Source: Pilla 2023, algorithm MarDec. */
enum fg_status fg_steps_mardec(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                               struct fg_err *err) FG_NODISCARD;

/* Dynamic programme over clients and steps given out, the multiple-choice minimum-cost maximal knapsack
 * packing. Exact for any cost. Cost: O(n T^2), 4 n T bytes. Source: Pilla 2023, algorithm (MC)2MKP. */
enum fg_status fg_steps_mc2mkp(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                               struct fg_err *err) FG_NODISCARD;

#endif
