/* The reference kernels on a trial's memory; what has no kernel is written out as
 * kernels/device.h describes it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/isa.h"
#include "tests/gpu/trial.h"

#ifdef FG_REFERENCE_FMA
#define REFERENCE fg_kernels_reference_fma
#else
#define REFERENCE fg_kernels_reference
#endif

/* Operands in one lane's memory. */
struct at {
    const struct fg_kernels *k;
    const struct fg_op *o;
    float *x, *y, *w, *d, *aux;
    uint32_t n;
    size_t rows; /* of the batch */
    float a;     /* -lr */
};

static void expect_dense(const struct at *t)
{
    const struct fg_op *o = t->o;
    bool update = (o->flags & FG_OP_UPDATE) != 0;
    switch (o->kind) {
    case FG_OP_DENSE:
        if ((o->flags & FG_OP_ONTO) != 0) {
            t->k->dense_accumulate(t->x, o->ldx, t->w, t->y, t->rows, o->in, o->np);
        } else {
            t->k->dense_forward(t->x, o->ldx, t->w, (o->flags & FG_OP_BIAS) != 0 ? t->aux : NULL, t->y,
                                t->rows, o->in, o->np);
        }
        break;
    case FG_OP_DENSE_DX:
        t->k->dense_backward_input(t->d, t->w, t->y, o->ldy, t->rows, o->in, o->np, o->out);
        break;
    case FG_OP_DENSE_DW:
        if (update) {
            t->k->dense_sgd(t->x, o->ldx, t->d, t->a, t->y, t->rows, o->in, o->np);
        } else {
            t->k->dense_backward_weights(t->x, o->ldx, t->d, t->y, t->rows, o->in, o->np);
        }
        break;
    default: /* FG_OP_COLUMN_SUM */
        if (update) {
            t->k->column_sum_sgd(t->d, t->rows, o->np, t->a, t->y);
        } else {
            t->k->column_sum(t->d, t->rows, o->np, t->y);
        }
    }
}

static void *some(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (p == NULL) {
        abort();
    }
    return p;
}

static struct fg_dropout dropout_of(const struct fg_op *o, const struct fg_lane *lane)
{
    struct fg_dropout m = {.key = {(uint32_t)lane->seed, (uint32_t)(lane->seed >> 32)},
                           .threshold = o->threshold,
                           .scale = o->f};
    fg_rng_counter(m.ctr, FG_RNG_DROPOUT, lane->shard, lane->number, (uint64_t)o->number << 28); /* step 0 */
    return m;
}

/* What a relu before or dropout behind takes has no place. */
static void expect_pool(const struct at *t, const struct fg_pool *p, const struct fg_lane *lane)
{
    const struct fg_dropout m = dropout_of(t->o, lane);
    size_t n = t->n * p->oh * p->ow * p->cs;
    uint8_t *place = (uint8_t *)t->d;
    float *kept = some(n, sizeof *kept);
    t->k->maxpool_forward(p, t->x, t->y, place);
    for (size_t i = 0; i < n; i++) {
        place[i] = (t->o->flags & FG_OP_MASK) != 0 && !(t->y[i] > 0.0f) ? NO_PLACE : place[i];
        kept[i] = 1.0f;
    }
    if ((t->o->flags & FG_OP_DROP) != 0) {
        t->k->dropout(&m, t->y, t->y, n);
        t->k->dropout(&m, kept, kept, n);
    }
    for (size_t i = 0; i < n; i++) {
        place[i] = kept[i] > 0.0f ? place[i] : NO_PLACE;
    }
    free(kept);
}

static void expect_pool_dx(const struct at *t, const struct fg_pool *p)
{
    size_t n = t->n * p->oh * p->ow * p->cs;
    uint8_t *place = some(n, 1);
    float *d = some(n, sizeof *d);
    for (size_t i = 0; i < n; i++) {
        place[i] = ((const uint8_t *)t->d)[i];
        d[i] = place[i] == NO_PLACE ? 0.0f : t->x[i] * t->o->f;
        place[i] = place[i] == NO_PLACE ? 0 : place[i];
    }
    t->k->maxpool_backward(p, d, place, t->y);
    free(place);
    free(d);
}

