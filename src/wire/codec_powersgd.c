/* Each matrix as the product of two of few columns: one step of power iteration from where the client's
 * last update came to, and what it leaves over is kept for the next one (error feedback).
 *
 *   M = X + kept;   P = orthonormal(M Q);   Q = M' P;   sent = P Q';   kept = M - sent
 *
 * Of a matrix of a rows and b columns r (a + b) floats are sent, r = rank; vectors, and matrices of
 * which that would be more than they are, go as they are. Bytes: layer by layer f32 P (r, a), f32 Q (r,
 * b), or f32 of the values. Clients keep n floats and after them the Q of each matrix; where that is 0
 * its place is taken by uniform numbers of the task's stream.
 *
 * Source: Vogels, Karimireddy, Jaggi, NeurIPS 2019 (PowerSGD), algorithms 1 and 2; differs: each client
 * has P and Q of its own, where all workers of the paper share them by two sums over all
 * (doc/algorithms/codecs.md).
 *
 */
#include <math.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/feedback.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"

enum { LANES = 16 };

/* A layer as a matrix (a, b), row by row; rank 0: sent as it is. */
struct shape {
    size_t a, b, rank;
};

static struct shape shape_of(const struct fg_codec_opts *opts, size_t l, size_t n)
{
    size_t size = fg_codec_layer(opts, l, n), rows = opts->rows != NULL ? opts->rows[l] : 1;
    size_t rank = opts->rank > 0 ? opts->rank : FG_CODEC_RANK_DEFAULT;
    struct shape s = {.a = rows > 0 ? rows : 1};
    s.b = size / s.a;
    s.rank = s.a * s.b == size && rank * (s.a + s.b) < size ? rank : 0;
    return s;
}

static size_t bytes_of(const struct fg_codec_opts *opts, size_t n)
{
    size_t floats = 0;
    for (size_t l = 0; l < fg_codec_layers(opts); l++) {
        struct shape s = shape_of(opts, l, n);
        floats += s.rank > 0 ? s.rank * (s.a + s.b) : fg_codec_layer(opts, l, n);
    }
    return 4 * floats;
}

static size_t state_of(const struct fg_codec_opts *opts, size_t n)
{
    size_t floats = n;
    for (size_t l = 0; l < fg_codec_layers(opts); l++) {
        struct shape s = shape_of(opts, l, n);
        floats += s.rank * s.b;
    }
    return floats;
}

/* How far updates are from so few columns is not known. The best r columns have at least r / min(a, b)
 * of a matrix's square; one step of power iteration is taken to find them, and all that is kept to be
 * in the worst of the matrices. */
static double sent_least(const struct fg_codec_opts *opts, size_t n, double updates)
{
    double least = 1.0;
    for (size_t l = 0; l < fg_codec_layers(opts); l++) {
        struct shape s = shape_of(opts, l, n);
        double share = s.rank > 0 ? (double)s.rank / (double)(s.a < s.b ? s.a : s.b) : 1.0;
        least = share < least ? share : least;
    }
    return fg_feedback_least(least, updates);
}

/* ---- products; sums over 16 lanes by place, then these in order ---- */

static float dot(const float *x, const float *y, size_t n)
{
    float sum[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            sum[k] += x[i + k] * y[i + k];
        }
    }
    for (size_t k = 0; i < n; i++, k++) {
        sum[k] += x[i] * y[i];
    }
    for (size_t k = 1; k < LANES; k++) {
        sum[0] += sum[k];
    }
    return sum[0];
}

/* y += f x */
static void add(float *y, const float *x, float f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] += f * x[i];
    }
}

/* The columns of P (r, a) become orthonormal, one after another;
 * one that is nothing but the others becomes 0. */
static void orthonormal(float *p, size_t r, size_t a)
{
    for (size_t k = 0; k < r; k++) {
        float *column = p + k * a;
        double before = 0.0, after = 0.0;
        for (size_t i = 0; i < a; i++) {
            before += (double)column[i] * (double)column[i];
        }
        for (size_t twice = 0; twice < 2; twice++) { /* the second time for what rounding left */
            for (size_t l = 0; l < k; l++) {
                add(column, p + l * a, -dot(column, p + l * a, a), a);
            }
        }
        for (size_t i = 0; i < a; i++) {
            after += (double)column[i] * (double)column[i];
        }
        double scale = after > 1e-10 * before ? 1.0 / sqrt(after) : after == after ? 0.0 : NAN;
        for (size_t i = 0; i < a; i++) {
            column[i] = (float)((double)column[i] * scale);
        }
    }
}

/* Row i of P Q'. */
static void product_row(const struct shape *s, const float *p, const float *q, size_t i, float *row)
{
    memset(row, 0, s->b * sizeof *row);
    for (size_t k = 0; k < s->rank; k++) {
        add(row, q + k * s->b, p[k * s->a + i], s->b);
    }
}

