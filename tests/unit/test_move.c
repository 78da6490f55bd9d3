/* Movable data: who has what, which shard to whom, how many copies, and where shards may not go. */
#include "tests/lib/test.h"

#include "src/availability/bars.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/copies.h"
#include "src/planner/move.h"

static void holdings_are_what_was_added(void **state)
{
    (void)state;
    struct fg_rng rng;
    struct fg_holdings h, back;
    bool naive[7][9] = {{0}};
    fg_rng_init(&rng, 1, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_holdings_init(&h, 7, 9), FG_OK);
    for (int i = 0; i < 100; i++) {
        uint32_t c = fg_rng_below(&rng, 7), j = fg_rng_below(&rng, 9);
        naive[c][j] = true;
        assert_int_equal(fg_holdings_add(&h, c, j), FG_OK);
    }
    struct fg_str bytes = {0};
    assert_int_equal(fg_holdings_save(&h, &bytes), FG_OK);
    struct fg_reader in = fg_reader_of(bytes.data, bytes.len);
    assert_int_equal(fg_holdings_init(&back, 7, 9), FG_OK);
    assert_int_equal(fg_holdings_load(&back, &in), FG_OK);
    assert_true(fg_reader_done(&in));
    for (uint32_t c = 0; c < 7; c++) {
        size_t n = 0;
        uint32_t list[9];
        for (uint32_t j = 0; j < 9; j++) {
            n += naive[c][j];
            assert_int_equal(fg_holdings_has(&h, c, j), naive[c][j]);
            assert_int_equal(fg_holdings_has(&back, c, j), naive[c][j]);
        }
        assert_int_equal(fg_holdings_of(&h, c, list, 9), n);
        for (size_t i = 0; i < n; i++) {
            assert_true(naive[c][list[i]]);
        }
    }
    bytes.data[8] = 7; /* a client that does not exist */
    struct fg_holdings bad;
    in = fg_reader_of(bytes.data, bytes.len);
    assert_int_equal(fg_holdings_init(&bad, 7, 9), FG_OK);
    assert_int_equal(fg_holdings_load(&bad, &in), FG_OK);
    assert_false(fg_reader_done(&in));
    fg_str_fini(&bytes);
    fg_holdings_fini(&h);
    fg_holdings_fini(&back);
    fg_holdings_fini(&bad);
}

enum { MOST = 6 };

struct scene {
    double ship[MOST][MOST];
};

static double ship_g(const void *arg, uint32_t client, uint32_t shard)
{
    return ((const struct scene *)arg)->ship[client][shard];
}

/* The most that picks k.. can gain with the shards left; nothing counts as `none`. */
static double best(const struct fg_move_problem *p, size_t n, size_t k, unsigned taken, double none)
{
    if (k == n) {
        return 0.0;
    }
    double most = none + best(p, n, k + 1, taken, none);
    for (uint32_t j = 0; j < p->shards; j++) {
        double gain = (taken >> j & 1u) == 0 && p->taken[j] == 0 ? fg_move_gain(p, k, j) : -INFINITY;
        if (gain > -INFINITY) {
            double all = gain + best(p, n, k + 1, taken | 1u << j, none);
            most = all > most ? all : most;
        }
    }
    return most;
}

static void assignments_are_the_best_there_are(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < (uint32_t)fg_test_iters(300); seed++) {
        struct fg_rng rng;
        struct scene sc;
        struct fg_holdings have;
        fg_rng_init(&rng, seed, FG_RNG_TEST, 1, 0);
        size_t n = 1 + fg_rng_below(&rng, 4);
        uint32_t client[MOST], shards = (uint32_t)n + fg_rng_below(&rng, 3), out[MOST];
        double survives[MOST], uses[MOST], lack[MOST];
        uint8_t taken[MOST] = {0};
        assert_int_equal(fg_holdings_init(&have, MOST, MOST), FG_OK);
        for (uint32_t i = 0; i < MOST; i++) {
            client[i] = MOST - 1 - i;
            survives[i] = fg_rng_uniform(&rng);
            uses[i] = 1.0 + 9.0 * fg_rng_uniform(&rng);
            lack[i] = 6.0 * fg_rng_uniform(&rng) - 3.0;
            taken[i] = fg_rng_below(&rng, 8) == 0;
            for (uint32_t j = 0; j < MOST; j++) {
                sc.ship[i][j] = fg_rng_below(&rng, 5) == 0 ? INFINITY : 20.0 * fg_rng_uniform(&rng);
                if (fg_rng_below(&rng, 4) == 0 && j < shards) {
                    assert_int_equal(fg_holdings_add(&have, i, j), FG_OK);
                }
            }
        }
        struct fg_move_problem p = {.shards = shards,
                                    .client = client,
                                    .survives = survives,
                                    .uses = uses,
                                    .lack = lack,
                                    .taken = taken,
                                    .have = &have,
                                    .ship_g = ship_g,
                                    .arg = &sc,
                                    .worth_g = 3.0,
                                    .margin = 0.5};
        assert_int_equal(fg_move_assign(out, n, &p), FG_OK);
        double none = -1e4, sum = 0.0; /* worse than anything that can be won */
        unsigned seen = 0;
        for (size_t k = 0; k < n; k++) {
            sum += out[k] == FG_NO_SHARD ? none : fg_move_gain(&p, k, out[k]);
            if (out[k] != FG_NO_SHARD) {
                assert_true(out[k] < shards && taken[out[k]] == 0 && (seen >> out[k] & 1u) == 0);
                assert_true(fg_move_gain(&p, k, out[k]) > -INFINITY);
                seen |= 1u << out[k];
            }
        }
        double most = best(&p, n, 0, 0, none);
        if (fabs(sum - most) > 1e-6) {
            fail_msg("seed %u: %g, the best is %g", seed, sum, most);
        }
        fg_holdings_fini(&have);
    }
}

