/* The slot plan under several budgets at once: carbon, energy, bytes, money; and at most so many rounds.
 *
 * For weights l_r >= 0 that sum to 1 the budgets imply one, sum_r l_r spent_r / budget_r <= 1. The plan
 * under that one alone (slots.h) bounds every plan under all of them; the weights with the least bound are
 * looked for, and the schedules made on the way, each held within every budget, compete. What one more unit
 * of budget r is worth is then l_r / budget_r times the price of the implied one: its shadow price.
 * doc/algorithms/planning.md. Thread safety: pure.
 */
#ifndef FG_PLANNER_BUDGETS_H
#define FG_PLANNER_BUDGETS_H

#include "src/planner/slots.h"

enum { FG_BUDGETS = 6 }; /* at most */

struct fg_budgets_problem {
    struct fg_slots_problem slots; /* its expected, budget_g and sides are not looked at; its tuning window
                                    * is paid first */
    const struct fg_slots_side *budget; /* (n) cost booked on average; more than 0 of each */
    uint32_t n;                         /* >= 1 */
    /* at most so many slots in which anybody trains, the window's included; 0 = any number */
    uint32_t rounds;
    bool price_round; /* find out what one round more is worth: everything twice */
    bool certify;     /* the bound is told to people: take time for it */
    /* (n + 1) where the search begins, and what it found; the last is of the rounds. NULL or all 0: even
     * ones. Begun from those of a plan much like it a few tries do */
    double *weight;
    double near;    /* stop when the plan is known to be this close to the best, relative */
    uint32_t tries; /* weights to try; 0 = by size, 8 to 60 */
};

struct fg_budgets_plan {
    struct fg_slots_plan
        *slots;               /* its bound is that of all; spent_g and price_per_g are of the implied one */
    double spent[FG_BUDGETS]; /* expected, of each */
    double price[FG_BUDGETS]; /* what one more unit of each is worth; 0 = it does not bind */
    double price_round;       /* of a round; 0 = it does not bind, or any number */
};

/* Cost:   one slot plan where there is one budget, else two for each try. Errors: as fg_slots_solve().
 * Owner:  the caller, fg_budgets_plan_fini(). */
enum fg_status fg_budgets_solve(struct fg_budgets_plan *out, const struct fg_budgets_problem *p,
                                struct fg_err *err) FG_NODISCARD;
void fg_budgets_plan_fini(struct fg_budgets_plan *plan);

#endif
