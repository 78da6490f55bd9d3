/* Carbon forecasts: what each predictor says, no look into the future, intervals that keep their promise, and
 * the ensemble on real files. */
#include "tests/lib/test.h"

#include <string.h>
#include <unistd.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/forecast/carbon_rolling.h"
#include "src/forecast/conformal.h"

enum { AHEAD = 25 };

/* A day's rhythm of amplitude 40 around 200 and an autoregressive deviation; from a Thursday midnight on. */
static struct fg_carbon *zone(size_t hours, uint32_t stream, size_t change_at)
{
    struct fg_carbon *c = fg_calloc(1, sizeof *c);
    struct fg_rng r;
    double x = 0.0;
    fg_rng_init(&r, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 7, stream);
    assert_non_null(c);
    c->name = fg_strdup("zone");
    c->zone = fg_strdup("");
    c->hours = hours;
    c->g_per_kwh = fg_calloc(hours, sizeof *c->g_per_kwh);
    c->before_ug = fg_calloc(hours + 1, sizeof *c->before_ug);
    for (size_t i = 0; i < hours; i++) {
        x = 0.9 * x + 10.0 * fg_rng_normal(&r);
        c->g_per_kwh[i] = 200.0 + 40.0 * fg_sin2pi((double)i / 24.0) + x + (i >= change_at ? 5.0 : 0.0);
        c->g_per_kwh[i] = c->g_per_kwh[i] > 0.0 ? c->g_per_kwh[i] : 0.0;
        c->before_ug[i + 1] = c->before_ug[i] + (int64_t)(c->g_per_kwh[i] * 1e6);
    }
    return c;
}

static void simple_predictors_say_what_their_names_say(void **state)
{
    (void)state;
    enum { KNOWN = 500 };
    struct fg_carbon *c = zone(KNOWN + AHEAD, 1, 100000);
    struct fg_carbon_forecaster *f = NULL;
    const double *v = c->g_per_kwh;
    double sum = 0.0;
    assert_int_equal(fg_carbon_forecaster_create(&f, AHEAD, 0, c, true), FG_OK);
    for (size_t i = 0; i < KNOWN; i++) {
        assert_int_equal(fg_carbon_forecaster_step(f, v[i]), FG_OK);
        sum += v[i];
    }
    const double *last = fg_carbon_forecaster_get(f, fg_carbon_predictor_find("persistence")),
                 *day = fg_carbon_forecaster_get(f, fg_carbon_predictor_find("yesterday")),
                 *week = fg_carbon_forecaster_get(f, fg_carbon_predictor_find("lastweek")),
                 *mean = fg_carbon_forecaster_get(f, fg_carbon_predictor_find("climatology")),
                 *oracle = fg_carbon_forecaster_get(f, fg_carbon_predictor_find("oracle"));
    for (size_t k = 0; k < AHEAD; k++) {
        fg_assert_close(last[k], v[KNOWN - 1], 0);
        fg_assert_close(day[k], v[KNOWN + k - (k < 24 ? 24 : 48)], 0);
        fg_assert_close(week[k], v[KNOWN + k - 168], 0);
        fg_assert_close(mean[k], sum / KNOWN, 1e-9);
        fg_assert_close(oracle[k], v[KNOWN + k], 0);
    }
    assert_int_equal(fg_carbon_predictor_find("nobody"), fg_carbon_predictors_n);
    fg_carbon_forecaster_destroy(f);
    fg_carbon_destroy(c);
}

