/* The sequence of models that go down: it comes nearer to what it follows, whoever missed versions gets the
 * same bits, and it goes on from where it was saved. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/down.h"

enum { N = 700, LAYERS = 3, VERSIONS = 40 };

static const size_t layer[LAYERS] = {600, 1, 99};

static struct fg_down_config config_of(const struct fg_codec *codec)
{
    return (struct fg_down_config){.codec = codec,
                                   .coding = {.layer = layer, .layers = LAYERS, .seed = 5, .density = 0.05},
                                   .params = N};
}

/* A model that moves: mostly small values, a few large ones. */
static void move(struct fg_rng *r, float *x)
{
    for (int i = 0; i < N; i++) {
        double z = fg_rng_normal(r);
        x[i] += (float)(0.01 * z * z * z);
    }
}

static double apart(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    return sum;
}

/* From version `from` to the newest, as a worker does it. */
static void follow(const struct fg_down *d, uint64_t from, float *q)
{
    struct fg_codec_ws ws = {.opts = config_of(fg_down_codec(d)).coding};
    float scratch[N];
    struct fg_down_step s;
    for (uint64_t v = from + 1; fg_down_step(d, v, &s); v++) {
        assert_int_equal(fg_down_apply(&ws, fg_down_codec(d), v, q, scratch, N, s.bytes, s.len), FG_OK);
        assert_true(fg_down_hash(q, N) == s.hash);
    }
    fg_codec_ws_fini(&ws);
}

static void who_missed_versions_gets_the_same_bits(void **state)
{
    (void)state;
    unsigned chains = 0;
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        struct fg_down_config cfg = config_of(fg_codecs[c]);
        struct fg_rng r;
        struct fg_down *d;
        float x[N], had[VERSIONS + 1][N];
        uint64_t size[VERSIONS + 1] = {0};
        fg_rng_init(&r, c, FG_RNG_TEST, 2, 0);
        memset(x, 0, sizeof x);
        move(&r, x);
        assert_int_equal(fg_down_create(&d, &cfg, x), FG_OK);
        assert_memory_equal(fg_down_model(d), x, sizeof x);
        memcpy(had[0], x, sizeof x);
        for (uint64_t v = 1; v <= VERSIONS; v++) {
            struct fg_down_step s;
            if (v % 5 != 0) { /* every fifth commit changes nothing */
                move(&r, x);
            }
            assert_int_equal(fg_down_advance(d, x), FG_OK);
            memcpy(had[v], fg_down_model(d), sizeof x);
            size[v] = fg_down_step(d, v, &s) ? s.len : 4 * N; /* longer than the model: of no use */
            uint64_t sum = 0;
            for (uint64_t from = v; from > 0; from--) { /* what a client is due that has `from - 1` */
                sum += size[from];
                uint64_t due = fg_down_due(d, from - 1);
                assert_int_equal(due, sum < 4 * N ? sum : 4 * N);
                if (due < 4 * N) {
                    float q[N];
                    memcpy(q, had[from - 1], sizeof q);
                    follow(d, from - 1, q);
                    assert_memory_equal(q, had[v], sizeof q);
                    chains++;
                }
            }
            assert_int_equal(fg_down_due(d, v), 0);
        }
        fg_down_destroy(d);
    }
    assert_true(chains > 2000);
}

static void no_step_leads_away_and_a_model_that_rests_is_reached(void **state)
{
    (void)state;
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        struct fg_down_config cfg = config_of(fg_codecs[c]);
        struct fg_rng r;
        struct fg_down *d;
        float x[N] = {0}, before[N];
        fg_rng_init(&r, c, FG_RNG_TEST, 3, 0);
        assert_int_equal(fg_down_create(&d, &cfg, x), FG_OK);
        move(&r, x);
        double first = apart(x, fg_down_model(d), N), square = apart(x, before, 0);
        for (int v = 0; v < 600; v++) {
            memcpy(before, fg_down_model(d), sizeof before);
            assert_int_equal(fg_down_advance(d, x), FG_OK);
            size_t at = 0;
            for (int l = 0; l < LAYERS; l++) {
                double now = apart(x + at, fg_down_model(d) + at, layer[l]);
                assert_true(now <= apart(x + at, before + at, layer[l]) * (1 + 1e-5) + 1e-14);
                at += layer[l];
            }
        }
        square = apart(x, fg_down_model(d), N);
        if (square > 1e-2 * first) {
            fail_msg("%s: %g of %g is left", fg_codecs[c]->name, square, first);
        }
        fg_down_destroy(d);
    }
}

