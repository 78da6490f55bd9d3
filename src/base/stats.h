/* Distributions for reports of repeated runs: normal, Student's t, Fisher's F, the studentized range.
 *
 * Computed by series, continued fractions and quadrature from src/base/fmath.h, so they are the same bits
 * on every machine; tests/unit/test_stats.c holds them against published tables. Thread safety: pure.
 */
#ifndef FG_BASE_STATS_H
#define FG_BASE_STATS_H

#include <stddef.h>

double fg_normal_cdf(double z);

/* P(T <= t) with df > 0 degrees of freedom. */
double fg_t_cdf(double t, double df);

/* t with fg_t_cdf(t, df) = p, for p in (0, 1). */
double fg_t_quantile(double p, double df);

/* P(F > f) with d1, d2 > 0 degrees of freedom, f >= 0. */
double fg_f_above(double f, double d1, double d2);

/* Of the range of k >= 2 independent standard normal numbers: q with P(range <= q) = p. */
double fg_range_quantile(double p, unsigned k);

/* Mean and 95% interval of the mean by Student's t. Fewer than two values have no interval: half is NAN. */
struct fg_mean {
    size_t n;
    double mean, sd, half;
};
struct fg_mean fg_mean_of(const double *x /* (n) */, size_t n);

/* Two-sided p of the mean being 0; NAN from fewer than two values. */
double fg_mean_p(const struct fg_mean *m);

/* Whether k methods differ over `blocks` independent problems, from their average ranks.
 *
 * Source: Demsar 2006, section 3.2.2: Friedman's chi square, Iman and Davenport's F, Nemenyi's critical
 * difference of average ranks at 5%.
 */
struct fg_friedman {
    double chi2, f, p; /* f and p are NAN when every block ranks alike (chi2 at its largest) */
    double critical;
};
struct fg_friedman fg_friedman_of(const double *rank /* (k) */, unsigned k, size_t blocks);

/* Ranks of k values, 1 = the largest (or, with lower, the smallest); ties share the mean of their ranks. */
void fg_ranks_of(double *rank /* (k) */, const double *x /* (k) */, unsigned k, int lower);

#endif
