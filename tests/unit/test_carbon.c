/* Carbon intensity files: what is refused, exact integrals, and files that do not mix. */
#include "tests/lib/test.h"

#include <stdio.h>

#include "src/availability/carbon.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define GOOD                                                                                        \
    "# zone: DE\n# tz: Europe/Berlin\n# kind: average\n# scope: life-cycle\n# basis: consumption\n" \
    "utc_time,gco2_per_kwh\n2023-01-01T00:00:00Z,100\n2023-01-01T01:00:00Z,200.5\n2023-01-01T02:00:00Z,50\n"

static void refused(const char *text, const char *message)
{
    struct fg_carbon *c = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_carbon_parse(&c, "c.csv", text, strlen(text), NULL, &err), FG_E_INPUT);
    assert_null(c);
    if (strstr(err.text, message) == NULL) {
        fail_msg("expected '%s' in '%s'", message, err.text);
    }
}

static struct fg_carbon *parsed(const char *name, const char *text)
{
    struct fg_carbon *c = NULL;
    struct fg_err err = {""};
    if (fg_carbon_parse(&c, name, text, strlen(text), NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return c;
}

static void parse_good_file_gives_keys_and_hours(void **state)
{
    (void)state;
    struct fg_carbon *c = parsed("c.csv", GOOD);
    assert_string_equal(c->zone, "DE");
    assert_string_equal(c->tz, "Europe/Berlin");
    assert_string_equal(c->basis, "consumption");
    assert_int_equal(c->start_s, 1672531200);
    assert_int_equal(c->hours, 3);
    fg_assert_close(fg_carbon_mean(c), 350.5 / 3, 1e-12);
    fg_carbon_destroy(c);
}

static void parse_bad_files_names_line_and_times(void **state)
{
    (void)state;
#define H "utc_time,gco2_per_kwh\n"
    refused("", "empty file");
    refused(H, "no good rows");
    refused("time,value\n", "c.csv:1: expected the header utc_time,gco2_per_kwh");
    refused(H "2023-01-01T00:00:00Z\n", "expected 2 columns");
    refused(H "2023-01-01T00:30:00Z,1\n", "expected a full hour");
    refused(H "1.1.2023,1\n", "found '1.1.2023'");
    refused(H "2023-01-01T00:00:00Z,nan\n", "expected a number, found 'nan'");
    refused(H "2023-01-01T00:00:00Z,-3\n", "expected 0 to 10000, found '-3'");
    refused(H "2023-01-01T00:00:00Z,1e30\n", "expected 0 to 10000");
    refused(H "2023-01-01T00:00:00Z,1e999\n", "expected 0 to 10000");
    refused(H "2023-01-01T00:00:00Z,much\n", "expected a number, found 'much'");
    refused(H "2023-01-01T00:00:00Z,1\n2023-01-01T03:00:00Z,1\n",
            "c.csv:3: hole of 2 hours: 2023-01-01T03:00:00Z follows 2023-01-01T00:00:00Z of line 2");
    refused(H "2023-01-01T00:00:00Z,1\n2023-01-01T00:00:00Z,1\n", "2023-01-01T00:00:00Z is there twice");
    refused(H "2023-01-02T00:00:00Z,1\n2023-01-01T00:00:00Z,1\n", "must be one hour apart");
    refused("# kind: guessed\n" H "2023-01-01T00:00:00Z,1\n", "kind: expected average or marginal");
#undef H
}

static void more_hours_than_any_file_has_are_refused(void **state)
{
    (void)state;
    enum { HOURS = 2000001, ROW = 24 };
    char *text = fg_calloc((size_t)HOURS * ROW + 64, 1), *at = text;
    assert_non_null(text);
    at += sprintf(at, "utc_time,gco2_per_kwh\n");
    for (int64_t h = 0; h < HOURS; h++) {
        char time[32];
        fg_iso_format(time, (h - 600000) * 3600); /* 1901 to 2129 */
        at += sprintf(at, "%s,1\n", time);
    }
    refused(text, "c.csv:2000002: expected at most 2000000 hours");
    fg_free(text);
}

static void integral_agrees_with_a_sum_over_seconds(void **state)
{
    (void)state;
    struct fg_carbon *c = parsed("c.csv", GOOD);
    struct fg_rng rng;
    fg_rng_init(&rng, 7, FG_RNG_TEST, 0, 0);
    static const double value[] = {100, 200.5, 50};
    for (int i = 0; i < 300; i++) {
        int64_t t0 = (int64_t)fg_rng_below(&rng, 14000) - 2000, t1 = t0 + fg_rng_below(&rng, 14000);
        double sum = 0;
        for (int64_t t = t0; t < t1; t++) {
            sum += value[t < 0 ? 0 : t >= 3 * 3600 ? 2 : t / 3600];
        }
        fg_assert_close(fg_carbon_integral(c, t0 * 1000000, t1 * 1000000), sum, 1e-6);
    }
    fg_assert_close(fg_carbon_integral(c, 3600 * INT64_C(1000000) - 250000, 3600 * INT64_C(1000000) + 500000),
                    0.25 * 100 + 0.5 * 200.5, 1e-12);
    assert_true(fg_carbon_integral(c, 5, 5) == 0.0);
    fg_carbon_destroy(c);
}

static void check_alike_names_both_files_and_the_key(void **state)
{
    (void)state;
    struct fg_carbon *a = parsed("a.csv", GOOD);
    struct fg_carbon *b = parsed("b.csv", "# kind: average\n# scope: life-cycle\n# basis: production\n"
                                          "utc_time,gco2_per_kwh\n2023-01-01T00:00:00Z,1\n");
    const struct fg_carbon *pair[] = {a, b}, *same[] = {a, a};
    struct fg_err err;
    assert_int_equal(fg_carbon_check_alike(same, 2, &err), FG_OK);
    assert_int_equal(fg_carbon_check_alike(pair, 2, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "basis: a.csv says 'consumption', b.csv says 'production'"));
    assert_non_null(strstr(err.text, "carbon.allow_mixed"));
    fg_carbon_destroy(a);
    fg_carbon_destroy(b);
}

static void parse_without_memory_fails_cleanly(void **state)
{
    (void)state;
    int n = 0;
    for (;; n++) {
        long left = n;
        struct fg_carbon *c = NULL;
        struct fg_err err = {""};
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_carbon_parse(&c, "c.csv", GOOD, strlen(GOOD), NULL, &err);
        fg_mem_set_hook(NULL, NULL);
        if (st == FG_OK) {
            fg_carbon_destroy(c);
            break;
        }
        assert_int_equal(st, FG_E_NOMEM);
        assert_null(c);
    }
    assert_true(n > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_good_file_gives_keys_and_hours),
        cmocka_unit_test(parse_bad_files_names_line_and_times),
        cmocka_unit_test(more_hours_than_any_file_has_are_refused),
        cmocka_unit_test(integral_agrees_with_a_sum_over_seconds),
        cmocka_unit_test(check_alike_names_both_files_and_the_key),
        cmocka_unit_test(parse_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
