#include "src/wire/down.h"

#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/wire/pack.h"

enum { LANES = 8 };

struct step {
    uint64_t len, end; /* bytes; of all steps up to this one */
    uint64_t hash;
    uint8_t *bytes; /* NULL: before a load, or nothing is learned */
};

struct fg_down {
    struct fg_down_config cfg;
    struct fg_codec_ws ws;
    uint64_t version, end;
    float *model;           /* (P) NULL: nothing is learned */
    float *error, *decoded; /* (P) scratch */
    float *nothing;         /* (state) for codecs of which a client would keep something */
    uint8_t *bytes;         /* (bound) scratch */
    size_t bound;           /* of a step */
    struct step *step;      /* (n) to versions version - n + 1 .. version */
    size_t n, cap;
};

static uint64_t whole(const struct fg_down *d)
{
    return (uint64_t)d->cfg.params * sizeof(float);
}

/* ---- a step ---- */

static void key(struct fg_codec_ws *ws, uint64_t version)
{
    ws->shard = UINT32_MAX;
    ws->number = (uint32_t)version;
}

/* How far to go along d towards e: where |e - g d| is least, within 0 and 2. */
static float nearest(const float *e, const float *d, size_t n)
{
    double both[LANES] = {0}, square[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        both[i % LANES] += (double)e[i] * (double)d[i];
        square[i % LANES] += (double)d[i] * (double)d[i];
    }
    for (size_t k = 1; k < LANES; k++) {
        both[0] += both[k];
        square[0] += square[k];
    }
    double g = square[0] > 0.0 ? both[0] / square[0] : 1.0;
    return g < 0.0 ? 0.f : g > 2.0 ? 2.f : (float)g; /* a NaN stays one */
}

/* q += g d, layer by layer; g as little-endian floats. */
static void go(const struct fg_codec_opts *opts, float *q, const float *d, size_t n, const uint8_t *g)
{
    struct fg_reader r = fg_reader_of(g, 4 * fg_codec_layers(opts));
    for (size_t l = 0, at = 0; l < fg_codec_layers(opts); l++) {
        size_t m = fg_codec_layer(opts, l, n);
        float length;
        fg_get_f32s(&r, &length, 1);
        for (size_t i = at; i < at + m; i++) {
            q[i] = q[i] + length * d[i];
        }
        at += m;
    }
}

enum fg_status fg_down_apply(struct fg_codec_ws *ws, const struct fg_codec *codec, uint64_t version, float *q,
                             float *scratch, size_t n, const uint8_t *bytes, size_t len)
{
    size_t head = 4 * fg_codec_layers(&ws->opts);
    if (len < head) {
        return FG_E_CORRUPT;
    }
    key(ws, version);
    enum fg_status st = codec->decode(ws, scratch, n, bytes + head, len - head);
    if (st == FG_OK) {
        go(&ws->opts, q, scratch, n, bytes);
    }
    return st;
}

uint64_t fg_down_hash(const float *q, size_t n)
{
    return fg_xxh64(q, n * sizeof *q);
}

/* The step towards x into d->bytes; the model takes it. */
static enum fg_status make_step(struct fg_down *d, const float *x, size_t *len)
{
    const struct fg_codec_opts *opts = &d->cfg.coding;
    size_t n = d->cfg.params, layers = fg_codec_layers(opts), head = 4 * layers, at = 0;
    struct fg_packer w = {.p = d->bytes, .left = head};
    for (size_t i = 0; i < n; i++) {
        d->error[i] = x[i] - d->model[i];
    }
    key(&d->ws, d->version + 1);
    if (d->nothing != NULL) {
        memset(d->nothing, 0, fg_codec_state(d->cfg.codec, opts, n) * sizeof *d->nothing);
    }
    enum fg_status st = d->cfg.codec->encode(&d->ws, d->bytes + head, d->bound - head, len, d->error, n);
    if (st == FG_OK) {
        st = d->cfg.codec->decode(&d->ws, d->decoded, n, d->bytes + head, *len);
    }
    for (size_t l = 0; st == FG_OK && l < layers; l++) {
        size_t m = fg_codec_layer(opts, l, n);
        fg_pack_f32(&w, nearest(d->error + at, d->decoded + at, m));
        at += m;
    }
    if (st == FG_OK) {
        *len += head;
        go(opts, d->model, d->decoded, n, d->bytes);
    }
    return st;
}

/* A chain that is no shorter than the model is of no use: its first steps go. */
static void forget(struct fg_down *d)
{
    size_t gone = 0;
    while (gone < d->n && d->end - d->step[gone].end + d->step[gone].len >= whole(d)) {
        fg_free(d->step[gone++].bytes);
    }
    d->n -= gone;
    if (d->n > 0) {
        memmove(d->step, d->step + gone, d->n * sizeof *d->step);
    }
}

