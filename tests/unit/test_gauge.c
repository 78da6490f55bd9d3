/* What updates tell of a problem: the parts of synthetic updates whose parts are known. */
#include "tests/lib/test.h"

#include "src/aggregator/select_gauge.h"
#include "src/base/rng.h"

enum { CLIENTS = 40, ZONES = 4, ROUNDS = 40, PICKS = 8, MOST = 1000 };

/* A world of one draw: effects of zones and clients, each with a mean square over all parameters as asked. */
struct world {
    size_t params;
    double common, noise, client, zone;
};

static void fill(float *x, size_t n, double square, struct fg_rng *r)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(sqrt(square / (double)n) * fg_rng_normal(r));
    }
}

/* One run: each round another common direction, PICKS clients at random. */
static void play(struct fg_gauge *g, const struct world *w, uint32_t seed)
{
    static float z[ZONES][MOST], b[CLIENTS][MOST], c[MOST], e[MOST];
    struct fg_rng r;
    fg_rng_init(&r, 7, FG_RNG_TEST, seed, 0);
    for (int i = 0; i < ZONES; i++) {
        fill(z[i], w->params, w->zone, &r);
    }
    for (int i = 0; i < CLIENTS; i++) {
        fill(b[i], w->params, w->client, &r);
    }
    for (int t = 0; t < ROUNDS; t++) {
        uint32_t order[CLIENTS];
        for (uint32_t i = 0; i < CLIENTS; i++) {
            order[i] = i;
        }
        fg_rng_shuffle(&r, order, CLIENTS);
        fill(c, w->params, w->common, &r);
        for (int k = 0; k < PICKS; k++) {
            uint32_t i = order[k];
            fill(e, w->params, w->noise, &r);
            for (size_t p = 0; p < w->params; p++) {
                e[p] = 0.25f * (e[p] + c[p] + b[i][p] + z[i % ZONES][p]);
            }
            fg_gauge_take(g, i, i % ZONES, e, 0.25);
        }
        fg_gauge_close(g);
    }
}

struct mean {
    double sum, square, n;
};

static void count(struct mean *m, double x)
{
    m->sum += x;
    m->square += x * x;
    m->n += 1.0;
}

/* Within four standard errors of what it should be, and these small enough to say something. */
static void assert_unbiased(const struct mean *m, double want)
{
    double mean = m->sum / m->n, se = sqrt((m->square / m->n - mean * mean) / (m->n - 1.0));
    assert_true(se < 0.05 * (want + 0.2));
    fg_assert_close(mean, want, 4.0 * se + 1e-9);
}

/* Means over many worlds are the parts that they were made of, with few parameters and with projected
 * ones. */
static void the_moments_are_unbiased(void **state)
{
    (void)state;
    static const struct world worlds[] = {{60, 1.0, 4.0, 2.0, 0.5},
                                          {60, 0.5, 0.0, 3.0, 0.0},
                                          {60, 2.0, 5.0, 0.0, 0.0},
                                          {1000, 1.0, 4.0, 2.0, 0.5}};
    for (size_t k = 0; k < sizeof worlds / sizeof *worlds; k++) {
        const struct world *w = &worlds[k];
        struct mean m[FG_GAUGE_MOMENTS] = {{0}};
        for (uint32_t seed = 0; seed < 40; seed++) {
            struct fg_gauge g;
            assert_int_equal(fg_gauge_init(&g, w->params), FG_OK);
            play(&g, w, seed);
            fg_assert_close(fg_gauge_freedom(&g), ROUNDS * (PICKS - 1), 1e-9);
            assert_true(g.freedom[FG_GAUGE_AGAIN] > 10.0);
            for (int i = 0; i < FG_GAUGE_MOMENTS; i++) {
                count(&m[i], fg_gauge_mean(&g, (enum fg_gauge_moment)i));
            }
            fg_gauge_fini(&g);
        }
        double same = w->client + w->noise, pairs = 9.0 / 39.0; /* of 39 others, 9 are of one's zone */
        assert_unbiased(&m[FG_GAUGE_SIZE], w->common + w->zone + same);
        assert_unbiased(&m[FG_GAUGE_ALONG], w->common + pairs * w->zone);
        assert_unbiased(&m[FG_GAUGE_OTHER], w->zone + same);
        assert_unbiased(&m[FG_GAUGE_SAME], same);
        assert_unbiased(&m[FG_GAUGE_AGAIN], w->noise);
        assert_unbiased(&m[FG_GAUGE_NEXT], w->common + pairs * w->zone);
    }
}

