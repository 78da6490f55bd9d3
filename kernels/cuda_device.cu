#include "kernels/cuda_check.h"

#include <string.h>

/* FG_E_UNSUPPORTED, and why there is no such device. */
static enum fg_status missing(int device, struct fg_err *err)
{
    int n = 0, driver = 0, runtime = 0;
    cudaError_t e = cudaGetDeviceCount(&n);
    (void)cudaDriverGetVersion(&driver); /* 0 without one */
    (void)cudaRuntimeGetVersion(&runtime);
    if (e == cudaErrorInsufficientDriver && driver > 0) {
        return fg_fail(err, FG_E_UNSUPPORTED,
                       "CUDA: no device %d: the driver is for CUDA %d.%d, this program for %d.%d", device,
                       driver / 1000, driver % 100 / 10, runtime / 1000, runtime % 100 / 10);
    }
    return fg_fail(err, FG_E_UNSUPPORTED, "CUDA: no device %d on this machine%s%s", device,
                   e != cudaSuccess ? ": " : "", e != cudaSuccess ? cudaGetErrorString(e) : "");
}

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
    if (device < 0 || device >= fg_cuda_device_count()) {
        return missing(device, err);
    }
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
