/* Operations over all lanes, a launch each: kernels/device_ops.h by nvcc. */
#include "kernels/cuda_lockstep.h"

#include <utility>

#include "kernels/device_ops.h"

/* Source of the sizes: chosen, not measured. */
static const unsigned BLOCK = FG_TILE_THREADS, MOST_BLOCKS = 1024, MOST_LANES = 65535;
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
            __shared__ __align__(16) float chunks[FG_TILE_STAGES * FG_TILE_STAGE];
            fg_op_tiles(KIND, MODE, op, &at, &lanes[i], chunks, blockIdx.x, gridDim.x);
        } else {
            fg_op_run(KIND, MODE, op, &at, &lanes[i], (size_t)blockIdx.x * blockDim.x + threadIdx.x,
                      (size_t)gridDim.x * blockDim.x);
        }
    }
}

typedef void lockstep_kernel(const struct fg_op *op, struct fg_lane *lanes, size_t n, size_t grad,
                             size_t part_grad, const uint32_t *from, uint32_t after, uint32_t part);

/* Operations that multiply are there for every arithmetic. */
template <uint32_t MODE, uint32_t... KIND>
static lockstep_kernel *kernel_in(uint32_t kind, std::integer_sequence<uint32_t, KIND...>)
{
    static lockstep_kernel *const of[] = {lockstep < KIND,
                                          FG_OP_MULTIPLIES(KIND) ? MODE : (uint32_t)FG_EXACT > ...};
    return of[kind];
}

static lockstep_kernel *kernel_of(uint32_t kind, uint32_t arithmetic)
{
    const std::make_integer_sequence<uint32_t, FG_OP_KINDS> all;
    return arithmetic == FG_TF32   ? kernel_in<FG_TF32>(kind, all)
           : arithmetic == FG_BF16 ? kernel_in<FG_BF16>(kind, all)
                                   : kernel_in<FG_EXACT>(kind, all);
}

cudaError_t fg_cuda_lockstep(const struct fg_device_run *r, const uint32_t *from, cudaStream_t stream)
{
    const struct fg_program *p = r->program;
    for (uint32_t after = 0; after < r->to - r->from; after++) {
        for (uint32_t part = 0; part < r->parts; part++) {
            for (size_t o = 0; o < p->n; o++) {
                const uint32_t want = (p->op[o].outputs + BLOCK - 1) / BLOCK;
                if ((p->op[o].when == FG_WHEN_LATER && part == 0) || (p->op[o].flags & FG_OP_BESIDE) != 0) {
                    continue;
                }
                dim3 grid(want < 1             ? 1
                          : want < MOST_BLOCKS ? want
                                               : MOST_BLOCKS,
                          (unsigned)(r->n < MOST_LANES ? r->n : MOST_LANES));
                lockstep_kernel *kernel = kernel_of(p->op[o].kind, p->arithmetic);
                kernel<<<grid, BLOCK, 0, stream>>>(r->op + o, r->lanes, r->n, p->grad, p->part, from, after,
                                                   part);
            }
        }
    }
    return cudaGetLastError();
}

cudaError_t fg_cuda_lockstep_nothing(const uint32_t *from, cudaStream_t stream)
{
    for (uint32_t mode = 0; mode < 3; mode++) {
        for (uint32_t kind = 0; kind < FG_OP_KINDS; kind++) {
            if (mode == FG_EXACT || FG_OP_MULTIPLIES(kind)) {
                kernel_of(kind, mode)<<<1, BLOCK, 0, stream>>>(NULL, NULL, 0, 0, 0, from, 0, 0);
            }
        }
    }
    return cudaGetLastError();
}
