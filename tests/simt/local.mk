# Tests that a CUDA device takes part in, with a device that is none (simt.h): the .cu files by the C++ compiler, before those of
# libforage.a. Needs no nvcc; the C compiler links.
SIMT_KERNELS = tests/simt/cuda_device.o tests/simt/cuda_limits.o tests/simt/cuda_fold.o tests/simt/cuda_lockstep.o \
	tests/simt/cuda_lockstep_exact.o tests/simt/cuda_lockstep_tf32.o tests/simt/cuda_lockstep_bf16.o tests/simt/device_cuda.o
SIMT_DEVICE = tests/simt/simt_access.o tests/simt/simt_runtime.o tests/simt/simt_threads.o
SIMT_OBJECTS = $(SIMT_KERNELS) $(SIMT_DEVICE)
SIMT_CXX = $(CXX) $(FG_SIMT_CXXFLAGS) -I$(top_srcdir)/tests/simt -I$(top_srcdir) -MMD -MP
CXX_V = $(cxx_v_@AM_V@)
cxx_v_ = $(cxx_v_@AM_DEFAULT_V@)
cxx_v_0 = @echo "  CXX     " $@;
$(SIMT_DEVICE): tests/simt/%.o: $(top_srcdir)/tests/simt/%.cc
	@$(MKDIR_P) $(@D)
	$(CXX_V)$(SIMT_CXX) $(CXXFLAGS) -c $< -o $@
$(SIMT_KERNELS): tests/simt/%.o: $(top_srcdir)/kernels/%.cu
	@$(MKDIR_P) $(@D)
	$(CXX_V)$(SIMT_CXX) $(FG_SIMT_KERNELS) $(CXXFLAGS) -x c++ -c $< -o $@
tests/simt/wrong.o: $(top_srcdir)/tests/simt/wrong.cu
	@$(MKDIR_P) $(@D)
	$(CXX_V)$(SIMT_CXX) $(FG_SIMT_KERNELS) $(CXXFLAGS) -x c++ -c $< -o $@
-include $(SIMT_OBJECTS:.o=.d) tests/simt/wrong.d
CLEANFILES += tests/simt/*.o tests/simt/*.d

if SIMT
tests_simt_test_cuda_device_SOURCES = tests/gpu/test_cuda_device.c
tests_simt_test_cuda_device_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_device_ops_SOURCES = $(tests_gpu_test_device_ops_SOURCES)
tests_simt_test_device_ops_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_simt_SOURCES = tests/simt/test_simt.c tests/simt/wrong.h
tests_simt_test_simt_LDADD = tests/simt/wrong.o $(SIMT_DEVICE) $(LDADD)
tests_simt_test_simt_device_SOURCES = tests/simt/test_simt_device.c $(toydevice_sources)
tests_simt_test_simt_device_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_trainer_device_SOURCES = $(tests_unit_test_trainer_device_SOURCES)
tests_simt_test_trainer_device_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_trainer_device_codes_SOURCES = $(tests_unit_test_trainer_device_codes_SOURCES)
tests_simt_test_trainer_device_codes_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_trainer_device_memory_SOURCES = $(tests_unit_test_trainer_device_memory_SOURCES)
tests_simt_test_trainer_device_memory_LDADD = $(SIMT_OBJECTS) $(LDADD)
tests_simt_test_trainer_device_step_SOURCES = $(tests_unit_test_trainer_device_step_SOURCES)
tests_simt_test_trainer_device_step_LDADD = $(SIMT_OBJECTS) $(LDADD)
endif
