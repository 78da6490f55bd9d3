/* Folding of updates: product and sum rounded each, whatever the weight; what is not finite is seen anywhere. */
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

#include "kernels/fold.h"

enum { N = 67 };

static void fold_any_weight_rounds_product_and_sum(void **state)
{
    (void)state;
    /* Whole numbers are exact against a float; thirds, large odd numbers and the ends of the range are not. */
    static const double weight[] = {
        0.0,      1.0,         600.0,  -37.0, 536870911.0, 536870913.0, 1.0 / 3, 0.1, 4503599627370497.0,
        0x1p-600, 0x1.8p-1060, 0x1p900};
    for (size_t k = 0; k < sizeof weight / sizeof *weight; k++) {
        float x[N];
        double acc[N], want[N];
        for (int i = 0; i < N; i++) {
            x[i] = (float)(i - 33) / 7.0f;
            acc[i] = want[i] = 1.0 / (i + 1);
            volatile double product = weight[k] * (double)x[i];
            want[i] += product;
        }
        x[5] = 0x1.fffffep+100f;
        volatile double product = weight[k] * 0x1.fffffep+100;
        want[5] = 1.0 / 6 + product;
        fg_kernel_fold(weight[k], x, acc, N);
        assert_memory_equal(acc, want, sizeof want);
    }
}

static void all_finite_one_that_is_not_is_seen_anywhere(void **state)
{
    (void)state;
    float x[N];
    static const float odd[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < N; i++) {
        x[i] = i % 2 == 0 ? 0x1.fffffep+127f : -0x1.fffffep+127f; /* the largest there are */
    }
    assert_true(fg_kernel_all_finite(x, 0));
    for (size_t n = 1; n <= N; n++) {
        assert_true(fg_kernel_all_finite(x, n));
        for (size_t k = 0; k < 3; k++) {
            float kept = x[n / 2];
            x[n / 2] = odd[k];
            assert_false(fg_kernel_all_finite(x, n));
            x[n / 2] = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fold_any_weight_rounds_product_and_sum),
        cmocka_unit_test(all_finite_one_that_is_not_is_seen_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
