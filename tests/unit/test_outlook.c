/* What a run expects: nothing of the future is read, what is asked twice is the same, wakes are
 * remembered. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/forecast/outlook.h"

enum { NODES = 4, HOURS = 400, NOW = 250 };
#define ZERO INT64_C(1725148800) /* a Sunday */

/* Node i is up for 2 + 3 i hours of each day, from some hour on; from hour `change` on everything is
 * other. */
static struct fg_trace *make_trace(int change)
{
    struct fg_str text = {0};
    struct fg_trace *t = NULL;
    assert_int_equal(
        fg_str_addf(&text, "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\nnode,start_s,end_s\n"), FG_OK);
    for (int i = 0; i < NODES; i++) {
        for (int d = 0; d < HOURS / 24; d++) {
            int from = 24 * d + 3 * i, to = from + 2 + 3 * i;
            if (from >= change) {
                from = 24 * d + 20;
                to = from + 1 + i;
            }
            assert_int_equal(fg_str_addf(&text, "n%d,%d,%d\n", i, from * 3600, to * 3600), FG_OK);
        }
    }
    assert_int_equal(fg_trace_parse(&t, "t", text.data, text.len, NULL, NULL), FG_OK);
    fg_str_fini(&text);
    return t;
}

static double grams_at(int hour)
{
    return 100.0 + 10.0 * (hour % 24) + (hour / 24 % 7 == 0 ? 50.0 : 0.0);
}

