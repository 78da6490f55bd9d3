/* CUDA kernels behind plain C: no CUDA type leaves kernels/.
 *
 * In a build without CUDA there are zero devices and everything else returns FG_E_UNSUPPORTED. A machine
 * without a driver or a device is no error: it has zero devices. Device numbers count from 0.
 * Thread safety: every function may be called from any thread; each sets the calling thread's device.
 */
#ifndef FG_KERNELS_CUDA_H
#define FG_KERNELS_CUDA_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_cuda_device {
    char name[256];
    uint64_t memory_bytes;
    uint64_t free_bytes;
    int major, minor; /* compute capability */
    int multiprocessors;
};

/* How many devices this process can use, 0 without a driver. */
int fg_cuda_device_count(void);

/* Describe one device.
 *
 * Errors:  FG_E_UNSUPPORTED without CUDA or such a device; FG_E_IO if the driver fails (err has its text).
 */
enum fg_status fg_cuda_device_info(struct fg_cuda_device *out, int device, struct fg_err *err) FG_NODISCARD;

/* What one device can do at most, measured by small kernels: multiply-adds in float (2 FLOP each) and bytes
 * copied within its memory, read and written, a second. */
struct fg_cuda_limits {
    double flops, bytes_s;
};

/* Cost: some milliseconds and half a GiB of the device's memory. Errors: as fg_cuda_device_info(),
 * FG_E_NOMEM. */
enum fg_status fg_cuda_limits(struct fg_cuda_limits *out, int device, struct fg_err *err) FG_NODISCARD;

#ifdef __cplusplus
}
#endif

#endif
