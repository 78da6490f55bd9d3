/* A network at work: a model with packed parameters and the workspace for batches of up to `capacity`
 * samples.
 *
 * Everything is allocated by fg_net_create(); no step allocates. The caller gathers samples into
 * fg_net_input() and labels into fg_net_labels(), then calls one of the passes. A gradient is the mean over
 * `whole` samples (of which a batch may be a part), with sequences over all their positions.
 *
 * Thread safety: one thread a net; any number of nets on one model.
 */
#ifndef FG_MODEL_NET_H
#define FG_MODEL_NET_H

#include "kernels/kernels.h"
#include "src/model/model.h"

struct fg_net; /* opaque */

/* Keys the random masks of one step: (seed, shard, its task number, step), the shard being that of `client`;
 * `first` samples of the same step went before this batch. */
struct fg_net_key {
    uint64_t seed;
    uint32_t client, number, step;
    size_t first;
};

enum fg_status fg_net_create(struct fg_net **out, const struct fg_model *m, const struct fg_kernels *k,
                             size_t capacity, struct fg_err *err);
void fg_net_destroy(struct fg_net *net);

size_t fg_net_capacity(const struct fg_net *net);

/* Floats of the packed parameter vector: canonical values padded for the kernels, the padding zero. */
size_t fg_model_packed(const struct fg_model *m);
void fg_model_pack(const struct fg_model *m, float *packed, const float *params /* (P) */);
void fg_model_unpack(const struct fg_model *m, float *params /* (P) */, const float *packed);

/* The packed parameters this net works with, to read or to change between passes. */
float *fg_net_params(struct fg_net *net);

/* Take over canonical parameters; how far those of the net are from them: delta = start - net. */
void fg_net_load(struct fg_net *net, const float *params /* (P) */);
void fg_net_moved(const struct fg_net *net, const float *start /* (P) */, float *delta /* (P) */);

/* Where the samples of the next pass go: (capacity, *ldx), and their labels (capacity, labels per sample). */
float *fg_net_input(struct fg_net *net, size_t *ldx);
uint16_t *fg_net_labels(struct fg_net *net);

/* Where lines go that are to be asked of memory in the next training pass; it may leave some of them. */
struct fg_live_inputs *fg_net_live(struct fg_net *net);

/* Labels per sample: 1, or the positions of a text. */
uint32_t fg_net_positions(const struct fg_net *net);

/* One training pass over n gathered samples: forward, loss, backward, and at once w += mlr * gradient.
 * Returns the sum of the losses of all positions. n <= capacity. */
double fg_net_step(struct fg_net *net, size_t n, float mlr, const struct fg_net_key *key);

/* The same, but the packed gradient goes to grad (packed) and the parameters stay. It is that of the sum of
 * the losses divided by (whole * positions). */
double fg_net_gradient(struct fg_net *net, size_t n, size_t whole, float *grad, const struct fg_net_key *key);

/* Score n gathered samples: the sum of losses and the positions classified right, for each sample. */
void fg_net_score(struct fg_net *net, size_t n, double *loss /* (n) */, uint32_t *correct /* (n) */);

#endif
