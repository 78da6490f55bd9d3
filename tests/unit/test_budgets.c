/* The slot plan under several budgets: against all schedules of tiny problems, and prices against what a
 * little more of each budget really does to the bound. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/budgets.h"

enum { C = 2, T = 5, CELLS = C * T, BIG = 12, LONG = 40 };

struct scene {
    double grams[BIG * LONG], chance[BIG * LONG], cost[3][BIG * LONG];
    struct fg_slots_side budget[3];
    struct fg_slots_rounds rounds;
    struct fg_budgets_problem p;
};

/* Carbon, bytes (the same in each slot of a client) and money of its own. */
static void draw(struct scene *s, uint32_t seed, uint32_t clients, uint32_t slots, double share)
{
    struct fg_rng rng;
    size_t cells = (size_t)clients * slots;
    fg_rng_init(&rng, seed, FG_RNG_TEST, 0, 0);
    for (uint32_t c = 0; c < clients; c++) {
        double bytes = 1.0 + 4.0 * fg_rng_uniform(&rng);
        for (uint32_t t = 0; t < slots; t++) {
            size_t i = (size_t)c * slots + t;
            s->grams[i] = 1.0 + 9.0 * fg_rng_uniform(&rng);
            s->chance[i] = fg_rng_below(&rng, 6) == 0 ? 0.0 : fg_rng_uniform(&rng);
            s->cost[0][i] = s->chance[i] * s->grams[i];
            s->cost[1][i] = s->chance[i] * bytes;
            s->cost[2][i] = s->chance[i] * 3.0 * fg_rng_uniform(&rng);
        }
    }
    for (int r = 0; r < 3; r++) {
        double all = 0.0;
        for (size_t i = 0; i < cells; i++) {
            all += s->cost[r][i];
        }
        s->budget[r] = (struct fg_slots_side){
            .cost = s->cost[r], .budget = all * share * (0.6 + 0.8 * fg_rng_uniform(&rng)) + 1e-3};
    }
    s->p = (struct fg_budgets_problem){.slots = {.clients = clients,
                                                 .slots = slots,
                                                 .grams = s->grams,
                                                 .chance = s->chance,
                                                 .alpha = 1.0,
                                                 .grams_max = 11.0},
                                       .budget = s->budget,
                                       .n = 3};
}

static double value_of(const struct scene *s, unsigned set)
{
    double value = 0.0;
    for (uint32_t t = 0; s->p.slots.rounds != NULL && t < T; t++) { /* one group */
        double k = 0.0;
        for (uint32_t c = 0; c < C; c++) {
            k += (set >> (c * T + t) & 1u) != 0 ? s->chance[c * T + t] : 0.0;
        }
        double told = k > 0.0 ? 1.0 / (s->rounds.apart + s->rounds.noise / k) : 0.0;
        value += s->rounds.worth * told / (1.0 + told);
    }
    for (uint32_t c = 0; c < C; c++) {
        double u = 0.0;
        for (uint32_t t = 0; t < T; t++) {
            size_t i = (size_t)c * T + t;
            u += (set >> i & 1u) != 0 ? s->chance[i] * (11.0 - s->grams[i]) : 0.0;
        }
        value += u > 0.0 ? pow(u, s->p.slots.alpha) : 0.0;
    }
    return value;
}

static bool keeps(const struct scene *s, unsigned set)
{
    uint32_t used = 0;
    for (uint32_t r = 0; r < s->p.n; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < CELLS; i++) {
            sum += (set >> i & 1u) != 0 ? s->cost[r][i] : 0.0;
        }
        if (sum > s->budget[r].budget * (1 + 1e-12)) {
            return false;
        }
    }
    for (uint32_t t = 0; t < T; t++) {
        bool on = false;
        for (uint32_t c = 0; c < C; c++) {
            size_t i = (size_t)c * T + t;
            on = on || ((set >> i & 1u) != 0 && s->chance[i] > 0.0);
        }
        used += on;
    }
    return s->p.rounds == 0 || used <= s->p.rounds;
}

static double best_of(const struct scene *s)
{
    double best = 0.0;
    for (unsigned set = 0; set < 1u << CELLS; set++) {
        double v = keeps(s, set) ? value_of(s, set) : 0.0;
        best = v > best ? v : best;
    }
    return best;
}

