/* The wide coders: one source, compiled once for each vector layer, as wide.c. */
#include <math.h>
#include <string.h>

#ifdef FG_WIDE_AVX512
#include "kernels/simd_avx512.h"
#else
#include "kernels/simd_avx2.h"
#endif

#include "kernels/coder_levels.h"
#include "kernels/isa.h"
#include "kernels/table.h"

#include "kernels/wide_halves.h"
#include "kernels/wide_philox.h"

enum { STEP = 4 * VL }; /* values that one call of philox_words() serves */

static void words(const struct fg_coder_stream *s, uint64_t at, uint32_t out[FG_CODER_WORDS])
{
    struct philox_keys key = philox_keys_of(s->key);
    for (size_t i = 0; i < FG_CODER_WORDS; i += STEP) {
        VI word[4];
        philox_words(&key, s->ctr, (at + i) / 4, word);
        for (size_t v = 0; v < 4; v++) {
            vi_store(out + i + v * VL, word[v]);
        }
    }
}

static inline V size_of(V x)
{
    return v_float(vi_and(v_bits(x), vi_set(0x7FFFFFFFu)));
}

static inline VM is_negative(V x)
{
    return v_less(x, v_set(0.f));
}

/* ((word >> 9) + 1/2) 2^-23, by way of 1 + (word >> 9) 2^-23; nothing is rounded. */
static inline V uniform(VI word)
{
    return v_add(v_float(vi_or(vi_shr9(word), vi_set(0x3f800000u))), v_set(-0x1.fffffep-1f));
}

static float largest(const float *x, size_t n)
{
    uint32_t lane[VL], bits = 0;
    VI most[4];
    size_t i = 0;
    for (size_t v = 0; v < 4; v++) {
        most[v] = vi_set(0);
    }
    for (; i + STEP <= n; i += STEP) {
        FG_UNROLL
        for (size_t v = 0; v < 4; v++) {
            most[v] = vi_max(most[v], v_bits(size_of(v_load(x + i + v * VL))));
        }
    }
    for (; i + VL <= n; i += VL) {
        most[0] = vi_max(most[0], v_bits(size_of(v_load(x + i))));
    }
    if (i < n) {
        most[0] = vi_max(most[0], v_bits(size_of(v_load_part(x + i, n - i))));
    }
    vi_store(lane, vi_max(vi_max(most[0], most[1]), vi_max(most[2], most[3])));
    for (size_t l = 0; l < VL; l++) {
        bits = lane[l] > bits ? lane[l] : bits;
    }
    float found;
    memcpy(&found, &bits, sizeof found);
    return bits < 0x7f800000u ? found : NAN;
}

/* Sums of every FG_CODER_SUMS-th value, a whole number of times; as many at once as registers allow. */
static inline void spread_sums(VD *sum, VD *square, const float *x, size_t n)
{
    enum { WIDE = VL / 2, ALL = FG_CODER_SUMS / WIDE, PARTS = 4 };
    for (size_t l = 0; l < ALL; l += PARTS) {
        VD a[PARTS], b[PARTS];
        for (size_t v = 0; v < PARTS; v++) {
            a[v] = b[v] = vd_set(0.0);
        }
        for (size_t i = l * WIDE; i < n; i += FG_CODER_SUMS) {
            FG_UNROLL
            for (size_t v = 0; v < PARTS; v++) {
                VD f = vd_load_float(x + i + v * WIDE);
                a[v] = vd_add(a[v], vd_abs(f));
                b[v] = vd_fma(f, f, b[v]); /* the product is exact: one rounding either way */
            }
        }
        for (size_t v = 0; v < PARTS; v++) {
            sum[l + v] = a[v];
            square[l + v] = b[v];
        }
    }
}

static inline double halve_sums(VD *sum)
{
    enum { WIDE = VL / 2, ALL = FG_CODER_SUMS / WIDE };
    double last[WIDE];
    for (size_t half = ALL / 2; half > 0; half /= 2) {
        for (size_t v = 0; v < half; v++) {
            sum[v] = vd_add(sum[v], sum[v + half]);
        }
    }
    vd_store(last, sum[0]);
    fg_coder_halve(last, WIDE);
    return last[0];
}

