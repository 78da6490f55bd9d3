/* How many clients to give the same work to, so that it comes back.
 *
 * A copy of an assignment gives the same bytes: it buys survival and no variance. With chances s_j of the
 * copies and a chance f that the whole pool is taken away at once, the work arrives with
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

/* Chance that the work arrives when each copy is lost on its own with product `lost`. */
double fg_copies_arrive(double lost, double withdrawn);

/* Which of the n candidates is the next copy when those before are all lost with chance `lost`: the one that
 * gains most, if it is worth more than it costs; n = none. */
size_t fg_copies_next(const struct fg_copy *c, size_t n, double lost, double withdrawn, double value_g);

#endif
