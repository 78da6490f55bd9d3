/* Each value becomes 0 or its sign times its layer's scale s, s with probability |x| / s: right in the mean.
 *
 * Bytes: for each layer f32 s, u32 how many are not 0, u8 k; then one stream of bits (bits.h): for each of those its
 * distance from the one before it (from -1 at first), less 1, as a Rice code with its layer's k, then 1 if it is
 * negative.
 *
 * Source: Wen et al., NeurIPS 2017 (TernGrad), for the values and the cut at a multiple of their spread; Rice coding
 * of gaps as Sattler et al. 2019 (STC).
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

/* With k = 0 a value costs its distance and a sign, so that n values take at most 2 n bits; k is never worse. */
static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return HEAD * fg_codec_layers(opts) + n / 4 + 1;
}

/* The entropy of where the values that are sent are, with what Rice codes are above it, and the signs. */
static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double bytes = fg_ternary_bytes((double)n, limited ? opts->density : usual_density);
    size_t most = bound(opts, n), got = HEAD * fg_codec_layers(opts) + (size_t)bytes;
    return got < most ? got : most;
}

size_t fg_ternary_pack(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                       uint8_t *out, size_t cap)
{
    struct fg_packer head = {.p = out, .left = HEAD * layers};
    struct fg_bit_writer w = {.p = out + HEAD * layers, .end = out + cap};
    for (size_t l = 0; l < layers; l++) {
        unsigned k = fg_gaps_best(code, layer[l].count, 1);
        fg_pack_f32(&head, layer[l].s);
        fg_pack_le(&head, layer[l].count, 4);
        fg_pack_le(&head, k, 1);
        fg_gaps_put(&w, code, layer[l].count, 1, k);
        code += layer[l].count;
    }
    fg_bits_close(&w);
    return (size_t)(w.p - out);
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    struct fg_ternary_layer *layer;
    uint32_t *code;
    FG_ASSERT(cap >= bound(&ws->opts, n));
    enum fg_status st = fg_ternary_choose(ws, x, n, &layer, &code);
    if (st == FG_OK) {
        *len = fg_ternary_pack(layer, fg_codec_layers(&ws->opts), code, out, cap);
    }
    return st;
}

double fg_ternary_noise(const struct fg_codec_opts *opts)
{
    bool limited = opts->density > 0.0 && opts->density < 1.0;
    double p = limited ? opts->density : 1.0, peak = 1.0 / FG_USUAL_PEAK;
    return FG_USUAL_SHAPE / (p < peak ? p : peak) - 1.0;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    if (len < HEAD * layers) {
        return FG_E_CORRUPT;
    }
    struct fg_reader head = fg_reader_of(bytes, HEAD * layers);
    struct fg_bit_reader r = {.p = bytes + HEAD * layers, .end = bytes + len};
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float s;
        fg_get_f32s(&head, &s, 1);
        uint32_t count = fg_get_u32(&head);
        unsigned k = fg_get_u8(&head);
        if (count > m || k > FG_RICE_MAX || !fg_gaps_get_signed(&r, count, k, s, x + at, m)) {
            return FG_E_CORRUPT;
        }
        at += m;
    }
    fg_bits_refill(&r);
    return fg_bits_done(&r) ? FG_OK : FG_E_CORRUPT;
}

/* The parts lie before the places. */
static enum fg_status read_parts(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                                 const uint8_t *bytes)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0, count = 0;
    struct fg_reader head = fg_reader_of(bytes, HEAD * layers);
    bool fit = true;
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float s;
        fg_get_f32s(&head, &s, 1);
        uint32_t here = fg_get_u32(&head);
        if (here > m || fg_get_u8(&head) > FG_RICE_MAX) {
            return FG_E_CORRUPT;
        }
        count += here;
        fit = fit && isfinite(s) && s >= 0.f;
    }
    if (!fit || n >= (size_t)1 << 31) {
        return FG_E_RANGE;
    }
    struct fg_form_part *part = NULL;
    enum fg_status st = fg_realloc(&part, 1, layers * sizeof *part + count * sizeof(uint32_t));
    if (st != FG_OK) {
        return st;
    }
    head = fg_reader_of(bytes, HEAD * layers);
    count = 0;
    for (size_t l = 0; l < layers; l++) {
        fg_get_f32s(&head, &part[l].step, 1);
        count += fg_get_u32(&head);
        (void)fg_get_u8(&head);
        at += fg_codec_layer(&ws->opts, l, n);
        part[l].places_end = count;
        part[l].end = at;
    }
    *out = (struct fg_form){
        .kind = FG_FORM_PLACES, .part = part, .parts = layers, .place = (const uint32_t *)(part + layers)};
    *own = part;
    return FG_OK;
}

static enum fg_status open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                           const uint8_t *bytes, size_t len)
{
    size_t layers = fg_codec_layers(&ws->opts);
    enum fg_status st = len >= HEAD * layers ? read_parts(ws, out, own, n, bytes) : FG_E_CORRUPT;
    if (st != FG_OK) {
        return st;
    }
    uint32_t *place = (uint32_t *)(out->part + layers);
    struct fg_bit_reader r = {.p = bytes + HEAD * layers, .end = bytes + len};
    size_t at = 0, before = 0;
    bool good = true;
    for (size_t l = 0; l < layers && good; l++) {
        const struct fg_form_part *p = &out->part[l];
        good = fg_gaps_get_codes(&r, p->places_end - before, bytes[HEAD * l + HEAD - 1], at, place + before,
                                 p->end - at);
        at = p->end;
        before = p->places_end;
    }
    fg_bits_refill(&r);
    if (!good || !fg_bits_done(&r)) {
        fg_free(*own);
        return FG_E_CORRUPT;
    }
    return FG_OK;
}

const struct fg_codec fg_codec_ternary = {
    .name = "ternary",
    .doc = "0 or plus or minus a scale per layer, drawn at random without bias; gaps and signs in Rice codes",
    .id = 7,
    .bound = bound,
    .expected = expected,
    .noise = fg_ternary_noise,
    .encode = encode,
    .decode = decode,
    .open = open,
};
