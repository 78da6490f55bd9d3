/* Whole numbers in rANS: they come back, in about their entropy, and in less where they lie in stretches; any
 * bytes are numbers or refused. The codecs that use it say what `int8` and `int4` say. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/rans.h"

enum { MOST = 100000 };

static int8_t q[MOST], again[MOST + 1];
static uint8_t bytes[2 * MOST];
static uint32_t table[FG_RANS_TABLE];

/* Normal numbers of that spread, none above `most`; where `rows` is not 0 only every third
 * stretch of so many. */
static void fill(size_t n, double spread, int most, size_t rows, uint64_t seed)
{
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_TEST, 33, 0);
    for (size_t i = 0; i < n; i++) {
        double v = rint(fg_rng_normal(&r) * spread);
        v = v > most ? most : v < -most ? -most : v;
        q[i] = rows != 0 && i / rows % 3 != 0 ? 0 : (int8_t)v;
    }
}

static double entropy_bytes(size_t n)
{
    double count[256] = {0}, bits = 0.0;
    for (size_t i = 0; i < n; i++) {
        count[q[i] + 128]++;
    }
    for (int k = 0; k < 256; k++) {
        bits -= count[k] > 0.0 ? count[k] * log2(count[k] / (double)n) : 0.0;
    }
    return bits / 8.0;
}

static void numbers_come_back_in_their_entropy(void **state)
{
    (void)state;
    const double spread[] = {0.0, 0.05, 0.3, 1.0, 5.0, 24.0, 500.0};
    for (size_t s = 0; s < sizeof spread / sizeof *spread; s++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            size_t n = seed < 2 ? MOST : seed == 2 ? 0 : 1 + 37 * seed % 300, len = 0;
            int most = seed % 2 == 0 ? 127 : 7;
            fill(n, spread[s], most, 0, seed);
            assert_true(fg_rans_encode(q, n, bytes, sizeof bytes, &len));
            if (n == MOST) { /* tables and states, and a class for each block, apart */
                assert_true((double)len < 1.02 * entropy_bytes(n) + 600 + MOST / 64 / 8);
            }
            memset(again, 99, sizeof again);
            assert_true(fg_rans_decode(bytes, len, again, n, table));
            assert_memory_equal(again, q, n);
            assert_int_equal(again[n], 99);
            for (size_t cut = 1; cut <= len; cut += 1 + len / 40) {
                assert_false(fg_rans_decode(bytes, len - cut, again, n, table));
            }
            assert_false(fg_rans_decode(bytes, len + 2, again, n, table));
        }
    }
    size_t len;
    fill(MOST, 4.0, 127, 0, 1);
    double even = entropy_bytes(MOST);
    assert_false(fg_rans_encode(q, MOST, bytes, (size_t)even - 100, &len)); /* not enough room */
    q[MOST - 1] = -128;
    assert_false(fg_rans_encode(q, MOST, bytes, sizeof bytes, &len));
    fill(MOST, 4.0, 127, 784, 1);
    assert_true(fg_rans_encode(q, MOST, bytes, sizeof bytes, &len));
    assert_true((double)len < 0.8 * entropy_bytes(MOST) && (double)len < 0.37 * even);
}

/* Damaged ones, so that much of what is read is right. */
static void any_bytes_are_numbers_or_refused(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 5, FG_RNG_TEST, 34, 0);
    size_t read = 0;
    for (int t = 0; t < 4000; t++) {
        size_t n = fg_rng_below(&r, 700), len = 0;
        fill(n, t % 3 == 0 ? 0.2 : 9.0, 127, 0, (uint64_t)t);
        assert_true(fg_rans_encode(q, n, bytes, sizeof bytes, &len));
        for (uint32_t k = fg_rng_below(&r, 4); k > 0; k--) {
            bytes[fg_rng_below(&r, (uint32_t)len)] = (uint8_t)fg_rng_u32(&r);
        }
        memset(again, 99, sizeof again);
        uint8_t *copy = fg_calloc(len, 1); /* so that a reader behind the end is seen */
        memcpy(copy, bytes, len);
        read += fg_rans_decode(copy, len, again, n, table);
        fg_free(copy);
        assert_int_equal(again[n], 99);
    }
    assert_true(read > 500 && read < 3500);
}

static void codecs_say_what_the_plain_ones_say(void **state)
{
    (void)state;
    enum { N = 30000 };
    static float x[N], y[N], z[N];
    static const size_t layer[] = {20000, 10, 9980, 0, 10};
    const struct fg_codec *const plain[] = {&fg_codec_int8, &fg_codec_int4}, *const coded[] = {
                                                                                 &fg_codec_int8_range,
                                                                                 &fg_codec_int4_range};
    struct fg_rng r;
    fg_rng_init(&r, 6, FG_RNG_TEST, 35, 0);
    for (size_t i = 0; i < N; i++) {
        float v = (float)fg_rng_normal(&r);
        x[i] = v * v * v * (i < 20000 ? 0.01f : 3.f);
    }
    for (int tiny = 0; tiny < 2; tiny++) { /* few values: the tables would take more */
        for (int c = 0; c < 2; c++) {
            struct fg_codec_ws ws = {.opts = {.layer = layer, .layers = 5, .seed = 3}, .shard = 2};
            size_t n = tiny ? 40 : N, few[] = {40, 0, 0, 0, 0}, a = 0, b = 0;
            ws.opts.layer = tiny ? few : layer;
            assert_int_equal(plain[c]->encode(&ws, bytes, sizeof bytes, &a, x, n), FG_OK);
            assert_int_equal(plain[c]->decode(&ws, y, n, bytes, a), FG_OK);
            assert_int_equal(coded[c]->encode(&ws, bytes, sizeof bytes, &b, x, n), FG_OK);
            assert_int_equal(coded[c]->decode(&ws, z, n, bytes, b), FG_OK);
            assert_memory_equal(y, z, n * sizeof *y);
            assert_true(tiny || b < a / 2);
            fg_codec_ws_fini(&ws);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back_in_their_entropy),
        cmocka_unit_test(any_bytes_are_numbers_or_refused),
        cmocka_unit_test(codecs_say_what_the_plain_ones_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
