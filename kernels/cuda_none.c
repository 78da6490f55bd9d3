/* The build without CUDA: no device. */
#include "kernels/cuda.h"
#include "kernels/device.h"

int fg_cuda_device_count(void)
{
    return 0;
}

enum fg_status fg_cuda_device_info(struct fg_cuda_device *out, int device, struct fg_err *err)
{
    (void)out;
    return fg_fail(err, FG_E_UNSUPPORTED, "CUDA: no device %d: this program was built without CUDA", device);
}

enum fg_status fg_cuda_limits(struct fg_cuda_limits *out, int device, struct fg_err *err)
{
    (void)out;
    return fg_fail(err, FG_E_UNSUPPORTED, "CUDA: no device %d: this program was built without CUDA", device);
}

enum fg_status fg_device_cuda(struct fg_device **out, int number, struct fg_err *err)
{
    (void)out;
    return fg_fail(err, FG_E_UNSUPPORTED, "CUDA: no device %d: this program was built without CUDA", number);
}

void fg_device_cuda_goes(struct fg_device *d, enum fg_way way)
{
    (void)d;
    (void)way;
}
