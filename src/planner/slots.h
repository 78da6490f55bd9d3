/* Which client trains in which slot under a budget of carbon, and how good any other schedule could be.
 *
 * The scheduler of arputharaj25, problem (8): maximise sum_c (sum_t v(c,t) a(c,t))^alpha over a in {0,1}
 * with sum c(c,t) a(c,t) <= budget and a = 1 in the fine-tuning window. Here v = p (g_max - g): g are the
 * grams that training in the slot costs, p is the chance that it comes to something (1 = known), c the
 * expected grams. doc/algorithms/greenfl.md has the formulas and the proofs of the bounds.
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_PLANNER_SLOTS_H
#define FG_PLANNER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/str.h"

/* Most open choices for which branch and bound is tried, and the nodes that solve most such problems. */
#define FG_SLOTS_SMALL 64
#define FG_SLOTS_NODES 200000
/* Iterations for a bound that is shown to people (fg_slots_problem.turns). */
#define FG_SLOTS_TURNS 30

/* A further budget that the chosen slots must keep: of energy, bytes or money. */
struct fg_slots_side {
    const double *cost; /* (clients, slots) >= 0, booked on average */
    double budget;
    const double *per_byte; /* (clients) what shipping a byte adds; only where data move */
};

/* Where data move, an update counts for a shard (there are as many shards as clients, and `base` is theirs).
 * A client must hold the shard, or it is sent once. In one slot a client trains on one shard; if several
 * clients train on the same shard, one update counts: that of the lowest number to arrive. */
struct fg_slots_ship {
    const double *bytes;    /* (clients, shards) to send; 0 = it has it; INFINITY = it may not go there */
    const double *per_byte; /* (clients) grams, as budget_g */
    uint32_t copies;        /* most clients that train on one shard in a slot; >= 1 */
    double margin;          /* a shard is sent only if it lacks so many more updates than one already there */
};

/* What the length of the tasks does to the progress of a round. Let z be the share of an exact step's
 * progress that the updates make (signal I / (1 + signal I) below), and `reach` the share of the way to the
 * point of zero gradient that tasks go. Progress is then max over y <= reach of 2 straight y - y^2 / z. */
struct fg_slots_way {
    double reach, straight; /* 0..1 */
    double noise;           /* > 0, as that of fg_slots_rounds */
};

/* A model makes progress by rounds, not by single updates. The updates of a slot together are worth
 *
 *   worth x signal I / (1 + signal I),   I = sum over groups of k / (apart k + noise),
 *
 * k being the expected number of updates of the group, added to the sum over clients. I is what they say of
 * the gradient that all clients share: `signal` is its square, `noise` and `apart` are what an update
 * and its group add to the square. Slots of the tuning window, where everyone trains, are left out.
 * Source: McCandlish, Kaplan, Amodei and the OpenAI Dota team 2018, section 2.2: a step with a batch of k
 * makes 1 / (1 + noise / (signal k)) of the progress of an endless one; groups are ours.
 * doc/algorithms/forage.md. */
struct fg_slots_rounds {
    double worth;                /* >= 0 */
    double signal, noise, apart; /* >= 0, noise > 0 */
    const uint32_t *group;       /* (clients; where data move: shards) */
    uint32_t groups;
    const struct fg_slots_way *way; /* (slots) used instead of `noise`; NULL = length makes no difference */
};

struct fg_slots_problem {
    uint32_t clients;
    uint32_t slots;
    const double *grams;    /* (clients, slots) g CO2e of training in the slot, >= 0 */
    const double *chance;   /* (clients, slots) 0..1 that its update counts; NULL = 1 everywhere */
    const double *expected; /* (clients, slots) g CO2e booked on average, >= 0; NULL = chance x grams */
    const double *base;     /* (clients) sum of v gained before, in the first stretch, >= 0; NULL = none */
    double budget_g;        /* >= 0 */
    double alpha;           /* (0, 1]: 1 = as green as possible, towards 0 = as fair as possible */
    double grams_max; /* what a worthless slot costs; 0 = the largest of grams. A dearer slot is worth 0 */
    uint32_t tune;    /* the last slots in which every client trains, paid for first */
    const double *effort; /* (slots) factor on v, > 0: how much longer than usual tasks are; NULL = 1 */
    /* (slots) the number of the stretch that a slot is in: 0, then the same or one more. A client's sum is
     * raised to alpha within each stretch, and these are added; NULL = one stretch. Only where data stay */
    const uint32_t *stretch;
    const struct fg_slots_side *side; /* (sides) the bound does not use them; src/planner/budgets.h does */
    uint32_t sides;
    const struct fg_slots_ship *ship;     /* NULL = everyone on its own data */
    const struct fg_slots_rounds *rounds; /* NULL = slots are worth nothing beside their updates */
    uint32_t turns; /* iterations that tighten the bound where there are rounds; 0 = 1 */
    bool quick;     /* only the schedule is wanted: no bound, unless branch and bound needs one */
    uint32_t nodes; /* branch and bound: visit at most this many; 0 = greedy and bound only */
};

struct fg_slots_plan {
    uint32_t clients, slots;
    uint8_t *on;     /* (clients, slots) 1 = train */
    uint32_t *count; /* (clients) slots of each */
    double value;    /* of the objective: */
    double fair;     /* what the slots before the window add to the sum over clients, */
    double rounds;   /* and sum of signal I / (1 + signal I) over them: 0 without rounds */
    /* no schedule within the budget has a larger value, up to rounding (1e-12); if quick perhaps infinite */
    double bound;
    double spent_g;     /* expected; at most the budget, up to rounding */
    double price_per_g; /* of the budget: value that one more gram is worth; 0 = it does not bind */
    uint32_t *shard;    /* (clients, slots) on whose data, where on; NULL unless data move */
    double *sent;       /* (clients) bytes shipped to each; NULL unless data move */
    bool exact;         /* proved the best: everything of value fits, or branch and bound came to its end */
};

/* Make the schedule: greedy by marginal value per gram, then branch and bound when the problem is small.
 *
 * Cost:    O(n log n) time and about 50 bytes each for n = clients x slots; branch and bound O(nodes log
 *          slots), for up to FG_SLOTS_SMALL choices.
 * Errors:  FG_E_RANGE naming the client and slot, or when the budget does not cover the tuning window;
 *          FG_E_NOMEM.
 * Owner:   the caller, fg_slots_plan_destroy().
 * Source:  Arputharaj, Rodriguez, Rodio and Neglia 2025, problem (8); the certificate is ours.
 */
enum fg_status fg_slots_solve(struct fg_slots_plan **out, const struct fg_slots_problem *p,
                              struct fg_err *err) FG_NODISCARD;
void fg_slots_plan_destroy(struct fg_slots_plan *plan);

/* Bytes that client c is sent to train on its own shard in the tuning window, unless it has some data.
 * Shapes: bytes (clients, clients) of fg_slots_ship. */
double fg_slots_window_bytes(const double *bytes, uint32_t clients, uint32_t c);

/* How far the plan can be from the best one: bound / value - 1; 0 when nothing can be won. */
double fg_slots_gap(const struct fg_slots_plan *plan);

#endif
