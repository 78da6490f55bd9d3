/* Inverse-probability weights: who takes part rarely counts for more, up to a cap.
 *
 * An update with participation chance pi is weighed by min(1 / pi, c). c = infinity has no bias and the
 * largest variance, c = 1 the reverse. Formulas: doc/algorithms/weights.md. Thread safety: pure functions.
 */
#ifndef FG_AGGREGATOR_SELECT_WEIGHT_H
#define FG_AGGREGATOR_SELECT_WEIGHT_H

#include <stdint.h>

enum fg_inverse {
    FG_INVERSE_NONE,   /* 1 */
    FG_INVERSE_PLAIN,  /* 1 / pi */
    FG_INVERSE_CAPPED, /* min(1 / pi, c), c by the rule below */
    FG_INVERSE_SIX     /* min(1 / pi, 6) */
};

/* Clients as the rule sees them. Shapes: all (n). */
struct fg_weighting_problem {
    uint32_t n;
    const double *target; /* > 0, any scale: what each should count */
    const double *chance; /* (0, 1] that it takes part in a round */
    const double *memory; /* correlation of that from round to round, [-1, 1); NULL = 0 */
    double noise;         /* c2 L eta tau: variance against squared bias */
};

/* The cap c among the 1 / pi (at most FG_CAPS of them, evenly spaced by rank) that minimises
 *   4 dTV(alpha, p)^2 + noise sum w_i^2 pi_i (1 - pi_i) (1 + l_i) / (1 - l_i) / Z^2,
 * w_i = alpha_i min(1 / pi_i, c), Z = sum alpha_i min(1, c pi_i), p_i = alpha_i min(1, c pi_i) / Z.
 * Shapes: scratch (n). Cost: O(n FG_CAPS). Ties go to the larger cap. */
#define FG_CAPS 64
double fg_weight_cap(const struct fg_weighting_problem *p, double *scratch);

/* The caps that it compares: at most FG_CAPS of the 1 / chance, the largest first, into scratch (n); how
 * many. */
uint32_t fg_weight_caps(double *scratch, const double *chance, uint32_t clients);

/* The objective at a cap, for tests and reports. */
double fg_weight_error(const struct fg_weighting_problem *p, double cap);

#endif
