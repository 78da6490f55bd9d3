/* Selection as papers have it: rates, exclusions, draws and weights by hand or by enumeration. */
#include "tests/lib/policies.h"

#include "src/base/rng.h"

/* Rates by hand: r = k / N; picked are the largest (p / r)^2; r = (1 - b) r + b [picked];
 * then weights 1 / r. */
static void f3ast_takes_who_took_part_least(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.by_samples = true;
    struct fg_select *s = make("f3ast", &cfg);
    double r[N];
    for (int i = 0; i < N; i++) {
        r[i] = 2.0 / 6.0;
    }
    for (uint32_t t = 0; t < 60; t++) {
        struct fg_select_view view = view_of(t);
        struct fg_picks p = empty();
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        assert_int_equal(p.n, 2);
        struct fg_participation rows[2] = {{.client = client[0]}, {.client = client[1]}};
        for (size_t k = 0; k < 2; k++) {
            fg_assert_close(weight[k] * (0.9 * r[client[k]] + 0.1), 1.0, 1e-9);
            for (uint32_t i = 0; i < N; i++) { /* nobody left out is further behind */
                bool in = i == client[0] || i == client[1];
                assert_true(in || samples[i] / r[i] <= samples[client[k]] / r[client[k]] * (1 + 1e-12));
            }
        }
        for (uint32_t i = 0; i < N; i++) {
            r[i] = 0.9 * r[i] + (i == client[0] || i == client[1] ? 0.1 : 0.0);
        }
        assert_int_equal(s->ops->learn(s, rows, 2), FG_OK);
    }
    fg_select_destroy(s);
}

/* Client 5 is up in long runs, the others at random: it goes where its loss is large, and stays where it is
 * not. */
static void cafed_excludes_the_correlated_if_that_pays(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 2, FG_RNG_TEST, 0, 3);
    for (uint32_t t = 0; t < 2000; t++) {
        uint32_t up[N];
        size_t n = 0;
        for (uint32_t i = 0; i < N; i++) {
            if (i == 5 ? t / 200 % 2 == 0 : fg_rng_uniform(&r) < 0.5) {
                up[n++] = i;
            }
        }
        fg_watch_round(&watch, up, n, up, weight, 0);
    }
    struct fg_select_config cfg = config();
    struct fg_select *s = make("cafed-last", &cfg), *asks = make("cafed", &cfg);
    struct fg_select_view view = view_of(2000);
    for (int i = 0; i < N; i++) {
        loss[i] = i == 5 ? 5.0f : 0.1f;
    }
    struct fg_picks p = empty();
    /* J with all: 5.5 / 6 = 0.917; without 5: 0.1 + 5 / 36 = 0.239; without 5 and another: 0.1 + 5 / 9 */
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 5);
    assert_int_equal(client[4], 4);
    for (size_t k = 0; k < p.n; k++) {
        fg_assert_close(weight[k], 2.0, 0.1); /* 1 / pi */
    }
    for (int i = 0; i < N; i++) {
        loss[i] = 1.0f;
    }
    p = empty();
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK); /* the same losses: leaving out only costs */
    assert_int_equal(p.n, 6);
    /* cafed asks all who are up, and takes what it is told for what training reported */
    double told[N] = {0.1, 0.1, 0.1, 0.1, 0.1, 5.0};
    p = empty();
    assert_int_equal(asks->ops->ask(asks, &view, &p), FG_OK);
    assert_int_equal(p.n, 6);
    assert_int_equal(client[5], 5);
    view.asked = told;
    p = empty();
    assert_int_equal(asks->ops->pick(asks, &view, &p), FG_OK);
    assert_int_equal(p.n, 5);
    /* what was told is kept, until it is told again; who never told counts as the mean of those who did */
    struct fg_participation rows[N] = {{0}};
    for (uint32_t i = 0; i < N; i++) {
        rows[i] = (struct fg_participation){.client = i, .verdict = FG_VERDICT_ASKED, .loss = told[i]};
    }
    view.asked = NULL;
    p = empty();
    assert_int_equal(asks->ops->pick(asks, &view, &p), FG_OK); /* nothing is known: as if all were alike */
    assert_int_equal(p.n, 6);
    rows[5].verdict = FG_VERDICT_USED; /* told nothing: the loss of training is another */
    assert_int_equal(asks->ops->learn(asks, rows, N), FG_OK);
    p = empty();
    assert_int_equal(asks->ops->pick(asks, &view, &p), FG_OK);
    assert_int_equal(p.n, 6);
    rows[5].verdict = FG_VERDICT_ASKED;
    assert_int_equal(asks->ops->learn(asks, rows, N), FG_OK);
    p = empty();
    assert_int_equal(asks->ops->pick(asks, &view, &p), FG_OK);
    assert_int_equal(p.n, 5);
    fg_select_destroy(asks);
    fg_select_destroy(s);
    for (int i = 0; i < N; i++) {
        loss[i] = -1.0f;
    }
}