static void a_change_of_the_future_changes_no_forecast_before_it(void **state)
{
    (void)state;
    enum { T = 400, HOURS = 460 };
    struct fg_carbon *c[2] = {zone(HOURS, 2, 100000), zone(HOURS, 2, T)};
    struct fg_carbon_forecaster *f[2];
    size_t oracle = fg_carbon_predictor_find("oracle"), changed[16] = {0}, later[16] = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fg_carbon_forecaster_create(&f[i], AHEAD, 0, c[i], true), FG_OK);
    }
    for (size_t known = 1; known < HOURS; known++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fg_carbon_forecaster_step(f[i], c[i]->g_per_kwh[known - 1]), FG_OK);
        }
        for (size_t p = 0; p < fg_carbon_predictors_n; p++) {
            double low[2], high[2];
            bool same = memcmp(fg_carbon_forecaster_get(f[0], p), fg_carbon_forecaster_get(f[1], p),
                               AHEAD * sizeof(double)) == 0;
            for (uint32_t i = 0; i < 2; i++) {
                fg_carbon_forecaster_interval(f[i], p, AHEAD - 1, &low[i], &high[i]);
            }
            same = same && memcmp(&low[0], &low[1], sizeof low[0]) == 0 &&
                   memcmp(&high[0], &high[1], sizeof high[0]) == 0;
            changed[p] += !same && known <= T;
            later[p] += !same && known > T;
        }
    }
    for (size_t p = 0; p < fg_carbon_predictors_n; p++) {
        assert_int_equal(changed[p] > 0, p == oracle);
        assert_true(later[p] > 0);
    }
    for (int i = 0; i < 2; i++) {
        fg_carbon_forecaster_destroy(f[i]);
        fg_carbon_destroy(c[i]);
    }
}

/* The best possible error h hours on is that of the autoregression: sd 10 sqrt((1 - .81^(h+1)) / .19). */
static void regression_and_ensemble_come_near_the_best_possible(void **state)
{
    (void)state;
    struct fg_carbon *c = zone(4000, 3, 100000);
    struct fg_carbon_rolling_spec spec;
    struct fg_carbon_rolling r;
    fg_carbon_rolling_defaults(&spec);
    spec.oracle = true;
    assert_int_equal(fg_carbon_rolling_run(&r, c, &spec), FG_OK);
    assert_int_equal(r.n_targets, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct fg_carbon_rolling_target *t = &r.targets[i];
        double best = 10.0 * sqrt((1.0 - fg_pow(0.81, t->horizon_h + 1)) / 0.19);
        size_t regression = fg_carbon_predictor_find("regression"), last = t->n_rows - 1;
        assert_true(t->scored && t->points == 4000 - 168 - t->horizon_h);
        assert_in_range((long)(1000 * t->rows[regression].rmse / best), 950, 1120);
        assert_in_range((long)(1000 * t->rows[t->ensemble].rmse / best), 950, 1100);
        assert_true(t->ratio < 1.05);
        fg_assert_close(t->rows[last].rmse, 0, 0); /* the oracle */
        for (size_t k = 0; k < last; k++) {
            assert_in_range((long)(1000 * t->rows[k].coverage), 880, 920);
            assert_true(t->rows[k].low <= t->rows[k].mae && t->rows[k].mae <= t->rows[k].high);
            fg_assert_close(t->rows[k].coverage + t->rows[k].below + t->rows[k].above, 1, 1e-12);
        }
    }
    fg_carbon_rolling_fini(&r);
    fg_carbon_destroy(c);
}

/* Errors whose size doubles half-way, and their sign has a drift: the promise is kept all the same. */
static void conformal_bounds_keep_their_promise_when_errors_grow(void **state)
{
    (void)state;
    struct fg_conformal c;
    struct fg_rng r;
    size_t below = 0, above = 0, n = 8000;
    fg_rng_init(&r, 1, FG_RNG_TEST, 8, 0);
    assert_int_equal(fg_conformal_init(&c, 200, 0.1, 0.01), FG_OK);
    fg_assert_close(fg_conformal_low(&c), 0, 0);
    for (size_t i = 0; i < n; i++) {
        double low = fg_conformal_low(&c), high = fg_conformal_high(&c);
        double e = (i < n / 2 ? 1.0 : 2.0) * fg_rng_normal(&r) + (double)i / 500.0;
        below += e < low;
        above += e > high;
        fg_conformal_learn(&c, e, low, high);
    }
    assert_in_range(below, 9 * n / 100, 11 * n / 100);
    assert_in_range(above, 9 * n / 100, 11 * n / 100);
    fg_conformal_fini(&c);
}

