/* The real traces, where they are (in $FORAGE_DATA or ../shared/data beside the source folder): counts and
 * means as their README states them; the samples that ship, always. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "src/availability/fleet.h"
#include "src/availability/stat.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"

/* "" when absent. */
static void find(char path[1200], const char *folder, const char *name)
{
    const char *source = getenv("FG_SRCDIR"), *data = getenv("FORAGE_DATA");
    snprintf(path, 1200, "%s/traces/%s/%s.csv.gz", data != NULL ? data : "/nonexistent", folder, name);
    if (access(path, R_OK) != 0) {
        snprintf(path, 1200, "%s/../shared/data/traces/%s/%s.csv.gz", source != NULL ? source : ".", folder,
                 name);
    }
    if (access(path, R_OK) != 0) {
        path[0] = '\0';
    }
}

static void availability_files_match_their_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t nodes, intervals;
        double days, mean, median;
    } want[] = {
        {"volunteer-desktops-vpngate-2024-09_2024-11", 384, 5010, 91, 0.725, 0.747},
        {"volunteer-tor-relays-2026-04_2026-06", 1000, 3855, 91, 0.683, 0.949},
        {"mobile-extrasensory-charging-wifi", 28, 576, 7, 0.126, 0.116},
        {"mobile-extrasensory-wifi", 28, 1701, 7, 0.339, 0.343},
        {"spot-aws-v100-9zones-2023-02", 9, 1895, 45.5, 0.644, 0.682},
        {"spot-aws-k80-v100-8pools-2022-10", 8, 1529, 27.0, 0.525, 0.473},
        {"spot-aws-v100-16node-2023-08", 32, 2399, 16.4, 0.403, 0.421},
        {"spot-aws-v100-4node-2023-08", 12, 606, 17.8, 0.598, 0.731},
        {"spot-aws-r5-3zones-2023-04", 3, 224, 6.3, 0.810, 0.851},
        {"spot-aws-v100-4zones-2023-04", 4, 204, 7.4, 0.608, 0.661},
        {"spot-aws-bamboo-p3", 177, 177, 0.5, 0.136, 0.100},
        {"spot-aws-bamboo-g4dn", 79, 79, 0.4, 0.162, 0.100},
        {"grid-osg-sites-2023_2025", 285, 1547, 1096, 0.972, 0.994},
        {"hpc-lanl-2003-07_2005-06", 255, 1427, 731, 0.999, 1.000},
    };
    size_t seen = 0;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char path[1200];
        struct fg_trace *t = NULL;
        struct fg_trace_stat s;
        struct fg_err err = {""};
        find(path, "availability", want[i].name);
        if (path[0] == '\0') {
            continue;
        }
        seen++;
        if (fg_trace_load(&t, path, NULL, &err) != FG_OK || fg_trace_check(t, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(t->nodes, want[i].nodes);
        assert_int_equal(t->first[t->nodes], want[i].intervals);
        fg_assert_close((double)t->span_s / 86400, want[i].days, 0.06);
        assert_int_equal(fg_trace_stat(t, &s), FG_OK);
        fg_assert_close(s.availability.mean, want[i].mean, 0.0006);
        fg_assert_close(s.availability.p50, want[i].median, 0.0006);
        fg_trace_destroy(t);
    }
    if (seen == 0) {
        skip();
    }
}

