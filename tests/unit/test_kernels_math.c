/* exp, log, tanh and sigmoid of every implementation against long double libm, over all magnitudes. */
#include "tests/lib/test.h"

#include "kernels/kernels.h"

static const char *const NAMES[] = {"reference", "avx2", "avx512"};

/* Distance in units of the last place of the float nearest to the true value. */
static double ulps(float got, long double want)
{
    float w = (float)want;
    if (isinf(w) || isinf(got)) {
        return w == got ? 0.0 : 1e9;
    }
    return (double)fabsl((long double)got - want) / (double)(nextafterf(fabsf(w), INFINITY) - fabsf(w));
}

static long double true_sigmoid(long double x)
{
    return 1.0L / (1.0L + expl(-x));
}

typedef void (*pointwise)(const float *x, float *y, size_t n);

/* The worst error of f over floats with every exponent up to 2^top, both signs (or only > 0). */
static double worst(pointwise f, long double (*truth)(long double), int top, int negative)
{
    enum { N = 1024 };
    float x[N], y[N];
    double bad = 0.0;
    uint32_t s = 1;
    for (int e = -149; e < top; e++) {
        for (int i = 0; i < N; i++) {
            s = s * 1664525u + 1013904223u;
            x[i] = ldexpf(1.0f + (float)(s >> 9) * 0x1p-23f, e) * (negative && i % 2 ? -1.0f : 1.0f);
        }
        f(x, y, N);
        for (int i = 0; i < N; i++) {
            long double want = truth((long double)x[i]);
            int tiny =
                fabsl(want) < 0x1p-126L && x[i] < -80.0f; /* subnormal results: absolute error counts */
            double u = tiny ? (double)(fabsl((long double)y[i] - want) / 0x1p-149L) : ulps(y[i], want);
            bad = u > bad ? u : bad;
        }
    }
    return bad;
}

static void functions_stay_within_the_stated_error(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const struct fg_kernels *kn = fg_kernels_get(NAMES[k], FG_EXACT);
        if (!kn) {
            continue;
        }
        double e = worst(kn->exp, expl, 7, 1), l = worst(kn->log, logl, 128, 0);
        double t = worst(kn->tanh_forward, tanhl, 10, 1), g = worst(kn->sigmoid_forward, true_sigmoid, 7, 1);
        print_message("%s: exp %.2f log %.2f tanh %.2f sigmoid %.2f ulp\n", kn->name, e, l, t, g);
        assert_true(e < 2.0);
        assert_true(l < 2.0);
        assert_true(t < 4.0);
        assert_true(g < 4.0);
    }
}

static void edges_are_defined(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const struct fg_kernels *kn = fg_kernels_get(NAMES[k], FG_EXACT);
        if (!kn) {
            continue;
        }
        float x[18] = {0.0f, -0.0f, INFINITY, -INFINITY, 1e30f, -1e30f, NAN, 1.0f}, y[18];
        kn->exp(x, y, 18);
        assert_true(y[0] == 1.0f && y[1] == 1.0f && isinf(y[2]) && y[3] == 0.0f && isinf(y[4]) &&
                    y[5] == 0.0f);
        assert_true(isnan(y[6]) && y[7] == 0x1.5bf0a8p1f && y[17] == 1.0f);
        kn->log(x, y, 18);
        assert_true(isinf(y[0]) && y[0] < 0.0f && isinf(y[1]) && isinf(y[2]) && y[2] > 0.0f && isnan(y[3]));
        assert_true(isnan(y[5]) && isnan(y[6]) && y[7] == 0.0f);
        kn->tanh_forward(x, y, 18);
        assert_true(y[0] == 0.0f && y[2] == 1.0f && y[3] == -1.0f && y[4] == 1.0f && y[5] == -1.0f &&
                    isnan(y[6]));
        kn->sigmoid_forward(x, y, 18);
        assert_true(y[0] == 0.5f && y[2] == 1.0f && y[3] == 0.0f && y[4] == 1.0f && y[5] == 0.0f &&
                    isnan(y[6]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_stay_within_the_stated_error),
        cmocka_unit_test(edges_are_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