/* What is left of a block that is not whole. Shapes: x (n), n < FG_CODER_SUMS. */
static void add_rest(VD *sum, VD *square, const float *x, size_t n)
{
    enum { WIDE = VL / 2, ALL = FG_CODER_SUMS / WIDE };
    double a[FG_CODER_SUMS], b[FG_CODER_SUMS];
    for (size_t v = 0; v < ALL; v++) {
        vd_store(a + v * WIDE, sum[v]);
        vd_store(b + v * WIDE, square[v]);
    }
    for (size_t i = 0; i < n; i++) {
        a[i] += fabs((double)x[i]);
        b[i] += (double)x[i] * (double)x[i];
    }
    for (size_t v = 0; v < ALL; v++) {
        sum[v] = vd_load(a + v * WIDE);
        square[v] = vd_load(b + v * WIDE);
    }
}

/* Of at most FG_CODER_BLOCK values. */
static struct fg_coder_sums block_sums(const float *x, size_t n)
{
    VD sum[FG_CODER_SUMS / (VL / 2)], square[FG_CODER_SUMS / (VL / 2)];
    const size_t whole = n / FG_CODER_SUMS * FG_CODER_SUMS;
    spread_sums(sum, square, x, whole);
    if (whole < n) {
        add_rest(sum, square, x + whole, n - whole);
    }
    return (struct fg_coder_sums){halve_sums(sum), halve_sums(square)};
}

static struct fg_coder_sums sums(const float *x, size_t n)
{
    struct fg_coder_sums s = {0};
    for (size_t i = 0; i < n; i += FG_CODER_BLOCK) {
        struct fg_coder_sums block = block_sums(x + i, n - i < FG_CODER_BLOCK ? n - i : FG_CODER_BLOCK);
        s.sum += block.sum;
        s.square += block.square;
    }
    return s;
}

static inline void round_step(const struct philox_keys *key, const uint32_t ctr[4], uint64_t at,
                              const float *x /* (STEP) */, V inverse, VI most, int8_t *q /* (STEP) */)
{
    VI word[4], one = vi_set(1), zero = vi_set(0);
    philox_words(key, ctr, at / 4, word);
    FG_UNROLL
    for (size_t v = 0; v < 4; v++) {
        V value = v_load(x + v * VL), a = v_mul(size_of(value), inverse);
        VI k = v_to_int(a);
        VM up = v_less(uniform(word[v]), v_sub(a, v_from_int(k)));
        k = vi_min(vi_select(up, vi_add(k, one), k), most);
        v_store_s8(q + v * VL, vi_select(is_negative(value), vi_sub(zero, k), k));
    }
}

static void round_(const struct fg_coder_stream *s, uint64_t at, const float *x, float inverse, int32_t most,
                   int8_t *q, size_t n)
{
    struct philox_keys key = philox_keys_of(s->key);
    V by = v_set(inverse);
    VI limit = vi_set((uint32_t)most);
    size_t i = 0;
    for (; i + STEP <= n; i += STEP) {
        round_step(&key, s->ctr, at + i, x + i, by, limit, q + i);
    }
    if (i < n) {
        float part[STEP] = {0};
        int8_t code[STEP];
        memcpy(part, x + i, (n - i) * sizeof *x);
        round_step(&key, s->ctr, at + i, part, by, limit, code);
        memcpy(q + i, code, n - i);
    }
}

static void scale(const int8_t *q, float step, float *x, size_t n)
{
    V by = v_set(step);
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(x + i, v_mul(v_from_int(v_load_s8(q + i)), by));
    }
    for (; i < n; i++) {
        x[i] = (float)q[i] * step;
    }
}

/* Sixteen bytes in, thirty-two codes, and back. */
static void pack4(const int8_t *q, uint8_t *out, size_t n)
{
    const __m128i eight = _mm_set1_epi8(8), low = _mm_set1_epi16(0x00FF);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m128i half[2];
        FG_UNROLL
        for (size_t v = 0; v < 2; v++) {
            __m128i c = _mm_add_epi8(_mm_loadu_si128((const __m128i *)(const void *)(q + i + 16 * v)), eight);
            half[v] = _mm_and_si128(_mm_or_si128(c, _mm_srli_epi16(c, 4)), low);
        }
        _mm_storeu_si128((__m128i *)(void *)(out + i / 2), _mm_packus_epi16(half[0], half[1]));
    }
    for (; i < n; i += 2) {
        out[i / 2] = (uint8_t)((q[i] + 8) | (i + 1 < n ? q[i + 1] + 8 : 0) << 4);
    }
}

