/* Who took part how often, and what follows for the weights: against naive counts and exhaustive search. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "src/aggregator/select_watch.h"
#include "src/aggregator/select_weight.h"
#include "src/base/rng.h"
#include "src/planner/error.h"

enum { CLIENTS = 7, ROUNDS = 400 };

static uint8_t up[ROUNDS][CLIENTS], used[ROUNDS][CLIENTS];

static const double ones[CLIENTS] = {1, 1, 1, 1, 1, 1, 1};

static void play(struct fg_watch *w, uint32_t rounds)
{
    assert_int_equal(fg_watch_init(w, CLIENTS), FG_OK);
    for (uint32_t r = 0; r < rounds; r++) {
        uint32_t u[CLIENTS], c[CLIENTS];
        size_t nu = 0, nc = 0;
        for (uint32_t i = 0; i < CLIENTS; i++) {
            if (up[r][i]) {
                u[nu++] = i;
            }
            if (used[r][i]) {
                c[nc++] = i;
            }
        }
        fg_watch_round(w, u, nu, c, ones, nc);
    }
}

static void draw(uint64_t seed)
{
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_TEST, 0, 0);
    for (int t = 0; t < ROUNDS; t++) {
        for (int i = 0; i < CLIENTS; i++) {
            up[t][i] = fg_rng_uniform(&r) < 0.1 + 0.12 * i;
            used[t][i] = up[t][i] && fg_rng_uniform(&r) < 0.5;
        }
    }
}

/* P(up | up) + P(down | down) - 1 from the definition, with the priors of the header. */
static double naive_memory(uint32_t rounds, int client)
{
    double n[2][2] = {{0}}, all[2][2] = {{0}};
    for (uint32_t t = 1; t < rounds; t++) {
        for (int i = 0; i < CLIENTS; i++) {
            all[up[t - 1][i]][up[t][i]] += 1;
            n[up[t - 1][i]][up[t][i]] += i == client;
        }
    }
    double on = (all[1][1] + 1) / (all[1][0] + all[1][1] + 2),
           off = (all[0][0] + 1) / (all[0][0] + all[0][1] + 2);
    return (n[1][1] + 50 * on) / (n[1][0] + n[1][1] + 50) + (n[0][0] + 50 * off) / (n[0][0] + n[0][1] + 50) -
           1;
}

static void counts_are_those_of_a_naive_loop(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct fg_watch w;
        uint32_t rounds = seed == 0 ? 2 : (uint32_t)(seed * 20);
        draw(seed);
        play(&w, rounds);
        for (uint32_t i = 0; i < CLIENTS; i++) {
            double k = 0, all = 0;
            for (uint32_t t = 0; t < rounds; t++) {
                k += used[t][i];
                for (int j = 0; j < CLIENTS; j++) {
                    all += used[t][j];
                }
            }
            double n = rounds, mean = (all + 1) / (n * CLIENTS + 2);
            fg_assert_close(fg_watch_use(&w, i), (k + 10 * mean) / (n + 10), 1e-12);
            fg_assert_close(fg_watch_memory(&w, i), naive_memory(rounds, (int)i), 1e-9);
        }
        fg_watch_fini(&w);
    }
}

static void memory_of_a_chain_is_its_lambda(void **state)
{
    (void)state;
    static const double lambda = 0.8, pi = 0.4;
    struct fg_rng r;
    struct fg_watch w;
    fg_rng_init(&r, 3, FG_RNG_TEST, 0, 1);
    assert_int_equal(fg_watch_init(&w, 1), FG_OK);
    bool on = false;
    for (int t = 0; t < 60000; t++) {
        on = fg_rng_uniform(&r) < (on ? lambda + (1 - lambda) * pi : (1 - lambda) * pi);
        uint32_t zero = 0;
        fg_watch_round(&w, &zero, on, &zero, ones, on);
    }
    fg_assert_close(fg_watch_memory(&w, 0), lambda, 0.02);
    fg_assert_close(fg_watch_use(&w, 0), pi, 0.02);
    fg_watch_fini(&w);
}

static void a_watch_survives_its_bytes(void **state)
{
    (void)state;
    struct fg_watch w, v;
    struct fg_str a = {0}, b = {0};
    draw(9);
    play(&w, 50);
    assert_int_equal(fg_watch_save(&w, &a), FG_OK);
    assert_int_equal(fg_watch_init(&v, CLIENTS), FG_OK);
    struct fg_reader in = fg_reader_of(a.data, a.len);
    fg_watch_load(&v, &in);
    assert_true(fg_reader_done(&in));
    assert_int_equal(fg_watch_save(&v, &b), FG_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_true(fg_watch_memory(&v, i) == fg_watch_memory(&w, i) &&
                    fg_watch_up(&v, i) == fg_watch_up(&w, i));
    }
    fg_str_fini(&a);
    fg_str_fini(&b);
    fg_watch_fini(&w);
    fg_watch_fini(&v);
}

/* Two clients, chances 1 and 0.1: what the two errors are can be said by hand. */
static void the_error_of_a_cap_is_bias_and_variance(void **state)
{
    (void)state;
    const double target[] = {3, 3}, chance[] = {1.0, 0.1}, memory[] = {0.5, 0.5};
    struct fg_weighting_problem p = {2, target, chance, memory, 2.0};
    /* c = 10: no bias; w2 = 0.5 x 10, variance 25 x 0.09 x 3 */
    fg_assert_close(fg_weight_error(&p, 10.0), 2.0 * 25 * 0.09 * 3, 1e-9);
    /* c = 1: Z = 0.5 + 0.05; p = 10/11, 1/11; dTV = 9/22; w2 = 0.5 / 0.55 */
    double tv = 10.0 / 11 - 0.5;
    fg_assert_close(fg_weight_error(&p, 1.0), 4 * tv * tv + 2.0 * (1 / 1.21) * 0.09 * 3, 1e-9);
}

static void the_cap_is_the_best_of_all(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 2);
    for (int k = 0; k < 300; k++) {
        double target[12], chance[12], memory[12], scratch[12];
        for (int i = 0; i < 12; i++) {
            target[i] = 0.1 + fg_rng_uniform(&r);
            chance[i] = 0.02 + 0.98 * fg_rng_uniform(&r);
            memory[i] = 0.9 * fg_rng_uniform(&r);
        }
        struct fg_weighting_problem p = {12, target, chance, memory, 0.001 + fg_rng_uniform(&r)};
        double cap = fg_weight_cap(&p, scratch), best = fg_weight_error(&p, cap);
        for (int i = 0; i < 12; i++) {
            assert_true(best <= fg_weight_error(&p, 1.0 / chance[i]));
        }
        p.noise = 0.0; /* without variance nothing is gained by a cap */
        double most = 0;
        for (int i = 0; i < 12; i++) {
            most = fmax(most, 1.0 / chance[i]);
        }
        assert_true(fg_weight_cap(&p, scratch) == most);
    }
}

/* Two clients that should count 1/4 and 3/4, take part with chance 1/2 and 1, and count as they come (weight
 * 1). */
static void the_terms_of_the_predicted_error(void **state)
{
    (void)state;
    const double target[] = {1, 3}, chance[] = {0.5, 1}, weight[] = {1, 1}, memory[] = {0.5, 0};
    struct fg_error_terms t;
    fg_error_defaults(&t);
    t.clients = 2;
    t.target = target;
    t.chance = chance;
    t.weight = weight;
    t.memory = memory;
    t.mean_steps = 4;
    t.rounds = 10;
    t.lr = 0.1;
    t.curvature = 2;
    t.noise = 3;
    t.spread = 5;
    t.distance = 7;
    struct fg_error e = fg_error_predict(&t);
    double steps = (0.125 + 0.75) * 4; /* of a round */
    fg_assert_close(e.progress, 7 / (0.1 * steps * 10), 1e-12);
    /* noise of four steps: w^2 s 3/4; taking part or not: w^2 s (1 - s) (1.5 / 0.5) 5, for the first client
     * only */
    double v = (0.0625 * 0.5 + 0.5625) * 0.75 + 0.0625 * 0.25 * 3 * 5;
    fg_assert_close(e.variance, 2 * 0.1 * steps * v, 1e-12);
    fg_assert_close(e.drift, 0.01 * 4 * (steps - 1) * (3 + steps * 5), 1e-12);
    double tv = 0.25 - 0.125 / 0.875; /* shares 1/7 and 6/7 */
    fg_assert_close(e.bias, 4 * tv * tv * 5, 1e-12);
    fg_assert_close(e.all, e.progress + e.variance + e.drift + e.bias, 1e-12);
    t.weight = NULL; /* 1 / s: no bias, and whole steps */
    e = fg_error_predict(&t);
    fg_assert_close(e.bias, 0, 1e-12);
    fg_assert_close(e.progress, 7 / (0.1 * 4 * 10), 1e-12);
}

/* With zones the bias is what it is on average: clients apart by 5, zones by 2. */
static void the_bias_of_clients_that_are_alike_but_for_their_zone(void **state)
{
    (void)state;
    static const double chance[] = {0.5, 0.25, 0.25, 0.0};
    static const uint32_t zone[] = {0, 1, 1, 0};
    double scratch[2], one[] = {1.0, 1.0, 1.0, 1.0};
    struct fg_error_terms t;
    fg_error_defaults(&t);
    t.clients = 4;
    t.chance = chance;
    t.weight = one;
    t.mean_steps = 4;
    t.lr = 0.1;
    t.noise = 3.0;
    t.spread = 7.0;
    struct fg_error worst = fg_error_predict(&t);
    t.spread = 5.0;
    t.zone = zone;
    t.zones = 2;
    t.zone_spread = 2.0;
    t.scratch = scratch;
    struct fg_error e = fg_error_predict(&t);
    /* shares 1/2, 1/4, 1/4, 0 of targets of a quarter; zones 1/2 and 1/2 of targets of a half */
    fg_assert_close(e.bias, 5.0 * 2.0 / 16.0, 1e-12);
    fg_assert_close(worst.bias, 7.0 / 4.0, 1e-12);
    fg_assert_close(e.variance, worst.variance, 1e-12);
    fg_assert_close(e.drift, worst.drift, 1e-12);
    static const uint32_t other[] = {0, 1, 1, 1};
    t.zone = other;
    fg_assert_close(fg_error_predict(&t).bias, 5.0 * 2.0 / 16.0 + 2.0 * 2.0 / 16.0, 1e-12);
}

