#include "kernels/fold.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

/* Squares of finite floats, and sums of any number of them, are finite in double. */
bool fg_kernel_all_finite(const float *x, size_t n)
{
    return isfinite(fg_kernels_get("auto", FG_EXACT)->sum_squares(x, n));
}

/* Whether w times any float is exact in double: 24 bits and at most 29, far from the ends of the range. A fused
 * multiply-add then rounds once, as the sum does. */
static bool times_float_is_exact(double w)
{
    uint64_t bits;
    memcpy(&bits, &w, sizeof bits);
    return w == 0.0 || ((bits & 0xffffff) == 0 && fabs(w) > 0x1p-500 && fabs(w) < 0x1p500);
}

void fg_kernel_fold(double w, const float *x, double *acc, size_t n)
{
    if (times_float_is_exact(w)) {
        fg_kernels_get("auto", FG_EXACT)->accumulate(w, x, acc, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        acc[i] += w * (double)x[i];
    }
}
