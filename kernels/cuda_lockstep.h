/* Steps of all lanes on a CUDA device, an operation a launch, on a stream of the device that is set. For .cu
 * files. */
#ifndef FG_KERNELS_CUDA_LOCKSTEP_H
#define FG_KERNELS_CUDA_LOCKSTEP_H

#include <cuda_runtime.h>

#include "kernels/device.h"

typedef void fg_cuda_lockstep_kernel(const struct fg_op *op, struct fg_lane *lanes, size_t n, size_t grad,
                                     size_t part_grad, const uint32_t *from, uint32_t after, uint32_t part);

/* The kernel of that kind of operation in each arithmetic; NULL where it is that of FG_EXACT. */
fg_cuda_lockstep_kernel *fg_cuda_lockstep_exact(uint32_t kind);
fg_cuda_lockstep_kernel *fg_cuda_lockstep_tf32(uint32_t kind);
fg_cuda_lockstep_kernel *fg_cuda_lockstep_bf16(uint32_t kind);

/* Put the launches of all operations into the stream. *from: r->from, the device's. Returned is whether they
 * could be launched. */
cudaError_t fg_cuda_lockstep(const struct fg_device_run *r, const uint32_t *from, cudaStream_t stream);

/* Every kernel with nothing to do: its code is on the device then. */
cudaError_t fg_cuda_lockstep_nothing(const uint32_t *from, cudaStream_t stream);

#endif
