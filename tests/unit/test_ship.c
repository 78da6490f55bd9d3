/* The slot plan where data move: against all schedules of tiny problems, with bars, holdings, copies, a
 * tuning window and several budgets; and what must follow from prices and places by hand. */
#include "tests/lib/test.h"

#include "src/base/rng.h"
#include "src/planner/budgets.h"

enum { C = 3, T = 2, CELLS = C * T, SCHEDULES = 4096 /* (C + 1) ^ CELLS */ };

struct scene {
    double grams[CELLS], chance[CELLS], cost[2][CELLS], bytes[C * C], per_byte[2][C];
    struct fg_slots_side budget[2];
    struct fg_slots_ship ship;
    struct fg_slots_rounds rounds;
    struct fg_budgets_problem p;
};

static void draw(struct scene *s, uint32_t seed)
{
    static const double alphas[] = {1.0, 0.5, 0.1};
    struct fg_rng rng;
    fg_rng_init(&rng, seed, FG_RNG_TEST, 0, 0);
    double all[2] = {0.0, 0.0}, dear = 3.0 * fg_rng_uniform(&rng);
    for (size_t i = 0; i < CELLS; i++) {
        s->grams[i] = 1.0 + 9.0 * fg_rng_uniform(&rng);
        s->chance[i] = fg_rng_below(&rng, 8) == 0 ? 0.0 : 0.2 + 0.8 * fg_rng_uniform(&rng);
        s->cost[0][i] = s->chance[i] * s->grams[i];
        s->cost[1][i] = s->chance[i];
        all[0] += s->cost[0][i];
        all[1] += s->cost[1][i];
    }
    for (size_t i = 0; i < C * C; i++) {
        uint32_t kind = fg_rng_below(&rng, 4);
        s->bytes[i] = kind == 0 ? 0.0 : kind == 1 && i / C != i % C ? INFINITY : 0.2 + fg_rng_uniform(&rng);
    }
    for (uint32_t c = 0; c < C; c++) {
        s->per_byte[0][c] = dear * (0.5 + fg_rng_uniform(&rng));
        s->per_byte[1][c] = 0.3;
    }
    for (int r = 0; r < 2; r++) {
        s->budget[r] = (struct fg_slots_side){s->cost[r], 0.2 + all[r] * (0.2 + 0.7 * fg_rng_uniform(&rng)),
                                              s->per_byte[r]};
    }
    s->ship = (struct fg_slots_ship){.bytes = s->bytes, .copies = 1 + seed % 2};
    static const uint32_t group[C] = {0, 1, 0};
    s->rounds = (struct fg_slots_rounds){.worth = 20.0 * fg_rng_uniform(&rng),
                                         .signal = 1.0,
                                         .noise = 0.2 + 3.0 * fg_rng_uniform(&rng),
                                         .apart = fg_rng_uniform(&rng),
                                         .group = group,
                                         .groups = 2};
    s->p = (struct fg_budgets_problem){.slots = {.clients = C,
                                                 .slots = T,
                                                 .grams = s->grams,
                                                 .chance = s->chance,
                                                 .ship = &s->ship,
                                                 .rounds = seed % 4 < 2 ? NULL : &s->rounds,
                                                 .alpha = alphas[seed % 3],
                                                 .grams_max = 11.0},
                                       .budget = s->budget,
                                       .n = 1 + seed % 2,
                                       .tries = 30};
}