static void rpow_takes_the_largest_losses_of_the_drawn(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.candidates = N;
    struct fg_select *s = make("rpow-d", &cfg);
    struct fg_select_view view = view_of(0);
    struct fg_picks p = empty();
    const float told[N] = {0.5f, 2.0f, -1.0f, 0.1f, 3.0f, 1.0f};
    memcpy(loss, told, sizeof loss);
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 2);
    assert_int_equal(client[0], 2); /* never seen */
    assert_int_equal(client[1], 4);
    fg_select_destroy(s);
    cfg.by_samples =
        true; /* weighed by their samples in the mean: the factor makes them alike, 20 samples each */
    s = make("rpow-d", &cfg);
    p = empty();
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    fg_assert_close(weight[0] * samples[2], 20.0, 1e-12);
    fg_assert_close(weight[1] * samples[4], 20.0, 1e-12);
    fg_select_destroy(s);
    cfg.candidates = 3; /* drawn by data: 2 and 5 have three times what 0 and 3 have */
    cfg.want = 1;
    loss[2] = 9.0f;
    unsigned top = 0;
    for (uint32_t t = 0; t < 3000; t++) {
        s = make("rpow-d", &cfg);
        view = view_of(t);
        p = empty();
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        top += client[0] == 2;
        fg_select_destroy(s);
    }
    /* 1 - P(2 is not among three drawn one after the other), by enumeration: 0.6654 */
    double miss = 0.0, all = 120.0;
    for (int a = 0; a < N; a++) {
        for (int b = 0; b < N; b++) {
            for (int c = 0; c < N; c++) {
                if (a != b && a != c && b != c && a != 2 && b != 2 && c != 2) {
                    miss += samples[a] / all * (samples[b] / (all - samples[a])) *
                            (samples[c] / (all - samples[a] - samples[b]));
                }
            }
        }
    }
    fg_assert_close(top / 3000.0, 1.0 - miss, 0.03);
    for (int i = 0; i < N; i++) {
        loss[i] = -1.0f;
    }
}

/* In the window weights over all clients' samples make the update FedAvg's of those who are up. */
static void greenfl_ends_with_plain_fedavg(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.by_samples = true;
    cfg.tune = cfg.rounds;
    cfg.budget_g = 1e9;
    struct fg_select *s = make("greenfl", &cfg);
    struct fg_outlook *o = certain();
    struct fg_select_view view = view_of(0);
    view.outlook = o;
    view.n_available = 2; /* 0 and 1: 30 of the 120 samples */
    struct fg_picks p = empty();
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 2);
    double sum = 0.0;
    for (size_t k = 0; k < p.n; k++) {
        fg_assert_close(weight[k], 4.0, 1e-12);
        sum += weight[k] * samples[client[k]];
    }
    fg_assert_close(sum, 120.0, 1e-12);
    fg_outlook_destroy(o);
    fg_select_destroy(s);
}

/* Client 0 lost every update so far and buys in the last round, too; client 1, whose updates all counted, has
 * what it was to buy. */
static void robust_buys_again_what_was_lost(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.budget_g = cfg.limit[FG_LIMIT_CARBON_G] = 1e9;
    struct fg_select *s = make("robust", &cfg);
    struct fg_outlook *o = certain();
    struct fg_select_view view = view_of(0);
    struct fg_participation rows[2] = {{.client = 0, .verdict = FG_VERDICT_LOST},
                                       {.client = 1, .verdict = FG_VERDICT_USED}};
    struct fg_picks p = empty();
    view.outlook = o;
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    for (uint32_t t = 0; t < cfg.rounds; t++) {
        assert_int_equal(s->ops->learn(s, rows, 2), FG_OK);
    }
    view = view_of(cfg.rounds - 1);
    view.outlook = o;
    p = empty();
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_true(p.n > 1);
    assert_int_equal(client[0], 0);
    assert_int_equal(client[1], 2);
    fg_outlook_destroy(o);
    fg_select_destroy(s);
}

/* Over many rounds in which nothing is learnt, so that clients stay alike: two are picked in each, and each
 * client as often. */
static void expect_drawn(const char *policy, const struct fg_select_config *cfg)
{
    enum { ROUNDS = 3000 };
    struct fg_select *s = make(policy, cfg);
    double times[N] = {0.0};
    for (uint32_t t = 0; t < ROUNDS; t++) {
        struct fg_select_view view = view_of(t);
        struct fg_picks p = empty();
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        assert_int_equal(p.n, 2);
        times[client[0]] += 1.0 / ROUNDS;
        times[client[1]] += 1.0 / ROUNDS;
    }
    for (int i = 0; i < N; i++) {
        fg_assert_close(times[i], 2.0 / N, 0.05);
    }
    fg_select_destroy(s);
}

