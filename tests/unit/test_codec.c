/* Codecs: every float survives the lossless ones bit for bit, and bytes from nowhere neither crash nor write
 * outside with any. (What the others round: test_codec_lossy.c.) */
#include "tests/lib/test.h"

#include <stdbool.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { N = 4099 }; /* odd on purpose */

static void fill(float *x, size_t n, uint32_t kind)
{
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, kind, 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = fg_rng_u32(&r);
        if (kind == 0) { /* any bits: NaN payloads, infinities, denormals, -0 */
            memcpy(&x[i], &bits, 4);
        } else { /* like an update */
            x[i] = (float)fg_rng_normal(&r) * 0.01f;
        }
    }
}

static void floats_survive_bit_for_bit(void **state)
{
    (void)state;
    const struct fg_codec *const lossless[] = {&fg_codec_none, &fg_codec_zstd};
    for (size_t c = 0; c < sizeof lossless / sizeof *lossless; c++) {
        const struct fg_codec *k = lossless[c];
        struct fg_codec_ws ws = {0};
        for (uint32_t kind = 0; kind < 2; kind++) {
            for (size_t n = 0; n <= N; n = n < 9 ? n + 1 : n * 3) {
                float *x = fg_calloc(n, sizeof *x), *y = fg_calloc(n, sizeof *y);
                fill(x, n, kind);
                size_t len = 0, cap = k->bound(&ws.opts, n);
                uint8_t *bytes = fg_calloc(cap, 1);
                assert_int_equal(k->encode(&ws, bytes, cap, &len, x, n), FG_OK);
                assert_true(len <= cap);
                assert_int_equal(k->decode(&ws, y, n, bytes, len), FG_OK);
                assert_memory_equal(x, y, n * sizeof *x);
                fg_free(bytes);
                fg_free(y);
                fg_free(x);
            }
        }
        fg_codec_ws_fini(&ws);
    }
}

static void zstd_makes_updates_smaller(void **state)
{
    (void)state;
    struct fg_codec_ws ws = {0};
    static float x[N];
    static uint8_t bytes[8 * N];
    fill(x, N, 1);
    size_t len = 0;
    assert_true(fg_codec_zstd.bound(&ws.opts, N) <= sizeof bytes);
    assert_int_equal(fg_codec_zstd.encode(&ws, bytes, sizeof bytes, &len, x, N), FG_OK);
    assert_true(len < 4 * N * 95 / 100);
    fg_codec_ws_fini(&ws);
}

static void damaged_bytes_are_refused_or_decoded_inside(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 2, FG_RNG_TEST, 0, 0);
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        const struct fg_codec *k = fg_codecs[c];
        enum { M = 200 };
        float x[M], y[M + 2], kept[M] = {0};
        struct fg_codec_ws ws = {.kept = kept};
        bool sparse = k == &fg_codec_ternary || k == &fg_codec_ternary_range ||
                      k->clients_keep_state; /* any places are possible ones */
        uint8_t bytes[2048];
        size_t len = 0;
        fill(x, M, 1);
        assert_int_equal(k->encode(&ws, bytes, sizeof bytes, &len, x, M), FG_OK);
        for (int i = 0; i < 3000; i++) {
            uint8_t bad[2048];
            memcpy(bad, bytes, len);
            size_t n = fg_rng_below(&r, 3) == 0 ? fg_rng_below(&r, (uint32_t)len) : len;
            uint32_t damage = fg_rng_below(&r, 4);
            for (uint32_t flips = damage; flips > 0 && n > 0; flips--) {
                bad[fg_rng_below(&r, (uint32_t)n)] ^= (uint8_t)(1u << fg_rng_below(&r, 8));
            }
            y[0] = y[M + 1] = 12345.f;
            enum fg_status st = k->decode(&ws, y + 1, M, bad, n);
            assert_true(st == FG_OK || st == FG_E_CORRUPT);
            assert_true(n == len || st == FG_E_CORRUPT || (sparse && damage > 0));
            assert_true(y[0] == 12345.f && y[M + 1] == 12345.f);
        }
        /* the right bytes for another number of floats; those whose size does not tell write no more
         * than that */
        y[M / 2] = y[M + 1] = 12345.f;
        bool tells = k->expected(&ws.opts, M + 8) != k->expected(&ws.opts, M) && !sparse;
        assert_true(k->decode(&ws, y, M / 2, bytes, len) == FG_E_CORRUPT || sparse);
        assert_true(k->decode(&ws, y, M / 2 - 1, bytes, len) == FG_E_CORRUPT || sparse);
        assert_true(y[M / 2] == 12345.f);
        float *more = fg_calloc(M + 8, sizeof *more);
        assert_true(k->decode(&ws, more, M + 8, bytes, len) == FG_E_CORRUPT || !tells);
        fg_free(more);
        fg_codec_ws_fini(&ws);
    }
}

static void registry_finds_by_name_and_id(void **state)
{
    (void)state;
    assert_ptr_equal(fg_codec_find("none"), &fg_codec_none);
    assert_ptr_equal(fg_codec_find("zstd"), &fg_codec_zstd);
    assert_null(fg_codec_find("gzip"));
    for (size_t i = 0; fg_codecs[i] != NULL; i++) {
        const struct fg_codec *first = fg_codec_by_id(fg_codecs[i]->id);
        if (first != fg_codecs[i]) {
            fail_msg("'%s' has the id of '%s': %u", fg_codecs[i]->name, first->name, first->id);
        }
    }
    assert_null(fg_codec_by_id(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_survive_bit_for_bit),
        cmocka_unit_test(zstd_makes_updates_smaller),
        cmocka_unit_test(damaged_bytes_are_refused_or_decoded_inside),
        cmocka_unit_test(registry_finds_by_name_and_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
