/* The mean of the server's models, held against the sum that it is: weights multiplied out,
 * and the closed form. */
#include <math.h>

#include "src/aggregator/average.h"
#include "src/base/rng.h"
#include "tests/lib/test.h"

enum { P = 7, T = 40, ETA = 8 };

/* Model number t, drawn; as far apart as float allows to be told from its neighbours. */
static void model(float x[P], uint32_t t)
{
    struct fg_rng r;
    fg_rng_init(&r, 5, FG_RNG_TEST, t, 0);
    for (int i = 0; i < P; i++) {
        x[i] = (float)(fg_rng_uniform(&r) - 0.5) * (i == 0 ? 1e6f : 1.0f);
    }
}

static struct fg_average begun(const float *x)
{
    struct fg_average m;
    assert_int_equal(fg_average_init(&m, P, x), FG_OK);
    return m;
}

/* What model s counts after t: its share when it came, and what each later one left of it. */
static double weight(int s, int t)
{
    double w = (ETA + 1.0) / (s + ETA);
    for (int u = s + 1; u <= t; u++) {
        w *= 1.0 - (ETA + 1.0) / (u + ETA);
    }
    return w;
}

/* The same as a polynomial: sums of s (s + 1) ... (s + 7) telescope to t (t + 1) ... (t + 8) / 9. */
static double closed(int s, int t)
{
    double w = 9.0 / (t + 8.0);
    for (int k = 0; k < ETA; k++) {
        w *= (double)(s + k) / (t + k);
    }
    return w;
}

static void the_mean_is_the_weighted_sum_of_all_models(void **state)
{
    (void)state;
    static float x[T + 1][P];
    const float start[P] = {1e9f, -3.0f}; /* counts nothing once there is a model */
    struct fg_average m = begun(start);
    for (int t = 1; t <= T; t++) {
        model(x[t], (uint32_t)t);
        fg_average_take(&m, x[t]);
        double all = 0.0, age = 0.0, want[P] = {0};
        for (int s = 1; s <= t; s++) {
            double w = weight(s, t);
            fg_assert_close(w, closed(s, t), 1e-13);
            all += w;
            age += w * (t - s);
            for (int i = 0; i < P; i++) {
                want[i] += w * (double)x[s][i];
            }
        }
        fg_assert_close(all, 1.0, 1e-12);
        fg_assert_close(age, (t - 1) / 10.0, 1e-12); /* what the page says of its lag */
        for (int i = 0; i < P; i++) {
            fg_assert_close(m.mean[i], want[i], i == 0 ? 1e-6 : 1e-12);
            assert_true(m.rounded[i] == (float)m.mean[i]);
        }
        if (t == 1) {
            assert_memory_equal(m.rounded, x[1], sizeof x[1]);
        }
    }
    assert_int_equal(m.taken, T);
    fg_average_fini(&m);
}

static void before_any_model_it_is_the_one_begun_with(void **state)
{
    (void)state;
    float x[P];
    model(x, 0);
    struct fg_average m = begun(x);
    assert_memory_equal(m.rounded, x, sizeof x);
    assert_int_equal(m.taken, 0);
    fg_average_fini(&m);
}

static void what_was_saved_goes_on_to_the_same_bits(void **state)
{
    (void)state;
    const float zero[P] = {0};
    for (uint32_t stop = 0; stop <= 5; stop++) {
        struct fg_average a = begun(zero), b = begun(zero);
        struct fg_str bytes = {0};
        float x[P];
        for (uint32_t t = 1; t <= stop; t++) {
            model(x, t);
            fg_average_take(&a, x);
        }
        assert_int_equal(fg_average_save(&a, &bytes), FG_OK);
        struct fg_reader r = fg_reader_of(bytes.data, bytes.len);
        fg_average_load(&b, &r);
        assert_true(fg_reader_done(&r));
        assert_memory_equal(a.rounded, b.rounded, sizeof x);
        for (uint32_t t = stop + 1; t <= stop + 3; t++) {
            model(x, t);
            fg_average_take(&a, x);
            fg_average_take(&b, x);
        }
        assert_int_equal(a.taken, b.taken);
        assert_memory_equal(a.mean, b.mean, P * sizeof *a.mean);
        assert_memory_equal(a.rounded, b.rounded, sizeof x);
        r = fg_reader_of(bytes.data, bytes.len - 1);
        fg_average_load(&b, &r);
        assert_true(r.bad);
        fg_average_fini(&a);
        fg_average_fini(&b);
        fg_str_fini(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_is_the_weighted_sum_of_all_models),
        cmocka_unit_test(before_any_model_it_is_the_one_begun_with),
        cmocka_unit_test(what_was_saved_goes_on_to_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
