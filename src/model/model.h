/* A model: a list of layers with inferred shapes, its canonical parameter vector, and its initialisation.
 *
 * The list comes from the configuration, for example
 *     flatten; dense 200; relu; dense 200; relu; dense 10
 * with layers separated by ';', ',' or newlines, arguments by position or as key=value (doc/models.md), or it
 * is one of the shorthands softmax, 2nn, lenet5, mcmahan_cnn, pfl_cnn, char_lstm. A softmax cross-entropy
 * closes every model. The canonical parameter vector (P) is what travels, is hashed and is exported: layers
 * in order, weights then bias, unpadded float32; dense weights are (in, out), convolutions (kh, kw, cin,
 * cout).
 *
 * Thread safety: immutable once created; any number of readers.
 */
#ifndef FG_MODEL_MODEL_H
#define FG_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum fg_input_kind {
    FG_INPUT_IMAGE = 1,  /* shape = H, W, C */
    FG_INPUT_VECTOR = 2, /* shape = F, 1, 1 */
    FG_INPUT_TOKENS = 3  /* shape = T, 1, 1; every position has its own label */
};

/* What the data are: one sample's shape and the number of classes (tokens: the size of the vocabulary). */
struct fg_model_input {
    enum fg_input_kind kind;
    uint32_t shape[3];
    uint32_t classes;
};

struct fg_model; /* opaque */

/* One parameter tensor of the canonical vector. */
struct fg_layer_info {
    char name[48];    /* "1.conv2d.weight": the layer's place in the list from 1, its kind, its part */
    unsigned ndim;    /* 1..4 */
    uint32_t dims[4]; /* row-major, last fastest */
    size_t offset;    /* first value in the canonical vector */
    size_t size;      /* values */
};

/* Build a model for data of shape *in.
 *
 * layers: the list; init: name of an initialisation, NULL or "" = "torch".
 * Errors:  FG_E_CONFIG naming the layer, what it got and what it needs; FG_E_NOMEM.
 * Owner:   the caller, fg_model_destroy().
 */
enum fg_status fg_model_create(struct fg_model **out, const char *layers, const struct fg_model_input *in,
                               const char *init, struct fg_err *err);
void fg_model_destroy(struct fg_model *m);

/* Number of parameters P of the canonical vector. */
size_t fg_model_params(const struct fg_model *m);

/* Multiply-adds of one forward pass of one sample, and those of its first trainable layer (whose input
 * needs no gradient): one training step of a sample costs 6 * macs - 2 * first FLOP. */
void fg_model_macs(const struct fg_model *m, uint64_t *macs, uint64_t *first);

const struct fg_model_input *fg_model_input(const struct fg_model *m);

/* Parameter tensors in canonical order: i from 0; false when there is no i-th. */
bool fg_model_layer_info(const struct fg_model *m, unsigned i, struct fg_layer_info *out);

/* The resolved layer list in its canonical spelling, shorthands written out. */
const char *fg_model_layers(const struct fg_model *m);

/* Fill params (P) with the initial values of `seed`: layer i draws from stream (seed, FG_RNG_INIT, i, 0). */
void fg_model_init(const struct fg_model *m, uint64_t seed, float *params /* (P) */);

/* Names that stand for lists, ended by a NULL name; and those of the ways to begin, ended by NULL. */
struct fg_model_shorthand {
    const char *name, *layers;
};
extern const struct fg_model_shorthand fg_model_shorthands[];
extern const char *const fg_model_inits[];

#endif
