#include "tests/simt/wrong.h"

#include <stdlib.h>

#include "kernels/cuda_launch.h"
#include "kernels/device_ptx.h"

static const unsigned PIECE = 64, PIECES = 3, N = PIECE * PIECES + 1; /* the last float is left alone */

template <int WHAT> static __global__ void turn_round(float *out, float *in)
{
    FG_SHARED(near, 2 * PIECE);
    const unsigned t = threadIdx.x, i = blockIdx.x * PIECE + t, from = PIECE - 1 - t;
    ptx_copy_4(near + t, in + i, 1);
    ptx_close_group();
    if (WHAT == WRONG_CHANGED) {
        in[i] = 1.0f;
    }
    if (WHAT != WRONG_NO_WAIT) {
        ptx_wait_groups<0>();
    }
    if (WHAT == WRONG_SOME_LEAVE && t == 5) {
        return;
    }
    if (WHAT == WRONG_HALF_A_WARP && t < 16) {
        float c[4] = {};
        const uint32_t a[4] = {}, b[2] = {};
        ptx_mma_tf32(c, a, b);
    }
    if (WHAT == WRONG_TWO_BARRIERS && t < 32) {
        __syncthreads();
    } else if (WHAT != WRONG_NO_BARRIER) {
        __syncthreads();
    }
    if (WHAT == WRONG_CROOKED) {
        *(volatile float *)out = ((const float4 *)(near + t / 4 + 1))->x;
    }
    out[WHAT == WRONG_BLOCKS_MEET     ? t
        : WHAT == WRONG_WRITES_BEYOND ? i + 2
                                      : i] = near[WHAT == WRONG_READS_BEYOND ? 2 * PIECE + from
                                                  : WHAT == WRONG_UNWRITTEN  ? PIECE + from
                                                                             : from];
}

template <int... WHAT>
static void (*kernel_of(int what, std::integer_sequence<int, WHAT...>))(float *, float *)
{
    void (*const of[])(float *, float *) = {turn_round<WHAT>...};
    return of[what];
}

bool wrong_run(enum wrong what)
{
    float in[N], out[N], *near_in = NULL, *near_out = NULL;
    bool good =
        cudaMalloc(&near_in, sizeof in) == cudaSuccess && cudaMalloc(&near_out, sizeof out) == cudaSuccess;
    for (unsigned i = 0; i < N; i++) {
        in[i] = (float)i;
    }
    good = good && cudaMemcpy(near_in, in, sizeof in, cudaMemcpyHostToDevice) == cudaSuccess &&
           cudaMemcpy(near_out, in, sizeof in, cudaMemcpyHostToDevice) == cudaSuccess;
    if (what == WRONG_FREED) {
        (void)cudaFree(near_out);
    }
    fg_cuda_launch(kernel_of(what, std::make_integer_sequence<int, WRONG_KINDS>{}), PIECES, PIECE, 0, NULL,
                   near_out, what == WRONG_HOST_POINTER ? in : near_in);
    if (what == WRONG_HOST_READS) {
        good = good && *(volatile float *)near_out == 0.0f;
    }
    good = good && cudaGetLastError() == cudaSuccess &&
           cudaMemcpy(out, near_out, sizeof out, cudaMemcpyDeviceToHost) == cudaSuccess;
    for (unsigned i = 0; i < N - 1 && good; i++) {
        good = out[i] == in[i / PIECE * PIECE + PIECE - 1 - i % PIECE];
    }
    good = cudaFree(near_in) == cudaSuccess && good;
    return (what == WRONG_KEPT || cudaFree(near_out) == cudaSuccess) && good;
}

/* x (64) += 1, by one block. */
static __global__ void add_one(float *x)
{
    x[threadIdx.x] += 1.0f;
}

/* What one launch of that shape comes to. */
static cudaError_t launched(dim3 grid, unsigned block, size_t shared, float *x)
{
    fg_cuda_launch(add_one, grid, block, shared, NULL, x);
    return cudaGetLastError();
}

bool wrong_limits(void)
{
    static const float zeros[PIECE] = {};
    float *x = NULL;
    bool good = cudaMalloc(&x, sizeof zeros) == cudaSuccess &&
                cudaMemcpy(x, zeros, sizeof zeros, cudaMemcpyHostToDevice) == cudaSuccess;
    good = good && launched(1, 0, 0, x) == cudaErrorInvalidConfiguration &&
           launched(1, 1025, 0, x) == cudaErrorInvalidConfiguration &&
           launched(dim3(1, 65536), 1, 0, x) == cudaErrorInvalidConfiguration &&
           launched(1, 1, 48 * 1024 + 4, x) == cudaErrorInvalidValue &&
           launched(1, 1, 48 * 1024, x) == cudaSuccess;
    good = good &&
           cudaFuncSetAttribute(add_one, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024) ==
               cudaSuccess &&
           launched(1, 1, 227 * 1024, x) == cudaSuccess &&
           cudaFuncSetAttribute(add_one, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024 + 4) !=
               cudaSuccess;
    (void)cudaGetLastError();
    return cudaFree(x) == cudaSuccess && good;
}

