#include "src/wire/ternary.h"

#include <string.h>

#include "src/base/bytes.h"
#include "src/base/fmath.h"
#include "src/wire/noise.h"

/* What is drawn, in ws->buf: (layers), (n + 16). */
struct drawn {
    struct fg_ternary_layer *layer;
    uint32_t *code;
};

static enum fg_status make_room(struct drawn *d, struct fg_codec_ws *ws, size_t n)
{
    size_t heads = fg_codec_layers(&ws->opts) * sizeof *d->layer;
    enum fg_status st = fg_codec_ws_reserve(ws, heads + (n + 16) * sizeof *d->code);
    if (st == FG_OK) {
        d->layer = (struct fg_ternary_layer *)(void *)ws->buf;
        d->code = (uint32_t *)(void *)(ws->buf + heads);
    }
    return st;
}

static void choose(struct drawn *d, struct fg_codec_ws *ws, const float *x, size_t n)
{
    const struct fg_coder_rule rule = fg_codec_rule(&fg_codec_ternary, &ws->opts);
    const struct fg_coders *c = fg_codec_coders(ws);
    struct fg_coder_stream stream = fg_noise_stream(ws);
    size_t at = 0, sent = 0;
    uint64_t words = ws->words;
    for (size_t l = 0; l < fg_codec_layers(&ws->opts); l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at && m < (size_t)1 << 31);
        struct fg_coder_sums sums = {0};
        if (fg_coder_sums_wanted(&rule)) {
            sums = c->sums(x + at, m);
        }
        float s = m > 0 ? fg_coder_step_of(&rule, c->largest(x + at, m), sums, (double)m) : 0.f;
        size_t count = s > 0.f ? c->choose(&stream, words, x + at, 1.f / s, d->code + sent, m) : 0;
        d->layer[l] = (struct fg_ternary_layer){s, (uint32_t)count};
        sent += count;
        at += m;
        words = fg_noise_next(words, m);
    }
    FG_ASSERT(at == n);
}

/* Places and signs of the levels that are not 0; returns how many. */
static size_t gather_layer(const int8_t *q, size_t n, uint32_t *code)
{
    size_t count = 0, i = 0;
    while (i < n) {
        uint64_t eight;
        if (i + sizeof eight <= n && (memcpy(&eight, q + i, sizeof eight), eight == 0)) {
            i += sizeof eight;
            continue;
        }
        for (size_t end = n - i < sizeof eight ? n : i + sizeof eight; i < end; i++) {
            code[count] = (uint32_t)i << 1 | (q[i] < 0);
            count += q[i] != 0;
        }
    }
    return count;
}

static void gather(struct drawn *d, const struct fg_codec_ws *ws, const uint8_t *codes, size_t n)
{
    struct fg_reader steps = fg_reader_of(codes, fg_codec_codes(&ws->opts, 0));
    const int8_t *q = (const int8_t *)codes + fg_codec_codes(&ws->opts, 0);
    size_t sent = 0;
    for (size_t l = 0; l < fg_codec_layers(&ws->opts); l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        fg_get_f32s(&steps, &d->layer[l].s, 1);
        d->layer[l].count = (uint32_t)gather_layer(q, m, d->code + sent);
        sent += d->layer[l].count;
        q += m;
    }
}

enum fg_status fg_ternary_encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                 const float *x, size_t n, fg_ternary_put *put)
{
    struct drawn d;
    enum fg_status st = make_room(&d, ws, n);
    if (st == FG_OK) {
        choose(&d, ws, x, n);
        *len = put(d.layer, fg_codec_layers(&ws->opts), d.code, out, cap);
    }
    return st;
}

enum fg_status fg_ternary_pack(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                               const uint8_t *codes, size_t n, fg_ternary_put *put)
{
    struct drawn d;
    enum fg_status st = make_room(&d, ws, n);
    if (st == FG_OK) {
        gather(&d, ws, codes, n);
        *len = put(d.layer, fg_codec_layers(&ws->opts), d.code, out, cap);
    }
    return st;
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