/* The very updates lie as far apart in both worlds; what they are made of is not the same. */
static void noise_is_told_from_clients_that_differ(void **state)
{
    (void)state;
    static const struct world noisy = {60, 1.0, 5.0, 0.0, 0.0}, unlike = {60, 1.0, 0.0, 5.0, 0.0};
    struct fg_gauge g;
    assert_int_equal(fg_gauge_init(&g, 60), FG_OK);
    play(&g, &noisy, 1);
    struct fg_gauge_parts p = fg_gauge_parts(&g);
    fg_assert_close(p.noise + p.client + p.zone, 5.0, 0.5);
    assert_true(p.client < 0.1 * p.noise && p.zone < 0.1 * p.noise);
    fg_gauge_fini(&g);
    assert_int_equal(fg_gauge_init(&g, 60), FG_OK);
    play(&g, &unlike, 1);
    p = fg_gauge_parts(&g);
    fg_assert_close(p.noise + p.client + p.zone, 5.0, 1.0);
    assert_true(p.client >
                4.0 * p.noise); /* not all: few pairs met again, and half of it is noise at first */
    fg_gauge_fini(&g);
}

/* Two updates of (4, 0) and (0, 2), clients 1 and 2 of one zone; then (6, 0), (0, 0); client 3 of another. */
static void the_moments_by_hand(void **state)
{
    (void)state;
    static const float a[2][2] = {{4.0f, 0.0f}, {0.0f, 2.0f}},
                       b[3][2] = {{6.0f, 0.0f}, {0.0f, 0.0f}, {0.0f, 3.0f}};
    struct fg_gauge g;
    assert_int_equal(fg_gauge_init(&g, 2), FG_OK);
    struct fg_gauge_parts p = fg_gauge_parts(&g);
    fg_assert_close(p.common, 0.25, 1e-12);
    fg_assert_close(p.noise, 0.25, 1e-12);
    fg_assert_close(p.client, 0.25, 1e-12);
    fg_assert_close(p.zone, 0.25, 1e-12);
    fg_gauge_take(&g, 1, 0, a[0], 1.0);
    fg_gauge_take(&g, 2, 0, a[1], 1.0);
    fg_gauge_close(&g);
    fg_assert_close(fg_gauge_mean(&g, FG_GAUGE_SIZE), (16.0 + 4.0) / 2.0, 1e-12);
    fg_assert_close(fg_gauge_mean(&g, FG_GAUGE_SAME), 20.0 / 2.0, 1e-12);
    fg_assert_close(fg_gauge_mean(&g, FG_GAUGE_OTHER), 0.0, 0.0);
    p = fg_gauge_parts(&g); /* one degree of freedom, ten of the prior */
    fg_assert_close(p.common, (0.0 + 10.0 * 2.5) / 11.0, 1e-12);
    fg_assert_close(p.noise + p.client, 7.5 - p.zone, 1e-12);
    fg_assert_close(p.noise + p.client, (10.0 + 10.0 * 5.0) / 11.0, 1e-12);
    fg_gauge_take(&g, 2, 0, a[1], 1.0);
    fg_gauge_take(&g, 1, 0, a[0], 1.0);
    fg_gauge_drop(&g); /* never was */
    fg_gauge_take(&g, 2, 0, b[1], 1.0);
    fg_gauge_take(&g, 3, 1, b[2], 1.0);
    fg_gauge_take(&g, 1, 0, b[0], 1.0);
    fg_gauge_close(&g);
    fg_assert_close(g.freedom[FG_GAUGE_SIZE], 1.0 + 2.0, 1e-12);
    fg_assert_close(g.sum[FG_GAUGE_SAME], 10.0 + 2.0 / 3.0 * 18.0, 1e-12);
    fg_assert_close(g.sum[FG_GAUGE_OTHER], 2.0 / 3.0 * (4.5 + 22.5), 1e-12);
    /* (6, 0) - (0, 0) less (4, -2) is (2, 2) */
    fg_assert_close(g.sum[FG_GAUGE_AGAIN], 2.0 / 3.0 * 8.0 / 4.0, 1e-12);
    fg_gauge_fini(&g);
}

