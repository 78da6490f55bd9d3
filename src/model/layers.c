/* The registry of layer kinds. */
#include "src/model/layers.h"

const struct fg_layer_ops *const fg_layer_kinds[] = {
    &fg_layer_dense,   &fg_layer_conv2d,  &fg_layer_maxpool,   &fg_layer_relu, &fg_layer_tanh,
    &fg_layer_dropout, &fg_layer_flatten, &fg_layer_embedding, &fg_layer_lstm, NULL,
};
