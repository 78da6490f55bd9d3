/* dropout P: while training, zeroes a value with probability P and scales the rest by 1 / (1 - P).
 *
 * Masks come from the stream (seed, FG_RNG_DROPOUT, shard, number); the block number is (step, layer,
 * element / 4), so any mask can be made without the ones before it.
 */
#include "src/model/layers.h"

enum { RATE };

static const struct fg_layer_arg args[] = {
    {.name = "p", .def = 0.5, .min = 0, .max = 0.99},
    {.name = NULL},
};

static void mask(const struct fg_layer *l, const struct fg_pass *p, const float *x, float *y)
{
    struct fg_dropout m;
    uint64_t block = ((((uint64_t)p->key->step << 8) | l->number) << 28) + (p->first_row * l->in.row + 3) / 4;
    m.key[0] = (uint32_t)p->key->seed;
    m.key[1] = (uint32_t)(p->key->seed >> 32);
    fg_rng_counter(m.ctr, FG_RNG_DROPOUT, p->key->client, p->key->number, block);
    m.threshold = (uint32_t)(l->arg[RATE] * 4294967296.0);
    m.scale = (float)(1.0 / (1.0 - l->arg[RATE]));
    p->k->dropout(&m, x, y, p->rows * l->in.row);
}

static void forward(const struct fg_layer *l, struct fg_pass *p)
{
    if (p->train) {
        mask(l, p, p->x, p->y);
    } else if (p->x != p->y) {
        p->k->scale(1.0f, p->x, p->y, p->rows * l->in.row);
    }
}

static void backward(const struct fg_layer *l, struct fg_pass *p)
{
    mask(l, p, p->dy, p->dx);
}

static struct fg_op op_of(const struct fg_layer *l, struct fg_ref x, struct fg_ref y)
{
    return (struct fg_op){.kind = FG_OP_DROPOUT,
                          .x = x,
                          .y = y,
                          .rows = (uint32_t)(l->in.t * l->in.row),
                          .number = l->number,
                          .threshold = (uint32_t)(l->arg[RATE] * 4294967296.0),
                          .f = (float)(1.0 / (1.0 - l->arg[RATE]))};
}

static void emit_forward(const struct fg_layer *l, struct fg_emit *e)
{
    const struct fg_op op = op_of(l, e->x, e->y);
    if (e->train && !fg_emit_dropped(e, &op)) {
        fg_emit_op(e, &op);
    } else if (!e->train && e->x.at != e->y.at) {
        fg_emit_op(e, &(struct fg_op){
                          .kind = FG_OP_COPY, .x = e->x, .y = e->y, .rows = (uint32_t)(l->in.t * l->in.row)});
    }
}

static void emit_backward(const struct fg_layer *l, struct fg_emit *e)
{
    if (!fg_emit_dropped_back(e, l->number)) {
        const struct fg_op op = op_of(l, e->dy, e->dx);
        fg_emit_op(e, &op);
    }
}

const struct fg_layer_ops fg_layer_dropout = {
    .name = "dropout",
    .args = args,
    .may_be_in_place = true,
    .shape = fg_layer_same_shape,
    .forward = forward,
    .backward = backward,
    .emit_forward = emit_forward,
    .emit_backward = emit_backward,
};
