/* Whole multiples of a step for each layer, rounded at random so that the mean is right: 8 bits (-127..127)
 * or 4 bits (-7..7, two a byte, plus 8). A float of each layer's step comes first,
 * then all codes without gaps. */
#include <stdbool.h>
#include <string.h>

#include "kernels/coder_levels.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/codec_levels.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"

size_t fg_codec_codes(const struct fg_codec_opts *opts, size_t n)
{
    return 4 * fg_codec_layers(opts) + n;
}

static size_t bytes_int4(const struct fg_codec_opts *opts, size_t n)
{
    return 4 * fg_codec_layers(opts) + n / 2 + n % 2;
}

static bool is_short(float step)
{
    return step >= 0.f && step < 0x1p120f && fg_coder_short(step) == step;
}

/* Codes of a layer; returns its step. */
static float round_layer(struct fg_codec_ws *ws, uint64_t at, int8_t *q /* (n) */, const float *x, size_t n,
                         int32_t most)
{
    const struct fg_coders *c = fg_codec_coders(ws);
    float step = fg_coder_step(c->largest(x, n), most);
    if (!(step > 0.f)) { /* a NaN, too */
        memset(q, 0, n);
        return step;
    }
    struct fg_coder_stream stream = fg_noise_stream(ws);
    c->round(&stream, at, x, 1.f / step, most, q, n);
    return step;
}

void fg_codec_levels_round(struct fg_codec_ws *ws, uint8_t *steps, int8_t *q, const float *x, size_t n,
                           int32_t most)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    uint64_t words = ws->words;
    struct fg_packer w = {.p = steps, .left = 4 * layers};
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at);
        fg_pack_f32(&w, round_layer(ws, words, q + at, x + at, m, most));
        at += m;
        words = fg_noise_next(words, m);
    }
    FG_ASSERT(at == n);
}

void fg_codec_levels_scale(struct fg_codec_ws *ws, float *x, size_t n, const int8_t *q, const uint8_t *steps)
{
    const struct fg_coders *c = fg_codec_coders(ws);
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    struct fg_reader r = fg_reader_of(steps, 4 * layers);
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float step;
        fg_get_f32s(&r, &step, 1);
        c->scale(q + at, step, x + at, m);
        at += m;
    }
}

/* Steps of d: d^2 / 6 where values are larger than a step, else d |x| - x^2. */
static double noise(int32_t most)
{
    double step = FG_USUAL_PEAK / most, fine = FG_USUAL_SHAPE * step * step / 6.0,
           rough = FG_USUAL_SHAPE * step - 1.0;
    return rough > fine ? rough : fine;
}

double fg_codec_levels_noise_int8(const struct fg_codec_opts *opts)
{
    (void)opts;
    return noise(127);
}

double fg_codec_levels_noise_int4(const struct fg_codec_opts *opts)
{
    (void)opts;
    return noise(7);
}

enum fg_status fg_codec_levels_encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                      const float *x, size_t n, const struct fg_codec *codec)
{
    size_t steps = fg_codec_codes(&ws->opts, 0);
    enum fg_status st = fg_codec_ws_reserve(ws, steps + n);
    if (st != FG_OK) {
        return st;
    }
    fg_codec_levels_round(ws, ws->buf, (int8_t *)ws->buf + steps, x, n, codec->levels);
    return codec->pack(ws, out, cap, len, ws->buf, n);
}

static enum fg_status encode_int8(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                  const float *x, size_t n)
{
    *len = fg_codec_codes(&ws->opts, n);
    FG_ASSERT(cap >= *len);
    fg_codec_levels_round(ws, out, (int8_t *)out + (*len - n), x, n, fg_codec_int8.levels);
    return FG_OK;
}

static enum fg_status pack_int8(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                const uint8_t *codes, size_t n)
{
    *len = fg_codec_codes(&ws->opts, n);
    FG_ASSERT(cap >= *len);
    if (out != codes) {
        memcpy(out, codes, *len);
    }
    return FG_OK;
}

