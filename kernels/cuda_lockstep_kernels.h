/* The kernels of one arithmetic, an operation each: kernels/device_ops.h by nvcc. Each arithmetic has a file
 * of its own, which compile beside each other. For .cu files. */
#ifndef FG_KERNELS_CUDA_LOCKSTEP_KERNELS_H
#define FG_KERNELS_CUDA_LOCKSTEP_KERNELS_H

#include <utility>

#include "kernels/cuda_lockstep.h"
#include "kernels/device_ops.h"
#include "kernels/device_ptx.h"

#define MULTIPROCESSOR_BLOCKS 3 /* at least: 168 registers a thread */

/* One operation of one part of one step of all lanes: grid (blocks, lanes). Products are made tile by tile in
 * shared memory. Traffic: op_*'s own, nothing is kept between operations but what the caches hold. */
template <uint32_t KIND, uint32_t MODE>
static __global__ void __launch_bounds__(FG_TILE_THREADS, MULTIPROCESSOR_BLOCKS)
    lockstep(const struct fg_op *op, struct fg_lane *lanes, size_t n, size_t grad, size_t part_grad,
             const uint32_t *from, uint32_t after, uint32_t part)
{
    for (size_t i = blockIdx.y; i < n; i += gridDim.y) {
        struct fg_at at;
        if (!fg_at_find(&at, &lanes[i], grad, part_grad, *from + after, part) || !fg_at_happens(&at, op)) {
            continue;
        }
        if constexpr (FG_OP_BY_TILES(KIND)) {
            FG_SHARED(chunks, FG_TILE_STAGES * FG_TILE_STAGE);
            fg_op_tiles(KIND, MODE, op, &at, &lanes[i], chunks, blockIdx.x, gridDim.x);
        } else {
            fg_op_run(KIND, MODE, op, &at, &lanes[i], (size_t)blockIdx.x * blockDim.x + threadIdx.x,
                      (size_t)gridDim.x * blockDim.x);
        }
    }
}

/* NULL: the arithmetic makes no difference to the operation, FG_EXACT has it. */
template <uint32_t KIND, uint32_t MODE> static fg_cuda_lockstep_kernel *kernel_in(void)
{
    if constexpr (MODE == FG_EXACT || FG_OP_MULTIPLIES(KIND)) {
        return lockstep<KIND, MODE>;
    } else {
        return NULL;
    }
}

template <uint32_t MODE, uint32_t... KIND>
static fg_cuda_lockstep_kernel *kernel_of(uint32_t kind, std::integer_sequence<uint32_t, KIND...>)
{
    static fg_cuda_lockstep_kernel *const of[] = {kernel_in<KIND, MODE>()...};
    return of[kind];
}

/* What such a file has. */
#define FG_CUDA_LOCKSTEP(name, MODE)                                                       \
    fg_cuda_lockstep_kernel *name(uint32_t kind)                                           \
    {                                                                                      \
        return kernel_of<MODE>(kind, std::make_integer_sequence<uint32_t, FG_OP_KINDS>{}); \
    }

#endif
