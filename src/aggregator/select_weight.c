#include "src/aggregator/select_weight.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double least(double a, double b)
{
    return a < b ? a : b;
}

double fg_weight_error(const struct fg_weighting_problem *p, double cap)
{
    double all = 0.0, z = 0.0, apart = 0.0, variance = 0.0;
    for (uint32_t i = 0; i < p->n; i++) {
        all += p->target[i];
        z += p->target[i] * least(1.0, cap * p->chance[i]);
    }
    for (uint32_t i = 0; i < p->n; i++) {
        double alpha = p->target[i] / all, pi = p->chance[i], l = p->memory != NULL ? p->memory[i] : 0.0;
        double w = p->target[i] * least(1.0 / pi, cap) / z;
        apart += fabs(alpha - w * pi);
        variance += w * w * pi * (1.0 - pi) * (1.0 + l) / (1.0 - l);
    }
    return apart * apart + p->noise * variance; /* 4 dTV^2 with dTV half of apart */
}

static int falling(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x < y) - (x > y);
}

uint32_t fg_weight_caps(double *scratch, const double *chance, uint32_t clients)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < clients; i++) {
        scratch[i] = 1.0 / chance[i];
    }
    qsort(scratch, clients, sizeof *scratch, falling);
    for (uint32_t i = 0; i < clients; i++) {
        if (n == 0 || scratch[i] != scratch[n - 1]) {
            scratch[n++] = scratch[i];
        }
    }
    uint32_t tries = n < FG_CAPS ? n : FG_CAPS;
    for (uint32_t k = 1; k < tries; k++) { /* never behind k */
        scratch[k] = scratch[(uint64_t)k * (n - 1) / (tries - 1)];
    }
    return tries;
}

double fg_weight_cap(const struct fg_weighting_problem *p, double *scratch)
{
    uint32_t tries = fg_weight_caps(scratch, p->chance, p->n);
    double best = INFINITY, cap = INFINITY;
    for (uint32_t k = 0; k < tries; k++) {
        double e = fg_weight_error(p, scratch[k]);
        if (e < best) {
            best = e;
            cap = scratch[k];
        }
    }
    return cap;
}
