# One small library for each set of compiler flags; kernels/select.c chooses among their tables at run time.
libforage_a_SOURCES += kernels/kernels.h kernels/isa.h kernels/table.h kernels/constants.h kernels/scalar.h \
  kernels/ref_linear.h kernels/ref_pointwise.h kernels/reference.c kernels/select.c

if X86
noinst_LIBRARIES += libforage_ref_fma.a
KERNEL_LIBS += libforage_ref_fma.a

libforage_ref_fma_a_SOURCES = kernels/reference.c
libforage_ref_fma_a_CFLAGS = $(AM_CFLAGS) -mfma
libforage_ref_fma_a_CPPFLAGS = $(AM_CPPFLAGS) -DFG_REFERENCE_FMA
endif
