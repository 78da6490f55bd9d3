/* The slot plan with levels of local work: exhaustive search over client, slot and level on small problems;
 * what a level is, by hand; and which levels prices of transfers ask for. */
#include "tests/lib/test.h"

#include "src/base/rng.h"
#include "src/planner/error.h"
#include "src/planner/levels.h"

enum { CLIENTS = 3, SLOTS = 3, CELLS = CLIENTS * SLOTS, MOST = 3, PARTS = 4 };
static const double part[PARTS] = {0.25, 0.5, 1, 2};

struct toy {
    double grams[CELLS], base[CLIENTS];
    double chance[MOST][CELLS], cost[2][MOST][CELLS];
    uint32_t stretch[SLOTS], group[CLIENTS];
    struct fg_level level[MOST];
    struct fg_slots_side budget[2];
    struct fg_slots_rounds rounds;
    struct fg_levels_problem p;
};

/* Grams of steps grow with the part, bytes do not; long tasks come to something less often. */
static void draw(struct toy *y, struct fg_rng *rng, uint64_t k)
{
    static const double alpha[] = {1, 0.5, 0.3, 0.1};
    struct fg_levels_known known = {.gone = fg_rng_uniform(rng),
                                    .length = 0.5 + fg_rng_uniform(rng),
                                    .steps = 1 + fg_rng_below(rng, 40),
                                    .common = fg_rng_uniform(rng),
                                    .noise = fg_rng_uniform(rng),
                                    .client = fg_rng_uniform(rng),
                                    .zone = k % 3 == 0 ? 0 : fg_rng_uniform(rng)};
    known.lambda = known.common;
    double sum[2] = {0}, comm = k % 2 == 0 ? 0 : 100 * fg_rng_uniform(rng);
    *y = (struct toy){.group = {0, fg_rng_below(rng, 2), fg_rng_below(rng, 3)}};
    for (uint32_t l = 0; l < MOST; l++) {
        y->level[l] = (struct fg_level){.part = part[l + (k & 1)], .chance = y->chance[l]};
        fg_level_describe(&y->level[l], &known);
    }
    for (uint32_t i = 0; i < CELLS; i++) {
        double stays = fg_rng_uniform(rng);
        y->grams[i] = 10 + 290 * fg_rng_uniform(rng);
        for (uint32_t l = 0; l < MOST; l++) {
            double p = y->level[l].part;
            y->chance[l][i] = k % 4 == 0 ? 1 : pow(stays, p);
            y->cost[0][l][i] = y->chance[l][i] * (y->grams[i] * p + comm);
            y->cost[1][l][i] = 1 + fg_rng_uniform(rng);
            sum[0] += y->cost[0][l][i] / MOST;
            sum[1] += y->cost[1][l][i] / MOST;
        }
    }
    for (uint32_t t = 1; t < SLOTS; t++) {
        y->stretch[t] = y->stretch[t - 1] + fg_rng_below(rng, 2);
    }
    for (uint32_t c = 0; c < CLIENTS; c++) {
        y->base[c] = fg_rng_below(rng, 2) * 300 * fg_rng_uniform(rng);
    }
    struct fg_slots_problem s = {.clients = CLIENTS,
                                 .slots = SLOTS,
                                 .grams = y->grams,
                                 .base = k % 2 == 0 ? y->base : NULL,
                                 .alpha = alpha[fg_rng_below(rng, 4)],
                                 .stretch = k % 3 == 0 ? y->stretch : NULL,
                                 .tune = k % 8 == 7,
                                 .nodes = FG_SLOTS_NODES};
    y->rounds = (struct fg_slots_rounds){.worth = pow(300, s.alpha) * 10 * fg_rng_uniform(rng),
                                         .signal = known.common,
                                         .noise = 1,
                                         .apart = known.zone,
                                         .group = y->group,
                                         .groups = 3};
    s.rounds = k % 5 == 4 ? NULL : &y->rounds;
    for (int r = 0; r < 2; r++) {
        double window = s.tune != 0 ? r == 0 ? 2500 : 8 : 0;
        y->budget[r] =
            (struct fg_slots_side){.budget = window + sum[r] * (0.05 + 0.75 * fg_rng_uniform(rng))};
    }
    y->p = (struct fg_levels_problem){
        .base = {.slots = s, .budget = y->budget, .n = 1 + k / 2 % 2, .rounds = k % 6 == 5 ? 2 : 0},
        .level = y->level,
        .levels = MOST,
        .normal = 1};
    for (uint32_t l = 0; l < MOST; l++) { /* borrowed, and y does not move any more */
        y->level[l].cost[0] = y->cost[0][l];
        y->level[l].cost[1] = y->cost[1][l];
    }
}

