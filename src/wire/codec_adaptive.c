/* Each layer with the codec of fewest bytes such that its variance is at most `variance` |x|^2: fp16, int8,
 * int4, or ternary with the scale at which it is just that.
 *
 * Variances are those of the codecs' formulas (for int8 and int4 their bound). Bytes: for each layer u8
 * codec, u32 bytes; then for each layer what that codec makes of it alone.
 * Layer by layer they draw on the same stream, one after another.
 */
#include <math.h>

#include "src/base/bytes.h"
#include "src/wire/adaptive.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"
#include "src/wire/ternary.h"

enum { HEAD = 5, LEAST = 14, CHOICES = 4 };

struct choice {
    const struct fg_codec *codec;
    double density;
    double bytes, variance;
};

static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return (HEAD + LEAST) * fg_codec_layers(opts) + 2 * n;
}

/* What updates usually are: ternary where the bound lets it be sparse, else steps that are fine enough. */
static double expected_of(const struct fg_codec_opts *opts, size_t n, double variance)
{
    double head = (double)((HEAD + 9) * fg_codec_layers(opts));
    double sparse = FG_USUAL_SHAPE / (1.0 + variance);
    double bytes = variance >= FG_USUAL_SHAPE * FG_USUAL_PEAK - 1.0 ? fg_ternary_bytes((double)n, sparse)
                   : variance >= 0.8                                ? (double)n / 2.0
                   : variance >= 0.0025                             ? (double)n
                                                                    : 2.0 * (double)n;
    return head + bytes;
}

static double bound_of(const struct fg_codec_opts *opts)
{
    return opts->variance > 0.0 ? opts->variance : 1.0;
}

static double noise(const struct fg_codec_opts *opts)
{
    return bound_of(opts);
}

static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    return (size_t)expected_of(opts, n, bound_of(opts));
}

double fg_adaptive_variance(const struct fg_adaptive *a, const struct fg_codec_opts *opts, size_t n,
                            double other_s, double uplink_bps)
{
    double best = a->most, least = INFINITY;
    for (int k = -16; k <= 40; k++) {
        double v = ldexp(k % 2 == 0 ? 1.0 : 0x1.6a09e667f3bcdp+0, k >= 0 ? k / 2 : (k - 1) / 2);
        v = v < a->most ? v : a->most;
        double time = (other_s + expected_of(opts, n, v) / uplink_bps) * (1.0 + a->rounds * v / a->updates);
        if (time < least) {
            least = time;
            best = v;
        }
    }
    return best;
}

/* ---- choosing ---- */

/* What is known of a layer. */
struct view {
    size_t n;
    double largest; /* |x|; NAN if a value is not finite */
    struct fg_coder_sums sums;
};

static double levels_variance(const struct view *v, double most)
{
    double step = v->largest / most, square = (double)v->n * step * step / 4.0, sum = step * v->sums.sum;
    return square < sum ? square : sum;
}

/* Of what can be made of a layer, that of fewest bytes with at most so much variance, in the layer's square;
 * int8 where none has. A layer that is not finite stays so with any. */
static struct choice choose(const struct view *v, double most)
{
    double n = (double)v->n, square = v->sums.square, s = (1.0 + most) * square / v->sums.sum;
    if (!isfinite(v->largest)) {
        return (struct choice){.codec = &fg_codec_int8};
    }
    s = s > v->largest ? s : v->largest;
    double share = v->sums.sum > 0.0 ? v->sums.sum / (s * n) : 0.0;
    const struct choice all[CHOICES] = {
        {&fg_codec_ternary, share, 9.0 + fg_ternary_bytes(n, share < 1.0 ? share : 1.0),
         share > 0.0 ? s * v->sums.sum - square : 0.0},
        {&fg_codec_int4, 0.0, 4.0 + n / 2.0, levels_variance(v, 7.0)},
        {&fg_codec_int8, 0.0, 4.0 + n, levels_variance(v, 127.0)},
        {&fg_codec_fp16, 0.0, 2.0 * n, v->largest < 65504.0 ? 0.0 : INFINITY},
    };
    struct choice best = {.codec = &fg_codec_int8, .bytes = INFINITY};
    for (int i = 0; i < CHOICES; i++) {
        if (all[i].variance <= most * square * 1.000001 && all[i].bytes < best.bytes) {
            best = all[i];
        }
    }
    return best;
}

/* ---- bytes ---- */

/* One layer through its codec, as if it were all there is. */
static enum fg_status encode_layer(struct fg_codec_ws *ws, const struct choice *c, uint8_t *out, size_t cap,
                                   size_t *len, const float *x, size_t n)
{
    struct fg_codec_opts whole = ws->opts;
    ws->opts.layer = NULL;
    ws->opts.density = c->density;
    ws->opts.clip = 0.0;
    enum fg_status st = c->codec->encode(ws, out, cap, len, x, n);
    ws->opts = whole;
    return st;
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0, used = HEAD * layers;
    FG_ASSERT(cap >= bound(&ws->opts, n));
    const struct fg_coders *coders = fg_codec_coders(ws);
    double most = ws->variance > 0.f ? (double)ws->variance : bound_of(&ws->opts);
    struct fg_packer head = {.p = out, .left = used};
    enum fg_status st = FG_OK;
    for (size_t l = 0; l < layers && st == FG_OK; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n), took = 0;
        FG_ASSERT(m <= n - at);
        const struct view view = {m, (double)coders->largest(x + at, m), coders->sums(x + at, m)};
        struct choice c = choose(&view, most);
        st = encode_layer(ws, &c, out + used, cap - used, &took, x + at, m);
        fg_pack_le(&head, c.codec->id, 1);
        fg_pack_le(&head, took, 4);
        used += took;
        at += m;
        ws->words = fg_noise_next(ws->words, m);
    }
    FG_ASSERT(st != FG_OK || at == n);
    ws->words = 0;
    *len = used;
    return st;
}

static bool is_one_of_them(const struct fg_codec *c)
{
    return c == &fg_codec_fp16 || c == &fg_codec_int8 || c == &fg_codec_int4 || c == &fg_codec_ternary;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    struct fg_codec_opts whole = ws->opts;
    size_t layers = fg_codec_layers(&whole), at = 0, used = HEAD * layers;
    if (len < used) {
        return FG_E_CORRUPT;
    }
    struct fg_reader head = fg_reader_of(bytes, used);
    enum fg_status st = FG_OK;
    for (size_t l = 0; l < layers && st == FG_OK; l++) {
        const struct fg_codec *c = fg_codec_by_id(fg_get_u8(&head));
        size_t m = fg_codec_layer(&whole, l, n), took = fg_get_u32(&head);
        if (c == NULL || !is_one_of_them(c) || took > len - used) {
            return FG_E_CORRUPT;
        }
        ws->opts.layer = NULL;
        st = c->decode(ws, x + at, m, bytes + used, took);
        ws->opts = whole;
        used += took;
        at += m;
    }
    return st == FG_OK && used != len ? FG_E_CORRUPT : st;
}

const struct fg_codec fg_codec_adaptive = {
    .name = "adaptive",
    .doc = "each layer as fp16, int8, int4 or ternary, of fewest bytes within wire.variance and what the "
           "client's link asks for",
    .id = 12,
    .adapts = 1,
    .bound = bound,
    .expected = expected,
    .noise = noise,
    .encode = encode,
    .decode = decode,
};
