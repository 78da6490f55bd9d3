/* Where rules go in the long run: limits and variances that are published or derived by hand, on
 * quadratics. */
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdlib.h>

#include "src/aggregator/rule.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

/* Two clients with F_i = (x - u_i)^2 / 2, one parameter. */

enum { N = 2 };
static const double U[N] = {0.0, 100.0};

static struct fg_rule *make_quadratic(const char *name, enum fg_averaging over)
{
    struct fg_rule_config cfg = {
        .params = 1, .clients = N, .total_samples = N, .weights = FG_WEIGHT_UNIFORM, .over = over, .lr = 1.0};
    struct fg_rule *r = NULL;
    assert_int_equal(fg_rule_create(&r, fg_rule_find(name), &cfg, NULL), FG_OK);
    return r;
}

/* tau local gradient steps of size eta from x. */
static void fold_quadratic(struct fg_rule *r, uint32_t client, double x, uint32_t tau, double eta)
{
    double w = x;
    for (uint32_t s = 0; s < tau; s++) {
        w -= eta * (w - U[client]);
    }
    float delta = (float)(x - w);
    struct fg_rule_update u = {
        .delta = &delta, .client = client, .samples = 1, .steps = tau, .lr = eta, .factor = 1.0};
    assert_int_equal(fg_rule_fold(r, &u), FG_OK);
}

/* With c_i = 1 - (1 - eta)^tau_i: FedAvg's limit is sum c_i u_i / sum c_i, FedNova's sum (c_i / tau_i) u_i /
 * sum c_i / tau_i; for tau = (10, 1), eta = 0.1: 13.31 and 60.56. */
static void fednova_removes_the_bias_of_unequal_steps(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        double limit;
    } cases[] = {{"fedavg", 13.31}, {"fednova", 60.56}};
    for (size_t k = 0; k < 2; k++) {
        struct fg_rule *r = make_quadratic(cases[k].rule, FG_OVER_ACTIVE);
        float x = 50.0f;
        for (int t = 0; t < 3000; t++) {
            double at = (double)x;
            fold_quadratic(r, 0, at, 10, 0.1);
            fold_quadratic(r, 1, at, 1, 0.1);
            fg_rule_commit(r, &x);
        }
        fg_assert_close((double)x, cases[k].limit, 0.01);
        fg_rule_destroy(r);
    }
}

/* |a|_1 by its definition, how much each local gradient moves the model, summed: a unit gradient in one step
 * only, local work written out. tau_eff is |a|_1, or the steps where there is a proximal term. */
static void fednova_normalises_momentum_and_proximal_steps(void **state)
{
    (void)state;
    const double eta = 0.1;
    const struct {
        double m, mu;
    } cases[] = {{0.9, 0.0}, {0.0, 2.0}, {0.9, 0.5}};
    const uint32_t tau = 7;
    for (size_t k = 0; k < 3; k++) {
        double a = 0.0;
        for (uint32_t s = 0; s < tau; s++) {
            double w = 0.0, v = 0.0;
            for (uint32_t j = 0; j < tau; j++) {
                v = cases[k].m * v + (j == s ? 1.0 : 0.0) + cases[k].mu * w;
                w -= eta * v;
            }
            a += -w / eta;
        }
        struct fg_rule_config cfg = {.params = 1,
                                     .clients = 1,
                                     .weights = FG_WEIGHT_UNIFORM,
                                     .lr = 1.0,
                                     .local_momentum = cases[k].m,
                                     .prox_mu = cases[k].mu};
        struct fg_rule *r = NULL;
        assert_int_equal(fg_rule_create(&r, fg_rule_find("fednova"), &cfg, NULL), FG_OK);
        float delta = 3.0f, x = 0.0f;
        struct fg_rule_update u = {.delta = &delta, .samples = 1, .steps = tau, .lr = eta, .factor = 1.0};
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        fg_rule_commit(r, &x);
        fg_assert_close((double)x, -3.0 * (cases[k].mu > 0.0 ? (double)tau / a : 1.0), 1e-6);
        fg_rule_destroy(r);
    }
}

