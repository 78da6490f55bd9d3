#include "src/forecast/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/sort.h"

static int by_p(const void *a, const void *b)
{
    const struct fg_point *x = a, *y = b;
    return (x->p > y->p) - (x->p < y->p);
}

static int by_node_then_p(const void *a, const void *b)
{
    const struct fg_point *x = a, *y = b;
    return x->node != y->node ? (x->node > y->node) - (x->node < y->node) : by_p(a, b);
}

/* Isotonic regression: v becomes its non-decreasing fit of least squares, by pooling adjacent violators.
 * Shapes: v, weight (n), weights > 0. Errors: FG_E_NOMEM. */
static enum fg_status isotonic(double *v, const double *weight, size_t n)
{
    double *mean = fg_calloc(n, sizeof *mean), *mass = fg_calloc(n, sizeof *mass);
    size_t *from = fg_calloc(n, sizeof *from), pools = 0;
    enum fg_status st = mean != NULL && mass != NULL && from != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        mean[pools] = v[i];
        mass[pools] = weight[i];
        from[pools++] = i;
        while (pools > 1 && mean[pools - 2] >= mean[pools - 1]) {
            double both = mass[pools - 2] + mass[pools - 1];
            mean[pools - 2] = (mean[pools - 2] * mass[pools - 2] + mean[pools - 1] * mass[pools - 1]) / both;
            mass[pools - 2] = both;
            pools--;
        }
    }
    for (size_t k = 0; st == FG_OK && k < pools; k++) {
        for (size_t i = from[k]; i < (k + 1 < pools ? from[k + 1] : n); i++) {
            v[i] = mean[k];
        }
    }
    fg_free(mean);
    fg_free(mass);
    fg_free(from);
    return st;
}

/* The chance that a point with y = 1 has the higher p, ties counting half; points are sorted by p. */
static double auc_sorted(const struct fg_point *p, size_t n)
{
    double up = 0.0, down = 0.0, wins = 0.0;
    for (size_t i = 0; i < n;) {
        size_t j = i;
        double u = 0.0;
        for (; j < n && p[j].p == p[i].p; j++) {
            u += p[j].y;
        }
        double d = (double)(j - i) - u;
        wins += u * (down + 0.5 * d);
        up += u;
        down += d;
        i = j;
    }
    return up > 0.0 && down > 0.0 ? wins / (up * down) : NAN;
}

/* Points sorted by p: the squared error that the best monotone recalibration would leave. */
static enum fg_status recalibrated(const struct fg_point *p, size_t n, double *brier)
{
    double *v = fg_calloc(n, sizeof *v), *w = fg_calloc(n, sizeof *w);
    enum fg_status st = v != NULL && w != NULL ? FG_OK : FG_E_NOMEM;
    size_t levels = 0;
    double sum = 0.0;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        if (i == 0 || p[i].p != p[i - 1].p) {
            levels++;
        }
        v[levels - 1] += p[i].y;
        w[levels - 1] += 1.0;
    }
    for (size_t k = 0; st == FG_OK && k < levels; k++) {
        v[k] /= w[k];
    }
    st = st == FG_OK ? isotonic(v, w, levels) : st;
    levels = 0;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        if (i == 0 || p[i].p != p[i - 1].p) {
            levels++;
        }
        double e = v[levels - 1] - p[i].y;
        sum += e * e;
    }
    *brier = sum / (double)n;
    fg_free(v);
    fg_free(w);
    return st;
}

static double auc_within(const struct fg_point *p, size_t n)
{
    double sum = 0.0;
    size_t nodes = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && p[j].node == p[i].node; j++) {
        }
        double a = auc_sorted(p + i, j - i);
        if (!isnan(a)) {
            sum += a;
            nodes++;
        }
    }
    return nodes > 0 ? sum / (double)nodes : NAN;
}

