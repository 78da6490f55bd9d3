/* The fleet in time: who is up when, against a twin that asks second by second; carbon of another year. */
#include "tests/lib/fleets.h"

#include <stdlib.h>
#include <unistd.h>

#include "src/base/rng.h"

#define US FG_SECOND

static const char countries[] =
    "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n# zone_of_node: country-prefix\n# span_s: 1209600\n"
    "node,start_s,end_s\nDE-1,0,1000\nGB-1,0,2000\nAU-1,0,3000\nJP-1,0,4000\nUS-1,5,6\n";

/* The twin: one client's state second by second, straight from the rules in fleet.h. */
struct twin {
    const struct fg_trace *t;
    bool wrap, berlin;
    int64_t start, zero; /* zero: run time (or Berlin local time) of the trace's zero */
    int64_t shift_days;
};

static bool twin_up(const struct twin *w, uint32_t node, int64_t now)
{
    int64_t week = 7 * 86400, pos = now - w->zero, span = w->t->span_s;
    if (w->berlin) {
        pos += now >= 1711846800 && now < 1729990800 ? 7200 : 3600; /* 2024-03-31, 2024-10-27 01:00 UTC */
    }
    if (w->wrap) {
        int64_t turn = span >= week ? span / week * week : span / 86400 * 86400;
        pos = ((pos % turn) + turn) % turn;
    }
    if (pos < 0 || pos >= span) {
        return false;
    }
    if (w->shift_days != 0) {
        pos = (pos + w->shift_days * 86400) % (span / 86400 * 86400);
    }
    for (uint32_t i = w->t->first[node]; i < w->t->first[node + 1]; i++) {
        if (pos >= (int64_t)w->t->start_s[i] && pos < (int64_t)w->t->end_s[i]) {
            return true;
        }
    }
    return false;
}

static void compare(const struct fg_fleet *f, struct twin *w, int64_t from, int64_t until)
{
    enum { STEP = 300 }; /* every time in these tests is a multiple of it */
    uint32_t clients = fg_fleet_clients(f), *list = calloc(clients, sizeof *list);
    fg_time_t *ends = calloc(clients, sizeof *ends);
    for (uint32_t c = 0; c < clients; c++) {
        uint32_t node = fg_fleet_node(f, c);
        w->shift_days = fg_fleet_shift_days(f, c);
        int64_t next_up = INT64_MAX, down = until, up = 0;
        for (int64_t now = until - STEP; now >= from; now -= STEP) {
            bool is = twin_up(w, node, now);
            next_up = is ? now : next_up;
            down = is ? down : now;
            up += is ? STEP : 0;
            assert_int_equal(fg_fleet_is_up(f, c, now * US), is);
            assert_int_equal(fg_fleet_is_up(f, c, (now + STEP) * US - 1), is);
            if (is && down < until) {
                int64_t far = now + (now / STEP % 40 + 1) * STEP;
                assert_int_equal(fg_fleet_up_until(f, c, now * US + 7), down * US);
                assert_int_equal(fg_fleet_stays(f, c, now * US + 7, far * US),
                                 (down < far ? down : far) * US);
            } else if (!is) {
                assert_int_equal(fg_fleet_up_until(f, c, now * US), now * US);
            }
            if (next_up < INT64_MAX) {
                assert_int_equal(fg_fleet_next_up(f, c, now * US + is), next_up * US + is);
            } else {
                assert_true(fg_fleet_next_up(f, c, now * US) >= until * US);
            }
            if ((now / STEP) % 97 == 0) {
                assert_int_equal(fg_fleet_up_us(f, c, now * US, until * US), up * US);
            }
        }
        assert_int_equal(fg_fleet_up_us(f, c, from * US, until * US), up * US);
    }
    for (int64_t now = from; now < until; now += 41 * STEP) {
        size_t n = fg_fleet_available(f, now * US, list, ends), k = 0;
        for (uint32_t c = 0; c < clients; c++) {
            if (fg_fleet_is_up(f, c, now * US)) {
                assert_true(k < n && list[k] == c);
                assert_true(ends[c] > now * US && ends[c] <= fg_fleet_up_until(f, c, now * US));
                k++;
            }
        }
        assert_int_equal(k, n);
    }
    free(ends);
    free(list);
}

static struct fg_trace *random_trace(uint32_t seed, const char *head, int64_t span)
{
    struct fg_rng r;
    struct fg_str s = {0};
    fg_rng_init(&r, seed, FG_RNG_TEST, 0, 1);
    assert_int_equal(fg_str_addf(&s, "%s# span_s: %lld\nnode,start_s,end_s\n", head, (long long)span), FG_OK);
    for (int n = 0; n < 4; n++) {
        int64_t at = n == 0 ? 0 : 300 * (int64_t)fg_rng_below(&r, 100);
        do {
            int64_t end = at + 300 + 300 * (int64_t)fg_rng_below(&r, 300);
            end = n == 3 ? span : end < span ? end : span; /* node 3 is up to the end */
            assert_int_equal(fg_str_addf(&s, "n%d,%lld,%lld\n", n, (long long)at, (long long)end), FG_OK);
            at = end + 300 + 300 * (int64_t)fg_rng_below(&r, 200);
        } while (at < span);
    }
    struct fg_trace *t = trace_of(s.data);
    fg_str_fini(&s);
    return t;
}

