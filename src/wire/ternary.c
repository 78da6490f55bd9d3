#include "src/wire/ternary.h"

#include <math.h>

#include "src/base/fmath.h"
#include "src/wire/noise.h"

struct fg_layer_view fg_layer_see(const struct fg_coders *c, const float *x, size_t n)
{
    return (struct fg_layer_view){.n = n, .largest = (double)c->largest(x, n), .sums = c->sums(x, n)};
}

/* A layer's scale: NAN if a value is not finite, 0 if nothing can be sent. density, clip:
 * as of fg_codec_opts. */
static float scale_of(const struct fg_layer_view *v, double density, double clip)
{
    double s = v->largest, n = (double)v->n;
    if (clip > 0.0 && v->n > 0) {
        double cut = clip * sqrt(v->sums.square / n);
        s = cut < s ? cut : s;
    }
    if (density > 0.0 && density < 1.0 && v->n > 0) {
        double sparse = v->sums.sum / (density * n);
        s = sparse > s ? sparse : s;
    }
    return s > 0x1p127 ? NAN : s < 0x1p-126 ? 0.f : (float)s;
}

enum fg_status fg_ternary_choose(struct fg_codec_ws *ws, const float *x, size_t n,
                                 struct fg_ternary_layer **layer, uint32_t **code)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0, sent = 0;
    uint64_t words = ws->words;
    const struct fg_coders *c = fg_codec_coders(ws);
    struct fg_coder_stream stream = fg_noise_stream(ws);
    enum fg_status st = fg_codec_ws_reserve(ws, layers * sizeof **layer + (n + 16) * sizeof **code);
    if (st != FG_OK) {
        return st;
    }
    struct fg_ternary_layer *list = (struct fg_ternary_layer *)(void *)ws->buf;
    uint32_t *place = (uint32_t *)(void *)(ws->buf + layers * sizeof *list);
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at && m < (size_t)1 << 31);
        struct fg_layer_view view = fg_layer_see(c, x + at, m);
        float s = scale_of(&view, ws->opts.density, ws->opts.clip);
        size_t count = s > 0.f ? c->choose(&stream, words, x + at, 1.f / s, place + sent, m) : 0;
        list[l] = (struct fg_ternary_layer){s, (uint32_t)count};
        sent += count;
        at += m;
        words = fg_noise_next(words, m);
    }
    FG_ASSERT(at == n);
    *layer = list;
    *code = place;
    return FG_OK;
}

double fg_ternary_bytes(double n, double p)
{
    double q = 1.0 - p;
    if (!(p > 0.0 && q > 0.0)) {
        return p > 0.0 ? n / 4.0 : 0.0;
    }
    double place = -(p * fg_log(p) + q * fg_log(q)) / 0x1.62e42fefa39efp-1;
    return n * (1.03 * place + p) / 8.0;
}
