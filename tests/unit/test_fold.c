/* Sums in whole numbers: every table gives the same, down to ties; what is not finite is seen anywhere. */
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

#include "kernels/fold.h"
#include "src/base/hash.h"
#include "src/base/rng.h"

enum { N = 203, M = 37, SLACK = 3 };

static const char *const tables[] = {"reference", "avx2", "avx512"};

static void floats_add_the_nearest_whole_numbers_on_every_table(void **state)
{
    (void)state;
    static float x[M][N + SLACK];
    struct fg_rng r;
    double scale[M];
    int64_t want[N];
    const float *row[M];
    fg_rng_init(&r, 7, FG_RNG_TEST, 0, 0);
    memset(want, 0, sizeof want);
    for (int k = 0; k < M; k++) { /* x = a 2^-24, |a| < 2^24, scale = weight 2^-s: up to 2^54 */
        int s = k % 11;
        int64_t weight = (int64_t)(fg_rng_u64(&r) >> (10 + 29 * (k % 2)));
        scale[k] = ldexp((double)(k % 3 == 0 ? -weight : weight), -s);
        row[k] = x[k] + k % SLACK;
        for (int i = 0; i < N; i++) {
            int32_t a = (int32_t)(fg_rng_u64(&r) >> 39) - (1 << 24);
            a = i % 7 == 0 ? (i % 2 == 0 ? 1 << 23 : -(3 << 22)) : i % 31 == 0 ? 0 : a; /* ties among them */
            x[k][k % SLACK + i] = ldexpf((float)a, -24);
            volatile double product = scale[k] * (double)x[k][k % SLACK + i];
            want[i] += (int64_t)rint(product);
        }
    }
    for (size_t t = 0; t < 3; t++) {
        const struct fg_folders *f = fg_folders_get(tables[t]);
        int64_t sum[N + 1] = {0};
        if (f == NULL) {
            continue;
        }
        sum[N] = 77;
        f->floats(row, scale, M / 2, sum, N);
        f->floats(row + M / 2, scale + M / 2, M - M / 2, sum, N);
        assert_memory_equal(sum, want, sizeof want);
        assert_int_equal(sum[N], 77);
    }
}

static void assert_bytes_add_multiples(const int64_t *scale, size_t m, struct fg_rng *r)
{
    static int8_t q[FG_FOLD_MOST][N];
    const int8_t *row[FG_FOLD_MOST];
    int64_t want[N] = {0};
    for (size_t k = 0; k < m; k++) {
        row[k] = q[k];
        for (int i = 0; i < N; i++) {
            q[k][i] = (int8_t)(i % 5 == 0 ? -128 : (int)(fg_rng_u64(r) >> 56) - 128);
            want[i] += scale[k] * q[k][i];
        }
    }
    for (size_t t = 0; t < 3; t++) {
        const struct fg_folders *f = fg_folders_get(tables[t]);
        int64_t sum[N] = {0};
        if (f != NULL) {
            f->bytes(row, scale, m, sum, N);
            assert_memory_equal(sum, want, sizeof want);
        }
    }
}

static void bytes_add_exact_multiples_on_every_table(void **state)
{
    (void)state;
    int64_t scale[FG_FOLD_MOST];
    struct fg_rng r;
    fg_rng_init(&r, 8, FG_RNG_TEST, 0, 0);
    const int64_t most = ((int64_t)1 << 47) - ((int64_t)1 << 31) - ((int64_t)1 << 15) - 1;
    for (size_t m = 0; m <= FG_FOLD_MOST; m += m < 4 ? 1 : 15) {
        for (size_t k = 0; k < m; k++) {
            scale[k] = k == 0 ? most : k == 1 ? -most : k == 2 ? -32768 : (int64_t)(fg_rng_u64(&r) >> 18);
        }
        assert_bytes_add_multiples(scale, m, &r);
    }
    for (unsigned bits = 1; bits <= 46; bits += 3) { /* above zeros that all have */
        for (unsigned zeros = 0; bits + zeros <= 46; zeros++) {
            for (size_t k = 0; k < 3; k++) {
                int64_t size = (int64_t)(fg_rng_u64(&r) >> (64 - bits)) * ((int64_t)1 << zeros);
                scale[k] = k == 1 ? -size : size;
            }
            assert_bytes_add_multiples(scale, 3, &r);
        }
    }
}

static void scan_hashes_head_and_body_and_sees_the_largest(void **state)
{
    (void)state;
    enum { HEAD = 40, FROM = 80, FLOATS = 5000 };
    static uint8_t frame[HEAD + FROM + 4 * FLOATS];
    float x[FLOATS];
    for (int i = 0; i < FLOATS; i++) {
        x[i] = (float)(i % 91) / 8.f;
    }
    for (int i = 0; i < HEAD + FROM; i++) {
        frame[i] = (uint8_t)(i * 7);
    }
    for (int at = 0; at < FLOATS; at += 617) {
        for (int what = 0; what < 3; what++) {
            float kept = x[at];
            x[at] = what == 0 ? -99.5f : what == 1 ? NAN : -INFINITY;
            memcpy(frame + HEAD + FROM, x, sizeof x);
            x[at] = kept;
            for (size_t t = 0; t < 3; t++) {
                const struct fg_folders *f = fg_folders_get(tables[t]);
                if (f != NULL) {
                    struct fg_scan s = fg_scan_all(
                        f, fg_scanner_of(frame, HEAD, frame + HEAD, sizeof frame - HEAD, FROM), NULL);
                    assert_true(s.hash == fg_xxh64(frame, sizeof frame));
                    assert_true(what == 0 ? s.largest == 99.5f : isnan(s.largest));
                    s = fg_scan_all(f, fg_scanner_of(frame, HEAD, frame + HEAD, FROM, FROM), NULL);
                    assert_true(s.hash == fg_xxh64(frame, HEAD + FROM) && s.largest == 0.f);
                }
            }
        }
    }
}

