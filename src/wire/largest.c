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

/* Candidates for the k largest of y are taken block by block; when there is no room for those of another
 * block, all but the k largest so far go, and what comes later has to be larger than the least of these. */
enum { BLOCK = 4096, DIGIT = 11, COUNTS = 1 << DIGIT, LANES = 16 /* that coders write behind the last */ };

struct choice {
    uint32_t *count;        /* (COUNTS) */
    uint32_t *place, *size; /* (cap + LANES) of candidates, places ascending */
    size_t n, cap;
    size_t k;
    uint32_t least; /* candidates are larger */
};

/* The bits of |v|: they order as sizes do; NAN above all. */
static uint32_t size_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & 0x7fffffffu;
}

/* The least size among the k largest candidates, and how many of exactly this size are among them, a digit of
 * 11, 10 and 10 bits after the other. 0 < k <= n. */
static uint32_t threshold(const struct choice *c, size_t *equal)
{
    static const unsigned at[] = {20, 10, 0, 31};
    uint32_t least = 0, digit;
    size_t k = c->k;
    for (size_t d = 0; d < 3; d++) {
        unsigned above = at[(d + 3) % 4]; /* where the digits begin that are known */
        memset(c->count, 0, COUNTS * sizeof *c->count);
        for (size_t i = 0; i < c->n; i++) {
            c->count[c->size[i] >> at[d] & (COUNTS - 1) >> (d > 0)] += c->size[i] >> above == least >> above;
        }
        for (digit = (COUNTS - 1) >> (d > 0); c->count[digit] < k; digit--) {
            k -= c->count[digit];
        }
        least |= digit << at[d];
    }
    *equal = k;
    return least;
}

/* Leave the k largest, of those of the same size the earlier ones. */
static void prune(struct choice *c, const float *y)
{
    size_t equal = 0, left = 0;
    if (c->n <= c->k) {
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        c->size[i] = size_of(y[c->place[i]]);
    }
    c->least = c->k > 0 ? threshold(c, &equal) : UINT32_MAX;
    for (size_t i = 0; i < c->n; i++) {
        bool same = c->size[i] == c->least && equal > 0;
        c->place[left] = c->place[i];
        left += same || c->size[i] > c->least;
        equal -= same;
    }
    c->n = left;
}

enum fg_status fg_largest_take(struct fg_largest *out, struct fg_codec_ws *ws, const float *x, size_t n)
{
    const struct fg_coders *coders = fg_codec_coders(ws);
    struct choice c = {.k = fg_largest_count(&ws->opts, n)};
    float *y = ws->kept;
    FG_ASSERT(y != NULL && n < (size_t)1 << 31);
    c.cap = c.k + (c.k > 2 * BLOCK ? c.k : 2 * BLOCK);
    enum fg_status st = fg_codec_ws_reserve(ws, (COUNTS + 2 * (c.cap + LANES)) * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    c.count = (uint32_t *)(void *)ws->buf;
    c.place = c.count + COUNTS;
    c.size = c.place + c.cap + LANES;
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t m = n - at < BLOCK ? n - at : BLOCK;
        coders->add(x + at, y + at, m);
        if (c.n + m > c.cap) {
            prune(&c, y);
            FG_ASSERT(c.n + m <= c.cap);
        }
        c.n += coders->above(y + at, c.least, (uint32_t)at, c.place + c.n, m);
    }
    prune(&c, y);
    *out = (struct fg_largest){.value = (float *)(void *)c.size, .place = c.place, .count = (uint32_t)c.n};
    for (size_t i = 0; i < c.n; i++) {
        out->value[i] = y[c.place[i]];
        y[c.place[i]] = 0.f;
    }
    return FG_OK;
}
