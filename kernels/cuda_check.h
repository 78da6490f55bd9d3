/* Checks of CUDA calls: they write the error and jump to a label, they never exit. For .cu files only. */
#ifndef FG_KERNELS_CUDA_CHECK_H
#define FG_KERNELS_CUDA_CHECK_H

#include <cuda_runtime.h>

#include "kernels/cuda.h"

static inline enum fg_status fg_cuda_fail(struct fg_err *err, cudaError_t e, const char *call)
{
    enum fg_status st =
        e == cudaErrorMemoryAllocation ? FG_E_NOMEM
        : e == cudaErrorNoDevice || e == cudaErrorInvalidDevice || e == cudaErrorNoKernelImageForDevice
            ? FG_E_UNSUPPORTED
            : FG_E_IO;
    return fg_fail(err, st, "CUDA: %s: %s", call, cudaGetErrorString(e));
}

/* In a function with `st` and `err`: on failure set st and go to label. */
#define FG_CUDA_TRY(call, label)                      \
    do {                                              \
        cudaError_t fg_cuda_e = (call);               \
        if (fg_cuda_e != cudaSuccess) {               \
            st = fg_cuda_fail(err, fg_cuda_e, #call); \
            goto label;                               \
        }                                             \
    } while (0)

#endif
