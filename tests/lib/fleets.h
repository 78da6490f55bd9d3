/* Small traces, carbon files and fleets for the tests of the fleet. */
#ifndef FG_TESTS_FLEETS_H
#define FG_TESTS_FLEETS_H

#include "src/availability/fleet.h"
#include "src/base/calendar.h"
#include "tests/lib/test.h"

static inline struct fg_trace *trace_of(const char *text)
{
    struct fg_trace *t = NULL;
    struct fg_err err = {""};
    if (fg_trace_parse(&t, "t.csv", text, strlen(text), NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return t;
}

/* Hours that count up from `first`, g/kWh = number of the hour + base. */
static inline struct fg_carbon *carbon_of(const char *name, const char *tz, const char *first, int hours,
                                          double base)
{
    struct fg_str s = {0};
    struct fg_carbon *c = NULL;
    struct fg_err err = {""};
    int64_t t = 0;
    assert_int_equal(fg_iso_parse(&t, first, strlen(first)), FG_OK);
    assert_int_equal(fg_str_addf(&s, "# tz: %s\nutc_time,gco2_per_kwh\n", tz), FG_OK);
    for (int h = 0; h < hours; h++) {
        char at[32];
        fg_iso_format(at, t + h * 3600);
        assert_int_equal(fg_str_addf(&s, "%s,%g\n", at, base + h), FG_OK);
    }
    if (fg_carbon_parse(&c, name, s.data, s.len, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    fg_str_fini(&s);
    return c;
}

static inline struct fg_fleet_spec spec_of(uint32_t clients)
{
    struct fg_fleet_spec s;
    fg_fleet_spec_defaults(&s);
    s.clients = clients;
    s.seed = 11;
    return s;
}

static inline struct fg_fleet *fleet_of(const struct fg_fleet_spec *s, const struct fg_trace *t,
                                        const struct fg_zone_carbon *z, size_t n)
{
    struct fg_fleet *f = NULL;
    struct fg_err err = {""};
    if (fg_fleet_create(&f, s, t, z, n, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return f;
}

#endif
