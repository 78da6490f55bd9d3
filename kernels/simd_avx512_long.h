/* The 64-bit lanes of the vector layer for AVX-512: whole numbers "vl" and doubles "vd". Included by
 * simd_avx512.h only. Same names in simd_avx2_long.h. */
#ifndef FG_KERNELS_SIMD_AVX512_LONG_H
#define FG_KERNELS_SIMD_AVX512_LONG_H

static inline VI vl_set(uint64_t u)
{
    return _mm512_set1_epi64((long long)u);
}

static inline VI vl_load(const uint64_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline VI vl_add(VI a, VI b)
{
    return _mm512_add_epi64(a, b);
}

static inline VI vl_mul(VI a, VI b) /* of the lower halves */
{
    return _mm512_mul_epu32(a, b);
}

static inline VI vl_high(VI a)
{
    return _mm512_srli_epi64(a, 32);
}

static inline VI vl_join(VI low, VI high) /* the lower halves of both */
{
    return _mm512_mask_blend_epi32(0xAAAA, low, _mm512_slli_epi64(high, 32));
}

/* Lanes 0, 2, .. of both in turn; lanes 1, 3, ... */
static inline VI vl_even(VI a, VI b)
{
    return _mm512_unpacklo_epi64(a, b);
}

static inline VI vl_odd(VI a, VI b)
{
    return _mm512_unpackhi_epi64(a, b);
}

/* Where numbers 0, 1, .. lie so that vl_even() has the first of them in order and vl_odd() those after. */
static const uint64_t V_BLOCK_OF_LANE[VL / 2] = {0, 4, 1, 5, 2, 6, 3, 7};

static inline VD vd_load_float(const float *p)
{
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}

static inline VD vd_load(const double *p)
{
    return _mm512_loadu_pd(p);
}

static inline void vd_store(double *p, VD v)
{
    _mm512_storeu_pd(p, v);
}

static inline VD vd_set(double d)
{
    return _mm512_set1_pd(d);
}

static inline VD vd_fma(VD a, VD b, VD c)
{
    return _mm512_fmadd_pd(a, b, c);
}

static inline VD vd_abs(VD d)
{
    return _mm512_abs_pd(d);
}

static inline VD vd_add(VD a, VD b)
{
    return _mm512_add_pd(a, b);
}

static inline VD vd_mul(VD a, VD b)
{
    return _mm512_mul_pd(a, b);
}

static inline VD vd_div(VD a, VD b)
{
    return _mm512_div_pd(a, b);
}

static inline void vd_store_float(float *p, VD v)
{
    _mm256_storeu_ps(p, _mm512_cvtpd_ps(v));
}

static inline void vl_store(uint64_t *p, VI v)
{
    _mm512_storeu_si512(p, v);
}

/* The nearest whole numbers, ties to even; at most 2^54 in size. */
static inline VI vl_nearest(VD d)
{
    return _mm512_cvtpd_epi64(d);
}

static inline VI vl_shl(VI a, int n)
{
    return _mm512_slli_epi64(a, (unsigned)n);
}

/* Sums of vh_low() and vh_high(): of these, in order, a quarter (0..3), in 64 bits, times 2^n, n <= 32. */
static inline VI vl_of_dots(VI low, VI high, int quarter, int n)
{
    const VI first = _mm512_setr_epi32(0, 0, 0, 1, 0, 2, 0, 3, 0, 16, 0, 17, 0, 18, 0, 19);
    const VI at = _mm512_add_epi32(first, _mm512_set1_epi32(4 * quarter));
    return _mm512_srai_epi64(_mm512_maskz_permutex2var_epi32(0xAAAA, low, at, high), (unsigned)(32 - n));
}

static inline VI vl_shr47(VI a)
{
    return _mm512_srli_epi64(a, 47);
}

/* Each lane's neighbour: 1, 0, 3, 2, ... */
static inline VI vl_swap(VI a)
{
    return _mm512_shuffle_epi32(a, _MM_PERM_BADC);
}

/* Lanes 1, 2, .. of a, then lane 0 of b. */
static inline VI vl_shift_in(VI a, VI b)
{
    return _mm512_alignr_epi64(b, a, 1);
}

#endif