static void expect_window(const struct at *t, const struct fg_lane *lane)
{
    const struct fg_op *o = t->o;
    const struct fg_window *s = &o->win;
    const struct fg_conv c = {t->n,      s->h,  s->w,  s->cs, s->cin,  s->k, s->k,
                              s->stride, s->oh, s->ow, s->np, s->cout, NULL};
    const struct fg_pool p = {t->n, s->h, s->w, s->cs, s->k, s->stride, s->oh, s->ow};
    switch (o->kind) {
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
        t->k->conv_forward(&c, t->x, t->w, (o->flags & FG_OP_BIAS) != 0 ? t->aux : NULL, t->y);
        break;
    case FG_OP_CONV_DW:
        if ((o->flags & FG_OP_UPDATE) != 0) {
            t->k->conv_sgd(&c, t->x, t->d, t->a, t->y);
        } else {
            t->k->conv_backward_weights(&c, t->x, t->d, t->y);
        }
        break;
    case FG_OP_CONV_FLIP:
        t->k->conv_flip(t->w, s->k, s->k, o->in, o->np, o->out, t->y);
        break;
    case FG_OP_IMAGE_PAD:
        t->k->image_pad(t->x, t->n, s->h, s->w, s->cs, t->y, o->dh, o->dw, o->top, o->left, o->dilate);
        break;
    case FG_OP_POOL:
        expect_pool(t, &p, lane);
        break;
    default: /* FG_OP_POOL_DX */
        expect_pool_dx(t, &p);
    }
}

static void expect_pack(const struct at *t)
{
    const struct fg_op *o = t->o;
    bool pack = o->kind == FG_OP_PACK;
    memset(t->y, 0, sizeof(float) * t->n * (pack ? 1 : o->rows) * o->ldy);
    for (size_t b = 0; b < t->n; b++) {
        for (size_t p = 0; p < o->rows; p++) {
            for (size_t c = 0; c < o->in; c++) {
                if (pack) {
                    t->y[b * o->ldy + p * o->in + c] = t->x[(b * o->rows + p) * o->ldx + c];
                } else {
                    t->y[(b * o->rows + p) * o->ldy + c] = t->x[b * o->ldx + p * o->in + c];
                }
            }
        }
    }
}

static void expect_element(const struct at *t, const struct fg_lane *lane)
{
    const struct fg_op *o = t->o;
    const struct fg_dropout m = dropout_of(o, lane);
    switch (o->kind) {
    case FG_OP_RELU:
        t->k->relu_forward(t->x, t->y, t->rows);
        break;
    case FG_OP_RELU_DX:
        t->k->relu_backward(t->x, t->d, t->y, t->rows);
        break;
    case FG_OP_TANH:
        t->k->tanh_forward(t->x, t->y, t->rows);
        break;
    case FG_OP_TANH_DX:
        t->k->tanh_backward(t->x, t->d, t->y, t->rows);
        break;
    case FG_OP_ADD:
        t->k->axpy(1.0f, t->x, t->y, t->rows);
        break;
    case FG_OP_COPY:
        memmove(t->y, t->x, t->rows * sizeof *t->y);
        break;
    case FG_OP_ZERO:
        memset(t->y, 0, t->rows * sizeof *t->y);
        break;
    default: /* FG_OP_DROPOUT */
        t->k->dropout(&m, t->x, t->y, t->rows);
    }
}

