# CUDA kernels (nvcc), or their place holder that says there is no device.
KERNEL_HEADERS_CUDA = kernels/cuda.h kernels/cuda_check.h kernels/cuda_fold.h kernels/cuda_launch.h kernels/cuda_lockstep.h kernels/cuda_lockstep_kernels.h
KERNEL_LOCKSTEP = kernels/cuda_lockstep_exact.cu kernels/cuda_lockstep_tf32.cu kernels/cuda_lockstep_bf16.cu
if HAVE_CUDA
libforage_a_SOURCES += kernels/cuda_device.cu kernels/cuda_limits.cu \
	kernels/cuda_fold.cu kernels/cuda_lockstep.cu $(KERNEL_LOCKSTEP) kernels/device_cuda.cu
else
libforage_a_SOURCES += kernels/cuda_none.c
endif

NVCC_V = $(nvcc_v_@AM_V@)
nvcc_v_ = $(nvcc_v_@AM_DEFAULT_V@)
nvcc_v_0 = @echo "  NVCC    " $@;
SUFFIXES = .cu
.cu.o:
	@$(MKDIR_P) $(@D)
	$(NVCC_V)$(NVCC) $(FG_NVCCFLAGS) $(NVCCFLAGS) -I$(top_srcdir) -I$(top_builddir) -c $< -o $@
kernels/cuda_device.o kernels/cuda_limits.o kernels/cuda_fold.o kernels/cuda_lockstep.o $(KERNEL_LOCKSTEP:.cu=.o) kernels/device_cuda.o: $(KERNEL_HEADERS_CUDA) src/base/status.h
kernels/cuda_fold.o: kernels/coders.h kernels/device.h kernels/device_fold.h kernels/coder_halves.h kernels/coder_levels.h kernels/constants.h kernels/scalar.h src/base/both.h src/base/fsum_both.h src/base/philox.h
kernels/device_cuda.o: kernels/device_arena.h
kernels/cuda_lockstep.o: kernels/device.h kernels/device_shape.h
kernels/device_cuda.o $(KERNEL_LOCKSTEP:.cu=.o): kernels/device.h kernels/device_at.h kernels/device_gemm.h kernels/device_linear.h kernels/device_mma.h kernels/device_ops.h kernels/device_ptx.h \
	kernels/device_pointwise.h kernels/device_pool.h kernels/device_tile_pool.h kernels/device_shape.h kernels/device_stage.h kernels/device_tile.h kernels/device_update.h kernels/scalar.h src/base/both.h src/base/philox.h
