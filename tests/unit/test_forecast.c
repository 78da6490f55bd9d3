/* Predictors: the Markov identity, no look into the future, what the eye sees, and the ensemble on traces. */
#include "tests/lib/test.h"

#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"
#include "src/forecast/rolling.h"

/* A trace of `nodes` two-state chains over `hours` full hours, all of them up at first. */
static struct fg_trace *chains(uint32_t nodes, uint32_t hours, double pi, double lambda)
{
    struct fg_str s = {0};
    struct fg_trace *t = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_str_addf(&s, "# span_s: %u\nnode,start_s,end_s\n", hours * 3600), FG_OK);
    for (uint32_t i = 0; i < nodes; i++) {
        struct fg_rng r;
        bool up = true;
        uint32_t since = 0;
        fg_rng_init(&r, fg_test_number("FG_TEST_SEED", 1), FG_RNG_TEST, 3, i);
        for (uint32_t h = 1; h <= hours; h++) {
            double p = lambda * (up ? 1 : 0) + (1 - lambda) * pi;
            bool next = fg_rng_uniform(&r) < p;
            if (up && (!next || h == hours)) {
                assert_int_equal(fg_str_addf(&s, "n%u,%u,%u\n", i, since * 3600, h * 3600), FG_OK);
            }
            since = next && !up ? h : since;
            up = next;
        }
    }
    if (fg_trace_parse(&t, "chains", s.data, strlen(s.data), NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    fg_str_fini(&s);
    return t;
}

static const struct fg_rolling_row *row(const struct fg_rolling *r, enum fg_event event, uint32_t h,
                                        const char *name)
{
    for (size_t i = 0; i < r->n_targets; i++) {
        if (r->targets[i].target.event == event && r->targets[i].target.horizon_h == h) {
            assert_true(r->targets[i].scored);
            return &r->targets[i].rows[fg_predictor_find(name)];
        }
    }
    fail();
    return NULL;
}

/* Brier score of the best forecast of a two-state chain: pi (1 - pi) (1 - lambda^2h). */
static void markov_skill_is_lambda_to_the_2h(void **state)
{
    (void)state;
    static const double pis[] = {0.5, 0.8}, lambdas[] = {0.5, 0.8, 0.95};
    for (size_t k = 0; k < 6; k += getenv("FG_LONG") != NULL ? 1 : 2) {
        double pi = pis[k / 3], lambda = lambdas[k % 3];
        struct fg_trace *t = chains(60, 1500, pi, lambda);
        struct fg_rolling_spec spec;
        struct fg_rolling r;
        fg_rolling_defaults(&spec);
        spec.horizons = 2;
        spec.oracle = true;
        assert_int_equal(fg_rolling_run(&r, t, &spec), FG_OK);
        for (size_t i = 0; i < 2; i++) {
            uint32_t h = spec.horizon_h[i];
            double base = row(&r, FG_EVENT_INSTANT, h, "climatology")->score.brier;
            static const char *const names[] = {"markov", "survival", "logistic", "ensemble"};
            for (size_t n = 0; n < 4; n++) {
                double brier = row(&r, FG_EVENT_INSTANT, h, names[n])->score.brier;
                fg_assert_close(1 - brier / base, pow(lambda, 2.0 * h), 0.02);
            }
            fg_assert_close(base, pi * (1 - pi), 0.02);
            fg_assert_close(row(&r, FG_EVENT_INSTANT, h, "oracle")->score.brier, 0, 0);
            fg_assert_close(row(&r, FG_EVENT_SLOT, h, "oracle")->score.brier, 0, 0);
        }
        fg_rolling_fini(&r);
        fg_trace_destroy(t);
    }
}

/* The trace with everything after `from_s` changed: what is up then stays up for an hour and a bit. */
static struct fg_trace *with_another_future(const struct fg_trace *t, int64_t from_s)
{
    struct fg_str s = {0};
    struct fg_trace *out = NULL;
    assert_int_equal(fg_str_addf(&s, "# span_s: %lld\nnode,start_s,end_s\n", (long long)t->span_s), FG_OK);
    for (uint32_t i = 0; i < t->nodes; i++) {
        for (uint32_t k = t->first[i]; k < t->first[i + 1]; k++) {
            if ((int64_t)t->start_s[k] <= from_s) {
                int64_t end = (int64_t)t->end_s[k] > from_s ? from_s + 4000 + 977 * (i % 5) : t->end_s[k];
                assert_int_equal(
                    fg_str_addf(&s, "%s,%u,%lld\n", fg_trace_node_name(t, i), t->start_s[k], (long long)end),
                    FG_OK);
            }
        }
    }
    assert_int_equal(fg_trace_parse(&out, "other", s.data, strlen(s.data), NULL, NULL), FG_OK);
    assert_int_equal(out->nodes, t->nodes);
    fg_str_fini(&s);
    return out;
}

static void a_change_of_the_future_changes_no_forecast_before_it(void **state)
{
    (void)state;
    enum { T = 240, HOURS = 300 };
    static const struct fg_target targets[] = {
        {FG_EVENT_SLOT, 1},    {FG_EVENT_SLOT, 6},     {FG_EVENT_SLOT, 24},
        {FG_EVENT_INSTANT, 1}, {FG_EVENT_INSTANT, 24}, {FG_EVENT_SHARE, 6},
    };
    struct fg_trace *t[2] = {chains(20, HOURS, 0.6, 0.8), NULL};
    struct fg_forecaster *f[2];
    struct fg_trace_eye *eye[2];
    struct fg_seen seen[20];
    size_t oracle = fg_predictor_find("oracle"), changed[16] = {0};
    t[1] = with_another_future(t[0], T * 3600);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fg_forecaster_create(&f[k], 20, targets, 6, 0, 1, NULL, t[k]), FG_OK);
        assert_int_equal(fg_trace_eye_create(&eye[k], t[k]), FG_OK);
    }
    for (int64_t now = 0; now < HOURS; now++) {
        for (int k = 0; k < 2; k++) {
            fg_trace_eye_next(eye[k], seen);
            fg_forecaster_step(f[k], seen);
        }
        for (size_t i = 0; i < 6 * fg_predictors_n; i++) {
            size_t p = i % fg_predictors_n;
            const double *a = fg_forecaster_get(f[0], i / fg_predictors_n, p);
            const double *b = fg_forecaster_get(f[1], i / fg_predictors_n, p);
            bool same = memcmp(a, b, 20 * sizeof *a) == 0;
            changed[p] += !same && now <= T;
            if (p != oracle && now > T + 48) {
                assert_false(same); /* the futures do differ */
            }
            for (size_t n = 0; n < 20; n++) {
                assert_true(a[n] >= 0.0 && a[n] <= 1.0);
            }
        }
    }
    for (size_t p = 0; p < fg_predictors_n; p++) {
        assert_int_equal(changed[p] > 0, p == oracle); /* the test does notice one that looks ahead */
    }
    for (int k = 0; k < 2; k++) {
        fg_forecaster_destroy(f[k]);
        fg_trace_eye_destroy(eye[k]);
        fg_trace_destroy(t[k]);
    }
}

