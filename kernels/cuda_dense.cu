#include "kernels/cuda_check.h"

/* One thread per output (b, j), j along x so that reads of w and writes of y coalesce. Launch: blocks of 128
 * outputs, grid (ceil(out / 128), batch); batch rides on grid.y in steps of 65535. Traffic: w is read batch
 * times (mostly from L2), x is broadcast within a block, y is written once. */
static __global__ void dense_forward(float *y,          /* (batch, out) */
                                     const float *x,    /* (batch, in) */
                                     const float *w,    /* (in, out) */
                                     const float *bias, /* (out) */
                                     size_t batch, size_t in, size_t out)
{
    size_t j = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (j >= out) {
        return;
    }
    for (size_t b = blockIdx.y; b < batch; b += gridDim.y) {
        const float *row = x + b * in;
        float sum = bias[j];
        for (size_t i = 0; i < in; i++) {
            sum = fmaf(row[i], w[i * out + j], sum);
        }
        y[b * out + j] = sum;
    }
}

enum fg_status fg_cuda_dense_forward(float *y, const float *x, const float *w, const float *bias,
                                     size_t batch, size_t in, size_t out, int device, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    float *dev = NULL;
    size_t ny = batch * out, nx = batch * in, nw = in * out;
    size_t floats = ny + nx + nw + out;
    float *dy, *dx, *dw, *dbias;
    dim3 grid((unsigned)((out + 127) / 128), (unsigned)(batch < 65535 ? batch : 65535));
    if (fg_cuda_device_count() <= device) {
        return fg_cuda_missing(device, err);
    }
    if (ny == 0) {
        return FG_OK;
    }
    FG_CUDA_TRY(cudaSetDevice(device), cleanup);
    FG_CUDA_TRY(cudaMalloc(&dev, floats * sizeof *dev), cleanup);
    dy = dev;
    dx = dy + ny;
    dw = dx + nx;
    dbias = dw + nw;
    FG_CUDA_TRY(cudaMemcpy(dx, x, nx * sizeof *x, cudaMemcpyHostToDevice), cleanup);
    FG_CUDA_TRY(cudaMemcpy(dw, w, nw * sizeof *w, cudaMemcpyHostToDevice), cleanup);
    FG_CUDA_TRY(cudaMemcpy(dbias, bias, out * sizeof *bias, cudaMemcpyHostToDevice), cleanup);
    dense_forward<<<grid, 128>>>(dy, dx, dw, dbias, batch, in, out);
    FG_CUDA_TRY(cudaGetLastError(), cleanup);
    FG_CUDA_TRY(cudaDeviceSynchronize(), cleanup);
    FG_CUDA_TRY(cudaMemcpy(y, dy, ny * sizeof *y, cudaMemcpyDeviceToHost), cleanup);
cleanup:
    cudaFree(dev);
    return st;
}