/* Any length, any place of the floats, any head: as the library and a plain loop say. */
static void scan_is_the_librarys_hash_and_tells_blocks_apart(void **state)
{
    (void)state;
    enum { MOST = 9 * 4 * FG_FOLD_BLOCK, HEAD = 40, BLOCKS = MOST / 4 / FG_FOLD_BLOCK + 1 };
    static _Alignas(64) uint8_t room[64 + 97 + MOST];
    static const int64_t nothing[FG_FOLD_BLOCK];
    static int64_t sum[FG_FOLD_BLOCK];
    static float x[FG_FOLD_BLOCK];
    const float *one = x;
    const double minus = -0x1p40 / 3;
    struct fg_rng r;
    fg_rng_init(&r, 9, FG_RNG_TEST, 0, 0);
    for (int i = 0; i < FG_FOLD_BLOCK; i++) {
        x[i] = (float)fg_rng_normal(&r);
    }
    for (int turn = 0; turn < 2000; turn++) {
        size_t len = turn < 1500 ? (size_t)turn * 3 : fg_rng_u64(&r) % MOST,
               head = turn % 3 != 0 ? HEAD : (size_t)turn % 97;
        size_t from = turn % 4 == 0 ? len : fg_rng_u64(&r) % (len < 200 ? len + 1 : 200);
        uint8_t *both = room + (turn % 2 == 0 ? 8 : turn % 64), *body = both + head; /* 8: as frames lie */
        for (size_t i = 0; i < head + len; i++) {
            both[i] = (uint8_t)(fg_rng_u64(&r) >> 56);
        }
        for (size_t i = from + 3; i < len; i += 4) {
            body[i] = (uint8_t)(body[i] & 0xbf); /* finite */
        }
        size_t floats = (len - from) / 4, blocks = (floats + FG_FOLD_BLOCK - 1) / FG_FOLD_BLOCK,
               odd = SIZE_MAX;
        if (floats > 0 && turn % 5 == 0) {
            const float nan = turn % 2 == 0 ? -NAN : INFINITY;
            odd = fg_rng_u64(&r) % floats;
            memcpy(body + from + 4 * odd, &nan, sizeof nan);
        }
        float want[BLOCKS] = {0}, largest = 0.f;
        for (size_t i = 0; i < floats; i++) {
            float v;
            memcpy(&v, body + from + 4 * i, sizeof v);
            float *w = &want[i / FG_FOLD_BLOCK];
            *w = fabsf(v) > *w ? fabsf(v) : *w;
            largest = *w > largest ? *w : largest;
        }
        for (size_t t = 0; t < 3; t++) {
            const struct fg_folders *f = fg_folders_get(tables[t]);
            float got[BLOCKS + 1];
            if (f == NULL) {
                continue;
            }
            memset(got, 0x42, sizeof got);
            bool told = turn % 7 != 0;
            struct fg_scanner scanner = fg_scanner_of(both, head, body, len, from);
            for (size_t b = 0, by; turn % 2 != 0 && b < blocks; b += by) { /* in pieces */
                by = 1 + (size_t)turn / 2 % 3;
                if (by == 1 && told) {
                    got[b] = f->floats_and_scan(x, 0x1p40 / 3, sum, FG_FOLD_BLOCK, &scanner);
                    f->floats(&one, &minus, 1, sum, FG_FOLD_BLOCK);
                    continue;
                }
                f->scan_on(&scanner, by * FG_FOLD_BLOCK * sizeof(float), told ? got + b : NULL);
            }
            struct fg_scan s =
                turn % 2 != 0 ? f->scan_end(&scanner) : fg_scan_all(f, scanner, told ? got : NULL);
            assert_true(s.hash == fg_xxh64(both, head + len));
            assert_memory_equal(sum, nothing, sizeof sum); /* what was added beside was taken out again */
            assert_true(odd != SIZE_MAX ? isnan(s.largest) : s.largest == largest);
            for (size_t b = 0; b < blocks && told; b++) {
                assert_true(b == odd / FG_FOLD_BLOCK ? isnan(got[b]) : got[b] == want[b]);
            }
            static const uint8_t untouched[4] = {0x42, 0x42, 0x42, 0x42};
            assert_memory_equal(got + (told ? blocks : 0), untouched, sizeof untouched);
        }
    }
}

static void all_finite_one_that_is_not_is_seen_anywhere(void **state)
{
    (void)state;
    enum { MOST = 67 };
    float x[MOST];
    static const float odd[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < MOST; i++) {
        x[i] = i % 2 == 0 ? 0x1.fffffep+127f : -0x1.fffffep+127f; /* the largest there are */
    }
    assert_true(fg_kernel_all_finite(x, 0));
    for (size_t n = 1; n <= MOST; n++) {
        assert_true(fg_kernel_all_finite(x, n));
        for (size_t k = 0; k < 3; k++) {
            float kept = x[n / 2];
            x[n / 2] = odd[k];
            assert_false(fg_kernel_all_finite(x, n));
            x[n / 2] = kept;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_add_the_nearest_whole_numbers_on_every_table),
        cmocka_unit_test(bytes_add_exact_multiples_on_every_table),
        cmocka_unit_test(scan_hashes_head_and_body_and_sees_the_largest),
        cmocka_unit_test(scan_is_the_librarys_hash_and_tells_blocks_apart),
        cmocka_unit_test(all_finite_one_that_is_not_is_seen_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
