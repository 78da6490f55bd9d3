/* In the place of kernels/device_ptx.h (simt.h): what the PTX ISA says of each instruction. */
#ifndef FG_TESTS_SIMT_DEVICE_PTX_H
#define FG_TESTS_SIMT_DEVICE_PTX_H

#include <cuda_runtime.h>

/* The beginning of the block's shared memory: static, of so many bytes, or what the launch asked for. */
void *simt_shared(size_t bytes);
void simt_copy(void *to, const void *from, size_t bytes, bool there);
void simt_close_group(void);
void simt_wait_groups(int but);
void simt_mma(int terms, float *c, const uint32_t *a, const uint32_t *b);

#define FG_SHARED(name, floats) float *const name = (float *)simt_shared((floats) * sizeof(float))
#define FG_SHARED_ASKED(name) float *const name = (float *)simt_shared(0)

static inline void ptx_copy_16(float *to, const float *from, int there)
{
    simt_copy(to, from, 16, there != 0);
}

static inline void ptx_copy_4(float *to, const float *from, int there)
{
    simt_copy(to, from, 4, there != 0);
}

static inline void ptx_close_group(void)
{
    simt_close_group();
}

template <int but> static inline void ptx_wait_groups(void)
{
    simt_wait_groups(but);
}

/* cvt.rna.tf32: to nearest, ties away from zero; what is no number becomes the canonical NaN. */
static inline uint32_t ptx_tf32(float x)
{
    uint32_t u;
    __builtin_memcpy(&u, &x, sizeof u);
    return x != x ? 0x7fffffffu : (u + 0x1000u) & ~0x1fffu;
}

/* cvt.rn.bf16x2: to nearest, ties to even. */
static inline uint32_t simt_bf16(float x)
{
    uint32_t u;
    __builtin_memcpy(&u, &x, sizeof u);
    return x != x ? 0x7fffu : (u + 0x7fffu + (u >> 16 & 1u)) >> 16;
}

static inline uint32_t ptx_bf16(float low, float high)
{
    return simt_bf16(high) << 16 | simt_bf16(low);
}

static inline void ptx_mma_tf32(float *c, const uint32_t *a, const uint32_t *b)
{
    simt_mma(8, c, a, b);
}

static inline void ptx_mma_bf16(float *c, const uint32_t *a, const uint32_t *b)
{
    simt_mma(16, c, a, b);
}

#endif
