/* conv2d FILTERS kernel=3 stride=1 padding=valid: square kernels, W (kh, kw, cin, cout).
 *
 * padding=same keeps ceil(size / stride) pixels; the border is split evenly, the odd pixel goes below and to
 * the right (as TensorFlow does). The bordered input is kept for the backward pass.
 */
#include <math.h>

#include "src/model/layers.h"

enum { FILTERS, KERNEL, STRIDE, PADDING };

static const struct fg_layer_arg args[] = {
    {.name = "filters", .def = NAN, .min = 1, .max = 65536, .whole = true},
    {.name = "kernel", .def = 3, .min = 1, .max = 64, .whole = true},
    {.name = "stride", .def = 1, .min = 1, .max = 64, .whole = true},
    {.name = "padding", .words = "valid|same", .def = 0, .min = 1, .max = 0},
    {.name = NULL},
};

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    uint32_t n = (uint32_t)l->arg[FILTERS], k = (uint32_t)l->arg[KERNEL], s = (uint32_t)l->arg[STRIDE];
    fg_shape_text(&l->in, got, sizeof got);
    if (l->in.kind != FG_SHAPE_IMAGE) {
        return fg_layer_fail(err, l, "needs an image, got %s", got);
    }
    uint32_t h = (l->in.h + s - 1) / s, w = (l->in.w + s - 1) / s, c = l->in.c;
    if (l->arg[PADDING] == 0) {
        if (l->in.h < k || l->in.w < k) {
            return fg_layer_fail(err, l, "needs an image of at least %ux%u pixels, got %s", k, k, got);
        }
        h = (l->in.h - k) / s + 1;
        w = (l->in.w - k) / s + 1;
    }
    l->out = fg_shape_image(h, w, n);
    size_t window = (size_t)k * k;
    struct fg_tensor weight = {.part = "weight",
                               .role = FG_ROLE_WEIGHT,
                               .ndim = 4,
                               .dims = {k, k, c, n},
                               .fan_in = window * c,
                               .fan_out = window * n};
    struct fg_tensor bias = {.part = "bias",
                             .role = FG_ROLE_BIAS,
                             .ndim = 1,
                             .dims = {n},
                             .fan_in = window * c,
                             .fan_out = window * n};
    fg_layer_add_tensor(l, &weight, window * c, 1, n);
    fg_layer_add_tensor(l, &bias, 1, 1, n);
    l->macs = (uint64_t)h * w * window * c * n;
    return FG_OK;
}

/* Rows or columns of border in all and before, for one dimension. */
struct border {
    size_t all, before;
};

static struct border border(const struct fg_layer *l, size_t in, size_t out)
{
    size_t k = (size_t)l->arg[KERNEL], need = (out - 1) * (size_t)l->arg[STRIDE] + k;
    if (l->arg[PADDING] == 0 || need <= in) {
        return (struct border){0, 0};
    }
    return (struct border){need - in, (need - in) / 2};
}

static struct fg_conv geometry(const struct fg_layer *l, size_t batch)
{
    size_t k = (size_t)l->arg[KERNEL];
    return (struct fg_conv){.batch = batch,
                            .h = l->in.h + border(l, l->in.h, l->out.h).all,
                            .w = l->in.w + border(l, l->in.w, l->out.w).all,
                            .cs = l->in.ld,
                            .cin = l->in.c,
                            .kh = k,
                            .kw = k,
                            .stride = (size_t)l->arg[STRIDE],
                            .oh = l->out.h,
                            .ow = l->out.w,
                            .np = l->out.ld,
                            .cout = l->out.c};
}

static bool has_border(const struct fg_layer *l, const struct fg_conv *s)
{
    return s->h != l->in.h || s->w != l->in.w;
}

static size_t save(const struct fg_layer *l, size_t batch)
{
    struct fg_conv s = geometry(l, batch);
    return has_border(l, &s) ? batch * s.h * s.w * s.cs * sizeof(float) : 0;
}