static void bound_best_and_plan_are_in_this_order(void **state)
{
    (void)state;
    static const double alphas[] = {1.0, 0.5, 0.1};
    static struct scene s;
    int searched = 0, tight = 0;
    for (uint32_t seed = 0; seed < (uint32_t)fg_test_iters(150); seed++) {
        draw(&s, seed, C, T, 0.5);
        s.p.slots.alpha = alphas[seed % 3];
        s.p.n = 1 + seed % 3;
        s.p.rounds = seed % 2 == 0 ? 0 : 1 + seed % 4;
        s.p.slots.nodes = seed % 4 < 2 ? FG_SLOTS_NODES : 0;
        s.p.tries = 40;
        static const uint32_t group[C] = {0, 0};
        s.rounds = (struct fg_slots_rounds){
            .worth = 10.0, .signal = 1.0, .noise = 0.5, .apart = 0.1, .group = group, .groups = 1};
        s.p.slots.rounds = seed % 5 == 4 ? &s.rounds : NULL;
        struct fg_budgets_plan plan;
        struct fg_err err = {{0}};
        assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
        double best = best_of(&s);
        unsigned set = 0;
        for (size_t i = 0; i < CELLS; i++) {
            set |= (unsigned)plan.slots->on[i] << i;
        }
        if (!keeps(&s, set) || plan.slots->value > best * (1 + 1e-9) ||
            plan.slots->bound < best * (1 - 1e-9)) {
            fail_msg("seed %u: plan %g, best %g, bound %g", seed, plan.slots->value, best, plan.slots->bound);
        }
        fg_assert_close(plan.slots->value, value_of(&s, set), 1e-9);
        if (s.p.slots.nodes > 0 && s.p.rounds == 0 && s.p.slots.rounds == NULL) {
            assert_true(plan.slots->exact);
            fg_assert_close(plan.slots->value, best, 1e-9 * best);
            searched++;
        }
        tight += plan.slots->value >= 0.85 * best;
        fg_budgets_plan_fini(&plan);
    }
    assert_true(searched > 20);
    assert_true((double)tight >= 0.9 * (double)fg_test_iters(150));
}

static double bound_with(struct scene *s, int r, double change)
{
    struct fg_budgets_plan plan;
    struct fg_err err = {{0}};
    double was = s->budget[r].budget;
    s->budget[r].budget = was * (1.0 + change);
    assert_int_equal(fg_budgets_solve(&plan, &s->p, &err), FG_OK);
    double bound = plan.slots->bound;
    fg_budgets_plan_fini(&plan);
    s->budget[r].budget = was;
    return bound;
}

/* A percent more and less of each budget: the bound moves by what its price says. */
static void prices_are_the_slopes_of_the_bound(void **state)
{
    (void)state;
    static struct scene s;
    double gap = 0.0;
    for (uint32_t seed = 0; seed < 4; seed++) {
        draw(&s, 100 + seed, BIG, LONG, 0.3);
        s.p.tries = 300;
        s.p.slots.alpha = seed % 2 == 0 ? 1.0 : 0.5;
        struct fg_budgets_plan plan;
        struct fg_err err = {{0}};
        assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
        double bound = plan.slots->bound, largest = 0.0, share[3], slope[3];
        gap = fmax(gap, fg_slots_gap(plan.slots));
        for (int r = 0; r < 3; r++) {
            assert_true(plan.spent[r] <= s.budget[r].budget * (1 + 1e-12));
            share[r] = plan.price[r] * s.budget[r].budget / bound; /* elasticity */
            slope[r] = (bound_with(&s, r, 0.02) - bound_with(&s, r, -0.02)) / 0.04 / bound;
            largest = fmax(largest, slope[r]);
        }
        for (int r = 0; r < 3; r++) {
            if (fabs(share[r] - slope[r]) > 0.15 * largest) {
                fail_msg("seed %u, budget %d: price says %g, the bound moves by %g", seed, r, share[r],
                         slope[r]);
            }
        }
        fg_budgets_plan_fini(&plan);
    }
    assert_true(gap < 0.03);
}