/* on[i]: 0, or 1 + the shard of the cell. Value, and what is spent; < 0 where it is not allowed. */
static double judge(const struct scene *s, const uint32_t on[CELLS], double spent[2])
{
    bool sent[C][C] = {{false}};
    double u[C] = {0.0}, value = 0.0;
    spent[0] = spent[1] = 0.0;
    for (uint32_t t = 0; t < T; t++) {
        double lost[C] = {1.0, 1.0, 1.0}, k[2] = {0.0, 0.0}, told = 0.0;
        uint32_t busy[C] = {0};
        for (uint32_t c = 0; c < C; c++) {
            size_t i = (size_t)c * T + t;
            if (on[i] == 0) {
                continue;
            }
            uint32_t j = on[i] - 1;
            if (!(s->bytes[c * C + j] < INFINITY) || ++busy[j] > s->ship.copies) {
                return -1.0;
            }
            for (uint32_t r = 0; r < s->p.n; r++) {
                spent[r] += s->cost[r][i] + (sent[c][j] ? 0.0 : s->bytes[c * C + j] * s->per_byte[r][c]);
            }
            sent[c][j] = true;
            u[j] += lost[j] * s->chance[i] * (11.0 - s->grams[i]);
            k[j % 2] += lost[j] * s->chance[i];
            lost[j] *= 1.0 - s->chance[i];
        }
        for (uint32_t g = 0; g < 2; g++) {
            told += k[g] > 0.0 ? 1.0 / (s->rounds.apart + s->rounds.noise / k[g]) : 0.0;
        }
        value += s->p.slots.rounds != NULL ? s->rounds.worth * told / (1.0 + told) : 0.0;
    }
    for (uint32_t r = 0; r < s->p.n; r++) {
        if (spent[r] > s->budget[r].budget * (1 + 1e-12)) {
            return -1.0;
        }
    }
    for (uint32_t j = 0; j < C; j++) {
        value += u[j] > 0.0 ? pow(u[j], s->p.slots.alpha) : 0.0;
    }
    return value;
}

static double best_of(const struct scene *s)
{
    double best = 0.0, spent[2];
    for (uint32_t k = 0; k < SCHEDULES; k++) {
        uint32_t on[CELLS], code = k;
        for (size_t i = 0; i < CELLS; i++, code /= C + 1) {
            on[i] = code % (C + 1);
        }
        best = fmax(best, judge(s, on, spent));
    }
    return best;
}

static void bound_best_and_plan_are_in_this_order(void **state)
{
    (void)state;
    static struct scene s;
    double share = 0.0, over = 0.0;
    int n = (int)fg_test_iters(150), near = 0;
    for (uint32_t seed = 0; seed < (uint32_t)n; seed++) {
        struct fg_budgets_plan plan;
        struct fg_err err = {{0}};
        uint32_t on[CELLS];
        double spent[2];
        draw(&s, seed);
        assert_int_equal(fg_budgets_solve(&plan, &s.p, &err), FG_OK);
        for (size_t i = 0; i < CELLS; i++) {
            on[i] = plan.slots->on[i] ? 1 + plan.slots->shard[i] : 0;
        }
        double best = best_of(&s), value = judge(&s, on, spent);
        if (value < 0.0 || value > best * (1 + 1e-9) || plan.slots->bound < best * (1 - 1e-9)) {
            fail_msg("seed %u: plan %g (%g), best %g, bound %g", seed, plan.slots->value, value, best,
                     plan.slots->bound);
        }
        fg_assert_close(plan.slots->value, value, 1e-9);
        for (uint32_t r = 0; r < s.p.n; r++) {
            fg_assert_close(plan.spent[r], spent[r], 1e-9 * (1.0 + spent[r]));
        }
        share += best > 0.0 ? value / best / n : 1.0 / n;
        over += best > 0.0 ? plan.slots->bound / best / n : 1.0 / n;
        near += value >= 0.95 * best;
        fg_budgets_plan_fini(&plan);
    }
    assert_true(share >= 0.95);
    assert_true(over <= 1.4);
    assert_true((double)near >= 0.75 * (double)n);
}