static void f3ast_draws_among_equals(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    expect_drawn("f3ast", &cfg);
    expect_drawn("f3ast-pi", &cfg);
}

/* Nobody has told a loss, and all are drawn: whoever it is, each is as likely. */
static void rpow_draws_among_the_unknown(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    cfg.candidates = N;
    expect_drawn("rpow-d", &cfg);
}

/* The shortest round for two; and no more than a zone's energy. */
static void fedzero_packs_the_shortest_round(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    struct fg_outlook *o = certain();
    struct fg_select *s = make("fedzero", &cfg);
    struct fg_select_view view = view_of(0);
    struct fg_picks p = empty();
    view.outlook = o;
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 2);
    double longest = 0.0;
    unsigned shorter = 0;
    for (int k = 0; k < 2; k++) {
        longest = fmax(longest, fg_select_cost(&cfg, client[k], 10).seconds);
    }
    for (uint32_t i = 0; i < N; i++) {
        shorter += fg_select_cost(&cfg, i, 10).seconds < longest;
    }
    assert_int_equal(shorter, 1); /* only the other one */
    fg_select_destroy(s);
    double least = 1e9, second = 1e9;
    for (uint32_t i = 0; i < N; i++) {
        double wh = fg_select_cost(&cfg, i, 10).wh;
        second = wh < least ? least : fmin(second, wh);
        least = fmin(least, wh);
    }
    cfg.zone_wh = 0.5 * (least + second); /* one zone: only the thriftiest fits */
    s = make("fedzero", &cfg);
    p = empty();
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 1);
    assert_true(fg_select_cost(&cfg, client[0], 10).wh == least);
    fg_select_destroy(s);
    fg_outlook_destroy(o);
}

/* Equal clients: those with most samples x loss go where energy is short of more. */
static void fedzero_spends_energy_where_samples_times_loss_is_largest(void **state)
{
    (void)state;
    struct fg_fleet_spec spec;
    fg_fleet_spec_defaults(&spec);
    spec.clients = N;
    spec.samples_per_s = 1.0;
    spec.speed_spread = spec.link_spread = spec.power_spread = 0.0;
    struct fg_fleet *drawn = fleet;
    assert_int_equal(fg_fleet_create(&fleet, &spec, NULL, NULL, 0, NULL), FG_OK);
    struct fg_select_config cfg = config();
    struct fg_outlook *o = certain();
    const float told[N] = {1.0f, 1.0f, 1.0f,
                           1.9f, 0.9f, 0.5f}; /* 10, 20, 30, 19, 18, 15; by roots 3 before 1 */
    memcpy(loss, told, sizeof loss);
    cfg.zone_wh = 2.5 * fg_select_cost(&cfg, 0, 10).wh;
    struct fg_select *s = make("fedzero", &cfg);
    struct fg_select_view view = view_of(0);
    struct fg_picks p = empty();
    view.outlook = o;
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, 2);
    assert_int_equal(client[0], 1);
    assert_int_equal(client[1], 2);
    fg_select_destroy(s);
    fg_outlook_destroy(o);
    fg_fleet_destroy(fleet);
    fleet = drawn;
    for (int i = 0; i < N; i++) {
        loss[i] = -1.0f;
    }
}

/* Equal clients that are all of the same use: each is packed as often. */
static void fedzero_draws_among_equals(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    struct fg_fleet_spec spec;
    fg_fleet_spec_defaults(&spec);
    spec.clients = N;
    spec.samples_per_s = 1.0;
    spec.speed_spread = spec.link_spread = spec.power_spread = 0.0;
    struct fg_fleet *drawn = fleet;
    assert_int_equal(fg_fleet_create(&fleet, &spec, NULL, NULL, 0, NULL), FG_OK);
    const uint32_t same[N] = {10, 10, 10, 10, 10, 10};
    struct fg_select_config cfg = config();
    struct fg_outlook *o = certain();
    double times[N] = {0.0};
    cfg.samples = same;
    struct fg_select *s = make("fedzero", &cfg);
    for (uint32_t t = 0; t < ROUNDS; t++) { /* nothing is learnt: nobody is excluded */
        struct fg_select_view view = view_of(t);
        struct fg_picks p = empty();
        view.outlook = o;
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        assert_int_equal(p.n, 2);
        times[client[0]] += 1.0 / ROUNDS;
        times[client[1]] += 1.0 / ROUNDS;
    }
    for (int c = 0; c < N; c++) {
        fg_assert_close(times[c], 2.0 / N, 0.05);
    }
    fg_select_destroy(s);
    fg_outlook_destroy(o);
    fg_fleet_destroy(fleet);
    fleet = drawn;
}

