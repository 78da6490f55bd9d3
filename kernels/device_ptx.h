/* What kernels take of the hardware beyond C++, a function an instruction; and the shared memory of a block.
 * PTX ISA: "cp.async", "cvt", "Matrix Fragments for mma.m16n8k8" (.tf32), "for mma.m16n8k16" (.bf16). For .cu
 * files and what they include; tests/simt has another file of this name, by which they run without a GPU. */
#ifndef FG_KERNELS_DEVICE_PTX_H
#define FG_KERNELS_DEVICE_PTX_H

#include <cuda_runtime.h>
#include <stdint.h>

/* In a kernel, once: float *name of the block's own memory, so many floats or what its launch asks for. */
#define FG_SHARED(name, floats) __shared__ __align__(16) float name[floats]
#define FG_SHARED_ASKED(name) extern __shared__ __align__(16) float name[]

/* Copy 16 bytes, or four, of device memory to shared memory, zeros where they are not `there`: begun; done
 * for this thread when it has waited for its group. */
static __device__ inline void ptx_copy_16(float *to, const float *from, int there)
{
    asm volatile(
        "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(to)),
        "l"(from), "r"(there ? 16 : 0)
        : "memory");
}

static __device__ inline void ptx_copy_4(float *to, const float *from, int there)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"((uint32_t)__cvta_generic_to_shared(to)),
                 "l"(from), "r"(there ? 4 : 0)
                 : "memory");
}

/* What was asked for since the last one is a group. */
static __device__ inline void ptx_close_group(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/* All groups of this thread but the last `but` are there. */
template <int but> static __device__ inline void ptx_wait_groups(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(but) : "memory");
}

/* To 10 bits of mantissa, ties away from zero. */
static __device__ inline uint32_t ptx_tf32(float x)
{
    uint32_t u;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(u) : "f"(x));
    return u;
}

/* To 7 bits of mantissa, ties to even; `low` goes to the lower half. */
static __device__ inline uint32_t ptx_bf16(float low, float high)
{
    uint32_t u;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(u) : "f"(high), "f"(low));
    return u;
}

/* C (16, 8) += A (16, 8 of tf32, or 16 of bf16) B, by all threads of a warp: each has its parts of the three.
 * Shapes: c (4) in-out, a (4), b (2). */
static __device__ inline void ptx_mma_tf32(float *c, const uint32_t *a, const uint32_t *b)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                 "{%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

static __device__ inline void ptx_mma_bf16(float *c, const uint32_t *a, const uint32_t *b)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                 "{%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif
