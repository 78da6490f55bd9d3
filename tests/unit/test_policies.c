/* Policies decision by decision: worked examples, naive twins, and properties against any opponent. Those of
 * papers whose programs were read: test_select_papers.c. */
#include "tests/lib/policies.h"

#include "src/aggregator/select_plan.h"
#include "src/aggregator/select_steps.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/threshold.h"

/* Everyone is up all the time: k rounds of 40 are drawn, no more, and no round is favoured. */
static void a_random_schedule_keeps_its_counts(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    unsigned early = 0, all = 0;
    cfg.rounds = 40;
    cfg.counts = "0, 40,10 10, 5,1";
    const unsigned want[N] = {0, 40, 10, 10, 5, 1};
    for (uint64_t seed = 0; seed < 60; seed++) {
        cfg.seed = seed;
        struct fg_select *s = make("random", &cfg);
        struct fg_watch seen;
        unsigned took[N] = {0};
        assert_int_equal(fg_watch_init(&seen, N), FG_OK);
        for (uint32_t t = 0; t < 40; t++) {
            struct fg_select_view view = view_of(t);
            struct fg_picks p = empty();
            struct fg_participation rows[N] = {{0}};
            double factor[N] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
            view.watch = &seen;
            assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
            for (size_t k = 0; k < p.n; k++) {
                rows[k] = (struct fg_participation){.client = client[k], .verdict = FG_VERDICT_USED};
                took[client[k]]++;
                early += client[k] == 2 && t < 20;
                all += client[k] == 2;
            }
            assert_int_equal(s->ops->learn(s, rows, p.n), FG_OK);
            fg_watch_round(&seen, everyone, N, client, factor, p.n);
        }
        for (int c = 0; c < N; c++) { /* the estimate of who will be up begins below 1: a few too early */
            assert_int_equal(took[c], want[c]);
        }
        fg_watch_fini(&seen);
        fg_select_destroy(s);
    }
    fg_assert_close((double)early / (double)all, 0.5, 0.1); /* 600 draws: deviation 0.02 */
}

static void a_random_schedule_needs_a_count_of_everyone(void **state)
{
    (void)state;
    const char *const wrong[] = {NULL, "", "1,2,3", "1,2,3,4,5,6,7", "1,2,3,4,5,-6", "1 2 3 4 5 x"};
    struct fg_select_config cfg = config();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fg_select *s = NULL;
        struct fg_err err;
        cfg.counts = wrong[i];
        assert_int_equal(fg_select_create(&s, fg_select_find("random"), &cfg, &err), FG_E_CONFIG);
        assert_non_null(strstr(err.text, "select.counts"));
    }
}

static void adacomm_shrinks_with_the_square_root_of_the_loss(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    struct fg_select_view view = view_of(5);
    struct fg_picks p = empty();
    p.n = 2;
    client[0] = 0;
    client[1] = 1;
    view.first_loss = 4.0;
    view.recent_loss = 1.0;
    assert_int_equal(fg_steps_find("adacomm")->plan(&cfg, &view, &p), FG_OK);
    assert_int_equal(steps[0], 5);
    view.recent_loss = 1.1; /* 10 sqrt(0.275) = 5.24 */
    p = empty();
    p.n = 1;
    assert_int_equal(fg_steps_find("adacomm")->plan(&cfg, &view, &p), FG_OK);
    assert_int_equal(steps[0], 6);
    cfg.lr = 0.1; /* a fourth of the rate: 10 sqrt(4 x 0.275) = 10.49 */
    view.lr = 0.025;
    p = empty();
    p.n = 1;
    assert_int_equal(fg_steps_find("adacomm")->plan(&cfg, &view, &p), FG_OK);
    assert_int_equal(steps[0], 11);
    view.recent_loss = 4e6; /* more than the first counts as that */
    p = empty();
    p.n = 1;
    assert_int_equal(fg_steps_find("adacomm")->plan(&cfg, &view, &p), FG_OK);
    assert_int_equal(steps[0], 20);
    view.lr = 0.05; /* half of it, 9/32 of the loss: 10 sqrt(9 / 16) */
    view.recent_loss = 1.125;
    p = empty();
    p.n = 1;
    assert_int_equal(fg_steps_find("adacomm")->plan(&cfg, &view, &p), FG_OK);
    assert_int_equal(steps[0], 8);
}

/* As many steps as before, nobody below half or beyond four times its own, and no exchange of one step
 * pays. */
