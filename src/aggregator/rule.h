/* Aggregation rules: how a round's updates become new parameters.
 *
 * Every rule folds updates one at a time into O(P) memory, in the order of their (virtual) arrival, which
 * under a virtual clock is the same in every run; sums are in double with separate multiply and add.
 * A rule is a const struct of functions in a file of its own and one line in the registry (rule.c).
 * Thread safety: one caller.
 */
#ifndef FG_AGGREGATOR_RULE_H
#define FG_AGGREGATOR_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum fg_weighting { FG_WEIGHT_SAMPLES, FG_WEIGHT_UNIFORM };
enum fg_averaging { FG_OVER_ACTIVE, FG_OVER_ALL };

struct fg_rule_config {
    size_t params;             /* P */
    uint32_t clients;          /* N */
    double total_samples;      /* over all N clients */
    enum fg_weighting weights; /* w_i = samples of client i, or 1 */
    enum fg_averaging over;    /* divide by the sum of w over the round's updates, or over all N clients */
    double lr;                 /* server learning rate */
    double momentum;           /* fedavgm */
    double beta1, beta2, tau;  /* adaptive rules */
};

struct fg_rule {
    const struct fg_rule_ops *ops;
    struct fg_rule_config cfg;
    double *sum;   /* (P) sum of w_i delta_i of the open round */
    double weight; /* sum of w_i of the open round */
    uint32_t folded;
    double *state; /* (ops->vectors, P) server state, kept from round to round */
    uint64_t commits;
};

struct fg_rule_ops {
    const char *name;
    const char *doc;
    const char *source;
    unsigned vectors; /* server-state vectors of P doubles */
    /* What local work must be for this rule: 1 = one step on the whole shard (FedSGD), 0 = as configured. */
    int full_batch;
    void (*init)(struct fg_rule *r); /* set the state for the first round; NULL = zeros */
    /* Move x (P) by the mean update `mean` (P), the direction that is subtracted. Called only when folded > 0. */
    void (*apply)(struct fg_rule *r, float *x, const double *mean);
};

const struct fg_rule_ops *fg_rule_find(const char *name);
const struct fg_rule_ops *const *fg_rule_list(void);

/* Errors: FG_E_NOMEM. Owner: the caller, fg_rule_destroy() (NULL allowed). */
enum fg_status fg_rule_create(struct fg_rule **out, const struct fg_rule_ops *ops,
                              const struct fg_rule_config *cfg) FG_NODISCARD;
void fg_rule_destroy(struct fg_rule *r);

/* Fold one update of a client with `samples` samples. Cost: one pass over delta. */
void fg_rule_fold(struct fg_rule *r, const float *delta /* (P) */, uint32_t samples);

/* Close the round: x (P) moves, the sum is cleared. Without any update x stays bit for bit the same. */
void fg_rule_commit(struct fg_rule *r, float *x);

/* Forget the open round's updates. */
void fg_rule_drop(struct fg_rule *r);

#endif
