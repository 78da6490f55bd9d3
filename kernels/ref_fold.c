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

static void scan_on(struct fg_scanner *s, size_t bytes, float *block)
{
    for (size_t i = 0, most = FG_FOLD_BLOCK * sizeof(float); i < bytes && s->left > 0; i += most) {
        float x[FG_FOLD_BLOCK]; /* aligned */
        size_t m = s->left < most ? s->left : most;
        memcpy(x, s->floats, m);
        float here = fg_coders_reference.largest(x, m / sizeof(float));
        uint32_t bits;
        memcpy(&bits, &here, sizeof bits);
        s->most = bits > s->most ? bits : s->most;
        if (block != NULL) {
            block[i / most] = here;
        }
        s->floats += m;
        s->left -= m;
    }
}

/* The bytes are read a second time. */
static struct fg_scan scan_end(struct fg_scanner *s)
{
    struct fg_scan got = {0, 0.f};
    XXH3_state_t state;
    scan_on(s, SIZE_MAX, NULL);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, s->head, s->head_len);
    XXH3_64bits_update(&state, s->body, s->len);
    got.hash = XXH3_64bits_digest(&state);
    memcpy(&got.largest, &s->most, sizeof got.largest);
    got.largest = isfinite(got.largest) ? got.largest : NAN;
    return got;
}

static float floats_and_scan(const float *x, double scale, int64_t *sum, size_t n, struct fg_scanner *s)
{
    float largest = 0.f;
    floats(&x, &scale, 1, sum, n);
    scan_on(s, n * sizeof *x, &largest);
    return largest;
}

const struct fg_folders fg_folders_reference = {.name = "reference",
                                                .floats = floats,
                                                .bytes = bytes,
                                                .scan_on = scan_on,
                                                .scan_end = scan_end,
                                                .floats_and_scan = floats_and_scan};