static enum fg_status decode_int8(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes,
                                  size_t len)
{
    if (len != fg_codec_codes(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    fg_codec_levels_scale(ws, x, n, (const int8_t *)bytes + (len - n), bytes);
    return FG_OK;
}

static enum fg_status pack_int4(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                const uint8_t *codes, size_t n)
{
    size_t steps = fg_codec_codes(&ws->opts, 0);
    *len = bytes_int4(&ws->opts, n);
    FG_ASSERT(cap >= *len);
    memcpy(out, codes, steps);
    fg_codec_coders(ws)->pack4((const int8_t *)codes + steps, out + steps, n);
    return FG_OK;
}

static enum fg_status encode_int4(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                  const float *x, size_t n)
{
    return fg_codec_levels_encode(ws, out, cap, len, x, n, &fg_codec_int4);
}

static enum fg_status decode_int4(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes,
                                  size_t len)
{
    if (len != bytes_int4(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    enum fg_status st = fg_codec_ws_reserve(ws, n);
    if (st != FG_OK) {
        return st;
    }
    int8_t *q = (int8_t *)ws->buf;
    fg_codec_coders(ws)->unpack4(bytes + 4 * fg_codec_layers(&ws->opts), q, n);
    fg_codec_levels_scale(ws, x, n, q, bytes);
    return FG_OK;
}

enum fg_status fg_codec_levels_open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                                    const uint8_t *steps, size_t more)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    struct fg_reader r = fg_reader_of(steps, 4 * layers);
    struct fg_form_part *part = NULL;
    enum fg_status st = fg_realloc(&part, 1, layers * sizeof *part + more);
    bool fit = true;
    for (size_t l = 0; st == FG_OK && l < layers; l++) {
        at += fg_codec_layer(&ws->opts, l, n);
        part[l].end = at;
        fg_get_f32s(&r, &part[l].step, 1);
        fit = fit && is_short(part[l].step);
    }
    if (st != FG_OK || !fit) {
        fg_free(part);
        return st != FG_OK ? st : FG_E_RANGE;
    }
    *out = (struct fg_form){.kind = FG_FORM_BYTES, .part = part, .parts = layers};
    *own = part;
    return FG_OK;
}

static enum fg_status open_int8(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                                const uint8_t *bytes, size_t len)
{
    if (len != fg_codec_codes(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    enum fg_status st = fg_codec_levels_open(ws, out, own, n, bytes, 0);
    if (st == FG_OK) {
        out->q = (const int8_t *)bytes + (len - n);
    }
    return st;
}

static enum fg_status open_int4(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                                const uint8_t *bytes, size_t len)
{
    if (len != bytes_int4(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    size_t layers = fg_codec_layers(&ws->opts);
    enum fg_status st = fg_codec_levels_open(ws, out, own, n, bytes, n);
    if (st == FG_OK) {
        int8_t *q = (int8_t *)(out->part + layers);
        fg_codec_coders(ws)->unpack4(bytes + 4 * layers, q, n);
        out->q = q;
    }
    return st;
}

const struct fg_codec fg_codec_int8 = {
    .name = "int8",
    .doc = "8 bits a value and a scale per layer, rounded at random without bias",
    .id = 5,
    .plain = 1,
    .levels = 127,
    .fixed = 1,
    .bound = fg_codec_codes,
    .expected = fg_codec_codes,
    .noise = fg_codec_levels_noise_int8,
    .encode = encode_int8,
    .pack = pack_int8,
    .decode = decode_int8,
    .open = open_int8,
};

const struct fg_codec fg_codec_int4 = {
    .name = "int4",
    .doc = "4 bits a value and a scale per layer, rounded at random without bias",
    .id = 6,
    .levels = 7,
    .fixed = 1,
    .bound = bytes_int4,
    .expected = bytes_int4,
    .noise = fg_codec_levels_noise_int4,
    .encode = encode_int4,
    .pack = pack_int4,
    .decode = decode_int4,
    .open = open_int4,
};
