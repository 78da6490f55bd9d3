#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "tests/gpu/trial.h"

static const char *const names[FG_OP_KINDS] = {
    "load",      "dense",    "dense_dx",  "dense_dw", "column_sum", "conv", "conv_back", "conv_pool",
    "conv_flip", "conv_dw",  "image_pad", "pool",     "pool_dx",    "pack", "unpack",    "relu",
    "relu_dx",   "tanh",     "tanh_dx",   "add",      "copy",       "zero", "dropout",   "loss",
    "score",     "loss_sum", "score_sum", "embed",    "embed_dw",   "lstm", "lstm_dx",   "add_part",
    "prox",      "squares",  "clip",      "momentum", "decay",      "step",
};

const char *trial_name(enum fg_op_kind kind)
{
    return names[kind];
}

static uint32_t from_to(struct fg_rng *r, uint32_t least, uint32_t most)
{
    return least + fg_rng_below(r, most - least + 1);
}

static uint32_t pad(size_t n)
{
    return (uint32_t)fg_kernel_pad(n);
}

static struct fg_ref give(struct trial *t, size_t floats)
{
    struct fg_ref r = {FG_SPACE_LANE, (uint32_t)t->floats, 0};
    t->floats += fg_kernel_pad(floats > 0 ? floats : 1);
    return r;
}

static void draw_dense(struct trial *t, uint32_t most, struct fg_rng *r)
{
    static const uint32_t how[] = {0, FG_OP_BIAS, FG_OP_ONTO};
    struct fg_op *o = &t->op;
    o->rows = from_to(r, 1, 3);
    o->in = from_to(r, 1, 70);
    o->out = from_to(r, 1, 40);
    o->np = pad(o->out);
    if (o->kind == FG_OP_DENSE_DX && o->rows * most <= FG_WEIGHTS_ROWS && fg_rng_below(r, 2) == 0) {
        o->flags = FG_OP_WEIGHTS;
        o->out = o->np = 16 * from_to(r, 1, 9);
    }
    o->ldx = pad(o->in) + 16 * from_to(r, 0, 1);
    o->ldy = pad(o->in);
    o->flags |= o->kind == FG_OP_DENSE ? how[fg_rng_below(r, 3)] : fg_rng_below(r, 2) * FG_OP_UPDATE;
    size_t rows = (size_t)o->rows * most;
    o->flags |= o->kind == FG_OP_DENSE      ? fg_rng_below(r, 2) * FG_OP_RECTIFY
                : o->kind == FG_OP_DENSE_DX ? fg_rng_below(r, 2) * FG_OP_MASK
                                            : 0;
    o->flags |= o->kind == FG_OP_DENSE_DW ? fg_rng_below(r, 2) * FG_OP_SUMS : 0;
    o->x = give(t, rows * o->ldx);
    o->w = give(t, (size_t)o->in * o->np);
    o->aux = give(t, (o->flags & FG_OP_MASK) != 0 ? rows * o->ldy : o->np);
    o->d = give(t, rows * o->np);
    o->y = give(t, o->kind == FG_OP_DENSE      ? rows * o->np
                   : o->kind == FG_OP_DENSE_DX ? rows * o->ldy
                                               : (size_t)o->in * o->np);
}

/* A relu before it, dropout behind it. */
static void draw_pool(struct fg_op *o, struct fg_rng *r)
{
    o->flags = fg_rng_below(r, 2) * FG_OP_MASK | fg_rng_below(r, 2) * FG_OP_DROP;
    o->flags = o->kind == FG_OP_POOL ? o->flags : 0;
    o->number = from_to(r, 0, 5);
    o->threshold = fg_rng_u32(r);
    o->f = fg_rng_below(r, 2) == 0 ? 1.0f : 1.3f;
}

