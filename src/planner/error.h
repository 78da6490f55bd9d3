/* What a plan is expected to do to the error: a planning model, not a theorem.
 *
 *   E = c1 D0 / (eta sum_t T_t) + c2 L eta (sum_t T_t^2 V_t) / (sum_t T_t)
 *       + c3 eta^2 L^2 (Tm - 1) (sigma^2 + Tm zeta^2) + 4 dTV(alpha, pbar)^2 zeta^2
 *       + eta^2 L^2 Tm^2 (d^2 G^2 + d V)
 *   V = sum_i w_i^2 s_i [(1 + om) sigma^2 / tau_i + om G^2]
 *       + w_i^2 s_i (1 - s_i) (1 + l_i) / (1 - l_i) zeta^2
 *
 * s_i is the chance that client i's update counts in a round, w_i its weight there, pbar_i = w_i s_i / sum, T
 * the local steps of a round that is as good as everyone's, d the rounds that what clients keep of their
 * updates waits (error feedback). With zones the fourth term is not the worst over all clients but the mean
 * over those that are alike but for their zone:
 *
 *   sum_i (alpha_i - pbar_i)^2 zeta^2 + sum_z (sum of z's alpha_i - pbar_i)^2 zone_spread,
 *
 * and zeta^2 + zone_spread stands for zeta^2 in the others. On strongly convex problems, for the error at the
 * end instead of the mean over the rounds,
 *
 *   E = (1 - eta mu)^(sum_t T_t) D0 + (the other terms) / (2 mu),
 *
 * with fg_effective_steps(T) for T and (1 - eta mu)^T l for l in them. Formulas and constants:
 * doc/algorithms/planning.md.
 * Thread safety: pure.
 * Source: Bottou, Curtis and Nocedal 2018, theorems 4.6 (strongly convex) and 4.8;
 * Karimireddy et al., ICML 2019, theorem II (error feedback).
 */
#ifndef FG_PLANNER_ERROR_H
#define FG_PLANNER_ERROR_H

#include <stdint.h>

/* One client's: what the arrays of the terms have of it. */
struct fg_error_client {
    double target, chance, weight, memory, steps;
};

struct fg_error_terms {
    uint32_t clients;
    /* Tells these in the place of the five arrays, for callers that have no room for them;
     * NULL = the arrays. */
    struct fg_error_client (*tell)(const void *arg, uint32_t client);
    const void *tell_arg;
    const double *target; /* (clients) what each should count, any scale; NULL = all the same */
    const double *chance; /* (clients) s, 0..1 */
    const double *weight; /* (clients) factor on the target's weight when it takes part; NULL = 1 / s */
    const double *memory; /* (clients) l, correlation from round to round; NULL = 0 */
    const double *steps;  /* (clients) tau; NULL = all do mean_steps */
    double mean_steps;
    double rounds;
    double lr;            /* eta */
    double curvature;     /* c2 L; c1 and c3 are 1 */
    double noise;         /* sigma^2: of a step's gradient */
    double spread;        /* zeta^2: between the clients' gradients */
    double distance;      /* D0 = F(x0) - F* */
    double codec, slope;  /* om and G^2 */
    double behind;        /* d; 0 = clients keep nothing */
    double convexity;     /* mu; 0 = unknown, the error of the mean */
    const uint32_t *zone; /* (clients); NULL = the worst case, and none of the next three */
    uint32_t zones;
    double zone_spread; /* between the zones' gradients */
    double *scratch;    /* (zones) */
};

/* How far so many steps go on a parabola of that curvature, in first steps: (1 - (1 - lr L)^tau) / (lr L).
 * Many steps come to the client's own optimum and not beyond. */
double fg_effective_steps(double tau, double lr, double curvature);

/* The terms with nothing known of the problem: sigma^2 = zeta^2 = 1, D0 = 1, no codec. */
void fg_error_defaults(struct fg_error_terms *t);

/* The terms and their sum. */
struct fg_error {
    double progress, variance, drift, bias, feedback, all;
};
struct fg_error fg_error_predict(const struct fg_error_terms *t);

#endif