static void one_budget_is_the_slot_plan(void **state)
{
    (void)state;
    static struct scene s;
    draw(&s, 7, BIG, LONG, 0.2);
    s.p.n = 1;
    struct fg_budgets_plan plan;
    struct fg_slots_plan *alone;
    struct fg_err err = {{0}};
    assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
    struct fg_slots_problem one = s.p.slots;
    one.budget_g = s.budget[0].budget;
    assert_int_equal(fg_slots_solve(&alone, &one, &err), FG_OK);
    fg_assert_close(plan.slots->value, alone->value, 1e-9 * alone->value);
    fg_assert_close(plan.slots->bound, alone->bound, 1e-9 * alone->bound);
    fg_assert_close(plan.price[0], alone->price_per_g, 1e-9 * alone->price_per_g);
    fg_slots_plan_destroy(alone);
    fg_budgets_plan_fini(&plan);
}

/* One of ten slots is worth ten times the others: with one round it is taken, the second brings a tenth. */
static void rounds_have_a_price(void **state)
{
    (void)state;
    double grams[10], chance[10], cost[10];
    for (int t = 0; t < 10; t++) {
        grams[t] = t == 3 ? 0.0 : 90.0;
        chance[t] = 1.0;
        cost[t] = 1.0;
    }
    struct fg_slots_side budget = {.cost = cost, .budget = 100.0};
    struct fg_budgets_problem p = {
        .slots =
            {.clients = 1, .slots = 10, .grams = grams, .chance = chance, .alpha = 1.0, .grams_max = 100.0},
        .budget = &budget,
        .n = 1,
        .rounds = 1,
        .price_round = true};
    struct fg_budgets_plan plan;
    struct fg_err err = {{0}};
    assert_int_equal(fg_budgets_solve(&plan, &p, &err), FG_OK);
    assert_int_equal(plan.slots->count[0], 1);
    assert_int_equal(plan.slots->on[3], 1);
    fg_assert_close(plan.slots->value, 100.0, 1e-9);
    fg_assert_close(plan.slots->bound, 100.0, 1.0);
    fg_assert_close(plan.price_round, 10.0, 1.0);
    fg_budgets_plan_fini(&plan);
}

/* A schedule alone is asked for, again and again, as where a run plans again: prices of budgets go on from
 * those of the plan before, and come to be about as good as those that are searched for at length. So do the
 * schedules, also where one budget has nearly all of the weight. */
static void planning_again_finds_the_prices(void **state)
{
    (void)state;
    static struct scene s;
    static uint32_t group[BIG];
    for (uint32_t seed = 0; seed < 6; seed++) {
        double weight[4] = {0.0, 0.9998, 0.0001, 0.0001}, value = 0.0;
        draw(&s, 200 + seed, BIG, LONG, 0.3);
        weight[0] = 0.0001;
        weight[3] = 0.0;
        s.p.slots.alpha = 0.5;
        s.rounds = (struct fg_slots_rounds){
            .worth = 3.0, .signal = 1.0, .noise = 0.5, .apart = 0.1, .group = group, .groups = 1};
        s.p.slots.rounds = seed % 2 == 0 ? &s.rounds : NULL;
        struct fg_budgets_plan plan;
        struct fg_err err = {{0}};
        assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
        double best = plan.slots->value, bound = plan.slots->bound;
        fg_budgets_plan_fini(&plan);
        s.p.slots.quick = true;
        s.p.weight = weight;
        s.p.near = 1e-3;
        for (int again = 0; again < 8; again++) {
            assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
            value = plan.slots->value;
            assert_true(plan.slots->bound >= value);
            fg_budgets_plan_fini(&plan);
        }
        s.p.slots.quick = false;
        s.p.tries = 1;
        assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
        print_message("seed %u: %.6g of %.6g, bound %.6g of %.6g\n", seed, value, best, plan.slots->bound,
                      bound);
        assert_true(plan.slots->bound <= 1.01 * bound);
        assert_true(value >= 0.99 * best);
        fg_budgets_plan_fini(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_best_and_plan_are_in_this_order),
        cmocka_unit_test(prices_are_the_slopes_of_the_bound),
        cmocka_unit_test(one_budget_is_the_slot_plan),
        cmocka_unit_test(rounds_have_a_price),
        cmocka_unit_test(planning_again_finds_the_prices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
