/* Range coding: bits of known chances take their entropy, any bits come back; and `ternary-range` says what
 * `ternary` says, in at most 1.1 times the entropy of independent draws,
 * and in fewer bytes where they come in clusters. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/range.h"

static double entropy(double p)
{
    return p > 0.0 && p < 1.0 ? -(p * log2(p) + (1 - p) * log2(1 - p)) : 0.0;
}

static void any_bits_come_back_in_their_entropy(void **state)
{
    (void)state;
    enum { BITS = 40000, CONTEXTS = 3 };
    static unsigned char bit[BITS];
    static uint8_t bytes[BITS];
    static const double chance[] = {0.5, 0.1, 0.01, 0.0, 1.0, 0.9};
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct fg_rng r;
        struct fg_chance c[CONTEXTS];
        fg_rng_init(&r, seed, FG_RNG_TEST, 20, 0);
        size_t n = seed < 6 ? BITS : fg_rng_below(&r, 300);
        double p = chance[seed % 6];
        for (size_t i = 0; i < n; i++) {
            bit[i] = fg_rng_uniform(&r) < p;
        }
        memset(bytes, 0xee, sizeof bytes);
        struct fg_range_writer w = fg_range_writer_of(bytes, sizeof bytes);
        for (int i = 0; i < CONTEXTS; i++) {
            c[i] = (struct fg_chance){32768, 32768};
        }
        for (size_t i = 0; i < n; i++) {
            fg_range_put(&w, &c[i % CONTEXTS], bit[i]);
            fg_range_put_even(&w, (uint32_t)(i * 2654435761u) >> 20, i % 7 == 0 ? 12 : 0);
        }
        fg_range_close(&w, bytes);
        size_t len = (size_t)(w.p - bytes), even = (n + 6) / 7 * 12;
        assert_false(w.full);
        if (n == BITS) {
            double want = ((double)n * entropy(p) + (double)even) / 8.0;
            assert_true((double)len <= want * 1.04 + 0.004 * BITS / 8 + 200);
        }
        struct fg_range_reader rd = fg_range_reader_of(bytes, len);
        for (int i = 0; i < CONTEXTS; i++) {
            c[i] = (struct fg_chance){32768, 32768};
        }
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(fg_range_get(&rd, &c[i % CONTEXTS]), bit[i]);
            unsigned k = i % 7 == 0 ? 12 : 0;
            assert_int_equal(fg_range_get_even(&rd, k), k > 0 ? (uint32_t)(i * 2654435761u) >> 20 : 0);
        }
        assert_true(fg_range_done(&rd));
        struct fg_range_writer small = fg_range_writer_of(bytes, len / 2);
        for (int i = 0; i < CONTEXTS; i++) {
            c[i] = (struct fg_chance){32768, 32768};
        }
        for (size_t i = 0; i < n; i++) {
            fg_range_put(&small, &c[i % CONTEXTS], bit[i]);
            fg_range_put_even(&small, (uint32_t)(i * 2654435761u) >> 20, i % 7 == 0 ? 12 : 0);
        }
        fg_range_close(&small, bytes);
        assert_true(small.full || len < 2); /* and it never wrote outside */
    }
}

enum { ROWS = 400, COLUMNS = 500, N = ROWS * COLUMNS };

static struct fg_codec_ws workspace(double density)
{
    return (struct fg_codec_ws){.opts = {.seed = 7, .density = density}, .shard = 3, .number = 5};
}

static size_t through(const struct fg_codec *k, struct fg_codec_ws *ws, float *y, const float *x)
{
    size_t cap = k->bound(&ws->opts, N), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    assert_non_null(bytes);
    assert_int_equal(k->encode(ws, bytes, cap, &len, x, N), FG_OK);
    assert_int_equal(k->decode(ws, y, N, bytes, len), FG_OK);
    for (size_t cut = 0; cut < len; cut += 1 + len / 50) {
        float *z = fg_calloc(N, sizeof *z);
        (void)k->decode(ws, z, N, bytes, cut); /* anything but a crash */
        fg_free(z);
    }
    fg_free(bytes);
    return len;
}

static void it_says_what_ternary_says_in_its_entropy(void **state)
{
    (void)state;
    static float x[N], y[N], z[N];
    static const double density[] = {0.001, 0.01, 0.1, 0};
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 21, 0);
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)fg_rng_normal(&r);
    }
    for (int d = 0; d < 4; d++) {
        struct fg_codec_ws ws = workspace(density[d]);
        size_t rice = through(&fg_codec_ternary, &ws, y, x), sent = 0;
        size_t len = through(&fg_codec_ternary_range, &ws, z, x);
        assert_memory_equal(y, z, sizeof y);
        for (size_t i = 0; i < N; i++) {
            sent += y[i] != 0.f;
        }
        double want = ((double)N * entropy((double)sent / N) + (double)sent) / 8.0;
        print_message("density %g: %zu sent, entropy %.0f, rice %zu, range %zu\n", density[d], sent, want,
                      rice, len);
        assert_true((double)len < 1.1 * want + 16 && (double)rice < 1.1 * want + 16);
        fg_codec_ws_fini(&ws);
    }
}

/* A third of the rows has nearly all that is sent. */
static void clusters_take_less(void **state)
{
    (void)state;
    static float x[N], y[N], z[N];
    struct fg_rng r;
    struct fg_codec_ws ws = workspace(0.01);
    fg_rng_init(&r, 2, FG_RNG_TEST, 22, 0);
    double want = 0.0;
    size_t sent[2] = {0};
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)fg_rng_normal(&r) * (i / COLUMNS % 12 < 2 ? 1.f : 0.01f);
    }
    size_t rice = through(&fg_codec_ternary, &ws, y, x), len = through(&fg_codec_ternary_range, &ws, z, x);
    assert_memory_equal(y, z, sizeof y);
    for (size_t i = 0; i < N; i++) {
        sent[i / COLUMNS % 12 < 2] += y[i] != 0.f;
    }
    for (int k = 0; k < 2; k++) {
        double n = k == 1 ? N / 6.0 : N * 5 / 6.0;
        want += (n * entropy((double)sent[k] / n) + (double)sent[k]) / 8.0;
    }
    print_message("in clusters: entropy %.0f, rice %zu, range %zu\n", want, rice, len);
    assert_true((double)len < 0.85 * (double)rice && (double)len < 1.1 * want + 16);
    fg_codec_ws_fini(&ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bits_come_back_in_their_entropy),
        cmocka_unit_test(it_says_what_ternary_says_in_its_entropy),
        cmocka_unit_test(clusters_take_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