/* A convolution and the pooling of what it gives. */
static void draw_conv_pool(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op, *p = &t->pool;
    struct fg_window *s = &o->win;
    s->k = from_to(r, 1, 3);
    s->h = from_to(r, s->k + 3, 12);
    s->w = from_to(r, s->k + 3, 12);
    s->stride = from_to(r, 1, 2);
    s->cin = from_to(r, 1, 20);
    s->cs = s->cin + from_to(r, 0, 3);
    s->oh = (s->h - s->k) / s->stride + 1;
    s->ow = (s->w - s->k) / s->stride + 1;
    s->np = pad(s->cout = from_to(r, 1, 80));
    o->flags = FG_OP_BIAS | fg_rng_below(r, 2) * FG_OP_RECTIFY;
    uint32_t k = s->oh >= 4 && s->ow >= 4 && fg_rng_below(r, 3) == 0 ? 4 : 2;
    *p = (struct fg_op){.kind = FG_OP_POOL,
                        .win = {s->oh, s->ow, s->np, s->np, k, k, s->oh / k, s->ow / k, s->np, s->np}};
    draw_pool(p, r);
    p->flags |= FG_OP_BESIDE;
    o->x = give(t, (size_t)most * s->h * s->w * s->cs);
    o->w = give(t, (size_t)s->k * s->k * s->cin * s->np);
    o->aux = give(t, s->np);
    o->d = give(t, 1);
    o->y = p->x = give(t, (size_t)most * s->oh * s->ow * s->np);
    p->y = give(t, (size_t)most * p->win.oh * p->win.ow * s->np);
    p->d = give(t, (size_t)most * p->win.oh * p->win.ow * s->np / 4);
    p->outputs = o->outputs;
}

static void draw_window(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    struct fg_window *s = &o->win;
    bool pool = o->kind == FG_OP_POOL || o->kind == FG_OP_POOL_DX;
    s->k = from_to(r, 1, 4);
    s->h = from_to(r, s->k, 9);
    s->w = from_to(r, s->k, 9);
    s->stride = from_to(r, 1, 3);
    if (pool && fg_rng_below(r, 3) == 0) { /* windows that meet, and leave nothing out */
        s->stride = s->k;
        s->h -= s->h % s->k;
        s->w -= s->w % s->k;
    }
    s->cin = from_to(r, 1, 20);
    s->cs = pool ? 16 * from_to(r, 1, 2) : s->cin + from_to(r, 0, 3);
    s->oh = (s->h - s->k) / s->stride + 1;
    s->ow = (s->w - s->k) / s->stride + 1;
    s->cout = from_to(r, 1, 40);
    s->np = pad(s->cout);
    size_t in = (size_t)most * s->h * s->w * s->cs,
           out = (size_t)most * s->oh * s->ow * (pool ? s->cs : s->np);
    size_t weights = (size_t)s->k * s->k * s->cin * s->np;
    const bool back = o->kind == FG_OP_CONV_BACK, signs = fg_rng_below(r, 2) == 0;
    o->flags = o->kind == FG_OP_CONV ? fg_rng_below(r, 2) * FG_OP_BIAS | fg_rng_below(r, 2) * FG_OP_RECTIFY
               : back                ? fg_rng_below(r, 2) * FG_OP_MASK
                                     : fg_rng_below(r, 2) * FG_OP_UPDATE;
    o->flags |= signs && (o->flags & (FG_OP_MASK | FG_OP_RECTIFY)) != 0 ? FG_OP_SIGNS : 0;
    if (pool) {
        draw_pool(o, r);
    }
    o->flags |= o->kind == FG_OP_CONV_DW ? fg_rng_below(r, 2) * FG_OP_SUMS : 0;
    o->x = give(t, o->kind == FG_OP_POOL_DX ? out : in);
    o->w = give(t, weights);
    o->aux = give(t, back ? out : s->np);
    if (back && s->stride == 1 && fg_rng_below(r, 2) == 0) {
        o->flags |= FG_OP_BORDER;
        o->dh = from_to(r, 1, s->h);
        o->dw = from_to(r, 1, s->w);
        o->top = from_to(r, 0, s->h - o->dh);
        o->left = from_to(r, 0, s->w - o->dw);
    }
    o->d = give(t, pool ? (out + 3) / 4 : out > in ? out : in);
    o->y = give(t, o->kind == FG_OP_CONV_DW ? weights : o->kind == FG_OP_POOL_DX ? in : out);
    o->signs = give(t, (out / 2 + 3) / 4);
    t->places = s->k * s->k;
}

