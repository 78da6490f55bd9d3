/* Drawing a fleet: clients to nodes and zones, speeds, what is refused. */
#include "tests/lib/fleets.h"

#include <stdlib.h>

#include "src/base/mem.h"
#include "src/base/rng.h"

#define US FG_SECOND

static const char countries[] =
    "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n# zone_of_node: country-prefix\n# span_s: 1209600\n"
    "node,start_s,end_s\nDE-1,0,1000\nGB-1,0,2000\nAU-1,0,3000\nJP-1,0,4000\nUS-1,5,6\n";

static void without_trace_everyone_is_up(void **state)
{
    (void)state;
    struct fg_fleet_spec s = spec_of(3);
    struct fg_fleet *f = fleet_of(&s, NULL, NULL, 0);
    uint32_t up[3];
    assert_true(fg_fleet_is_up(f, 2, 0));
    assert_int_equal(fg_fleet_up_until(f, 2, 5), FG_NEVER);
    assert_int_equal(fg_fleet_next_up(f, 2, 5), 5);
    assert_int_equal(fg_fleet_up_us(f, 2, 5, 9), 4);
    assert_int_equal(fg_fleet_available(f, 0, up, NULL), 3);
    assert_int_equal(fg_fleet_start(f) % FG_DAY, 0);
    assert_string_equal(fg_fleet_zone_name(f, 0), "default");
    fg_assert_close(fg_fleet_intensity(f, 0, 0), 475, 0);
    fg_assert_close(fg_fleet_carbon_integral(f, 0, 0, 10 * US), 4750, 0);
    assert_true(fg_fleet_availability(f, 0) == 1.0);
    assert_int_equal(fg_fleet_covers(f, FG_NEVER, NULL), FG_OK);
    fg_fleet_destroy(f);
}

static void nodes_one_to_one_drawn_and_reused(void **state)
{
    (void)state;
    struct fg_trace *t = trace_of(countries);
    struct fg_fleet_spec s = spec_of(5);
    struct fg_fleet *f = fleet_of(&s, t, NULL, 0);
    for (uint32_t c = 0; c < 5; c++) {
        assert_int_equal(fg_fleet_node(f, c), c);
        assert_int_equal(fg_fleet_shift_days(f, c), 0);
    }
    assert_int_equal(fg_fleet_reused(f), 0);
    fg_fleet_destroy(f);

    s.clients = 3;
    f = fleet_of(&s, t, NULL, 0);
    assert_true(fg_fleet_node(f, 0) != fg_fleet_node(f, 1) && fg_fleet_node(f, 1) != fg_fleet_node(f, 2) &&
                fg_fleet_node(f, 0) != fg_fleet_node(f, 2));
    fg_fleet_destroy(f);

    s.clients = 500;
    f = fleet_of(&s, t, NULL, 0);
    unsigned seen[14] = {0};
    for (uint32_t c = 0; c < 500; c++) {
        assert_int_equal(fg_fleet_node(f, c), c % 5);
        assert_true(fg_fleet_shift_days(f, c) < 14 && (c < 5) == (fg_fleet_shift_days(f, c) == 0));
        seen[fg_fleet_shift_days(f, c)]++;
    }
    for (int d = 1; d < 14; d++) {
        assert_true(seen[d] > 15 && seen[d] < 65); /* 38 expected */
    }
    assert_int_equal(fg_fleet_reused(f), 500);
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
}