static void unpack4(const uint8_t *in, int8_t *q, size_t n)
{
    const __m128i eight = _mm_set1_epi8(8), low = _mm_set1_epi8(15);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(in + i / 2));
        __m128i even = _mm_sub_epi8(_mm_and_si128(c, low), eight);
        __m128i odd = _mm_sub_epi8(_mm_and_si128(_mm_srli_epi16(c, 4), low), eight);
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm_unpacklo_epi8(even, odd));
        _mm_storeu_si128((__m128i *)(void *)(q + i + 16), _mm_unpackhi_epi8(even, odd));
    }
    for (; i < n; i++) {
        q[i] = (int8_t)((in[i / 2] >> (i % 2 * 4) & 15) - 8);
    }
}

static inline size_t choose_step(const struct philox_keys *key, const uint32_t ctr[4], uint64_t at,
                                 const float *x /* (STEP) */, V inverse, VI index, uint32_t *place)
{
    VI word[4];
    size_t count = 0;
    philox_words(key, ctr, at / 4, word);
    FG_UNROLL
    for (size_t v = 0; v < 4; v++) {
        V value = v_load(x + v * VL);
        VM kept = v_less(uniform(word[v]), v_mul(size_of(value), inverse));
        VI code = vi_or(vi_shl1(vi_add(index, vi_set((uint32_t)(v * VL)))), vi_shr31(v_bits(value)));
        vi_store_some(place + count, kept, code);
        count += (size_t)__builtin_popcount(v_mask_bits(kept));
    }
    return count;
}

static size_t choose(const struct fg_coder_stream *s, uint64_t at, const float *x, float inverse,
                     uint32_t *place, size_t n)
{
    uint32_t lane[VL];
    size_t count = 0, i = 0;
    for (uint32_t l = 0; l < VL; l++) {
        lane[l] = l;
    }
    struct philox_keys key = philox_keys_of(s->key);
    V by = v_set(inverse);
    VI first = vi_load(lane);
    for (; i + STEP <= n; i += STEP) {
        count +=
            choose_step(&key, s->ctr, at + i, x + i, by, vi_add(first, vi_set((uint32_t)i)), place + count);
    }
    if (i < n) {
        float part[STEP] = {0};
        uint32_t some[STEP + VL];
        memcpy(part, x + i, (n - i) * sizeof *x);
        size_t found = choose_step(&key, s->ctr, at + i, part, by, vi_add(first, vi_set((uint32_t)i)), some);
        memcpy(place + count, some, found * sizeof *some);
        count += found;
    }
    return count;
}

/* ---- what is kept ---- */

static void add(const float *x, float *z, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
        v_store(z + i, v_add(v_load(z + i), v_load(x + i)));
    }
    if (i < n) {
        v_store_part(z + i, v_add(v_load_part(z + i, n - i), v_load_part(x + i, n - i)), n - i);
    }
}

static size_t above(const float *z, uint32_t least, uint32_t first, uint32_t *place, size_t n)
{
    uint32_t lane[VL];
    size_t count = 0;
    for (uint32_t l = 0; l < VL; l++) {
        lane[l] = first + l;
    }
    VI index = vi_load(lane);
    for (size_t i = 0; i < n; i += VL) { /* lanes behind the last value are 0, which is above nothing */
        V value = n - i < VL ? v_load_part(z + i, n - i) : v_load(z + i);
        VM is = vi_below(vi_set(least), vi_and(v_bits(value), vi_set(0x7fffffffu)));
        vi_store_some(place + count, is, vi_add(index, vi_set((uint32_t)i)));
        count += (size_t)__builtin_popcount(v_mask_bits(is));
    }
    return count;
}

/* ---- rotation ---- */

static inline V negate_where(VM m, V x)
{
    return v_float(vi_xor(v_bits(x), vi_select(m, vi_set(0x80000000u), vi_set(0))));
}