static void carbon_files_match_their_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t hours;
        double mean, min, max;
    } want[] = {
        {"DE_2022", 8760, 476.2, 167.0, 759.0},
        {"DE_2023", 8760, 395.1, 135.5, 778.9},
        {"GB_2023", 8760, 187.5, 28.1, 380.1},
        {"AU-NSW_2023", 8760, 554.2, 186.7, 777.1},
        {"AU-VIC_2023", 8760, 504.4, 233.4, 788.4},
        {"IN-WE_2023", 8760, 749.2, 672.9, 790.1},
        {"KR_2023", 8760, 439.7, 265.1, 498.8},
        {"SG_2023", 8760, 488.1, 451.1, 499.5},
        {"CL-SIC_2023", 8760, 275.6, 80.2, 557.7},
        {"BR-SP_2023", 8760, 90.3, 46.0, 152.0},
        {"CA-ON_2023", 8760, 72.8, 9.0, 190.6},
        {"GB_2022", 8760, 222.0, 40.4, 391.5},
        {"IN-WE_2022", 8760, 747.5, 667.1, 787.7},
        {"US-CAL-CISO_2022", 8760, 261.3, 89.1, 443.6},
        {"US-CAL-CISO_2023", 8760, 261.2, 94.0, 429.4},
        {"US-TEX-ERCO_2022", 8760, 399.5, 129.6, 601.8},
        {"US-TEX-ERCO_2023", 8760, 380.3, 152.9, 578.3},
        {"US-MIDA-PJM_2023", 8760, 392.5, 307.4, 509.4},
        {"US-MIDW-MISO_2023", 8760, 496.3, 305.7, 633.5},
        {"US-NE-ISNE_2023", 8760, 283.0, 154.4, 528.7},
        {"US-NW-BPAT_2023", 8760, 125.1, 27.4, 260.4},
        {"US-NW-PACE_2023", 8760, 647.0, 279.0, 946.4},
        {"US-SE-SOCO_2023", 8760, 431.0, 314.2, 534.7},
        {"US-FLA-FPL_2023", 8760, 405.9, 230.3, 483.4},
        {"US-SW-AZPS_2023", 8760, 422.2, 134.7, 736.2},
        {"FR_2020", 8784, 56.3, 19.5, 116.0},
        {"GB_2020", 8784, 212.9, 64.7, 384.1},
        {"DE_2020", 8784, 313.4, 101.7, 592.6},
        {"SE_2021-10_2022-09", 8068, 37.4, 20.0, 86.0},
        {"FR_2021-10_2022-09", 8068, 79.2, 22.0, 136.0},
        {"IE_2022-01_2022-09", 5772, 328.0, 101.0, 626.0},
        {"PL_2022-08_2022-09", 910, 650.0, 500.5, 741.0},
    };
    size_t seen = 0;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        char path[1200];
        struct fg_carbon *c = NULL;
        struct fg_carbon_stat s;
        struct fg_err err = {""};
        find(path, "carbon", want[i].name);
        if (path[0] == '\0') {
            continue;
        }
        seen++;
        if (fg_carbon_load(&c, path, NULL, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(c->hours, want[i].hours);
        assert_int_equal(fg_carbon_stat(c, NULL, &s), FG_OK);
        fg_assert_close(s.g_per_kwh.mean, want[i].mean, 0.0501);
        fg_assert_close(fg_carbon_mean(c), want[i].mean, 0.0501);
        fg_assert_close(s.g_per_kwh.min, want[i].min, 0.0501);
        fg_assert_close(s.g_per_kwh.max, want[i].max, 0.0501);
        fg_carbon_destroy(c);
    }
    if (seen == 0) {
        skip();
    }
}