/* Client 0 is always there and cheap, 1 is always there and dear, 2 never comes: 12 slots, fair. */
static struct fg_slots_plan *plan_three(double per_byte, uint32_t copies, const double bytes[C * C],
                                        double chance_of_0)
{
    enum { SLOTS = 12 };
    static double grams[C * SLOTS], chance[C * SLOTS], rate[C];
    for (uint32_t c = 0; c < C; c++) {
        rate[c] = per_byte;
        for (uint32_t t = 0; t < SLOTS; t++) {
            grams[c * SLOTS + t] = c == 1 ? 8.0 : 2.0;
            chance[c * SLOTS + t] = c == 2 ? 0.0 : c == 0 ? chance_of_0 : 1.0;
        }
    }
    struct fg_slots_ship ship = {.bytes = bytes, .per_byte = rate, .copies = copies, .margin = 0.5};
    struct fg_slots_problem p = {.clients = C,
                                 .slots = SLOTS,
                                 .grams = grams,
                                 .chance = chance,
                                 .ship = &ship,
                                 .budget_g = 60.0,
                                 .alpha = 0.1,
                                 .grams_max = 10.0};
    struct fg_slots_plan *plan;
    struct fg_err err = {{0}};
    assert_int_equal(fg_slots_solve(&plan, &p, &err), FG_OK);
    assert_true(plan->spent_g <= 60.0 * (1 + 1e-12) && plan->value <= plan->bound);
    return plan;
}

static double slots_on(const struct fg_slots_plan *plan, uint32_t shard)
{
    double n = 0.0;
    for (size_t i = 0; i < (size_t)plan->clients * plan->slots; i++) {
        n += plan->on[i] && plan->shard[i] == shard ? 1.0 : 0.0;
    }
    return n;
}

static void cheap_shipping_serves_who_never_comes(void **state)
{
    (void)state;
    static const double bytes[C * C] = {0, 1, 1, 1, 0, 1, 1, 1, 0};
    struct fg_slots_plan *plan = plan_three(0.5, 1, bytes, 1.0);
    assert_true(slots_on(plan, 2) >= 3.0 && slots_on(plan, 1) >= 3.0 && slots_on(plan, 0) >= 3.0);
    assert_true(plan->sent[0] >= 1.0 && plan->sent[2] == 0.0);
    fg_slots_plan_destroy(plan);
}

static void dear_shipping_is_left(void **state)
{
    (void)state;
    static const double bytes[C * C] = {0, 1, 1, 1, 0, 1, 1, 1, 0};
    struct fg_slots_plan *plan = plan_three(61.0, 1, bytes, 1.0);
    assert_true(slots_on(plan, 2) == 0.0 && plan->sent[0] == 0.0 && plan->sent[1] == 0.0);
    assert_true(slots_on(plan, 0) > 0.0 && slots_on(plan, 1) > 0.0);
    fg_slots_plan_destroy(plan);
}

/* What is there already costs nothing: the same plan goes on without shipping. */
static void what_was_shipped_is_used_again(void **state)
{
    (void)state;
    static const double bytes[C * C] = {0, 0, 0, INFINITY, 0, INFINITY, 1, 1, 0};
    struct fg_slots_plan *plan = plan_three(61.0, 1, bytes, 1.0);
    assert_true(slots_on(plan, 2) >= 3.0 && plan->sent[0] == 0.0 && plan->sent[1] == 0.0);
    fg_slots_plan_destroy(plan);
}

/* One shard is all there is to train on, and who has it comes to half: a second client is worth its grams. */
static void a_copy_is_planned_for_survival(void **state)
{
    (void)state;
    static const double bytes[C * C] = {0, INFINITY, INFINITY, 0, INFINITY, INFINITY, 0, INFINITY, INFINITY};
    for (uint32_t copies = 1; copies <= 2; copies++) {
        struct fg_slots_plan *plan = plan_three(1.0, copies, bytes, 0.5);
        uint32_t both = 0;
        for (uint32_t t = 0; t < plan->slots; t++) {
            both += plan->on[t] && plan->on[plan->slots + t];
        }
        assert_true(copies == 1 ? both == 0 : both > 0);
        fg_slots_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_best_and_plan_are_in_this_order),
        cmocka_unit_test(cheap_shipping_serves_who_never_comes),
        cmocka_unit_test(dear_shipping_is_left),
        cmocka_unit_test(what_was_shipped_is_used_again),
        cmocka_unit_test(a_copy_is_planned_for_survival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