static void marin_gives_steps_to_the_thrifty(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    struct fg_outlook *o = certain();
    struct fg_select_view view = view_of(0);
    struct fg_picks p = empty();
    double wh[N];
    uint32_t sum = 0;
    view.outlook = o;
    p.n = N;
    memcpy(client, everyone, sizeof client);
    assert_int_equal(fg_steps_find("marin")->plan(&cfg, &view, &p), FG_OK);
    for (uint32_t i = 0; i < N; i++) {
        wh[i] =
            fg_select_cost(&cfg, i, 2).wh - fg_select_cost(&cfg, i, 1).wh; /* of a step: nobody ever leaves */
        sum += steps[i];
        assert_true(steps[i] >= 5 && steps[i] <= 40);
    }
    assert_int_equal(sum, 60);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            assert_true(wh[i] <= wh[j] || steps[i] == 5 || steps[j] == 40);
        }
    }
    fg_outlook_destroy(o);
}

/* Grams by the hour, three zones: power gets greener, stays as it is, gets dirtier. */
enum { HOURS = 24, FEW = 4 };
static const double first_g[3] = {600.0, 300.0, 150.0}, later_g[3] = {60.0, 300.0, 700.0};

static struct fg_carbon *course(int zone)
{
    struct fg_str text = {0};
    struct fg_carbon *c = NULL;
    assert_int_equal(fg_str_addf(&text, "utc_time,gco2_per_kwh\n"), FG_OK);
    for (int h = 0; h < HOURS; h++) {
        assert_int_equal(
            fg_str_addf(&text, "2024-09-01T%02d:00:00Z,%g\n", h, h < 2 ? first_g[zone] : later_g[zone]),
            FG_OK);
    }
    assert_int_equal(fg_carbon_parse(&c, "c", text.data, text.len, NULL, NULL), FG_OK);
    fg_str_fini(&text);
    return c;
}

/* What x steps cost for each update that arrives: watts by the hour, over the chance to stay so long. */
static double grams_of(const struct fg_select_config *cfg, const struct fg_outlook *o, uint32_t c, uint32_t x)
{
    struct fg_task_cost all = fg_select_cost(cfg, c, x);
    uint32_t zone = fg_fleet_zone(cfg->fleet, c);
    double stay = fg_outlook_up(o, c, 0), early = all.seconds < 7200.0 ? all.seconds : 7200.0;
    double g = all.wh / all.seconds * (early * first_g[zone] + (all.seconds - early) * later_g[zone]) * 1e-3;
    return g / pow(stay > 1.0 ? 1.0 : stay, all.seconds / 3600.0);
}

static double all_grams(const struct fg_select_config *cfg, const struct fg_outlook *o, const uint32_t *x)
{
    double sum = 0.0;
    for (uint32_t k = 0; k < FEW; k++) {
        sum += grams_of(cfg, o, k, x[k]);
    }
    return sum;
}

/* The least of all ways to give 4 tau steps to four clients, 2 to 16 each. */
static double least_grams(const struct fg_select_config *cfg, const struct fg_outlook *o)
{
    double least = INFINITY;
    for (uint32_t a = 2; a <= 16; a++) {
        for (uint32_t b = 2; b <= 16; b++) {
            for (uint32_t c = 2; c <= 16 && a + b + c <= 14; c++) {
                uint32_t x[FEW] = {a, b, c, 16 - a - b - c};
                double g = all_grams(cfg, o, x);
                least = g < least ? g : least;
            }
        }
    }
    return least;
}

/* Where hours to come are greener marginal costs fall: one step after another to the cheapest is not best. */
static void optimal_knows_what_hours_to_come_cost(void **state)
{
    (void)state;
    static uint32_t four[N] = {4, 4, 4, 4, 4, 4};
    struct fg_fleet *mine = NULL, *other = fleet;
    struct fg_carbon *c[3] = {course(0), course(1), course(2)};
    const struct fg_zone_carbon zones[3] = {{"A", c[0]}, {"B", c[1]}, {"C", c[2]}};
    unsigned beaten = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fg_fleet_spec spec;
        fg_fleet_spec_defaults(&spec);
        spec.clients = N;
        spec.seed = seed;
        spec.samples_per_s = 1.0 / 1800.0; /* a step takes about half an hour */
        spec.wrap = true;
        assert_int_equal(fg_fleet_create(&mine, &spec, NULL, zones, 3, NULL), FG_OK);
        struct fg_outlook_config known = {
            .fleet = mine, .slot = FG_HOUR, .horizon = HOURS, .availability = "ensemble", .carbon = "oracle"};
        struct fg_outlook *o = NULL;
        assert_int_equal(fg_outlook_create(&o, &known, NULL), FG_OK);
        assert_int_equal(fg_outlook_see(o, fg_fleet_start(mine), everyone, N), FG_OK);
        fleet = mine;
        struct fg_select_config cfg = config();
        cfg.steps = four;
        struct fg_select_view view = view_of(0);
        view.outlook = o;
        view.now = fg_fleet_start(mine);
        double best = least_grams(&cfg, o), got[2];
        for (int i = 0; i < 2; i++) {
            struct fg_picks p = empty();
            p.n = FEW;
            memcpy(client, everyone, sizeof client);
            assert_int_equal(fg_steps_find(i == 0 ? "optimal" : "marin")->plan(&cfg, &view, &p), FG_OK);
            assert_int_equal(steps[0] + steps[1] + steps[2] + steps[3], 16);
            got[i] = all_grams(&cfg, o, steps);
        }
        fg_assert_close(got[0], best, 1e-9 * best);
        beaten += got[1] > 1.01 * best;
        fg_outlook_destroy(o);
        fg_fleet_destroy(mine);
    }
    assert_true(beaten >= 5);
    fleet = other;
    for (int z = 0; z < 3; z++) {
        fg_carbon_destroy(c[z]);
    }
}

