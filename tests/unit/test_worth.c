/* What forecasts are worth: the oracle is the best, the true model comes next, and the twin resembles. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/forecast/carbon.h"
#include "src/forecast/forecast.h"
#include "src/planner/worth_impl.h"

static struct fg_trace *chains(uint32_t nodes, uint32_t hours, double pi, double lambda)
{
    struct fg_synth_spec spec;
    struct fg_str s = {0};
    struct fg_trace *t = NULL;
    fg_synth_defaults(&spec);
    spec.nodes = nodes;
    spec.hours = hours;
    spec.pi = pi;
    spec.lambda = lambda;
    spec.half_hours = 1;
    assert_int_equal(fg_synth_text(&s, &spec, NULL), FG_OK);
    assert_int_equal(fg_trace_parse(&t, "chains", s.data, s.len, NULL, NULL), FG_OK);
    fg_str_fini(&s);
    return t;
}

/* Daily sawtooth 100 .. 330 and noise. */
static struct fg_carbon *zone(size_t hours)
{
    struct fg_str s = {0};
    struct fg_carbon *c = NULL;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 11, 0);
    assert_int_equal(fg_str_addf(&s, "utc_time,gco2_per_kwh\n"), FG_OK);
    for (size_t i = 0; i < hours; i++) {
        assert_int_equal(fg_str_addf(&s, "2024-01-%02zuT%02zu:00:00Z,%.3f\n", i / 24 + 1, i % 24,
                                     100.0 + 10.0 * (double)(i % 24) + 15.0 * fg_rng_uniform(&r)),
                         FG_OK);
    }
    assert_int_equal(fg_carbon_parse(&c, "zone", s.data, s.len, NULL, NULL), FG_OK);
    fg_str_fini(&s);
    return c;
}

static double regret(const struct fg_worth *w, const char *availability, const char *carbon)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        if (strcmp(w->rows[i].availability, availability) == 0 && strcmp(w->rows[i].carbon, carbon) == 0) {
            return w->rows[i].regret;
        }
    }
    fail_msg("no row %s, %s", availability, carbon);
    return 0.0;
}