static void expect_loss(const struct at *t, struct fg_lane *lane)
{
    const struct fg_op *o = t->o;
    const int32_t *label = (const int32_t *)t->d;
    int32_t best[4 * TRIAL_MOST], *right = (int32_t *)t->y;
    float scale = 1.0f / (float)t->rows;
    switch (o->kind) {
    case FG_OP_LOSS:
        t->k->softmax_xent(t->x, label, t->rows, o->out, o->np, scale, t->y, t->w, NULL);
        break;
    case FG_OP_SCORE:
        t->k->softmax_xent(t->x, label, t->rows, o->out, o->np, scale, NULL, t->w, best);
        for (size_t r = 0; r < t->rows; r++) {
            right[r] = best[r] == label[r];
        }
        break;
    case FG_OP_LOSS_SUM:
        lane->loss = 0;
        for (size_t r = 0; r < t->rows; r++) {
            lane->loss += (double)t->w[r];
        }
        break;
    default: /* FG_OP_SCORE_SUM: a sample's positions lie n apart */
        for (size_t b = 0; b < t->n; b++) {
            lane->score_loss[b] = 0;
            lane->score_right[b] = 0;
            for (size_t r = b; r < t->rows; r += t->n) {
                lane->score_loss[b] += (double)t->w[r];
                lane->score_right[b] += (uint32_t)right[r];
            }
        }
    }
}

static void expect_embed(const struct trial *trial, const struct at *t)
{
    const struct fg_op *o = t->o;
    static float g[32 * 32];
    int32_t index[8 * TRIAL_MOST];
    for (size_t r = 0; r < t->rows; r++) {
        index[r] = (int32_t)t->x[r % t->n * o->rows + r / t->n];
    }
    if (o->kind == FG_OP_EMBED) {
        t->k->gather(t->w, index, t->rows, o->np, t->y);
        return;
    }
    memset(g, 0, sizeof g);
    t->k->scatter_add(t->d, index, t->rows, o->np, g);
    if ((o->flags & FG_OP_UPDATE) != 0) {
        t->k->axpy(t->a, g, t->y, (size_t)trial->codes * o->np);
    } else {
        memcpy(t->y, g, sizeof *g * trial->codes * o->np);
    }
}

static void expect_vector(const struct at *t)
{
    const struct fg_op *o = t->o;
    double s[16] = {0}, norm = 0;
    switch (o->kind) {
    case FG_OP_ADD_PART:
        t->k->axpy(1.0f, t->x, t->y, o->in);
        break;
    case FG_OP_PROX:
        t->k->prox(o->f, t->x, t->w, t->y, o->in);
        break;
    case FG_OP_SQUARES:
        for (size_t i = 0; i < o->in; i++) {
            s[i % 16] += (double)t->x[i] * (double)t->x[i];
        }
        memcpy(t->w, s, sizeof s);
        break;
    case FG_OP_CLIP:
        memcpy(s, t->w, sizeof s);
        for (size_t i = 0; i < 16; i++) {
            norm += s[i];
        }
        norm = sqrt(norm);
        if (norm > (double)o->f) {
            t->k->scale((float)((double)o->f / norm), t->y, t->y, o->in);
        }
        break;
    case FG_OP_MOMENTUM:
        t->k->sgd_momentum(t->a, o->f, o->g, t->x, t->d, t->y, o->in);
        break;
    case FG_OP_DECAY:
        t->k->sgd_decay(t->a, o->g, t->x, t->y, o->in);
        break;
    default: /* FG_OP_STEP */
        t->k->axpy(t->a, t->x, t->y, o->in);
    }
}

static void expect_load(const struct trial *trial, const struct at *t, const struct fg_lane *lane)
{
    const struct fg_op *o = t->o;
    const struct fg_device_data *data = &trial->data;
    static const float one[4] = {1, 1, 1, 1}, none[4] = {0};
    int32_t *target = (int32_t *)t->d;
    for (size_t b = 0; b < t->n; b++) {
        size_t from = (size_t)lane->order[b] * data->width;
        float *y = t->y + b * o->ldy;
        memset(y, 0, o->ldy * sizeof *y);
        if (data->bytes) {
            t->k->from_bytes((const uint8_t *)data->x + from, data->raw ? one : data->scale,
                             data->raw ? none : data->shift, data->channels, y, data->width);
        } else {
            for (size_t i = 0; i < data->width; i++) {
                float v = ((const float *)data->x)[from + i];
                y[i] =
                    data->raw ? v : fmaf(data->scale[i % data->channels], v, data->shift[i % data->channels]);
            }
        }
        for (size_t s = 0; s < data->label_width; s++) {
            target[s * t->n + b] = data->y[(size_t)lane->order[b] * data->label_width + s];
        }
    }
}