static void it_goes_on_from_where_it_was_saved(void **state)
{
    (void)state;
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        struct fg_down_config cfg = config_of(fg_codecs[c]);
        struct fg_rng r;
        struct fg_down *d, *again;
        struct fg_str bytes = {0};
        struct fg_down_step s;
        float x[N] = {0};
        fg_rng_init(&r, c, FG_RNG_TEST, 4, 0);
        assert_int_equal(fg_down_create(&d, &cfg, x), FG_OK);
        for (int v = 0; v < 12; v++) {
            move(&r, x);
            assert_int_equal(fg_down_advance(d, x), FG_OK);
        }
        assert_int_equal(fg_down_save(d, &bytes), FG_OK);
        assert_int_equal(fg_down_create(&again, &cfg, x), FG_OK);
        struct fg_reader in = fg_reader_of(bytes.data, bytes.len);
        assert_int_equal(fg_down_load(again, 12, &in), FG_OK);
        assert_true(fg_reader_done(&in));
        assert_false(fg_down_step(again, 12, &s)); /* whoever could use it is gone */
        for (int v = 12; v < 30; v++) {
            for (uint64_t from = 0; from <= (uint64_t)v; from++) {
                assert_int_equal(fg_down_due(again, from), fg_down_due(d, from));
            }
            assert_memory_equal(fg_down_model(again), fg_down_model(d), sizeof x);
            move(&r, x);
            assert_int_equal(fg_down_advance(d, x), FG_OK);
            assert_int_equal(fg_down_advance(again, x), FG_OK);
        }
        for (size_t len = 0; len < bytes.len; len += 1 + len / 9) { /* cut short */
            fg_down_destroy(again);
            assert_int_equal(fg_down_create(&again, &cfg, x), FG_OK);
            in = fg_reader_of(bytes.data, len);
            assert_int_equal(fg_down_load(again, 12, &in), FG_OK);
            assert_true(in.bad);
        }
        fg_str_fini(&bytes);
        fg_down_destroy(again);
        fg_down_destroy(d);
    }
}

static void a_step_that_is_damaged_changes_nothing(void **state)
{
    (void)state;
    struct fg_down_config cfg = config_of(&fg_codec_int8);
    struct fg_down *d;
    struct fg_rng r;
    float x[N] = {0}, q[N] = {0}, scratch[N];
    fg_rng_init(&r, 1, FG_RNG_TEST, 5, 0);
    assert_int_equal(fg_down_create(&d, &cfg, x), FG_OK);
    move(&r, x);
    assert_int_equal(fg_down_advance(d, x), FG_OK);
    struct fg_down_step s;
    assert_true(fg_down_step(d, 1, &s));
    struct fg_codec_ws ws = {.opts = cfg.coding};
    for (size_t len = 0; len < s.len; len++) {
        float want[N] = {0};
        assert_int_equal(fg_down_apply(&ws, &fg_codec_int8, 1, q, scratch, N, s.bytes, len), FG_E_CORRUPT);
        assert_memory_equal(q, want, sizeof q);
    }
    fg_codec_ws_fini(&ws);
    fg_down_destroy(d);
}

static void where_nothing_is_learned_steps_have_the_expected_size(void **state)
{
    (void)state;
    struct fg_down_config cfg = config_of(&fg_codec_int8);
    struct fg_down *d;
    assert_int_equal(fg_down_create(&d, &cfg, NULL), FG_OK);
    for (uint64_t v = 1; v <= 6; v++) {
        assert_int_equal(fg_down_advance(d, NULL), FG_OK);
        uint64_t step = N + 8 * LAYERS, due = v * step;
        assert_int_equal(fg_down_due(d, 0), due < 4 * N ? due : 4 * N);
    }
    assert_null(fg_down_model(d));
    fg_down_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_missed_versions_gets_the_same_bits),
        cmocka_unit_test(no_step_leads_away_and_a_model_that_rests_is_reached),
        cmocka_unit_test(it_goes_on_from_where_it_was_saved),
        cmocka_unit_test(a_step_that_is_damaged_changes_nothing),
        cmocka_unit_test(where_nothing_is_learned_steps_have_the_expected_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
