/* The wide folders: one source, compiled once for each vector layer, as wide.c. */
#include "kernels/fold.h"
#include "kernels/isa.h"

#ifdef FG_WIDE_AVX512
#include "kernels/simd_avx512.h"
#define SCAN_LARGEST fg_coders_avx512.largest
#else
#include "kernels/simd_avx2.h"
#define SCAN_LARGEST fg_coders_avx2.largest
#endif

#include "kernels/fold_scan.h"

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

/* Scales as three digits of 16 bits with sign, those of two vectors side by side. */
struct digits {
    uint32_t pair[3];
};

static uint32_t next_digit(int64_t *scale)
{
    int64_t low = ((*scale & 0xffff) ^ 0x8000) - 0x8000;
    *scale = (*scale - low) / 65536;
    return (uint32_t)(low & 0xffff);
}

static struct digits digits_of(int64_t a, int64_t b)
{
    struct digits d;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t low = next_digit(&a);
        d.pair[i] = low | next_digit(&b) << 16;
    }
    return d;
}

/* Products with each digit are summed in 32 bits: 2^23 for each pair of vectors at most. */
static void bytes(const int8_t *const *q, const int64_t *scale, size_t m, int64_t *sum, size_t n)
{
    struct digits d[FG_FOLD_MOST / 2];
    size_t i = 0;
    for (size_t k = 0; k < m; k += 2) {
        d[k / 2] = digits_of(scale[k], k + 1 < m ? scale[k + 1] : 0);
    }
    for (; i + STEP <= n; i += STEP) {
        VI part[2][3];
        FG_UNROLL
        for (size_t v = 0; v < 3; v++) {
            part[0][v] = part[1][v] = vi_set(0);
        }
        for (size_t k = 0; k < m; k += 2) {
            VI a = vh_load_s8(q[k] + i), b = k + 1 < m ? vh_load_s8(q[k + 1] + i) : vi_set(0);
            VI low = vh_low(a, b), high = vh_high(a, b);
            FG_UNROLL
            for (size_t v = 0; v < 3; v++) {
                VI by = vi_set(d[k / 2].pair[v]);
                part[0][v] = vi_add(part[0][v], vh_dot(low, by));
                part[1][v] = vi_add(part[1][v], vh_dot(high, by));
            }
        }
        FG_UNROLL
        for (size_t v = 0; v < 3; v++) {
            VI first = vi_first(part[0][v], part[1][v]), second = vi_second(part[0][v], part[1][v]);
            VI wide[4] = {vl_of_int(first, 0), vl_of_int(first, 1), vl_of_int(second, 0),
                          vl_of_int(second, 1)};
            FG_UNROLL
            for (size_t w = 0; w < 4; w++) {
                uint64_t *at = (uint64_t *)sum + i + w * HALF;
                vl_store(at, vl_add(vl_load(at), vl_shl(wide[w], (int)(16 * v))));
            }
        }
    }
    for (size_t k = 0; k < m && i < n; k++) {
        const int8_t *rest[] = {q[k] + i};
        fg_folders_reference.bytes(rest, scale + k, 1, sum + i, n - i);
    }
}

#ifdef FG_WIDE_AVX512
const struct fg_folders fg_folders_avx512 = {
    .name = "avx512", .floats = floats, .bytes = bytes, .scan = scan};
#else
const struct fg_folders fg_folders_avx2 = {.name = "avx2", .floats = floats, .bytes = bytes, .scan = scan};
#endif