/* Of a fleet in these zones: how many histories there are, each pair of clients compared. */
static uint32_t histories_of(const struct fg_trace *t, const struct fg_zone_carbon *z, size_t n_zones,
                             bool zones_differ)
{
    enum { N = 400 };
    struct fg_fleet_spec s = spec_of(N);
    struct fg_fleet *f = fleet_of(&s, t, z, n_zones);
    uint32_t history[N], first[N], n = 0, met = 0;
    assert_int_equal(fg_fleet_histories(f, history, first, &n), FG_OK);
    for (uint32_t c = 0; c < N; c++) {
        assert_in_range(history[c], 0, met); /* counted by who comes first */
        if (history[c] == met) {
            assert_int_equal(first[met++], c);
        }
        for (uint32_t d = 0; d < c; d++) {
            bool same = fg_fleet_node(f, c) == fg_fleet_node(f, d) &&
                        fg_fleet_shift_days(f, c) == fg_fleet_shift_days(f, d) &&
                        (!zones_differ || fg_fleet_zone(f, c) == fg_fleet_zone(f, d));
            assert_int_equal(history[c] == history[d], same);
        }
        for (int64_t h = 0; h < 14 * 24; h += 7) {
            fg_time_t at = fg_fleet_start(f) + h * FG_HOUR;
            assert_int_equal(fg_fleet_is_up(f, c, at), fg_fleet_is_up(f, first[history[c]], at));
        }
    }
    assert_int_equal(n, met);
    fg_fleet_destroy(f);
    return n;
}

static void clients_of_one_history_are_up_together(void **state)
{
    (void)state;
    static const char local[] =
        "# clock: local\n# span_s: 1209600\nnode,start_s,end_s\nA,0,70000\nB,0,2000\n";
    struct fg_trace *t = trace_of(countries), *l = trace_of(local);
    struct fg_carbon *c = carbon_of("c", "Europe/Berlin", "2024-09-01", 24 * 14, 100),
                     *d = carbon_of("d", "Asia/Tokyo", "2024-09-01", 24 * 14, 100);
    const struct fg_zone_carbon z[] = {{"DE", c}, {"FR", d}};
    assert_in_range(histories_of(t, NULL, 0, false), 60, 5 * 14);
    assert_in_range(histories_of(t, z, 2, false), 60,
                    5 * 14); /* recorded for as long: the zone says nothing */
    assert_in_range(histories_of(l, z, 2, true), 2 * 14, 2 * 2 * 14);
    struct fg_fleet_spec s = spec_of(400);
    struct fg_fleet *f = fleet_of(&s, t, NULL, 0);
    uint32_t history[400], first[400], n = 7;
    long left = 0;
    fg_mem_set_hook(fg_fail_nth, &left);
    assert_int_equal(fg_fleet_histories(f, history, first, &n), FG_E_NOMEM);
    fg_mem_set_hook(NULL, NULL);
    assert_int_equal(n, 7);
    fg_fleet_destroy(f);
    fg_carbon_destroy(c);
    fg_carbon_destroy(d);
    fg_trace_destroy(t);
    fg_trace_destroy(l);
}

static void country_decides_the_zone_where_known(void **state)
{
    (void)state;
    struct fg_trace *t = trace_of(countries);
    struct fg_carbon *c = carbon_of("c", "UTC", "2024-09-01", 24 * 14, 100);
    const struct fg_zone_carbon z[] = {{"DE", c}, {"AU-NSW", c}, {"AU-VIC", c}, {"GB", c}, {"G", c}};
    struct fg_fleet_spec s = spec_of(1000);
    struct fg_fleet *f = fleet_of(&s, t, z, 5);
    unsigned au[5] = {0}, jp[5] = {0}, all = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        const char *node = fg_trace_node_name(t, fg_fleet_node(f, i)),
                   *zone = fg_fleet_zone_name(f, fg_fleet_zone(f, i));
        if (strcmp(node, "DE-1") == 0 || strcmp(node, "GB-1") == 0) {
            assert_int_equal(strncmp(node, zone, 2), 0);
        }
        au[fg_fleet_zone(f, i)] += strcmp(node, "AU-1") == 0;
        jp[fg_fleet_zone(f, i)] += strcmp(node, "JP-1") == 0;
    }
    assert_true(au[0] + au[3] + au[4] == 0 && au[1] > 60 && au[2] > 60); /* 100 each expected */
    for (int k = 0; k < 5; k++) {
        assert_true(jp[k] > 15); /* 40 expected */
        all += fg_fleet_zone_clients(f, (uint32_t)k);
    }
    assert_int_equal(all, 1000);
    assert_int_equal(fg_fleet_synthetic(f), 400); /* JP and US */
    fg_fleet_destroy(f);
    struct fg_err err;
    const struct fg_zone_carbon twice[] = {{"DE", c}, {"DE", c}};
    assert_int_equal(fg_fleet_create(&f, &s, t, twice, 2, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "zone DE is given twice"));
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

