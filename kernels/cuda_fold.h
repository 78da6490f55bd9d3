/* Updates on a CUDA device, as kernels/device_fold.h has them: launched on a stream of the device that is
 * set. For .cu files. */
#ifndef FG_KERNELS_CUDA_FOLD_H
#define FG_KERNELS_CUDA_FOLD_H

#include <cuda_runtime.h>

#include "kernels/device.h"

/* What fg_device_ops says of each; returned is whether it could be launched. */
cudaError_t fg_cuda_spread(float *to, size_t stride, size_t n, const float *from, size_t count,
                           cudaStream_t stream);
cudaError_t fg_cuda_deltas(const struct fg_device_deltas *f, cudaStream_t stream);
cudaError_t fg_cuda_levels(const struct fg_device_levels *l, cudaStream_t stream);
cudaError_t fg_cuda_sum(const struct fg_device_sum *s, cudaStream_t stream);
cudaError_t fg_cuda_step(const struct fg_device_step *s, cudaStream_t stream);

/* All of them with nothing to do: their code is on the device then. */
cudaError_t fg_cuda_fold_nothing(cudaStream_t stream);

#endif
