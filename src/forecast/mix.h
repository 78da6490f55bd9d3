/* The mixture of several forecasts that would have had the least squared error: what the ensembles share.
 *
 * Sums over past points make a quadratic form; weights are its minimum over the simplex (none negative, sum
 * 1). Thread safety: pure.
 */
#ifndef FG_FORECAST_MIX_H
#define FG_FORECAST_MIX_H

#include <stddef.h>
#include <stdint.h>

#define FG_MIX_MAX 12 /* whole vectors of four */

/* Sums over points of p_j p_k (the lower triangle), p_j y and 1. */
struct fg_gram {
    double pp[FG_MIX_MAX][FG_MIX_MAX], py[FG_MIX_MAX], n;
};

/* One point that counts as `weight`: forecasts p (n) and what came. */
void fg_gram_point(struct fg_gram *g, const double *p, double y, double weight, size_t n);

/* to += scale x from. */
void fg_gram_add(struct fg_gram *to, const struct fg_gram *from, double scale, size_t n);

/* Forget a share of the past: all sums times factor. */
void fg_gram_discount(struct fg_gram *g, double factor, size_t n);

/* How far the forecasts lie from their plain mean: squared, a point and forecast; 1 where nothing was
 * seen. */
double fg_gram_spread(const struct fg_gram *g, size_t n);

/* A prior: as if `weight` points had been seen that favour `prior` (n). */
void fg_gram_prior(struct fg_gram *g, const double *prior, double weight, size_t n);

/* Improve w (n), on the simplex: exact moves of weight between pairs, a few sweeps. */
void fg_gram_solve(double *w, const struct fg_gram *g, size_t n);

#endif
