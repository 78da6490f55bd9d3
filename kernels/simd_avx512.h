/* The vector layer for AVX-512 (F, BW, DQ, VL): V is 16 floats. Same names in simd_avx2.h. */
#ifndef FG_KERNELS_SIMD_AVX512_H
#define FG_KERNELS_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/unroll.h"

typedef __m512 V;     /* floats */
typedef __m512i VI;   /* 32-bit integers */
typedef __mmask16 VM; /* one truth a lane */
typedef __m512d VD;   /* doubles, half as many */

enum { VL = 16, TILE_ROWS = 14 }; /* lanes; rows of a tile of two vectors that fit the 32 registers */

/* The first n lanes (n < VL). */
static inline VM v_first(size_t n)
{
    return (VM)((1u << n) - 1u);
}

static inline V v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, V v)
{
    _mm512_storeu_ps(p, v);
}

static inline V v_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

static inline void v_store_part(float *p, V v, size_t n)
{
    _mm512_mask_storeu_ps(p, v_first(n), v);
}

static inline V v_set(float f)
{
    return _mm512_set1_ps(f);
}

static inline V v_fma(V a, V b, V c) /* a b + c */
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline V v_fnma(V a, V b, V c) /* c - a b */
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline V v_add(V a, V b)
{
    return _mm512_add_ps(a, b);
}

static inline V v_sub(V a, V b)
{
    return _mm512_sub_ps(a, b);
}

static inline V v_mul(V a, V b)
{
    return _mm512_mul_ps(a, b);
}

static inline V v_div(V a, V b)
{
    return _mm512_div_ps(a, b);
}

static inline V v_max(V a, V b) /* b if either is nan */
{
    return _mm512_max_ps(a, b);
}

static inline V v_min(V a, V b) /* b if either is nan */
{
    return _mm512_min_ps(a, b);
}

/* The largest of all lanes, any nan left aside or not. */
static inline float v_most(V v)
{
    return _mm512_reduce_max_ps(v);
}

static inline VM v_less(V a, V b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline VM v_equal(V a, V b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

static inline V v_select(VM m, V yes, V no)
{
    return _mm512_mask_blend_ps(m, no, yes);
}

static inline VI vi_select(VM m, VI yes, VI no)
{
    return _mm512_mask_blend_epi32(m, no, yes);
}

static inline unsigned v_mask_bits(VM m)
{
    return m;
}

static inline VI v_bits(V v)
{
    return _mm512_castps_si512(v);
}

static inline V v_float(VI v)
{
    return _mm512_castsi512_ps(v);
}

static inline V v_from_int(VI v)
{
    return _mm512_cvtepi32_ps(v);
}

static inline VI vi_set(uint32_t u)
{
    return _mm512_set1_epi32((int)u);
}

static inline VI vi_load(const uint32_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline VI vi_add(VI a, VI b)
{
    return _mm512_add_epi32(a, b);
}

static inline VI vi_sub(VI a, VI b)
{
    return _mm512_sub_epi32(a, b);
}

static inline VI vi_and(VI a, VI b)
{
    return _mm512_and_si512(a, b);
}

static inline VI vi_or(VI a, VI b)
{
    return _mm512_or_si512(a, b);
}

static inline VI vi_xor(VI a, VI b)
{
    return _mm512_xor_si512(a, b);
}

static inline VI vi_shl23(VI a)
{
    return _mm512_slli_epi32(a, 23);
}

static inline VI vi_sar23(VI a)
{
    return _mm512_srai_epi32(a, 23);
}

static inline VI vi_sar1(VI a)
{
    return _mm512_srai_epi32(a, 1);
}

static inline VM vi_equal(VI a, VI b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}

static inline VM vi_below(VI a, VI b) /* unsigned a < b */
{
    return _mm512_cmplt_epu32_mask(a, b);
}

/* v 2^k for whole k, |k| <= 252; the result is rounded once if |v| is near 1. */
static inline V v_ldexp(V v, V k)
{
    return _mm512_scalef_ps(v, k);
}

static inline VI vi_xor3(VI a, VI b, VI c)
{
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

static inline VI v_load_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline VI vi_shl16(VI a)
{
    return _mm512_slli_epi32(a, 16);
}

static inline VI vi_shr16(VI a)
{
    return _mm512_srli_epi32(a, 16);
}

/* VL pairs of 16 bits, each in one lane. */
static inline VI vi_load_pairs(const uint16_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void vi_store_pairs(uint16_t *p, VI v)
{
    _mm512_storeu_si512(p, v);
}

/* The lower halves; the upper ones are 0. */
static inline void v_store_u16(void *p, VI v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(v));
}

static inline void v_store_u8(uint8_t *p, VI v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v));
}

/* Rows to columns of a VL x VL square. */
static inline __attribute__((always_inline)) void v_transpose(V r[VL])
{
    V t[VL];
    FG_UNROLL
    for (int i = 0; i < 16; i += 2) { /* pairs */
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    FG_UNROLL
    for (int i = 0; i < 16; i += 4) { /* fours: r[i + c] holds column c of each 128-bit lane */
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    FG_UNROLL
    for (int c = 0; c < 4; c++) { /* 128-bit lanes of r[c], r[4+c], r[8+c], r[12+c] */
        V a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), b = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD);
        V d = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88),
          e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xDD);
        t[c] = _mm512_shuffle_f32x4(a, d, 0x88);
        t[8 + c] = _mm512_shuffle_f32x4(a, d, 0xDD);
        t[4 + c] = _mm512_shuffle_f32x4(b, e, 0x88);
        t[12 + c] = _mm512_shuffle_f32x4(b, e, 0xDD);
    }
    FG_UNROLL
    for (int i = 0; i < 16; i++) {
        r[i] = t[i];
    }
}

