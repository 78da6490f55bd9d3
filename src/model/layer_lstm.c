/* lstm UNITS: one layer over a sequence, from a zero state; gives its hidden state at every position.
 *
 * Gates in the order i, f, g, o; W_ih (in, 4, units), W_hh (units, 4, units), one bias (4, units): the second
 * bias of other libraries only doubles the first.
 */
#include <math.h>
#include <string.h>

#include "src/model/layers.h"

enum { UNITS };

static const struct fg_layer_arg args[] = {
    {.name = "units", .def = NAN, .min = 1, .max = 16384, .whole = true},
    {.name = NULL},
};

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    if (l->in.kind != FG_SHAPE_SEQUENCE) {
        return fg_layer_fail(err, l, "needs a sequence, got %s%s", fg_shape_text(&l->in, got, sizeof got),
                             l->in.kind == FG_SHAPE_TOKENS ? " (put an embedding before it)" : "");
    }
    uint32_t in = l->in.c, n = (uint32_t)l->arg[UNITS];
    l->out = fg_shape_sequence(l->in.t, n);
    struct fg_tensor ih = {.part = "weight_ih",
                           .role = FG_ROLE_LSTM_WEIGHT,
                           .ndim = 3,
                           .dims = {in, 4, n},
                           .fan_in = in,
                           .fan_out = n};
    struct fg_tensor hh = {.part = "weight_hh",
                           .role = FG_ROLE_LSTM_WEIGHT,
                           .ndim = 3,
                           .dims = {n, 4, n},
                           .fan_in = n,
                           .fan_out = n};
    struct fg_tensor bias = {
        .part = "bias", .role = FG_ROLE_LSTM_BIAS, .ndim = 2, .dims = {4, n}, .fan_in = n, .fan_out = n};
    fg_layer_add_tensor(l, &ih, in, 4, n);
    fg_layer_add_tensor(l, &hh, n, 4, n);
    fg_layer_add_tensor(l, &bias, 1, 4, n);
    l->macs = (uint64_t)l->in.t * 4 * n * ((uint64_t)in + n);
    return FG_OK;
}

/* What forward leaves for backward, each position by position. */
struct saved {
    float *gates; /* (T, B, 4 * hp) */
    float *cells; /* (2 * T + 1, B, hp): those before position 0 (zero), its tanh, those behind it, ... */
};

static size_t saved_floats(const struct fg_layer *l, size_t batch)
{
    size_t step = batch * l->out.ld;
    return step * (4 * l->in.t + (l->in.t + 1) + l->in.t);
}

static size_t save(const struct fg_layer *l, size_t batch)
{
    return saved_floats(l, batch) * sizeof(float);
}

static struct saved saved(const struct fg_layer *l, const struct fg_pass *p)
{
    size_t step = p->batch * l->out.ld;
    float *at = p->save;
    return (struct saved){at, at + 4 * step * l->in.t};
}

static size_t scratch(const struct fg_layer *l, size_t batch)
{
    size_t hp = l->out.ld;
    /* dc, on devices dh of the step before, too; the weights as the kernels keep them */
    return (2 * batch * hp + 4 * hp * hp) * sizeof(float);
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    size_t hp = l->out.ld, np = 4 * hp, step = p->batch * hp;
    struct saved s = saved(l, p);
    const float *hh = p->params + l->tensor[1].packed;
    p->k->dense_forward(p->x, l->in.row, p->params + l->tensor[0].packed, p->params + l->tensor[2].packed,
                        s.gates, p->batch * l->in.t, l->in.c, np);
    memset(s.cells, 0, step * sizeof *s.cells);
    for (size_t t = 0; t < l->in.t; t++) {
        float *gates = s.gates + 4 * step * t, *c = s.cells + 2 * step * t;
        if (t > 0) {
            p->k->dense_accumulate_kept(p->y + step * (t - 1), hp, hh, gates, p->batch, l->out.c, np,
                                        p->scratch, t == 1);
        }
        p->k->lstm_forward(gates, c, c + 2 * step, c + step, p->y + step * t, p->batch, hp);
    }
}

/* Turns the gates into their gradients, from the last position to the first. */
static void backward_gates(const struct fg_layer *l, struct fg_pass *p, const struct saved *s)
{
    size_t hp = l->out.ld, np = 4 * hp, step = p->batch * hp;
    float *dc = p->scratch, *kept = dc + step;
    memset(dc, 0, step * sizeof *dc);
    for (size_t t = l->in.t; t-- > 0;) {
        float *gates = s->gates + 4 * step * t, *dy = p->dy + step * t, *c = s->cells + 2 * step * t;
        if (t + 1 < l->in.t) {
            struct fg_soon soon[2] = {{gates, 4 * step * sizeof *gates}, {c, 2 * step * sizeof *c}};
            p->k->dense_backward_kept(gates + 4 * step, p->params + l->tensor[1].packed, dy, p->batch,
                                      l->out.c, np, kept, t + 2 == l->in.t, soon);
        }
        p->k->lstm_backward(gates, c, c + step, dy, dc, gates, p->batch, hp);
    }
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    size_t hp = l->out.ld, np = 4 * hp, rows = p->batch * l->in.t, earlier = rows - p->batch;
    size_t ih = l->tensor[0].packed, hh = l->tensor[1].packed, bias = l->tensor[2].packed;
    struct saved s = saved(l, p);
    const float *after = s.gates + p->batch * np; /* positions 1.., whose previous hidden states are y */
    backward_gates(l, p, &s);
    if (p->dx != NULL) {
        p->k->dense_backward_input(s.gates, p->params + ih, p->dx, l->in.row, rows, l->in.c, np, np);
    }
    if (p->grad != NULL) {
        p->k->dense_backward_weights(p->x, l->in.row, s.gates, p->grad + ih, rows, l->in.c, np);
        p->k->dense_backward_weights(p->y, hp, after, p->grad + hh, earlier, l->out.c, np);
        p->k->column_sum(s.gates, rows, np, p->grad + bias);
    } else {
        p->k->dense_sgd(p->x, l->in.row, s.gates, p->mlr, p->update + ih, rows, l->in.c, np);
        p->k->dense_sgd(p->y, hp, after, p->mlr, p->update + hh, earlier, l->out.c, np);
        p->k->column_sum_sgd(s.gates, rows, np, p->mlr, p->update + bias);
    }
}

