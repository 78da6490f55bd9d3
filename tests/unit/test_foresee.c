/* Futures drawn from the past: their shares and memory, the past kept, nothing read beyond the start. */
#include "src/availability/foresee.h"
#include "src/availability/synth.h"
#include "tests/lib/fleets.h"

enum { CLIENTS = 30, PAST_H = 400, AHEAD_H = 200 };

/* A synthetic trace on UTC whose part from hour `cut` on is another's. */
static struct fg_trace *chains(double pi, double lambda, uint64_t seed)
{
    struct fg_synth_spec s;
    struct fg_str text = {0}, all = {0};
    fg_synth_defaults(&s);
    s.nodes = CLIENTS;
    s.hours = PAST_H + AHEAD_H + 100;
    s.pi = pi;
    s.lambda = lambda;
    s.seed = seed;
    assert_int_equal(fg_synth_text(&text, &s, NULL), FG_OK);
    assert_int_equal(
        fg_str_addf(&all, "# clock: utc\n# zero_utc: 2024-01-01T00:00:00Z\n%s", strstr(text.data, "node,")),
        FG_OK);
    struct fg_trace *t = trace_of(all.data);
    fg_str_fini(&text);
    fg_str_fini(&all);
    return t;
}

static struct fg_fleet *after(const struct fg_trace *t, int hours, const struct fg_zone_carbon *z, size_t n)
{
    struct fg_fleet_spec s = spec_of(CLIENTS);
    s.start = (t->zero_s + hours * 3600) * FG_SECOND;
    return fleet_of(&s, t, z, n);
}

static void futures_have_the_share_and_memory_of_the_past(void **state)
{
    (void)state;
    struct fg_trace *t = chains(0.6, 0.7, 5);
    struct fg_fleet *f = after(t, PAST_H, NULL, 0);
    struct fg_foresee *p;
    struct fg_fleet *future;
    double up = 0, n = 0, stay = 0, from_up = 0, rise = 0, from_down = 0;
    assert_int_equal(fg_foresee_create(&p, f, PAST_H), FG_OK);
    assert_int_equal(fg_foresee_history_h(p), PAST_H);
    for (uint32_t d = 0; d < 40; d++) {
        assert_int_equal(fg_foresee_draw(p, 3, d, AHEAD_H, &future, NULL), FG_OK);
        for (uint32_t c = 0; c < CLIENTS; c++) {
            for (int h = 20; h < AHEAD_H - 1; h++) {
                fg_time_t at = fg_fleet_start(f) + h * FG_HOUR;
                bool x = fg_fleet_is_up(future, c, at), y = fg_fleet_is_up(future, c, at + FG_HOUR);
                up += x;
                n += 1;
                from_up += x;
                stay += x && y;
                from_down += !x;
                rise += !x && y;
            }
        }
    }
    fg_assert_close(up / n, 0.6, 0.04);
    fg_assert_close(stay / from_up - rise / from_down, 0.7, 0.04);
    fg_foresee_destroy(p);
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
}

/* Of clients that are all alike, those whose short past happens to be without a change are
 * not taken to be at rest for ever. */
static void clients_that_are_alike_are_taken_for_alike(void **state)
{
    (void)state;
    enum { SHORT_H = 60, LOOK_H = 10, DRAWS = 60 };
    double quiet = 0, changed = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fg_trace *t = chains(0.5, 0.94, seed); /* a change in 3 of 100 hours */
        struct fg_fleet *f = after(t, PAST_H, NULL, 0);
        struct fg_foresee *p;
        struct fg_fleet *future;
        assert_int_equal(fg_foresee_create(&p, f, SHORT_H), FG_OK);
        for (uint32_t d = 0; d < DRAWS; d++) {
            assert_int_equal(fg_foresee_draw(p, 3, d, LOOK_H, &future, NULL), FG_OK);
            for (uint32_t c = 0; c < CLIENTS; c++) {
                fg_time_t start = fg_fleet_start(f);
                bool now = fg_fleet_is_up(f, c, start), was_quiet = true, changes = false;
                for (int h = 0; h < SHORT_H; h++) {
                    was_quiet = was_quiet && fg_fleet_is_up(f, c, start - h * FG_HOUR) == now;
                }
                for (int h = 1; h <= LOOK_H; h++) {
                    changes = changes || fg_fleet_is_up(future, c, start + h * FG_HOUR) != now;
                }
                quiet += was_quiet;
                changed += was_quiet && changes;
            }
        }
        fg_foresee_destroy(p);
        fg_fleet_destroy(f);
        fg_trace_destroy(t);
    }
    assert_true(quiet > 500);
    /* 1 - 0.97^10 = 0.26 for who knows that they are alike; 0.04 for who does not look,
     * with a prior of 10 hours */
    assert_true(changed / quiet > 0.08 && changed / quiet < 0.3);
}

