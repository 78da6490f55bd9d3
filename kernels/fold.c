#include "kernels/fold.h"

#include <math.h>

#include "kernels/coders.h"

bool fg_kernel_all_finite(const float *x, size_t n)
{
    return isfinite(fg_coders_get("auto")->largest(x, n));
}
