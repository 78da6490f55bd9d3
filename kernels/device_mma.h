/* Products of tiles by a warp, for the inexact arithmetics of devices: what one mma.sync of PTX does, on the
 * device by that instruction and elsewhere by the numbers that the PTX ISA says each lane holds.
 * Included by device_gemm.h only.
 *
 * A warp multiplies A (16, 16) and B (16, 8) onto C (16, 8) in float: in tf32 by two m16n8k8, in bfloat16 by
 * one m16n8k16. Which of the 16 terms a slot of these shapes stands for is free, as long as A and B agree:
 * lane l holds the terms 4 (l % 4) .. + 3, so that it reads them at once where they lie side by side.
 *
 * Off the device a warp is a loop: what a lane holds in registers is an array over lanes there (FG_HELD).
 * Between two such loops all lanes are through, as they are with mma.sync. */
#ifdef __CUDA_ARCH__
#include "kernels/device_ptx.h"

#define FG_HELD 1
#define FG_LANE(s) (threadIdx.x % 32u + (s))
#define FG_WARP 32 /* threads of what the device calls one */
#define FG_UNROLL _Pragma("unroll")
#else
#define FG_HELD 32
#define FG_LANE(s) (s)
#define FG_WARP 1
#define FG_UNROLL
#endif

enum { FG_MMA_TERMS = 16, FG_MMA_ROWS = 16, FG_MMA_COLUMNS = 8 };

/* What a lane holds: of A rows l / 4 and l / 4 + 8, of B column l / 4,
 * of C both rows and columns 2 (l % 4), + 1. */
struct fg_mma_a {
    uint32_t r[8]; /* tf32: four of either instruction; bf16: four */
};
struct fg_mma_b {
    uint32_t r[4];
};
struct fg_mma_c {
    float v[4];
};

/* To 10 bits of mantissa, ties away from zero. */
FG_BOTH static inline uint32_t round_tf32(float x)
{
#ifdef __CUDA_ARCH__
    return ptx_tf32(x);
#else
    return x != x ? 0x7FFFE000u : (float_bits(x) + 0x1000u) & 0xFFFFE000u;
#endif
}

/* To 7 bits of mantissa, ties to even; `low` goes to the lower half. */
FG_BOTH static inline uint32_t round_bf16(float low, float high)
{
#ifdef __CUDA_ARCH__
    return ptx_bf16(low, high);
#else
    const float x[2] = {low, high};
    uint32_t half[2];
    for (int i = 0; i < 2; i++) {
        uint32_t u = float_bits(x[i]);
        half[i] = x[i] != x[i] ? 0x7FFFu : (u + 0x7FFFu + (u >> 16 & 1u)) >> 16;
    }
    return half[0] | half[1] << 16;
#endif
}

/* Terms 4 (l % 4) .. + 3 of rows l / 4 and l / 4 + 8. */
FG_BOTH static inline struct fg_mma_a pack_a(uint32_t mode, struct fg_four low, struct fg_four high)
{
    struct fg_mma_a a = {{0}};
    if (mode == FG_TF32) {
        FG_UNROLL
        for (int s = 0; s < 2; s++) {
            a.r[4 * s] = round_tf32(low.v[2 * s]);
            a.r[4 * s + 1] = round_tf32(high.v[2 * s]);
            a.r[4 * s + 2] = round_tf32(low.v[2 * s + 1]);
            a.r[4 * s + 3] = round_tf32(high.v[2 * s + 1]);
        }
    } else {
        FG_UNROLL
        for (int s = 0; s < 2; s++) {
            a.r[2 * s] = round_bf16(low.v[2 * s], low.v[2 * s + 1]);
            a.r[2 * s + 1] = round_bf16(high.v[2 * s], high.v[2 * s + 1]);
        }
    }
    return a;
}

FG_BOTH static inline struct fg_mma_b pack_b(uint32_t mode, struct fg_four x)
{
    struct fg_mma_b b = {{0}};
    if (mode == FG_TF32) {
        FG_UNROLL
        for (int i = 0; i < 4; i++) {
            b.r[i] = round_tf32(x.v[i]);
        }
    } else {
        b.r[0] = round_bf16(x.v[0], x.v[1]);
        b.r[1] = round_bf16(x.v[2], x.v[3]);
    }
    return b;
}

#ifdef __CUDA_ARCH__

static __device__ inline void mma(uint32_t mode, struct fg_mma_c *c, const struct fg_mma_a *a,
                                  const struct fg_mma_b *b)
{
    if (mode == FG_TF32) {
        ptx_mma_tf32(c->v, a->r, b->r);
        ptx_mma_tf32(c->v, a->r + 4, b->r + 2);
    } else {
        ptx_mma_bf16(c->v, a->r, b->r);
    }
}

#else

/* A matrix as lanes hold it is put together again, by the PTX ISA, "Matrix Fragments for mma.m16n8k8" (.tf32)
 * and "for mma.m16n8k16" (.bf16). `half`: which of tf32's two instructions. */
static inline void whole_a(uint32_t mode, int half, const struct fg_mma_a *a, float out[16][16])
{
    for (int l = 0; l < 32; l++) {
        int group = l / 4, in_group = l % 4;
        for (int i = 0; i < (mode == FG_TF32 ? 4 : 8); i++) {
            if (mode == FG_TF32) { /* a0: (group, in), a1: (group + 8, in), a2: (group, in + 4), a3: both */
                out[group + (i % 2) * 8][in_group + i / 2 * 4] = bits_float(a[l].r[4 * half + i]);
            } else {
                int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
                int column = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);
                out[row][column] = bits_float(a[l].r[i / 2] >> (i & 1) * 16 << 16);
            }
        }
    }
}

static inline void whole_b(uint32_t mode, int half, const struct fg_mma_b *b, float out[16][8])
{
    for (int l = 0; l < 32; l++) {
        int group = l / 4, in_group = l % 4;
        for (int i = 0; i < (mode == FG_TF32 ? 2 : 4); i++) {
            if (mode == FG_TF32) {
                out[in_group + 4 * i][group] = bits_float(b[l].r[2 * half + i]);
            } else {
                out[in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0)][group] =
                    bits_float(b[l].r[i / 2] >> (i & 1) * 16 << 16);
            }
        }
    }
}

/* All products of an instruction are added in double and rounded once; the device rounds in its own ways. */
static inline void mma(uint32_t mode, struct fg_mma_c *c, const struct fg_mma_a *a, const struct fg_mma_b *b)
{
    float wa[16][16], wb[16][8];
    int terms = mode == FG_TF32 ? 8 : 16;
    for (int half = 0; half < 16 / terms; half++) {
        whole_a(mode, half, a, wa);
        whole_b(mode, half, b, wb);
        for (int l = 0; l < 32; l++) {
            for (int i = 0; i < 4; i++) {
                int row = l / 4 + (i < 2 ? 0 : 8), column = l % 4 * 2 + (i & 1);
                double sum = (double)c[l].v[i];
                for (int k = 0; k < terms; k++) {
                    sum += (double)wa[row][k] * (double)wb[k][column];
                }
                c[l].v[i] = (float)sum;
            }
        }
    }
}

#endif
