/* The k values that are largest in size, of the whole update and what was not sent before; what is left over
 * is kept for the next update (error feedback): y = x + kept, sent = top_k(y), kept = y - sent.
 *
 * k = ceil(density n) over all layers together; of values of the same size the earlier ones. Bytes: u32 k',
 * the values that are not 0 among them; u8 Rice parameter; k' f32 values in the order of their places; then
 * the places (gaps.h).
 *
 * Source: Stich, Cordonnier, Jaggi, NeurIPS 2018 (Sparsified SGD with memory), algorithm 1; with local steps
 * an update stands for the gradient, as in Karimireddy et al., ICML 2019. Biased;
 * the error stays bounded because nothing is thrown away.
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

static double sent_of(const struct fg_codec_opts *opts, size_t n, double updates)
{
    return fg_largest_sent(FG_FEEDBACK_LARGEST, opts, n, updates);
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    struct fg_largest sent;
    FG_ASSERT(cap >= bound(&ws->opts, n));
    enum fg_status st = fg_largest_take(&sent, ws, x, n);
    if (st != FG_OK) {
        return st;
    }
    struct fg_gaps g = {sent.count, fg_gaps_best(sent.place, sent.count, 0), 0};
    size_t places = HEAD + 4 * (size_t)sent.count;
    struct fg_packer head = {.p = out, .left = places};
    fg_pack_le(&head, sent.count, 4);
    fg_pack_le(&head, g.k, 1);
    fg_pack_f32s(&head, sent.value, sent.count);
    struct fg_gaps_writer w = fg_gaps_writer_of(out + places, out + cap, fg_gaps_field_bits(&g));
    fg_gaps_put(&w, &g, sent.place);
    *len = (size_t)(fg_gaps_close(&w) - out);
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    if (len < HEAD || n >= (size_t)1 << 31) {
        return FG_E_CORRUPT;
    }
    struct fg_reader head = fg_reader_of(bytes, len);
    uint32_t sent = fg_get_u32(&head);
    struct fg_gaps g = {sent, fg_get_u8(&head), 0};
    if (sent > n || g.k > FG_RICE_MAX || (len - HEAD) / 4 < sent) {
        return FG_E_CORRUPT;
    }
    size_t places = HEAD + 4 * (size_t)sent;
    struct fg_gaps_reader r;
    enum fg_status st = fg_codec_ws_reserve(ws, sent * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *place = (uint32_t *)(void *)ws->buf;
    if (!fg_gaps_reader_of(&r, bytes + places, len - places, fg_gaps_field_bits(&g)) ||
        !fg_gaps_get(&r, &g, 0, n, place) || !fg_gaps_done(&r)) {
        return FG_E_CORRUPT;
    }
    memset(x, 0, n * sizeof *x);
    for (uint32_t i = 0; i < sent; i++) {
        fg_get_f32s(&head, x + place[i], 1);
    }
    return FG_OK;
}

const struct fg_codec fg_codec_topk = {
    .name = "top-k",
    .doc = "the largest values (wire.density of all; 1: a hundredth), the rest kept by the client for its "
           "next update",
    .id = 17,
    .clients_keep_state = 1,
    .bound = bound,
    .expected = expected,
    .sent = sent_of,
    .encode = encode,
    .decode = decode,
};