static void draw_flip(struct trial *t, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->win.k = from_to(r, 1, 5);
    o->in = from_to(r, 1, 20);
    o->out = from_to(r, 1, 40);
    o->np = pad(o->out);
    o->ldy = pad(o->in);
    o->w = give(t, (size_t)o->win.k * o->win.k * o->in * o->np);
    o->y = give(t, (size_t)o->win.k * o->win.k * o->out * o->ldy);
}

static void draw_pad(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->win.h = from_to(r, 1, 6);
    o->win.w = from_to(r, 1, 6);
    o->win.cs = from_to(r, 1, 20);
    o->top = from_to(r, 0, 3);
    o->left = from_to(r, 0, 3);
    o->dilate = from_to(r, 1, 3);
    o->dh = from_to(r, 1, 14);
    o->dw = from_to(r, 1, 14);
    o->x = give(t, (size_t)most * o->win.h * o->win.w * o->win.cs);
    o->y = give(t, (size_t)most * o->dh * o->dw * o->win.cs);
}

static void draw_pack(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->rows = from_to(r, 1, 9); /* pixels */
    o->in = from_to(r, 1, 20);
    uint32_t apart = pad(o->in), together = pad((size_t)o->rows * o->in);
    o->ldx = o->kind == FG_OP_PACK ? apart : together;
    o->ldy = o->kind == FG_OP_PACK ? together : apart;
    o->x = give(t, (size_t)most * (o->kind == FG_OP_PACK ? o->rows * apart : together));
    o->y = give(t, (size_t)most * (o->kind == FG_OP_PACK ? together : o->rows * apart));
}

static void draw_elements(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->rows = from_to(r, 1, 90);
    o->number = from_to(r, 0, 5);
    o->threshold = fg_rng_u32(r);
    o->f = 1.5f;
    o->x = give(t, (size_t)o->rows * most);
    o->d = give(t, (size_t)o->rows * most);
    o->y = fg_rng_below(r, 3) == 0 ? o->x : give(t, (size_t)o->rows * most);
}

static void draw_loss(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->rows = from_to(r, 1, 4);
    o->out = t->labels = from_to(r, 1, 40);
    o->np = pad(o->out);
    o->x = give(t, (size_t)o->rows * most * o->np);
    o->d = give(t, (size_t)o->rows * most);
    o->w = give(t, (size_t)o->rows * most);
    o->y = give(t, (size_t)o->rows * most * o->np);
}

static void draw_embed(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->rows = from_to(r, 1, 6);
    o->in = t->codes = from_to(r, 1, 30);
    o->np = pad(from_to(r, 1, 20));
    o->flags = fg_rng_below(r, 2) * FG_OP_UPDATE;
    o->x = give(t, (size_t)o->rows * most);
    o->w = give(t, (size_t)o->in * o->np);
    o->d = give(t, (size_t)o->rows * most * o->np);
    o->y = give(t, o->kind == FG_OP_EMBED ? (size_t)o->rows * most * o->np : (size_t)o->in * o->np);
}

static void draw_lstm(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->np = pad(from_to(r, 1, 40));
    o->x = give(t, (size_t)most * 4 * o->np);
    o->y = give(t, (size_t)most * o->np);
    o->d = give(t, (size_t)most * o->np);
    o->w = give(t, (size_t)most * o->np);
    o->aux = give(t, (size_t)most * o->np);
}

static void draw_vector(struct trial *t, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    o->in = from_to(r, 1, 700);
    o->f = 0.7f;
    o->g = 0.3f;
    o->x = give(t, o->in);
    o->y = give(t, o->in);
    o->d = give(t, o->in);
    o->w = give(t, o->in < 32 ? 32 : o->in);
}

static void draw_load(struct trial *t, uint32_t most, struct fg_rng *r)
{
    struct fg_op *o = &t->op;
    uint32_t channels = from_to(r, 1, 3), pixels = from_to(r, 1, 30);
    t->data = (struct fg_device_data){.width = channels * pixels,
                                      .channels = channels,
                                      .label_width = from_to(r, 1, 4),
                                      .bytes = fg_rng_below(r, 2),
                                      .raw = fg_rng_below(r, 4) == 0};
    o->ldy = fg_rng_below(r, 2) == 0 ? t->data.width : pad(t->data.width);
    o->y = give(t, (size_t)most * o->ldy);
    o->d = give(t, (size_t)most * t->data.label_width);
}

