/* Operations over all lanes, a launch each: kernels/device_ops.h by nvcc. */
#include "kernels/cuda_lockstep.h"

#include "kernels/cuda_launch.h"
#include "kernels/device_shape.h"

/* Source of the sizes: chosen, not measured. */
static const unsigned BLOCK = FG_TILE_THREADS, MOST_BLOCKS = 1024, MOST_LANES = 65535;

/* The kernel of an operation in that arithmetic. */
static fg_cuda_lockstep_kernel *kernel_of(uint32_t kind, uint32_t arithmetic)
{
    fg_cuda_lockstep_kernel *own = arithmetic == FG_TF32   ? fg_cuda_lockstep_tf32(kind)
                                   : arithmetic == FG_BF16 ? fg_cuda_lockstep_bf16(kind)
                                                           : NULL;
    return own != NULL ? own : fg_cuda_lockstep_exact(kind);
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
                fg_cuda_lockstep_kernel *kernel = kernel_of(p->op[o].kind, p->arithmetic);
                fg_cuda_launch(kernel, grid, BLOCK, 0, stream, r->op + o, r->lanes, r->n, p->grad, p->part,
                               from, after, part);
            }
        }
    }
    return cudaGetLastError();
}

cudaError_t fg_cuda_lockstep_nothing(const uint32_t *from, cudaStream_t stream)
{
    for (uint32_t mode = 0; mode < 3; mode++) {
        for (uint32_t kind = 0; kind < FG_OP_KINDS; kind++) {
            fg_cuda_lockstep_kernel *kernel = kernel_of(kind, mode);
            if (mode == FG_EXACT || kernel != fg_cuda_lockstep_exact(kind)) {
                fg_cuda_launch(kernel, 1, BLOCK, 0, stream, nullptr, nullptr, 0, 0, 0, from, 0, 0);
            }
        }
    }
    return cudaGetLastError();
}
