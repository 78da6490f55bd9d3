#include "kernels/cuda_check.h"

#include <string.h>

int fg_cuda_device_count(void)
{
    int n = 0;
    return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}

enum fg_status fg_cuda_device_info(struct fg_cuda_device *out, int device, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct fg_cuda_device info;
    cudaDeviceProp prop;
    size_t free_bytes = 0, total_bytes = 0;
    memset(&info, 0, sizeof info);
    FG_CUDA_TRY(cudaGetDeviceProperties(&prop, device), cleanup);
    FG_CUDA_TRY(cudaSetDevice(device), cleanup);
    FG_CUDA_TRY(cudaMemGetInfo(&free_bytes, &total_bytes), cleanup);
    memcpy(info.name, prop.name, sizeof info.name - 1);
    info.memory_bytes = total_bytes;
    info.free_bytes = free_bytes;
    info.major = prop.major;
    info.minor = prop.minor;
    info.multiprocessors = prop.multiProcessorCount;
    *out = info;
cleanup:
    return st;
}
