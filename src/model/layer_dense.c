/* dense UNITS: y = x W + b, W (in, out); on a sequence, at every position. */
#include <math.h>

#include "src/model/layers.h"

enum { UNITS };

static const struct fg_layer_arg args[] = {
    {.name = "units", .words = "classes", .def = 0, .min = 1, .max = 1 << 20, .whole = true},
    {.name = NULL},
};

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    if (l->in.kind != FG_SHAPE_VECTOR && l->in.kind != FG_SHAPE_SEQUENCE) {
        return fg_layer_fail(err, l, "needs a vector or a sequence, got %s%s",
                             fg_shape_text(&l->in, got, sizeof got),
                             l->in.kind == FG_SHAPE_IMAGE ? " (put a flatten before it)" : "");
    }
    if (!l->given[UNITS] && !l->last) {
        return fg_layer_fail(err, l, "needs its number of units: only the last layer takes it from the data");
    }
    uint32_t in = l->in.c, units = l->arg[UNITS] > 0 ? (uint32_t)l->arg[UNITS] : l->classes;
    l->out = l->in.kind == FG_SHAPE_VECTOR ? fg_shape_vector(units) : fg_shape_sequence(l->in.t, units);
    struct fg_tensor w = {.part = "weight",
                          .role = FG_ROLE_WEIGHT,
                          .ndim = 2,
                          .dims = {in, units},
                          .fan_in = in,
                          .fan_out = units};
    struct fg_tensor b = {
        .part = "bias", .role = FG_ROLE_BIAS, .ndim = 1, .dims = {units}, .fan_in = in, .fan_out = units};
    fg_layer_add_tensor(l, &w, in, 1, units);
    fg_layer_add_tensor(l, &b, 1, 1, units);
    l->macs = (uint64_t)l->in.t * in * units;
    return FG_OK;
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    const float *w = p->params + l->tensor[0].packed, *b = p->params + l->tensor[1].packed;
    if (p->live != NULL) {
        p->k->dense_forward_live(p->x, l->in.row, w, b, p->y, p->rows, l->in.c, l->out.ld, p->live);
    } else {
        p->k->dense_forward(p->x, l->in.row, w, b, p->y, p->rows, l->in.c, l->out.ld);
    }
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    size_t w = l->tensor[0].packed, b = l->tensor[1].packed, np = l->out.ld;
    if (p->grad != NULL) {
        if (p->dx != NULL) {
            p->k->dense_backward_input(p->dy, p->params + w, p->dx, l->in.row, p->rows, l->in.c, np,
                                       l->out.c);
        }
        p->k->dense_backward_weights(p->x, l->in.row, p->dy, p->grad + w, p->rows, l->in.c, np);
        p->k->column_sum(p->dy, p->rows, np, p->grad + b);
        return;
    }
    if (p->dx != NULL) {
        p->k->dense_backward_sgd(p->x, l->in.row, p->dy, p->mlr, p->update + w, p->dx, l->in.row, p->rows,
                                 l->in.c, np, l->out.c);
    } else {
        p->k->dense_sgd_live(p->x, l->in.row, p->dy, p->mlr, p->update + w, p->rows, l->in.c, np, p->live);
    }
    p->k->column_sum_sgd(p->dy, p->rows, np, p->mlr, p->update + b);
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_DENSE,
                                  .flags = FG_OP_BIAS,
                                  .x = e->x,
                                  .y = e->y,
                                  .w = fg_emit_tensor(l, 0),
                                  .aux = fg_emit_tensor(l, 1),
                                  .rows = l->in.t,
                                  .in = l->in.c,
                                  .np = (uint32_t)l->out.ld,
                                  .ldx = (uint32_t)l->in.row});
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    struct fg_op op = {
        .d = e->dy, .rows = l->in.t, .in = l->in.c, .out = l->out.c, .np = (uint32_t)l->out.ld};
    fg_emit_dense_backward(e, l, &op);
    op.y = fg_emit_gradient(e, l, 1);
    fg_emit_column_sum(e, &op);
}

const struct fg_layer_ops fg_layer_dense = {
    .name = "dense",
    .args = args,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
