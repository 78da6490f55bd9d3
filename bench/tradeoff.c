/* A factorial on quadratics whose optimum is known: measured error beside the terms of the planning model.
 *
 * Twenty clients with F_i(x) = 1/2 sum_j a_ij (x_j - u_ij)^2 in ten dimensions and noisy gradients; each
 * assignment is given to `redundancy` holders, each up by a two-state chain of its own, and counts when one
 * of them is. Weights are the same for all (1/mean chance), so that who is often up counts too much. tau
 * local steps are one draw: on a quadratic their sum is normal, with mean and variance in closed form. A row
 * of CSV a cell on stdout, for reproduce/tradeoff.sh: bench/tradeoff [REPLICAS]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/base/rng.h"
#include "src/planner/error.h"

enum { N = 20, DIM = 10, ROUNDS = 100, SEED = 5, MOST_COPIES = 3 };
#define ETA 0.02
#define SIGMA 1.0 /* of a step's gradient, a coordinate */
#define KEEP 0.25 /* the codec keeps each coordinate with this chance and scales it up: om = 1 / KEEP - 1 */

struct problem {
    double a[N][DIM], u[N][DIM];
    double best[DIM], least; /* where F is least, and F there */
    double spread, distance; /* zeta^2 at the optimum; F(x0) - F* */
    double convexity;        /* mu */
};

struct cell {
    unsigned copies, steps;
    int codec, coupled;
    double pi, lambda;
};

static double value(const struct problem *p, const double *x)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < DIM; j++) {
            sum += 0.5 * p->a[i][j] * (x[j] - p->u[i][j]) * (x[j] - p->u[i][j]) / N;
        }
    }
    return sum;
}

static void draw_problem(struct problem *p)
{
    struct fg_rng r;
    double x0[DIM];
    fg_rng_init(&r, SEED, FG_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < DIM; j++) {
            p->a[i][j] = 0.2 + 0.8 * fg_rng_uniform(&r);
            /* the first coordinate follows the number of the client: what data and availability can share */
            p->u[i][j] = j == 0 ? 3.0 * (2.0 * i / (N - 1) - 1.0) : fg_rng_normal(&r);
        }
    }
    for (int j = 0; j < DIM; j++) {
        double top = 0.0, bottom = 0.0;
        for (int i = 0; i < N; i++) {
            top += p->a[i][j] * p->u[i][j];
            bottom += p->a[i][j];
        }
        p->best[j] = top / bottom;
        x0[j] = p->best[j] + 3.0;
    }
    p->least = value(p, p->best);
    p->distance = value(p, x0) - p->least;
    p->convexity = INFINITY;
    for (int j = 0; j < DIM; j++) {
        double mean = 0.0;
        for (int i = 0; i < N; i++) {
            mean += p->a[i][j] / N;
        }
        p->convexity = fmin(p->convexity, mean);
    }
    p->spread = 0.0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < DIM; j++) {
            double g = p->a[i][j] * (p->best[j] - p->u[i][j]);
            p->spread += g * g / N;
        }
    }
}

/* Shares of up time of the clients: around pi, growing with the client's number where data and availability
 * go together, else in an order that has nothing to do with it. */
static void shares(double pi[N], const struct cell *c)
{
    uint32_t order[N];
    struct fg_rng r;
    double apart = 0.8 * (c->pi < 0.5 ? c->pi : 1.0 - c->pi);
    fg_rng_init(&r, SEED, FG_RNG_TEST, 1, 0);
    for (uint32_t i = 0; i < N; i++) {
        order[i] = i;
    }
    if (!c->coupled) {
        fg_rng_shuffle(&r, order, N);
    }
    for (int i = 0; i < N; i++) {
        pi[order[i]] = c->pi + apart * (2.0 * i / (N - 1) - 1.0);
    }
}

/* The chance that at least one copy is there, and its correlation from round to round. */
static void together(double *s, double *memory, double pi, double lambda, unsigned copies)
{
    double none = 1.0, again = 1.0;
    for (unsigned k = 0; k < copies; k++) {
        none *= 1.0 - pi;
        again *= (1.0 - pi) * (1.0 - pi) + pi * (1.0 - pi) * lambda;
    }
    *s = 1.0 - none;
    *memory = (again - none * none) / (none * (1.0 - none));
}

/* One run; F less F*, at its end and in the mean over its rounds. */
struct measured {
    double end, mean;
};