static void the_eye_sees_what_the_trace_says(void **state)
{
    (void)state;
    static const char text[] =
        "# span_s: 20000\nnode,start_s,end_s\na,3600,5400\na,6000,7200\na,7210,18000\nb,0,14400\n";
    struct fg_trace *t = NULL;
    struct fg_trace_eye *eye = NULL;
    struct fg_seen s[2];
    assert_int_equal(fg_trace_parse(&t, "t", text, sizeof text - 1, NULL, NULL), FG_OK);
    assert_int_equal(fg_trace_eye_create(&eye, t), FG_OK);
    for (int64_t h = 0; h <= 5; h++) {
        fg_trace_eye_next(eye, s);
        for (uint32_t n = 0; n < 2; n++) {
            assert_int_equal(s[n].up, fg_trace_is_up(t, n, h * 3600));
            if (h > 0) {
                assert_int_equal(s[n].up_s, fg_trace_up_seconds(t, n, (h - 1) * 3600, h * 3600));
            }
        }
        assert_int_equal(s[0].known, h >= 1);
        static const int64_t age_a[] = {0, 0, 0, 3590, 7190, 0}, age_b[] = {0, 3600, 7200, 10800, 0, 3600};
        assert_int_equal(s[0].age_s, age_a[h]);
        assert_int_equal(s[1].age_s, age_b[h]);
    }
    fg_assert_close(fg_trace_outcome(t, 0, FG_EVENT_SLOT, 3), 1, 0);
    fg_assert_close(fg_trace_outcome(t, 0, FG_EVENT_SLOT, 2), 0, 0);
    fg_assert_close(fg_trace_outcome(t, 0, FG_EVENT_SHARE, 2), 3590.0 / 3600, 1e-12);
    fg_assert_close(fg_trace_outcome(t, 0, FG_EVENT_INSTANT, 1), 1, 0);
    fg_trace_eye_destroy(eye);
    fg_trace_destroy(t);
}