bool wrong_copies(void)
{
    float loose[PIECE] = {1.0f}, pinned[PIECE] = {1.0f}, got[2][PIECE], *x = NULL, *y = NULL;
    cudaStream_t s = NULL;
    bool good = cudaStreamCreate(&s) == cudaSuccess && cudaMalloc(&x, sizeof loose) == cudaSuccess &&
                cudaMalloc(&y, sizeof pinned) == cudaSuccess &&
                cudaHostRegister(pinned, sizeof pinned, cudaHostRegisterDefault) == cudaSuccess;
    good = good && cudaMemcpyAsync(x, loose, sizeof loose, cudaMemcpyHostToDevice, s) == cudaSuccess &&
           cudaMemcpyAsync(y, pinned, sizeof pinned, cudaMemcpyHostToDevice, s) == cudaSuccess;
    loose[0] = pinned[0] = 2.0f; /* too late for the one, too early for the other */
    good = good && cudaMemcpy(got[0], x, sizeof loose, cudaMemcpyDeviceToHost) == cudaSuccess &&
           cudaMemcpy(got[1], y, sizeof pinned, cudaMemcpyDeviceToHost) == cudaSuccess;
    good = good && got[0][0] == 1.0f && got[1][0] == 2.0f &&
           cudaMemcpy(x, y, sizeof loose, cudaMemcpyHostToDevice) != cudaSuccess &&
           cudaMemcpy(x, loose, sizeof loose + 4, cudaMemcpyHostToDevice) != cudaSuccess;
    (void)cudaGetLastError();
    return cudaHostUnregister(pinned) == cudaSuccess && cudaFree(x) == cudaSuccess &&
           cudaFree(y) == cudaSuccess && cudaStreamDestroy(s) == cudaSuccess && good;
}

bool wrong_graphs(void)
{
    float x[PIECE] = {}, *near = NULL;
    cudaStream_t s = NULL;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t ready = NULL;
    bool good = cudaStreamCreate(&s) == cudaSuccess && cudaMalloc(&near, sizeof x) == cudaSuccess &&
                cudaMemcpy(near, x, sizeof x, cudaMemcpyHostToDevice) == cudaSuccess &&
                cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
    for (int i = 0; i < 2; i++) {
        fg_cuda_launch(add_one, 1, PIECE, 0, s, near);
    }
    good = good && cudaStreamEndCapture(s, &graph) == cudaSuccess &&
           cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess && cudaGraphDestroy(graph) == cudaSuccess;
    for (int i = 0; i < 3; i++) {
        good = good && cudaGraphLaunch(ready, s) == cudaSuccess;
    }
    good = good && cudaStreamSynchronize(s) == cudaSuccess &&
           cudaMemcpy(x, near, sizeof x, cudaMemcpyDeviceToHost) == cudaSuccess && x[7] == 6.0f;
    /* whoever waits while launches are captured spoils it */
    good = good && cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal) == cudaSuccess &&
           cudaStreamSynchronize(s) != cudaSuccess && cudaStreamEndCapture(s, &graph) != cudaSuccess;
    (void)cudaGetLastError();
    return cudaGraphExecDestroy(ready) == cudaSuccess && cudaFree(near) == cudaSuccess &&
           cudaStreamDestroy(s) == cudaSuccess && good;
}

bool wrong_memory(void)
{
    size_t left = 0, all = 0, now = 0;
    char *p = NULL, *q = NULL;
    bool good = cudaMemGetInfo(&left, &all) == cudaSuccess && left == all &&
                cudaMalloc(&p, all + 1) == cudaErrorMemoryAllocation && p == NULL &&
                cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess;
    good = good && cudaMalloc(&p, 1000) == cudaSuccess && cudaMemGetInfo(&now, &all) == cudaSuccess &&
           now == left - 1000 && cudaMalloc(&q, 1000) == cudaSuccess && cudaFree(p) == cudaSuccess &&
           cudaFree(p) != cudaSuccess && cudaFree(q) == cudaSuccess;
    (void)cudaGetLastError();
    return good;
}