/* Everyone with chance 1/2 and memory 1/4, weights of 2: whole rounds of four steps. mu = 1, L = 2,
 * eta = 0.1. */
static void a_strongly_convex_problem_contracts(void **state)
{
    (void)state;
    static const double chance[] = {0.5, 0.5}, memory[] = {0.25, 0.25}, two[] = {2.0, 2.0};
    struct fg_error_terms t;
    fg_error_defaults(&t);
    t.clients = 2;
    t.chance = chance;
    t.weight = two;
    t.memory = memory;
    t.mean_steps = 4;
    t.rounds = 3;
    t.lr = 0.1;
    t.curvature = 2.0;
    t.noise = 8.0;
    t.spread = 5.0;
    t.distance = 7.0;
    t.convexity = 1.0;
    struct fg_error e = fg_error_predict(&t);
    double l = 0.25 * pow(0.9, 4), far = (1 - pow(0.8, 4)) / 0.2;
    double v = 2 * (0.5 * 8 / 4 + 0.5 * 0.5 * (1 + l) / (1 - l) * 5); /* both weights are 1 */
    fg_assert_close(e.progress, 7 * pow(0.9, 12), 1e-12);
    fg_assert_close(e.variance, 0.2 * far * v / 2, 1e-12);
    fg_assert_close(e.drift, 0.04 * (far - 1) * (8 + far * 5) / 2, 1e-12);
    fg_assert_close(e.bias, 0, 1e-12);
}

/* What waits moves the model by the last d rounds: their common step, and the noise of each. */
static void error_feedback_costs_what_waits(void **state)
{
    (void)state;
    static const double chance[] = {1.0};
    struct fg_error_terms t;
    fg_error_defaults(&t);
    t.clients = 1;
    t.chance = chance;
    t.lr = 0.1;
    t.curvature = 2.0;
    t.noise = 0.0;
    t.slope = 3.0;
    struct fg_error none = fg_error_predict(&t);
    fg_assert_close(none.feedback, 0.0, 0);
    double delta = 0.25; /* Karimireddy et al.: 4 eta^2 L^2 sigma^2 (1 - delta) / delta^2 */
    t.behind = 2.0 * sqrt(1.0 - delta) / delta;
    struct fg_error e = fg_error_predict(&t);
    fg_assert_close(e.feedback, 4.0 * 0.01 * 4.0 * 3.0 * (1.0 - delta) / (delta * delta), 1e-12);
    fg_assert_close(e.all, none.all + e.feedback, 1e-12);
    t.mean_steps = 4.0;
    t.noise = 5.0; /* of four steps a quarter */
    t.behind = 6.0;
    e = fg_error_predict(&t);
    fg_assert_close(e.feedback, 0.64 * (36.0 * 3.0 + 6.0 * 5.0 / 4.0), 1e-12);
    double sum = e.feedback, far = (1.0 - pow(0.8, 4)) / 0.2;
    t.convexity = 0.5;
    fg_assert_close(fg_error_predict(&t).feedback, sum * far * far / 16.0, 1e-12); /* over 2 mu = 1 */
}

/* tau steps of rate 0.1 on x^2 / 2 move x by 1 - 0.9^tau of its distance. */
static void steps_come_to_the_optimum_and_not_beyond(void **state)
{
    (void)state;
    double x = 1.0;
    for (int tau = 1; tau <= 60; tau++) {
        x -= 0.1 * x;
        fg_assert_close(fg_effective_steps(tau, 0.1, 1.0), (1.0 - x) / 0.1, 1e-9);
    }
    fg_assert_close(fg_effective_steps(7.0, 0.1, 0.0), 7.0, 0);
    fg_assert_close(fg_effective_steps(7.0, 2.0, 1.0), 1.0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_a_naive_loop),
        cmocka_unit_test(memory_of_a_chain_is_its_lambda),
        cmocka_unit_test(a_watch_survives_its_bytes),
        cmocka_unit_test(the_error_of_a_cap_is_bias_and_variance),
        cmocka_unit_test(the_cap_is_the_best_of_all),
        cmocka_unit_test(the_terms_of_the_predicted_error),
        cmocka_unit_test(the_bias_of_clients_that_are_alike_but_for_their_zone),
        cmocka_unit_test(a_strongly_convex_problem_contracts),
        cmocka_unit_test(error_feedback_costs_what_waits),
        cmocka_unit_test(steps_come_to_the_optimum_and_not_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
