/* Calendar and time zones against known dates of summer time, and against libc. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "src/availability/tz.h"
#include "src/availability/tz_rule.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"

static int64_t at(const char *iso)
{
    int64_t t = 0;
    if (fg_iso_parse(&t, iso, strlen(iso)) != FG_OK) {
        fail_msg("no time: %s", iso);
    }
    return t;
}

static struct fg_tz *zone(const char *name)
{
    struct fg_tz *tz = NULL;
    struct fg_err err = {""};
    if (fg_tz_create(&tz, name, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return tz;
}

static void need_tzdata(void)
{
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0) {
        print_message("no tz data on this machine\n");
        skip();
    }
}

static void days_and_dates_are_inverse(void **state)
{
    (void)state;
    assert_int_equal(fg_days_from_date(1970, 1, 1), 0);
    assert_int_equal(fg_days_from_date(2000, 3, 1), 11017);
    assert_int_equal(fg_weekday(fg_days_from_date(2024, 9, 1)), 6); /* a Sunday */
    assert_int_equal(fg_weekday(fg_days_from_date(1969, 12, 31)), 2);
    for (int64_t d = -800000; d < 800000; d += 37) {
        int64_t y;
        int m, day;
        fg_date_from_days(d, &y, &m, &day);
        assert_int_equal(fg_days_from_date(y, m, day), d);
        assert_true(m >= 1 && m <= 12 && day >= 1 && day <= 31);
    }
}

static void iso_times_are_read_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2024",
                                      "2024-13-01",
                                      "2023-02-29",
                                      "2024-01-01T24:00:00Z",
                                      "2024-01-01T00:60:00Z",
                                      "2024-01-01 00:00:00Z",
                                      "2024-01-01T00:00:00",
                                      "2024-01-01T00:00:00+0",
                                      "1024-01-01",
                                      "2024-01-01x"};
    char text[32];
    int64_t t = 0;
    assert_int_equal(at("2024-02-29T12:34:56Z"), 1709210096);
    assert_int_equal(at("2024-02-29T12:34Z"), 1709210040);
    assert_int_equal(at("1970-01-01"), 0);
    fg_iso_format(text, 1709210096);
    assert_string_equal(text, "2024-02-29T12:34:56Z");
    fg_iso_format(text, -1);
    assert_string_equal(text, "1969-12-31T23:59:59Z");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fg_iso_parse(&t, bad[i], strlen(bad[i])), FG_E_INPUT);
    }
}

static void week_shift_keeps_weekday_and_season(void **state)
{
    (void)state;
    int64_t y0 = at("2023-01-01"), y1 = at("2024-01-01"), shift = 1, distance = 1;
    assert_true(fg_week_shift(at("2023-06-05"), y0, y1, &shift, &distance));
    assert_true(shift == 0 && distance == 0);
    assert_true(fg_week_shift(at("2024-09-01"), y0, y1, &shift, &distance)); /* Sunday to Sunday */
    assert_int_equal(at("2024-09-01") + shift, at("2023-09-03"));
    assert_true(distance <= 4 * FG_DAY_S);
    assert_true(fg_week_shift(at("2015-12-31"), y0, y1, &shift, &distance)); /* Thursday to Thursday */
    assert_int_equal(at("2015-12-31") + shift, at("2023-12-28"));
    assert_true(fg_week_shift(at("2024-01-15"), at("2024-09-01"), at("2024-12-01"), &shift, &distance));
    assert_true(distance > 20 * FG_DAY_S);
    assert_false(fg_week_shift(at("2024-01-15"), at("2024-01-16"), at("2024-01-17"), &shift, &distance));
}

static void fixed_offsets_need_no_tz_data(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int32_t offset;
    } fixed[] = {{"UTC", 0},      {"Z", 0},           {"+02:00", 7200},    {"-3", -10800},
                 {"UTC+2", 7200}, {"GMT-05", -18000}, {"UTC+5:30", 19800}, {"-09:30", -34200}};
    setenv("TZDIR", "/nonexistent", 1);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        struct fg_tz *tz = zone(fixed[i].name);
        int64_t until;
        assert_int_equal(fg_tz_offset(tz, 1700000000, &until), fixed[i].offset);
        assert_int_equal(until, INT64_MAX);
        fg_tz_destroy(tz);
    }
    struct fg_tz *tz = NULL;
    struct fg_err err;
    assert_int_equal(fg_tz_create(&tz, "Europe/Berlin", &err), FG_E_MISSING);
    assert_non_null(strstr(err.text, "apt-get install tzdata"));
    unsetenv("TZDIR");
}

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "/etc/passwd", "../x",   "Europe//Berlin",
                                      "Europe/", "a b",         "+15:00", "UTC+1:3"};
    struct fg_tz *tz = NULL;
    struct fg_err err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum fg_status st = fg_tz_create(&tz, bad[i], &err);
        if (st != FG_E_INPUT && st != FG_E_MISSING) {
            fail_msg("'%s' was accepted", bad[i]);
        }
    }
    need_tzdata();
    assert_int_equal(fg_tz_create(&tz, "Europe/Atlantis", &err), FG_E_MISSING);
    assert_string_equal(err.text, "time zone 'Europe/Atlantis' is not in the tz data in /usr/share/zoneinfo");
}

