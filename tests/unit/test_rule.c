/* Aggregation rules against worked examples and independent loops. */
#include "tests/lib/test.h"

#include "src/aggregator/rule.h"
#include <stdbool.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/base/rng.h"

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
    assert_int_equal(fg_rule_create(&r, fg_rule_find(name), &cfg, NULL), FG_OK);
    return r;
}

static void fold(struct fg_rule *r, const float *delta, uint32_t samples)
{
    struct fg_rule_update u = {.delta = delta, .samples = samples, .steps = 1, .lr = 0.1, .factor = 1.0};
    assert_int_equal(fg_rule_fold(r, &u), FG_OK);
}

static const float DELTA_A[P] = {1.0f, 2.0f, -4.0f}, DELTA_B[P] = {3.0f, -2.0f, 0.0f};

static void fedavg_by_samples_is_the_weighted_mean_of_local_models(void **state)
{
    (void)state;
    struct fg_rule *r = make("fedavg", FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
    float x[P] = {10.0f, 20.0f, 30.0f};
    fold(r, DELTA_A, 10);
    fold(r, DELTA_B, 30);
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
    fold(r, DELTA_A, 50);
    fg_rule_commit(r, x);
    assert_true(x[0] == -0.5f && x[1] == -1.0f && x[2] == 2.0f);
    fg_rule_destroy(r);
    r = make("fedavg", FG_WEIGHT_UNIFORM, FG_OVER_ALL);
    fold(r, DELTA_A, 50);
    fg_rule_commit(r, y);
    assert_true(y[0] == -0.1f && y[1] == -0.2f && y[2] == 0.4f);
    fg_rule_destroy(r);
}

struct counted {
    struct fg_hold hold;
    unsigned freed;
};

static void count_freed(struct fg_hold *hold)
{
    ((struct counted *)hold)->freed++;
}

/* Updates that wait are added by the commit at the latest, are let go once,
 * and change nothing but when that is. */
static void updates_that_are_held_wait_and_count_the_same(void **state)
{
    (void)state;
    enum { UPDATES = 75 };
    static const char *const rules[] = {"fedavg", "fednova", "mifa", "fedawe", "refl"};
    for (size_t n = 0; n < 5; n++) {
        static struct counted held[UPDATES];
        float x[2][P] = {{0}}, delta[UPDATES][P];
        for (int way = 0; way < 3; way++) { /* at once; held; held and dropped */
            struct fg_rule *r = make(rules[n], FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
            fg_rule_begin(r, x[0]);
            for (uint32_t k = 0; k < UPDATES; k++) {
                uint32_t from = way == 1 ? UPDATES - 1 - k : k;
                for (int i = 0; i < P; i++) {
                    delta[from][i] = (float)((int)from * 7 % 11 - 5) / 3.0f * (float)(i + 1);
                }
                struct fg_form form = {.kind = FG_FORM_FLOATS, .x = delta[from]};
                held[k] = (struct counted){.hold = {.users = 1, .free = count_freed}};
                struct fg_rule_update u = {.delta = way == 0 ? delta[from] : NULL,
                                           .form = way == 0 ? NULL : &form,
                                           .hold = way == 0 ? NULL : &held[k].hold,
                                           .client = from % 10,
                                           .samples = 1 + from % 13,
                                           .steps = 1 + from % 3,
                                           .lr = 0.1,
                                           .factor = 1.0};
                assert_int_equal(fg_rule_fold(r, &u), FG_OK);
                if (way > 0) {
                    fg_hold_drop(&held[k].hold);
                }
            }
            if (way < 2) {
                fg_rule_commit(r, x[way]);
            } else {
                fg_rule_drop(r);
            }
            for (uint32_t k = 0; k < UPDATES && way > 0; k++) {
                assert_int_equal(held[k].freed, 1);
            }
            fg_rule_destroy(r);
        }
        if (n != 2 && n != 3) { /* these two remember the last of a client's updates, so order counts */
            assert_memory_equal(x[0], x[1], sizeof x[0]);
        }
        assert_true(x[1][0] != 0.0f);
    }
}

/* What a rule declares of partial updates is what it does: only by-steps rules look at the steps. */
static void partial_updates_weigh_as_declared(void **state)
{
    (void)state;
    unsigned by_steps = 0, refused = 0;
    for (size_t i = 0; fg_rule_list()[i] != NULL; i++) {
        const struct fg_rule_ops *ops = fg_rule_list()[i];
        float x[2][P] = {{0}};
        for (uint32_t k = 0; k < 2; k++) {
            struct fg_rule *r = make(ops->name, FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
            struct fg_rule_update whole = {
                .delta = DELTA_A, .client = 1, .samples = 10, .steps = 8, .lr = 0.1, .factor = 1.0};
            struct fg_rule_update part = {.delta = DELTA_B,
                                          .client = 2,
                                          .samples = 30,
                                          .steps = k == 0 ? 8 : 2,
                                          .lr = 0.1,
                                          .factor = 1.0};
            assert_int_equal(fg_rule_fold(r, &whole), FG_OK);
            assert_int_equal(fg_rule_fold(r, &part), FG_OK);
            fg_rule_commit(r, x[k]);
            fg_rule_destroy(r);
        }
        bool same = memcmp(x[0], x[1], sizeof x[0]) == 0;
        by_steps += ops->partial == FG_PARTIAL_BY_STEPS;
        refused += ops->partial == FG_PARTIAL_REFUSED;
        if (ops->partial != FG_PARTIAL_REFUSED) {
            assert_int_equal(same, ops->partial == FG_PARTIAL_FULL_WEIGHT);
        }
    }
    assert_true(by_steps >= 1 && refused >= 1);
}

static void a_round_without_updates_keeps_every_bit(void **state)
{
    (void)state;
    for (size_t i = 0; fg_rule_list()[i] != NULL; i++) {
        struct fg_rule *r = make(fg_rule_list()[i]->name, FG_WEIGHT_SAMPLES, FG_OVER_ACTIVE);
        float x[P] = {0.1f, -0.0f, 3e-39f}, y[P];
        memcpy(y, x, sizeof x);
        fold(r, DELTA_A, 3);
        fg_rule_drop(r);
        fg_rule_commit(r, x);
        assert_memory_equal(x, y, sizeof x);
        assert_int_equal(r->commits, 1);
        fg_rule_destroy(r);
    }
}

/* Six rounds in cycles of three, two blocks: rounds 0, 1 and 3, 4 are of block 0, rounds 2 and 5 of block
 * 1. */
static void blocks_keep_the_mean_of_their_iterates(void **state)
{
    (void)state;
    struct fg_rule_config cfg = {.params = 1, .clients = 4, .lr = 1.0, .blocks = 2, .cycle = 3};
    struct fg_rule *r = NULL;
    assert_int_equal(fg_rule_create(&r, fg_rule_find("semicyclic"), &cfg, NULL), FG_OK);
    assert_int_equal(fg_rule_blocks(r), 2);
    float x = 100.0f, out;
    const float delta[6] = {1.0f, 2.0f, 4.0f, 8.0f, 0.0f, 16.0f}; /* nobody comes in round 4 */
    fg_rule_block(r, 1, &x, &out);
    assert_true(out == 100.0f); /* as long as it was not met */
    for (uint32_t k = 0; k < 6; k++) {
        struct fg_rule_update u = {
            .delta = &delta[k], .client = k % 3, .samples = 1, .steps = 1, .lr = 0.1, .factor = 1.0};
        if (k != 4) {
            assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        }
        fg_rule_commit(r, &x);
    }
    /* the chain: 99, 97, 93, 85, 85, 69 */
    assert_true(x == 69.0f);
    fg_rule_block(r, 0, &x, &out);
    assert_true(out == (float)((99.0 + 97.0 + 85.0) / 3.0));
    fg_rule_block(r, 1, &x, &out);
    assert_true(out == 81.0f);
    assert_int_equal(fg_rule_block_of(r, 0), 0);
    assert_int_equal(fg_rule_block_of(r, 2), 1);
    assert_int_equal(fg_rule_block_of(r, 3), 2); /* never came: no block */
    fg_rule_destroy(r);
    assert_int_equal(fg_rule_create(&r, fg_rule_find("fedavg"), &cfg, NULL), FG_OK);
    assert_int_equal(fg_rule_blocks(r), 0);
    fg_rule_destroy(r);
}

static void server_momentum_adds_up(void **state)
{
    (void)state;
    struct fg_rule *r = make("fedavgm", FG_WEIGHT_UNIFORM, FG_OVER_ACTIVE);
    float x[P] = {0};
    for (int i = 0; i < 3; i++) {
        fold(r, DELTA_A, 1);
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
            fold(r, (float[P]){2.0f, 0.0f, 0.0f}, 1);
            fg_rule_commit(r, x);
        }
        fg_assert_close(x[0], cases[i].want, 1e-6 * fabs(cases[i].want));
        assert_true(x[1] == 0.0f);
        fg_rule_destroy(r);
    }
}

/* PyTorch's SGD(nesterov=True): buf = m buf + g; x -= lr (g + m buf). */
static void diloco_is_nesterov(void **state)
{
    (void)state;
    struct fg_rule *r = make("diloco", FG_WEIGHT_UNIFORM, FG_OVER_ACTIVE); /* m = 0.5 */
    float x[P] = {0};
    double buf = 0.0, want = 0.0;
    for (int t = 0; t < 4; t++) {
        buf = 0.5 * buf + 1.0;
        want -= 1.0 + 0.5 * buf;
        fold(r, DELTA_A, 1);
        fg_rule_commit(r, x);
        fg_assert_close((double)x[0], want, 1e-6);
    }
    fg_rule_destroy(r);
}

/* Two fresh and two late updates of REFL, weights by hand from the paper's formulas. */
static void refl_weighs_late_updates_by_age_and_deviation(void **state)
{
    (void)state;
    struct fg_rule *r = make("refl", FG_WEIGHT_UNIFORM, FG_OVER_ACTIVE);
    const float fresh[2][2] = {{1.0f, 0.0f}, {3.0f, 2.0f}}, late[2][2] = {{2.0f, 1.0f}, {-4.0f, 1.0f}};
    const uint32_t age[2] = {1, 3};
    float x[P] = {0};
    double far[2], sum[2] = {4.0, 2.0}, weight = 2.0;
    for (int i = 0; i < 2; i++) { /* in any order */
        struct fg_rule_update u = {.client = 2, .samples = 1, .steps = 1, .factor = 1.0, .staleness = age[i]};
        const float d[P] = {late[i][0], late[i][1], 0.0f}, f[P] = {fresh[i][0], fresh[i][1], 0.0f};
        u.delta = d;
        assert_int_equal(fg_rule_fold(r, &u), FG_OK);
        fold(r, f, 1);
        double a = 2.0 - (late[i][0] + 2.0 * 2.0) / 3.0, b = 1.0 - (late[i][1] + 2.0 * 1.0) / 3.0;
        far[i] = (a * a + b * b) / 5.0;
    }
    double most = far[0] > far[1] ? far[0] : far[1];
    for (int i = 0; i < 2; i++) {
        double v = 0.65 / (age[i] + 1.0) + 0.35 * (1.0 - exp(-far[i] / most));
        weight += v;
        sum[0] += v * late[i][0];
        sum[1] += v * late[i][1];
    }
    fg_rule_commit(r, x);
    fg_assert_close(x[0], -sum[0] / weight, 1e-6);
    fg_assert_close(x[1], -sum[1] / weight, 1e-6);
    fg_rule_destroy(r);
}

/* What doc/failures.md and doc/algorithms promise of each rule that ships; a new one says it here. */
static void rules_say_what_partial_and_late_updates_are_to_them(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum fg_partial partial;
        enum fg_late late;
        bool rows;
    } want[] = {
        {"fedavg", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fedsgd", FG_PARTIAL_REFUSED, FG_LATE_USED, false},
        {"fedavgm", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fedadam", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fedyogi", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fedadagrad", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fednova", FG_PARTIAL_BY_STEPS, FG_LATE_USED, false},
        {"fedau", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"mifa", FG_PARTIAL_REFUSED, FG_LATE_USED, true},
        {"fedvarp", FG_PARTIAL_REFUSED, FG_LATE_USED, true},
        {"fedstale", FG_PARTIAL_REFUSED, FG_LATE_USED, true},
        {"diloco", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"fedawe", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, true},
        {"fedbuff", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"refl", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
        {"semicyclic", FG_PARTIAL_FULL_WEIGHT, FG_LATE_USED, false},
    };
    const size_t rows = sizeof want / sizeof *want;
    for (size_t n = 0; fg_rule_list()[n] != NULL; n++) {
        const struct fg_rule_ops *rule = fg_rule_list()[n];
        size_t i = 0;
        while (i < rows && strcmp(want[i].name, rule->name) != 0) {
            i++;
        }
        if (i == rows) {
            fail_msg("no row of this test says what partial and late updates are to '%s'", rule->name);
        }
        assert_int_equal(rule->partial, want[i].partial);
        assert_int_equal(rule->late, want[i].late);
        assert_int_equal(fg_rule_has_rows(rule), want[i].rows);
    }
}

/* Where the caller keeps the rows, they are as the rule's own; only those of a commit are marked. */
static void rows_can_be_the_callers(void **state)
{
    (void)state;
    enum { CLIENTS = 4 };
    static const char *const names[] = {"mifa", "fedvarp", "fedstale", "fedawe"};
    for (size_t k = 0; k < 4; k++) {
        float rows[CLIENTS][P] = {{0}}, xs[2][P] = {{0}};
        uint8_t changed[CLIENTS] = {0};
        struct fg_rule_config cfg = {
            .params = P, .clients = CLIENTS, .total_samples = 8.0, .lr = 1.0, .beta = 0.5};
        struct fg_rule *r[2];
        for (int own = 0; own < 2; own++) {
            cfg.rows = own ? (struct fg_rule_rows){NULL, NULL} : (struct fg_rule_rows){rows[0], changed};
            assert_int_equal(fg_rule_create(&r[own], fg_rule_find(names[k]), &cfg, NULL), FG_OK);
            fg_rule_begin(r[own], xs[own]);
            for (uint32_t t = 0; t < 5; t++) {
                float delta[P];
                for (uint32_t c = t % 2; c < CLIENTS; c += 2) {
                    for (int i = 0; i < P; i++) {
                        delta[i] = (float)(c + 1) * 0.25f + (float)t - (float)i;
                    }
                    struct fg_rule_update u = {
                        .delta = delta, .client = c, .samples = 2, .steps = 1, .lr = 1.0, .factor = 1.0};
                    assert_int_equal(fg_rule_fold(r[own], &u), FG_OK);
                    assert_true(own || changed[c] == 0);
                }
                fg_rule_commit(r[own], xs[own]);
                for (uint32_t c = 0; !own && c < CLIENTS; c++) {
                    assert_int_equal(changed[c], c % 2 == t % 2);
                    changed[c] = 0;
                }
            }
        }
        assert_memory_equal(xs[0], xs[1], sizeof xs[0]);
        for (uint32_t c = 0; c < CLIENTS; c++) {
            assert_memory_equal(rows[c], fg_rule_row(r[1], c), sizeof rows[c]);
        }
        fg_rule_destroy(r[0]);
        fg_rule_destroy(r[1]);
    }
}

static void a_memory_that_cannot_be_is_refused(void **state)
{
    (void)state;
    struct fg_err err;
    struct fg_rule *r = NULL;
    struct fg_rule_config cfg = {.params = 2000000, .clients = 1000000};
    assert_int_equal(fg_rule_create(&r, fg_rule_find("mifa"), &cfg, &err), FG_E_CONFIG);
    assert_non_null(strstr(err.text, "aggregate.rule"));
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
    assert_int_equal(fg_rule_create(&r, fg_rule_find("fedadam"), &cfg, NULL), FG_E_NOMEM);
    fg_mem_set_hook(NULL, NULL);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_that_are_held_wait_and_count_the_same),
        cmocka_unit_test(fedavg_by_samples_is_the_weighted_mean_of_local_models),
        cmocka_unit_test(fedavg_over_all_counts_the_absent_as_zero),
        cmocka_unit_test(partial_updates_weigh_as_declared),
        cmocka_unit_test(a_round_without_updates_keeps_every_bit),
        cmocka_unit_test(blocks_keep_the_mean_of_their_iterates),
        cmocka_unit_test(server_momentum_adds_up),
        cmocka_unit_test(adaptive_rules_follow_the_paper),
        cmocka_unit_test(refl_weighs_late_updates_by_age_and_deviation),
        cmocka_unit_test(diloco_is_nesterov),
        cmocka_unit_test(rules_say_what_partial_and_late_updates_are_to_them),
        cmocka_unit_test(rows_can_be_the_callers),
        cmocka_unit_test(a_memory_that_cannot_be_is_refused),
        cmocka_unit_test(out_of_memory_is_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