static void utc_traces_agree_with_the_twin(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 8; seed++) {
        int64_t zero = 1725148800, span = seed % 2 ? 9 * 86400 + 3600 : 5 * 86400 + 7200;
        struct fg_trace *t = random_trace(seed, "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n", span);
        struct fg_fleet_spec s = spec_of(seed % 3 == 0 ? 11 : 4);
        s.wrap = seed % 4 >= 2;
        s.start = seed < 4 ? FG_START_AUTO : (zero + 86400 + 300) * US;
        struct fg_fleet *f = fleet_of(&s, t, NULL, 0);
        assert_int_equal(fg_fleet_start(f), seed < 4 ? zero * US : s.start);
        struct twin w = {.t = t, .wrap = s.wrap, .zero = zero};
        compare(f, &w, fg_fleet_start(f) / US, zero + 22 * 86400);
        fg_fleet_destroy(f);
        fg_trace_destroy(t);
    }
}

static void elapsed_traces_start_with_the_run(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 4; seed++) {
        struct fg_trace *t = random_trace(seed, "# clock: elapsed\n# started: 2022-10-26\n", 3 * 86400 + 600);
        struct fg_fleet_spec s = spec_of(seed == 0 ? 4 : 9);
        s.start = 1700000100 * US;
        s.wrap = seed >= 2;
        struct fg_fleet *f = fleet_of(&s, t, NULL, 0);
        struct twin w = {.t = t, .wrap = s.wrap, .zero = 1700000100};
        compare(f, &w, 1700000100, 1700000100 + 8 * 86400);
        fg_fleet_destroy(f);
        fg_trace_destroy(t);
    }
}

static void local_traces_follow_summer_time(void **state)
{
    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        skip();
    }
    struct fg_carbon *c = carbon_of("c", "Europe/Berlin", "2024-03-25", 24 * 30, 100);
    const struct fg_zone_carbon z[] = {{"DE", c}};
    for (uint32_t seed = 0; seed < 4; seed++) {
        struct fg_trace *t = random_trace(seed, "# clock: local\n", 10 * 86400);
        struct fg_fleet_spec s = spec_of(seed == 0 ? 4 : 9);
        s.wrap = seed >= 2;
        struct fg_fleet *f = fleet_of(&s, t, z, 1);
        int64_t start = 1711324800; /* 2024-03-25T00:00Z, the carbon file's first hour: 01:00 in Berlin */
        assert_int_equal(fg_fleet_start(f), start * US);
        struct twin w = {.t = t, .wrap = s.wrap, .berlin = true, .zero = start};
        compare(f, &w, start, start + 17 * 86400);
        fg_fleet_destroy(f);
        fg_trace_destroy(t);
    }
    fg_carbon_destroy(c);
}

static void dated_local_trace_meets_weekday_and_season(void **state)
{
    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        skip();
    }
    /* 2015-09-07 is a Monday; the nearest Monday in 2023 is 2023-09-04 (3 days) rather than 11 (4 days). */
    struct fg_trace *t = trace_of("# clock: local\n# started: 2015-09-07\n# span_s: 1209600\n"
                                  "node,start_s,end_s\na,205200,234000\n"); /* Wednesday 9 to 17 h */
    struct fg_carbon *de = carbon_of("de", "Europe/Berlin", "2023-01-01", 8760, 0);
    struct fg_carbon *au = carbon_of("au", "Australia/Sydney", "2023-01-01", 8760, 0);
    const struct fg_zone_carbon z[] = {{"DE", de}, {"AU-NSW", au}};
    struct fg_fleet_spec s = spec_of(1);
    for (uint32_t seed = 0; seed < 8; seed++) {
        char text[32];
        s.seed = seed;
        struct fg_fleet *f = fleet_of(&s, t, z, 2);
        fg_iso_format(text, fg_fleet_start(f) / US);
        assert_string_equal(text, "2023-09-04T12:00:00Z");
        fg_iso_format(text, fg_fleet_next_up(f, 0, fg_fleet_start(f)) / US);
        assert_string_equal(text, fg_fleet_zone(f, 0) == 0 ? "2023-09-06T07:00:00Z" : "2023-09-05T23:00:00Z");
        fg_fleet_destroy(f);
    }
    fg_trace_destroy(t);
    fg_carbon_destroy(de);
    fg_carbon_destroy(au);
}

