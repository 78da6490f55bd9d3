/* Copies, updates, sums and steps on a CUDA device: kernels/device_fold.h by nvcc. */
#include "kernels/cuda_fold.h"

#include "kernels/cuda_launch.h"
#include "kernels/device_fold.h"

static const unsigned BLOCK = 256, MOST_BLOCKS = 65535; /* of a grid's first side; and of its second */

/* Grid (blocks, copies): `count` floats each, four at a time. Traffic: what is written;
 * `from` mostly from the second cache. */
static __global__ void all_copies(float *to, size_t stride, size_t n, const float *from, size_t count)
{
    for (size_t i = blockIdx.y; i < n; i += gridDim.y) {
        for (size_t e = (size_t)blockIdx.x * blockDim.x + threadIdx.x; e < count / 4;
             e += (size_t)gridDim.x * blockDim.x) {
            ((float4 *)(to + i * stride))[e] = ((const float4 *)from)[e];
        }
    }
}

/* A step of device_fold.h by all threads. */
template <typename WHAT, void STEP(const WHAT *, size_t, size_t)> static __global__ void all(WHAT what)
{
    STEP(&what, (size_t)blockIdx.x * blockDim.x + threadIdx.x, (size_t)gridDim.x * blockDim.x);
}

/* Blocks for so many outputs, a thread each as far as that goes. */
static unsigned blocks_for(size_t outputs)
{
    const size_t want = (outputs + BLOCK - 1) / BLOCK;
    return (unsigned)(want < 1 ? 1 : want < MOST_BLOCKS ? want : MOST_BLOCKS);
}

cudaError_t fg_cuda_spread(float *to, size_t stride, size_t n, const float *from, size_t count,
                           cudaStream_t stream)
{
    dim3 grid(blocks_for(count / 4), (unsigned)(n < 1 ? 1 : n < MOST_BLOCKS ? n : MOST_BLOCKS));
    fg_cuda_launch(all_copies, grid, BLOCK, 0, stream, to, stride, n, from, count);
    return cudaGetLastError();
}

/* Traffic: parameters of every lane once, their places and the start mostly from the second cache;
 * updates are written once. */
cudaError_t fg_cuda_deltas(const struct fg_device_deltas *f, cudaStream_t stream)
{
    size_t shares = f->n * fold_blocks(f->values);
    fg_cuda_launch(all<fg_device_deltas, fold_deltas>, blocks_for(shares * FG_DEVICE_SHARES), BLOCK, 0,
                   stream, *f);
    fg_cuda_launch(all<fg_device_deltas, fold_largest>, blocks_for(shares), BLOCK, 0, stream, *f);
    return cudaGetLastError();
}

/* Traffic: every update read three times and written once, once more read where gaps are wanted; or read
 * twice, and its codes written. */
cudaError_t fg_cuda_levels(const struct fg_device_levels *l, cudaStream_t stream)
{
    size_t pieces = l->of.n * l->pieces, shares = l->of.n * fold_blocks(l->of.values);
    fg_cuda_launch(all<fg_device_levels, fold_shares>, blocks_for(pieces * FG_DEVICE_SHARES), BLOCK, 0,
                   stream, *l);
    fg_cuda_launch(all<fg_device_levels, fold_pieces>, blocks_for(pieces), BLOCK, 0, stream, *l);
    fg_cuda_launch(all<fg_device_levels, fold_steps>, blocks_for(l->of.n * l->layers), BLOCK, 0, stream, *l);
    fg_cuda_launch(all<fg_device_levels, fold_levels>, blocks_for(pieces * FG_DEVICE_FOLD / 4), BLOCK, 0,
                   stream, *l);
    if (l->code == NULL) {
        if (l->gaps != NULL) {
            fg_cuda_launch(all<fg_device_levels, fold_marks>, blocks_for(pieces * FG_DEVICE_SHARES), BLOCK, 0,
                           stream, *l);
            fg_cuda_launch(all<fg_device_levels, fold_places>, blocks_for(pieces), BLOCK, 0, stream, *l);
            fg_cuda_launch(all<fg_device_levels, fold_gaps>, blocks_for(l->of.n * l->layers * FG_CODER_RICE),
                           BLOCK, 0, stream, *l);
        }
        fg_cuda_launch(all<fg_device_deltas, fold_again>, blocks_for(shares * FG_DEVICE_SHARES), BLOCK, 0,
                       stream, l->of);
        fg_cuda_launch(all<fg_device_deltas, fold_largest>, blocks_for(shares), BLOCK, 0, stream, l->of);
    }
    return cudaGetLastError();
}

/* Traffic: every update once, 8 bytes a value of a window written. */
cudaError_t fg_cuda_sum(const struct fg_device_sum *s, cudaStream_t stream)
{
    fg_cuda_launch(all<fg_device_sum, fold_sum>, blocks_for(s->of.windows * FG_DEVICE_FOLD), BLOCK, 0, stream,
                   *s);
    return cudaGetLastError();
}

/* Traffic: every update once, the model read once and written twice. */
cudaError_t fg_cuda_step(const struct fg_device_step *s, cudaStream_t stream)
{
    fg_cuda_launch(all<fg_device_step, fold_step>, blocks_for(s->of.values), BLOCK, 0, stream, *s);
    return cudaGetLastError();
}

cudaError_t fg_cuda_fold_nothing(cudaStream_t stream)
{
    const struct fg_device_deltas no_deltas = {};
    struct fg_coder_gap_sums none;
    struct fg_device_levels no_levels = {};
    no_levels.gaps = &none; /* wanted, of no update */
    const struct fg_device_sum no_sum = {};
    const struct fg_device_step no_step = {};
    cudaError_t e[] = {fg_cuda_spread(NULL, 0, 0, NULL, 0, stream), fg_cuda_deltas(&no_deltas, stream),
                       fg_cuda_levels(&no_levels, stream), fg_cuda_sum(&no_sum, stream),
                       fg_cuda_step(&no_step, stream)};
    for (cudaError_t x : e) {
        if (x != cudaSuccess) {
            return x;
        }
    }
    return cudaSuccess;
}
