/* Up time ahead: quantiles keep their promise where the truth is known, the guarantee is the order
 * statistic it says, and nothing reads past now. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/forecast/uptime.h"

enum { NODES = 30 };

/* One hour of a world: up within the hour for a uniform time with chance .3, all of it with .5, else not.
 * */
static void draw(struct fg_rng *r, struct fg_seen *seen, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double u = fg_rng_uniform(r);
        seen[i].known = true;
        seen[i].up_s = (uint16_t)(u < 0.2 ? 0 : u < 0.5 ? 1 + fg_rng_below(r, 3599) : 3600);
        seen[i].up = fg_rng_uniform(r) < 0.5;
    }
}

/* Nodes whose forecasts tell them apart: up for a tenth, or for nine tenths, of the hour on average. */
static void what_is_expected_comes_on_average(void **state)
{
    (void)state;
    struct fg_uptime *u = NULL;
    struct fg_rng r;
    struct fg_seen seen[2] = {{0}};
    const double p[2] = {0.05, 0.95};
    assert_int_equal(fg_uptime_create(&u, 2, 2), FG_OK);
    fg_rng_init(&r, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 31, 0);
    for (int t = 0; t < 3000; t++) {
        for (size_t i = 0; i < 2; i++) {
            bool often = i == 1;
            seen[i] = (struct fg_seen){.known = true, .up = true};
            seen[i].up_s =
                (uint16_t)(fg_rng_below(&r, 721) + (often ? 2880 : 0)); /* 360 or 3240 on average */
        }
        fg_uptime_step(u, seen, p);
        if (t == 1) { /* nothing has come yet */
            fg_assert_close(fg_uptime_expected_s(u, 0), 3600.0, 1e-9);
        }
    }
    fg_assert_close(fg_uptime_expected_s(u, 0), 720.0, 36.0); /* two hours; deviation of the mean: some 8 s */
    fg_assert_close(fg_uptime_expected_s(u, 1), 6480.0, 36.0);
    fg_uptime_destroy(u);
}

static void quantiles_keep_their_promise(void **state)
{
    (void)state;
    static const uint32_t horizons[] = {1, 3};
    for (size_t h = 0; h < 2; h++) {
        struct fg_uptime *u = NULL;
        struct fg_rng r;
        struct fg_seen seen[NODES] = {{0}};
        double p[NODES], said[4][NODES][FG_UPTIME_LEVELS] = {{{0}}}, up[4][NODES] = {{0}};
        double below[FG_UPTIME_LEVELS] = {0}, at_most[FG_UPTIME_LEVELS] = {0}, n = 0.0;
        fg_rng_init(&r, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 30, (uint32_t)h);
        assert_int_equal(fg_uptime_create(&u, NODES, horizons[h]), FG_OK);
        for (int t = 0; t < 3000; t++) {
            draw(&r, seen, NODES);
            for (size_t i = 0; i < NODES; i++) {
                double sum = 0.0;
                p[i] = fg_rng_uniform(&r);
                up[t % 4][i] = seen[i].up_s;
                for (uint32_t k = 0; k < horizons[h]; k++) {
                    sum += up[(t + 4 - (int)k) % 4][i];
                }
                for (size_t q = 0; t > 500 && q < FG_UPTIME_LEVELS; q++) {
                    double then = said[(t + 4 - (int)horizons[h]) % 4][i][q];
                    below[q] += sum < then - 1.0;
                    at_most[q] += sum <= then + 1.0;
                }
                n += t > 500;
            }
            fg_uptime_step(u, seen, p);
            for (size_t i = 0; i < NODES; i++) {
                double before = 0.0;
                for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
                    said[t % 4][i][q] = fg_uptime_quantile_s(u, (uint32_t)i, q);
                    assert_true(said[t % 4][i][q] <= 3600.0 * horizons[h]);
                    if (t > 500 && q != 3) { /* upper ones are rounded up, lower ones down */
                        assert_true(said[t % 4][i][q] >= before);
                        before = said[t % 4][i][q];
                    }
                }
            }
        }
        for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
            assert_true(below[q] / n <= fg_uptime_level[q] + 0.02);
            assert_true(at_most[q] / n >= fg_uptime_level[q] - 0.02);
        }
        if (horizons[h] == 1) { /* the median of 20% nothing, 30% uniform, 50% all: about all of it */
            assert_true(below[2] / n > 0.3);
        }
        fg_uptime_destroy(u);
    }
}

/* One node, always up: the guarantee is the smallest of the last occasions from the 59th on, 0 before, and
 * the second smallest from the 93rd on (P(Bin(93, .05) <= 1) < .05). */
