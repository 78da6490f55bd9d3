/* One operation of kernels/device.h on random shapes, and what the reference kernels make of
 * the same memory. */
#ifndef FG_TESTS_GPU_TRIAL_H
#define FG_TESTS_GPU_TRIAL_H

#include <stdbool.h>

#include "kernels/device.h"
#include "src/base/rng.h"

enum { TRIAL_MOST = 64 }; /* samples of a lane */
enum { NO_PLACE = 255 };  /* of a window that passes no gradient */

struct trial {
    struct fg_op op, pool;      /* pool: of FG_OP_CONV_POOL */
    size_t floats;              /* of a lane */
    uint32_t codes, labels;     /* x holds codes below, d labels below */
    uint32_t places;            /* d holds bytes below */
    struct fg_device_data data; /* of FG_OP_LOAD, the host's */
};

/* Draw shapes for an operation of that kind over at most `most` samples. */
void trial_draw(struct trial *t, enum fg_op_kind kind, uint32_t most, struct fg_rng *r);

/* A lane's memory (floats) to begin with. */
void trial_fill(const struct trial *t, float *memory, uint32_t n, struct fg_rng *r);

/* FG_OP_SIGNS of values of a convolution's output, as n samples have it. */
void trial_signs(const struct fg_op *o, const float *of, float *memory, uint32_t n);

/* Do it by the reference: memory in-out; lane: n, batch, seed, shard, number, lr, order in; loss,
 * scores out. */
void trial_expect(const struct trial *t, float *memory, struct fg_lane *lane);

/* What an operation makes by the way, as one of its own: FG_OP_SUMS, FG_OP_WEIGHTS, pooling. False: nothing.
 * And what becomes of it, given the memory before (of which the weights are not what is rounded). */
bool trial_beside(const struct trial *t, struct fg_op *out);
void trial_expect_beside(const struct trial *t, float *memory, const float *before, enum fg_arithmetic mode,
                         struct fg_lane *lane);

/* Whether its products depend on the arithmetic, and how many terms a sum has at most. */
bool trial_multiplies(enum fg_op_kind kind);
size_t trial_terms(const struct trial *t, uint32_t n);

/* Round what it multiplies in memory (floats) as that arithmetic does, and put what was there before back. */
void trial_round(const struct trial *t, float *memory, enum fg_arithmetic mode);
void trial_unround(const struct trial *t, float *memory, const float *before, enum fg_arithmetic mode);

const char *trial_name(enum fg_op_kind kind);

#endif
