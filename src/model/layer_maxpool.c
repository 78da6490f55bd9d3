/* maxpool SIZE stride=SIZE: the largest value of each window; windows past the edge are dropped. */
#include <string.h>

#include "src/model/layers.h"

enum { SIZE, STRIDE };

static const struct fg_layer_arg args[] = {
    {.name = "size", .def = 2, .min = 1, .max = 15, .whole = true},
    {.name = "stride", .words = "size", .def = 0, .min = 1, .max = 1024, .whole = true},
    {.name = NULL},
};

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    uint32_t k = (uint32_t)l->arg[SIZE], s = l->arg[STRIDE] > 0 ? (uint32_t)l->arg[STRIDE] : k;
    fg_shape_text(&l->in, got, sizeof got);
    if (l->in.kind != FG_SHAPE_IMAGE) {
        return fg_layer_fail(err, l, "needs an image, got %s", got);
    }
    if (l->in.h < k || l->in.w < k) {
        return fg_layer_fail(err, l, "needs an image of at least %ux%u pixels, got %s", k, k, got);
    }
    l->out = fg_shape_image((l->in.h - k) / s + 1, (l->in.w - k) / s + 1, l->in.c);
    return FG_OK;
}

static struct fg_pool geometry(const struct fg_layer *l, size_t batch)
{
    size_t k = (size_t)l->arg[SIZE], s = l->arg[STRIDE] > 0 ? (size_t)l->arg[STRIDE] : k;
    return (struct fg_pool){.batch = batch,
                            .h = l->in.h,
                            .w = l->in.w,
                            .cs = l->out.ld,
                            .k = k,
                            .stride = s,
                            .oh = l->out.h,
                            .ow = l->out.w};
}

static size_t save(const struct fg_layer *l, size_t batch)
{
    return fg_shape_floats(&l->out, batch); /* one byte an output: the place of the largest */
}

/* An image straight from the data has no padding between pixels, the kernel wants some. */
static size_t scratch(const struct fg_layer *l, size_t batch)
{
    return l->in.ld == l->out.ld ? 0 : batch * l->in.h * l->in.w * l->out.ld * sizeof(float);
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    struct fg_pool s = geometry(l, p->batch);
    const float *x = p->x;
    if (l->in.ld != l->out.ld) {
        float *wide = p->scratch;
        size_t pixels = p->batch * l->in.h * l->in.w;
        memset(wide, 0, pixels * l->out.ld * sizeof *wide);
        for (size_t i = 0; i < pixels; i++) {
            memcpy(wide + i * l->out.ld, x + i * l->in.ld, l->in.c * sizeof *wide);
        }
        x = wide;
    }
    p->k->maxpool_forward(&s, x, p->y, p->save);
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    struct fg_pool s = geometry(l, p->batch);
    if (p->dx != NULL) {
        p->k->maxpool_backward(&s, p->dy, p->save, p->dx);
    }
}

static struct fg_window window_of(const struct fg_layer *l)
{
    struct fg_pool s = geometry(l, 1);
    return (struct fg_window){.h = (uint32_t)s.h,
                              .w = (uint32_t)s.w,
                              .cs = (uint32_t)s.cs,
                              .k = (uint32_t)s.k,
                              .stride = (uint32_t)s.stride,
                              .oh = (uint32_t)s.oh,
                              .ow = (uint32_t)s.ow};
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    struct fg_ref x = e->x;
    if (l->in.ld != l->out.ld) {
        x = e->scratch;
        fg_emit_op(e, &(struct fg_op){.kind = FG_OP_UNPACK,
                                      .x = e->x,
                                      .y = x,
                                      .rows = l->in.h * l->in.w,
                                      .in = l->in.c,
                                      .ldx = (uint32_t)l->in.row,
                                      .ldy = (uint32_t)l->out.ld});
    }
    fg_emit_pool(e, &(struct fg_op){.x = x, .y = e->y, .d = e->save, .win = window_of(l)});
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    const struct fg_op *pool = fg_emitted_pool(e, e->save);
    if (e->need_dx && pool != NULL) {
        fg_emit_op(e, &(struct fg_op){.kind = FG_OP_POOL_DX,
                                      .x = e->dy,
                                      .y = e->dx,
                                      .d = e->save,
                                      .f = (pool->flags & FG_OP_DROP) != 0 ? pool->f : 1.0f,
                                      .win = window_of(l)});
    }
}

const struct fg_layer_ops fg_layer_maxpool = {
    .name = "maxpool",
    .args = args,
    .shape = shape,
    .save = save,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