static struct measured run(const struct problem *p, const struct cell *c, const double *pi, double weight,
                           uint32_t replica)
{
    struct fg_rng r;
    int up[N][MOST_COPIES];
    double x[DIM], keep[N][DIM], noise[N][DIM];
    struct measured out = {0};
    fg_rng_init(&r, SEED, FG_RNG_TEST, 2, replica);
    for (int i = 0; i < N; i++) {
        for (unsigned k = 0; k < c->copies; k++) {
            up[i][k] = fg_rng_uniform(&r) < pi[i];
        }
        for (int j = 0; j < DIM; j++) {
            double shrink = 1.0 - ETA * p->a[i][j], sum = 0.0, square = 1.0;
            keep[i][j] = 1.0;
            for (unsigned k = 0; k < c->steps; k++) {
                sum += square;
                square *= shrink * shrink;
                keep[i][j] *= shrink;
            }
            noise[i][j] = ETA * SIGMA * sqrt(sum);
        }
    }
    for (int j = 0; j < DIM; j++) {
        x[j] = p->best[j] + 3.0;
    }
    for (int t = 0; t < ROUNDS; t++) {
        double step[DIM] = {0};
        for (int i = 0; i < N; i++) {
            int there = 0;
            for (unsigned k = 0; k < c->copies; k++) {
                up[i][k] = fg_rng_uniform(&r) < c->lambda * up[i][k] + (1.0 - c->lambda) * pi[i];
                there |= up[i][k];
            }
            for (int j = 0; there && j < DIM; j++) {
                double delta = (1.0 - keep[i][j]) * (x[j] - p->u[i][j]) - noise[i][j] * fg_rng_normal(&r);
                double code = !c->codec ? 1.0 : fg_rng_uniform(&r) < KEEP ? 1.0 / KEEP : 0.0;
                step[j] += weight / N * code * delta;
            }
        }
        for (int j = 0; j < DIM; j++) {
            x[j] -= step[j];
        }
        out.end = value(p, x) - p->least;
        out.mean += out.end / ROUNDS;
    }
    return out;
}

static void print_cell(const struct problem *p, const struct cell *c, unsigned replicas)
{
    double pi[N], s[N], memory[N], factor[N], mean = 0.0, up = 0.0, sum = 0.0, squares = 0.0, along = 0.0;
    struct fg_error_terms terms;
    shares(pi, c);
    for (int i = 0; i < N; i++) {
        together(&s[i], &memory[i], pi[i], c->lambda, c->copies);
        mean += s[i] / N;
        up += pi[i] * c->copies;
    }
    for (int i = 0; i < N; i++) {
        factor[i] = 1.0 / mean;
    }
    for (unsigned k = 0; k < replicas; k++) {
        struct measured e = run(p, c, pi, 1.0 / mean, k);
        sum += e.end;
        squares += e.end * e.end;
        along += e.mean / replicas;
    }
    fg_error_defaults(&terms);
    terms.clients = N;
    terms.chance = s;
    terms.weight = factor;
    terms.memory = memory;
    terms.mean_steps = c->steps;
    terms.rounds = ROUNDS;
    terms.lr = ETA;
    terms.noise = SIGMA * SIGMA * DIM;
    terms.spread = terms.slope = p->spread;
    terms.distance = p->distance;
    terms.codec = c->codec ? 1.0 / KEEP - 1.0 : 0.0;
    struct fg_error e = fg_error_predict(&terms);
    terms.convexity = p->convexity;
    struct fg_error end = fg_error_predict(&terms);
    double m = sum / replicas, sd = sqrt((squares / replicas - m * m) * replicas / (replicas - 1.0));
    (void)printf("%u,%u,%s,%g,%g,%s,%.6g,%.3g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n",
                 c->copies, c->steps, c->codec ? "sparse" : "none", c->pi, c->lambda,
                 c->coupled ? "correlated" : "independent", m, 1.96 * sd / sqrt(replicas), along, e.progress,
                 e.variance, e.drift, e.bias, up * c->steps, up * DIM * 4.0 * (c->codec ? KEEP : 1.0),
                 end.progress, end.variance, end.drift, end.bias);
}

int main(int argc, char **argv)
{
    static const unsigned steps[] = {1, 5, 20, 100};
    static const double pis[] = {0.2, 0.5, 0.9}, lambdas[] = {0.0, 0.5, 0.9};
    static struct problem p;
    long replicas = argc > 1 ? strtol(argv[1], NULL, 10) : 32;
    if (replicas < 2 || replicas > 1000000) {
        (void)fprintf(stderr, "usage: bench/tradeoff [REPLICAS], at least 2\n");
        return 2;
    }
    draw_problem(&p);
    (void)printf("redundancy,steps,codec,pi,lambda,data,error,half,mean_error,progress,variance,drift,bias,"
                 "work,bytes,end_progress,end_variance,end_drift,end_bias\n");
    for (unsigned k = 0; k < 3 * 4 * 2 * 3 * 3 * 2; k++) {
        struct cell c = {.copies = 1 + k % 3,
                         .steps = steps[k / 3 % 4],
                         .codec = k / 12 % 2 != 0,
                         .pi = pis[k / 24 % 3],
                         .lambda = lambdas[k / 72 % 3],
                         .coupled = k / 216 % 2 != 0};
        print_cell(&p, &c, (unsigned)replicas);
    }
    return 0;
}
