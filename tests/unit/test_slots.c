/* The carbon scheduler: exhaustive search on small problems, bounds, what is refused. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/slots_impl.h"
#include "tests/lib/toyslots.h"

static void refused(const struct fg_slots_problem *p, const char *message)
{
    struct fg_slots_plan *plan = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_slots_solve(&plan, p, &err), FG_E_RANGE);
    assert_null(plan);
    if (strstr(err.text, message) == NULL) {
        fail_msg("expected '%s' in '%s'", message, err.text);
    }
}

static void deterministic_problems_reach_the_optimum_over_prefixes(void **state)
{
    (void)state;
    struct toy_slots r;
    struct fg_rng rng;
    uint64_t n = fg_test_iters(300);
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 5), FG_RNG_TEST, 0, 0);
    for (uint64_t k = 0; k < n; k++) {
        struct fg_slots_problem p = toy_slots_draw(&r, &rng, 2, 5);
        double optimum = toy_slots_best(&p, false);
        fg_assert_close(toy_slots_best(&p, true), optimum, 1e-12 * (1 + optimum));
        struct fg_slots_plan *greedy = toy_slots_solved(&p);
        toy_slots_agree(greedy, &p, optimum);
        assert_true(toy_slots_prefixes(&p, toy_slots_mask(greedy)));
        p.nodes = FG_SLOTS_NODES;
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        assert_true(plan->exact);
        toy_slots_agree(plan, &p, optimum);
        assert_true(toy_slots_prefixes(&p, toy_slots_mask(plan)));
        fg_slots_plan_destroy(greedy);
        fg_slots_plan_destroy(plan);
    }
}

static void uncertain_problems_stay_under_the_bound(void **state)
{
    (void)state;
    struct toy_slots r;
    struct fg_rng rng;
    uint64_t n = fg_test_iters(300);
    size_t no_prefix = 0, best = 0;
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 6), FG_RNG_TEST, 0, 0);
    for (uint64_t k = 0; k < n; k++) {
        struct fg_slots_problem p = toy_slots_draw(&r, &rng, 2, 5);
        p.chance = r.chance;
        p.expected = k % 2 == 0 ? r.expected : NULL;
        if (k % 3 == 0) {
            toy_slots_stretch(&p, &r, &rng);
        }
        double optimum = toy_slots_best(&p, false);
        struct fg_slots_plan *greedy = toy_slots_solved(&p);
        toy_slots_agree(greedy, &p, optimum);
        best += greedy->value >= optimum * (1 - 1e-9);
        no_prefix += optimum > toy_slots_best(&p, true) * (1 + 1e-9);
        p.nodes = FG_SLOTS_NODES;
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        assert_true(plan->exact);
        toy_slots_agree(plan, &p, optimum);
        fg_slots_plan_destroy(greedy);
        fg_slots_plan_destroy(plan);
    }
    print_message("greedy alone is optimal in %zu of %zu, the cheapest slots are not in %zu\n", best,
                  (size_t)n, no_prefix);
    assert_true(no_prefix > 0);
}

static void tuning_windows_are_on_and_paid_first(void **state)
{
    (void)state;
    struct toy_slots r;
    struct fg_rng rng;
    fg_rng_init(&rng, 7, FG_RNG_TEST, 0, 0);
    for (int k = 0; k < 200; k++) {
        struct fg_slots_problem p = toy_slots_draw(&r, &rng, 3, 4);
        double window = 0;
        p.tune = 1 + fg_rng_below(&rng, 2);
        p.chance = k % 2 == 0 ? r.chance : NULL;
        p.nodes = k % 3 == 0 ? FG_SLOTS_NODES : 0;
        if (k % 5 == 0) {
            toy_slots_stretch(&p, &r, &rng);
        }
        for (uint32_t i = 0; i < TOY_CELLS; i++) {
            window += i % 4 >= 4 - p.tune ? (p.chance != NULL ? r.chance[i] : 1) * r.grams[i] : 0;
        }
        if (p.budget_g < window) {
            refused(&p, "the tuning window of");
            continue;
        }
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        toy_slots_agree(plan, &p, toy_slots_best(&p, false));
        for (uint32_t i = 0; i < TOY_CELLS; i++) {
            assert_true(i % 4 < 4 - p.tune || plan->on[i] == 1);
        }
        fg_slots_plan_destroy(plan);
    }
}

/* One client, room for two of four slots: the two cheapest where all count together, one in each half where
 * halves count apart; and where the first half has its share already, both in the second. */
