/* Floats as 16 bits and back, binary16 and bfloat16, to nearest, ties to even: one value's part of it, for
 * coders and for updates that become that where they are, on a device. */
#ifndef FG_KERNELS_CODER_HALVES_H
#define FG_KERNELS_CODER_HALVES_H

#include <stdint.h>

#include "kernels/coder_levels.h"
#include "kernels/scalar.h"

/* Below 2^-14 the sum with 0.5 rounds to multiples of 2^-24, the steps of binary16 there. */
FG_BOTH static inline uint32_t fg_half_to_fp16(float x)
{
    uint32_t bits = float_bits(x), sign = bits >> 16 & 0x8000u, half;
    bits &= 0x7fffffffu;
    if (bits >= 0x47800000u) { /* 65536 and more */
        half = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
    } else if (bits < 0x38800000u) {
        half = float_bits(bits_float(bits) + 0.5f) - 0x3f000000u;
    } else {
        half = (bits - (112u << 23) + 0xfffu + (bits >> 13 & 1u)) >> 13;
    }
    return half | sign;
}

FG_BOTH static inline float fg_half_from_fp16(uint32_t half)
{
    uint32_t size = half & 0x7fffu, sign = (half & 0x8000u) << 16;
    uint32_t normal = (size << 13) + (size >= 0x7c00u ? 224u << 23 : 112u << 23);
    uint32_t small = float_bits((float)(int32_t)size * 0x1p-24f); /* below 2^-14 */
    return bits_float((size < 0x400u ? small : normal) | sign);
}

FG_BOTH static inline uint32_t fg_half_to_bf16(float x)
{
    uint32_t bits = float_bits(x);
    int nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return nan ? bits >> 16 | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

FG_BOTH static inline float fg_half_from_bf16(uint32_t half)
{
    return bits_float(half << 16);
}

/* What 16 bits leave of x. */
FG_BOTH static inline float fg_half_of(float x, enum fg_coder_half half)
{
    return half == FG_HALF_FP16   ? fg_half_from_fp16(fg_half_to_fp16(x))
           : half == FG_HALF_BF16 ? fg_half_from_bf16(fg_half_to_bf16(x))
                                  : x;
}

#endif
