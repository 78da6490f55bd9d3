/* Each value becomes 0 or its sign times its layer's scale s, s with probability |x| / s: right in the mean.
 *
 * Bytes: for each layer f32 s, u32 how many are not 0, u8 k; then one stream of bits (bits.h): for each of those its
 * distance from the one before it (from -1 at first), less 1, as a Rice code with its layer's k, then 1 if it is
 * negative.
 *
 * Source: Wen et al., NeurIPS 2017 (TernGrad), for the values and the cut at a multiple of their spread; Rice coding
 * of gaps as Sattler et al. 2019 (STC).
 */
#include <stdbool.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/gaps.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"
#include "src/wire/ternary.h"

enum { HEAD = 9 };

/* Without a limit on what is sent: what updates of the 2NN on MNIST were seen to come to. */
static const double usual_density = 0.04;

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

const struct fg_codec fg_codec_ternary = {
    .name = "ternary",
    .doc = "0 or plus or minus a scale per layer, drawn at random without bias; gaps and signs in Rice codes",
    .id = 7,
    .bound = bound,
    .expected = expected,
    .encode = encode,
    .decode = decode,
};
