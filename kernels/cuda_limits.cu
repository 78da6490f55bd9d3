/* What a device can do at most: the limits that shares are given of. */
#include "kernels/cuda_check.h"
#include "kernels/cuda_launch.h"

/* Chains of dependent multiply-adds in each thread, enough to hide their latency. */
#define CHAINS 8
#define TURNS 4096

static __global__ void multiply_add(float *out, float x)
{
    float a[CHAINS];
    for (int i = 0; i < CHAINS; i++) {
        a[i] = (float)i + (float)threadIdx.x;
    }
    for (int k = 0; k < TURNS; k++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++) {
            a[i] = fmaf(a[i], x, x);
        }
    }
    float sum = 0.0f;
    for (int i = 0; i < CHAINS; i++) {
        sum += a[i];
    }
    out[(size_t)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

static __global__ void copy(float4 *to, const float4 *from, size_t n)
{
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
         i += (size_t)gridDim.x * blockDim.x) {
        to[i] = from[i];
    }
}

enum fg_status fg_cuda_limits(struct fg_cuda_limits *out, int device, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    const size_t bytes = (size_t)256 << 20, n = bytes / sizeof(float4);
    const unsigned threads = 256, turns = 5;
    float *p = NULL, ms;
    cudaEvent_t begin = NULL, end = NULL;
    struct fg_cuda_device info;
    struct fg_cuda_limits best = {0, 0};
    unsigned blocks;
    st = fg_cuda_device_info(&info, device, err);
    if (st != FG_OK) {
        return st;
    }
    blocks = (unsigned)info.multiprocessors * 8;
    FG_CUDA_TRY(cudaSetDevice(device), cleanup);
    FG_CUDA_TRY(cudaMalloc(&p, 2 * bytes), cleanup);
    FG_CUDA_TRY(cudaMemset(p, 0, 2 * bytes), cleanup);
    FG_CUDA_TRY(cudaEventCreate(&begin), cleanup);
    FG_CUDA_TRY(cudaEventCreate(&end), cleanup);
    for (unsigned i = 0; i <= turns; i++) { /* the first warms up: clocks rise */
        FG_CUDA_TRY(cudaEventRecord(begin), cleanup);
        fg_cuda_launch(multiply_add, blocks, threads, 0, NULL, p, 0.5f);
        FG_CUDA_TRY(cudaEventRecord(end), cleanup);
        FG_CUDA_TRY(cudaEventSynchronize(end), cleanup);
        FG_CUDA_TRY(cudaEventElapsedTime(&ms, begin, end), cleanup);
        double flops = 2.0 * CHAINS * TURNS * threads * blocks / (ms * 1e-3);
        best.flops = i > 0 && flops > best.flops ? flops : best.flops;
        FG_CUDA_TRY(cudaEventRecord(begin), cleanup);
        fg_cuda_launch(copy, blocks, threads, 0, NULL, (float4 *)p, (const float4 *)p + n, n);
        FG_CUDA_TRY(cudaEventRecord(end), cleanup);
        FG_CUDA_TRY(cudaEventSynchronize(end), cleanup);
        FG_CUDA_TRY(cudaEventElapsedTime(&ms, begin, end), cleanup);
        double bytes_s = 2.0 * (double)bytes / (ms * 1e-3);
        best.bytes_s = i > 0 && bytes_s > best.bytes_s ? bytes_s : best.bytes_s;
    }
    FG_CUDA_TRY(cudaGetLastError(), cleanup);
    *out = best;
cleanup:
    if (begin != NULL) {
        (void)cudaEventDestroy(begin);
    }
    if (end != NULL) {
        (void)cudaEventDestroy(end);
    }
    (void)cudaFree(p);
    return st;
}