void trial_draw(struct trial *t, enum fg_op_kind kind, uint32_t most, struct fg_rng *r)
{
    *t = (struct trial){.op = {.kind = kind, .outputs = from_to(r, 1, 5000)}};
    switch (kind) {
    case FG_OP_LOAD:
        draw_load(t, most, r);
        break;
    case FG_OP_DENSE:
    case FG_OP_DENSE_DX:
    case FG_OP_DENSE_DW:
    case FG_OP_COLUMN_SUM:
        draw_dense(t, most, r);
        break;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_DW:
    case FG_OP_POOL:
    case FG_OP_POOL_DX:
        draw_window(t, most, r);
        break;
    case FG_OP_CONV_POOL:
        draw_conv_pool(t, most, r);
        break;
    case FG_OP_CONV_FLIP:
        draw_flip(t, r);
        break;
    case FG_OP_IMAGE_PAD:
        draw_pad(t, most, r);
        break;
    case FG_OP_PACK:
    case FG_OP_UNPACK:
        draw_pack(t, most, r);
        break;
    case FG_OP_LOSS:
    case FG_OP_SCORE:
    case FG_OP_LOSS_SUM:
    case FG_OP_SCORE_SUM:
        draw_loss(t, most, r);
        break;
    case FG_OP_EMBED:
    case FG_OP_EMBED_DW:
        draw_embed(t, most, r);
        break;
    case FG_OP_LSTM:
    case FG_OP_LSTM_DX:
        draw_lstm(t, most, r);
        break;
    default:
        if (kind >= FG_OP_ADD_PART) {
            draw_vector(t, r);
        } else {
            draw_elements(t, most, r);
        }
    }
}

/* x is d in its border. */
static void put_in_border(const struct fg_op *o, float *memory, uint32_t n)
{
    const struct fg_window *s = &o->win;
    memset(memory + o->x.at, 0, sizeof(float) * n * s->h * s->w * s->cs);
    for (size_t b = 0; b < n; b++) {
        for (size_t r = 0; r < o->dh; r++) {
            memcpy(memory + o->x.at + ((b * s->h + r + o->top) * s->w + o->left) * s->cs,
                   memory + o->d.at + (b * o->dh + r) * o->dw * s->cs, sizeof(float) * o->dw * s->cs);
        }
    }
}

void trial_signs(const struct fg_op *o, const float *of, float *memory, uint32_t n)
{
    uint8_t *signs = (uint8_t *)&memory[o->signs.at];
    for (size_t i = 0; i < (size_t)n * o->win.oh * o->win.ow * o->win.np; i += 2) {
        signs[i / 2] = (uint8_t)((of[i] > 0.0f ? 1 : 0) | (of[i + 1] > 0.0f ? 2 : 0));
    }
}

void trial_fill(const struct trial *t, float *memory, uint32_t n, struct fg_rng *r)
{
    const struct fg_op *o = &t->op;
    for (size_t i = 0; i < t->floats; i++) {
        memory[i] = (float)((fg_rng_uniform(r) - 0.5) * 3.0);
        memory[i] = fg_rng_below(r, 20) == 0 ? 0.0f : memory[i];
        memory[i] = o->kind == FG_OP_POOL ? floorf(memory[i]) : memory[i]; /* many are equal */
    }
    bool signs = (o->kind == FG_OP_DENSE || FG_OP_CONVOLVES(o->kind)) && fg_rng_below(r, 8) == 0;
    for (size_t i = 0; signs && i < t->floats; i++) { /* sums of -0, which one term too many makes 0 */
        bool begins = i >= o->aux.at && (i < o->d.at || i >= o->y.at);
        memory[i] = begins ? -0.0f : i < o->w.at ? 0.0f : -1.0f;
    }
    if (o->kind == FG_OP_CONV_BACK && (o->flags & FG_OP_SIGNS) != 0) {
        trial_signs(o, memory + o->aux.at, memory, n);
    }
    if ((o->flags & FG_OP_BORDER) != 0) {
        put_in_border(o, memory, n);
    }
    for (size_t i = 0; t->codes > 0 && i < (size_t)o->rows * n; i++) {
        memory[o->x.at + i] = (float)fg_rng_below(r, t->codes);
    }
    for (size_t i = 0; t->labels > 0 && i < (size_t)o->rows * n; i++) {
        int32_t label = (int32_t)fg_rng_below(r, t->labels);
        memcpy(&memory[o->d.at + i], &label, sizeof label);
        if (o->kind == FG_OP_SCORE_SUM) {
            label = label % 2;
            memcpy(&memory[o->y.at + i], &label, sizeof label);
        }
    }
    if (o->kind == FG_OP_POOL_DX) {
        uint8_t *place = (uint8_t *)&memory[o->d.at];
        for (size_t i = 0; i < (size_t)n * o->win.oh * o->win.ow * o->win.cs; i++) {
            place[i] = (uint8_t)fg_rng_below(r, t->places + 1);
            place[i] = place[i] == t->places ? NO_PLACE : place[i];
        }
    }
    if (o->kind == FG_OP_CLIP) {
        for (size_t i = 0; i < 16; i++) {
            double s = fg_rng_uniform(r) * 0.1;
            memcpy(&memory[o->w.at + 2 * i], &s, sizeof s);
        }
    }
}