/* In a daily rhythm of office hours the profile knows what the chain cannot. */
static void profiles_learn_a_rhythm_and_share_is_expected_up_time(void **state)
{
    (void)state;
    struct fg_str s = {0};
    struct fg_trace *t = NULL;
    struct fg_trace_eye *eye = NULL;
    struct fg_forecaster *f = NULL;
    struct fg_seen seen[1];
    static const struct fg_target targets[] = {{FG_EVENT_SLOT, 24}, {FG_EVENT_SHARE, 24}};
    assert_int_equal(fg_str_addf(&s, "node,start_s,end_s\n"), FG_OK);
    for (int d = 0; d < 60; d++) {
        assert_int_equal(fg_str_addf(&s, "a,%d,%d\n", d * 86400 + 9 * 3600, d * 86400 + 17 * 3600 + 1800),
                         FG_OK);
    }
    assert_int_equal(fg_trace_parse(&t, "t", s.data, strlen(s.data), NULL, NULL), FG_OK);
    assert_int_equal(fg_trace_eye_create(&eye, t), FG_OK);
    assert_int_equal(fg_forecaster_create(&f, 1, targets, 2, 0, 1, NULL, NULL), FG_OK);
    size_t profile = fg_predictor_find("profile24"), ensemble = fg_predictor_find("ensemble");
    for (int h = 0; h < 58 * 24; h++) {
        fg_trace_eye_next(eye, seen);
        fg_forecaster_step(f, seen);
        if (h < 50 * 24) {
            continue;
        }
        double want = h % 24 >= 9 && h % 24 < 17 ? 1 : 0;
        fg_assert_close(fg_forecaster_get(f, 0, profile)[0], want, 0.1);
        fg_assert_close(fg_forecaster_get(f, 0, ensemble)[0], want, 0.1);
        want += h % 24 == 17 ? 0.5 : 0;
        fg_assert_close(fg_forecaster_get(f, 1, profile)[0], want, 0.1);
        fg_assert_close(fg_forecaster_get(f, 1, ensemble)[0], want, 0.125);
        fg_assert_close(fg_forecaster_get(f, 0, fg_predictor_find("oracle"))[0], 0.5, 0);
    }
    fg_forecaster_destroy(f);
    fg_trace_eye_destroy(eye);
    fg_trace_destroy(t);
    fg_str_fini(&s);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    struct fg_trace *t = chains(3, 60, 0.5, 0.5);
    struct fg_rolling_spec spec;
    struct fg_rolling r;
    enum fg_status st = FG_E_NOMEM;
    fg_rolling_defaults(&spec);
    spec.horizons = 1;
    for (long n = 0; st != FG_OK; n++) {
        long left = n;
        assert_in_range(n, 0, 2000);
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_rolling_run(&r, t, &spec);
        fg_mem_set_hook(NULL, NULL);
        assert_true(st == FG_OK || st == FG_E_NOMEM);
    }
    fg_rolling_fini(&r);
    spec.horizon_h[0] = 0;
    assert_int_equal(fg_rolling_run(&r, t, &spec), FG_E_RANGE);
    fg_trace_destroy(t);
}

/* Its mean Brier score of `slot` is at most 1.02 times that of the best single one, or the paired interval of
 * the ratio holds 1. Where all outcomes are the same and somebody says just that there is no ratio:
 * two traces of spot machines, of some days, are like that at 1 h. */