/* A price below all thresholds is taken for one slot only, and the least gains by it, too: of 1, 6.31, 6.31,
 * 100, 100 the thresholds 11.33 and 6.304 buy the first and the last. */
static void a_cheap_slot_makes_the_worst_case_worse(void **state)
{
    (void)state;
    double ratio = fg_threshold_ratio(2, 1.0, 100.0),
           worst = fg_threshold_worst(2, 1.0, 100.0, ratio, 0.0, 1.0);
    double above = fg_threshold_at(1, 2, 1.0, 100.0, ratio, 0.0, 1.0) * (1.0 + 1e-12);
    const double price[] = {1.0, above, above, 100.0, 100.0};
    fg_assert_close(ratio, 8.8223418, 1e-6);
    fg_assert_close(fg_threshold_pay(price, 5, 2, 1.0, 100.0, ratio, 0.0, 1.0), 101.0, 1e-12);
    fg_assert_close(worst, 101.0 / (1.0 + above), 1e-9);
}

/* Whatever the prices, the thresholds never pay more than their worst; for k = 1 it is their ratio, sqrt(high
 * / low). */
static void thresholds_keep_their_worst(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 4, FG_RNG_TEST, 0, 4);
    fg_assert_close(fg_threshold_ratio(1, 100.0, 900.0), 3.0, 1e-9);
    for (uint32_t trial = 0; trial < 4000; trial++) {
        uint32_t k = 1 + fg_rng_below(&r, 8), n = k + fg_rng_below(&r, 20), bought = 0;
        double low = 50.0, high = 50.0 + 400.0 * fg_rng_uniform(&r),
               trust = trial % 2 == 0 ? 0.0 : fg_rng_uniform(&r);
        double expected = low + (high - low) * fg_rng_uniform(&r), price[32], paid = 0.0, least = 0.0;
        double ratio = fg_threshold_ratio(k, low, high),
               worst = fg_threshold_worst(k, low, high, ratio, trust, expected);
        fg_assert_close(trust == 0.0 && k == 1 ? worst : ratio, ratio, 1e-6 * ratio);
        assert_true(worst >= ratio * (1.0 - 1e-9));
        for (uint32_t t = 0; t < n; t++) { /* half of the opponents stay just above the next threshold, and
                                            * then ask all that may be */
            double next = bought < k ? fg_threshold_at(bought, k, low, high, ratio, trust, expected) : high;
            uint32_t how = fg_rng_below(&r, 4); /* above it, twice; at it; below all */
            price[t] = trial % 4 >= 2 ? low + (high - low) * fg_rng_uniform(&r)
                       : t >= n - k   ? high
                                      : fmin(high, how == 3 ? low : next * (how < 2 ? 1.0 + 1e-12 : 1.0));
            if (bought < k && (price[t] <= next || n - t <= k - bought)) {
                paid += price[t];
                bought++;
            }
        }
        for (uint32_t i = 0; i < k; i++) { /* the k cheapest */
            uint32_t best = 0;
            for (uint32_t t = 1; t < n; t++) {
                best = price[t] < price[best] ? t : best;
            }
            least += price[best];
            price[best] = INFINITY;
        }
        assert_int_equal(bought, k);
        assert_true(paid <= worst * least * (1.0 + 1e-9));
    }
}

/* As forecasts get worse, trust costs: with a right forecast it wins over the thresholds alone, and its price
 * stays below what it promised however wrong the forecast. */
