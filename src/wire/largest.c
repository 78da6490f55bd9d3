#include "src/wire/largest.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/fmath.h"

static const double usual_density = 0.01; /* where wire.density is 1, which would be no codec at all */

size_t fg_largest_count(const struct fg_codec_opts *opts, size_t n)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double k =
        ceil((limited ? opts->density : usual_density) * (double)n * (1.0 - 1e-12)); /* 0.07 of 100 is 7 */
    return k < (double)n ? (size_t)k : n;
}

size_t fg_largest_place_bytes(const struct fg_codec_opts *opts, size_t n)
{
    double p = n > 0 ? (double)fg_largest_count(opts, n) / (double)n : 0.0, q = 1.0 - p;
    double place = p > 0.0 && q > 0.0 ? -(p * fg_log(p) + q * fg_log(q)) / 0x1.62e42fefa39efp-1 : 0.0;
    return (size_t)((double)n * 1.03 * place / 8.0) + 1;
}

enum { COUNTS = 65536 };

size_t fg_largest_scratch(size_t k)
{
    return (COUNTS + 2 * k) * sizeof(uint32_t);
}

/* The bits of |v|: they order as sizes do; NAN above all. */
static uint32_t size_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & 0x7fffffffu;
}

/* The least size among the k largest, and how many of exactly this size are among them:
 * two counts of 16 bits each.
 * Shapes: y (n), 0 < k <= n. Cost: three passes, no memory of n. */
static uint32_t threshold(const float *y, size_t n, size_t k, uint32_t *count /* (COUNTS) */, size_t *equal)
{
    uint32_t high = 0, low = 0;
    memset(count, 0, COUNTS * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        count[size_of(y[i]) >> 16]++;
    }
    for (high = 65535; count[high] < k; high--) {
        k -= count[high];
    }
    memset(count, 0, COUNTS * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        uint32_t size = size_of(y[i]);
        count[size & 0xffffu] += size >> 16 == high;
    }
    for (low = 65535; count[low] < k; low--) {
        k -= count[low];
    }
    *equal = k;
    return high << 16 | low;
}

/* Split y between what is sent, at places (<= k), and what is kept; returns how many are sent. */
static size_t split(float *kept /* (n) y before */, float *value, uint32_t *place, size_t n, uint32_t least,
                    size_t equal)
{
    size_t sent = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t size = size_of(kept[i]);
        bool take = size > least || (size == least && equal > 0);
        equal -= take && size == least;
        if (take && size != 0) {
            value[sent] = kept[i];
            place[sent++] = (uint32_t)i;
            kept[i] = 0.f;
        }
    }
    return sent;
}

size_t fg_largest_take(float *kept, const float *x, size_t n, size_t k, void *scratch, float **value,
                       uint32_t **place)
{
    uint32_t *count = scratch;
    size_t equal = 0;
    *place = count + COUNTS;
    *value = (float *)(void *)(*place + k);
    for (size_t i = 0; i < n; i++) {
        kept[i] += x[i];
    }
    uint32_t least = k > 0 ? threshold(kept, n, k, count, &equal) : UINT32_MAX;
    return split(kept, *value, *place, n, least, equal);
}
