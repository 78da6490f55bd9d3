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

/* Up to so many open choices branch and bound is tried at all; and nodes that suffice for most of these. */
#define FG_SLOTS_SMALL 64
#define FG_SLOTS_NODES 200000
/* Turns of a bound that is told to people. */
#define FG_SLOTS_TURNS 30

/* What else must not be exceeded by the slots taken: energy, bytes, money. */
struct fg_slots_side {
    const double *cost; /* (clients, slots) >= 0, booked on average */
    double budget;
    const double *per_byte; /* (clients) of a byte shipped; only where data move */
};

/* Data may move: an update counts for a shard (there are as many as clients; base is theirs), and a client
 * must have the shard, or be sent it once. A slot of a client serves one shard; of several clients on the
 * same shard in a slot one update counts, the first that comes in the order of their numbers. */
struct fg_slots_ship {
    const double *bytes;    /* (clients, shards) to send; 0 = it has it; INFINITY = it may not go there */
    const double *per_byte; /* (clients) grams, as budget_g */
    uint32_t copies;        /* clients on a shard in a slot, at most; >= 1 */
    double margin;          /* a shard must lack so many updates more to be sent to who has another */
};

/* What tasks of some length make of a round: how far they go, how straight, and the noise of their updates.
 * A model that goes at most `reach` of the way to where its gradient is zero makes, with a share z of the
 * progress of an exact step (signal I / (1 + signal I) below), max 2 straight y - y^2 / z over y <= reach. */
struct fg_slots_way {
    double reach, straight; /* 0..1 */
    double noise;           /* > 0, as that of fg_slots_rounds */
};

/* A model goes forward by rounds, not by updates: those of a slot are worth together
 *
 *   worth x signal I / (1 + signal I),   I = sum over groups of k / (apart k + noise),
 *
 * k the expected number of updates of the group, beside the sum over clients. I is what they tell of the
 * gradient that all have in common: `signal` is its square, `noise` and `apart` what an update's square has
 * of its own and of its group. In the tuning window everyone comes: its slots are not in the sum.
 * Source: McCandlish, Kaplan, Amodei and the OpenAI Dota team 2018, section 2.2: a step with a batch of k
 * makes 1 / (1 + noise / (signal k)) of the progress of an endless one; groups are ours.
 * doc/algorithms/forage.md. */
struct fg_slots_rounds {
    double worth;                /* >= 0 */
    double signal, noise, apart; /* >= 0, noise > 0 */
    const uint32_t *group;       /* (clients; where data move: shards) */
    uint32_t groups;
    const struct fg_slots_way *way; /* (slots) instead of noise, and limits what rounds make; NULL = none */
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
    /* (slots) 0, then from slot to slot the same or one more: instead of its sum over all slots to alpha a
     * client has that over each stretch, added up; NULL = one. Only where data stay */
    const uint32_t *stretch;
    const struct fg_slots_side *side; /* (sides) the bound does not use them; src/planner/budgets.h does */
    uint32_t sides;
    const struct fg_slots_ship *ship;     /* NULL = everyone on its own data */
    const struct fg_slots_rounds *rounds; /* NULL = slots are worth nothing beside their updates */
    uint32_t turns; /* of the search for a bound with rounds: more make it tighter; 0 = 1 */
    bool quick;     /* the schedule alone: the bound is looked for only where branch and bound needs it */
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

/* In the tuning window everyone trains on its own data: what client c is sent for that, unless it has some.
 * Shapes: bytes (clients, clients) of fg_slots_ship. */
double fg_slots_window_bytes(const double *bytes, uint32_t clients, uint32_t c);

/* How far the plan can be from the best one: bound / value - 1; 0 when nothing can be won. */
double fg_slots_gap(const struct fg_slots_plan *plan);

#endif