static void speeds_are_keyed_by_client_and_lognormal(void **state)
{
    (void)state;
    struct fg_fleet_spec s = spec_of(20000);
    s.samples_per_s = 100;
    s.speed_spread = 0.5;
    s.uplink_mbps = 8;
    s.link_spread = 0;
    struct fg_fleet *f = fleet_of(&s, NULL, NULL, 0);
    s.clients = 10;
    s.link_spread = 0.4;
    struct fg_fleet *g = fleet_of(&s, NULL, NULL, 0);
    double sum = 0, square = 0;
    for (uint32_t c = 0; c < 20000; c++) {
        double x = log(fg_fleet_samples_per_s(f, c) / 100);
        sum += x;
        square += x * x;
    }
    fg_assert_close(sum / 20000, 0, 0.015);
    fg_assert_close(sqrt(square / 20000), 0.5, 0.01);
    for (uint32_t c = 0; c < 10; c++) {
        assert_true(fg_fleet_samples_per_s(f, c) == fg_fleet_samples_per_s(g, c));
        assert_true(fg_fleet_power_w(f, c) == fg_fleet_power_w(g, c));
        fg_assert_close(fg_fleet_uplink_bps(f, c), 1e6, 0);
        fg_assert_close(fg_fleet_downlink_bps(g, c) / fg_fleet_uplink_bps(g, c), 100.0 / 8, 1e-5);
    }
    fg_fleet_destroy(f);
    fg_fleet_destroy(g);
}

static void spec_out_of_range_is_refused(void **state)
{
    (void)state;
    struct fg_fleet *f = NULL;
    struct fg_err err;
    struct fg_fleet_spec s = spec_of(0);
    assert_int_equal(fg_fleet_create(&f, &s, NULL, NULL, 0, &err), FG_E_CONFIG);
    assert_non_null(strstr(err.text, "clients: expected 1 to"));
    s = spec_of(1);
    s.pue = 0.5;
    assert_int_equal(fg_fleet_create(&f, &s, NULL, NULL, 0, &err), FG_E_CONFIG);
    s = spec_of(1);
    s.speed_spread = NAN;
    assert_int_equal(fg_fleet_create(&f, &s, NULL, NULL, 0, &err), FG_E_CONFIG);
}

static void create_without_memory_fails_cleanly(void **state)
{
    (void)state;
    struct fg_trace *t = trace_of(countries);
    struct fg_carbon *c = carbon_of("c", "UTC", "2024-09-01", 24 * 14, 100);
    const struct fg_zone_carbon z[] = {{"DE", c}, {"GB", c}};
    struct fg_fleet_spec s = spec_of(3);
    int n = 0;
    for (;; n++) {
        long left = n;
        struct fg_fleet *f = NULL;
        struct fg_err err = {""};
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_fleet_create(&f, &s, t, z, 2, &err);
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            fg_fleet_destroy(f);
            break;
        }
        assert_int_equal(st, FG_E_NOMEM);
        assert_null(f);
    }
    assert_true(n >= 11);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_trace_everyone_is_up),
        cmocka_unit_test(nodes_one_to_one_drawn_and_reused),
        cmocka_unit_test(clients_of_one_history_are_up_together),
        cmocka_unit_test(country_decides_the_zone_where_known),
        cmocka_unit_test(speeds_are_keyed_by_client_and_lognormal),
        cmocka_unit_test(spec_out_of_range_is_refused),
        cmocka_unit_test(create_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