static void better_forecasts_lose_less(void **state)
{
    (void)state;
    struct fg_trace *t = chains(16, 31 * 24, 0.5, 0.9);
    struct fg_carbon *c = zone(31 * 24);
    struct fg_zone_carbon zones[] = {{"A", c}};
    struct fg_worth_spec spec;
    struct fg_worth w;
    struct fg_err err = {""};
    fg_worth_defaults(&spec);
    if (fg_worth_run(&w, t, zones, 1, &spec, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    double ensemble = regret(&w, "ensemble", "ensemble");
    assert_int_equal(w.windows, 24);          /* (744 - 168 - 24) h / 24 h + 1 */
    assert_true(w.irreducible.regret > 0.02); /* who will be up in 24 h is not known to anyone */
    assert_true(w.twin_ensemble.regret >= w.irreducible.regret - 0.01);
    /* The trace is itself a chain: what the twin's true model loses is what can at best be lost here. */
    fg_assert_close(ensemble, w.irreducible.regret, 0.05);
    assert_true(ensemble < regret(&w, "climatology", "ensemble"));
    assert_true(ensemble < regret(&w, "ensemble", "climatology"));
    assert_true(regret(&w, "oracle", "ensemble") < 0.5 * ensemble);
    /* planning again each hour knows who is up now, and still not who will be */
    assert_true(w.hourly.regret < 0.5 * ensemble && w.hourly.regret > 0.0);
    assert_true(w.hourly_irreducible.regret < 0.5 * w.irreducible.regret &&
                w.hourly_irreducible.regret > 0.0);
    assert_true(w.hourly_twin.regret < 0.5 * w.twin_ensemble.regret);
    assert_true(w.hourly.low <= w.hourly.regret && w.hourly.regret <= w.hourly.high);
    fg_assert_close(w.hourly.regret, w.hourly_irreducible.regret, 0.03);
    assert_true(w.rows[w.ensemble].low <= ensemble && ensemble <= w.rows[w.ensemble].high);
    for (size_t i = 0; i < w.n_rows; i++) {
        assert_true(w.rows[i].regret > -0.01 && w.rows[i].regret < 1.0); /* none beats the oracle */
    }
    fg_worth_fini(&w);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

/* The twin's rates are the scene's; its maker's forecasts are calibrated on it. */
static void the_twin_resembles_and_its_maker_is_calibrated(void **state)
{
    (void)state;
    enum { HOURS = 31 * 24, SLOTS = 6 };
    struct fg_trace *t = chains(40, HOURS, 0.4, 0.8);
    struct fg_carbon *c = zone(HOURS);
    struct fg_zone_carbon zones[] = {{"A", c}};
    struct fg_fleet_spec who;
    struct fg_fleet *f = NULL;
    struct fg_scene real = {0}, drawn = {0};
    struct fg_twin twin;
    double p[40 * SLOTS], g[SLOTS], sum[SLOTS] = {0}, came[SLOTS] = {0}, error = 0.0, n = 0.0;
    fg_fleet_spec_defaults(&who);
    who.clients = 40;
    who.wrap = true;
    assert_int_equal(fg_fleet_create(&f, &who, t, zones, 1, NULL), FG_OK);
    assert_int_equal(fg_scene_of_fleet(&real, f, HOURS), FG_OK);
    assert_int_equal(fg_twin_draw(&twin, &drawn, &real, 5, NULL), FG_OK);
    for (int64_t h = 24; h + SLOTS < HOURS; h++) {
        fg_twin_forecast(&twin, &drawn, h, SLOTS, p, g);
        for (uint32_t k = 0; k < SLOTS; k++) {
            for (uint32_t i = 0; i < 40; i++) {
                sum[k] += p[i * SLOTS + k];
                came[k] += drawn.up_s[(size_t)(h + k) * 40 + i] == 3600;
            }
            error += g[k] - fg_scene_grams(&drawn, 0)[h + k];
        }
        n += 40.0;
    }
    for (uint32_t k = 0; k < SLOTS; k++) {
        fg_assert_close(sum[k] / n, came[k] / n, 0.02);
        /* whole hours: pi times the chance to stay, 1 - .2 .6 */
        fg_assert_close(came[k] / n, 0.4 * 0.88, 0.05);
    }
    fg_assert_close(error / (n / 40.0 * SLOTS), 0, 2.0);
    fg_twin_fini(&twin);
    fg_scene_fini(&real);
    fg_scene_fini(&drawn);
    fg_fleet_destroy(f);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

static void a_scene_shows_what_the_trace_eye_sees(void **state)
{
    (void)state;
    struct fg_trace *t = chains(12, 200, 0.5, 0.7);
    struct fg_trace_eye *eye = NULL;
    struct fg_fleet_spec who;
    struct fg_fleet *f = NULL;
    struct fg_scene s = {0};
    struct fg_seen a[12], b[12] = {{0}};
    fg_fleet_spec_defaults(&who);
    who.clients = 12;
    assert_int_equal(fg_fleet_create(&f, &who, t, NULL, 0, NULL), FG_OK);
    assert_int_equal(fg_scene_of_fleet(&s, f, 200), FG_OK);
    assert_int_equal(fg_trace_eye_create(&eye, t), FG_OK);
    for (int64_t h = 0; h < 200; h++) {
        fg_trace_eye_next(eye, a);
        fg_scene_see(&s, h, b);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(a[i].known, b[i].known);
            assert_int_equal(a[i].up, b[i].up);
            assert_int_equal(a[i].up_s, b[i].up_s);
            assert_int_equal(a[i].age_s, b[i].age_s);
        }
    }
    fg_trace_eye_destroy(eye);
    fg_scene_fini(&s);
    fg_fleet_destroy(f);
    fg_trace_destroy(t);
}

static void every_failed_allocation_is_reported_and_ranges_are_checked(void **state)
{
    (void)state;
    struct fg_trace *t = chains(2, 72, 0.5, 0.5);
    struct fg_carbon *c = zone(72);
    struct fg_zone_carbon zones[] = {{"A", c}};
    struct fg_worth_spec spec;
    struct fg_worth w;
    enum fg_status st = FG_E_NOMEM;
    fg_worth_defaults(&spec);
    spec.slots = 2;
    long step = 1;
    for (long n = 0; st != FG_OK; n += step) {
        long left = n;
        assert_in_range(n, 0, 20000);
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_worth_run(&w, t, zones, 1, &spec, NULL);
        fg_mem_set_hook(NULL, NULL);
        assert_true(st == FG_OK || st == FG_E_NOMEM);
        step = n > 300 ? 37 : 1;
    }
    fg_worth_fini(&w);
    spec.slots = 25;
    assert_int_equal(fg_worth_run(&w, t, zones, 1, &spec, NULL), FG_E_RANGE);
    spec.slots = 24;
    spec.hours_max = 30;
    assert_int_equal(fg_worth_run(&w, t, zones, 1, &spec, NULL), FG_E_INPUT);
    fg_carbon_destroy(c);
    fg_trace_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(better_forecasts_lose_less),
        cmocka_unit_test(the_twin_resembles_and_its_maker_is_calibrated),
        cmocka_unit_test(a_scene_shows_what_the_trace_eye_sees),
        cmocka_unit_test(every_failed_allocation_is_reported_and_ranges_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