static void mifa_and_fedvarp_remember_the_absent(void **state)
{
    (void)state;
    /* both: round 1 clients 0 and 1 give 2 and 4, round 2 only client 0 gives 1, round 3 nobody */
    static const struct {
        const char *rule;
        float after[3];
    } cases[] = {
        {"mifa", {-3.0f, -5.5f, -5.5f}},    /* -(2 + 4) / 2; -(1 + 4) / 2; held */
        {"fedvarp", {-3.0f, -5.0f, -5.0f}}, /* -(6 / 2 + 0); -((1 - 2) / 1 + 6 / 2); held */
    };
    for (size_t k = 0; k < 2; k++) {
        struct fg_rule *r = make_quadratic(cases[k].rule, FG_OVER_ACTIVE);
        float x = 0.0f, d[3] = {2.0f, 4.0f, 1.0f};
        struct fg_rule_update u = {.delta = &d[0], .client = 0, .samples = 1, .steps = 1, .factor = 1.0};
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        u = (struct fg_rule_update){.delta = &d[1], .client = 1, .samples = 1, .steps = 1, .factor = 1.0};
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        fg_rule_commit(r, &x);
        assert_true(x == cases[k].after[0]);
        u = (struct fg_rule_update){.delta = &d[2], .client = 0, .samples = 1, .steps = 1, .factor = 1.0};
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        fg_rule_drop(r); /* a dropped round is not remembered */
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        fg_rule_commit(r, &x);
        assert_true(x == cases[k].after[1]);
        fg_rule_commit(r, &x);
        assert_true(x == cases[k].after[2]);
        fg_rule_destroy(r);
    }
}

/* An update of one step, and, after a commit, the model of one parameter. */
struct told {
    uint32_t client;
    float delta;
    double lr;
    bool commit;
    float x;
};

static void play(const char *rule, const struct told *steps, size_t n)
{
    struct fg_rule *r = make_quadratic(rule, FG_OVER_ACTIVE);
    float x = 0.0f;
    for (size_t k = 0; k < n; k++) {
        struct fg_rule_update u = {.delta = &steps[k].delta,
                                   .client = steps[k].client,
                                   .samples = 1,
                                   .steps = 1,
                                   .lr = steps[k].lr,
                                   .factor = 1.0};
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        if (steps[k].commit) {
            fg_rule_commit(r, &x);
            fg_assert_close((double)x, (double)steps[k].x, 1e-6);
        }
    }
    fg_rule_destroy(r);
}

/* What MIFA remembers are directions: with a local rate that changes they count with the round's. */
static void mifa_remembers_by_the_rate_of_the_round(void **state)
{
    (void)state;
    /* h_0 = 2, h_1 = 4 at 0.1; h_0 = 1 at 0.05 beside 4 / 2; h_1 = 3 at 0.05; h_0 = 2 at 0.1 beside 3 x 2 */
    static const struct told steps[] = {{0, 2.0f, 0.1, false, 0.0f},
                                        {1, 4.0f, 0.1, true, -3.0f},
                                        {0, 1.0f, 0.05, true, -4.5f},
                                        {1, 3.0f, 0.05, true, -6.5f},
                                        {0, 2.0f, 0.1, true, -10.5f}};
    play("mifa", steps, 5);
}

/* Intermittent clients, up with probability p_i in each round, one step of eta = 0.01: the mean of x over
 * the last three quarters against the closed forms (FedAWE, figure 2): FedAvg over active goes to 100 (p2
 * - p1 p2 / 2) / (p1 + p2 - p1 p2), over all to 100 p2 / (p1 + p2), MIFA to 50, FedAU to 100 v2 / (v1 +
 * v2), v = 1 - (1 - p)^50. */
