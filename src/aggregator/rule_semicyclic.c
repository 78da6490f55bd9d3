/* Semi-cyclic SGD with pluralistic averages: one chain, and of each block of the cycle the mean of its
 * iterates.
 *
 * Rounds come in cycles of aggregate.cycle (a day of hourly slots); a cycle has aggregate.blocks blocks of
 * equal length: round r is in block floor((r mod cycle) blocks / cycle). The chain is FedAvg's; after each
 * round in block i that had updates, mean_i += (x - mean_i) / n_i. A client goes by the mean of the block
 * that it took part in last.
 */
#include "src/aggregator/rule.h"

static uint32_t block_of_round(const struct fg_rule *r)
{
    uint64_t at = r->commits % r->cfg.cycle;
    return (uint32_t)(at * r->cfg.blocks / r->cfg.cycle);
}

static void apply(struct fg_rule *r, float *x, const double *mean)
{
    size_t p = r->cfg.params;
    uint32_t block = block_of_round(r);
    double *average = r->state + p * block, *n = r->state + p * r->cfg.blocks + block;
    *n += 1.0;
    for (size_t i = 0; i < p; i++) {
        x[i] = (float)((double)x[i] - r->cfg.lr * mean[i]);
        average[i] += ((double)x[i] - average[i]) / *n;
    }
    for (uint32_t k = 0; k < r->folded; k++) {
        r->scalar[r->client[k]] = 1.0 + (double)block;
    }
}

extern const struct fg_rule_ops fg_rule_semicyclic;
const struct fg_rule_ops fg_rule_semicyclic = {
    .name = "semicyclic",
    .doc =
        "fedavg, and for each of aggregate.blocks blocks of a cycle the mean of the models met in it, which "
        "its clients use",
    .source = "eichner19, section 4 (pluralistic averages of one chain)",
    .blocks = 1,
    .scalars = 1,
    .apply = apply,
};
