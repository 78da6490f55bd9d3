/* One bit a value: of an update and what was not sent before, y = x + kept, the signs, and for each layer the
 * mean size of its values; kept = y - sent (error feedback).
 *
 * Bytes: f32 for each layer, then for each its signs, eight a byte, lowest bit first (1: negative),
 * the last byte filled with 0.
 *
 * Source: Karimireddy et al., ICML 2019 (EF-signSGD), algorithm 1, with a scale for each layer.
 */
#include <math.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/codec.h"
#include "src/wire/feedback.h"
#include "src/wire/pack.h"

static size_t bytes_of(const struct fg_codec_opts *opts, size_t n)
{
    size_t bytes = 0;
    for (size_t l = 0; l < fg_codec_layers(opts); l++) {
        bytes += 4 + (fg_codec_layer(opts, l, n) + 7) / 8;
    }
    return bytes;
}

static double sent_of(const struct fg_codec_opts *opts, size_t n, double updates)
{
    (void)opts;
    (void)n;
    return fg_feedback_sent(FG_FEEDBACK_SIGNS, 1.0, updates);
}

/* y = x + kept, its signs into out, kept = y - sent; returns the scale. */
static float encode_layer(const struct fg_coders *c, uint8_t *out, const float *x,
                          float *y /* (n) kept before and after */, size_t n)
{
    c->add(x, y, n);
    double mean = n > 0 ? c->sums(y, n).sum / (double)n : 0.0;
    float scale = mean > 0x1p127 || !isfinite(mean) ? NAN : (float)mean, last[8] = {0};
    c->take_signs(y, scale, out, n - n % 8);
    if (n % 8 > 0) {
        memcpy(last, y + (n - n % 8), n % 8 * sizeof *y);
        c->take_signs(last, scale, out + n / 8, 8);
        memcpy(y + (n - n % 8), last, n % 8 * sizeof *y);
    }
    return scale;
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    const struct fg_coders *c = fg_codec_coders(ws);
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    *len = bytes_of(&ws->opts, n);
    FG_ASSERT(cap >= *len && ws->kept != NULL);
    struct fg_packer head = {.p = out, .left = 4 * layers};
    uint8_t *signs = out + 4 * layers;
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at);
        fg_pack_f32(&head, encode_layer(c, signs, x + at, ws->kept + at, m));
        signs += (m + 7) / 8;
        at += m;
    }
    FG_ASSERT(at == n);
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    const struct fg_coders *c = fg_codec_coders(ws);
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    if (len != bytes_of(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    struct fg_reader head = fg_reader_of(bytes, 4 * layers);
    const uint8_t *signs = bytes + 4 * layers;
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float scale, last[8];
        fg_get_f32s(&head, &scale, 1);
        c->unsigns(signs, scale, x + at, m - m % 8);
        if (m % 8 > 0) {
            c->unsigns(signs + m / 8, scale, last, 8);
            memcpy(x + at + (m - m % 8), last, m % 8 * sizeof *x);
        }
        signs += (m + 7) / 8;
        at += m;
    }
    return FG_OK;
}

const struct fg_codec fg_codec_sign = {
    .name = "sign",
    .doc = "signs and a scale per layer, what is rounded off kept by the client for its next update",
    .id = 11,
    .clients_keep_state = 1,
    .bound = bytes_of,
    .expected = bytes_of,
    .sent = sent_of,
    .encode = encode,
    .decode = decode,
};
