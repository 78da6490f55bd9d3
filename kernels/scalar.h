/* Elementary float functions, one element at a time: what the wide code repeats lane by lane, bit for bit.
 *
 * Only + - * /, fma and integer operations in the order written (-ffp-contract=off). Thread safety: pure.
 * Source: Moshier 1989, Cephes (expf, logf, tanhf): range reductions and polynomials; differs: evaluated with
 * fma.
 */
#ifndef FG_KERNELS_SCALAR_H
#define FG_KERNELS_SCALAR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/constants.h"
#include "src/base/both.h"

FG_BOTH static inline float bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

FG_BOTH static inline uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

FG_BOTH static inline int32_t shift_right(int32_t v,
                                          int by) /* arithmetic, whatever the compiler's choice for >> */
{
    return v < 0 ? ~(~v >> by) : v >> by;
}

FG_BOTH static inline float scalar_exp(float x)
{
    x = x > EXP_MAX ? EXP_MAX : x;
    x = x < EXP_MIN ? EXP_MIN : x;
    float t = fmaf(x, LOG2_E, ROUND_MAGIC); /* its low bits are the rounded integer */
    float k = t - ROUND_MAGIC;
    float r = fmaf(k, -LN2_HI, x);
    r = fmaf(k, -LN2_LO, r);
    float p = EXP_C5;
    p = fmaf(p, r, EXP_C4);
    p = fmaf(p, r, EXP_C3);
    p = fmaf(p, r, EXP_C2);
    p = fmaf(p, r, EXP_C1);
    p = fmaf(p, r, EXP_C0);
    p = fmaf(p, r * r, r) + 1.0f;
    int32_t n = (int32_t)(float_bits(t) - ROUND_MAGIC_BITS), half = shift_right(n, 1);
    float s1 = bits_float((uint32_t)(half + 127) << 23), s2 = bits_float((uint32_t)(n - half + 127) << 23);
    return p * s1 * s2; /* two factors: results may be infinite or subnormal */
}

FG_BOTH static inline float scalar_log(float x)
{
    float shift = x < 0x1p-126f ? 23.0f : 0.0f; /* subnormals are scaled first */
    float y = x < 0x1p-126f ? x * 0x1p23f : x;
    uint32_t u = float_bits(y) - SQRT_HALF_BITS;
    float k = (float)shift_right((int32_t)u, 23) - shift;
    float f = bits_float((u & 0x7FFFFFu) + SQRT_HALF_BITS) - 1.0f; /* exact, sqrt(1/2) - 1 .. sqrt(2) - 1 */
    float z = f * f, p = LOG_C8;
    p = fmaf(p, f, LOG_C7);
    p = fmaf(p, f, LOG_C6);
    p = fmaf(p, f, LOG_C5);
    p = fmaf(p, f, LOG_C4);
    p = fmaf(p, f, LOG_C3);
    p = fmaf(p, f, LOG_C2);
    p = fmaf(p, f, LOG_C1);
    p = fmaf(p, f, LOG_C0);
    p = p * f * z;
    p = fmaf(k, LN2_LO_LOG, p);
    p = fmaf(-0.5f, z, p);
    float r = fmaf(k, LN2_HI_LOG, f + p);
    r = x > 0x1.fffffep127f ? x : r;
    r = x == 0.0f ? -INFINITY : r;
    r = x < 0.0f ? NAN : r;
    return x == x ? r : x;
}

FG_BOTH static inline float scalar_tanh(float x)
{
    float a = fabsf(x), z = x * x, p = TANH_C4;
    p = fmaf(p, z, TANH_C3);
    p = fmaf(p, z, TANH_C2);
    p = fmaf(p, z, TANH_C1);
    p = fmaf(p, z, TANH_C0);
    p = fmaf(p * z, x, x);
    float big = 1.0f - 2.0f / (scalar_exp(a + a) + 1.0f);
    return a < 0.625f ? p : copysignf(big, x);
}

FG_BOTH static inline float scalar_sigmoid(float x)
{
    float e = scalar_exp(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

#endif