static void past_is_kept_and_present_is_where_it_begins(void **state)
{
    (void)state;
    struct fg_trace *t = chains(0.5, 0.8, 6);
    struct fg_carbon *c = carbon_of("A", "UTC", "2024-01-01T00:00:00Z", 900, 100);
    const struct fg_zone_carbon zones[] = {{"A", c}};
    struct fg_fleet *f = after(t, PAST_H, zones, 1);
    struct fg_foresee *p;
    struct fg_fleet *future;
    assert_int_equal(fg_foresee_create(&p, f, 100), FG_OK);
    assert_int_equal(fg_foresee_draw(p, 1, 0, AHEAD_H, &future, NULL), FG_OK);
    assert_int_equal(fg_fleet_start(future), fg_fleet_start(f));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        for (int h = -99; h <= 0; h++) {
            fg_time_t at = fg_fleet_start(f) + h * FG_HOUR;
            assert_int_equal(fg_fleet_is_up(future, i, at), fg_fleet_is_up(f, i, at));
        }
        assert_int_equal(fg_fleet_zone(future, i), fg_fleet_zone(f, i));
        assert_true(fg_fleet_power_w(future, i) == fg_fleet_power_w(f, i));
    }
    /* hours that count up: two weeks are whole; a week again, from today's level on */
    fg_assert_close(fg_fleet_intensity(future, 0, fg_fleet_start(f)), 100 + PAST_H, 1e-6);
    double next = fg_fleet_intensity(future, 0, fg_fleet_start(f) + FG_HOUR);
    assert_true(next > 0.8 * (100 + PAST_H) && next < 1.2 * (100 + PAST_H));
    double far = fg_fleet_intensity(future, 0, fg_fleet_start(f) + 150 * FG_HOUR);
    assert_true(far < 100 + PAST_H && far > 100);
    fg_foresee_destroy(p);
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
    fg_carbon_destroy(c);
}

/* The same past with another future gives the same draws. */
static void nothing_is_read_beyond_the_start(void **state)
{
    (void)state;
    static const char *const future_of[] = {"b,500000,600000\n", "b,360000,400000\n"};
    uint32_t up[2] = {0, 0};
    for (int k = 0; k < 2; k++) {
        char text[256];
        snprintf(text, sizeof text,
                 "# clock: utc\n# zero_utc: 2024-01-01T00:00:00Z\nnode,start_s,end_s\na,0,700000\n"
                 "b,3600,90000\nb,100000,200000\nb,250000,300000\n%s",
                 future_of[k]);
        struct fg_trace *t = trace_of(text);
        struct fg_fleet_spec s = spec_of(2);
        s.start = (t->zero_s + 100 * 3600 - 1800) * FG_SECOND;
        struct fg_fleet *f = fleet_of(&s, t, NULL, 0);
        struct fg_foresee *p;
        struct fg_fleet *future;
        assert_int_equal(fg_foresee_create(&p, f, 99), FG_OK);
        for (uint32_t d = 0; d < 20; d++) {
            assert_int_equal(fg_foresee_draw(p, 9, d, 48, &future, NULL), FG_OK);
            for (int m = 0; m < 48 * 60; m++) {
                up[k] =
                    up[k] * 31 + fg_fleet_is_up(future, 1, fg_fleet_start(f) + (fg_time_t)m * 60 * FG_SECOND);
            }
        }
        fg_foresee_destroy(p);
        fg_fleet_destroy(f);
        fg_trace_destroy(t);
    }
    assert_int_equal(up[0], up[1]);
    assert_int_not_equal(up[0], 0);
}

static void without_a_trace_nobody_leaves(void **state)
{
    (void)state;
    struct fg_fleet_spec s = spec_of(3);
    struct fg_fleet *f = fleet_of(&s, NULL, NULL, 0);
    struct fg_foresee *p;
    struct fg_fleet *future;
    assert_int_equal(fg_foresee_create(&p, f, 24), FG_OK);
    assert_int_equal(fg_foresee_draw(p, 1, 0, 24, &future, NULL), FG_OK);
    assert_true(fg_fleet_always_up(future));
    struct fg_err err = {""};
    assert_int_equal(fg_foresee_draw(p, 1, 0, 1000000000, &future, &err), FG_E_RANGE);
    fg_foresee_destroy(p);
    fg_fleet_destroy(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(futures_have_the_share_and_memory_of_the_past),
        cmocka_unit_test(clients_that_are_alike_are_taken_for_alike),
        cmocka_unit_test(past_is_kept_and_present_is_where_it_begins),
        cmocka_unit_test(nothing_is_read_beyond_the_start),
        cmocka_unit_test(without_a_trace_nobody_leaves),
    };
    return cmocka_run_group_tests_name("foresee", tests, NULL, NULL);
}
