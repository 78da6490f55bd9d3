/* Floats as 16 bits and back, binary16 and bfloat16, to nearest, ties to even: coders of wide_coders.c. */
#ifndef FG_KERNELS_WIDE_HALVES_H
#define FG_KERNELS_WIDE_HALVES_H

#include <stdint.h>
#include <string.h>

static inline VI fp16_of(V x)
{
    VI bits = v_bits(x), size = vi_and(bits, vi_set(0x7fffffffu));
    VI sign = vi_and(vi_shr16(bits), vi_set(0x8000u));
    VI even = vi_and(vi_shr13(size), vi_set(1));
    VI half = vi_shr13(vi_add(vi_add(vi_sub(size, vi_set(112u << 23)), vi_set(0xfff)), even));
    VI small = vi_sub(v_bits(v_add(v_float(size), v_set(0.5f))), vi_set(0x3f000000u));
    VI large = vi_select(vi_below(vi_set(0x7f800000u), size), vi_set(0x7e00u), vi_set(0x7c00u));
    half = vi_select(vi_below(size, vi_set(0x38800000u)), small, half);
    half = vi_select(vi_below(size, vi_set(0x47800000u)), half, large);
    return vi_or(half, sign);
}

static inline V of_fp16(VI half)
{
    VI size = vi_and(half, vi_set(0x7fffu)), sign = vi_shl16(vi_and(half, vi_set(0x8000u)));
    VI base = vi_select(vi_below(size, vi_set(0x7c00u)), vi_set(112u << 23), vi_set(224u << 23));
    VI small = v_bits(v_mul(v_from_int(size), v_set(0x1p-24f)));
    VI normal = vi_add(vi_shl13(size), base);
    return v_float(vi_or(vi_select(vi_below(size, vi_set(0x400u)), small, normal), sign));
}

static inline VI bf16_of(V x)
{
    VI bits = v_bits(x), size = vi_and(bits, vi_set(0x7fffffffu)), high = vi_shr16(bits);
    VI near = vi_shr16(vi_add(vi_add(bits, vi_set(0x7fff)), vi_and(high, vi_set(1))));
    return vi_select(vi_below(vi_set(0x7f800000u), size), vi_or(high, vi_set(0x40)), near);
}

static inline V of_bf16(VI half)
{
    return v_float(vi_shl16(half));
}

#define TO_HALVES(name, convert)                                   \
    static void name(const float *x, uint8_t *out, size_t n)       \
    {                                                              \
        size_t i = 0;                                              \
        for (; i + VL <= n; i += VL) {                             \
            v_store_u16(out + 2 * i, convert(v_load(x + i)));      \
        }                                                          \
        if (i < n) {                                               \
            uint8_t part[2 * VL];                                  \
            v_store_u16(part, convert(v_load_part(x + i, n - i))); \
            memcpy(out + 2 * i, part, 2 * (n - i));                \
        }                                                          \
    }

#define FROM_HALVES(name, convert)                                 \
    static void name(const uint8_t *in, float *x, size_t n)        \
    {                                                              \
        size_t i = 0;                                              \
        for (; i + VL <= n; i += VL) {                             \
            v_store(x + i, convert(v_load_u16(in + 2 * i)));       \
        }                                                          \
        if (i < n) {                                               \
            uint8_t part[2 * VL] = {0};                            \
            memcpy(part, in + 2 * i, 2 * (n - i));                 \
            v_store_part(x + i, convert(v_load_u16(part)), n - i); \
        }                                                          \
    }

TO_HALVES(to_fp16, fp16_of)
FROM_HALVES(from_fp16, of_fp16)
TO_HALVES(to_bf16, bf16_of)
FROM_HALVES(from_bf16, of_bf16)

#endif
