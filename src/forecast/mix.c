#include "src/forecast/mix.h"

#include <stdbool.h>
#include <string.h>

#define SWEEPS 6

void fg_gram_point(struct fg_gram *g, const double *p, double y, double weight, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double wp = weight * p[j];
        for (size_t k = 0; k <= j; k++) {
            g->pp[j][k] += wp * p[k];
        }
        g->py[j] += wp * y;
    }
    g->n += weight;
}

void fg_gram_add(struct fg_gram *to, const struct fg_gram *from, double scale, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k <= j; k++) {
            to->pp[j][k] += scale * from->pp[j][k];
        }
        to->py[j] += scale * from->py[j];
    }
    to->n += scale * from->n;
}

void fg_gram_discount(struct fg_gram *g, double factor, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k <= j; k++) {
            g->pp[j][k] *= factor;
        }
        g->py[j] *= factor;
    }
    g->n *= factor;
}

double fg_gram_spread(const struct fg_gram *g, size_t n)
{
    double own = 0.0, all = 0.0;
    for (size_t j = 0; j < n; j++) {
        own += g->pp[j][j];
        for (size_t k = 0; k <= j; k++) {
            all += (j == k ? 1.0 : 2.0) * g->pp[j][k];
        }
    }
    return g->n > 0.0 ? (own - all / (double)n) / ((double)n * g->n) + 1e-9 : 1.0;
}

void fg_gram_prior(struct fg_gram *g, const double *prior, double weight, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        g->pp[j][j] += weight;
        g->py[j] += weight * prior[j];
    }
}

void fg_gram_solve(double *w, const struct fg_gram *g, size_t n)
{
    double q[FG_MIX_MAX][FG_MIX_MAX] = {{0.0}}, slope[FG_MIX_MAX] = {0.0};
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k < n; k++) {
            q[j][k] = k <= j ? g->pp[j][k] : g->pp[k][j];
        }
    }
    for (size_t j = 0; j < n; j++) {
        slope[j] = -g->py[j];
        for (size_t k = 0; k < n; k++) {
            slope[j] += q[j][k] * w[k];
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool moved = false;
        for (size_t j = 1; j < n; j++) {
            for (size_t k = 0; k < j; k++) {
                double curve = q[j][j] + q[k][k] - 2.0 * q[j][k];
                double move = curve > 1e-12 ? (slope[k] - slope[j]) / curve : 0.0; /* from k to j */
                move = move > w[k] ? w[k] : move < -w[j] ? -w[j] : move;
                if (move == 0.0) {
                    continue;
                }
                moved = true;
                w[j] += move;
                w[k] -= move;
                for (size_t i = 0; i < n; i += 2) { /* by twos: a vector */
                    slope[i] += move * (q[j][i] - q[k][i]);
                    slope[i + 1] += move * (q[j][i + 1] - q[k][i + 1]);
                }
            }
        }
        if (!moved) {
            break;
        }
    }
}
