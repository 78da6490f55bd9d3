/* Steps of all lanes on a CUDA device, an operation a launch, on a stream of the device that is set. For .cu
 * files. */
#ifndef FG_KERNELS_CUDA_LOCKSTEP_H
#define FG_KERNELS_CUDA_LOCKSTEP_H

#include <cuda_runtime.h>

#include "kernels/device.h"

/* Put the launches of all operations into the stream. *from: r->from, the device's. Returned is whether they
 * could be launched. */
cudaError_t fg_cuda_lockstep(const struct fg_device_run *r, const uint32_t *from, cudaStream_t stream);

/* Every kernel with nothing to do: its code is on the device then. */
cudaError_t fg_cuda_lockstep_nothing(const uint32_t *from, cudaStream_t stream);

#endif
