/* How forage plans: for how many slots, how fairly, and what an update counts, all by the planning model with
 * the parts of the updates as its constants (select_gauge.h). Formulas: doc/algorithms/forage.md.
 *
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AGGREGATOR_SELECT_WAY_H
#define FG_AGGREGATOR_SELECT_WAY_H

#include "src/aggregator/select_plan.h"

struct fg_way {
    uint32_t slots; /* of the whole run */
    double alpha;
};

/* Of five lengths up to way->slots and four alphas the way with the least predicted error of the rest of the
 * run; *way stays as it is if none is clearly better. *a is the outlook from now to the end of *way. Shapes:
 * base (clients).
 * Errors: FG_E_NOMEM, those of fg_ahead_solve(). */
enum fg_status fg_way_search(struct fg_way *way, const struct fg_ahead *a, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, const double *base, double left_g,
                             double grams_max) FG_NODISCARD;

/* The cap on 1 / chance with the least error of one round's mean: variance and bias. Shapes: chance
 * (clients), > 0. Errors: FG_E_NOMEM. Cost: O(clients FG_CAPS). */
enum fg_status fg_way_cap(double *cap, const struct fg_select_config *cfg, const struct fg_select_view *view,
                          const double *chance) FG_NODISCARD;

#endif