static void known_changes_of_summer_time(void **state)
{
    (void)state;
    need_tzdata();
    static const struct {
        const char *zone, *change;
        int32_t before, after;
    } known[] = {
        {"Europe/Berlin", "2024-03-31T01:00:00Z", 3600, 7200},
        {"Europe/Berlin", "2024-10-27T01:00:00Z", 7200, 3600},
        {"Europe/London", "2023-03-26T01:00:00Z", 0, 3600},
        {"America/New_York", "2023-11-05T06:00:00Z", -14400, -18000},
        {"America/Los_Angeles", "2024-03-10T10:00:00Z", -28800, -25200},
        {"Australia/Sydney", "2023-09-30T16:00:00Z", 36000, 39600},
        {"Australia/Sydney", "2024-04-06T16:00:00Z", 39600, 36000},
        {"Europe/Berlin", "2060-03-28T01:00:00Z", 3600, 7200}, /* by the POSIX rule */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct fg_tz *tz = zone(known[i].zone);
        int64_t change = at(known[i].change), until = 0;
        assert_int_equal(fg_tz_offset(tz, change - 1, &until), known[i].before);
        assert_int_equal(until, change);
        assert_int_equal(fg_tz_offset(tz, change, &until), known[i].after);
        assert_true(until > change);
        fg_tz_destroy(tz);
    }
    struct fg_tz *tz = zone("Asia/Kolkata");
    assert_int_equal(fg_tz_offset(tz, at("2023-06-01"), NULL), 19800);
    fg_tz_destroy(tz);
    tz = zone("America/Sao_Paulo"); /* no summer time since 2019 */
    assert_int_equal(fg_tz_offset(tz, at("2023-01-15"), NULL), -10800);
    assert_int_equal(fg_tz_offset(tz, at("2018-12-15"), NULL), -7200);
    fg_tz_destroy(tz);
}

static void offsets_agree_with_libc(void **state)
{
    (void)state;
    need_tzdata();
    static const char *const names[] = {"Europe/Dublin",     "America/Santiago", "Australia/Melbourne",
                                        "Africa/Casablanca", "Asia/Seoul",       "America/Phoenix"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fg_tz *tz = zone(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t t = at("1975-01-01"); t < at("2050-01-01"); t += 1234567) {
            time_t now = (time_t)t;
            struct tm local;
            assert_non_null(localtime_r(&now, &local));
            if (fg_tz_offset(tz, t, NULL) != local.tm_gmtoff) {
                fail_msg("%s at %lld: %d, libc says %ld", names[i], (long long)t, fg_tz_offset(tz, t, NULL),
                         local.tm_gmtoff);
            }
        }
        fg_tz_destroy(tz);
    }
    unsetenv("TZ");
    tzset();
}

static void posix_rules_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "C",
                                      "CET",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1X",
                                      "<+0>1x",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "CET-1CEST,J0,J366"};
    struct fg_tz_rule r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(fg_tz_rule_parse(&r, bad[i], strlen(bad[i])));
    }
    int64_t until;
    assert_true(fg_tz_rule_parse(&r, "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 32)); /* Nuuk */
    assert_int_equal(fg_tz_rule_offset(&r, at("2040-01-01"), &until), -10800);
    assert_int_equal(until, at("2040-03-25T01:00:00Z"));
    assert_true(fg_tz_rule_parse(&r, "XXX3EDT4,0/0,J365/23", 20)); /* all year, as of RFC 8536, 3.3.1 */
    assert_int_equal(fg_tz_rule_offset(&r, at("2040-01-01T03:00:00Z"), &until), -14400);
    assert_int_equal(until, at("2041-01-01T03:00:00Z"));
    assert_int_equal(fg_tz_rule_offset(&r, at("2040-07-01"), &until), -14400);
    assert_true(fg_tz_rule_parse(&r, "AAA0BBB,J60,J300", 16));
    assert_int_equal(fg_tz_rule_offset(&r, at("2024-03-01T02:00:00Z"), &until),
                     3600); /* J60 is 1 March in a leap year */
    assert_int_equal(fg_tz_rule_offset(&r, at("2024-03-01T01:59:59Z"), &until), 0);
    assert_int_equal(fg_tz_rule_offset(&r, at("2023-03-01T02:00:00Z"), &until), 3600);
}

static void create_without_memory_fails_cleanly(void **state)
{
    (void)state;
    need_tzdata();
    for (int n = 0;; n++) {
        long left = n;
        struct fg_tz *tz = NULL;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_tz_create(&tz, "Europe/Berlin", NULL);
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            fg_tz_destroy(tz);
            assert_true(n >= 3);
            return;
        }
        assert_int_equal(st, FG_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_and_dates_are_inverse),
        cmocka_unit_test(iso_times_are_read_strictly),
        cmocka_unit_test(week_shift_keeps_weekday_and_season),
        cmocka_unit_test(fixed_offsets_need_no_tz_data),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(known_changes_of_summer_time),
        cmocka_unit_test(offsets_agree_with_libc),
        cmocka_unit_test(posix_rules_are_read_whole_or_not_at_all),
        cmocka_unit_test(create_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