/* The relu that an operation does on the way. */
static void expect_rectified(const struct at *t)
{
    const struct fg_op *o = t->o;
    const struct fg_window *s = &o->win;
    size_t n = o->kind == FG_OP_DENSE      ? t->rows * o->np
               : o->kind == FG_OP_DENSE_DX ? t->rows * o->ldy
                                           : t->n * s->oh * s->ow * s->np;
    if ((o->flags & FG_OP_RECTIFY) != 0) {
        t->k->relu_forward(t->y, t->y, n);
    }
    if ((o->flags & FG_OP_MASK) != 0 && o->kind != FG_OP_POOL) {
        t->k->relu_backward(t->aux, t->y, t->y, n);
    }
}

void trial_expect(const struct trial *trial, float *memory, struct fg_lane *lane)
{
    const struct fg_op *o = &trial->op;
    const struct at t = {.k = &REFERENCE,
                         .o = o,
                         .x = memory + o->x.at,
                         .y = memory + o->y.at,
                         .w = memory + o->w.at,
                         .d = memory + o->d.at,
                         .aux = memory + o->aux.at,
                         .n = lane->n,
                         .rows = (size_t)o->rows * lane->n,
                         .a = -lane->lr};
    switch (o->kind) {
    case FG_OP_LOAD:
        expect_load(trial, &t, lane);
        break;
    case FG_OP_DENSE:
    case FG_OP_DENSE_DX:
    case FG_OP_DENSE_DW:
    case FG_OP_COLUMN_SUM:
        expect_dense(&t);
        break;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
    case FG_OP_CONV_DW:
    case FG_OP_CONV_FLIP:
    case FG_OP_IMAGE_PAD:
    case FG_OP_POOL:
    case FG_OP_POOL_DX:
        expect_window(&t, lane);
        break;
    case FG_OP_PACK:
    case FG_OP_UNPACK:
        expect_pack(&t);
        break;
    case FG_OP_LOSS:
    case FG_OP_SCORE:
    case FG_OP_LOSS_SUM:
    case FG_OP_SCORE_SUM:
        expect_loss(&t, lane);
        break;
    case FG_OP_EMBED:
    case FG_OP_EMBED_DW:
        expect_embed(trial, &t);
        break;
    case FG_OP_LSTM:
        t.k->lstm_forward(t.x, t.d, t.aux, t.w, t.y, t.n, o->np);
        break;
    case FG_OP_LSTM_DX:
        t.k->lstm_backward(t.x, t.aux, t.w, t.d, t.y, t.x, t.n, o->np);
        break;
    default:
        if (o->kind >= FG_OP_ADD_PART) {
            expect_vector(&t);
        } else {
            expect_element(&t, lane);
        }
    }
    expect_rectified(&t);
}

void trial_expect_beside(const struct trial *trial, float *memory, const float *before,
                         enum fg_arithmetic mode, struct fg_lane *lane)
{
    const struct fg_op *o = &trial->op;
    struct trial beside = {.floats = trial->floats};
    if (!trial_beside(trial, &beside.op)) {
        return;
    }
    if (beside.op.kind != FG_OP_DENSE_DW) {
        trial_expect(&beside, memory, lane);
        return;
    }
    size_t n = (size_t)o->in * o->np;
    float *w = malloc(n * sizeof *w);
    if (w == NULL) {
        abort();
    }
    trial_round(trial, memory, mode);
    memcpy(memory + o->w.at, before + o->w.at, n * sizeof *w);
    trial_expect(&beside, memory, lane);
    memcpy(w, memory + o->w.at, n * sizeof *w);
    trial_unround(trial, memory, before, mode);
    memcpy(memory + o->w.at, w, n * sizeof *w);
    free(w);
}
