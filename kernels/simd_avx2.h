/* The vector layer for AVX2 with FMA: V is 8 floats. Same names in simd_avx512.h. */
#ifndef FG_KERNELS_SIMD_AVX2_H
#define FG_KERNELS_SIMD_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/unroll.h"

typedef __m256 V;   /* floats */
typedef __m256i VI; /* 32-bit integers */
typedef __m256 VM;  /* one truth a lane: all bits set or none */
typedef __m256d VD; /* doubles, half as many */

enum { VL = 8, TILE_ROWS = 6 }; /* lanes; rows of a tile of two vectors that fit the 16 registers */

/* The first n lanes (n < VL). */
static inline VM v_first(size_t n)
{
    VI lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

static inline V v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, V v)
{
    _mm256_storeu_ps(p, v);
}

static inline V v_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, _mm256_castps_si256(v_first(n)));
}

static inline void v_store_part(float *p, V v, size_t n)
{
    _mm256_maskstore_ps(p, _mm256_castps_si256(v_first(n)), v);
}

static inline V v_set(float f)
{
    return _mm256_set1_ps(f);
}

static inline V v_fma(V a, V b, V c) /* a b + c */
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline V v_fnma(V a, V b, V c) /* c - a b */
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline V v_add(V a, V b)
{
    return _mm256_add_ps(a, b);
}

static inline V v_sub(V a, V b)
{
    return _mm256_sub_ps(a, b);
}

static inline V v_mul(V a, V b)
{
    return _mm256_mul_ps(a, b);
}

static inline V v_div(V a, V b)
{
    return _mm256_div_ps(a, b);
}

static inline V v_max(V a, V b) /* b if either is nan */
{
    return _mm256_max_ps(a, b);
}

static inline V v_min(V a, V b) /* b if either is nan */
{
    return _mm256_min_ps(a, b);
}

/* The largest of all lanes, any nan left aside or not. */
static inline float v_most(V v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_shuffle_ps(m, m, 0x4E));
    return _mm_cvtss_f32(_mm_max_ps(m, _mm_shuffle_ps(m, m, 0xB1)));
}

