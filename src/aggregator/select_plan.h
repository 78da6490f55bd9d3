/* Planning ahead from a run's forecasts: what policies that make slot plans share.
 *
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AGGREGATOR_SELECT_PLAN_H
#define FG_AGGREGATOR_SELECT_PLAN_H

#include "src/aggregator/select.h"
#include "src/planner/slots.h"

/* What is expected of the next slots. Shapes: (clients, slots), slot 0 begins at the view's now. */
struct fg_ahead {
    uint32_t clients, slots;
    double *grams;  /* of a full task */
    double *chance; /* that its update counts */
};

/* Slot 0: who is up is known, whether they stay is not. Errors: FG_E_NOMEM. Owner: the caller,
 * fg_ahead_fini(). */
enum fg_status fg_ahead_look(struct fg_ahead *out, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, uint32_t slots) FG_NODISCARD;
void fg_ahead_fini(struct fg_ahead *a);

double fg_ahead_dearest(const struct fg_ahead *a);

/* What is left of the budget; more than everything costs when there is none. */
double fg_ahead_left(const struct fg_ahead *a, const struct fg_select_config *cfg,
                     const struct fg_select_view *view);

/* As many of the last of `slots` slots as left_g pays for everyone, at most `tune`. */
uint32_t fg_ahead_window(const struct fg_ahead *a, uint32_t slots, uint32_t tune, double left_g);

/* Plan the first `slots` slots, the last `tune` of them for everyone (fg_slots_solve). Shapes: base
 * (clients), value gained so far; may be NULL. */
enum fg_status fg_ahead_solve(struct fg_slots_plan **out, const struct fg_ahead *a,
                              const struct fg_select_config *cfg, uint32_t slots, uint32_t tune,
                              const double *base, double left_g, double grams_max) FG_NODISCARD;

/* A way to plan: how long, how fairly, with how many local steps for each configured one. */
struct fg_way {
    uint32_t slots;
    double alpha, steps;
};

/* Of all lengths, four alphas and three numbers of steps the way with the least predicted error, weights
 * capped by src/aggregator/select_weight.h. *a is the outlook for the configured steps; a task of x times the
 * steps is taken to cost x times the grams. */
enum fg_status fg_ahead_search(struct fg_way *way, const struct fg_ahead *a,
                               const struct fg_select_config *cfg, const struct fg_watch *watch,
                               double left_g, double grams_max) FG_NODISCARD;

/* The number of slots, from rounds - slack to rounds, whose plan has the least predicted error
 * (src/planner/error.h): shorter plans give more certain weights, longer ones more rounds and greener
 * slots. */
enum fg_status fg_ahead_length(uint32_t *slots, const struct fg_ahead *a, const struct fg_select_config *cfg,
                               double left_g, double grams_max) FG_NODISCARD;

#endif
