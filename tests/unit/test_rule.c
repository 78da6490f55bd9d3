/* Aggregation rules against worked examples and independent loops. */
#include "tests/lib/test.h"

#include "src/aggregator/rule.h"
#include "src/base/mem.h"

enum { P = 3 };

static struct fg_rule *make(const char *name, enum fg_weighting weights, enum fg_averaging over)
{
    struct fg_rule_config cfg = {.params = P,
                                 .clients = 10,
                                 .total_samples = 100.0,
                                 .weights = weights,
                                 .over = over,
                                 .lr = 1.0,
                                 .momentum = 0.5,
                                 .beta1 = 0.9,
                                 .beta2 = 0.99,
                                 .tau = 1e-3};
    struct fg_rule *r = NULL;
    assert_non_null(fg_rule_find(name));
    assert_int_equal(fg_rule_create(&r, fg_rule_find(name), &cfg), FG_OK);
    return r;
}

static const float DELTA_A[P] = {1.0f, 2.0f, -4.0f}, DELTA_B[P] = {3.0f, -2.0f, 0.0f};

static void fedavg_by_samples_is_the_weighted_mean_of_local_models(void **state)
{
    (void)state;
    struct fg_rule *r = make("fedavg", FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
    float x[P] = {10.0f, 20.0f, 30.0f};
    fg_rule_fold(r, DELTA_A, 10);
    fg_rule_fold(r, DELTA_B, 30);
    fg_rule_commit(r, x);
    /* local models 9, 18, 34 with weight 1/4 and 7, 22, 30 with weight 3/4 */
    assert_true(x[0] == 7.5f && x[1] == 21.0f && x[2] == 31.0f);
    fg_rule_destroy(r);
}

static void fedavg_over_all_counts_the_absent_as_zero(void **state)
{
    (void)state;
    float x[P] = {0}, y[P] = {0};
    struct fg_rule *r = make("fedavg", FG_WEIGHT_SAMPLES, FG_OVER_ALL);
    fg_rule_fold(r, DELTA_A, 50);
    fg_rule_commit(r, x);
    assert_true(x[0] == -0.5f && x[1] == -1.0f && x[2] == 2.0f);
    fg_rule_destroy(r);
    r = make("fedavg", FG_WEIGHT_UNIFORM, FG_OVER_ALL);
    fg_rule_fold(r, DELTA_A, 50);
    fg_rule_commit(r, y);
    assert_true(y[0] == -0.1f && y[1] == -0.2f && y[2] == 0.4f);
    fg_rule_destroy(r);
}

static void a_round_without_updates_keeps_every_bit(void **state)
{
    (void)state;
    for (size_t i = 0; fg_rule_list()[i] != NULL; i++) {
        struct fg_rule *r = make(fg_rule_list()[i]->name, FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
        float x[P] = {0.1f, -0.0f, 3e-39f}, y[P];
        memcpy(y, x, sizeof x);
        fg_rule_fold(r, DELTA_A, 3);
        fg_rule_drop(r);
        fg_rule_commit(r, x);
        assert_memory_equal(x, y, sizeof x);
        assert_int_equal(r->commits, 1);
        fg_rule_destroy(r);
    }
}

static void server_momentum_adds_up(void **state)
{
    (void)state;
    struct fg_rule *r = make("fedavgm", FG_WEIGHT_UNIFORM, FG_OVER_ACTIVE);
    float x[P] = {0};
    for (int i = 0; i < 3; i++) {
        fg_rule_fold(r, DELTA_A, 1);
        fg_rule_commit(r, x);
    }
    /* v = d, 1.5 d, 1.75 d: x = -4.25 d */
    assert_true(x[0] == -4.25f && x[1] == -8.5f && x[2] == 17.0f);
    fg_rule_destroy(r);
}

/* reddi21, algorithm 2, for one coordinate and two rounds with the same pseudo-gradient, written out. */
static void adaptive_rules_follow_the_paper(void **state)
{
    (void)state;
    const double tau = 1e-3, g = 2.0, d = -g; /* Delta_t */
    struct {
        const char *name;
        double want;
    } cases[3];
    double v0 = tau * tau;
    double m1 = 0.1 * d, m2 = 0.9 * m1 + 0.1 * d;
    double a1 = v0 + d * d, a2 = a1 + d * d;
    cases[0].name = "fedadagrad"; /* beta1 = 0 */
    cases[0].want = d / (sqrt(a1) + tau) + d / (sqrt(a2) + tau);
    double b1 = 0.99 * v0 + 0.01 * d * d, b2 = 0.99 * b1 + 0.01 * d * d;
    cases[1].name = "fedadam";
    cases[1].want = m1 / (sqrt(b1) + tau) + m2 / (sqrt(b2) + tau);
    double y1 = v0 + 0.01 * d * d, y2 = y1 + 0.01 * d * d; /* v below d^2: the sign is negative both times */
    cases[2].name = "fedyogi";
    cases[2].want = m1 / (sqrt(y1) + tau) + m2 / (sqrt(y2) + tau);
    for (int i = 0; i < 3; i++) {
        struct fg_rule *r = make(cases[i].name, FG_WEIGHT_UNIFORM, FG_OVER_ACTIVE);
        float x[P] = {0};
        for (int t = 0; t < 2; t++) {
            fg_rule_fold(r, (float[P]){2.0f, 0.0f, 0.0f}, 1);
            fg_rule_commit(r, x);
        }
        fg_assert_close(x[0], cases[i].want, 1e-6 * fabs(cases[i].want));
        assert_true(x[1] == 0.0f);
        fg_rule_destroy(r);
    }
}

static int refuse_all(void *arg)
{
    (void)arg;
    return 1;
}

static void out_of_memory_is_a_status(void **state)
{
    (void)state;
    struct fg_rule *r = NULL;
    struct fg_rule_config cfg = {.params = P};
    fg_mem_set_hook(refuse_all, NULL);
    assert_int_equal(fg_rule_create(&r, fg_rule_find("fedadam"), &cfg), FG_E_NOMEM);
    fg_mem_set_hook(NULL, NULL);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fedavg_by_samples_is_the_weighted_mean_of_local_models),
        cmocka_unit_test(fedavg_over_all_counts_the_absent_as_zero),
        cmocka_unit_test(a_round_without_updates_keeps_every_bit),
        cmocka_unit_test(server_momentum_adds_up),
        cmocka_unit_test(adaptive_rules_follow_the_paper),
        cmocka_unit_test(out_of_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