/* Quantiles of the last errors by sorting, levels held still. */
static void conformal_bounds_are_order_statistics_of_the_last_errors(void **state)
{
    (void)state;
    enum { WINDOW = 19 };
    struct fg_conformal c;
    struct fg_rng r;
    double e[300];
    fg_rng_init(&r, 1, FG_RNG_TEST, 9, 0);
    assert_int_equal(fg_conformal_init(&c, WINDOW, 0.1, 0.0), FG_OK);
    for (size_t i = 0; i < 300; i++) {
        e[i] = (double)fg_rng_below(&r, 40); /* with ties */
        fg_conformal_learn(&c, e[i], 0, 0);
        if (i < WINDOW) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            double bound = side ? fg_conformal_high(&c) : fg_conformal_low(&c);
            size_t beyond = 0, to = 0; /* errors strictly beyond the bound; and up to it */
            for (size_t k = i + 1 - WINDOW; k <= i; k++) {
                beyond += side ? e[k] > bound : e[k] < bound;
                to += side ? e[k] >= bound : e[k] <= bound;
            }
            assert_true(beyond <= 1 && to >= 2); /* the second of 20 places */
        }
    }
    fg_conformal_fini(&c);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    struct fg_carbon *c = zone(60, 4, 100000);
    struct fg_carbon_rolling_spec spec;
    struct fg_carbon_rolling r;
    enum fg_status st = FG_E_NOMEM;
    fg_carbon_rolling_defaults(&spec);
    for (long n = 0; st != FG_OK; n++) {
        long left = n;
        assert_in_range(n, 0, 3000);
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_carbon_rolling_run(&r, c, &spec);
        fg_mem_set_hook(NULL, NULL);
        assert_true(st == FG_OK || st == FG_E_NOMEM);
    }
    assert_false(r.targets[2].scored); /* 40 hours are too few for 24 h */
    assert_true(r.targets[0].scored);
    fg_carbon_rolling_fini(&r);
    spec.horizon_h[0] = FG_CARBON_AHEAD_MAX;
    assert_int_equal(fg_carbon_rolling_run(&r, c, &spec), FG_E_RANGE);
    struct fg_carbon_forecaster *f = NULL;
    assert_int_equal(fg_carbon_forecaster_create(&f, 0, 0, NULL, true), FG_E_RANGE);
    fg_carbon_destroy(c);
}

static void ensemble_and_intervals_hold_on_real_files(void **state)
{
    (void)state;
    static const char *const names[] = {"GB_2023", "FR_2020", "US-CAL-CISO_2023", "PL_2022-08_2022-09",
                                        /* only with FG_LONG */
                                        "DE_2023", "IN-WE_2023", "SG_2023", "AU-NSW_2023", "BR-SP_2023"};
    size_t n = getenv("FG_LONG") != NULL ? sizeof names / sizeof names[0] : 4, seen = 0;
    const char *data = getenv("FORAGE_DATA");
    for (size_t i = 0; data != NULL && i < n; i++) {
        char path[1200];
        struct fg_carbon *c = NULL;
        struct fg_carbon_rolling_spec spec;
        struct fg_carbon_rolling r;
        snprintf(path, sizeof path, "%s/traces/carbon/%s.csv.gz", data, names[i]);
        if (access(path, R_OK) != 0) {
            continue;
        }
        seen++;
        assert_int_equal(fg_carbon_load(&c, path, NULL, NULL), FG_OK);
        fg_carbon_rolling_defaults(&spec);
        assert_int_equal(fg_carbon_rolling_run(&r, c, &spec), FG_OK);
        for (size_t k = 0; k < r.n_targets; k++) {
            const struct fg_carbon_rolling_target *t = &r.targets[k];
            if (t->ratio > 1.04 && !(t->ratio_low <= 1.0 && t->ratio_high >= 1.0)) {
                fail_msg("%s at %u h: %.4f, 95%% %.4f to %.4f", names[i], t->horizon_h, t->ratio,
                         t->ratio_low, t->ratio_high);
            }
            assert_in_range((long)(1000 * t->rows[t->ensemble].coverage), 880, 920);
            assert_true(t->rows[t->ensemble].skill > 0.0);
        }
        fg_carbon_rolling_fini(&r);
        fg_carbon_destroy(c);
    }
    if (seen == 0) {
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_predictors_say_what_their_names_say),
        cmocka_unit_test(a_change_of_the_future_changes_no_forecast_before_it),
        cmocka_unit_test(regression_and_ensemble_come_near_the_best_possible),
        cmocka_unit_test(conformal_bounds_keep_their_promise_when_errors_grow),
        cmocka_unit_test(conformal_bounds_are_order_statistics_of_the_last_errors),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(ensemble_and_intervals_hold_on_real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
