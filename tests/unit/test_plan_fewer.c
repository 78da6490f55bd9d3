/* How many futures a plan plays before anything is spent, where the policy's plans take long. */
#include "tests/lib/test.h"

#include "src/sim/plan.h"

static uint32_t fewer(double work, uint32_t *priced)
{
    *priced = 40;
    return fg_plan_fewer(200, priced, 3, 8, work);
}

static void quick_plans_are_all_played(void **state)
{
    (void)state;
    uint32_t priced;
    assert_int_equal(fewer(1.0, &priced), 200);
    assert_int_equal(priced, 40);
    assert_int_equal(fewer(FG_PLAN_WORK / 328.0, &priced), 200); /* 200 + 3 x 40 + 8 plays */
    assert_int_equal(priced, 40);
}

static void work_is_kept_to(void **state)
{
    (void)state;
    uint32_t priced, before = 200;
    for (double work = FG_PLAN_WORK / 300.0; work < FG_PLAN_WORK / 60.0; work *= 1.2) {
        uint32_t n = fewer(work, &priced);
        assert_true(n < before && n > FG_PLAN_LEAST && priced >= 8 && priced <= n);
        assert_true((n + 3 * priced) * work <= FG_PLAN_WORK);
        before = n;
    }
}

static void some_are_always_played(void **state)
{
    (void)state;
    uint32_t priced;
    assert_int_equal(fewer(1e30, &priced), FG_PLAN_LEAST);
    assert_int_equal(priced, 8);
    priced = 5;
    assert_int_equal(fg_plan_fewer(5, &priced, 3, 5, 1e30), 5); /* no more than were asked for */
    assert_int_equal(priced, 5);
}

/* Of 40 futures Student's t has 39 degrees of freedom: its 95% point is 1.68488. */
static void a_mean_has_the_interval_of_its_number(void **state)
{
    (void)state;
    double v[40];
    for (int i = 0; i < 40; i++) {
        v[i] = i % 2 == 0 ? 3.0 : 5.0;
    }
    struct fg_plan_range r = fg_plan_mean(v, 40), two = fg_plan_mean(v, 2);
    assert_true(r.have && two.have && !fg_plan_mean(v, 1).have);
    fg_assert_close(r.mean, 4.0, 1e-12);
    fg_assert_close(r.high - r.mean, 1.68488 / sqrt(39.0), 1e-5);
    fg_assert_close(r.mean - r.low, r.high - r.mean, 1e-12);
    fg_assert_close(two.high, 4.0 + 6.31375, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_plans_are_all_played),
        cmocka_unit_test(work_is_kept_to),
        cmocka_unit_test(some_are_always_played),
        cmocka_unit_test(a_mean_has_the_interval_of_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
