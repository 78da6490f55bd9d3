/* The wide folders: one source, compiled once for each vector layer, as wide.c. */
#include "kernels/ahead.h"
#include "kernels/fold.h"
#include "kernels/isa.h"

#ifdef FG_WIDE_AVX512
#include "kernels/simd_avx512.h"
#else
#include "kernels/simd_avx2.h"
#endif

#include "kernels/wide_scan.h"

/* Vectors come in blocks of many floats or bytes: a block ahead, each in the place where the other one is. */
enum { FLOATS_AHEAD = 2048, BYTES_AHEAD = 1024 };
enum { HALF = VL / 2, STEP = 2 * VL }; /* doubles and 64-bit numbers in a register; floats in a step */

static void floats_rest(const float *const *x, const double *scale, size_t m, int64_t *sum, size_t from,
                        size_t n)
{
    for (size_t k = 0; k < m && from < n; k++) {
        const float *rest[] = {x[k] + from};
        fg_folders_reference.floats(rest, scale + k, 1, sum + from, n - from);
    }
}

static void floats(const float *const *x, const double *scale, size_t m, int64_t *sum, size_t n)
{
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        VI total[4];
        FG_UNROLL
        for (size_t v = 0; v < 4; v++) {
            total[v] = vl_load((const uint64_t *)sum + i + v * HALF);
        }
        for (size_t k = 0; k < m; k++) {
            const float *from = x[k] + i;
            VD by = vd_set(scale[k]);
            fg_ahead(from, FLOATS_AHEAD, STEP * sizeof *from);
            FG_UNROLL
            for (size_t v = 0; v < 4; v++) {
                total[v] = vl_add(total[v], vl_nearest(vd_mul(vd_load_float(from + v * HALF), by)));
            }
        }
        FG_UNROLL
        for (size_t v = 0; v < 4; v++) {
            vl_store((uint64_t *)sum + i + v * HALF, total[v]);
        }
    }
    floats_rest(x, scale, m, sum, i, n);
}

/* Scales as up to three digits of 16 bits with sign, those of two vectors side by side,
 * above `shift` bits that none has. */
enum { DIGITS = 3, DIGIT_BITS = 16 };

struct scales {
    uint32_t pair[FG_FOLD_MOST / 2][DIGITS];
    int shift;
    size_t digits; /* that are not 0 in all */
};

static uint32_t next_digit(int64_t *scale)
{
    int64_t low = ((*scale & 0xffff) ^ 0x8000) - 0x8000;
    *scale = (*scale - low) >> DIGIT_BITS;
    return (uint32_t)(low & 0xffff);
}

static void split(struct scales *s, const int64_t *scale, size_t m)
{
    uint64_t any = 0;
    for (size_t k = 0; k < m; k++) {
        any |= (uint64_t)scale[k];
    }
    s->shift = any != 0 ? __builtin_ctzll(any) : 0;
    s->digits = 1;
    for (size_t k = 0; k < m; k += 2) {
        int64_t a = scale[k] >> s->shift, b = k + 1 < m ? scale[k + 1] >> s->shift : 0;
        for (size_t v = 0; v < DIGITS; v++) {
            s->digits = (a | b) != 0 && v >= s->digits ? v + 1 : s->digits;
            uint32_t low = next_digit(&a);
            s->pair[k / 2][v] = low | next_digit(&b) << DIGIT_BITS;
        }
    }
}

/* Products with each digit are summed in 32 bits: 2^23 for each pair of vectors at most. Cache lines are used
 * up at once: those of many vectors may fall on one another. Returns how far it came. */
static inline __attribute__((always_inline)) size_t bytes_by(const int8_t *const *q, const struct scales *s,
                                                             size_t digits, size_t m, int64_t *sum, size_t n)
{
    enum { UNITS = 2 };
    size_t i = 0;
    for (; i + UNITS * STEP <= n; i += UNITS * STEP) {
        VI part[UNITS][2][DIGITS];
        FG_UNROLL
        for (size_t v = 0; v < UNITS * digits; v++) {
            part[v / digits][0][v % digits] = part[v / digits][1][v % digits] = vi_set(0);
        }
        for (size_t k = 0; k < m; k += 2) {
            const int8_t *one = q[k] + i, *other = k + 1 < m ? q[k + 1] + i : NULL;
            fg_ahead(one, BYTES_AHEAD, UNITS * STEP);
            fg_ahead(other, BYTES_AHEAD, UNITS * STEP);
            FG_UNROLL
            for (size_t u = 0; u < UNITS; u++) {
                VI a = vh_load_s8(one + u * STEP);
                VI b = other != NULL ? vh_load_s8(other + u * STEP) : vi_set(0);
                VI low = vh_low(a, b), high = vh_high(a, b);
                FG_UNROLL
                for (size_t v = 0; v < digits; v++) {
                    VI by = vi_set(s->pair[k / 2][v]);
                    part[u][0][v] = vi_add(part[u][0][v], vh_dot(low, by));
                    part[u][1][v] = vi_add(part[u][1][v], vh_dot(high, by));
                }
            }
        }
        FG_UNROLL
        for (size_t w = 0; w < 4 * UNITS; w++) {
            uint64_t *at = (uint64_t *)sum + i + w * HALF;
            VI total = vl_load(at);
            FG_UNROLL
            for (size_t v = 0; v < digits; v++) {
                VI *p0 = &part[w / 4][0][v], *p1 = &part[w / 4][1][v];
                VI four = w % 4 < 2 ? vi_first(*p0, *p1) : vi_second(*p0, *p1);
                total = vl_add(total, vl_shl(vl_of_int(four, w % 2), s->shift + (int)(DIGIT_BITS * v)));
            }
            vl_store(at, total);
        }
    }
    return i;
}

static void bytes(const int8_t *const *q, const int64_t *scale, size_t m, int64_t *sum, size_t n)
{
    struct scales s;
    split(&s, scale, m);
    size_t i = s.digits == 1   ? bytes_by(q, &s, 1, m, sum, n)
               : s.digits == 2 ? bytes_by(q, &s, 2, m, sum, n)
                               : bytes_by(q, &s, 3, m, sum, n);
    for (size_t k = 0; k < m && i < n; k++) {
        const int8_t *rest[] = {q[k] + i};
        fg_folders_reference.bytes(rest, scale + k, 1, sum + i, n - i);
    }
}

#ifdef FG_WIDE_AVX512
const struct fg_folders fg_folders_avx512 = {
    .name = "avx512", .floats = floats, .bytes = bytes, .scan_on = scan_on, .scan_end = scan_end};
#else
const struct fg_folders fg_folders_avx2 = {
    .name = "avx2", .floats = floats, .bytes = bytes, .scan_on = scan_on, .scan_end = scan_end};
#endif
