/* embedding SIZE: a row of a table (vocabulary, SIZE) for every character: text to a sequence. */
#include <math.h>
#include <string.h>

#include "src/model/layers.h"

enum { SIZE };

static const struct fg_layer_arg args[] = {
    {.name = "size", .def = NAN, .min = 1, .max = 65536, .whole = true},
    {.name = NULL},
};

static enum fg_status shape(struct fg_layer *l, struct fg_err *err)
{
    char got[64];
    if (l->in.kind != FG_SHAPE_TOKENS) {
        return fg_layer_fail(err, l, "needs text, got %s", fg_shape_text(&l->in, got, sizeof got));
    }
    uint32_t size = (uint32_t)l->arg[SIZE], vocabulary = l->classes;
    l->out = fg_shape_sequence(l->in.t, size);
    struct fg_tensor t = {.part = "weight",
                          .role = FG_ROLE_EMBEDDING,
                          .ndim = 2,
                          .dims = {vocabulary, size},
                          .fan_in = vocabulary,
                          .fan_out = size};
    fg_layer_add_tensor(l, &t, vocabulary, 1, size);
    return FG_OK;
}

static size_t save(const struct fg_layer *l, size_t batch)
{
    return batch * l->in.t * sizeof(int32_t);
}

static size_t table_floats(const struct fg_layer *l)
{
    return (size_t)l->classes * l->out.ld;
}

static size_t scratch(const struct fg_layer *l, size_t batch)
{
    (void)batch;
    return table_floats(l) * sizeof(float);
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    int32_t *index = p->save; /* (T, B): sequences are laid out position by position */
    for (size_t b = 0; b < p->batch; b++) {
        for (size_t t = 0; t < l->in.t; t++) {
            int32_t code = (int32_t)p->x[b * l->in.t + t];
            FG_ASSERT(code >= 0 && (uint32_t)code < l->classes);
            index[t * p->batch + b] = code;
        }
    }
    p->k->gather(p->params + l->tensor[0].packed, index, p->batch * l->in.t, l->out.ld, p->y);
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    float *g = p->grad != NULL ? p->grad + l->tensor[0].packed : p->scratch;
    memset(g, 0, table_floats(l) * sizeof *g);
    p->k->scatter_add(p->dy, p->save, p->batch * l->in.t, l->out.ld, g);
    if (p->grad == NULL) {
        float *w = p->update + l->tensor[0].packed;
        p->k->axpy(p->mlr, g, w, table_floats(l));
    }
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_EMBED,
                                  .x = e->x,
                                  .y = e->y,
                                  .w = fg_emit_tensor(l, 0),
                                  .rows = l->in.t,
                                  .np = (uint32_t)l->out.ld});
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    fg_emit_op(e, &(struct fg_op){.kind = FG_OP_EMBED_DW,
                                  .flags = e->update ? FG_OP_UPDATE : 0,
                                  .x = e->x,
                                  .d = e->dy,
                                  .y = fg_emit_gradient(e, l, 0),
                                  .rows = l->in.t,
                                  .in = l->classes,
                                  .np = (uint32_t)l->out.ld});
}

const struct fg_layer_ops fg_layer_embedding = {
    .name = "embedding",
    .args = args,
    .shape = shape,
    .save = save,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