static double intermittent_mean(const char *rule, enum fg_averaging over, double p0, double p1, int rounds)
{
    struct fg_rule *r = make_quadratic(rule, over);
    struct fg_rng rng;
    const double p[N] = {p0, p1};
    float x = 50.0f;
    double sum = 0.0;
    fg_rng_init(&rng, 4, FG_RNG_TEST, 0, 0);
    for (int t = 0; t < rounds; t++) {
        double at = (double)x;
        for (uint32_t i = 0; i < N; i++) {
            if (fg_rng_uniform(&rng) < p[i]) {
                fold_quadratic(r, i, at, 1, 0.01);
            }
        }
        fg_rule_commit(r, &x);
        sum += t >= rounds / 4 ? (double)x : 0.0;
    }
    fg_rule_destroy(r);
    return sum / (double)(rounds - rounds / 4);
}

static void limits_under_intermittent_participation_are_the_published_ones(void **state)
{
    (void)state;
    bool whole = getenv("FG_LONG") != NULL;
    int rounds = whole ? 4000000 : 400000;
    double slack = whole ? 1.0 : 3.0; /* the mean of a tenth of the rounds is sqrt(10) times noisier */
    static const double p[][2] = {{0.9, 0.1}, {0.5, 0.1}, {0.9, 0.3}, {0.2, 0.8}};
    for (size_t k = 0; k < 4; k++) {
        double a = p[k][0], b = p[k][1];
        double v0 = 1.0 - pow(1.0 - a, 50.0), v1 = 1.0 - pow(1.0 - b, 50.0);
        fg_assert_close(intermittent_mean("fedavg", FG_OVER_ACTIVE, a, b, rounds),
                        100.0 * (b - a * b / 2.0) / (a + b - a * b), 0.3 * slack);
        fg_assert_close(intermittent_mean("fedavg", FG_OVER_ALL, a, b, rounds), 100.0 * b / (a + b),
                        0.3 * slack);
        fg_assert_close(intermittent_mean("mifa", FG_OVER_ACTIVE, a, b, rounds), 50.0,
                        0.01 * (whole ? 1.0 : 10.0));
        fg_assert_close(intermittent_mean("fedau", FG_OVER_ACTIVE, a, b, rounds), 100.0 * v1 / (v0 + v1),
                        0.3 * slack);
    }
}

/* FedStale for three clients, written out with full tables of directions: updates over the local rate that
 * they were made at, which changes from round to round. */
static void fedstale_follows_the_paper(void **state)
{
    (void)state;
    enum { M = 3 };
    static const double pi[M] = {0.5, 0.25, 0.8}, beta = 0.6;
    struct fg_rule_config cfg = {.params = 1, .clients = M, .total_samples = 6, .lr = 0.5, .beta = beta};
    struct fg_rule *r = NULL;
    struct fg_rng rng;
    double h[M] = {0}, x = 1.0; /* h: for a rate of 1 */
    float got = 1.0f;
    fg_rng_init(&rng, 8, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_rule_create(&r, fg_rule_find("fedstale"), &cfg, NULL), FG_OK);
    for (int t = 0; t < 40; t++) {
        double v = 0.0, now[M], eta = t % 10 < 5 ? 0.5 : 0.125;
        bool up[M], any = false;
        for (int i = 0; i < M; i++) {
            v += beta * (i + 1) / 6.0 * eta * h[i];
        }
        for (uint32_t i = 0; i < M; i++) {
            up[i] = fg_rng_uniform(&rng) < pi[i];
            now[i] = (double)(float)fg_rng_uniform(&rng);
            if (up[i]) {
                float delta = (float)now[i];
                struct fg_rule_update u = {.delta = &delta,
                                           .client = i,
                                           .samples = i + 1,
                                           .steps = 1,
                                           .lr = eta,
                                           .factor = 1.0 / pi[i]};
                assert_int_equal(fg_rule_fold(r, &u), FG_OK);
                v += (i + 1) / 6.0 / pi[i] * (now[i] - beta * eta * h[i]);
                any = true;
            }
        }
        x -= any ? 0.5 * v : 0.0;
        for (int i = 0; i < M; i++) {
            h[i] = up[i] ? now[i] / eta : h[i];
        }
        fg_rule_commit(r, &got);
        fg_assert_close((double)got, x, 1e-5);
    }
    fg_rule_destroy(r);
}