static void the_guarantee_is_an_order_statistic(void **state)
{
    (void)state;
    struct fg_uptime *u = NULL;
    struct fg_seen seen[1] = {{.known = true, .up = true}};
    double p[1] = {0.5}, past[200];
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 31, 0);
    assert_int_equal(fg_uptime_create(&u, 1, 1), FG_OK);
    for (size_t t = 0; t < 124; t++) { /* the third from the 124th on */
        double low = 1e9, second = 1e9;
        seen[0].up_s = (uint16_t)(600 + fg_rng_below(&r, 3000));
        past[t] = seen[0].up_s;
        fg_uptime_step(u, seen, p);
        for (size_t i = 1; i <= t; i++) { /* the hour before the first step is no outcome */
            if (past[i] < low) {
                second = low;
                low = past[i];
            } else if (past[i] < second) {
                second = past[i];
            }
        }
        double want = t < 59 ? 0.0 : t < 93 ? low : second;
        fg_assert_close(fg_uptime_guarantee_s(u, 0), want, 0.01);
    }
    fg_uptime_destroy(u);
}

/* A node that is up at weekends only: 24 hours are there on Saturday, fewer and fewer on Sunday. */
static void the_guarantee_holds_for_every_hour_of_a_weekend(void **state)
{
    (void)state;
    enum { H = 24, HOURS = 200 * 168 };
    struct fg_uptime *u = NULL;
    struct fg_seen seen[1] = {{.known = true}};
    double p[1] = {0.3};
    size_t promised = 0, held = 0;
    assert_int_equal(fg_uptime_create(&u, 1, H), FG_OK);
    for (int t = 0; t < HOURS; t++) {
        int hour = t % 168, left = hour < 120 ? 0 : 168 - hour;
        seen[0].up = left > 0;
        seen[0].up_s = hour > 120 || hour == 0 ? 3600 : 0; /* of the hour before */
        fg_uptime_step(u, seen, p);
        double s = fg_uptime_guarantee_s(u, 0);
        if (left > 0 && s > 0.0) {
            promised++;
            held += s <= 3600.0 * (left < H ? left : H);
        }
    }
    assert_true(promised > 1000);
    assert_true((double)held >= 0.95 * (double)promised);
    fg_uptime_destroy(u);
}

static void a_change_of_the_future_changes_nothing_before_it(void **state)
{
    (void)state;
    struct fg_uptime *u[2];
    struct fg_rng r[2];
    size_t later = 0;
    for (int k = 0; k < 2; k++) {
        fg_rng_init(&r[k], 4, FG_RNG_TEST, 32, 0);
        assert_int_equal(fg_uptime_create(&u[k], NODES, 6), FG_OK);
    }
    for (int t = 0; t < 400; t++) {
        struct fg_seen seen[2][NODES] = {{{0}}};
        double p[NODES];
        for (int k = 0; k < 2; k++) {
            draw(&r[k], seen[k], NODES);
        }
        for (size_t i = 0; i < NODES; i++) {
            p[i] = (double)i / NODES;
            if (t > 300) {
                seen[1][i].up_s = 0;
            }
        }
        for (int k = 0; k < 2; k++) {
            fg_uptime_step(u[k], seen[k], p);
        }
        for (uint32_t i = 0; i < NODES; i++) {
            for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
                bool same = fg_uptime_quantile_s(u[0], i, q) == fg_uptime_quantile_s(u[1], i, q);
                assert_true(same || t > 300);
                later += !same;
            }
        }
    }
    assert_true(later > 0);
    for (int k = 0; k < 2; k++) {
        fg_uptime_destroy(u[k]);
    }
}

static void limits_and_failed_allocations_are_reported(void **state)
{
    (void)state;
    struct fg_uptime *u = NULL;
    enum fg_status st = FG_E_NOMEM;
    assert_int_equal(fg_uptime_create(&u, 1, 0), FG_E_RANGE);
    assert_int_equal(fg_uptime_create(&u, 1, FG_HORIZON_MAX + 1), FG_E_RANGE);
    for (long n = 0; st != FG_OK; n++) {
        long left = n;
        assert_in_range(n, 0, 20);
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_uptime_create(&u, 3, 2);
        fg_mem_set_hook(NULL, NULL);
    }
    fg_uptime_destroy(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_keep_their_promise),
        cmocka_unit_test(what_is_expected_comes_on_average),
        cmocka_unit_test(the_guarantee_is_an_order_statistic),
        cmocka_unit_test(the_guarantee_holds_for_every_hour_of_a_weekend),
        cmocka_unit_test(a_change_of_the_future_changes_nothing_before_it),
        cmocka_unit_test(limits_and_failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
