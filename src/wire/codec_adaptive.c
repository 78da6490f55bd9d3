/* Each layer with the codec of fewest bytes such that the update's variance stays within its bound: fp16, int8, int4, or
 * ternary at a density of 1, 1/2, 1/4, ... 2^-12.
 *
 * Of bytes + lambda variance each layer takes the least; lambda is the smallest power of 2^(1/4) with which the sum of
 * variances is at most `variance` |x|^2; what that leaves goes to the layers in their order. Variances are those of the codecs' formulas (for int8 and int4 their bound).
 *
 * Bytes: for each layer u8 codec, u32 bytes; then for each layer what that codec makes of it alone. Layer by layer they draw
 * on the same stream, one after another.
 */
#include <math.h>

#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/adaptive.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"
#include "src/wire/ternary.h"

enum { HEAD = 5, LEAST = 14, DENSITIES = 13, CHOICES = 3 + DENSITIES, LAMBDA_LOW = -160, LAMBDA_HIGH = 320 };

/* What updates of networks are like, where there is none yet: the square of the mean size, in the mean square. */
static const double usual_shape = 0.25;

struct choice {
    const struct fg_codec *codec;
    double density;
    double bytes, variance;
};

static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return (HEAD + LEAST) * fg_codec_layers(opts) + 2 * n;
}

/* An update of one kind all through: ternary where the bound lets it be sparse, else whole steps. */
static double expected_of(const struct fg_codec_opts *opts, size_t n, double variance)
{
    double head = (double)((HEAD + 9) * fg_codec_layers(opts));
    double sparse = usual_shape / (1.0 + variance);
    double bytes = variance >= 4.0    ? fg_ternary_bytes((double)n, sparse)
                   : variance >= 2.0  ? (double)n / 2.0
                   : variance >= 0.02 ? (double)n
                                      : 2.0 * (double)n;
    return head + bytes;
}

static double bound_of(const struct fg_codec_opts *opts)
{
    return opts->variance > 0.0 ? opts->variance : 1.0;
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

static double levels_variance(const struct fg_layer_view *v, double most)
{
    double step = v->largest / most, square = (double)v->n * step * step / 4.0, sum = step * v->sums.sum;
    return square < sum ? square : sum;
}

/* What can be made of a layer; those that cannot have infinite variance. */
static void consider(struct choice out[CHOICES], const struct fg_layer_view *v)
{
    double n = (double)v->n, shift = v->sums.square * 0x1p-22;
    out[0] = (struct choice){&fg_codec_fp16, 0.0, 2.0 * n, v->largest < 65504.0 ? shift : INFINITY};
    out[1] = (struct choice){&fg_codec_int8, 0.0, 4.0 + n, levels_variance(v, 127.0)};
    out[2] = (struct choice){&fg_codec_int4, 0.0, 4.0 + n / 2.0, levels_variance(v, 7.0)};
    for (int j = 0; j < DENSITIES; j++) {
        double density = ldexp(1.0, -j), s = (double)fg_ternary_scale(v, density, 0.0);
        double p = s > 0.0 && n > 0.0 ? v->sums.sum / (s * n) : 0.0;
        out[3 + j] = (struct choice){&fg_codec_ternary, density, 9.0 + fg_ternary_bytes(n, p < 1.0 ? p : 1.0),
                                     s > 0.0 ? s * v->sums.sum - v->sums.square : v->sums.square};
    }
}

/* Of what can be made of a layer, that of the least bytes + price variance, among those of at most so much variance. A layer
 * that is not finite stays so with any. */
static struct choice choose(const struct fg_layer_view *v, double price, double most)
{
    struct choice all[CHOICES], best = {&fg_codec_int8, 0.0, 0.0, 0.0};
    double least = INFINITY;
    if (!isfinite(v->largest)) {
        return best;
    }
    consider(all, v);
    for (int i = 0; i < CHOICES; i++) {
        double cost = all[i].bytes + price * all[i].variance;
        if (cost < least && all[i].variance <= most) {
            least = cost;
            best = all[i];
        }
    }
    return best;
}

static double price_of(int k, double square)
{
    static const double root[4] = {1.0, 0x1.306fe0a31b715p+0, 0x1.6a09e667f3bcdp+0, 0x1.ae89f995ad3adp+0};
    int whole = (k - LAMBDA_LOW) / 4 + LAMBDA_LOW / 4;
    return square > 0.0 ? ldexp(root[(k - LAMBDA_LOW) % 4], whole) / square : 0.0;
}

/* Choices at the least price that keeps the sum of variances within the bound (more never gives more variance); what that
 * leaves of the bound goes to the layers in their order. */
static void find(const struct fg_codec_ws *ws, struct choice *c, const struct fg_layer_view *v, size_t layers)
{
    double square = 0.0, most = ws->variance > 0.f ? (double)ws->variance : bound_of(&ws->opts), left = 0.0;
    for (size_t l = 0; l < layers; l++) {
        square += isfinite(v[l].largest) ? v[l].sums.square : 0.0;
    }
    int low = LAMBDA_LOW, high = LAMBDA_HIGH;
    while (low < high) {
        int middle = low + (high - low) / 2;
        double price = price_of(middle, square), sum = 0.0;
        for (size_t l = 0; l < layers; l++) {
            sum += choose(&v[l], price, INFINITY).variance;
        }
        if (sum <= most * square) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    for (size_t l = 0; l < layers; l++) {
        c[l] = choose(&v[l], price_of(high, square), INFINITY);
        left += c[l].variance;
    }
    left = most * square - left;
    for (size_t l = 0; l < layers && left > 0.0; l++) {
        left += c[l].variance;
        c[l] = choose(&v[l], 0.0, left);
        left -= c[l].variance;
    }
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
    struct fg_layer_view *view = fg_calloc(layers, sizeof *view);
    struct choice *choice = fg_calloc(layers, sizeof *choice);
    enum fg_status st = view != NULL && choice != NULL ? FG_OK : FG_E_NOMEM;
    if (st != FG_OK) {
        goto cleanup;
    }
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at);
        view[l] = fg_layer_see(fg_codec_coders(ws), x + at, m);
        at += m;
    }
    FG_ASSERT(at == n);
    find(ws, choice, view, layers);
    struct fg_packer head = {.p = out, .left = used};
    at = 0;
    for (size_t l = 0; l < layers && st == FG_OK; l++) {
        size_t m = view[l].n, took = 0;
        st = encode_layer(ws, &choice[l], out + used, cap - used, &took, x + at, m);
        fg_pack_le(&head, choice[l].codec->id, 1);
        fg_pack_le(&head, took, 4);
        used += took;
        at += m;
        ws->words = fg_noise_next(ws->words, m);
    }
    ws->words = 0;
    *len = used;
cleanup:
    fg_free(view);
    fg_free(choice);
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
    .encode = encode,
    .decode = decode,
};