static void check_ensemble(const char *path)
{
    struct fg_trace *t = NULL;
    struct fg_err err = {""};
    struct fg_rolling_spec spec;
    struct fg_rolling r;
    if (fg_trace_load(&t, path, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    fg_rolling_defaults(&spec);
    assert_int_equal(fg_rolling_run(&r, t, &spec), FG_OK);
    for (size_t i = 0; i < r.n_targets; i++) {
        const struct fg_rolling_target *x = &r.targets[i];
        if (x->scored && x->target.event == FG_EVENT_SLOT && isfinite(x->ratio) && x->ratio > 1.02 &&
            !(x->ratio_low <= 1.0 && x->ratio_high >= 1.0)) {
            fail_msg("%s: slot at %u h: ensemble to %s %.4f, 95%% %.4f to %.4f", path, x->target.horizon_h,
                     fg_predictors[x->best]->name, x->ratio, x->ratio_low, x->ratio_high);
        }
    }
    fg_rolling_fini(&r);
    fg_trace_destroy(t);
}

static void ensemble_is_as_good_as_the_best_on_the_sample(void **state)
{
    (void)state;
    char path[1200];
    const char *source = getenv("FG_SRCDIR");
    snprintf(path, sizeof path, "%s/datasets/samples/traces/volunteer-desktops-2w.csv",
             source != NULL ? source : ".");
    check_ensemble(path);
}

static void ensemble_is_as_good_as_the_best_on_real_traces(void **state)
{
    (void)state;
    static const char *const names[] = {
        "mobile-extrasensory-charging-wifi",
        "mobile-extrasensory-wifi",
        "spot-aws-r5-3zones-2023-04",
        "spot-aws-v100-4zones-2023-04",
        "spot-aws-bamboo-p3",
        "spot-aws-k80-v100-8pools-2022-10",
        "spot-aws-v100-4node-2023-08",
        "spot-aws-v100-16node-2023-08",
        "spot-aws-v100-9zones-2023-02",
        /* only with FG_LONG */
        "volunteer-tor-relays-2026-04_2026-06",
        "volunteer-desktops-vpngate-2024-09_2024-11",
        "hpc-lanl-2003-07_2005-06",
        "grid-osg-sites-2023_2025",
    };
    size_t n = getenv("FG_LONG") != NULL ? 13 : 9, seen = 0;
    const char *source = getenv("FG_SRCDIR"), *data = getenv("FORAGE_DATA");
    for (size_t i = 0; i < n; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/traces/availability/%s.csv.gz", data != NULL ? data : "/nonexistent",
                 names[i]);
        if (access(path, R_OK) != 0) {
            snprintf(path, sizeof path, "%s/../shared/data/traces/availability/%s.csv.gz",
                     source != NULL ? source : ".", names[i]);
        }
        if (access(path, R_OK) == 0) {
            seen++;
            check_ensemble(path);
        }
    }
    if (seen == 0) {
        skip();
    }
}

/* What was not observed after the warm-up is not called too short. */
static void what_is_not_observed_is_told_from_what_is_too_short(void **state)
{
    (void)state;
    struct fg_rolling_spec spec;
    struct fg_rolling r;
    struct fg_trace *t = NULL;
    fg_rolling_defaults(&spec);
    /* twenty days, but no node is seen again after the fifth */
    static const char gone[] = "# span_s: 1728000\nnode,start_s,end_s\na,0,432000\nb,3600,400000\n";
    assert_int_equal(fg_trace_parse(&t, "t", gone, sizeof gone - 1, NULL, NULL), FG_OK);
    assert_int_equal(fg_rolling_run(&r, t, &spec), FG_OK);
    for (size_t i = 0; i < r.n_targets; i++) {
        assert_true(!r.targets[i].scored && r.targets[i].unseen);
    }
    fg_rolling_fini(&r);
    fg_trace_destroy(t);
    t = chains(2, 20, 0.5, 0.5);
    assert_int_equal(fg_rolling_run(&r, t, &spec), FG_OK);
    assert_true(!r.targets[4].scored && !r.targets[4].unseen);
    fg_rolling_fini(&r);
    fg_trace_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markov_skill_is_lambda_to_the_2h),
        cmocka_unit_test(what_is_not_observed_is_told_from_what_is_too_short),
        cmocka_unit_test(a_change_of_the_future_changes_no_forecast_before_it),
        cmocka_unit_test(the_eye_sees_what_the_trace_says),
        cmocka_unit_test(profiles_learn_a_rhythm_and_share_is_expected_up_time),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(ensemble_is_as_good_as_the_best_on_the_sample),
        cmocka_unit_test(ensemble_is_as_good_as_the_best_on_real_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
