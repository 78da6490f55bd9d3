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
#include "kernels/table.h"

#include "kernels/wide_tile.h"
#include "kernels/wide_update.h"

#include "kernels/wide_backward.h"
#include "kernels/wide_narrow.h"

#include "kernels/wide_linear.h"
#include "kernels/wide_math.h"

#include "kernels/wide_pointwise.h"

#include "kernels/wide_layers.h"

#ifdef FG_WIDE_AVX512
const struct fg_kernels fg_kernels_avx512 = FG_KERNEL_TABLE("avx512");
#else
const struct fg_kernels fg_kernels_avx2 = FG_KERNEL_TABLE("avx2");
#endif
