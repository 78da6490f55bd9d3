#include "kernels/cuda_lockstep_kernels.h"

FG_CUDA_LOCKSTEP(fg_cuda_lockstep_bf16, FG_BF16)