static struct fg_carbon *make_carbon(int change)
{
    struct fg_str text = {0};
    struct fg_carbon *c = NULL;
    assert_int_equal(fg_str_addf(&text, "utc_time,gco2_per_kwh\n"), FG_OK);
    for (int h = 0; h < HOURS; h++) {
        char day[32];
        snprintf(day, sizeof day, "2024-09-%02dT%02d:00:00Z", 1 + h / 24, h % 24);
        assert_int_equal(fg_str_addf(&text, "%s,%g\n", day, h > change ? 7.0 : grams_at(h)), FG_OK);
    }
    struct fg_err err = {{0}};
    if (fg_carbon_parse(&c, "c", text.data, text.len, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    fg_str_fini(&text);
    return c;
}

struct place {
    struct fg_trace *trace;
    struct fg_carbon *carbon;
    struct fg_fleet *fleet;
};

/* Takes the trace. */
static struct place make_fleet(struct fg_trace *trace, struct fg_carbon *carbon, uint32_t clients)
{
    struct place p = {.trace = trace, .carbon = carbon};
    struct fg_zone_carbon zone = {"Z", p.carbon};
    struct fg_fleet_spec spec;
    struct fg_err err = {{0}};
    fg_fleet_spec_defaults(&spec);
    spec.clients = clients;
    spec.start = (ZERO + 200 * 3600) * FG_SECOND;
    if (fg_fleet_create(&p.fleet, &spec, p.trace, &zone, 1, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return p;
}

static struct place make_place(int change)
{
    return make_fleet(make_trace(change), make_carbon(change), NODES);
}

static void leave(struct place *p)
{
    fg_fleet_destroy(p->fleet);
    fg_carbon_destroy(p->carbon);
    fg_trace_destroy(p->trace);
}

static struct fg_outlook *look(const struct place *p, const char *up, const char *carbon, bool from_wakes)
{
    struct fg_outlook_config cfg = {.fleet = p->fleet,
                                    .slot = FG_HOUR,
                                    .horizon = 60,
                                    .availability = up,
                                    .carbon = carbon,
                                    .history_h = 150,
                                    .from_wakes = from_wakes};
    struct fg_outlook *o = NULL;
    struct fg_err err = {{0}};
    if (fg_outlook_create(&o, &cfg, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return o;
}

static void see(struct fg_outlook *o, const struct place *p, int hour)
{
    uint32_t up[NODES];
    fg_time_t now = (ZERO + hour * INT64_C(3600)) * FG_SECOND;
    size_t n = fg_fleet_available(p->fleet, now, up, NULL);
    assert_int_equal(fg_outlook_see(o, now, up, n), FG_OK);
}

static void nothing_of_the_future_is_read(void **state)
{
    (void)state;
    struct place a = make_place(10000), b = make_place(NOW);
    for (size_t k = 0; fg_outlook_availability_name(k) != NULL; k++) {
        size_t m =
            0; /* each availability predictor with some carbon predictor, and all of these at least once */
        while (fg_outlook_carbon_name(m) != NULL) {
            m++;
        }
        const char *up = fg_outlook_availability_name(k), *carbon = fg_outlook_carbon_name(k % m);
        struct fg_outlook *x = look(&a, up, carbon, false), *y = look(&b, up, carbon, false);
        bool same = true, same_carbon = true;
        for (int hour = 200; hour <= NOW; hour += 5) {
            see(x, &a, hour);
            see(y, &b, hour);
        }
        for (uint32_t h = 0; h < 60; h++) {
            for (uint32_t i = 0; i < NODES; i++) {
                same = same && fg_outlook_up(x, i, h) == fg_outlook_up(y, i, h);
            }
            same_carbon = same_carbon && fg_outlook_carbon(x, 0, h) == fg_outlook_carbon(y, 0, h);
        }
        assert_true(same == (strcmp(up, "oracle") != 0));
        assert_true(same_carbon == (strcmp(carbon, "oracle") != 0));
        fg_outlook_destroy(x);
        fg_outlook_destroy(y);
    }
    leave(&a);
    leave(&b);
}

/* Slot 0 and carbon are what they are with everything forecast, also after a stop, a copy, and kept. */
static void with_carbon_alone_the_rest_is_the_same(void **state)
{
    (void)state;
    struct place p = make_place(10000);
    for (int from_wakes = 0; from_wakes < 2; from_wakes++) {
        struct fg_outlook *all = look(&p, "ensemble", "ensemble", from_wakes != 0), *o = NULL, *copy = NULL;
        struct fg_outlook_config cfg = {.fleet = p.fleet,
                                        .slot = FG_HOUR,
                                        .horizon = 60,
                                        .availability = "ensemble",
                                        .carbon = "ensemble",
                                        .history_h = 150,
                                        .from_wakes = from_wakes != 0,
                                        .carbon_alone = true};
        struct fg_err err;
        assert_int_equal(fg_outlook_create(&o, &cfg, &err), FG_OK);
        assert_int_equal(fg_outlook_create(&copy, &cfg, &err), FG_OK);
        see(all, &p, NOW - 30);
        see(o, &p, NOW - 30);
        if (from_wakes) {
            struct fg_str bytes = {0};
            fg_outlook_settle(o);
            assert_int_equal(fg_outlook_save(o, &bytes), FG_OK);
            struct fg_reader r = fg_reader_of(bytes.data, bytes.len);
            assert_int_equal(fg_outlook_load(copy, &r), FG_OK);
            assert_true(fg_reader_done(&r));
            fg_str_fini(&bytes);
        } else {
            assert_int_equal(fg_outlook_copy(copy, o), FG_OK);
            fg_outlook_keep(copy, NULL, true);
        }
        for (int hour = NOW - 29; hour <= NOW; hour++) {
            see(all, &p, hour);
            see(o, &p, hour);
            see(copy, &p, hour);
            for (uint32_t i = 0; i < NODES; i++) {
                assert_true(fg_outlook_up(o, i, 0) == fg_outlook_up(all, i, 0));
                assert_true(fg_outlook_up(copy, i, 0) == fg_outlook_up(all, i, 0));
            }
            for (uint32_t h = 0; h < 60; h++) {
                assert_true(fg_outlook_carbon(o, 0, h) == fg_outlook_carbon(all, 0, h));
                assert_true(fg_outlook_carbon(copy, 0, h) == fg_outlook_carbon(all, 0, h));
            }
        }
        fg_outlook_destroy(all);
        fg_outlook_destroy(o);
        fg_outlook_destroy(copy);
    }
    leave(&p);
}

static void the_oracle_knows_and_the_ensemble_comes_near(void **state)
{
    (void)state;
    struct place p = make_place(10000);
    struct fg_outlook *o = look(&p, "oracle", "oracle", false), *e = look(&p, "ensemble", "ensemble", false);
    double squares = 0.0;
    see(o, &p, NOW);
    see(e, &p, NOW);
    for (uint32_t h = 0; h < 60; h++) {
        for (uint32_t i = 0; i < NODES; i++) {
            uint32_t hour = (NOW + h) % 24, first = 3 * i;
            double truth = hour >= first && hour < first + 2 + 3 * i ? 1.0 : 0.0;
            assert_true(fg_outlook_up(o, i, h) == truth);
            double miss = fg_outlook_up(e, i, h) - truth;
            squares += h > 0 ? miss * miss / (59 * NODES) : 0.0;
        }
        fg_assert_close(fg_outlook_carbon(o, 0, h), grams_at((int)(NOW + h)), 1e-9);
        fg_assert_close(fg_outlook_carbon(e, 0, h), grams_at((int)(NOW + h)), 60.0);
    }
    assert_true(squares < 0.06); /* the four nodes together are up 27 of 96 hours: climatology has 0.2 */
    fg_outlook_destroy(o);
    fg_outlook_destroy(e);
    leave(&p);
}

static void what_is_asked_twice_is_the_same(void **state)
{
    (void)state;
    struct place p = make_place(10000);
    for (int from_wakes = 0; from_wakes < 2; from_wakes++) {
        struct fg_outlook *o = look(&p, "ensemble", "ensemble", from_wakes != 0);
        double before[NODES];
        for (int hour = 200; hour <= NOW; hour++) {
            see(o, &p, hour);
        }
        for (uint32_t i = 0; i < NODES; i++) {
            before[i] = fg_outlook_up(o, i, 7);
        }
        see(o, &p, NOW);
        for (uint32_t i = 0; i < NODES; i++) {
            assert_true(before[i] == fg_outlook_up(o, i, 7));
        }
        fg_outlook_destroy(o);
    }
    leave(&p);
}

/* Saved after a commit, with one more look that came to nothing; the loaded one goes on as if it never
 * was. */
static void what_was_settled_comes_back(void **state)
{
    (void)state;
    struct place p = make_place(10000);
    for (int from_wakes = 0; from_wakes < 2; from_wakes++) {
        struct fg_outlook *a = look(&p, "ensemble", "ensemble", from_wakes != 0),
                          *b = look(&p, "ensemble", "ensemble", from_wakes != 0);
        struct fg_str bytes = {0};
        for (int hour = 200; hour <= 230; hour++) {
            see(a, &p, hour);
        }
        fg_outlook_settle(a);
        see(a, &p, 233);
        assert_int_equal(fg_outlook_save(a, &bytes), FG_OK);
        struct fg_reader in = fg_reader_of(bytes.data, bytes.len);
        assert_int_equal(fg_outlook_load(b, &in), FG_OK);
        assert_true(fg_reader_done(&in));
        fg_outlook_destroy(a);
        a = look(&p, "ensemble", "ensemble", from_wakes != 0);
        for (int hour = 200; hour <= 230; hour++) {
            see(a, &p, hour);
        }
        see(a, &p, 240);
        see(b, &p, 240);
        for (uint32_t h = 0; h < 60; h++) {
            for (uint32_t i = 0; i < NODES; i++) {
                assert_true(fg_outlook_up(a, i, h) == fg_outlook_up(b, i, h));
            }
        }
        fg_str_fini(&bytes);
        fg_outlook_destroy(a);
        fg_outlook_destroy(b);
    }
    leave(&p);
}

/* One that learnt the past for another, whose future differs: from there on they are the same as if it had
 * seen all of it itself. */
static void what_was_learnt_is_given_on(void **state)
{
    (void)state;
    struct place a = make_place(10000), b = make_place(NOW);
    for (size_t k = 0; fg_outlook_availability_name(k) != NULL; k++) {
        size_t m = 0;
        while (fg_outlook_carbon_name(m) != NULL) {
            m++;
        }
        const char *up = fg_outlook_availability_name(k), *carbon = fg_outlook_carbon_name(k % m);
        struct fg_outlook *past = look(&a, up, carbon, false), *x = look(&b, up, carbon, false),
                          *own = look(&b, up, carbon, false);
        see(past, &a, NOW - 10);
        assert_int_equal(fg_outlook_copy(x, past), FG_OK);
        see(past, &a, NOW + 30); /* it is no part of what was given */
        fg_outlook_destroy(past);
        for (int hour = NOW - 10; hour <= NOW + 40; hour += 5) {
            see(x, &b, hour);
            see(own, &b, hour);
            for (uint32_t h = 0; h < 60; h++) {
                for (uint32_t i = 0; i < NODES; i++) {
                    assert_true(fg_outlook_up(x, i, h) == fg_outlook_up(own, i, h));
                }
                assert_true(fg_outlook_carbon(x, 0, h) == fg_outlook_carbon(own, 0, h));
            }
        }
        fg_outlook_destroy(x);
        fg_outlook_destroy(own);
    }
    leave(&a);
    leave(&b);
}

/* Up to `last` in steps of five hours, all that is asked is what one says that saw it alone. */
static void expect_alike(struct fg_outlook *x, const struct place *p, const char *up, const char *carbon,
                         int last)
{
    struct fg_outlook *own = look(p, up, carbon, false);
    for (int hour = NOW - 10; hour <= last; hour += 5) {
        see(x, p, hour);
        see(own, p, hour);
        for (uint32_t h = 0; h < 60; h++) {
            for (uint32_t i = 0; i < NODES; i++) {
                assert_true(fg_outlook_up(x, i, h) == fg_outlook_up(own, i, h));
            }
            assert_true(fg_outlook_carbon(x, 0, h) == fg_outlook_carbon(own, 0, h));
        }
    }
    fg_outlook_destroy(own);
}

/* One that keeps what it forecasts sees a future again, and further than before, as if for the first time;
 * others find its carbon on the shelf, where another future branches off. */
static void a_future_is_seen_again(void **state)
{
    (void)state;
    struct place a = make_place(10000), b = make_place(NOW);
    const char *up = "ensemble", *carbon = "ensemble";
    for (int rows = 0; rows < 2; rows++) {
        struct fg_outlook *past = look(&a, up, carbon, false), *x = look(&a, up, carbon, false),
                          *y = look(&b, up, carbon, false);
        struct fg_carbon_shelf *shelf = NULL;
        see(past, &a, NOW - 15);
        assert_int_equal(fg_carbon_shelf_create(&shelf, fg_outlook_carbon_ahead(x)), FG_OK);
        fg_outlook_keep(x, shelf, rows == 1);
        fg_outlook_keep(y, shelf, rows == 1);
        assert_int_equal(fg_outlook_copy(x, past), FG_OK);
        for (int play = 0; play < 3; play++) {
            fg_outlook_again(x, a.fleet, 60);
            if (rows == 0 && play > 0) {
                assert_int_equal(fg_outlook_copy(x, past), FG_OK);
                fg_outlook_again(x, a.fleet, 60);
            }
            expect_alike(x, &a, up, carbon, NOW + 20 * play);
        }
        for (int play = 0; play < 2; play++) {
            assert_int_equal(fg_outlook_copy(y, past), FG_OK);
            fg_outlook_again(y, play == 0 ? a.fleet : b.fleet, 60);
            expect_alike(y, play == 0 ? &a : &b, up, carbon, NOW + 30);
        }
        fg_outlook_destroy(x);
        fg_outlook_destroy(y);
        fg_outlook_destroy(past);
        fg_carbon_shelf_destroy(shelf);
    }
    leave(&a);
    leave(&b);
}

/* A trace in which each client of a fleet has a row of its own. */
static struct fg_trace *unshared(const struct place *p, uint32_t clients)
{
    struct fg_str text = {0};
    struct fg_trace *t = NULL;
    fg_time_t zero = ZERO * FG_SECOND, end = zero + p->trace->span_s * FG_SECOND;
    assert_int_equal(
        fg_str_addf(&text,
                    "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\n# span_s: %lld\nnode,start_s,end_s\n",
                    (long long)p->trace->span_s),
        FG_OK);
    for (uint32_t c = 0; c < clients; c++) {
        fg_time_t from = fg_fleet_next_up(p->fleet, c, zero);
        while (from < end) {
            fg_time_t to = fg_fleet_up_until(p->fleet, c, from);
            assert_int_equal(fg_str_addf(&text, "c%u,%lld,%lld\n", c, (long long)((from - zero) / FG_SECOND),
                                         (long long)((to - zero) / FG_SECOND)),
                             FG_OK);
            from = fg_fleet_next_up(p->fleet, c, to);
        }
    }
    assert_int_equal(fg_trace_parse(&t, "t", text.data, text.len, NULL, NULL), FG_OK);
    fg_str_fini(&text);
    return t;
}

/* Clients that share a history are forecast as if each had been looked at: what only counts is the same to
 * the bit, what is a sum of fractions up to the rounding of their order. */
static void who_shares_a_history_is_forecast_as_if_alone(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    struct place shared = make_fleet(make_trace(10000), make_carbon(10000), CLIENTS);
    struct place own = make_fleet(unshared(&shared, CLIENTS), make_carbon(10000), CLIENTS);
    for (size_t k = 0; fg_outlook_availability_name(k) != NULL; k++) {
        const char *up = fg_outlook_availability_name(k);
        bool sums = strcmp(up, "survival") == 0 || strcmp(up, "logistic") == 0 || strcmp(up, "ensemble") == 0;
        struct fg_outlook *x = look(&shared, up, "persistence", false),
                          *y = look(&own, up, "persistence", false);
        assert_true(strcmp(up, "oracle") == 0 || fg_outlook_row(x) < fg_outlook_row(y) / 2);
        fg_time_t now = (ZERO + NOW * INT64_C(3600)) * FG_SECOND;
        assert_int_equal(fg_outlook_see(x, now, NULL, 0), FG_OK);
        assert_int_equal(fg_outlook_see(y, now, NULL, 0), FG_OK);
        for (uint32_t h = 0; h < 60; h++) {
            for (uint32_t i = 0; i < CLIENTS; i++) {
                fg_assert_close(fg_outlook_up(x, i, h), fg_outlook_up(y, i, h), sums ? 1e-9 : 0.0);
            }
        }
        fg_outlook_destroy(x);
        fg_outlook_destroy(y);
    }
    leave(&shared);
    leave(&own);
}

static struct fg_prospect prospect(const struct fg_outlook *o, uint32_t c, uint32_t h, double seconds)
{
    struct fg_prospect all[60];
    fg_outlook_prospects(all, o, c, seconds, 60);
    return all[h];
}

/* Chance to begin, to last and the part that is done, from the chance of a whole hour and
 * that to stay for one. */
static void work_is_foreseen_from_its_slot_on(void **state)
{
    (void)state;
    struct place p = make_place(10000);
    struct fg_outlook *o = look(&p, "ensemble", "ensemble", false),
                      *knows = look(&p, "oracle", "ensemble", false);
    see(o, &p, NOW);
    see(knows, &p, NOW);
    for (uint32_t c = 0; c < NODES; c++) {
        double stay = fg_outlook_up(o, c, 0);
        for (uint32_t h = 0; h < 60; h++) {
            struct fg_prospect hour = prospect(o, c, h, 3600.0), part = prospect(o, c, h, 1800.0);
            double up = fg_outlook_up(o, c, h), done = 0.0;
            for (int k = 0; k < 1000; k++) {
                done += pow(stay, 0.5 * (k + 0.5) / 1000.0) / 1000.0;
            }
            assert_true(hour.begins == (h == 0 ? 1.0 : fmin(1.0, up / stay)) && part.begins == hour.begins);
            assert_true(hour.begins == 1.0 || fabs(hour.lasts - up) < 1e-9);
            assert_true(fabs(part.lasts - part.begins * sqrt(stay)) < 1e-9);
            assert_true(fabs(part.share - done) < 1e-6);
            /* node c is up for 2 + 3 c hours from 3 c o'clock on */
            uint32_t clock = (NOW + h) % 24, node = fg_fleet_node(p.fleet, c);
            double left =
                clock >= 3 * node && clock < 3 * node + 2 + 3 * node ? 2.0 + 6.0 * node - clock : 0.0;
            struct fg_prospect sure = prospect(knows, c, h, 3.0 * 3600.0);
            assert_true(sure.begins == (left > 0.0 ? 1.0 : 0.0) && sure.lasts == (left >= 3.0 ? 1.0 : 0.0));
            assert_true(left == 0.0 || fabs(sure.share - fmin(1.0, left / 3.0)) < 1e-9);
        }
    }
    fg_outlook_destroy(o);
    fg_outlook_destroy(knows);
    leave(&p);
}

/* A run that begins with its trace: who is up and who is not at the first look is all there is. */
static void the_first_look_counts(void **state)
{
    (void)state;
    enum { ALL = 40, UP = 28 };
    struct fg_str text = {0};
    struct place p = {.carbon = make_carbon(10000)};
    struct fg_zone_carbon zone = {"Z", p.carbon};
    struct fg_fleet_spec spec;
    struct fg_err err = {{0}};
    assert_int_equal(
        fg_str_addf(&text, "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\nnode,start_s,end_s\n"), FG_OK);
    for (int i = 0; i < ALL; i++) {
        assert_int_equal(fg_str_addf(&text, "n%02d,%d,%d\n", i, i < UP ? 0 : 90000, 1000000), FG_OK);
    }
    assert_int_equal(fg_trace_parse(&p.trace, "t", text.data, text.len, NULL, NULL), FG_OK);
    fg_str_fini(&text);
    fg_fleet_spec_defaults(&spec);
    spec.clients = ALL;
    spec.start = ZERO * FG_SECOND;
    assert_int_equal(fg_fleet_create(&p.fleet, &spec, p.trace, &zone, 1, &err), FG_OK);
    uint32_t up[ALL], n = (uint32_t)fg_fleet_available(p.fleet, spec.start, up, NULL);
    for (size_t k = 0; fg_outlook_availability_name(k) != NULL; k++) {
        const char *name = fg_outlook_availability_name(k);
        if (strcmp(name, "binomial") == 0 || strcmp(name, "oracle") == 0) { /* a guarantee; the truth */
            continue;
        }
        struct fg_outlook *o = look(&p, name, "ensemble", false);
        assert_int_equal(fg_outlook_see(o, spec.start, up, n), FG_OK);
        for (uint32_t h = 1; h < 60; h += 7) {
            double sum = 0.0;
            for (uint32_t c = 0; c < ALL; c++) {
                sum += prospect(o, c, h, 600.0).begins / ALL;
            }
            if (fabs(sum - (double)n / ALL) > 0.07) {
                fail_msg("%s, %u slots ahead: %g, and %g are up", name, h, sum, (double)n / ALL);
            }
        }
        assert_true(fg_outlook_up(o, up[0], 0) > 0.9);
        fg_outlook_destroy(o);
    }
    leave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_of_the_future_is_read),
        cmocka_unit_test(with_carbon_alone_the_rest_is_the_same),
        cmocka_unit_test(the_oracle_knows_and_the_ensemble_comes_near),
        cmocka_unit_test(what_is_asked_twice_is_the_same),
        cmocka_unit_test(what_was_settled_comes_back),
        cmocka_unit_test(what_was_learnt_is_given_on),
        cmocka_unit_test(a_future_is_seen_again),
        cmocka_unit_test(who_shares_a_history_is_forecast_as_if_alone),
        cmocka_unit_test(work_is_foreseen_from_its_slot_on),
        cmocka_unit_test(the_first_look_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