/* ---- the definition ---- */

static double round_of(const struct fg_slots_rounds *r, const struct fg_slots_way *w, const double *k)
{
    double told = 0;
    for (uint32_t g = 0; g < r->groups; g++) {
        told += k[g] > 0 ? 1 / (r->apart + w->noise / k[g]) : 0;
    }
    if (!(told > 0)) {
        return 0;
    }
    double z = 1 / (1 + 1 / (r->signal * told)), y = fmin(w->reach, w->straight * z);
    return 2 * w->straight * y - y * y / z;
}

/* Value of a schedule (mask of cells) at levels; negative where it breaks a budget or the window. */
static double weigh(const struct toy *y, const uint8_t *level, uint32_t mask)
{
    const struct fg_slots_problem *s = &y->p.base.slots;
    double spent[2] = {0}, sum[CLIENTS][SLOTS] = {{0}}, value = 0, top = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < CELLS; i++) {
        top = fmax(top, y->grams[i]);
        if (mask >> i & 1) {
            uint32_t t = i % SLOTS;
            const struct fg_level *l = &y->level[level[t]];
            spent[0] += l->cost[0][i];
            spent[1] += l->cost[1][i];
            used |= 1u << t;
        }
    }
    for (uint32_t r = 0; r < y->p.base.n; r++) {
        if (spent[r] > y->budget[r].budget * (1 + 1e-12)) {
            return -1;
        }
    }
    if (y->p.base.rounds != 0 && (uint32_t)__builtin_popcount(used) > y->p.base.rounds) {
        return -1;
    }
    for (uint32_t t = 0; t < SLOTS; t++) {
        const struct fg_level *l = &y->level[level[t]];
        double k[3] = {0};
        bool window = t + s->tune >= SLOTS;
        for (uint32_t c = 0; c < CLIENTS; c++) {
            uint32_t i = c * SLOTS + t;
            if (window && !(mask >> i & 1)) {
                return -1;
            }
            if (mask >> i & 1) {
                sum[c][s->stretch != NULL ? y->stretch[t] : 0] +=
                    l->effort * l->chance[i] * fmax(0, top - y->grams[i]);
                k[y->group[c]] += l->chance[i];
            }
        }
        value += s->rounds != NULL && !window ? y->rounds.worth * round_of(&y->rounds, &l->way, k) : 0;
    }
    for (uint32_t c = 0; c < CLIENTS; c++) {
        sum[c][0] += s->base != NULL ? y->base[c] : 0;
        for (uint32_t at = 0; at < SLOTS; at++) {
            value += sum[c][at] > 0 ? pow(sum[c][at], s->alpha) : 0;
        }
    }
    return value;
}

static double best_of(const struct toy *y)
{
    double best = -1;
    uint8_t level[SLOTS];
    for (uint32_t n = 0; n < MOST * MOST * MOST; n++) {
        bool window = true;
        for (uint32_t t = 0, left = n; t < SLOTS; t++, left /= MOST) {
            level[t] = (uint8_t)(left % MOST);
            window = window && (t + y->p.base.slots.tune < SLOTS || level[t] == y->p.normal);
        }
        for (uint32_t mask = 0; window && mask < 1u << CELLS; mask++) {
            best = fmax(best, weigh(y, level, mask));
        }
    }
    return best;
}

static uint32_t mask_of(const struct fg_levels_plan *x)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < CELLS; i++) {
        mask |= (uint32_t)x->plan.slots->on[i] << i;
    }
    return mask;
}

/* ---- tests ---- */