/* Where position t of what forward leaves begins. */
struct emitted {
    struct fg_ref gates, c, tc;
};

static struct emitted emitted(const struct fg_layer *l, const struct fg_emit *e, size_t t)
{
    size_t hp = l->out.ld, all = e->capacity * hp;
    return (struct emitted){fg_ref_skip(e->save, 0, 4 * hp * t),
                            fg_ref_skip(e->save, 4 * all * l->in.t, hp * t),
                            fg_ref_skip(e->save, all * (5 * (size_t)l->in.t + 1), hp * t)};
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    uint32_t hp = (uint32_t)l->out.ld;
    struct emitted at = emitted(l, e, 0);
    struct fg_op dense = {.kind = FG_OP_DENSE,
                          .flags = FG_OP_BIAS,
                          .x = e->x,
                          .y = at.gates,
                          .w = fg_emit_tensor(l, 0),
                          .aux = fg_emit_tensor(l, 2),
                          .rows = l->in.t,
                          .in = l->in.c,
                          .np = 4 * hp,
                          .ldx = (uint32_t)l->in.row};
    fg_emit_op(e, &dense);
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_ZERO, .y = at.c, .rows = hp});
    dense = (struct fg_op){.kind = FG_OP_DENSE,
                           .flags = FG_OP_ONTO,
                           .w = fg_emit_tensor(l, 1),
                           .aux = fg_emit_tensor(l, 2),
                           .rows = 1,
                           .in = l->out.c,
                           .np = 4 * hp,
                           .ldx = hp};
    for (size_t t = 0; t < l->in.t; t++) {
        at = emitted(l, e, t);
        if (t > 0) {
            dense.x = fg_ref_skip(e->y, 0, hp * (t - 1));
            dense.y = at.gates;
            fg_emit_op(e, &dense);
        }
        fg_emit_op(e, &(struct fg_op){.kind = FG_OP_LSTM,
                                      .x = at.gates,
                                      .d = at.c,
                                      .aux = emitted(l, e, t + 1).c,
                                      .w = at.tc,
                                      .y = fg_ref_skip(e->y, 0, hp * t),
                                      .np = hp});
    }
}

static void emit_backward_gates(const struct fg_layer *l, struct fg_emit *e)
{
    uint32_t hp = (uint32_t)l->out.ld;
    struct fg_ref dh = e->scratch, dc = fg_ref_skip(dh, e->capacity * hp, 0);
    struct fg_op dx = {.kind = FG_OP_DENSE_DX,
                       .y = dh,
                       .w = fg_emit_tensor(l, 1),
                       .rows = 1,
                       .in = l->out.c,
                       .out = 4 * hp,
                       .np = 4 * hp,
                       .ldy = hp};
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_ZERO, .y = dc, .rows = hp});
    for (size_t t = l->in.t; t-- > 0;) {
        struct emitted at = emitted(l, e, t);
        struct fg_ref dy = fg_ref_skip(e->dy, 0, hp * t);
        if (t + 1 < l->in.t) {
            dx.d = emitted(l, e, t + 1).gates;
            fg_emit_op(e, &dx);
            fg_emit_op(e, &(struct fg_op){.kind = FG_OP_ADD, .x = dh, .y = dy, .rows = hp});
        }
        fg_emit_op(
            e,
            &(struct fg_op){
                .kind = FG_OP_LSTM_DX, .x = at.gates, .y = dc, .d = dy, .w = at.tc, .aux = at.c, .np = hp});
    }
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    uint32_t hp = (uint32_t)l->out.ld;
    struct fg_op op = {
        .d = emitted(l, e, 0).gates, .rows = l->in.t, .in = l->in.c, .out = 4 * hp, .np = 4 * hp};
    emit_backward_gates(l, e);
    fg_emit_dense_backward(e, l, &op);
    struct fg_op later = op; /* positions 1.., whose previous hidden states are y */
    later.rows = l->in.t - 1;
    later.x = e->y;
    later.ldx = hp;
    later.in = l->out.c;
    later.d = emitted(l, e, 1).gates;
    later.y = fg_emit_gradient(e, l, 1);
    fg_emit_op(e, &later);
    op.kind = FG_OP_COLUMN_SUM;
    op.y = fg_emit_gradient(e, l, 2);
    fg_emit_op(e, &op);
}

const struct fg_layer_ops fg_layer_lstm = {
    .name = "lstm",
    .args = args,
    .keeps_output = true,
    .shape = shape,
    .save = save,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
