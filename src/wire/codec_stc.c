/* Sparse ternary: of the whole update and what was not sent before, y = x + kept, the k values largest in
 * size go as plus or minus their mean size mu; kept = y - sent (error feedback).
 *
 * k = ceil(density n). Bytes: f32 mu, u32 how many, u8 Rice parameter, then places and signs (gaps.h).
 *
 * Source: Sattler et al., 2019 (STC), algorithms 1 and 2, the upload; going down: down.h.
 */
#include <math.h>

#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/gaps.h"
#include "src/wire/largest.h"
#include "src/wire/pack.h"

enum { HEAD = 9 };

/* With k = 0 a place costs its gap, a bit and its sign: at most 2 n bits in all;
 * the best parameter is never worse. */
static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    (void)opts;
    return HEAD + n / 4 + 2;
}

static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    size_t got = HEAD + fg_largest_place_bytes(opts, n) + fg_largest_count(opts, n) / 8,
           most = bound(opts, n);
    return got < most ? got : most;
}

static double sent_of(const struct fg_codec_opts *opts, size_t n, double updates)
{
    return fg_largest_sent(FG_FEEDBACK_LARGEST_MEAN, opts, n, updates);
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
    const float *value = sent.value;
    uint32_t *code = sent.place; /* places, then places and signs */
    double sum = 0.0;
    for (uint32_t i = 0; i < sent.count; i++) {
        sum += fabs((double)value[i]);
    }
    float mu = sent.count > 0 ? (float)(sum / (double)sent.count) : 0.f;
    for (uint32_t i = 0; i < sent.count; i++) {
        ws->kept[code[i]] = value[i] < 0.f ? value[i] + mu : value[i] - mu;
        code[i] = code[i] << 1 | (value[i] < 0.f);
    }
    struct fg_gaps g = {sent.count, fg_gaps_best(code, sent.count, 1), 1};
    struct fg_packer head = {.p = out, .left = HEAD};
    fg_pack_f32(&head, mu);
    fg_pack_le(&head, sent.count, 4);
    fg_pack_le(&head, g.k, 1);
    struct fg_gaps_writer w = fg_gaps_writer_of(out + HEAD, out + cap, fg_gaps_field_bits(&g));
    fg_gaps_put(&w, &g, code);
    *len = (size_t)(fg_gaps_close(&w) - out);
    return FG_OK;
}

struct head {
    float mu;
    struct fg_gaps gaps;
    struct fg_gaps_reader r;
};

/* What stands before the places of n values; false: nothing that encode writes. */
static bool read_head(struct head *h, size_t n, const uint8_t *bytes, size_t len)
{
    if (len < HEAD || n >= (size_t)1 << 31) {
        return false;
    }
    struct fg_reader r = fg_reader_of(bytes, HEAD);
    fg_get_f32s(&r, &h->mu, 1);
    uint32_t sent = fg_get_u32(&r);
    h->gaps = (struct fg_gaps){sent, fg_get_u8(&r), 1};
    return sent <= n && h->gaps.k <= FG_RICE_MAX &&
           fg_gaps_reader_of(&h->r, bytes + HEAD, len - HEAD, fg_gaps_field_bits(&h->gaps));
}

static bool read_places(struct head *h, size_t n, uint32_t *code)
{
    return fg_gaps_get(&h->r, &h->gaps, 0, n, code) && fg_gaps_done(&h->r);
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    struct head h;
    if (!read_head(&h, n, bytes, len)) {
        return FG_E_CORRUPT;
    }
    enum fg_status st = fg_codec_ws_reserve(ws, h.gaps.count * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *code = (uint32_t *)(void *)ws->buf;
    if (!read_places(&h, n, code)) {
        return FG_E_CORRUPT;
    }
    fg_gaps_spread(code, h.gaps.count, h.mu, x, n);
    return FG_OK;
}

static enum fg_status open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                           const uint8_t *bytes, size_t len)
{
    (void)ws;
    struct head h;
    if (!read_head(&h, n, bytes, len)) {
        return FG_E_CORRUPT;
    }
    if (!isfinite(h.mu) || h.mu < 0.f) {
        return FG_E_RANGE;
    }
    struct fg_form_part *part = NULL;
    enum fg_status st = fg_realloc(&part, 1, sizeof *part + h.gaps.count * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    if (!read_places(&h, n, (uint32_t *)(part + 1))) {
        fg_free(part);
        return FG_E_CORRUPT;
    }
    *part = (struct fg_form_part){.end = n, .places_end = h.gaps.count, .step = h.mu};
    *out = (struct fg_form){
        .kind = FG_FORM_PLACES, .part = part, .parts = 1, .place = (const uint32_t *)(part + 1)};
    *own = part;
    return FG_OK;
}

const struct fg_codec fg_codec_stc = {
    .name = "stc",
    .doc = "the largest values (wire.density of all; 1: a hundredth) as plus or minus their mean size, the "
           "rest kept by the client for its next update",
    .id = 16,
    .clients_keep_state = 1,
    .bound = bound,
    .expected = expected,
    .sent = sent_of,
    .encode = encode,
    .decode = decode,
    .open = open,
};
