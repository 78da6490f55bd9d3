/* Planning ahead from a run's forecasts: what policies that make slot plans share.
 *
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AGGREGATOR_SELECT_PLAN_H
#define FG_AGGREGATOR_SELECT_PLAN_H

#include "src/aggregator/select.h"
#include "src/planner/error.h"
#include "src/planner/slots.h"

/* What is expected of the next slots. Shapes: (clients, slots), slot 0 begins at the view's now. */
struct fg_ahead {
    uint32_t clients, slots;
    double *grams;           /* of a full task */
    double *chance;          /* that its update counts */
    double *expected;        /* grams emitted on average, by tasks that come to nothing too */
    double *cost[FG_LIMITS]; /* booked on average, of each budget beside carbon's; NULL where there is none */
    double left[FG_LIMITS];  /* of it */
    double *bytes; /* (clients, shards) to send, INFINITY where it may not go; NULL where data stay, or
                              * there are too many to plan for (FG_AHEAD_MOVES) */
    /* (clients) of each budget, at the mean of the slots; NULL where there is none */
    double *per_byte[FG_LIMITS];
    double margin;
    uint32_t copies;
    /* (FG_LIMITS) of budgets against each other, where the search for prices begins and what it found;
     * NULL = anew */
    double *weight;
    /* what slots are worth; its worth is found by fg_ahead_solve(); without groups not wanted */
    struct fg_slots_rounds rounds;
    uint32_t *group;                /* (clients; where data move: shards) of it; NULL unless wanted */
    uint32_t *stretch;              /* (slots) fg_slots_problem.stretch; NULL = one */
    uint32_t rounds_left;           /* in which somebody may train, 0 = any number */
    struct fg_ahead_levels *levels; /* of the slots, by which all of the above is; NULL = as configured */
};

/* Slots have levels of local work: their parts of the configured steps, how far their tasks go for that
 * (fg_slots_problem.effort) and what rounds make of it. Shapes: (slots). */
struct fg_ahead_levels {
    double *part, *effort;
    struct fg_slots_way *way;
    double error; /* fg_levels_error() over the common gradient's square; 0 where rounds are not valued */
    double bound; /* whatever the levels; infinite unless prices were asked for */
    double price[FG_LIMITS];
};

/* Tasks of planned steps do at most so many times the configured ones. */
#define FG_AHEAD_LONGEST 2.0

/* What came of plans with levels so far. */
struct fg_levels_past {
    double length; /* mean level of the rounds that counted, 1 before the first */
    double lambda; /* fg_ahead_levels.error of the last plan; 0 before the first */
};

/* Where data move, shipping is planned for at most so many clients x clients x slots. */
#define FG_AHEAD_MOVES 2e7

/* Whether plans have a say in who is sent which data. */
bool fg_ahead_ships(const struct fg_select_config *cfg);

/* Slot 0: who is up is known, whether they stay is not. Errors: FG_E_NOMEM. Owner: the caller,
 * fg_ahead_fini(). */
enum fg_status fg_ahead_look(struct fg_ahead *out, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, uint32_t slots) FG_NODISCARD;
void fg_ahead_fini(struct fg_ahead *a);

/* From here on plans value rounds, by what updates told of the problem: their common part is signal, what is
 * their clients' own and their steps' is noise, and zones are groups. Errors: FG_E_NOMEM. */
enum fg_status fg_ahead_gauge(struct fg_ahead *a, const struct fg_select_config *cfg,
                              const struct fg_gauge *gauge) FG_NODISCARD;

double fg_ahead_dearest(const struct fg_ahead *a);

/* From here on every slot has the level of local work that is best by the planning model (planner/levels.h):
 * what updates told of the problem, and `past`.
 * The other arguments are those of fg_ahead_solve() for all a->slots. Without a budget left nothing changes.
 * Errors: FG_E_NOMEM. Cost: some six times fg_ahead_solve(). */
enum fg_status fg_ahead_choose_levels(struct fg_ahead *a, const struct fg_select_config *cfg,
                                      const struct fg_select_view *view, const struct fg_levels_past *past,
                                      uint32_t tune, const double *base, double left_g, double grams_max,
                                      bool quick) FG_NODISCARD;

/* What rounds are worth beside the sum over clients: so much that, where the plan without them ends, one per
 * cent more of progress counts as much as one per cent more of the clients' mean (sum_c u_c^alpha /
 * clients)^(1/alpha): the planner goes for the largest product of the two. Errors: fg_slots_solve(). */
enum fg_status fg_ahead_weigh_rounds(double *worth, const struct fg_slots_problem *p) FG_NODISCARD;

/* The problem of all a->slots, without budget, window and what was gained so far. It borrows from a and,
 * where data move, from ship, which is filled in. */
struct fg_slots_problem fg_ahead_problem(const struct fg_ahead *a, const struct fg_select_config *cfg,
                                         struct fg_slots_ship *ship);

/* What is left of the budget; more than everything costs when there is none. */
double fg_ahead_left(const struct fg_ahead *a, const struct fg_select_config *cfg,
                     const struct fg_select_view *view);

/* As many of the last of `slots` slots as left_g and half of every other budget pay for everyone, at most
 * `tune`. */
uint32_t fg_ahead_window(const struct fg_ahead *a, uint32_t slots, uint32_t tune, double left_g);

/* Plan the first `slots` slots, the last `tune` of them for everyone (fg_slots_solve, with more budgets than
 * carbon's fg_budgets_solve). Shapes: base (clients; where data move: shards), value gained so far; may be
 * NULL. price (FG_LIMITS): what one more unit of each budget is worth; NULL:
 * the schedule alone is wanted, its bound may be infinite. */
enum fg_status fg_ahead_solve(struct fg_slots_plan **out, const struct fg_ahead *a,
                              const struct fg_select_config *cfg, uint32_t slots, uint32_t tune,
                              const double *base, double left_g, double grams_max,
                              double *price) FG_NODISCARD;

/* What one slot more is worth at the margin: the bound of `plan` less that of a plan one slot shorter. */
enum fg_status fg_ahead_price_slot(double *price, const struct fg_slots_plan *plan, const struct fg_ahead *a,
                                   const struct fg_select_config *cfg, uint32_t tune, const double *base,
                                   double left_g, double grams_max) FG_NODISCARD;

/* The number of slots, from rounds - slack to rounds, whose plan has the least predicted error
 * (src/planner/error.h): shorter plans give more certain weights, longer ones more rounds and greener
 * slots. */
enum fg_status fg_ahead_length(uint32_t *slots, const struct fg_ahead *a, const struct fg_select_config *cfg,
                               double left_g, double grams_max) FG_NODISCARD;

#endif