static void stretches_share_out_time(void **state)
{
    (void)state;
    const double grams[] = {30, 31, 40, 41}, base[] = {300};
    const uint32_t halves[] = {0, 0, 1, 1};
    struct fg_slots_problem p = {
        .clients = 1, .slots = 4, .grams = grams, .budget_g = 81, .alpha = 0.1, .grams_max = 100};
    static const struct {
        bool apart, gained;
        uint32_t mask;
        double value;
    } expect[] = {{false, false, 3, 139}, {true, false, 5, 70}, {true, true, 12, 119}};
    for (int k = 0; k < 3; k++) {
        p.stretch = expect[k].apart ? halves : NULL;
        p.base = expect[k].gained ? base : NULL;
        for (p.nodes = 0; p.nodes <= FG_SLOTS_NODES; p.nodes += FG_SLOTS_NODES) {
            struct fg_slots_plan *plan = toy_slots_solved(&p);
            assert_int_equal(toy_slots_mask(plan), expect[k].mask);
            fg_assert_close(plan->value,
                            pow(expect[k].value, 0.1) + (k == 1 ? pow(60, 0.1) : 0) +
                                (k == 2 ? pow(300, 0.1) : 0),
                            1e-12);
            fg_slots_plan_destroy(plan);
        }
    }
}

/* One client; the slot of the best ratio does not fit, the other does. The chord through the first would say
 * that nothing is worth more than 10^0.1 / 2 = 0.63. */
static void bound_holds_where_the_chord_does_not(void **state)
{
    (void)state;
    const double grams[] = {0, 5.1}, chance[] = {1, 1}, expected[] = {10, 5};
    struct fg_slots_problem p = {.clients = 1,
                                 .slots = 2,
                                 .grams = grams,
                                 .chance = chance,
                                 .expected = expected,
                                 .budget_g = 5,
                                 .alpha = 0.1,
                                 .grams_max = 10};
    struct fg_slots_plan *plan = toy_slots_solved(&p);
    assert_int_equal(plan->on[0], 0);
    assert_int_equal(plan->on[1], 1);
    fg_assert_close(plan->value, pow(4.9, 0.1), 1e-12);
    assert_true(plan->bound >= plan->value);
    assert_true(plan->bound <= pow(5, 0.1) * (1 + 1e-6)); /* half of the first slot, if parts counted */
    fg_slots_plan_destroy(plan);
}

/* A slot in which the client is certain to be away costs nothing and is nothing. */
static void impossible_slots_are_not_planned(void **state)
{
    (void)state;
    const double grams[] = {1, 2, 1, 0}, chance[] = {0, 0.5, 1, 0};
    struct fg_slots_problem p = {.clients = 1,
                                 .slots = 4,
                                 .grams = grams,
                                 .chance = chance,
                                 .budget_g = 10,
                                 .alpha = 1,
                                 .grams_max = 3};
    struct fg_slots_plan *plan = toy_slots_solved(&p);
    assert_int_equal(plan->count[0], 2);
    assert_true(!plan->on[0] && plan->on[1] && plan->on[2] && !plan->on[3]);
    fg_assert_close(plan->value, 0.5 * 1 + 2, 1e-12);
    fg_slots_plan_destroy(plan);
}

static void free_and_worthless_slots(void **state)
{
    (void)state;
    const double free_slots[] = {0, 3, 0, 2}, equal[] = {3, 3, 3, 3};
    struct fg_slots_problem p = {.clients = 2, .slots = 2, .grams = free_slots, .alpha = 0.5};
    struct fg_slots_plan *plan = toy_slots_solved(&p); /* no budget: what is free */
    assert_int_equal(toy_slots_mask(plan), 5);
    fg_assert_close(plan->value, 2 * sqrt(3), 1e-12);
    fg_assert_close(plan->spent_g, 0, 0);
    fg_slots_plan_destroy(plan);
    p.grams = equal; /* all as bad as the worst: nothing to win, unless the worst is said to be worse */
    p.budget_g = 9;
    plan = toy_slots_solved(&p);
    assert_int_equal(toy_slots_mask(plan), 0);
    assert_true(plan->exact);
    fg_assert_close(fg_slots_gap(plan), 0, 0);
    fg_slots_plan_destroy(plan);
    p.grams_max = 4;
    plan = toy_slots_solved(&p);
    assert_int_equal(plan->count[0] + plan->count[1], 3);
    fg_slots_plan_destroy(plan);
    p.budget_g = 12;
    plan = toy_slots_solved(&p);
    assert_int_equal(toy_slots_mask(plan), 15);
    assert_true(plan->exact);
    fg_assert_close(plan->price_per_g, 0, 0);
    fg_slots_plan_destroy(plan);
}

