/* FedAvg, FedSGD and server momentum: steps along the mean update. */
#include "src/aggregator/rule.h"

static void apply_momentum(struct fg_rule *r, float *x, const double *mean)
{
    double *v = r->state;
    for (size_t i = 0; i < r->cfg.params; i++) {
        v[i] = r->cfg.momentum * v[i] + mean[i];
        x[i] = (float)((double)x[i] - r->cfg.lr * v[i]);
    }
}

extern const struct fg_rule_ops fg_rule_fedavg, fg_rule_fedsgd, fg_rule_fedavgm;

const struct fg_rule_ops fg_rule_fedavg = {
    .name = "fedavg",
    .doc = "weighted mean of the updates; aggregate.lr = 1 gives the mean of the local models",
    .source = "mcmahan17, algorithm 1 (over = active: renormalised over arrivals; over = all: absent clients "
              "count 0)",
    .plain = 1,
};

const struct fg_rule_ops fg_rule_fedsgd = {
    .name = "fedsgd",
    .doc =
        "one step of each client on its whole shard (train.epochs, train.batch and train.steps are ignored)",
    .source = "mcmahan17, section 2 (E = 1, B = infinity)",
    .full_batch = 1,
    .partial = FG_PARTIAL_REFUSED,
    .plain = 1,
};

const struct fg_rule_ops fg_rule_fedavgm = {
    .name = "fedavgm",
    .doc = "server momentum: v = momentum v + mean, x = x - lr v",
    .source = "hsu19, section 4.3",
    .vectors = 1,
    .apply = apply_momentum,
};