/* Client 0 learns at 0.1, client 1 at 0.05 in the next round, both at 0.1 again:
 * -(2 / 1 + 0); -((3 - 0) / 1 + 1 / 2); -((1 - 2 + 4 - 6) / 2 + (2 + 6) / 2). */
static void fedvarp_remembers_by_the_rate_of_the_round(void **state)
{
    (void)state;
    static const struct told steps[] = {{0, 2.0f, 0.1, true, -2.0f},
                                        {1, 3.0f, 0.05, true, -5.5f},
                                        {0, 1.0f, 0.1, false, 0.0f},
                                        {1, 4.0f, 0.1, true, -8.0f}};
    play("fedvarp", steps, 4);
}

/* Each client goes on from its own model; both that and the server's model are watched. */
static void fedawe_means(double p0, double p1, int rounds, double eta, double *clients, double *server)
{
    struct fg_rule *r = make_quadratic("fedawe", FG_OVER_ACTIVE);
    struct fg_rng rng;
    const double p[N] = {p0, p1};
    float x = 50.0f;
    double sum = 0.0, sum_x = 0.0;
    fg_rng_init(&rng, 5, FG_RNG_TEST, 0, 0);
    fg_rule_begin(r, &x);
    for (int t = 0; t < rounds; t++) {
        for (uint32_t i = 0; i < N; i++) {
            if (fg_rng_uniform(&rng) < p[i]) {
                fold_quadratic(r, i, (double)*fg_rule_start(r, i), 1, eta);
            }
        }
        fg_rule_commit(r, &x);
        if (t >= rounds / 4) {
            sum += 0.5 * ((double)*fg_rule_start(r, 0) + (double)*fg_rule_start(r, 1));
            sum_x += (double)x;
        }
    }
    fg_rule_destroy(r);
    *clients = sum / (double)(rounds - rounds / 4);
    *server = sum_x / (double)(rounds - rounds / 4);
}

/* FedAWE: the mean of the clients' models goes to 50, the server's has a bias of the order of the step:
 * at .01 and .001. */
static void fedawe_limits_are_the_published_ones(void **state)
{
    (void)state;
    bool whole = getenv("FG_LONG") != NULL;
    int rounds = whole ? 4000000 : 400000;
    double slack = whole ? 1.0 : 3.0;
    static const struct {
        double p0, p1, server, server_small;
    } cases[] = {{0.9, 0.1, 47.48, 49.74},
                 {0.5, 0.1, 45.38, 49.48},
                 {0.9, 0.3, 49.37, 49.94},
                 {0.2, 0.8, 51.26, 50.13}};
    for (size_t k = 0; k < 4; k++) {
        double clients, server;
        fedawe_means(cases[k].p0, cases[k].p1, rounds, 0.01, &clients, &server);
        fg_assert_close(clients, 50.0, 0.3 * slack);
        fg_assert_close(server, cases[k].server, 0.15 * slack);
        fedawe_means(cases[k].p0, cases[k].p1, rounds, 0.001, &clients, &server);
        fg_assert_close(clients, 50.0, 0.3 * slack);
        fg_assert_close(server, cases[k].server_small, 0.15 * slack);
    }
}

/* Weights 1 / pi over all: no bias, whether with stale updates or without. */
static double inverse_mean(const char *rule, double beta, const double *p, int rounds)
{
    struct fg_rule_config cfg = {.params = 1,
                                 .clients = N,
                                 .weights = FG_WEIGHT_UNIFORM,
                                 .over = FG_OVER_ALL,
                                 .lr = 1.0,
                                 .beta = beta};
    struct fg_rule *r = NULL;
    struct fg_rng rng;
    float x = 50.0f;
    double sum = 0.0;
    fg_rng_init(&rng, 6, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_rule_create(&r, fg_rule_find(rule), &cfg, NULL), FG_OK);
    for (int t = 0; t < rounds; t++) {
        for (uint32_t i = 0; i < N; i++) {
            if (fg_rng_uniform(&rng) < p[i]) {
                float delta = (float)(0.01 * ((double)x - U[i]));
                struct fg_rule_update u = {
                    .delta = &delta, .client = i, .samples = 1, .steps = 1, .factor = 1.0 / p[i]};
                assert_int_equal(fg_rule_fold(r, &u), FG_OK);
            }
        }
        fg_rule_commit(r, &x);
        sum += t >= rounds / 4 ? (double)x : 0.0;
    }
    fg_rule_destroy(r);
    return sum / (double)(rounds - rounds / 4);
}

