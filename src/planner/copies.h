/* How many clients to give the same work to, so that it comes back.
 *
 * Copies of an assignment give the same bytes: they raise the chance that a result comes, nothing else. If
 * copy j survives with chance s_j, and all machines are withdrawn at once with chance f, one arrives with
 *
 *     P = (1 - f) (1 - prod (1 - s_j)),
 *
 * and one more copy is worth value x (its dP). doc/algorithms/movable.md. Thread safety: pure.
 */
#ifndef FG_PLANNER_COPIES_H
#define FG_PLANNER_COPIES_H

#include <stddef.h>
#include <stdint.h>

struct fg_copy {
    uint32_t client;
    double survives; /* chance that this copy alone comes back, 0..1 */
    double cost_g;   /* what it costs, shipping included; INFINITY: it may not or cannot */
};

/* Chance that the work arrives. lost: the product of the chances that each copy is lost by itself. */
double fg_copies_arrive(double lost, double withdrawn);

/* Which of the n candidates to give the next copy, if the copies so far are all lost with chance `lost`: the
 * one with the largest gain, if that is more than its cost; n = none. */
size_t fg_copies_next(const struct fg_copy *c, size_t n, double lost, double withdrawn, double value_g);

#endif
