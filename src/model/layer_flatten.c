/* flatten: an image (h, w, c) as one vector, channels fastest. Without padding between channels it only
 * renames the memory; otherwise it copies. Vectors pass, so that one list fits data of both kinds. */
#include <string.h>

#include "src/model/layers.h"

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    if (l->in.kind != FG_SHAPE_IMAGE && l->in.kind != FG_SHAPE_VECTOR) {
        return fg_layer_fail(err, l, "needs an image or a vector, got %s",
                             fg_shape_text(&l->in, got, sizeof got));
    }
    l->out = fg_shape_vector(l->in.h * l->in.w * l->in.c);
    l->view = l->in.ld == l->in.c && l->in.row == l->out.row;
    if (l->in.kind == FG_SHAPE_VECTOR) {
        l->view = true;
    }
    return FG_OK;
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    size_t pixels = (size_t)l->in.h * l->in.w, c = l->in.c;
    for (size_t r = 0; r < p->rows; r++) {
        const float *x = p->x + r * l->in.row;
        float *y = p->y + r * l->out.row;
        for (size_t i = 0; i < pixels; i++) {
            memcpy(y + i * c, x + i * l->in.ld, c * sizeof *y);
        }
        memset(y + pixels * c, 0, (l->out.row - pixels * c) * sizeof *y);
    }
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    size_t pixels = (size_t)l->in.h * l->in.w, c = l->in.c;
    if (p->dx == NULL) {
        return;
    }
    memset(p->dx, 0, p->rows * l->in.row * sizeof *p->dx);
    for (size_t r = 0; r < p->rows; r++) {
        for (size_t i = 0; i < pixels; i++) {
            memcpy(p->dx + r * l->in.row + i * l->in.ld, p->dy + r * l->out.row + i * c, c * sizeof *p->dx);
        }
    }
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_PACK,
                                  .x = e->x,
                                  .y = e->y,
                                  .rows = l->in.h * l->in.w,
                                  .in = l->in.c,
                                  .ldx = (uint32_t)l->in.ld,
                                  .ldy = (uint32_t)l->out.row});
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    if (e->need_dx) {
        fg_emit_op(e, &(struct fg_op){.kind = FG_OP_UNPACK,
                                      .x = e->dy,
                                      .y = e->dx,
                                      .rows = l->in.h * l->in.w,
                                      .in = l->in.c,
                                      .ldx = (uint32_t)l->out.row,
                                      .ldy = (uint32_t)l->in.ld});
    }
}

const struct fg_layer_ops fg_layer_flatten = {
    .name = "flatten",
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