/* ---- a layer ---- */

static void begin(const struct fg_coders *c, const struct fg_coder_stream *stream, uint64_t at, float *q,
                  size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n && !any; i++) {
        any = q[i] != 0.f;
    }
    for (size_t i = 0; i < n && !any; i += FG_CODER_WORDS) {
        uint32_t word[FG_CODER_WORDS];
        c->words(stream, at + i, word);
        for (size_t k = 0; k < FG_CODER_WORDS && i + k < n; k++) {
            q[i + k] = (float)(word[k] >> 8) * 0x1p-24f - 0.5f;
        }
    }
}

/* M (a, b) becomes what is kept, q (r, b) what was sent with p (r, a); row (b) is scratch. */
static void factor(const struct shape *s, float *m, float *p, float *q, float *row)
{
    for (size_t i = 0; i < s->a; i++) {
        for (size_t k = 0; k < s->rank; k++) {
            p[k * s->a + i] = dot(m + i * s->b, q + k * s->b, s->b);
        }
    }
    orthonormal(p, s->rank, s->a);
    memset(q, 0, s->rank * s->b * sizeof *q);
    for (size_t i = 0; i < s->a; i++) {
        for (size_t k = 0; k < s->rank; k++) {
            add(q + k * s->b, m + i * s->b, p[k * s->a + i], s->b);
        }
    }
    for (size_t i = 0; i < s->a; i++) {
        product_row(s, p, q, i, row);
        add(m + i * s->b, row, -1.f, s->b);
    }
}

static size_t scratch_of(const struct fg_codec_opts *opts, size_t n)
{
    size_t most = 0;
    for (size_t l = 0; l < fg_codec_layers(opts); l++) {
        struct shape s = shape_of(opts, l, n);
        size_t floats = s.rank * (s.a + s.b) + s.b;
        most = floats > most ? floats : most;
    }
    return most * sizeof(float);
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    const struct fg_coders *c = fg_codec_coders(ws);
    struct fg_coder_stream stream = fg_noise_stream(ws);
    size_t at = 0;
    uint64_t words = ws->words;
    *len = bytes_of(&ws->opts, n);
    FG_ASSERT(cap >= *len && ws->kept != NULL);
    enum fg_status st = fg_codec_ws_reserve(ws, scratch_of(&ws->opts, n));
    if (st != FG_OK) {
        return st;
    }
    float *p = (float *)(void *)ws->buf, *q = ws->kept + n;
    struct fg_packer w = {.p = out, .left = *len};
    add(ws->kept, x, 1.f, n);
    for (size_t l = 0; l < fg_codec_layers(&ws->opts); l++) {
        struct shape s = shape_of(&ws->opts, l, n);
        size_t m = fg_codec_layer(&ws->opts, l, n);
        FG_ASSERT(m <= n - at);
        if (s.rank > 0) {
            begin(c, &stream, words, q, s.rank * s.b);
            factor(&s, ws->kept + at, p, q, p + s.rank * s.a);
            fg_pack_f32s(&w, p, s.rank * s.a);
            fg_pack_f32s(&w, q, s.rank * s.b);
            words = fg_noise_next(words, s.rank * s.b);
            q += s.rank * s.b;
        } else {
            fg_pack_f32s(&w, ws->kept + at, m);
            memset(ws->kept + at, 0, m * sizeof *x);
        }
        at += m;
    }
    FG_ASSERT(at == n);
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    if (len != bytes_of(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    enum fg_status st = fg_codec_ws_reserve(ws, scratch_of(&ws->opts, n));
    if (st != FG_OK) {
        return st;
    }
    float *p = (float *)(void *)ws->buf;
    struct fg_reader r = fg_reader_of(bytes, len);
    size_t at = 0;
    for (size_t l = 0; l < fg_codec_layers(&ws->opts); l++) {
        struct shape s = shape_of(&ws->opts, l, n);
        size_t m = fg_codec_layer(&ws->opts, l, n);
        if (s.rank == 0) {
            fg_get_f32s(&r, x + at, m);
        } else {
            fg_get_f32s(&r, p, s.rank * (s.a + s.b));
        }
        for (size_t i = 0; s.rank > 0 && i < s.a; i++) {
            product_row(&s, p, p + s.rank * s.a, i, x + at + i * s.b);
        }
        at += m;
    }
    return FG_OK;
}

const struct fg_codec fg_codec_powersgd = {
    .name = "powersgd",
    .doc =
        "matrices as products of two of wire.rank columns, the rest kept by the client for its next update",
    .id = 13,
    .clients_keep_state = 1,
    .state = state_of,
    .bound = bytes_of,
    .expected = bytes_of,
    .sent_least = sent_least,
    .encode = encode,
    .decode = decode,
};