/* A common gradient that loses three tenths a round, with noise; nothing seen: the prior. */
static void what_is_gone_after_a_round(void **state)
{
    (void)state;
    struct fg_rng r;
    struct fg_gauge g;
    float c[60], d[60];
    fg_rng_init(&r, 7, FG_RNG_TEST, 99, 0);
    assert_int_equal(fg_gauge_init(&g, 60), FG_OK);
    fg_assert_close(fg_gauge_gone(&g, 0.4), 0.4, 0);
    fill(c, 60, 4.0, &r);
    for (int t = 0; t < ROUNDS; t++) {
        for (uint32_t k = 0; k < PICKS; k++) {
            fill(d, 60, 0.1, &r);
            for (int p = 0; p < 60; p++) {
                d[p] += c[p];
            }
            fg_gauge_take(&g, k, 0, d, 1.0);
        }
        fg_gauge_close(&g);
        for (int p = 0; p < 60; p++) {
            c[p] *= 0.7f;
        }
    }
    double n = g.freedom[FG_GAUGE_FIRST];
    fg_assert_close(n, (ROUNDS - 1) * 7.0, 1e-9);
    fg_assert_close(fg_gauge_gone(&g, 1.0), (0.3 * n + 10.0) / (n + 10.0), 0.01);
    fg_gauge_fini(&g);
}

/* What is kept is bounded, goes through its bytes, and bytes that lie are found. */
static void a_gauge_survives_its_bytes(void **state)
{
    (void)state;
    static const struct world w = {60, 1.0, 4.0, 2.0, 0.5};
    struct fg_gauge a, b;
    struct fg_str text = {0}, again = {0};
    assert_int_equal(fg_gauge_init(&a, 60), FG_OK);
    assert_int_equal(fg_gauge_init(&b, 60), FG_OK);
    play(&a, &w, 3);
    assert_int_equal(a.n_kept, FG_GAUGE_KEPT);
    assert_int_equal(a.kept[FG_GAUGE_KEPT - 1].round, ROUNDS - 1);
    assert_int_equal(fg_gauge_save(&a, &text), FG_OK);
    struct fg_reader in = fg_reader_of(text.data, text.len);
    fg_gauge_load(&b, &in);
    assert_false(in.bad);
    play(&a, &w, 4);
    play(&b, &w, 4);
    text.len = 0;
    assert_int_equal(fg_gauge_save(&a, &text), FG_OK);
    assert_int_equal(fg_gauge_save(&b, &again), FG_OK);
    assert_int_equal(text.len, again.len);
    assert_memory_equal(text.data, again.data, text.len);
    size_t at = 4 + 2 * 8 * FG_GAUGE_MOMENTS + 2 * 8;
    memset(text.data + at, 0xff, 4);
    in = fg_reader_of(text.data, text.len);
    fg_gauge_load(&b, &in);
    assert_true(in.bad);
    fg_gauge_fini(&a);
    fg_gauge_fini(&b);
    fg_str_fini(&text);
    fg_str_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_moments_are_unbiased),
        cmocka_unit_test(noise_is_told_from_clients_that_differ),
        cmocka_unit_test(the_moments_by_hand),
        cmocka_unit_test(what_is_gone_after_a_round),
        cmocka_unit_test(a_gauge_survives_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
