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
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/gaps.h"
#include "src/wire/largest.h"
#include "src/wire/pack.h"

enum { HEAD = 5 };

/* With k = 0 a gap costs its length and a bit: at most 2 n bits in all; the best parameter is never worse. */
static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return HEAD + 4 * fg_largest_count(opts, n) + n / 4 + 2;
}

/* Values, and where they are. */
static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    return HEAD + 4 * fg_largest_count(opts, n) + fg_largest_place_bytes(opts, n);
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    size_t k = fg_largest_count(&ws->opts, n);
    FG_ASSERT(cap >= bound(&ws->opts, n) && ws->kept != NULL && n < (size_t)1 << 31);
    enum fg_status st = fg_codec_ws_reserve(ws, fg_largest_scratch(k));
    if (st != FG_OK) {
        return st;
    }
    float *value;
    uint32_t *place;
    size_t sent = fg_largest_take(ws->kept, x, n, k, ws->buf, &value, &place);
    unsigned rice = fg_gaps_best(place, sent, 0);
    struct fg_packer head = {.p = out, .left = HEAD + 4 * sent};
    fg_pack_le(&head, sent, 4);
    fg_pack_le(&head, rice, 1);
    fg_pack_f32s(&head, value, sent);
    struct fg_bit_writer w = {.p = out + HEAD + 4 * sent, .end = out + cap};
    fg_gaps_put(&w, place, sent, 0, rice);
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
        size_t at = fg_gaps_place(&r, rice, next, n);
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