static void carbon_of_another_year_is_met_on_the_same_weekday(void **state)
{
    (void)state;
    struct fg_trace *t = trace_of(countries);
    struct fg_carbon *c = carbon_of("c2023.csv", "UTC", "2023-01-01", 8760, 0);
    const struct fg_zone_carbon z[] = {{"DE", c}};
    struct fg_fleet_spec s = spec_of(5);
    struct fg_fleet *f = fleet_of(&s, t, z, 1);
    fg_time_t start = fg_fleet_start(f);
    double hour = (double)(fg_days_from_date(2023, 9, 3) - fg_days_from_date(2023, 1, 1)) * 24;
    assert_int_equal(start, 1725148800 * US);
    fg_assert_close(fg_fleet_intensity(f, 0, start), hour, 0);
    fg_assert_close(fg_fleet_intensity(f, 0, start + 5 * FG_HOUR + 1), hour + 5, 0);
    fg_assert_close(fg_fleet_carbon_integral(f, 0, start + FG_HOUR / 2, start + FG_HOUR * 3 / 2),
                    1800 * (hour + hour + 1), 1e-6);
    fg_fleet_destroy(f);
    fg_carbon_destroy(c);

    struct fg_err err;
    c = carbon_of("january.csv", "UTC", "2023-01-01", 24 * 20, 100);
    const struct fg_zone_carbon y[] = {{"DE", c}};
    assert_int_equal(fg_fleet_create(&f, &s, t, y, 1, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "january.csv: covers 2023-01-01T00:00:00Z to 2023-01-21T00:00:00Z"));
    assert_non_null(strstr(err.text, "time.wrap"));
    s.wrap = true; /* two whole weeks repeat; 2024-09-01 is a Sunday, so is 2023-01-01 */
    f = fleet_of(&s, t, y, 1);
    double now = fg_fleet_intensity(f, 0, start);
    assert_true(fmod(now - 100, 168) == 0);
    assert_true(fg_fleet_intensity(f, 0, start + 14 * FG_DAY) == now);
    fg_assert_close(fg_fleet_carbon_integral(f, 0, start, start + 28 * FG_DAY),
                    2 * 3600 * (100 + 435) / 2.0 * 336, 1e-3);
    fg_fleet_destroy(f);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

static void run_longer_than_a_file_is_refused(void **state)
{
    (void)state;
    struct fg_trace *t = trace_of(countries);
    struct fg_carbon *c = carbon_of("short.csv", "UTC", "2024-09-01", 24 * 7, 100);
    const struct fg_zone_carbon z[] = {{"DE", c}};
    struct fg_fleet_spec s = spec_of(2);
    struct fg_fleet *f = fleet_of(&s, t, z, 1), *g = fleet_of(&s, t, NULL, 0);
    fg_time_t start = fg_fleet_start(f);
    struct fg_err err;
    assert_int_equal(fg_fleet_covers(f, start + 7 * FG_DAY, &err), FG_OK);
    assert_int_equal(fg_fleet_covers(f, start + 7 * FG_DAY + 1, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "carbon trace short.csv"));
    assert_int_equal(fg_fleet_covers(g, start + 14 * FG_DAY, &err), FG_OK);
    assert_int_equal(fg_fleet_covers(g, start + 15 * FG_DAY, &err), FG_E_INPUT);
    assert_non_null(strstr(
        err.text, "availability trace t.csv: it reaches 15.0000 days into it, which has 14.0000 days"));
    fg_fleet_destroy(f);
    fg_fleet_destroy(g);
    s.wrap = true;
    f = fleet_of(&s, t, z, 1);
    assert_int_equal(fg_fleet_covers(f, start + 1000 * FG_DAY, &err), FG_OK);
    fg_fleet_destroy(f);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

static void local_trace_needs_the_zones_time(void **state)
{
    (void)state;
    static const char no_tz[] = "utc_time,gco2_per_kwh\n2024-09-01T00:00:00Z,1\n";
    struct fg_trace *t = trace_of("# clock: local\nnode,start_s,end_s\na,0,3600\n");
    struct fg_carbon *c = NULL, *d = carbon_of("d.csv", "Europe/Atlantis", "2024-09-01", 48, 1);
    struct fg_fleet_spec s = spec_of(1);
    struct fg_fleet *f = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_carbon_parse(&c, "c.csv", no_tz, strlen(no_tz), NULL, &err), FG_OK);
    const struct fg_zone_carbon y[] = {{"DE", c}}, z[] = {{"DE", d}};
    assert_int_equal(fg_fleet_create(&f, &s, t, y, 1, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "c.csv: needs a `# tz:` line, because the availability trace t.csv"));
    assert_int_equal(fg_fleet_create(&f, &s, t, z, 1, &err), FG_E_MISSING);
    assert_non_null(strstr(err.text, "d.csv:1: time zone 'Europe/Atlantis'"));
    fg_carbon_destroy(c);
    fg_carbon_destroy(d);
    fg_trace_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_traces_agree_with_the_twin),
        cmocka_unit_test(elapsed_traces_start_with_the_run),
        cmocka_unit_test(local_traces_follow_summer_time),
        cmocka_unit_test(dated_local_trace_meets_weekday_and_season),
        cmocka_unit_test(carbon_of_another_year_is_met_on_the_same_weekday),
        cmocka_unit_test(run_longer_than_a_file_is_refused),
        cmocka_unit_test(local_trace_needs_the_zones_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
