/* Which client trains in which slot, and how long: the slot plan where every slot has a level of local work.
 *
 * All tasks of a slot do the same part of their configured steps: no client counts more than another for
 * having done more of them, and the planning model's T_t, the steps of a round, is what it is. Between
 * slots levels differ: short tasks pay the transfers again and again, long ones drift, and come to their
 * client's own optimum.
 *
 * The objective is that of slots.h, with fg_slots_problem.effort and fg_slots_rounds.way by level:
 *
 *   sum_c sum_s (sum_{t in s} e_l(t) v(c,t) a(c,t))^alpha + worth sum_t P_l(t)(I_t)
 *
 * P is what the planning model (error.h) says of a round. E is a ratio, and least where the sum over rounds
 * of eta T_t (lambda - drift_t) - L eta^2 T_t^2 V_t is largest for lambda = E (Dinkelbach); lambda is what
 * the plan before predicted. Formulas and units: doc/algorithms/planning.md.
 * Thread safety: pure functions of their arguments.
 * Source: Dinkelbach 1967 for ratios; E is that of error.h, the search and its bound are ours.
 */
#ifndef FG_PLANNER_LEVELS_H
#define FG_PLANNER_LEVELS_H

#include "src/planner/budgets.h"

enum { FG_LEVELS = 8 }; /* at most */

/* What a run's updates told of its problem; squares are of gradients, any unit. */
struct fg_levels_known {
    double gone;   /* 0..1, how much shorter the common gradient is after a round */
    double length; /* > 0, the mean level of the rounds that told it, in configured local work */
    double steps;  /* >= 1, local steps of level 1, mean over clients */
    double common, noise, client, zone; /* parts of an update's square at that length */
    double lambda; /* > 0, the mean square of the common gradient over the rounds to come */
};

struct fg_level {
    double part;   /* > 0, of the configured local steps */
    double effort; /* > 0, how far a task goes, in tasks of level 1 */
    double drift;  /* squared: what clients that go alone miss the gradient by */
    struct fg_slots_way way;
    const double *chance;           /* (clients, slots) that an update counts */
    const double *cost[FG_BUDGETS]; /* (clients, slots) of each budget, booked on average */
};

/* Fill in effort, drift and way of a level by its part:
 *
 *   x_l = 1 - (1 - gone)^(part / length)       reach: as far as eta L T of T = fg_effective_steps() steps
 *   noise_l = noise gone / x_l + client        of one update
 *   drift_l = (x_l - k)+ (noise gone + x_l (client + zone)),   k = 1 - (1 - gone)^(1 / (steps length))
 *   straight_l = (1 - drift_l / (2 lambda))+,  effort_l = x_l / x_1
 *
 * drift is the third term of E, eta^2 L^2 (T - 1) (sigma^2 + T zeta^2), with eta L = k and of a step
 * sigma^2 = noise gone / k. With gone = 0 efforts are the parts. */
void fg_level_describe(struct fg_level *level, const struct fg_levels_known *known);

/* Local steps of a task of so many at level 1: rounded, at least 1. */
uint32_t fg_level_steps(double part, uint32_t steps);

struct fg_levels_problem {
    /* its chance, effort, way and costs are not looked at: levels have them. weight is not written to */
    struct fg_budgets_problem base;
    const struct fg_level *level; /* (levels) */
    uint32_t levels;
    uint32_t normal; /* level of the tuning window, and of slots with nobody */
    bool quick;      /* no bound: it is infinite */
};

struct fg_levels_plan {
    struct fg_budgets_plan plan; /* its prices and its bound are those at the levels chosen */
    uint8_t *level;              /* (slots) */
    double bound;                /* no levels and no schedule within the budgets have a larger value */
    double price[FG_BUDGETS]; /* what one more unit of each budget is worth, levels included: of the bound */
};

/* Plans of one level everywhere compete with one whose levels are the best for the slots by prices of budgets
 * and of clients' gains, those of the bound:
 *
 *   sum_r price_r B_r + sum_rows [f(x) + f'(x) (base - x)]
 *       + sum_t max(0, max_l [worth (P_l(k) - P_l'(k) k)
 *                             + sum_c (f'(x_c) e_l v + worth P_l'(k) q - sum_r price_r c)+])
 *
 * for any prices, x and k: f and P are nowhere above their tangents. Of a slot's levels only corners of the
 * hull of value over cost are ever the largest, as in the multiple-choice knapsack (Sinha and Zoltners 1979).
 * Cost:   fg_budgets_solve() levels + 1 times, and up to 100 O(clients slots levels) for the bound.
 * Errors: as fg_budgets_solve().
 * Owner:  the caller, fg_levels_plan_fini(). */
enum fg_status fg_levels_solve(struct fg_levels_plan *out, const struct fg_levels_problem *p,
                               struct fg_err *err) FG_NODISCARD;
void fg_levels_plan_fini(struct fg_levels_plan *plan);

/* E of the plan's slots before the window, the mean square of the gradient that is left:
 *
 *   (common / 2 + sum_t x_t^2 / I_t + x_t drift_t) / sum_t x_t
 *
 * which is E of error.h with eta L T = x, V = 1 / I and D0 = common / (2 L) as on a parabola, less its bias.
 * The lambda of the next plan (Dinkelbach's step). Infinite where nobody trains. Rounds must be valued.
 * Cost: O(clients slots). Errors: FG_E_NOMEM. */
enum fg_status fg_levels_error(double *error, const struct fg_levels_problem *p,
                               const struct fg_levels_plan *plan,
                               const struct fg_levels_known *known) FG_NODISCARD;

#endif
