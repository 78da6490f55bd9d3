/* FedAWE: everyone keeps a model of its own and makes up for the rounds it missed.
 *
 * A client begins with x_i, the model it received last (round tau_i; x_0 and -1 at first), and ends with x_i
 * - Delta_i. It counts as x_i - lr (t - tau_i) Delta_i in round t; the mean of these over the active is the
 * new model, which only the active receive. With nobody active the model is held.
 */
#include "src/aggregator/rule.h"

/* Row 0: the version of x_i, which is tau_i + 1. */
static double reach(const struct fg_rule *r, const struct fg_rule_update *u)
{
    double missed = (double)(r->commits + 1) - r->scalar[u->client];
    return r->cfg.lr * missed;
}

static void commit(struct fg_rule *r, float *x)
{
    for (size_t i = 0; r->folded > 0 && i < r->cfg.params; i++) {
        x[i] = (float)(r->sum[i] / r->weight);
    }
    for (uint32_t k = 0; k < r->folded; k++) {
        fg_rule_set_row(r, r->client[k], x);
        r->scalar[r->client[k]] = (double)(r->commits + 1);
    }
}

extern const struct fg_rule_ops fg_rule_fedawe;
const struct fg_rule_ops fg_rule_fedawe = {
    .name = "fedawe",
    .doc = "clients go on from the model they received last and make up for missed rounds; keeps 4 bytes a "
           "client and "
           "parameter",
    .source = "xiang24 (FedAWE), algorithm 1",
    .scalars = 1,
    .own_start = 1,
    .reach = reach,
    .commit = commit,
};
