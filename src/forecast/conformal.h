/* Adaptive conformal intervals: from a point forecast's own past errors to bounds that keep their promise.
 *
 * The bounds are quantiles of the last errors (outcome - forecast), at levels that move by what happened:
 * a(t+1) = a(t) + rate (level - missed(t)), within -1/2 and 1/2. A level below 0 asks for more than the
 * largest error kept: then -a times the errors' range is added to it. So in the long run no more than the
 * promised share of outcomes lies outside, whatever the errors do, but for those that leave the range of the
 * errors kept by half of it and more.
 * Source: Gibbs and Candes, NeurIPS 2021, adaptive conformal inference; differs: where theirs are infinite,
 * these bounds grow step by step; both sides on their own. Thread safety: an object belongs to one thread
 * at a time.
 */
#ifndef FG_FORECAST_CONFORMAL_H
#define FG_FORECAST_CONFORMAL_H

#include <stddef.h>

#include "src/base/status.h"

struct fg_conformal {
    double level, rate;   /* promised share outside of each side; step of its adaption */
    double a_low, a_high; /* levels as adapted */
    size_t n, cap, next;
    float *ring, *sorted; /* (cap) the last errors, by age and by size */
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_conformal_fini(). */
enum fg_status fg_conformal_init(struct fg_conformal *c, size_t window, double level,
                                 double rate) FG_NODISCARD;
void fg_conformal_fini(struct fg_conformal *c);

/* What `from` has learnt, into one of the same window. */
void fg_conformal_copy(struct fg_conformal *to, const struct fg_conformal *from);

/* What to add to a point forecast for the lower and the upper bound; 0 before anything was learnt. */
double fg_conformal_low(const struct fg_conformal *c);
double fg_conformal_high(const struct fg_conformal *c);

/* An outcome is known: its error, and what was promised when it was forecast. Cost: O(window). */
void fg_conformal_learn(struct fg_conformal *c, double error, double low, double high);

#endif
