/* The wide folders: one source, compiled once for each vector layer, as wide.c. */
#include "kernels/fold.h"
#include "kernels/isa.h"
#include "kernels/prefetch.h"

#ifdef FG_WIDE_AVX512
#include "kernels/simd_avx512.h"
#else
#include "kernels/simd_avx2.h"
#endif

#include "kernels/wide_scan.h"

/* How far ahead memory is asked for: two blocks, which is when one of several vectors has its turn again. */
enum { FLOATS_AHEAD = 8192, BYTES_AHEAD = 2048 };
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
            fg_prefetch(from, FLOATS_AHEAD, STEP * sizeof *from);
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

/* Scales as up to three digits of 16 bits with sign, those of two vectors side by side, above `shift` bits
 * that none has; the last digit is shifted by at most 32 bits. */
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

/* The digits of m scales above `shift` bits; returns how many there are. */
static size_t split_above(struct scales *s, int shift, const int64_t *scale, size_t m)
{
    size_t digits = 1;
    s->shift = shift;
    for (size_t k = 0; k < m; k += 2) {
        int64_t a = scale[k] >> shift, b = k + 1 < m ? scale[k + 1] >> shift : 0;
        for (size_t v = 0; v < DIGITS; v++) {
            digits = (a | b) != 0 && v >= digits ? v + 1 : digits;
            uint32_t low = next_digit(&a);
            s->pair[k / 2][v] = low | next_digit(&b) << DIGIT_BITS;
        }
    }
    return digits;
}

static void split(struct scales *s, const int64_t *scale, size_t m)
{
    uint64_t any = 0;
    for (size_t k = 0; k < m; k++) {
        any |= (uint64_t)scale[k];
    }
    const int zeros = any != 0 ? __builtin_ctzll(any) : 0;
    for (size_t most = 1; most <= DIGITS; most++) {
        int shift = DIGIT_BITS * (int)(DIGITS - most);
        s->digits = split_above(s, zeros < shift ? zeros : shift, scale, m);
        if (s->digits <= most) {
            break;
        }
    }
}

enum { UNITS = 2 }; /* steps of bytes whose sums are in registers */

struct parts {
    VI of[UNITS][2][DIGITS];
};

/* Products of a stretch of two vectors with each digit of their scales. */
static inline __attribute__((always_inline)) void
add_pair(struct parts *p, const int8_t *one, const int8_t *other, const uint32_t *by, size_t digits)
{
    FG_UNROLL
    for (size_t u = 0; u < UNITS; u++) {
        VI a = vh_load_s8(one + u * STEP);
        VI b = other != NULL ? vh_load_s8(other + u * STEP) : vi_set(0);
        VI low = vh_low(a, b), high = vh_high(a, b);
        FG_UNROLL
        for (size_t v = 0; v < digits; v++) {
            p->of[u][0][v] = vh_dot_add(p->of[u][0][v], low, vi_set(by[v]));
            p->of[u][1][v] = vh_dot_add(p->of[u][1][v], high, vi_set(by[v]));
        }
    }
}

/* Products with each digit are summed in 32 bits: 2^23 for each pair of vectors at most. Cache lines are used
 * up at once: those of many vectors may fall on one another. Returns how far it came. */