static void plan_is_below_the_best_and_the_bound_above(void **state)
{
    (void)state;
    struct toy y;
    struct fg_rng rng;
    uint64_t n = fg_test_iters(240);
    double share = 0, over = 0, mixed = 0;
    fg_rng_init(&rng, fg_test_number("FG_TEST_SEED", 8), FG_RNG_TEST, 0, 0);
    for (uint64_t k = 0; k < n; k++) {
        struct fg_levels_plan x;
        struct fg_err err = {""};
        draw(&y, &rng, k);
        if (fg_levels_solve(&x, &y.p, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
        double value = weigh(&y, x.level, mask_of(&x)), best = best_of(&y), close = 1e-9 * (1 + best);
        fg_assert_close(x.plan.slots->value, value, close);
        if (!(x.bound >= best - close && best >= value - close)) {
            fail_msg("problem %d: bound %.12g, best %.12g, plan %.12g", (int)k, x.bound, best, value);
        }
        share += (best > 0 ? value / best : 1) / (double)n;
        over += (best > 0 ? x.bound / best : 1) / (double)n;
        mixed += (x.level[0] != x.level[1]) / (double)n;
        fg_levels_plan_fini(&x);
    }
    print_message("plan %.4f of the best, bound %.3f, levels differ in %.0f%%\n", share, over, 100 * mixed);
    assert_true(share >= 0.95 && over <= 1.2);
}

/* E's third term and T(tau), written with the gauge's numbers. */
static void levels_are_those_of_the_error_model(void **state)
{
    (void)state;
    double eta = 0.1, curvature = 0.2, tau = 20, far = fg_effective_steps(tau, eta, curvature);
    double sigma = 3, spread = 0.7, common = 5;
    struct fg_levels_known known = {.gone = eta * curvature * far,
                                    .length = 1,
                                    .steps = tau,
                                    .common = common,
                                    .lambda = common,
                                    .noise = sigma / far,
                                    .client = 0.5,
                                    .zone = 0.2};
    for (int i = 0; i < PARTS; i++) {
        struct fg_level l = {.part = part[i]};
        double t = fg_effective_steps(part[i] * tau, eta, curvature);
        double drift = eta * eta * curvature * curvature * (t - 1) * (sigma + t * spread);
        fg_level_describe(&l, &known);
        fg_assert_close(l.effort, t / far, 1e-12);
        fg_assert_close(l.way.reach, eta * curvature * t, 1e-12);
        fg_assert_close(l.way.noise, sigma / t + 0.5, 1e-12);
        fg_assert_close(l.way.straight, 1 - drift / (2 * common), 1e-12);
    }
    struct fg_level still = {.part = 0.25};
    known.gone = 0; /* nothing is seen to get shorter: efforts are parts */
    fg_level_describe(&still, &known);
    fg_assert_close(still.effort, 0.25, 0);
    fg_assert_close(still.way.noise, 4 * known.noise + 0.5, 1e-12);
    assert_int_equal(fg_level_steps(0.25, 1), 1);
    assert_int_equal(fg_level_steps(0.25, 30), 8);
    assert_int_equal(fg_level_steps(2, 30), 60);
    assert_int_equal(fg_level_steps(1, 30), 30);
}

/* The same clients in every round, all of them sure: the plan's E is that of the error model, for D0 on a
 * parabola and without spread. Where nobody trains it is infinite. */
static void error_is_that_of_the_error_model(void **state)
{
    (void)state;
    enum { K = 3, ROUNDS = 5 };
    double eta = 0.1, curvature = 0.3, tau = 12, far = fg_effective_steps(tau, eta, curvature), common = 2;
    double sigma = 1.5, found;
    struct fg_levels_known known = {.gone = eta * curvature * far,
                                    .length = 1,
                                    .steps = tau,
                                    .common = common,
                                    .noise = sigma / far,
                                    .lambda = common};
    static uint8_t on[K * ROUNDS], at[ROUNDS], none[K * ROUNDS];
    static double sure[K * ROUNDS];
    static const uint32_t group[K];
    for (int i = 0; i < K * ROUNDS; i++) {
        on[i] = 1;
        sure[i] = 1;
    }
    for (int i = 0; i < PARTS; i++) {
        struct fg_level l = {.part = part[i], .chance = sure};
        fg_level_describe(&l, &known);
        struct fg_slots_rounds rounds = {.group = group, .groups = 1};
        struct fg_levels_problem p = {
            .base = {.slots = {.clients = K, .slots = ROUNDS, .rounds = &rounds}}, .level = &l, .levels = 1};
        struct fg_slots_plan slots = {.clients = K, .slots = ROUNDS, .on = on};
        struct fg_levels_plan x = {.plan = {.slots = &slots}, .level = at};
        double one[K] = {1, 1, 1}, t = fg_effective_steps(part[i] * tau, eta, curvature);
        struct fg_error_terms e;
        fg_error_defaults(&e);
        e.clients = K;
        e.chance = e.weight = one;
        e.mean_steps = t;
        e.rounds = ROUNDS;
        e.lr = eta;
        e.curvature = curvature;
        e.noise = sigma;
        e.spread = 0;
        e.distance = common / (2 * curvature);
        assert_int_equal(fg_levels_error(&found, &p, &x, &known), FG_OK);
        fg_assert_close(found, fg_error_predict(&e).all, 1e-12);
        slots.on = none;
        assert_int_equal(fg_levels_error(&found, &p, &x, &known), FG_OK);
        assert_true(isinf(found));
    }
}

/* Twelve clients, twelve slots, steps of one price, and so many bytes for transfers of one: mean part of the
 * tasks planned. */
static double mean_part(double gone, double bytes, struct fg_levels_plan *x)
{
    enum { N = 12, ALL = N * N };
    static double grams[ALL], sure[ALL], steps[PARTS][ALL], sent[ALL];
    static struct fg_level level[PARTS];
    static uint32_t group[N];
    struct fg_levels_known known = {.gone = gone,
                                    .length = 1,
                                    .steps = 20,
                                    .common = 0.3,
                                    .lambda = 0.3,
                                    .noise = 0.3,
                                    .client = 0.3,
                                    .zone = 0};
    struct fg_slots_rounds rounds = {
        .worth = 4, .signal = 0.3, .noise = 1, .apart = 0, .group = group, .groups = 1};
    struct fg_slots_side budget[2] = {{.budget = 40}, {.budget = bytes}};
    struct fg_levels_problem p = {.base = {.slots = {.clients = N,
                                                     .slots = N,
                                                     .grams = grams,
                                                     .alpha = 0.3,
                                                     .grams_max = 2,
                                                     .rounds = &rounds},
                                           .budget = budget,
                                           .n = 2},
                                  .level = level,
                                  .levels = PARTS,
                                  .normal = 2};
    for (int i = 0; i < ALL; i++) {
        grams[i] = sure[i] = sent[i] = 1;
        for (int l = 0; l < PARTS; l++) {
            steps[l][i] = part[l];
        }
    }
    for (int l = 0; l < PARTS; l++) {
        level[l] = (struct fg_level){.part = part[l], .chance = sure, .cost = {steps[l], sent}};
        fg_level_describe(&level[l], &known);
    }
    struct fg_err err = {""};
    if (fg_levels_solve(x, &p, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    double sum = 0, n = 0;
    for (int i = 0; i < ALL; i++) {
        sum += x->plan.slots->on[i] ? part[x->level[i % N]] : 0;
        n += x->plan.slots->on[i];
    }
    return sum / n;
}

static void scarce_bytes_make_long_tasks(void **state)
{
    (void)state;
    struct fg_levels_plan scarce, plenty, more;
    double hard = mean_part(0.5, 14, &scarce), soft = mean_part(0.5, 1000, &plenty),
           next = mean_part(0.5, 16, &more);
    print_message("mean part %.3f with 14 transfers, %.3f with 1000\n", hard, soft);
    assert_true(hard >= 1.5 * soft && next > 0);
    assert_true(scarce.price[1] > 0 && plenty.price[1] < 1e-3 * scarce.price[1]);
    assert_true(scarce.bound <= 1.1 * scarce.plan.slots->value);
    assert_true(plenty.bound <= 1.1 * plenty.plan.slots->value);
    /* the shadow price is what the bound gains with a little more */
    fg_assert_close(scarce.price[1], (more.bound - scarce.bound) / 2, 0.15 * scarce.price[1]);
    fg_levels_plan_fini(&scarce);
    fg_levels_plan_fini(&plenty);
    fg_levels_plan_fini(&more);
}

/* What is taken of gone before anything is seen (src/aggregator/select_levels.c): with cheap transfers the
 * configured work is the best, with dear ones more of it. */
static void configured_work_is_believed_at_first(void **state)
{
    (void)state;
    struct fg_levels_plan cheap, dear;
    fg_assert_close(mean_part(0.3, 1000, &cheap), 1, 0.01);
    assert_true(mean_part(0.3, 14, &dear) > 1.3);
    fg_levels_plan_fini(&cheap);
    fg_levels_plan_fini(&dear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_is_below_the_best_and_the_bound_above),
        cmocka_unit_test(levels_are_those_of_the_error_model),
        cmocka_unit_test(error_is_that_of_the_error_model),
        cmocka_unit_test(scarce_bytes_make_long_tasks),
        cmocka_unit_test(configured_work_is_believed_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