static double for_nothing(const void *arg, uint32_t client, uint32_t shard)
{
    (void)arg;
    (void)client;
    (void)shard;
    return 0.0;
}

/* 200 clients up in turns, shipping free: every shard counts as often as any other, though half of the
 * clients are never there; and with the margin at one update, a shard is shipped only when it has to be. */
static void shards_of_clients_that_never_come_count_as_often(void **state)
{
    (void)state;
    enum { N = 200, PICKS = 80, ROUNDS = 100 };
    struct fg_holdings have;
    uint32_t client[PICKS], out[PICKS], used[N] = {0};
    double survives[PICKS], uses[PICKS], lack[N];
    size_t shipped = 0;
    assert_int_equal(fg_holdings_init(&have, N, N), FG_OK);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t k = 0; k < PICKS; k++) {
            client[k] = (k + 7 * round) % (N / 2);
            survives[k] = uses[k] = 1.0;
        }
        for (uint32_t j = 0; j < N; j++) {
            lack[j] = (double)(PICKS * (round + 1)) / N - used[j];
        }
        struct fg_move_problem p = {.shards = N,
                                    .client = client,
                                    .survives = survives,
                                    .uses = uses,
                                    .lack = lack,
                                    .have = &have,
                                    .ship_g = for_nothing,
                                    .worth_g = 1.0,
                                    .margin = 1.0};
        assert_int_equal(fg_move_assign(out, PICKS, &p), FG_OK);
        for (uint32_t k = 0; k < PICKS; k++) {
            assert_true(out[k] < N);
            used[out[k]]++;
            shipped += !fg_holdings_has(&have, client[k], out[k]);
            assert_int_equal(fg_holdings_add(&have, client[k], out[k]), FG_OK);
        }
    }
    uint32_t least = used[0], most = used[0];
    for (uint32_t j = 0; j < N; j++) {
        least = used[j] < least ? used[j] : least;
        most = used[j] > most ? used[j] : most;
    }
    assert_true(most - least <= 4); /* of 40 on average */
    assert_true(shipped < 1500);    /* of 8,000 tasks */
    fg_holdings_fini(&have);
}

static void a_copy_is_added_while_it_is_worth_its_cost(void **state)
{
    (void)state;
    struct fg_copy c[3] = {{.client = 5, .survives = 0.5, .cost_g = 1.0},
                           {.client = 6, .survives = 0.9, .cost_g = 3.0},
                           {.client = 7, .survives = 1.0, .cost_g = INFINITY}};
    assert_true(fabs(fg_copies_arrive(0.25, 0.2) - 0.6) < 1e-15);
    /* the first copy survives by .4: lost .6. Gains of a value of 10: .6 x .5 x 10 - 1 = 2,
     * .6 x .9 x 10 - 3 = 2.4 */
    assert_int_equal(fg_copies_next(c, 3, 0.6, 0.0, 10.0), 1);
    /* half of the time all are taken away: 1.5 - 1 and 2.7 - 3 */
    assert_int_equal(fg_copies_next(c, 3, 0.6, 0.5, 10.0), 0);
    /* hardly ever lost: nothing is worth it */
    assert_int_equal(fg_copies_next(c, 3, 0.05, 0.0, 10.0), 3);
    assert_int_equal(fg_copies_next(c, 0, 0.6, 0.0, 10.0), 0);
}

static void shards_stay_out_of_zones(void **state)
{
    (void)state;
    const char *zone[] = {"DE", "FR", "US-CAL"};
    uint64_t allowed[4] = {7, 7, 7, 7};
    struct fg_bars b = {.shards = 4, .zone = zone, .zones = 3, .allowed = allowed};
    struct fg_err err = {{0}};
    const char text[] = "shard,zone\n# a comment\n0,FR\n2, *\n3,DE\n3,US-CAL";
    assert_int_equal(fg_bars_parse(&b, "bars.csv", text, strlen(text), &err), FG_OK);
    assert_true(allowed[0] == 5 && allowed[1] == 7 && allowed[2] == 0 && allowed[3] == 2);
    assert_int_equal(fg_bars_list(&b, " DE,US-CAL ", &err), FG_OK);
    assert_true(allowed[0] == 0 && allowed[1] == 2 && allowed[2] == 0 && allowed[3] == 2);
    assert_int_equal(fg_bars_list(&b, "DE, XX", &err), FG_E_INPUT);
    assert_string_equal(err.text, "expected a zone of carbon.traces, found 'XX'");
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"0,FR\n4,FR\n", "bars.csv:2: shard: expected 0 to 3, found '4'"},
        {"-1,FR\n", "bars.csv:1: shard: expected 0 to 3, found '-1'"},
        {"1\n", "bars.csv:1: expected shard,zone"},
        {"1,GB\n", "bars.csv:1: zone: expected * or a zone of carbon.traces, found 'GB'"},
        {"99999999999999999999,FR\n", "bars.csv:1: shard: expected 0 to 3, found '99999999999999999999'"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(fg_bars_parse(&b, "bars.csv", wrong[i].text, strlen(wrong[i].text), &err),
                         FG_E_INPUT);
        assert_string_equal(err.text, wrong[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holdings_are_what_was_added),
        cmocka_unit_test(assignments_are_the_best_there_are),
        cmocka_unit_test(shards_of_clients_that_never_come_count_as_often),
        cmocka_unit_test(a_copy_is_added_while_it_is_worth_its_cost),
        cmocka_unit_test(shards_stay_out_of_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
