/* How good forecasts of yes/no events were: proper scores, their decomposition, ranking, and intervals.
 * Thread safety: pure. */
#ifndef FG_FORECAST_SCORE_H
#define FG_FORECAST_SCORE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

/* One forecast and what came of it. */
struct fg_point {
    float p;       /* in [0, 1] */
    uint8_t y;     /* 0 or 1 */
    uint32_t node; /* of the trace */
};

/* NAN where the points do not determine a number: AUC without both outcomes, intervals from one block. */
struct fg_score {
    size_t points;
    double base_rate;      /* share of y = 1 */
    double mean_p;         /* calibration in the large: to be compared with base_rate */
    double brier;          /* = miscalibration - discrimination + uncertainty */
    double miscalibration; /* CORP: by isotonic regression of y on p */
    double discrimination;
    double uncertainty;
    double log_loss;   /* nats, p kept within [0.001, 0.999] */
    double auc;        /* mean over the nodes that had both outcomes */
    double auc_pooled; /* of all points; flattered by differences between nodes */
};

/* Scores of all points.
 * Cost:   O(n log n). Errors: FG_E_NOMEM. n = 0 gives NAN everywhere.
 * Source: Dimitriadis, Gneiting and Jordan, PNAS 2021 (the CORP decomposition). */
enum fg_status fg_score_points(const struct fg_point *points, size_t n, struct fg_score *out) FG_NODISCARD;

/* Sums of squared errors by block of time and group of nodes, from which whole blocks (and, where there
 * are several groups, whole groups) are drawn with replacement. All columns see the same draws: pairs are
 * kept. */
struct fg_blocks {
    size_t blocks, groups, columns;
    double *sum; /* (blocks, groups, columns) */
    double *n;   /* (blocks, groups) */
};

#define FG_REPLICATES 400

/* Means of each column in FG_REPLICATES draws; a draw without points repeats the overall mean.
 * Shapes: mean (FG_REPLICATES, columns). Streams: (seed, FG_RNG_BOOTSTRAP, stream, replicate).
 * Errors: FG_E_NOMEM. */
enum fg_status fg_blocks_draw(const struct fg_blocks *b, uint64_t seed, uint32_t stream,
                              double *mean) FG_NODISCARD;

/* Error of one to that of another: 1 where neither errs, infinite where only the first does. Below this mean
 * square nobody errs: forecasts are off by no more than a millionth, which is how they are rounded. */
#define FG_SCORE_NONE 1e-12
double fg_score_ratio(double error, double other);

/* The central 95% of n values (sorted in place). */
void fg_interval95(double *v, size_t n, double *low, double *high);

#endif
