/* The bound on federated averaging: against quadratics whose distance is known, and what it refuses. */
#include "src/planner/bound.h"
#include "tests/lib/test.h"

static double constant(const void *arg, uint32_t round)
{
    (void)round;
    return *(const double *)arg;
}

static double doubling(const void *arg, uint32_t round)
{
    return *(const double *)arg * (round == 0 ? 1.0 : 2.0);
}

/* F_i = (x - u_i)^2 / 2 with u = (0, 2): L = mu = 1, F* - mean F_i* = 1/2, everyone takes part; from x =
 * 5. */
static struct fg_bound_problem quadratics(double *lr, uint32_t steps, uint32_t rounds)
{
    return (struct fg_bound_problem){.smoothness = 1,
                                     .mu = 1,
                                     .gradient = 5,
                                     .gap = 0.5,
                                     .distance2 = 16,
                                     .clients = 2,
                                     .chosen = 2,
                                     .steps = steps,
                                     .rounds = rounds,
                                     .lr = constant,
                                     .lr_arg = lr};
}

static void bound_holds_on_quadratics(void **state)
{
    (void)state;
    for (uint32_t steps = 1; steps <= 5; steps++) {
        double lr = 0.1, x = 5.0;
        for (uint32_t round = 1; round <= 40; round++) {
            double mean = 0.0;
            for (int i = 0; i < 2; i++) {
                double y = x;
                for (uint32_t s = 0; s < steps; s++) {
                    y -= lr * (y - 2.0 * i);
                }
                mean += y / 2.0;
            }
            x = mean;
            struct fg_bound_problem p = quadratics(&lr, steps, round);
            assert_true((x - 1.0) * (x - 1.0) / 2.0 <= fg_bound(&p));
        }
    }
}

static void one_step_is_the_recursion(void **state)
{
    (void)state;
    double lr = 0.1;
    struct fg_bound_problem p = quadratics(&lr, 1, 1);
    fg_assert_close(fg_bound(&p), 0.5 * (0.9 * 16 + 0.01 * 6 * 0.5), 1e-12);
    p.clients = 5; /* 2 of 5: (3 / 4) (4 / 2) G^2 */
    fg_assert_close(fg_bound(&p), 0.5 * (0.9 * 16 + 0.01 * (3 + 0.75 * 2 * 25)), 1e-12);
    p.clients = 2;
    p.steps = 2; /* 8 (E - 1)^2 G^2 */
    double b = 0.01 * (3 + 8 * 25), d = 0.9 * 16 + b;
    fg_assert_close(fg_bound(&p), 0.5 * (0.9 * d + b), 1e-12);
}

static void rates_beyond_the_theorem_are_refused(void **state)
{
    (void)state;
    double lr = 0.26;
    struct fg_bound_problem p = quadratics(&lr, 1, 3);
    assert_true(fg_bound(&p) < 0.0);
    lr = 0.1;
    p.lr = doubling;
    assert_true(fg_bound(&p) < 0.0);
    p.rounds = 1;
    assert_true(fg_bound(&p) > 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_holds_on_quadratics),
        cmocka_unit_test(one_step_is_the_recursion),
        cmocka_unit_test(rates_beyond_the_theorem_are_refused),
    };
    return cmocka_run_group_tests_name("bound", tests, NULL, NULL);
}
