/* The 64-bit lanes of the vector layer for AVX2: whole numbers "vl" and doubles "vd". Included by
 * simd_avx2.h only. Same names in simd_avx512_long.h. */
#ifndef FG_KERNELS_SIMD_AVX2_LONG_H
#define FG_KERNELS_SIMD_AVX2_LONG_H

static inline VI vl_set(uint64_t u)
{
    return _mm256_set1_epi64x((long long)u);
}

static inline VI vl_load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline VI vl_add(VI a, VI b)
{
    return _mm256_add_epi64(a, b);
}

static inline VI vl_mul(VI a, VI b) /* of the lower halves */
{
    return _mm256_mul_epu32(a, b);
}

static inline VI vl_high(VI a)
{
    return _mm256_srli_epi64(a, 32);
}

static inline VI vl_join(VI low, VI high) /* the lower halves of both */
{
    return _mm256_blend_epi32(low, _mm256_slli_epi64(high, 32), 0xAA);
}

/* Lanes 0, 2, .. of both in turn; lanes 1, 3, ... */
static inline VI vl_even(VI a, VI b)
{
    return _mm256_unpacklo_epi64(a, b);
}

static inline VI vl_odd(VI a, VI b)
{
    return _mm256_unpackhi_epi64(a, b);
}

/* Where numbers 0, 1, .. lie so that vl_even() has the first of them in order and vl_odd() those after. */
static const uint64_t V_BLOCK_OF_LANE[VL / 2] = {0, 2, 1, 3};

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

static inline VD vd_abs(VD d)
{
    return _mm256_andnot_pd(_mm256_set1_pd(-0.0), d);
}

static inline VD vd_add(VD a, VD b)
{
    return _mm256_add_pd(a, b);
}

static inline VD vd_mul(VD a, VD b)
{
    return _mm256_mul_pd(a, b);
}

static inline VD vd_div(VD a, VD b)
{
    return _mm256_div_pd(a, b);
}

static inline void vd_store_float(float *p, VD v)
{
    _mm_storeu_ps(p, _mm256_cvtpd_ps(v));
}

static inline void vl_store(uint64_t *p, VI v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

/* The nearest whole numbers, ties to even; at most 2^54 in size. In two parts, each of which adding 3 * 2^51
 * leaves in the lower bits. */
static inline VI vl_nearest(VD d)
{
    const VD big = _mm256_set1_pd(0x1.8p52);
    VD whole = _mm256_round_pd(d, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    VD high = _mm256_round_pd(_mm256_mul_pd(whole, _mm256_set1_pd(0x1p-32)),
                              _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    VD low = _mm256_sub_pd(whole, _mm256_mul_pd(high, _mm256_set1_pd(0x1p32)));
    VI a = _mm256_slli_epi64(_mm256_castpd_si256(_mm256_add_pd(high, big)), 32);
    VI b = _mm256_sub_epi64(_mm256_castpd_si256(_mm256_add_pd(low, big)), _mm256_castpd_si256(big));
    return _mm256_add_epi64(a, b);
}

static inline VI vl_shl(VI a, int n)
{
    return _mm256_slli_epi64(a, n);
}

/* Sums of vh_low() and vh_high(): of these, in order, a quarter (0..3), in 64 bits, times 2^n, n <= 32. */
static inline VI vl_of_dots(VI low, VI high, int quarter, int n)
{
    VI from = quarter % 2 == 0 ? low : high;
    __m128i four = quarter < 2 ? _mm256_castsi256_si128(from) : _mm256_extracti128_si256(from, 1);
    return vl_shl(_mm256_cvtepi32_epi64(four), n);
}

static inline VI vl_shr47(VI a)
{
    return _mm256_srli_epi64(a, 47);
}

/* Each lane's neighbour: 1, 0, 3, 2, ... */
static inline VI vl_swap(VI a)
{
    return _mm256_shuffle_epi32(a, 0x4E);
}

/* Lanes 1, 2, .. of a, then lane 0 of b. */
static inline VI vl_shift_in(VI a, VI b)
{
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(a, b, 0x21), a, 8);
}

#endif