/* Client 0 took part in 5 rounds, the others in 1: it is 5 - 10 / 6 = 10 / 3 ahead, comes back with 0.3; the
 * others at once. */
static void fedzero_lets_those_ahead_wait(void **state)
{
    (void)state;
    struct fg_select_config cfg = config();
    struct fg_outlook *o = certain();
    unsigned back = 0, again = 0;
    enum { DRAWS = 3000 };
    cfg.want = N;
    for (uint32_t d = 0; d < DRAWS; d++) {
        cfg.seed = d;
        struct fg_select *s = make("fedzero", &cfg);
        for (uint32_t i = 0; i < N; i++) {
            struct fg_participation row = {.client = i, .verdict = FG_VERDICT_USED};
            for (uint32_t k = 0; k < (i == 0 ? 5 : 1); k++) {
                assert_int_equal(s->ops->learn(s, &row, 1), FG_OK);
            }
        }
        size_t first = 0;
        for (uint32_t t = 0; t < 3; t++) { /* round 7, round 7 once more, round 8 */
            struct fg_select_view view = view_of(7 + t / 2);
            struct fg_picks p = empty();
            view.outlook = o;
            assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
            assert_true(p.n == N || (p.n == N - 1 && client[0] == 1));
            first = t == 0 ? p.n : first;
            assert_true(t != 1 || p.n == first);
            if (t == 1) {
                assert_int_equal(s->ops->learn(s, NULL, 0), FG_OK); /* committed, nobody came */
            }
            back += t == 0 && p.n == N;
            again += t == 2 && p.n == N;
        }
        fg_select_destroy(s);
    }
    fg_assert_close(back / (double)DRAWS, 0.3, 0.03);
    fg_assert_close(again / (double)DRAWS, 1.0 - 0.7 * 0.7, 0.03);
    fg_outlook_destroy(o);
}

/* Client 3 is up every other hour: when it is, it is asked first; who was asked rests for four rounds. */
static void refl_takes_the_least_available_and_lets_them_rest(void **state)
{
    (void)state;
    struct fg_outlook_config seen = {.fleet = fleet,
                                     .slot = FG_HOUR,
                                     .horizon = 10,
                                     .availability = "markov",
                                     .carbon = "persistence",
                                     .from_wakes = true};
    const uint32_t without[N - 1] = {0, 1, 2, 4, 5};
    struct fg_outlook *o = NULL;
    assert_int_equal(fg_outlook_create(&o, &seen, NULL), FG_OK);
    for (int h = 0; h <= 200; h++) {
        fg_time_t now = fg_fleet_start(fleet) + h * FG_HOUR;
        assert_int_equal(
            h % 2 == 0 ? fg_outlook_see(o, now, everyone, N) : fg_outlook_see(o, now, without, N - 1), FG_OK);
    }
    struct fg_select_config cfg = config();
    cfg.want = 1;
    struct fg_select *s = make("refl", &cfg);
    int last[N];
    for (int i = 0; i < N; i++) {
        last[i] = -100;
    }
    for (int t = 0; t < 40; t++) {
        struct fg_select_view view = view_of((uint32_t)t);
        struct fg_picks p = empty();
        view.outlook = o;
        assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
        assert_int_equal(p.n, 1);
        assert_true(t - last[client[0]] >= 5);
        assert_true(t - last[3] < 5 || client[0] == 3);
        last[client[0]] = t;
        /* it is told late: its model was the newest two commits ago */
        struct fg_participation row = {.round = (uint32_t)t + 2, .client = client[0], .staleness = 2};
        assert_int_equal(s->ops->learn(s, &row, 1), FG_OK);
    }
    struct fg_select_view view = view_of(40);
    struct fg_picks p = empty();
    view.outlook = o;
    s->cfg.want = N; /* too few others: everyone */
    assert_int_equal(s->ops->pick(s, &view, &p), FG_OK);
    assert_int_equal(p.n, N);
    fg_select_destroy(s);
    fg_outlook_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f3ast_takes_who_took_part_least),
        cmocka_unit_test(f3ast_draws_among_equals),
        cmocka_unit_test(robust_buys_again_what_was_lost),
        cmocka_unit_test(rpow_takes_the_largest_losses_of_the_drawn),
        cmocka_unit_test(rpow_draws_among_the_unknown),
        cmocka_unit_test(greenfl_ends_with_plain_fedavg),
        cmocka_unit_test(fedzero_packs_the_shortest_round),
        cmocka_unit_test(fedzero_spends_energy_where_samples_times_loss_is_largest),
        cmocka_unit_test(fedzero_draws_among_equals),
        cmocka_unit_test(fedzero_lets_those_ahead_wait),
        cmocka_unit_test(refl_takes_the_least_available_and_lets_them_rest),
        cmocka_unit_test(cafed_excludes_the_correlated_if_that_pays),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
