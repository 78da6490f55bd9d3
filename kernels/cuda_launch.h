/* Launches of kernels. For .cu files only. */
#ifndef FG_KERNELS_CUDA_LAUNCH_H
#define FG_KERNELS_CUDA_LAUNCH_H

#include <cuda_runtime.h>

/* kernel<<<grid, block, shared, stream>>>(args...) in plain C++. Whether it could be launched is
 * cudaGetLastError()'s, as it is then. */
template <typename... WANTS, typename... ARGS>
static inline void fg_cuda_launch(void (*kernel)(WANTS...), dim3 grid, unsigned block, size_t shared,
                                  cudaStream_t stream, ARGS... args)
{
    cudaLaunchConfig_t how = {};
    how.gridDim = grid;
    how.blockDim = dim3(block);
    how.dynamicSmemBytes = shared;
    how.stream = stream;
    (void)cudaLaunchKernelEx(&how, kernel, args...);
}

#endif
