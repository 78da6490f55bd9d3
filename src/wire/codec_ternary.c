/* Each value becomes 0 or its sign times its layer's scale s, s with probability |x| / s: right in the mean.
 *
 * Bytes: for each layer f32 s, u32 how many are not 0, u8 k; then where those are, and their signs (gaps.h).
 *
 * Source: Wen et al., NeurIPS 2017 (TernGrad), for the values and the cut at a multiple of their spread; Rice
 * coding of gaps as Sattler et al. 2019 (STC).
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/gaps.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"
#include "src/wire/ternary.h"

enum { HEAD = 9 };

/* Without a limit on what is sent. */
static const double usual_density = 1.0 / FG_USUAL_PEAK;

/* With k = 0 a value costs its distance and a sign, so that n values take at most 2 n bits;
 * k is never worse. */
static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return HEAD * fg_codec_layers(opts) + n / 4 + 2;
}

/* The entropy of where the values that are sent are, with what Rice codes are above it, and the signs. */
static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double bytes = fg_ternary_bytes((double)n, limited ? opts->density : usual_density);
    size_t most = bound(opts, n), got = HEAD * fg_codec_layers(opts) + (size_t)bytes;
    return got < most ? got : most;
}

size_t fg_ternary_put_rice(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                           uint8_t *out, size_t cap)
{
    struct fg_packer head = {.p = out, .left = HEAD * layers};
    uint64_t fields = 0;
    for (size_t l = 0, at = 0; l < layers; at += layer[l++].count) {
        struct fg_gaps g = {layer[l].count, fg_gaps_best(code + at, layer[l].count, 1), 1};
        fg_pack_f32(&head, layer[l].s);
        fg_pack_le(&head, g.count, 4);
        fg_pack_le(&head, g.k, 1);
        fields += fg_gaps_field_bits(&g);
    }
    struct fg_gaps_writer w = fg_gaps_writer_of(out + HEAD * layers, out + cap, fields);
    for (size_t l = 0; l < layers; code += layer[l++].count) {
        struct fg_gaps g = {layer[l].count, out[HEAD * l + HEAD - 1], 1};
        fg_gaps_put(&w, &g, code);
    }
    return (size_t)(fg_gaps_close(&w) - out);
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    FG_ASSERT(cap >= bound(&ws->opts, n));
    return fg_ternary_encode(ws, out, cap, len, x, n, fg_ternary_put_rice);
}

static enum fg_status pack(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                           const uint8_t *codes, size_t n)
{
    FG_ASSERT(cap >= bound(&ws->opts, n));
    return fg_ternary_pack(ws, out, cap, len, codes, n, fg_ternary_put_rice);
}

static size_t sized(const struct fg_codec_opts *opts, const struct fg_coder_gap_sums *gaps)
{
    const size_t layers = fg_codec_layers(opts);
    uint64_t fields = 0, ones = 0;
    for (size_t l = 0; l < layers; l++) {
        const unsigned k = fg_gaps_best_of(&gaps[l], 1);
        fields += gaps[l].count * (k + 1);
        ones += gaps[l].count + gaps[l].over[k];
    }
    return HEAD * layers + (size_t)((fields + 7) / 8 + (ones + 7) / 8);
}

double fg_ternary_noise(const struct fg_codec_opts *opts)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double p = limited ? opts->density : 1.0, peak = 1.0 / FG_USUAL_PEAK;
    return FG_USUAL_SHAPE / (p < peak ? p : peak) - 1.0;
}

/* What stands before the places. */
struct heads {
    size_t sent;
    bool fit; /* scales are finite and not less than 0 */
    struct fg_gaps_reader r;
};

static struct fg_gaps head_of(const uint8_t *bytes, size_t layer, float *s)
{
    struct fg_reader r = fg_reader_of(bytes + HEAD * layer, HEAD);
    fg_get_f32s(&r, s, 1);
    uint32_t count = fg_get_u32(&r);
    return (struct fg_gaps){count, fg_get_u8(&r), 1};
}

/* False: nothing that encode writes. */
static bool read_heads(struct heads *h, const struct fg_codec_opts *opts, size_t n, const uint8_t *bytes,
                       size_t len)
{
    size_t layers = fg_codec_layers(opts);
    uint64_t fields = 0;
    *h = (struct heads){.fit = true};
    if (len < HEAD * layers) {
        return false;
    }
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(opts, l, n);
        float s;
        struct fg_gaps g = head_of(bytes, l, &s);
        if (g.count > m || g.k > FG_RICE_MAX || m >= (size_t)1 << 31) {
            return false;
        }
        h->fit = h->fit && isfinite(s) && s >= 0.f;
        h->sent += g.count;
        fields += fg_gaps_field_bits(&g);
    }
    return fg_gaps_reader_of(&h->r, bytes + HEAD * layers, len - HEAD * layers, fields);
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    struct heads h;
    if (!read_heads(&h, &ws->opts, n, bytes, len)) {
        return FG_E_CORRUPT;
    }
    enum fg_status st = fg_codec_ws_reserve(ws, h.sent * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *code = (uint32_t *)(void *)ws->buf;
    for (size_t l = 0; l < fg_codec_layers(&ws->opts); l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float s;
        struct fg_gaps g = head_of(bytes, l, &s);
        if (!fg_gaps_get(&h.r, &g, 0, m, code)) {
            return FG_E_CORRUPT;
        }
        fg_gaps_spread(code, g.count, s, x, m);
        x += m;
    }
    return fg_gaps_done(&h.r) ? FG_OK : FG_E_CORRUPT;
}

/* The parts, and the places behind them. */
static enum fg_status open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                           const uint8_t *bytes, size_t len)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0, sent = 0;
    struct heads h;
    if (!read_heads(&h, &ws->opts, n, bytes, len)) {
        return FG_E_CORRUPT;
    }
    if (!h.fit || n >= (size_t)1 << 31) {
        return FG_E_RANGE;
    }
    struct fg_form_part *part = NULL;
    enum fg_status st = fg_realloc(&part, 1, layers * sizeof *part + h.sent * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    uint32_t *place = (uint32_t *)(part + layers);
    bool good = true;
    for (size_t l = 0; l < layers && good; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        struct fg_gaps g = head_of(bytes, l, &part[l].step);
        good = fg_gaps_get(&h.r, &g, at, m, place + sent);
        part[l].end = at += m;
        part[l].places_end = sent += g.count;
    }
    if (!good || !fg_gaps_done(&h.r)) {
        fg_free(part);
        return FG_E_CORRUPT;
    }
    *out = (struct fg_form){.kind = FG_FORM_PLACES, .part = part, .parts = layers, .place = place};
    *own = part;
    return FG_OK;
}

const struct fg_codec fg_codec_ternary = {
    .name = "ternary",
    .doc = "0 or plus or minus a scale per layer, drawn at random without bias; gaps and signs in Rice codes",
    .id = 15,
    .levels = 1,
    .ternary = 1,
    .bound = bound,
    .expected = expected,
    .noise = fg_ternary_noise,
    .encode = encode,
    .pack = pack,
    .sized = sized,
    .decode = decode,
    .open = open,
};
