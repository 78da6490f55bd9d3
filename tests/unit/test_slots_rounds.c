/* The carbon scheduler with rounds: exhaustive search on small problems, slots that are evened out,
 * tangents. */
#include "tests/lib/test.h"

#include "tests/lib/toyslots.h"

/* Rounds of every kind: worth little to much, of little to much noise, one group to one a client, with and
 * without a window, stretches, and what was gained before. */
static void rounds_stay_under_the_bound(void **state)
{
    (void)state;
    struct toy_slots r;
    struct fg_rng rng;
    uint64_t n = fg_test_iters(300);
    double share = 0, over = 0;
    size_t all = 0;
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 8), FG_RNG_TEST, 0, 0);
    for (uint64_t k = 0; k < n; k++) {
        static const uint32_t groups[3][3] = {{0, 0, 0}, {0, 1, 0}, {2, 1, 0}};
        struct fg_slots_problem p = toy_slots_draw(&r, &rng, 3, 4);
        struct fg_slots_rounds rounds = {.worth = pow(300, p.alpha) * 10 * fg_rng_uniform(&rng),
                                         .signal = fg_rng_uniform(&rng),
                                         .noise = 0.01 + 4 * fg_rng_uniform(&rng),
                                         .apart = k % 3 == 0 ? 0 : fg_rng_uniform(&rng),
                                         .group = groups[fg_rng_below(&rng, 3)],
                                         .groups = 3};
        p.chance = k % 4 == 0 ? NULL : r.chance;
        p.expected = k % 4 == 1 ? r.expected : NULL;
        p.tune = k % 8 == 7;
        p.budget_g += p.tune != 0 ? 900 : 0;
        p.rounds = &rounds;
        if (k % 2 == 0) {
            toy_slots_stretch(&p, &r, &rng);
        }
        double optimum = toy_slots_best(&p, false);
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        toy_slots_agree(plan, &p, optimum);
        share += (optimum > 0 ? plan->value / optimum : 1) / (double)n;
        over += (optimum > 0 ? plan->bound / optimum : 1) / (double)n;
        all += plan->exact;
        fg_slots_plan_destroy(plan);
    }
    print_message("with rounds: plan %.3f of the best, bound %.3f, everything fits in %zu of %zu\n", share,
                  over, all, (size_t)n);
    assert_true(share >= 0.97 && over <= 1.08);
}

/* Slots of the same grams: the plan without rounds does not tell them apart and fills the first ones, with
 * rounds each has as many; and where the budget is for one client a slot, not the same zone's twice. */
static void rounds_are_evened_out(void **state)
{
    (void)state;
    double grams[24];
    const uint32_t group[] = {0, 0, 0, 1};
    struct fg_slots_rounds rounds = {
        .worth = 1, .signal = 1, .noise = 2, .apart = 5, .group = group, .groups = 2};
    struct fg_slots_problem p = {
        .clients = 4, .slots = 6, .grams = grams, .budget_g = 12, .alpha = 1, .grams_max = 2};
    for (int i = 0; i < 24; i++) {
        grams[i] = 1;
    }
    for (int with = 0; with < 2; with++) {
        p.rounds = with ? &rounds : NULL;
        struct fg_slots_plan *plan = toy_slots_solved(&p);
        uint32_t even = 0;
        for (uint32_t t = 0; t < 6; t++) {
            even += plan->on[t] + plan->on[6 + t] + plan->on[12 + t] == 1 && plan->on[18 + t] == 1;
        }
        assert_int_equal(even, with ? 6 : 0);
        fg_slots_plan_destroy(plan);
    }
}

/* A load's gain is the difference of the sum, its tangents touch it and are nowhere below. */
static void tangents_touch_and_bound(void **state)
{
    (void)state;
    const uint32_t group[] = {0, 1};
    struct fg_slots_rounds r = {
        .worth = 3, .signal = 0.7, .noise = 1.5, .apart = 0.4, .group = group, .groups = 2};
    struct fg_slots_load at, other;
    struct fg_slots_tangent t;
    struct fg_rng rng;
    fg_rng_init(&rng, 9, FG_RNG_TEST, 0, 0);
    for (int k = 0; k < 100; k++) {
        assert_int_equal(fg_slots_load_init(&at, &r, 2), FG_OK);
        assert_int_equal(fg_slots_load_init(&other, &r, 2), FG_OK);
        for (uint32_t i = 0; i < 4; i++) {
            double before = r.worth * fg_slots_load_rounds(&at), x = 5 * fg_rng_uniform(&rng);
            double gain = fg_slots_load_gain(&at, i / 2, i % 2, x);
            fg_slots_load_add(&at, i / 2, i % 2, x);
            fg_assert_close(r.worth * fg_slots_load_rounds(&at), before + gain, 1e-12);
            fg_slots_load_add(&other, i / 2, i % 2, 5 * fg_rng_uniform(&rng));
        }
        assert_int_equal(fg_slots_tangent_init(&t, &at), FG_OK);
        double here = t.at_zero, there = t.at_zero;
        for (uint32_t i = 0; i < 4; i++) {
            here += t.slope[i] * at.k[i];
            there += t.slope[i] * other.k[i];
        }
        fg_assert_close(here, r.worth * fg_slots_load_rounds(&at), 1e-12);
        assert_true(there >= r.worth * fg_slots_load_rounds(&other) - 1e-12);
        fg_slots_tangent_fini(&t);
        fg_slots_load_fini(&at);
        fg_slots_load_fini(&other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_stay_under_the_bound),
        cmocka_unit_test(rounds_are_evened_out),
        cmocka_unit_test(tangents_touch_and_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