static void inverse_weights_go_to_the_mean(void **state)
{
    (void)state;
    bool whole = getenv("FG_LONG") != NULL;
    int rounds = whole ? 4000000 : 400000;
    double slack = whole ? 0.3 : 0.9;
    static const double p[][N] = {{0.9, 0.1}, {0.5, 0.1}, {0.9, 0.3}, {0.2, 0.8}}, beta[] = {0.0, 0.5, 1.0};
    for (size_t k = 0; k < 4; k++) {
        fg_assert_close(inverse_mean("fedavg", 0.0, p[k], rounds), 50.0, slack);
    }
    for (size_t k = 0; k < 3; k++) {
        fg_assert_close(inverse_mean("fedstale", beta[k], p[0], rounds), 50.0, slack);
    }
}

/* The price of correlated availability: both clients up half of the time with correlation l from round to
 * round, weights 1 / pi, eta = 0.002: Var = eta^2 S / (1 - a^2) (1 + a l) / (1 - a l),
 * a = 1 - eta, S = sum alpha^2 u'^2 (1 - pi) / pi. */
static void correlation_costs_variance_as_predicted(void **state)
{
    (void)state;
    bool whole = getenv("FG_LONG") != NULL;
    int rounds = whole ? 20000000 : 1000000;
    static const double lambda[] = {0.0, 0.5, 0.8, 0.9}, variance[] = {1.251, 3.744, 11.16, 23.33};
    for (size_t k = 0; k < 4; k++) {
        struct fg_rule *r = make_quadratic("fedavg", FG_OVER_ALL);
        struct fg_rng rng;
        double sum = 0.0, squares = 0.0, n = 0.0;
        bool up[N] = {true, false};
        float x = 50.0f;
        fg_rng_init(&rng, 7, FG_RNG_TEST, 0, (uint32_t)k);
        for (int t = 0; t < rounds; t++) {
            for (uint32_t i = 0; i < N; i++) {
                up[i] = fg_rng_uniform(&rng) <
                        (up[i] ? lambda[k] + 0.5 * (1.0 - lambda[k]) : 0.5 * (1.0 - lambda[k]));
                float delta = (float)(0.002 * ((double)x - U[i]));
                struct fg_rule_update u = {
                    .delta = &delta, .client = i, .samples = 1, .steps = 1, .factor = 2.0};
                assert_int_equal(up[i] ? fg_rule_fold(r, &u) : FG_OK, FG_OK);
            }
            fg_rule_commit(r, &x);
            if (t >= rounds / 4) {
                sum += (double)x - 50.0;
                squares += ((double)x - 50.0) * ((double)x - 50.0);
                n += 1.0;
            }
        }
        fg_rule_destroy(r);
        double mean = sum / n, var = squares / n - mean * mean;
        fg_assert_close(var, variance[k], variance[k] * (whole ? 0.05 : 0.3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fednova_removes_the_bias_of_unequal_steps),
        cmocka_unit_test(fednova_normalises_momentum_and_proximal_steps),
        cmocka_unit_test(mifa_and_fedvarp_remember_the_absent),
        cmocka_unit_test(mifa_remembers_by_the_rate_of_the_round),
        cmocka_unit_test(limits_under_intermittent_participation_are_the_published_ones),
        cmocka_unit_test(fedstale_follows_the_paper),
        cmocka_unit_test(fedvarp_remembers_by_the_rate_of_the_round),
        cmocka_unit_test(fedawe_limits_are_the_published_ones),
        cmocka_unit_test(inverse_weights_go_to_the_mean),
        cmocka_unit_test(correlation_costs_variance_as_predicted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
