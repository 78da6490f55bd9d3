/* The tables that select.c chooses from. Which of them exist depends on the build (FG_X86). */
#ifndef FG_KERNELS_ISA_H
#define FG_KERNELS_ISA_H

#include "kernels/coders.h"
#include "kernels/fold.h"
#include "kernels/kernels.h"

extern const struct fg_kernels fg_kernels_reference;     /* any CPU */
extern const struct fg_kernels fg_kernels_reference_fma; /* the same source, compiled with -mfma */
extern const struct fg_kernels fg_kernels_avx2;
extern const struct fg_kernels fg_kernels_avx512;

/* FG_BF16. */
extern const struct fg_kernels fg_kernels_reference_bf16;
extern const struct fg_kernels fg_kernels_reference_fma_bf16;
extern const struct fg_kernels fg_kernels_avx2_bf16;
extern const struct fg_kernels fg_kernels_avx512_bf16;
extern const struct fg_kernels fg_kernels_avx512_dot; /* if fg_dot_ready() */
extern const struct fg_kernels fg_kernels_avx512_amx; /* after fg_amx_ready() */

extern const struct fg_coders fg_coders_reference;
extern const struct fg_coders fg_coders_avx2;
extern const struct fg_coders fg_coders_avx512;

extern const struct fg_folders fg_folders_reference;
extern const struct fg_folders fg_folders_avx2;
extern const struct fg_folders fg_folders_avx512;

/* Whether this process may multiply tiles of bfloat16; asks the operating system for it. */
int fg_amx_ready(void);

/* Whether the CPU multiplies pairs of bfloat16 (AVX512_BF16). */
int fg_dot_ready(void);

#endif
