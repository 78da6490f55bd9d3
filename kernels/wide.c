/* The wide kernels: one source, compiled once for each vector layer with that layer's compiler flags
 * (FG_WIDE_AVX512 chooses; else AVX2). The parts are headers so that each reads as one page. */
#include <math.h>
#include <string.h>

#ifdef FG_WIDE_AVX512
#include "kernels/simd_avx512.h"
#else
#include "kernels/simd_avx2.h"
#endif

#include "kernels/isa.h"
#include "kernels/prefetch.h"
#include "kernels/table.h"

#include "kernels/wide_tile.h"
#include "kernels/wide_update.h"

#include "kernels/wide_backward.h"
#include "kernels/wide_live.h"
#include "kernels/wide_narrow.h"

#include "kernels/wide_linear.h"
#include "kernels/wide_math.h"
#include "kernels/wide_philox.h"

#include "kernels/wide_pointwise.h"

#include "kernels/wide_layers.h"

#include "kernels/wide_bf16.h"

#ifdef FG_WIDE_AVX512
#include "kernels/wide_amx.h"
#include "kernels/wide_dot.h"

const struct fg_kernels fg_kernels_avx512 = FG_KERNEL_TABLE("avx512", conv);
const struct fg_kernels fg_kernels_avx512_bf16 = FG_KERNEL_TABLE("avx512", bf16_conv);
const struct fg_kernels fg_kernels_avx512_dot = FG_KERNEL_TABLE("avx512", dot_conv);
const struct fg_kernels fg_kernels_avx512_amx = FG_KERNEL_TABLE("avx512", amx_conv);
#else
const struct fg_kernels fg_kernels_avx2 = FG_KERNEL_TABLE("avx2", conv);
const struct fg_kernels fg_kernels_avx2_bf16 = FG_KERNEL_TABLE("avx2", bf16_conv);
#endif