static size_t dilated_floats(const struct fg_layer *l, size_t batch)
{
    size_t k = (size_t)l->arg[KERNEL];
    return batch * (l->in.h + k - 1) * (l->in.w + k - 1) * l->out.ld;
}

static size_t flipped_floats(const struct fg_layer *l)
{
    size_t k = (size_t)l->arg[KERNEL];
    return fg_kernel_pad(k * k * l->out.c * l->in.ld);
}

/* The input gradient is the convolution of the dilated, bordered dy with the flipped weights. */
static struct fg_conv backward_geometry(const struct fg_layer *l, size_t batch)
{
    size_t k = (size_t)l->arg[KERNEL];
    return (struct fg_conv){.batch = batch,
                            .h = l->in.h + k - 1,
                            .w = l->in.w + k - 1,
                            .cs = l->out.ld,
                            .cin = l->out.c,
                            .kh = k,
                            .kw = k,
                            .stride = 1,
                            .oh = l->in.h,
                            .ow = l->in.w,
                            .np = l->in.ld,
                            .cout = l->in.c};
}

/* dy dilated, the flipped weights, the kernels' own. */
static size_t scratch(const struct fg_layer *l, size_t batch)
{
    struct fg_conv s = geometry(l, batch), back = backward_geometry(l, batch);
    size_t there = fg_conv_work(&s), again = l->from_data ? 0 : fg_conv_work(&back);
    size_t copies = l->from_data ? 0 : (dilated_floats(l, batch) + flipped_floats(l)) * sizeof(float);
    return copies + (there > again ? there : again);
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    struct fg_conv s = geometry(l, p->batch);
    const float *x = p->x;
    s.work = p->scratch;
    if (has_border(l, &s)) {
        p->k->image_pad(x, p->batch, l->in.h, l->in.w, s.cs, p->save, s.h, s.w,
                        border(l, l->in.h, l->out.h).before, border(l, l->in.w, l->out.w).before, 1);
        x = p->save;
    }
    p->k->conv_forward(&s, x, p->params + l->tensor[0].packed, p->params + l->tensor[1].packed, p->y);
}

static void backward_input(const struct fg_layer *l, struct fg_pass *p)
{
    size_t k = (size_t)l->arg[KERNEL];
    float *wide = p->scratch, *flipped = wide + dilated_floats(l, p->batch);
    struct fg_conv s = backward_geometry(l, p->batch);
    s.work = flipped + flipped_floats(l);
    p->k->image_pad(p->dy, p->batch, l->out.h, l->out.w, l->out.ld, wide, s.h, s.w,
                    k - 1 - border(l, l->in.h, l->out.h).before, k - 1 - border(l, l->in.w, l->out.w).before,
                    (size_t)l->arg[STRIDE]);
    p->k->conv_flip(p->params + l->tensor[0].packed, k, k, l->in.c, l->out.ld, l->out.c, flipped);
    p->k->conv_forward(&s, wide, flipped, NULL, p->dx);
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    struct fg_conv s = geometry(l, p->batch);
    size_t w = l->tensor[0].packed, b = l->tensor[1].packed, pixels = p->batch * s.oh * s.ow;
    const float *x = has_border(l, &s) ? p->save : p->x;
    s.work = p->scratch;
    if (p->dx != NULL) {
        backward_input(l, p);
    }
    if (p->grad != NULL) {
        p->k->conv_backward_weights(&s, x, p->dy, p->grad + w);
        p->k->column_sum(p->dy, pixels, s.np, p->grad + b);
    } else {
        p->k->conv_sgd(&s, x, p->dy, p->mlr, p->update + w);
        p->k->column_sum_sgd(p->dy, pixels, s.np, p->mlr, p->update + b);
    }
}

static struct fg_window window_of(const struct fg_conv *s)
{
    return (struct fg_window){.h = (uint32_t)s->h,
                              .w = (uint32_t)s->w,
                              .cs = (uint32_t)s->cs,
                              .cin = (uint32_t)s->cin,
                              .k = (uint32_t)s->kh,
                              .stride = (uint32_t)s->stride,
                              .oh = (uint32_t)s->oh,
                              .ow = (uint32_t)s->ow,
                              .np = (uint32_t)s->np,
                              .cout = (uint32_t)s->cout};
}

