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

double fg_largest_sent(enum fg_feedback how, const struct fg_codec_opts *opts, size_t n, double updates)
{
    return n > 0 ? fg_feedback_sent(how, (double)fg_largest_count(opts, n) / (double)n, updates) : 1.0;
}

enum { COUNTS = 65536 };

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

/* Split y between what is sent and what is kept. */
static void split(struct fg_largest *out, float *kept /* (n) y before */, size_t n, uint32_t least,
                  size_t equal)
{
    float *value = out->value;
    uint32_t *place = out->place, sent = 0;
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
    out->count = sent;
}

enum fg_status fg_largest_take(struct fg_largest *out, struct fg_codec_ws *ws, const float *x, size_t n)
{
    size_t k = fg_largest_count(&ws->opts, n), equal = 0;
    float *kept = ws->kept;
    FG_ASSERT(kept != NULL && n < (size_t)1 << 31);
    enum fg_status st = fg_codec_ws_reserve(ws, (COUNTS + 2 * k) * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *count = (uint32_t *)(void *)ws->buf;
    out->place = count + COUNTS;
    out->value = (float *)(void *)(out->place + k);
    for (size_t i = 0; i < n; i++) {
        kept[i] += x[i];
    }
    uint32_t least = k > 0 ? threshold(kept, n, k, count, &equal) : UINT32_MAX;
    split(out, kept, n, least, equal);
    return FG_OK;
}