static inline __attribute__((always_inline)) size_t bytes_by(const int8_t *const *q, const struct scales *s,
                                                             size_t digits, size_t m, int64_t *sum, size_t n)
{
    size_t i = 0;
    for (; i + UNITS * STEP <= n; i += UNITS * STEP) {
        struct parts p;
        FG_UNROLL
        for (size_t v = 0; v < UNITS * digits; v++) {
            p.of[v / digits][0][v % digits] = p.of[v / digits][1][v % digits] = vi_set(0);
        }
        for (size_t k = 0; k + 1 < m; k += 2) {
            fg_prefetch(q[k] + i, BYTES_AHEAD, UNITS * STEP);
            fg_prefetch(q[k + 1] + i, BYTES_AHEAD, UNITS * STEP);
            add_pair(&p, q[k] + i, q[k + 1] + i, s->pair[k / 2], digits);
        }
        if (m % 2 != 0) {
            fg_prefetch(q[m - 1] + i, BYTES_AHEAD, UNITS * STEP);
            add_pair(&p, q[m - 1] + i, NULL, s->pair[m / 2], digits);
        }
        FG_UNROLL
        for (size_t w = 0; w < 2 * UNITS; w++) {
            uint64_t *at = (uint64_t *)sum + i + 2 * w * HALF;
            VI total[2] = {vl_load(at), vl_load(at + HALF)};
            FG_UNROLL
            for (size_t v = 0; v < digits; v++) {
                VI low = p.of[w / 2][0][v], high = p.of[w / 2][1][v];
                int from = 2 * (int)(w % 2), shift = s->shift + (int)(DIGIT_BITS * v);
                total[0] = vl_add(total[0], vl_of_dots(low, high, from, shift));
                total[1] = vl_add(total[1], vl_of_dots(low, high, from + 1, shift));
            }
            vl_store(at, total[0]);
            vl_store(at + HALF, total[1]);
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

/* A block of x is added while stripes from s->at on are scanned, and the floats beside them. `in_lines` is a
 * constant, as in wide_scan.h. Returns the largest float, as bits. */
static inline __attribute__((always_inline)) uint32_t add_and_scan(const float *x, double scale, int64_t *sum,
                                                                   struct fg_scanner *s, bool in_lines)
{
    enum { FLOAT = sizeof(float), STRIPES = STEP * FLOAT / STRIPE };
    VD by = vd_set(scale);
    VI last = in_lines ? scan_load(s->at - 8) : vi_set(0), most = vi_set(0);
    struct scan_sums now;
    memcpy(&now, s->lane, sizeof now);
    for (size_t i = 0; i < FG_FOLD_BLOCK; i += STEP) {
        const uint8_t *stripe = s->at + FLOAT * i;
        const uint8_t *keys = (const uint8_t *)scan_keys[FLOAT * i % ROUND / STRIPE];
        fg_prefetch_second(stripe, FLOATS_AHEAD, STRIPES * STRIPE);
        FG_UNROLL
        for (size_t v = 0; v < STRIPES * SCAN_VECTORS; v++) {
            VI data = scan_load(stripe + 4 * VL * v + (in_lines ? 4 * VL - 8 : 0));
            VI *lane = &now.lane[v % SCAN_VECTORS];
            *lane = scan_mix(*lane, in_lines ? vl_shift_in(last, data) : data, keys + 4 * VL * v);
            last = data;
        }
        FG_UNROLL
        for (size_t v = 0; v < STEP / VL; v++) {
            most = scan_max(most, s->floats + FLOAT * (i + VL * v));
        }
        FG_UNROLL
        for (size_t v = 0; v < 4; v++) {
            uint64_t *to = (uint64_t *)sum + i + v * HALF;
            vl_store(to, vl_add(vl_load(to), vl_nearest(vd_mul(vd_load_float(x + i + v * HALF), by))));
        }
        if (FLOAT * (i + STEP) % ROUND == 0) {
            scan_scramble(&now);
        }
    }
    memcpy(s->lane, &now, sizeof now);
    return vi_most(most);
}

static float floats_and_scan(const float *x, double scale, int64_t *sum, size_t n, struct fg_scanner *s)
{
    enum { BYTES = FG_FOLD_BLOCK * sizeof(float), ROUNDS = BYTES / ROUND };
    float largest = 0.f;
    if (n != FG_FOLD_BLOCK || scan_is_short(s) || s->at == NULL || s->rounds < ROUNDS || s->left < BYTES) {
        scan_on(s, n * sizeof *x, &largest);
        floats(&x, &scale, 1, sum, n);
        return largest;
    }
    uint32_t most = (uintptr_t)s->at % STRIPE == 8 ? add_and_scan(x, scale, sum, s, true)
                                                   : add_and_scan(x, scale, sum, s, false);
    s->at += BYTES;
    s->rounds -= ROUNDS;
    s->floats += BYTES;
    s->left -= BYTES;
    s->most = most > s->most ? most : s->most;
    memcpy(&largest, &most, sizeof largest);
    return most < 0x7f800000u ? largest : NAN;
}

#ifdef FG_WIDE_AVX512
const struct fg_folders fg_folders_avx512 = {.name = "avx512",
#else
const struct fg_folders fg_folders_avx2 = {.name = "avx2",
#endif
                                             .floats = floats,
                                             .bytes = bytes,
                                             .scan_on = scan_on,
                                             .scan_end = scan_end,
                                             .floats_and_scan = floats_and_scan};