static void trust_wins_with_good_forecasts_and_keeps_its_promise_with_bad_ones(void **state)
{
    (void)state;
    enum { K = 10, SLOTS = 60, TRIALS = 400 };
    static const double noise[] = {0.0, 0.1, 0.3, 1.0};
    double measured[4][2] = {{0}};
    for (size_t d = 0; d < 4; d++) {
        for (uint32_t trial = 0; trial < TRIALS; trial++) {
            struct fg_rng r;
            double price[SLOTS], guess[SLOTS], low = 100.0, high = 500.0;
            fg_rng_init(&r, 9, FG_RNG_TEST, trial, 5);
            double level = 150.0 + 250.0 * fg_rng_uniform(&r);
            for (int t = 0; t < SLOTS; t++) {
                price[t] = fmax(low, fmin(high, level + 60.0 * fg_rng_normal(&r)));
            }
            for (int t = 0; t < SLOTS; t++) {
                guess[t] = fmax(low, fmin(high, price[t] * (1.0 + noise[d] * fg_rng_normal(&r))));
            }
            double sorted[2][SLOTS], least = 0.0;
            memcpy(sorted[0], price, sizeof price);
            memcpy(sorted[1], guess, sizeof guess);
            for (int x = 0; x < 2; x++) { /* the K smallest first */
                for (int i = 0; i < K; i++) {
                    for (int t = i + 1; t < SLOTS; t++) {
                        double a = sorted[x][i], b = sorted[x][t];
                        sorted[x][i] = fmin(a, b);
                        sorted[x][t] = fmax(a, b);
                    }
                    least += x == 0 ? sorted[0][i] : 0.0;
                }
            }
            double ratio = fg_threshold_ratio(K, low, high);
            for (int x = 0; x < 2; x++) {
                double trust = x == 0 ? 0.0 : 0.8, expected = sorted[1][K - 1];
                double paid = fg_threshold_pay(price, SLOTS, K, low, high, ratio, trust, expected);
                assert_true(paid / least <=
                            fg_threshold_worst(K, low, high, ratio, trust, expected) * (1 + 1e-9));
                measured[d][x] += paid / least / TRIALS;
            }
        }
        printf("noise %.1f: thresholds alone pay %.3f, trusting ones %.3f times the least\n", noise[d],
               measured[d][0], measured[d][1]);
    }
    assert_true(measured[0][1] < measured[0][0] - 0.02);
    assert_true(measured[0][1] < measured[2][1] && measured[2][1] < measured[3][1]);
}

/* The same intensity at any hour is the median of a day, whatever rounding makes of its forecasts. */
static void pause_does_not_wait_where_no_hour_is_better(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.quantile = 0.5;
    struct fg_select *s = make("pause", &cfg);
    struct fg_outlook_config ahead = {
        .fleet = fleet, .slot = FG_HOUR, .horizon = 24, .availability = "ensemble", .carbon = "ensemble"};
    struct fg_outlook *o = NULL;
    assert_int_equal(fg_outlook_create(&o, &ahead, NULL), FG_OK);
    for (uint32_t t = 0; t < 30; t++) {
        assert_int_equal(fg_outlook_see(o, fg_fleet_start(fleet) + t * FG_HOUR, everyone, N), FG_OK);
        struct fg_select_view view = view_of(t);
        view.outlook = o;
        struct fg_picks p = empty();
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        assert_int_equal(p.n, cfg.want);
        fg_outlook_settle(o);
    }
    fg_outlook_destroy(o);
    fg_select_destroy(s);
}

/* Nothing to compute, nothing to send: such a task is done at once and for nothing. */
static void a_task_that_takes_no_time_is_expected_to_cost_nothing(void **state)
{
    (void)state;
    static uint32_t none[N];
    struct fg_select_config cfg = config();
    cfg.steps = none;
    cfg.model_bytes = cfg.update_bytes = 0;
    cfg.limit[FG_LIMIT_ENERGY_WH] = 10.0;
    struct fg_outlook *o = certain();
    struct fg_select_view view = view_of(0);
    view.outlook = o;
    struct fg_ahead a;
    assert_int_equal(fg_ahead_look(&a, &cfg, &view, 3), FG_OK);
    for (uint32_t i = 0; i < N * 3; i++) {
        fg_assert_close(a.expected[i], 0.0, 0.0);
        fg_assert_close(a.cost[FG_LIMIT_ENERGY_WH][i], 0.0, 0.0);
        assert_true(a.chance[i] > 0.5);
    }
    fg_ahead_fini(&a);
    fg_outlook_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_schedule_keeps_its_counts),
        cmocka_unit_test(a_random_schedule_needs_a_count_of_everyone),
        cmocka_unit_test(adacomm_shrinks_with_the_square_root_of_the_loss),
        cmocka_unit_test(marin_gives_steps_to_the_thrifty),
        cmocka_unit_test(optimal_knows_what_hours_to_come_cost),
        cmocka_unit_test(a_cheap_slot_makes_the_worst_case_worse),
        cmocka_unit_test(pause_does_not_wait_where_no_hour_is_better),
        cmocka_unit_test(thresholds_keep_their_worst),
        cmocka_unit_test(a_task_that_takes_no_time_is_expected_to_cost_nothing),
        cmocka_unit_test(trust_wins_with_good_forecasts_and_keeps_its_promise_with_bad_ones),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