/* ---- for coders ---- */

static inline VI v_to_int(V v) /* towards 0 */
{
    return _mm512_cvttps_epi32(v);
}

static inline VI vi_shr9(VI a)
{
    return _mm512_srli_epi32(a, 9);
}

static inline VI vi_shr13(VI a)
{
    return _mm512_srli_epi32(a, 13);
}

static inline VI vi_shr31(VI a)
{
    return _mm512_srli_epi32(a, 31);
}

static inline VI vi_shl1(VI a)
{
    return _mm512_slli_epi32(a, 1);
}

static inline VI vi_shl13(VI a)
{
    return _mm512_slli_epi32(a, 13);
}

static inline VI vi_min(VI a, VI b) /* signed */
{
    return _mm512_min_epi32(a, b);
}

static inline VI vi_max(VI a, VI b) /* signed */
{
    return _mm512_max_epi32(a, b);
}

static inline void vi_store(uint32_t *p, VI v)
{
    _mm512_storeu_si512(p, v);
}

static inline VI v_load_s8(const int8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline VI v_load_u16(const uint8_t *p) /* little-endian */
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline void v_store_s8(int8_t *p, VI v) /* -128..127 */
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(v));
}

/* The lanes where m holds, one after another; as many as there are lanes are written. */
static inline void vi_store_some(uint32_t *p, VM m, VI v)
{
    _mm512_storeu_si512(p, _mm512_maskz_compress_epi32(m, v));
}

static inline VM v_mask_of(unsigned bits)
{
    return (VM)bits;
}

/* Each lane's partner at a distance of 1, 2, 4, 8. */
static inline V v_swap(V v, int distance)
{
    return distance == 1   ? _mm512_permute_ps(v, 0xB1)
           : distance == 2 ? _mm512_permute_ps(v, 0x4E)
           : distance == 4 ? _mm512_shuffle_f32x4(v, v, 0xB1)
                           : _mm512_shuffle_f32x4(v, v, 0x4E);
}

/* ---- sums in whole numbers ---- */

/* The largest of all lanes, signed. */
static inline uint32_t vi_most(VI a)
{
    return (uint32_t)_mm512_reduce_max_epi32(a);
}

/* 16-bit lanes, twice as many: "vh". */
static inline VI vh_load_s8(const int8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* Lanes of both in turn, four from each 128 bits: vl_of_dots() brings results back in order. */
static inline VI vh_low(VI a, VI b)
{
    return _mm512_unpacklo_epi16(a, b);
}

static inline VI vh_high(VI a, VI b)
{
    return _mm512_unpackhi_epi16(a, b);
}

/* sum + of each pair of lanes the sum of the products, in 32 bits. */
static inline VI vh_dot_add(VI sum, VI a, VI b)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

#include "kernels/simd_avx512_long.h"

#endif
