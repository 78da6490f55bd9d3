/* The reference in plain C. Compiled twice: as it is, and with -mfma (then FG_REFERENCE_FMA is defined),
 * because fmaf() without the instruction is a library routine a hundred times slower. */
#include "kernels/isa.h"
#include "kernels/table.h"

#include "kernels/ref_linear.h"
#include "kernels/ref_pointwise.h"

#include "kernels/ref_bf16.h"

#ifdef FG_REFERENCE_FMA
const struct fg_kernels fg_kernels_reference_fma = FG_KERNEL_TABLE("reference", conv);
const struct fg_kernels fg_kernels_reference_fma_bf16 = FG_KERNEL_TABLE("reference", bf16_conv);
#else
const struct fg_kernels fg_kernels_reference = FG_KERNEL_TABLE("reference", conv);
const struct fg_kernels fg_kernels_reference_bf16 = FG_KERNEL_TABLE("reference", bf16_conv);
#endif
