/* Scores of forecasts against naive twins. */
#include "tests/lib/test.h"

#include "src/base/rng.h"
#include "src/forecast/forecast.h"
#include "src/forecast/score.h"

#define N 60

static void draw(struct fg_point *p, uint32_t iter)
{
    struct fg_rng r;
    fg_rng_init(&r, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 1, iter);
    for (size_t i = 0; i < N; i++) {
        p[i].p = (float)fg_rng_below(&r, 12) / 11.0F; /* with ties, with 0 and 1 */
        p[i].y = fg_rng_uniform(&r) < 0.2 + 0.5 * (double)p[i].p;
        p[i].node = fg_rng_below(&r, 4);
    }
}

/* -1: no pair. */
static double naive_auc(const struct fg_point *p, int node)
{
    double wins = 0, pairs = 0;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            bool same = node < 0 || ((int)p[i].node == node && (int)p[j].node == node);
            if (same && p[i].y == 1 && p[j].y == 0) {
                pairs += 1;
                wins += p[i].p > p[j].p ? 1 : p[i].p == p[j].p ? 0.5 : 0;
            }
        }
    }
    return pairs > 0 ? wins / pairs : -1;
}

/* Least squares under monotony, by the min-max formula: max over a <= x of min over b >= x of the mean of
 * y of the points with p in [a, b]. */
static double naive_fit(const struct fg_point *p, float x)
{
    double best = -1;
    for (size_t i = 0; i < N; i++) {
        double least = 2;
        for (size_t j = 0; p[i].p <= x && j < N; j++) {
            double sum = 0, n = 0;
            for (size_t k = 0; p[j].p >= x && k < N; k++) {
                bool in = p[k].p >= p[i].p && p[k].p <= p[j].p;
                sum += in ? p[k].y : 0;
                n += in;
            }
            least = n > 0 && sum / n < least ? sum / n : least;
        }
        best = p[i].p <= x && least > best ? least : best;
    }
    return best;
}

static void scores_equal_their_naive_twins(void **state)
{
    (void)state;
    for (uint32_t iter = 0; iter < fg_test_iters(20); iter++) {
        struct fg_point p[N];
        struct fg_score s;
        double brier = 0, left = 0, loss = 0, up = 0, within = 0, nodes = 0;
        draw(p, iter);
        assert_int_equal(fg_score_points(p, N, &s), FG_OK);
        for (size_t i = 0; i < N; i++) {
            double q = (double)p[i].p, fit = naive_fit(p, p[i].p);
            brier += (q - p[i].y) * (q - p[i].y) / N;
            left += (fit - p[i].y) * (fit - p[i].y) / N;
            loss -= log(fmin(0.999, fmax(0.001, p[i].y ? q : 1 - q))) / N;
            up += (double)p[i].y / N;
        }
        for (int k = 0; k < 4; k++) {
            double a = naive_auc(p, k);
            within += a >= 0 ? a : 0;
            nodes += a >= 0;
        }
        fg_assert_close(s.brier, brier, 1e-12);
        fg_assert_close(s.log_loss, loss, 1e-12);
        fg_assert_close(s.miscalibration, brier - left, 1e-12);
        fg_assert_close(s.discrimination, up * (1 - up) - left, 1e-12);
        fg_assert_close(s.brier, s.miscalibration - s.discrimination + s.uncertainty, 1e-12);
        fg_assert_close(s.auc_pooled, naive_auc(p, -1), 1e-12);
        fg_assert_close(s.auc, within / nodes, 1e-12);
        assert_true(s.miscalibration > -1e-12 && s.discrimination > -1e-12);
    }
}

static void undetermined_scores_are_nan(void **state)
{
    (void)state;
    struct fg_point p[2] = {{0.5F, 1, 0}, {0.25F, 1, 0}};
    struct fg_score s;
    assert_int_equal(fg_score_points(p, 0, &s), FG_OK);
    assert_true(s.points == 0 && isnan(s.brier) && isnan(s.auc));
    assert_int_equal(fg_score_points(p, 2, &s), FG_OK);
    assert_true(isnan(s.auc) && isnan(s.auc_pooled));
    fg_assert_close(s.brier, (0.25 + 0.5625) / 2, 1e-12);
}