/* x in a border: s is what it becomes. */
static void emit_pad(struct fg_emit *e, struct fg_ref x, struct fg_ref y, const struct fg_shape *from,
                     const struct fg_conv *s, size_t top, size_t left, size_t dilate, uint32_t flags)
{
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_IMAGE_PAD,
                                  .flags = flags,
                                  .x = x,
                                  .y = y,
                                  .win = {.h = from->h, .w = from->w, .cs = (uint32_t)s->cs},
                                  .dh = (uint32_t)s->h,
                                  .dw = (uint32_t)s->w,
                                  .top = (uint32_t)top,
                                  .left = (uint32_t)left,
                                  .dilate = (uint32_t)dilate});
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    struct fg_conv s = geometry(l, 1);
    bool wider = has_border(l, &s);
    if (wider) {
        emit_pad(e, e->x, e->save, &l->in, &s, border(l, l->in.h, l->out.h).before,
                 border(l, l->in.w, l->out.w).before, 1, 0);
    }
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_CONV,
                                  .flags = FG_OP_BIAS,
                                  .x = wider ? e->save : e->x,
                                  .y = e->y,
                                  .w = fg_emit_tensor(l, 0),
                                  .aux = fg_emit_tensor(l, 1),
                                  .win = window_of(&s)});
}

static void emit_backward_input(const struct fg_layer *l, struct fg_emit *e)
{
    size_t k = (size_t)l->arg[KERNEL];
    struct fg_ref flipped = fg_ref_skip(e->scratch, dilated_floats(l, e->capacity), 0);
    struct fg_conv s = backward_geometry(l, 1);
    size_t top = k - 1 - border(l, l->in.h, l->out.h).before,
           left = k - 1 - border(l, l->in.w, l->out.w).before;
    bool bare = (uint32_t)l->arg[STRIDE] == 1 && s.h < FG_BORDER_MOST && s.w < FG_BORDER_MOST;
    emit_pad(e, e->dy, e->scratch, &l->out, &s, top, left, (size_t)l->arg[STRIDE], bare ? FG_OP_BESIDE : 0);
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_CONV_FLIP,
                                  .w = fg_emit_tensor(l, 0),
                                  .y = flipped,
                                  .in = l->in.c,
                                  .out = l->out.c,
                                  .np = (uint32_t)l->out.ld,
                                  .ldy = (uint32_t)l->in.ld,
                                  .win = {.k = (uint32_t)k}});
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_CONV_BACK,
                                  .flags = bare ? FG_OP_BORDER : 0,
                                  .x = e->scratch,
                                  .d = e->dy,
                                  .dh = l->out.h,
                                  .dw = l->out.w,
                                  .top = (uint32_t)top,
                                  .left = (uint32_t)left,
                                  .y = e->dx,
                                  .w = flipped,
                                  .win = window_of(&s)});
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    struct fg_conv s = geometry(l, 1);
    uint32_t flags = e->update ? FG_OP_UPDATE : 0;
    if (e->need_dx) {
        emit_backward_input(l, e);
    }
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_CONV_DW,
                                  .flags = flags,
                                  .x = has_border(l, &s) ? e->save : e->x,
                                  .d = e->dy,
                                  .y = fg_emit_gradient(e, l, 0),
                                  .win = window_of(&s)});
    fg_emit_column_sum(e, &(struct fg_op){.flags = flags,
                                          .d = e->dy,
                                          .y = fg_emit_gradient(e, l, 1),
                                          .rows = (uint32_t)(s.oh * s.ow),
                                          .np = (uint32_t)s.np});
}

const struct fg_layer_ops fg_layer_conv2d = {
    .name = "conv2d",
    .args = args,
    .shape = shape,
    .save = save,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
