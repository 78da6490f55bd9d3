/* Small problems of the carbon scheduler: drawn, searched in whole, and what a plan must be beside that. */
#ifndef FG_TESTS_LIB_TOYSLOTS_H
#define FG_TESTS_LIB_TOYSLOTS_H

#include "src/base/rng.h"
#include "src/planner/slots_impl.h"

enum { TOY_CELLS = 12 };

struct toy_slots {
    double grams[TOY_CELLS], chance[TOY_CELLS], expected[TOY_CELLS], base[TOY_CELLS];
    uint32_t stretch[TOY_CELLS];
};

/* Grams, chances, a budget and alpha; the problem borrows r's grams, the rest of r is there to be used. */
struct fg_slots_problem toy_slots_draw(struct toy_slots *r, struct fg_rng *rng, uint32_t clients,
                                       uint32_t slots);

/* Stretches of any lengths, and something gained before by some clients. */
void toy_slots_stretch(struct fg_slots_problem *p, struct toy_slots *r, struct fg_rng *rng);

/* What fails ends the test. Owner: the caller, fg_slots_plan_destroy(). */
struct fg_slots_plan *toy_slots_solved(const struct fg_slots_problem *p);

/* The plan's cells; whether every client's among them are its cheapest ones. */
uint32_t toy_slots_mask(const struct fg_slots_plan *plan);
bool toy_slots_prefixes(const struct fg_slots_problem *p, uint32_t mask);

/* The value of the best schedule of all 2^(clients x slots) within the budget, or of those whose clients take
 * their cheapest slots. */
double toy_slots_best(const struct fg_slots_problem *p, bool only_prefixes);

/* The plan's figures are those of its cells, it keeps the budget, and bound >= optimum >= plan. */
void toy_slots_agree(const struct fg_slots_plan *plan, const struct fg_slots_problem *p, double optimum);

#endif