enum fg_status fg_down_advance(struct fg_down *d, const float *x)
{
    size_t len = 0;
    enum fg_status st = FG_GROW(d->step, d->n, d->cap);
    uint8_t *copy = NULL;
    if (st == FG_OK && d->model == NULL) {
        len = d->cfg.codec->expected(&d->cfg.coding, d->cfg.params) + 4 * fg_codec_layers(&d->cfg.coding);
    } else if (st == FG_OK) {
        st = make_step(d, x, &len);
        copy = st == FG_OK ? fg_calloc(len, 1) : NULL;
        st = st == FG_OK && copy == NULL ? FG_E_NOMEM : st;
    }
    if (st != FG_OK) {
        return st;
    }
    if (copy != NULL) {
        memcpy(copy, d->bytes, len);
    }
    d->end += len;
    d->version++;
    d->step[d->n++] = (struct step){.len = len,
                                    .end = d->end,
                                    .hash = d->model != NULL ? fg_down_hash(d->model, d->cfg.params) : 0,
                                    .bytes = copy};
    forget(d);
    return FG_OK;
}

/* ---- looking in ---- */

const float *fg_down_model(const struct fg_down *d)
{
    return d->model;
}

const struct fg_codec *fg_down_codec(const struct fg_down *d)
{
    return d->cfg.codec;
}

uint64_t fg_down_due(const struct fg_down *d, uint64_t from)
{
    if (from >= d->version) {
        return 0;
    }
    uint64_t missed = d->version - from;
    if (missed > d->n) {
        return whole(d);
    }
    const struct step *first = &d->step[d->n - missed];
    return d->end - first->end + first->len;
}

bool fg_down_step(const struct fg_down *d, uint64_t version, struct fg_down_step *out)
{
    uint64_t back = d->version - version;
    if (version > d->version || back >= d->n || d->step[d->n - 1 - back].bytes == NULL) {
        return false;
    }
    const struct step *s = &d->step[d->n - 1 - back];
    *out = (struct fg_down_step){.bytes = s->bytes, .len = (size_t)s->len, .hash = s->hash};
    return true;
}

/* ---- life ---- */

enum fg_status fg_down_create(struct fg_down **out, const struct fg_down_config *cfg, const float *x)
{
    struct fg_down *d = fg_calloc(1, sizeof *d);
    size_t n = cfg->params;
    if (d == NULL) {
        return FG_E_NOMEM;
    }
    d->cfg = *cfg;
    d->ws.opts = cfg->coding;
    d->bound = 4 * fg_codec_layers(&cfg->coding) + cfg->codec->bound(&cfg->coding, n);
    if (x != NULL) {
        d->model = fg_calloc_aligned(n, sizeof *d->model);
        d->error = fg_calloc_aligned(n, sizeof *d->error);
        d->decoded = fg_calloc_aligned(n, sizeof *d->decoded);
        d->bytes = fg_calloc(d->bound, 1);
        bool keeps = cfg->codec->clients_keep_state != 0;
        d->nothing =
            keeps ? fg_calloc_aligned(fg_codec_state(cfg->codec, &cfg->coding, n), sizeof *d->nothing) : NULL;
        d->ws.kept = d->nothing;
        if (d->model == NULL || d->error == NULL || d->decoded == NULL || d->bytes == NULL ||
            (keeps && d->nothing == NULL)) {
            fg_down_destroy(d);
            return FG_E_NOMEM;
        }
        memcpy(d->model, x, n * sizeof *x);
    }
    *out = d;
    return FG_OK;
}

void fg_down_destroy(struct fg_down *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->n; i++) {
        fg_free(d->step[i].bytes);
    }
    fg_codec_ws_fini(&d->ws);
    fg_free(d->step);
    fg_free(d->model);
    fg_free(d->error);
    fg_free(d->decoded);
    fg_free(d->nothing);
    fg_free(d->bytes);
    fg_free(d);
}

enum fg_status fg_down_save(const struct fg_down *d, struct fg_str *out)
{
    enum fg_status st;
    if (d->model != NULL) {
        FG_TRY(fg_put_f32s(out, d->model, d->cfg.params));
    }
    FG_TRY(fg_put_u64(out, d->n));
    for (size_t i = 0; i < d->n; i++) {
        FG_TRY(fg_put_u64(out, d->step[i].len));
    }
    st = FG_OK;
cleanup:
    return st;
}

enum fg_status fg_down_load(struct fg_down *d, uint64_t version, struct fg_reader *in)
{
    FG_ASSERT(d->version == 0 && d->n == 0);
    if (d->model != NULL) {
        fg_get_f32s(in, d->model, d->cfg.params);
    }
    uint64_t n = fg_get_u64(in);
    in->bad = in->bad || n > version;
    for (uint64_t i = 0; i < n && !in->bad; i++) {
        uint64_t len = fg_get_u64(in);
        in->bad = in->bad || len > d->bound;
        enum fg_status st = FG_GROW(d->step, d->n, d->cap);
        if (st != FG_OK) {
            return st;
        }
        d->end += in->bad ? 0 : len;
        d->step[d->n++] = (struct step){.len = in->bad ? 0 : len, .end = d->end};
    }
    d->version = version;
    return FG_OK;
}
