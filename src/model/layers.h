/* The layer kinds, one file each. */
#ifndef FG_MODEL_LAYERS_H
#define FG_MODEL_LAYERS_H

#include "src/model/layer.h"

extern const struct fg_layer_ops fg_layer_dense;
extern const struct fg_layer_ops fg_layer_conv2d;
extern const struct fg_layer_ops fg_layer_maxpool;
extern const struct fg_layer_ops fg_layer_relu;
extern const struct fg_layer_ops fg_layer_tanh;
extern const struct fg_layer_ops fg_layer_dropout;
extern const struct fg_layer_ops fg_layer_flatten;
extern const struct fg_layer_ops fg_layer_embedding;
extern const struct fg_layer_ops fg_layer_lstm;

#endif