static inline VM v_less(V a, V b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline VM v_equal(V a, V b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}

static inline V v_select(VM m, V yes, V no)
{
    return _mm256_blendv_ps(no, yes, m);
}

static inline VI v_bits(V v)
{
    return _mm256_castps_si256(v);
}

static inline V v_float(VI v)
{
    return _mm256_castsi256_ps(v);
}

static inline VI vi_select(VM m, VI yes, VI no)
{
    return v_bits(v_select(m, v_float(yes), v_float(no)));
}

static inline unsigned v_mask_bits(VM m)
{
    return (unsigned)_mm256_movemask_ps(m);
}

static inline V v_from_int(VI v)
{
    return _mm256_cvtepi32_ps(v);
}

static inline VI vi_set(uint32_t u)
{
    return _mm256_set1_epi32((int)u);
}

static inline VI vi_load(const uint32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline VI vi_add(VI a, VI b)
{
    return _mm256_add_epi32(a, b);
}

static inline VI vi_sub(VI a, VI b)
{
    return _mm256_sub_epi32(a, b);
}

static inline VI vi_and(VI a, VI b)
{
    return _mm256_and_si256(a, b);
}

static inline VI vi_or(VI a, VI b)
{
    return _mm256_or_si256(a, b);
}

static inline VI vi_xor(VI a, VI b)
{
    return _mm256_xor_si256(a, b);
}

static inline VI vi_shl23(VI a)
{
    return _mm256_slli_epi32(a, 23);
}

static inline VI vi_sar23(VI a)
{
    return _mm256_srai_epi32(a, 23);
}

static inline VI vi_sar1(VI a)
{
    return _mm256_srai_epi32(a, 1);
}

static inline VM vi_equal(VI a, VI b)
{
    return v_float(_mm256_cmpeq_epi32(a, b));
}

static inline VM vi_below(VI a, VI b) /* unsigned a < b */
{
    VI sign = vi_set(0x80000000u);
    return v_float(_mm256_cmpgt_epi32(vi_xor(b, sign), vi_xor(a, sign)));
}

/* v 2^k for whole k, |k| <= 252; the result is rounded once if |v| is near 1. */
static inline V v_ldexp(V v, V k)
{
    VI n = _mm256_cvtps_epi32(k), half = vi_sar1(n), bias = vi_set(127);
    V s1 = v_float(vi_shl23(vi_add(half, bias))), s2 = v_float(vi_shl23(vi_add(vi_sub(n, half), bias)));
    return v_mul(v_mul(v, s1), s2);
}

static inline VI vi_xor3(VI a, VI b, VI c)
{
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}

static inline VI v_load_u8(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

static inline VI vi_shl16(VI a)
{
    return _mm256_slli_epi32(a, 16);
}

static inline VI vi_shr16(VI a)
{
    return _mm256_srli_epi32(a, 16);
}

/* VL pairs of 16 bits, each in one lane. */
static inline VI vi_load_pairs(const uint16_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void vi_store_pairs(uint16_t *p, VI v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

/* The lower halves; the upper ones are 0. */
static inline void v_store_u16(void *p, VI v)
{
    _mm_storeu_si128((__m128i *)p,
                     _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

static inline void v_store_u8(uint8_t *p, VI v)
{
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(w, w));
}

/* Rows to columns of a VL x VL square. */
static inline __attribute__((always_inline)) void v_transpose(V r[VL])
{
    V t[VL];
    FG_UNROLL
    for (int i = 0; i < 8; i += 2) { /* pairs */
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    FG_UNROLL
    for (int i = 0; i < 8; i += 4) { /* fours: r[i + c] holds column c of each 128-bit lane */
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    FG_UNROLL
    for (int c = 0; c < 4; c++) {
        V low = _mm256_permute2f128_ps(r[c], r[4 + c], 0x20);
        r[4 + c] = _mm256_permute2f128_ps(r[c], r[4 + c], 0x31);
        r[c] = low;
    }
}

/* ---- for coders ---- */

static inline VI v_to_int(V v) /* towards 0 */
{
    return _mm256_cvttps_epi32(v);
}

static inline VI vi_shr9(VI a)
{
    return _mm256_srli_epi32(a, 9);
}

static inline VI vi_shr13(VI a)
{
    return _mm256_srli_epi32(a, 13);
}

static inline VI vi_shr31(VI a)
{
    return _mm256_srli_epi32(a, 31);
}

static inline VI vi_shl1(VI a)
{
    return _mm256_slli_epi32(a, 1);
}

static inline VI vi_shl13(VI a)
{
    return _mm256_slli_epi32(a, 13);
}

static inline VI vi_min(VI a, VI b) /* signed */
{
    return _mm256_min_epi32(a, b);
}

static inline VI vi_max(VI a, VI b) /* signed */
{
    return _mm256_max_epi32(a, b);
}

static inline void vi_store(uint32_t *p, VI v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline VI v_load_s8(const int8_t *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

static inline VI v_load_u16(const uint8_t *p) /* little-endian */
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline void v_store_s8(int8_t *p, VI v) /* -128..127 */
{
    __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i *)(void *)p, _mm_packs_epi16(w, w));
}

/* The lanes where m holds, one after another; no more than there are lanes are written. */
static inline void vi_store_some(uint32_t *p, VM m, VI v)
{
    uint32_t lane[VL];
    unsigned bits = v_mask_bits(m);
    if (bits != 0) {
        vi_store(lane, v);
        for (; bits != 0; bits &= bits - 1) {
            *p++ = lane[__builtin_ctz(bits)];
        }
    }
}

static inline VM v_mask_of(unsigned bits)
{
    VI bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return vi_equal(vi_and(vi_set(bits), bit), bit);
}

/* Each lane's partner at a distance of 1, 2, 4. */
static inline V v_swap(V v, int distance)
{
    return distance == 1   ? _mm256_permute_ps(v, 0xB1)
           : distance == 2 ? _mm256_permute_ps(v, 0x4E)
                           : _mm256_permute2f128_ps(v, v, 1);
}

/* ---- sums in whole numbers ---- */

/* The largest of all lanes, signed. */
static inline uint32_t vi_most(VI a)
{
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1)));
}

/* 16-bit lanes, twice as many: "vh". */
static inline VI vh_load_s8(const int8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* Lanes of both in turn, four from each 128 bits: vl_of_dots() brings results back in order. */
static inline VI vh_low(VI a, VI b)
{
    return _mm256_unpacklo_epi16(a, b);
}

static inline VI vh_high(VI a, VI b)
{
    return _mm256_unpackhi_epi16(a, b);
}

/* sum + of each pair of lanes the sum of the products, in 32 bits. */
static inline VI vh_dot_add(VI sum, VI a, VI b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

#include "kernels/simd_avx2_long.h"

#endif
