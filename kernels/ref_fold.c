/* The folders in plain C. */
#include <math.h>
#include <string.h>

#include "kernels/fold.h"
#include "kernels/isa.h"

#define SCAN_LARGEST fg_coders_reference.largest
#include "kernels/fold_scan.h"

/* The nearest whole number, ties to even: from 2^52 on there are no others. */
static int64_t nearest(double v)
{
    double big = v < 0.0 ? -0x1p52 : 0x1p52;
    return (int64_t)(fabs(v) < 0x1p52 ? (v + big) - big : v);
}

static void floats(const float *const *x, const double *scale, size_t m, int64_t *sum, size_t n)
{
    for (size_t k = 0; k < m; k++) {
        for (size_t i = 0; i < n; i++) {
            sum[i] += nearest(scale[k] * (double)x[k][i]);
        }
    }
}

static void bytes(const int8_t *const *q, const int64_t *scale, size_t m, int64_t *sum, size_t n)
{
    for (size_t k = 0; k < m; k++) {
        for (size_t i = 0; i < n; i++) {
            sum[i] += scale[k] * q[k][i];
        }
    }
}

const struct fg_folders fg_folders_reference = {
    .name = "reference", .floats = floats, .bytes = bytes, .scan = scan};
