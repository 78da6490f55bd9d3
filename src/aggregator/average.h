/* The mean of the server's models, in which later ones count more:
 * what is evaluated and kept instead of the newest model.
 *
 *   mean_t = mean_{t-1} + (x_t - mean_{t-1}) 9 / (t + 8),   t the number of models taken; mean_1 = x_1
 *
 * so that x_s has the weight s (s + 1) ... (s + 7) in it, up to a factor.
 * Before the first it is the model that was begun with.
 *
 * Source: Shamir and Zhang 2013, section 4 (polynomial-decay averaging), with eta = 8;
 * doc/algorithms/averaging.md.
 * Thread safety: one caller.
 */
#ifndef FG_AGGREGATOR_AVERAGE_H
#define FG_AGGREGATOR_AVERAGE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/bytes.h"
#include "src/base/status.h"
#include "src/base/str.h"

struct fg_average {
    size_t params;  /* P; 0: there is none */
    uint64_t taken; /* t */
    double *mean;   /* (P) */
    float *rounded; /* (P) the same */
};

/* Begin with x (P). Errors: FG_E_NOMEM (nothing is held then). Owner: the caller, fg_average_fini(). */
enum fg_status fg_average_init(struct fg_average *m, size_t params, const float *x) FG_NODISCARD;
void fg_average_fini(struct fg_average *m);

/* One more model, x (P). Cost: O(P). */
void fg_average_take(struct fg_average *m, const float *x);

/* The state as bytes; and back, into one of the same P. What is wrong makes the reader bad.
 * Errors: FG_E_NOMEM. */
enum fg_status fg_average_save(const struct fg_average *m, struct fg_str *out) FG_NODISCARD;
void fg_average_load(struct fg_average *m, struct fg_reader *in);

#endif
