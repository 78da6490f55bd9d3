/* exp, log, tanh, sigmoid on a vector: scalar.h operation by operation. Included by wide.c only. */
#include "kernels/constants.h"

/* exp where x is in EXP_MIN..EXP_MAX or nan. */
static inline V exp_within(V x)
{
    V magic = v_set(ROUND_MAGIC), k = v_sub(v_fma(x, v_set(LOG2_E), magic), magic);
    V r = v_fma(k, v_set(-LN2_LO), v_fma(k, v_set(-LN2_HI), x));
    V p = v_fma(v_set(EXP_C5), r, v_set(EXP_C4));
    p = v_fma(p, r, v_set(EXP_C3));
    p = v_fma(p, r, v_set(EXP_C2));
    p = v_fma(p, r, v_set(EXP_C1));
    p = v_fma(p, r, v_set(EXP_C0));
    return v_ldexp(v_add(v_fma(p, v_mul(r, r), r), v_set(1.0f)), k);
}

static inline V wide_exp(V x)
{
    return exp_within(v_max(v_set(EXP_MIN), v_min(v_set(EXP_MAX), x))); /* nan stays */
}

static inline V wide_log(V x)
{
    VM small = v_less(x, v_set(0x1p-126f));
    V y = v_select(small, v_mul(x, v_set(0x1p23f)), x), zero = v_set(0.0f);
    VI base = vi_set(SQRT_HALF_BITS), u = vi_sub(v_bits(y), base);
    V k = v_sub(v_from_int(vi_sar23(u)), v_select(small, v_set(23.0f), zero));
    V f = v_sub(v_float(vi_add(vi_and(u, vi_set(0x7FFFFF)), base)), v_set(1.0f)), z = v_mul(f, f);
    V p = v_fma(v_set(LOG_C8), f, v_set(LOG_C7));
    p = v_fma(p, f, v_set(LOG_C6));
    p = v_fma(p, f, v_set(LOG_C5));
    p = v_fma(p, f, v_set(LOG_C4));
    p = v_fma(p, f, v_set(LOG_C3));
    p = v_fma(p, f, v_set(LOG_C2));
    p = v_fma(p, f, v_set(LOG_C1));
    p = v_fma(p, f, v_set(LOG_C0));
    p = v_mul(v_mul(p, f), z);
    p = v_fma(k, v_set(LN2_LO_LOG), p);
    p = v_fma(v_set(-0.5f), z, p);
    V r = v_fma(k, v_set(LN2_HI_LOG), v_add(f, p));
    r = v_select(v_less(v_set(0x1.fffffep127f), x), x, r);
    r = v_select(v_equal(x, zero), v_set(-INFINITY), r);
    r = v_select(v_less(x, zero), v_set(NAN), r);
    return v_select(v_equal(x, x), r, x);
}

static inline VI sign_of(V x)
{
    return vi_and(v_bits(x), vi_set(0x80000000u));
}

static inline V magnitude(V x)
{
    return v_float(vi_and(v_bits(x), vi_set(0x7FFFFFFFu)));
}

static inline V wide_tanh(V x)
{
    V a = magnitude(x), z = v_mul(x, x), one = v_set(1.0f);
    V p = v_fma(v_set(TANH_C4), z, v_set(TANH_C3));
    p = v_fma(p, z, v_set(TANH_C2));
    p = v_fma(p, z, v_set(TANH_C1));
    p = v_fma(p, z, v_set(TANH_C0));
    p = v_fma(v_mul(p, z), x, x);
    V e = exp_within(v_min(v_set(EXP_MAX), v_add(a, a)));
    V big = v_sub(one, v_div(v_set(2.0f), v_add(e, one)));
    big = v_float(vi_or(vi_and(v_bits(big), vi_set(0x7FFFFFFFu)), sign_of(x)));
    return v_select(v_less(a, v_set(0.625f)), p, big);
}

static inline V wide_sigmoid(V x)
{
    V one = v_set(1.0f), minus = v_float(vi_or(v_bits(x), vi_set(0x80000000u)));
    V e = exp_within(v_max(v_set(EXP_MIN), minus));
    return v_div(v_select(v_less(x, v_set(0.0f)), e, one), v_add(one, e));
}