/* The budget's price is what one more gram brings: compare the bounds at two budgets. */
static void price_is_the_slope_of_the_bound(void **state)
{
    (void)state;
    enum { CLIENTS = 20, SLOTS = 50 };
    static double grams[CLIENTS * SLOTS], chance[CLIENTS * SLOTS], expected[CLIENTS * SLOTS];
    struct fg_rng rng;
    fg_rng_init(&rng, 8, FG_RNG_TEST, 0, 0);
    double sum = 0;
    for (size_t i = 0; i < CLIENTS * SLOTS; i++) {
        grams[i] = 10 + 290 * fg_rng_uniform(&rng);
        chance[i] = fg_rng_uniform(&rng);
        expected[i] = grams[i] * (0.5 + chance[i] / 2);
        sum += expected[i];
    }
    for (int k = 0; k < 4; k++) {
        struct fg_slots_problem p = {.clients = CLIENTS,
                                     .slots = SLOTS,
                                     .grams = grams,
                                     .chance = k % 2 == 0 ? chance : NULL,
                                     .expected = k % 2 == 0 ? expected : NULL,
                                     .budget_g = sum * 0.2,
                                     .alpha = k < 2 ? 0.3 : 1};
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        p.budget_g *= 1.001;
        struct fg_slots_plan *more = toy_slots_solved(&p);
        double slope = (more->bound - plan->bound) / (0.001 * sum * 0.2);
        fg_assert_close(plan->price_per_g / slope, 1, 0.05);
        assert_true(fg_slots_gap(plan) >= 0 && fg_slots_gap(plan) < 0.01);
        fg_slots_plan_destroy(plan);
        fg_slots_plan_destroy(more);
    }
}

static void bad_problems_are_refused_with_the_place(void **state)
{
    (void)state;
    double grams[] = {1, 2, 3, 4}, chance[] = {1, 1, 0.5, 1};
    struct fg_slots_problem p = {
        .clients = 2, .slots = 2, .grams = grams, .chance = chance, .budget_g = 3, .alpha = 0.5};
    struct fg_slots_problem bad = p;
    bad.alpha = 0;
    refused(&bad, "0 < alpha <= 1");
    bad.alpha = NAN;
    refused(&bad, "alpha nan");
    bad = p;
    bad.tune = 3;
    refused(&bad, "found 2, 2 and 3");
    bad = p;
    bad.budget_g = -1;
    refused(&bad, "budget -1 g");
    chance[2] = 1.5;
    refused(&p, "client 1, slot 0");
    chance[2] = 1;
    grams[3] = NAN;
    refused(&p, "client 1, slot 1");
}

static void solve_out_of_memory_gives_nothing(void **state)
{
    (void)state;
    struct toy_slots r;
    struct fg_rng rng;
    fg_rng_init(&rng, 9, FG_RNG_TEST, 0, 0);
    struct fg_slots_problem p = toy_slots_draw(&r, &rng, 3, 4);
    p.chance = r.chance;
    p.budget_g = 100;
    p.nodes = FG_SLOTS_NODES;
    enum fg_status st = FG_E_NOMEM;
    long n = 0;
    for (; st == FG_E_NOMEM; n++) {
        struct fg_slots_plan *plan = NULL;
        long left = n;
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_slots_solve(&plan, &p, NULL);
        fg_mem_set_hook(NULL, NULL);
        assert_true((st == FG_OK) == (plan != NULL));
        fg_slots_plan_destroy(plan);
    }
    assert_int_equal(st, FG_OK);
    assert_true(n > 5);
}

/* Powers of many at once are those of one by one, to the bit: zeros, few, blocks and what is left of them. */
static void utilities_of_many_are_those_of_each(void **state)
{
    (void)state;
    static const double alpha[] = {0.1, 0.3, 1.0};
    for (size_t n = 0; n < 150; n += n < 20 ? 1 : 43) {
        for (size_t k = 0; k < 3; k++) {
            double u[150], one[150];
            for (size_t i = 0; i < n; i++) {
                u[i] = i % 7 == 3    ? 0.0
                       : i % 11 == 5 ? -1.0
                                     : 1e-4 * (double)(i * i + 1) * (i % 5 == 0 ? 1e-307 : 1.0);
                one[i] = fg_slots_utility(u[i], alpha[k]);
            }
            fg_slots_utilities(u, n, alpha[k]);
            assert_memory_equal(u, one, n * sizeof *u);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deterministic_problems_reach_the_optimum_over_prefixes),
        cmocka_unit_test(uncertain_problems_stay_under_the_bound),
        cmocka_unit_test(tuning_windows_are_on_and_paid_first),
        cmocka_unit_test(stretches_share_out_time),
        cmocka_unit_test(bound_holds_where_the_chord_does_not),
        cmocka_unit_test(impossible_slots_are_not_planned),
        cmocka_unit_test(free_and_worthless_slots),
        cmocka_unit_test(price_is_the_slope_of_the_bound),
        cmocka_unit_test(bad_problems_are_refused_with_the_place),
        cmocka_unit_test(solve_out_of_memory_gives_nothing),
        cmocka_unit_test(utilities_of_many_are_those_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
