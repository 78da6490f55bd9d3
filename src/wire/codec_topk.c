/* The k values that are largest in size, of the whole update and what was not sent before; what is left over is kept for the
 * next update (error feedback): y = x + kept, sent = top_k(y), kept = y - sent.
 *
 * k = ceil(density n) over all layers together; of values of the same size the earlier ones. Bytes: u32 k', the values that
 * are not 0 among them; u8 Rice parameter; k' f32 values in the order of their places; then a stream of bits (bits.h), for
 * each its distance from the one before it (from -1 at first), less 1.
 *
 * Source: Stich, Cordonnier, Jaggi, NeurIPS 2018 (Sparsified SGD with memory), algorithm 1; with local steps an update stands
 * for the gradient, as in Karimireddy et al., ICML 2019. Biased; the error stays bounded because nothing is thrown away.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/base/fmath.h"
#include "src/wire/bits.h"
#include "src/wire/codec.h"
#include "src/wire/pack.h"

enum { HEAD = 5 };

static const double usual_density = 0.01; /* where wire.density is 1, which would be no codec at all */

static size_t sent_of(const struct fg_codec_opts *opts, size_t n)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double k =
        ceil((limited ? opts->density : usual_density) * (double)n * (1.0 - 1e-12)); /* 0.07 of 100 is 7 */
    return k < (double)n ? (size_t)k : n;
}

/* With k = 0 a gap costs its length and a bit: at most 2 n bits in all; the best parameter is never worse. */
static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return HEAD + 4 * sent_of(opts, n) + n / 4 + 2;
}

/* Values, and the entropy of where they are. */
static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    double p = n > 0 ? (double)sent_of(opts, n) / (double)n : 0.0, q = 1.0 - p;
    double place = p > 0.0 && q > 0.0 ? -(p * fg_log(p) + q * fg_log(q)) / 0x1.62e42fefa39efp-1 : 0.0;
    return HEAD + 4 * sent_of(opts, n) + (size_t)((double)n * 1.03 * place / 8.0) + 1;
}

/* The bits of |v|: they order as sizes do; NAN above all. */
static uint32_t size_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & 0x7fffffffu;
}

/* The least size among the k largest, and how many of exactly this size are among them: two counts of 16 bits each.
 * Shapes: y (n), 0 < k <= n. Cost: three passes, no memory of n. */
static uint32_t threshold(const float *y, size_t n, size_t k, uint32_t *count /* (65536) */, size_t *equal)
{
    uint32_t high = 0, low = 0;
    memset(count, 0, 65536 * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        count[size_of(y[i]) >> 16]++;
    }
    for (high = 65535; count[high] < k; high--) {
        k -= count[high];
    }
    memset(count, 0, 65536 * sizeof *count);
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

static uint64_t cost(const uint32_t *place, size_t n, unsigned k)
{
    uint64_t bits = (uint64_t)n * (k + 1);
    uint32_t next = 0;
    for (size_t i = 0; i < n; i++) {
        bits += (place[i] - next) >> k;
        next = place[i] + 1;
    }
    return bits;
}

static unsigned best_rice(const uint32_t *place, size_t n)
{
    unsigned k = 0;
    while (k < FG_RICE_MAX && cost(place, n, k + 1) < cost(place, n, k)) {
        k++;
    }
    return k;
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

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    size_t k = sent_of(&ws->opts, n), equal = 0;
    FG_ASSERT(cap >= bound(&ws->opts, n) && ws->kept != NULL && n < (size_t)1 << 31);
    enum fg_status st = fg_codec_ws_reserve(ws, (65536 + 2 * k) * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *count = (uint32_t *)(void *)ws->buf, *place = count + 65536;
    float *value = (float *)(void *)(place + k);
    for (size_t i = 0; i < n; i++) {
        ws->kept[i] += x[i];
    }
    uint32_t least = k > 0 ? threshold(ws->kept, n, k, count, &equal) : UINT32_MAX;
    size_t sent = split(ws->kept, value, place, n, least, equal);
    unsigned rice = best_rice(place, sent);
    struct fg_packer head = {.p = out, .left = HEAD + 4 * sent};
    fg_pack_le(&head, sent, 4);
    fg_pack_le(&head, rice, 1);
    fg_pack_f32s(&head, value, sent);
    struct fg_bit_writer w = {.p = out + HEAD + 4 * sent, .end = out + cap};
    uint32_t next = 0;
    for (size_t i = 0; i < sent; i++) {
        fg_bits_put_rice(&w, place[i] - next, rice);
        next = place[i] + 1;
    }
    fg_bits_close(&w);
    *len = (size_t)(w.p - out);
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    (void)ws;
    if (len < HEAD) {
        return FG_E_CORRUPT;
    }
    struct fg_reader head = fg_reader_of(bytes, len);
    uint32_t sent = fg_get_u32(&head);
    unsigned rice = fg_get_u8(&head);
    if (sent > n || rice > FG_RICE_MAX || (len - HEAD) / 4 < sent) {
        return FG_E_CORRUPT;
    }
    struct fg_bit_reader r = {.p = bytes + HEAD + 4 * (size_t)sent, .end = bytes + len};
    size_t next = 0;
    memset(x, 0, n * sizeof *x);
    for (uint32_t i = 0; i < sent; i++) {
        if (next >= n) {
            return FG_E_CORRUPT;
        }
        size_t at = next + fg_bits_get_rice(&r, rice, (uint32_t)(n - 1 - next));
        if (r.bad) {
            return FG_E_CORRUPT;
        }
        fg_get_f32s(&head, x + at, 1);
        next = at + 1;
    }
    fg_bits_refill(&r);
    return fg_bits_done(&r) ? FG_OK : FG_E_CORRUPT;
}

const struct fg_codec fg_codec_topk = {
    .name = "top-k",
    .doc = "the largest values (wire.density of all; 1: a hundredth), the rest kept by the client for its "
           "next update",
    .id = 9,
    .clients_keep_state = 1,
    .bound = bound,
    .expected = expected,
    .encode = encode,
    .decode = decode,
};
