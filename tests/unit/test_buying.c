/* Threshold buying on carbon files: what is paid as forecasts get worse. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/planner/buying.h"
#include "src/planner/threshold.h"

/* A day's rhythm of 100 to 290 g/kWh, from cheap to dear and back; `wander` g/kWh of noise on top. */
static struct fg_carbon *zone(size_t hours, double wander)
{
    struct fg_carbon *c = fg_calloc(1, sizeof *c);
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 0, 77);
    assert_non_null(c);
    c->name = fg_strdup("zone");
    c->zone = fg_strdup("");
    c->tz = fg_strdup("");
    c->kind = fg_strdup("");
    c->scope = fg_strdup("");
    c->basis = fg_strdup("");
    c->hours = hours;
    c->g_per_kwh = fg_calloc(hours, sizeof *c->g_per_kwh);
    c->before_ug = fg_calloc(hours + 1, sizeof *c->before_ug);
    assert_true(c->g_per_kwh != NULL && c->before_ug != NULL);
    for (size_t i = 0; i < hours; i++) {
        size_t h = i % 24, from_noon = h < 12 ? 12 - h : h - 12;
        c->g_per_kwh[i] = 290.0 - 190.0 / 12.0 * (double)(12 - from_noon) + wander * fg_rng_uniform(&r);
    }
    return c;
}

/* By hand: of 5, 9, 4, 8, 7 two are bought at thresholds from [4, 9] and trust 1 in an expected price of
 * 5. */
static void buys_at_thresholds_and_what_is_missing_at_the_end(void **state)
{
    (void)state;
    static const double falling[] = {9.0, 5.0, 8.0, 4.0, 7.0}, dear[] = {9.0, 8.0, 9.0, 7.0, 8.0};
    double ratio = fg_threshold_ratio(2, 4.0, 9.0);
    fg_assert_close(fg_threshold_pay(falling, 5, 2, 4.0, 9.0, ratio, 1.0, 5.0), 5.0 + 4.0, 1e-12);
    fg_assert_close(fg_threshold_pay(dear, 5, 2, 4.0, 9.0, ratio, 1.0, 5.0), 7.0 + 8.0, 1e-12);
    fg_assert_close(fg_threshold_pay(dear, 5, 5, 4.0, 9.0, fg_threshold_ratio(5, 4.0, 9.0), 0.0, 5.0), 41.0,
                    1e-12);
}

/* Where every day is the same the forecast is right: who trusts it pays the least, whose forecasts are wrong
 * pays more, and the promise holds on every day within the limits. */
static void a_right_forecast_pays_the_least_and_a_wrong_one_more(void **state)
{
    (void)state;
    struct fg_carbon *c = zone((size_t)24 * 90, 0.0);
    struct fg_buying b;
    assert_int_equal(fg_buying_run(&b, c, 1), FG_OK);
    assert_int_equal(b.days, 90 - 7);
    const struct fg_buying_row *right = &b.row[0], *wrong = &b.row[(FG_BUYING_NOISES - 1) * FG_BUYING_TRUSTS];
    fg_assert_close(right[2].mean, 1.0, 0.03);
    assert_true(right[0].mean > 1.1 && right[1].mean < right[0].mean);
    assert_true(wrong[2].mean > right[2].mean + 0.1);
    fg_assert_close(right[0].inside, 1.0, 0.0);
    for (uint32_t i = 0; i < FG_BUYING_NOISES * FG_BUYING_TRUSTS; i++) {
        assert_true(b.row[i].mean >= 1.0 - 1e-9 && b.row[i].worst >= b.row[i].mean - 1e-9);
        fg_assert_close(b.row[i].broken, 0.0, 0.0);
    }
    assert_true(right[0].promised >= right[0].worst);
    fg_carbon_destroy(c);
}

/* Nothing of a day is known when it is bought: what comes later in the file changes no day before. */
static void later_days_change_nothing(void **state)
{
    (void)state;
    struct fg_carbon *shorter = zone((size_t)24 * 20, 60.0), *longer = zone((size_t)24 * 21, 60.0);
    struct fg_buying a, b;
    assert_int_equal(fg_buying_run(&a, shorter, 1), FG_OK);
    assert_int_equal(fg_buying_run(&b, longer, 1), FG_OK);
    assert_int_equal(b.days, a.days + 1);
    for (uint32_t i = 0; i < FG_BUYING_NOISES * FG_BUYING_TRUSTS; i++) {
        double last = b.row[i].mean * (double)b.days - a.row[i].mean * (double)a.days;
        assert_true(last >= 1.0 - 1e-9 && last <= b.row[i].worst + 1e-9);
    }
    fg_carbon_destroy(shorter);
    fg_carbon_destroy(longer);
}

static void a_short_file_has_no_days(void **state)
{
    (void)state;
    struct fg_carbon *c = zone(150, 0.0);
    struct fg_buying b;
    assert_int_equal(fg_buying_run(&b, c, 1), FG_OK);
    assert_int_equal(b.days, 0);
    fg_carbon_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buys_at_thresholds_and_what_is_missing_at_the_end),
        cmocka_unit_test(a_right_forecast_pays_the_least_and_a_wrong_one_more),
        cmocka_unit_test(later_days_change_nothing),
        cmocka_unit_test(a_short_file_has_no_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