/* Mean intensity, weighted by the up time of a trace that is up from 9 to 17 h every day of the year. */
static double office_hours_intensity(const struct fg_carbon *c, const char *head)
{
    struct fg_str text = {0};
    struct fg_trace *t = NULL;
    struct fg_fleet *f = NULL;
    struct fg_err err = {""};
    struct fg_fleet_spec s;
    const struct fg_zone_carbon z = {"AU-NSW", c};
    fg_fleet_spec_defaults(&s);
    s.clients = 1;
    assert_int_equal(fg_str_addf(&text, "%s# span_s: %d\nnode,start_s,end_s\n", head, 364 * 86400), FG_OK);
    for (int d = 0; d < 364; d++) {
        assert_int_equal(fg_str_addf(&text, "a,%d,%d\n", d * 86400 + 9 * 3600, d * 86400 + 17 * 3600), FG_OK);
    }
    if (fg_trace_parse(&t, "t", text.data, text.len, NULL, &err) != FG_OK ||
        fg_fleet_create(&f, &s, t, &z, 1, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    double integral = 0, seconds = 0;
    fg_time_t from = fg_fleet_start(f), until = from + 363 * FG_DAY;
    while ((from = fg_fleet_next_up(f, 0, from)) < until) {
        fg_time_t end = fg_fleet_up_until(f, 0, from);
        integral += fg_fleet_carbon_integral(f, 0, from, end);
        seconds += fg_seconds(end - from);
        from = end;
    }
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
    fg_str_fini(&text);
    return integral / seconds;
}

static void local_and_utc_office_hours_differ_as_they_should(void **state)
{
    (void)state;
    char path[1200];
    struct fg_carbon *c = NULL;
    find(path, "carbon", "AU-NSW_2023");
    if (path[0] == '\0' || access("/usr/share/zoneinfo/Australia/Sydney", R_OK) != 0) {
        skip();
    }
    assert_int_equal(fg_carbon_load(&c, path, NULL, NULL), FG_OK);
    fg_assert_close(office_hours_intensity(c, "# clock: local\n"), 396, 3);
    fg_assert_close(office_hours_intensity(c, "# clock: utc\n# zero_utc: 2023-01-01T00:00:00Z\n"), 658, 3);
    fg_carbon_destroy(c);
}

static void samples_make_a_fleet_for_two_weeks(void **state)
{
    (void)state;
    static const char *const zones[] = {"AU-NSW", "BR-SP", "CA-ON", "CL-SIC", "GB", "IN-WE", "KR"};
    const char *source = getenv("FG_SRCDIR");
    struct fg_carbon *c[7] = {NULL};
    const struct fg_carbon *all[7];
    struct fg_zone_carbon z[7];
    struct fg_trace *t = NULL;
    struct fg_fleet *f = NULL;
    struct fg_fleet_spec s;
    struct fg_err err = {""};
    char path[1200];
    snprintf(path, sizeof path, "%s/datasets/samples/traces/volunteer-desktops-2w.csv",
             source != NULL ? source : ".");
    if (fg_trace_load(&t, path, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    for (int i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "%s/datasets/samples/traces/carbon-%s-2w.csv",
                 source != NULL ? source : ".", zones[i]);
        if (fg_carbon_load(&c[i], path, NULL, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
        assert_string_equal(c[i]->zone, zones[i]);
        assert_int_equal(c[i]->hours, 336);
        all[i] = c[i];
        z[i] = (struct fg_zone_carbon){zones[i], c[i]};
    }
    assert_int_equal(fg_carbon_check_alike(all, 7, &err), FG_OK);
    fg_fleet_spec_defaults(&s);
    s.clients = t->nodes;
    if (fg_fleet_create(&f, &s, t, z, 7, &err) != FG_OK ||
        fg_fleet_covers(f, fg_fleet_start(f) + 14 * FG_DAY, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fg_fleet_covers(f, fg_fleet_start(f) + 14 * FG_DAY + 1, NULL), FG_E_INPUT);
    uint32_t *up = calloc(t->nodes, sizeof *up);
    size_t n = fg_fleet_available(f, fg_fleet_start(f) + 5 * FG_DAY, up, NULL);
    assert_true(n > t->nodes / 2 && n < t->nodes);
    for (uint32_t k = 0; k < t->nodes; k++) {
        if (strncmp(fg_trace_node_name(t, fg_fleet_node(f, k)), "KR", 2) == 0) {
            assert_string_equal(fg_fleet_zone_name(f, fg_fleet_zone(f, k)), "KR");
        }
    }
    /* the first hour of the run meets the first hour of the file, 52 weeks before */
    fg_assert_close(fg_fleet_intensity(f, 6, fg_fleet_start(f)), c[6]->g_per_kwh[0], 0);
    free(up);
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
    for (int i = 0; i < 7; i++) {
        fg_carbon_destroy(c[i]);
    }
}

static void quantiles_and_patterns_of_a_small_trace(void **state)
{
    (void)state;
    /* 2024-09-01 is a Sunday; two nodes over two days. */
    static const char text[] =
        "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n# span_s: 172800\nnode,start_s,end_s\n"
        "a,0,3600\na,7200,9000\na,86400,90000\nb,0,172800\n";
    struct fg_trace *t = NULL;
    struct fg_trace_stat s;
    assert_int_equal(fg_trace_parse(&t, "t", text, sizeof text - 1, NULL, NULL), FG_OK);
    assert_int_equal(fg_trace_stat(t, &s), FG_OK);
    fg_assert_close(s.availability.mean, (9000.0 / 172800 + 1) / 2, 1e-12);
    assert_int_equal(s.session_h.n, 4);
    fg_assert_close(s.session_h.p50, 1.0, 1e-12);
    fg_assert_close(s.session_h.p10, 0.5 + 0.3 * 0.5, 1e-12);
    fg_assert_close(s.gap_h.mean, (1 + 21.5) / 2, 1e-12);
    assert_int_equal(s.cut_sessions, 2);
    fg_assert_close(s.up.hour[0], 1.0, 1e-12);
    fg_assert_close(s.up.hour[1], 0.5, 1e-12);
    fg_assert_close(s.up.hour[2], (0.75 + 0.5) / 2, 1e-12);
    assert_true(s.up.dated && s.up.have_day[6] && s.up.have_day[0] && !s.up.have_day[1]);
    fg_assert_close(s.up.day[6], (5400.0 / 86400 + 1) / 2, 1e-12);
    fg_trace_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(availability_files_match_their_table),
        cmocka_unit_test(carbon_files_match_their_table),
        cmocka_unit_test(local_and_utc_office_hours_differ_as_they_should),
        cmocka_unit_test(samples_make_a_fleet_for_two_weeks),
        cmocka_unit_test(quantiles_and_patterns_of_a_small_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
