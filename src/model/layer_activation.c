/* relu and tanh: elementwise, on any shape; their backward passes need only what they gave. */
#include "src/model/layers.h"

static size_t floats(const struct fg_layer *l, const struct fg_pass *p)
{
    return p->rows * l->in.row;
}

static void relu_forward(const struct fg_layer *l, struct fg_pass *p)
{
    p->k->relu_forward(p->x, p->y, floats(l, p));
}

static void relu_backward(const struct fg_layer *l, struct fg_pass *p)
{
    p->k->relu_backward(p->y, p->dy, p->dx, floats(l, p));
}

static void tanh_forward(const struct fg_layer *l, struct fg_pass *p)
{
    p->k->tanh_forward(p->x, p->y, floats(l, p));
}

static void tanh_backward(const struct fg_layer *l, struct fg_pass *p)
{
    p->k->tanh_backward(p->y, p->dy, p->dx, floats(l, p));
}

const struct fg_layer_ops fg_layer_relu = {
    .name = "relu",
    .may_be_in_place = true,
    .keeps_output = true,
    .shape = fg_layer_same_shape,
    .forward = relu_forward,
    .backward = relu_backward,
};

const struct fg_layer_ops fg_layer_tanh = {
    .name = "tanh",
    .may_be_in_place = true,
    .keeps_output = true,
    .shape = fg_layer_same_shape,
    .forward = tanh_forward,
    .backward = tanh_backward,
};