static void flip(const struct fg_coder_stream *s, uint64_t at, float *z, size_t n)
{
    uint32_t word[FG_CODER_WORDS];
    for (size_t i = 0; i < n; i += VL) {
        if (i % (32 * (size_t)FG_CODER_WORDS) == 0) {
            words(s, at + i / 32, word);
        }
        VM m = v_mask_of(word[i / 32 % FG_CODER_WORDS] >> i % 32 & ((1u << VL) - 1));
        if (n - i >= VL) {
            v_store(z + i, negate_where(m, v_load(z + i)));
        } else {
            v_store_part(z + i, negate_where(m, v_load_part(z + i, n - i)), n - i);
        }
    }
}

/* a + b in the lower of two partners, a - b in the upper one. */
static inline V butterfly(V x, int distance, VM upper)
{
    return v_add(v_swap(x, distance), negate_where(upper, x));
}

static void hadamard_small(float *z, size_t n)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t j = 0; j < n; j++) {
            if ((j & half) == 0) {
                float a = z[j], b = z[j + half];
                z[j] = a + b;
                z[j + half] = a - b;
            }
        }
    }
}

static void hadamard(float *z, size_t n)
{
    if (n < VL) {
        hadamard_small(z, n);
        return;
    }
    for (size_t i = 0; i < n; i += VL) {
        V x = v_load(z + i);
        x = butterfly(x, 1, v_mask_of(0xAAAA & ((1u << VL) - 1)));
        x = butterfly(x, 2, v_mask_of(0xCCCC & ((1u << VL) - 1)));
        x = butterfly(x, 4, v_mask_of(0xF0F0 & ((1u << VL) - 1)));
        x = VL == 16 ? butterfly(x, 8, v_mask_of(0xFF00 & ((1u << VL) - 1))) : x;
        v_store(z + i, x);
    }
    for (size_t half = VL; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j += VL) {
                V a = v_load(z + j), b = v_load(z + j + half);
                v_store(z + j, v_add(a, b));
                v_store(z + j + half, v_sub(a, b));
            }
        }
    }
}

static void signs(const float *z, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        size_t m = n - i < VL ? n - i : VL;
        unsigned bits = v_mask_bits(is_negative(m < VL ? v_load_part(z + i, m) : v_load(z + i)));
        for (size_t b = 0; b < m / 8; b++) {
            out[i / 8 + b] = (uint8_t)(bits >> 8 * b);
        }
    }
}

static void unsigns(const uint8_t *in, float unit, float *z, size_t n)
{
    V one = v_set(unit);
    for (size_t i = 0; i < n; i += VL) {
        size_t m = n - i < VL ? n - i : VL;
        unsigned bits = in[i / 8] | (m > 8 ? (unsigned)in[i / 8 + 1] << 8 : 0);
        V x = negate_where(v_mask_of(bits), one);
        if (m == VL) {
            v_store(z + i, x);
        } else {
            v_store_part(z + i, x, m);
        }
    }
}

static void take_signs(float *z, float unit, uint8_t *out, size_t n)
{
    V one = v_set(unit);
    for (size_t i = 0; i < n; i += VL) {
        size_t m = n - i < VL ? n - i : VL;
        V x = m < VL ? v_load_part(z + i, m) : v_load(z + i);
        VM negative = is_negative(x);
        unsigned bits = v_mask_bits(negative);
        x = v_sub(x, negate_where(negative, one));
        if (m == VL) {
            v_store(z + i, x);
        } else {
            v_store_part(z + i, x, m);
        }
        for (size_t b = 0; b < m / 8; b++) {
            out[i / 8 + b] = (uint8_t)(bits >> 8 * b);
        }
    }
}

#ifdef FG_WIDE_AVX512
#include "kernels/wide_gaps.h"

const struct fg_coders fg_coders_avx512 = FG_CODER_TABLE("avx512");
#else
static size_t gaps(struct fg_coder_gaps *g, size_t count, uint32_t first, uint32_t *code)
{
    return fg_coders_reference.gaps(g, count, first, code);
}

const struct fg_coders fg_coders_avx2 = FG_CODER_TABLE("avx2");
#endif
