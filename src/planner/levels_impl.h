/* Shared by the files of the slot plan with levels. */
#ifndef FG_PLANNER_LEVELS_IMPL_H
#define FG_PLANNER_LEVELS_IMPL_H

#include "src/planner/levels.h"

/* The least bound that a search from the plan's own prices and gains finds, in so many tries, and its prices:
 * plan->bound and price; and each slot's best level there. Shapes: level (slots). Errors: FG_E_NOMEM. */
enum fg_status fg_levels_bound(struct fg_levels_plan *plan, uint8_t *level, const struct fg_levels_problem *p,
                               uint32_t tries) FG_NODISCARD;

/* What a worthless slot costs: fg_slots_problem.grams_max, or the largest of grams. */
double fg_levels_dearest(const struct fg_slots_problem *s);

#endif
