/* The folders in plain C. */
#define XXH_INLINE_ALL
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "kernels/fold.h"
#include "kernels/isa.h"

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

/* Block by block of the floats, each read twice, the second time from the first cache. */
static struct fg_scan scan(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len, size_t from,
                           float *block)
{
    struct fg_scan got = {0, 0.f};
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head, head_len);
    for (size_t i = 0, m; i < len; i += m) {
        size_t stop = i < from ? from : len, most = FG_FOLD_BLOCK * sizeof(float);
        m = stop - i < most ? stop - i : most;
        if (i >= from && m >= sizeof(float)) {
            float x[FG_FOLD_BLOCK]; /* aligned */
            memcpy(x, body + i, m);
            float here = fg_coders_reference.largest(x, m / sizeof(float));
            got.largest = isnan(got.largest) || here <= got.largest ? got.largest : here;
            if (block != NULL) {
                block[(i - from) / most] = here;
            }
        }
        XXH3_64bits_update(&state, body + i, m);
    }
    got.hash = XXH3_64bits_digest(&state);
    return got;
}

const struct fg_folders fg_folders_reference = {
    .name = "reference", .floats = floats, .bytes = bytes, .scan = scan};