static void bootstrap_keeps_pairs_and_has_the_right_width(void **state)
{
    (void)state;
    enum { B = 100, C = 3 };
    static double sum[B * C], n[B], mean[FG_REPLICATES * C], again[FG_REPLICATES * C], v[FG_REPLICATES];
    struct fg_blocks b = {B, 1, C, sum, n};
    struct fg_rng r;
    double m = 0, m2 = 0, sd = 0, low, high;
    fg_rng_init(&r, 1, FG_RNG_TEST, 2, 0);
    for (size_t i = 0; i < B; i++) {
        double x = fg_rng_uniform(&r);
        n[i] = 10;
        sum[i * C] = 10 * x;
        sum[i * C + 1] = 20 * x;
        sum[i * C + 2] = 30;
        m += x / B;
        m2 += x * x / B;
    }
    assert_int_equal(fg_blocks_draw(&b, 7, 3, mean), FG_OK);
    assert_int_equal(fg_blocks_draw(&b, 7, 3, again), FG_OK);
    assert_memory_equal(mean, again, sizeof mean);
    for (size_t k = 0; k < FG_REPLICATES; k++) {
        fg_assert_close(mean[k * C + 1], 2 * mean[k * C], 1e-12);
        fg_assert_close(mean[k * C + 2], 3, 1e-12);
        sd += (mean[k * C] - m) * (mean[k * C] - m) / FG_REPLICATES;
        v[k] = mean[k * C];
    }
    double want = sqrt((m2 - m * m) / B);
    fg_assert_close(sqrt(sd) / want, 1, 0.15);
    fg_interval95(v, FG_REPLICATES, &low, &high);
    fg_assert_close((high - low) / want, 2 * 1.96, 0.6);
}

static void groups_are_drawn_whole(void **state)
{
    (void)state;
    /* two blocks, two groups, one of them always wrong: the mean is a multiple of one half */
    double sum[4] = {0, 5, 0, 5}, n[4] = {5, 5, 5, 5}, mean[FG_REPLICATES];
    struct fg_blocks b = {2, 2, 1, sum, n};
    size_t seen[3] = {0};
    assert_int_equal(fg_blocks_draw(&b, 1, 0, mean), FG_OK);
    for (size_t k = 0; k < FG_REPLICATES; k++) {
        size_t twice = (size_t)(2 * mean[k] + 0.25);
        fg_assert_close(mean[k], (double)twice / 2, 1e-12);
        seen[twice]++;
    }
    assert_in_range(seen[0], 60, 140);
    assert_in_range(seen[2], 60, 140);
}

static void quantile_bound_needs_59_for_one_in_twenty(void **state)
{
    (void)state;
    double v[200];
    for (size_t i = 0; i < 200; i++) {
        v[i] = (double)i + 1;
    }
    fg_assert_close(fg_quantile_bound(v, 58, 0.05, 0.95), -1, 0);
    fg_assert_close(fg_quantile_bound(v, 59, 0.05, 0.95), 1, 0);
    for (size_t n = 60; n <= 200; n += 35) {
        size_t k = 0; /* the largest k with P(Binomial(n, 0.3) <= k - 1) <= 0.1, by log gamma */
        double below = 0;
        for (;; k++) {
            double m = (double)n, j = (double)k;
            below +=
                exp(lgamma(m + 1) - lgamma(j + 1) - lgamma(m - j + 1) + j * log(0.3) + (m - j) * log(0.7));
            if (below > 0.1) {
                break;
            }
        }
        fg_assert_close(fg_quantile_bound(v, n, 0.3, 0.9), k == 0 ? -1 : (double)k, 0);
    }
}

/* (1 - q)^n is below all numbers: by the normal distribution with its correction for skewness. */
static void quantile_bound_of_many(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    static double v[MANY];
    for (size_t i = 0; i < MANY; i++) {
        v[i] = (double)i + 1;
    }
    double mean = MANY * 0.05, z = -1.6448536269514722, sd = sqrt(mean * 0.95);
    double k = mean + z * sd + (1 - 2 * 0.05) * (z * z - 1) / 6 + 0.5;
    fg_assert_close(fg_quantile_bound(v, MANY, 0.05, 0.95), k, 1.0);
}

static void ratio_of_scores(void **state)
{
    (void)state;
    fg_assert_close(fg_score_ratio(0.3, 0.2), 1.5, 1e-15);
    assert_true(fg_score_ratio(0, 0) == 1);
    assert_true(isinf(fg_score_ratio(1e-9, 0)));
    assert_true(isinf(fg_score_ratio(1e-9, 1e-33))); /* 1 less rounding is no error, and no ratio of 1e24 */
    assert_true(fg_score_ratio(1e-20, 1e-33) == 1);
    fg_assert_close(fg_score_ratio(3e-9, 1e-9), 3, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ratio_of_scores),
        cmocka_unit_test(scores_equal_their_naive_twins),
        cmocka_unit_test(undetermined_scores_are_nan),
        cmocka_unit_test(bootstrap_keeps_pairs_and_has_the_right_width),
        cmocka_unit_test(groups_are_drawn_whole),
        cmocka_unit_test(quantile_bound_needs_59_for_one_in_twenty),
        cmocka_unit_test(quantile_bound_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
