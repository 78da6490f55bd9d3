/* DiLoCo: outer Nesterov momentum on the mean update: v = m v + D, x = x - lr (D + m v). */
#include "src/aggregator/rule.h"

static void apply(struct fg_rule *r, float *x, const double *mean)
{
    double *v = r->state, m = r->cfg.momentum;
    for (size_t i = 0; i < r->cfg.params; i++) {
        v[i] = m * v[i] + mean[i];
        x[i] = (float)((double)x[i] - r->cfg.lr * (mean[i] + m * v[i]));
    }
}

extern const struct fg_rule_ops fg_rule_diloco;
const struct fg_rule_ops fg_rule_diloco = {
    .name = "diloco",
    .doc =
        "outer Nesterov momentum on the mean update; aggregate.lr = 0.7, momentum = 0.9 and many local steps",
    .source = "douillard23 (DiLoCo), algorithm 1; Nesterov momentum as in PyTorch's SGD",
    .vectors = 1,
    .apply = apply,
};
