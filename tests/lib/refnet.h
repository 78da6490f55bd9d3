/* A network in double precision, written for tests only: forward passes by plain loops over unpadded arrays,
 * straight from the layers' definitions in doc/models.md, to check the real one and its gradients against. */
#ifndef FG_TESTS_LIB_REFNET_H
#define FG_TESTS_LIB_REFNET_H

#include <stddef.h>
#include <stdint.h>

#include "src/model/model.h"

struct ref_key {
    uint64_t seed;
    uint32_t client, number, step;
};

/* Mean loss over n samples and all their positions. key: dropout masks of that step; NULL: no dropout.
 * Shapes: params (P) canonical; x (n, width); y (n, positions). */
double ref_loss(const char *layers, const struct fg_model_input *in, const double *params, const double *x,
                const uint16_t *y, size_t n, const struct ref_key *key, uint32_t *correct);

#endif
