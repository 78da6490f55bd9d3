/* The tables that select.c chooses from. Which of them exist depends on the build (FG_X86). */
#ifndef FG_KERNELS_ISA_H
#define FG_KERNELS_ISA_H

#include "kernels/kernels.h"

extern const struct fg_kernels fg_kernels_reference;     /* any CPU */
extern const struct fg_kernels fg_kernels_reference_fma; /* the same source, compiled with -mfma */
extern const struct fg_kernels fg_kernels_avx2;
extern const struct fg_kernels fg_kernels_avx512;

#endif