bool trial_beside(const struct trial *t, struct fg_op *out)
{
    const struct fg_op *o = &t->op;
    bool dense = o->kind == FG_OP_DENSE_DW;
    *out = (struct fg_op){.kind = FG_OP_COLUMN_SUM,
                          .flags = (o->flags & FG_OP_UPDATE) | FG_OP_BESIDE,
                          .d = o->d,
                          .y = o->aux,
                          .rows = dense ? o->rows : o->win.oh * o->win.ow,
                          .np = dense ? o->np : o->win.np,
                          .outputs = o->outputs};
    if (o->kind == FG_OP_CONV_POOL) {
        *out = t->pool;
        return true;
    }
    if ((o->flags & FG_OP_WEIGHTS) != 0) {
        *out = *o;
        out->kind = FG_OP_DENSE_DW;
        out->flags = FG_OP_UPDATE | FG_OP_BESIDE;
        out->y = o->w;
    }
    return (o->flags & (FG_OP_SUMS | FG_OP_WEIGHTS)) != 0;
}

bool trial_multiplies(enum fg_op_kind kind)
{
    return kind == FG_OP_DENSE || kind == FG_OP_DENSE_DX || kind == FG_OP_DENSE_DW || FG_OP_CONVOLVES(kind) ||
           kind == FG_OP_CONV_DW;
}

size_t trial_terms(const struct trial *t, uint32_t n)
{
    const struct fg_op *o = &t->op;
    const struct fg_window *s = &o->win;
    switch (o->kind) {
    case FG_OP_DENSE:
        return o->in;
    case FG_OP_DENSE_DX:
        return o->out;
    case FG_OP_DENSE_DW:
        return (size_t)o->rows * n;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
        return (size_t)s->k * s->k * s->cin;
    default: /* FG_OP_CONV_DW */
        return (size_t)n * s->oh * s->ow;
    }
}

/* To so many bits of mantissa, by the definition: the nearest multiple of the unit of its power of 2. */
static float to_bits(float x, int bits, bool even)
{
    int e;
    double scaled = ldexp(frexp((double)x, &e), bits);
    double whole = even ? nearbyint(scaled) : round(scaled);
    return (float)ldexp(whole, e - bits);
}

/* What it multiplies lies in front of what it makes, but for what sums begin with: draw_dense(),
 * draw_window(). */
void trial_round(const struct trial *t, float *memory, enum fg_arithmetic mode)
{
    const struct fg_op *o = &t->op;
    for (size_t i = 0; mode != FG_EXACT && i < o->y.at; i++) {
        if (i < o->aux.at || i >= o->d.at) {
            memory[i] = to_bits(memory[i], mode == FG_TF32 ? 11 : 8, mode == FG_BF16);
        }
    }
}

void trial_unround(const struct trial *t, float *memory, const float *before, enum fg_arithmetic mode)
{
    memcpy(memory, before, mode != FG_EXACT ? t->op.y.at * sizeof *memory : 0);
}
