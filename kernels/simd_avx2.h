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

/* High and low 32 bits of the 64-bit products of unsigned lanes. */
static inline void vi_mul_wide(VI a, VI b, VI *high, VI *low)
{
    VI even = _mm256_mul_epu32(a, b), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), b);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

/* Lane l of a Philox batch works on block V_BLOCK_OF_LANE[l], so that v_interleave needs no lane crossing. */
static const uint32_t V_BLOCK_OF_LANE[VL] = {0, 2, 4, 6, 1, 3, 5, 7};

/* Words 0..3 of VL blocks (lanes as above) to 4 VL words in order of block and word. */
static inline void v_interleave(VI o[4])
{
    VI t0 = _mm256_unpacklo_epi32(o[0], o[1]), t1 = _mm256_unpackhi_epi32(o[0], o[1]);
    VI t2 = _mm256_unpacklo_epi32(o[2], o[3]), t3 = _mm256_unpackhi_epi32(o[2], o[3]);
    o[0] = _mm256_unpacklo_epi64(t0, t2);
    o[1] = _mm256_unpackhi_epi64(t0, t2);
    o[2] = _mm256_unpacklo_epi64(t1, t3);
    o[3] = _mm256_unpackhi_epi64(t1, t3);
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
static inline void v_store_u16(uint16_t *p, VI v)
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

static inline VD vd_load_float(const float *p)
{
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

static inline VD vd_load(const double *p)
{
    return _mm256_loadu_pd(p);
}

static inline void vd_store(double *p, VD v)
{
    _mm256_storeu_pd(p, v);
}

static inline VD vd_set(double d)
{
    return _mm256_set1_pd(d);
}

static inline VD vd_fma(VD a, VD b, VD c)
{
    return _mm256_fmadd_pd(a, b, c);
}

#endif