enum fg_status fg_score_points(const struct fg_point *points, size_t n, struct fg_score *out)
{
    struct fg_point *p = fg_calloc(n, sizeof *p);
    struct fg_score s = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    double best = NAN, error = 0.0, loss = 0.0, up = 0.0, mean = 0.0, m = (double)n;
    enum fg_status st = p != NULL ? FG_OK : FG_E_NOMEM;
    if (st == FG_OK && n > 0) {
        memcpy(p, points, n * sizeof *p);
        for (size_t i = 0; i < n; i++) {
            double q = (double)p[i].p, e = q - p[i].y;
            error += e * e;
            mean += q;
            up += p[i].y;
            q = q < 0.001 ? 0.001 : q > 0.999 ? 0.999 : q;
            loss -= fg_log(p[i].y ? q : 1.0 - q);
        }
        qsort(p, n, sizeof *p, by_p);
        s.auc_pooled = auc_sorted(p, n);
        st = recalibrated(p, n, &best);
        qsort(p, n, sizeof *p, by_node_then_p);
        s.auc = auc_within(p, n);
        s.points = n;
        s.base_rate = up / m;
        s.mean_p = mean / m;
        s.brier = error / m;
        s.uncertainty = s.base_rate * (1.0 - s.base_rate);
        s.miscalibration = s.brier - best;
        s.discrimination = s.uncertainty - best;
        s.log_loss = loss / m;
    }
    fg_free(p);
    if (st == FG_OK) {
        *out = s;
    }
    return st;
}

static void draw(struct fg_rng *r, uint32_t *times, size_t n)
{
    memset(times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++) {
        times[fg_rng_below(r, (uint32_t)n)]++;
    }
}

static void means(const struct fg_blocks *b, const uint32_t *of_block, const uint32_t *of_group, double *mean)
{
    double n = 0.0;
    memset(mean, 0, b->columns * sizeof *mean);
    for (size_t i = 0; i < b->blocks; i++) {
        for (size_t g = 0; of_block[i] > 0 && g < b->groups; g++) {
            double times = (double)of_block[i] * (double)of_group[g];
            n += times * b->n[i * b->groups + g];
            for (size_t c = 0; times > 0.0 && c < b->columns; c++) {
                mean[c] += times * b->sum[(i * b->groups + g) * b->columns + c];
            }
        }
    }
    for (size_t c = 0; c < b->columns; c++) {
        mean[c] = n > 0.0 ? mean[c] / n : NAN;
    }
}

enum fg_status fg_blocks_draw(const struct fg_blocks *b, uint64_t seed, uint32_t stream, double *mean)
{
    uint32_t *of_block = fg_calloc(b->blocks, sizeof *of_block),
             *of_group = fg_calloc(b->groups, sizeof *of_group);
    double *overall = fg_calloc(b->columns, sizeof *overall);
    enum fg_status st = of_block != NULL && of_group != NULL && overall != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < b->blocks; i++) {
        of_block[i] = 1;
    }
    for (size_t g = 0; st == FG_OK && g < b->groups; g++) {
        of_group[g] = 1;
    }
    if (st == FG_OK) {
        means(b, of_block, of_group, overall);
    }
    for (uint32_t k = 0; st == FG_OK && k < FG_REPLICATES; k++) {
        struct fg_rng r;
        double *row = mean + k * b->columns;
        fg_rng_init(&r, seed, FG_RNG_BOOTSTRAP, stream, k);
        draw(&r, of_block, b->blocks);
        if (b->groups > 1) {
            draw(&r, of_group, b->groups);
        }
        means(b, of_block, of_group, row);
        if (b->columns > 0 && isnan(row[0])) {
            memcpy(row, overall, b->columns * sizeof *row);
        }
    }
    fg_free(of_block);
    fg_free(of_group);
    fg_free(overall);
    return st;
}

double fg_score_ratio(double error, double other)
{
    return other > FG_SCORE_NONE ? error / other : error > FG_SCORE_NONE ? INFINITY : 1.0;
}

void fg_interval95(double *v, size_t n, double *low, double *high)
{
    fg_sort_f64(v, n);
    size_t cut = n / 40;
    *low = v[cut];
    *high = v[n - 1 - cut];
}
