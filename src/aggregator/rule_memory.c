/* MIFA and FedVARP: the last update of every client stands in for those that are away.
 *
 * With h_j the last update of client j (0 before its first), A the active ones and S = sum over A of
 * (Delta_i - h_i), which is what fold adds up:
 *   MIFA:    x = x - lr (1/N) sum_j h_j   with h_i = Delta_i already for i in A
 *   FedVARP: x = x - lr (S / |A| + (1/N) sum_j h_j), then h_i = Delta_i for i in A
 * The sum over all clients is kept in state; weights are uniform, as in the papers. With nobody active x is
 * held.
 */
#include "src/aggregator/rule.h"

static double one(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    (void)r;
    (void)u;
    (void)weight;
    return 1.0;
}

static void commit_mifa(struct fg_rule *r, float *x)
{
    double step = r->cfg.lr / (double)r->cfg.clients;
    for (size_t i = 0; r->folded > 0 && i < r->cfg.params; i++) {
        r->state[i] += r->sum[i];
        x[i] = (float)((double)x[i] - step * r->state[i]);
    }
}

static void commit_fedvarp(struct fg_rule *r, float *x)
{
    double active = (double)r->folded, all = (double)r->cfg.clients;
    for (size_t i = 0; r->folded > 0 && i < r->cfg.params; i++) {
        double v = r->sum[i] / active + r->state[i] / all;
        x[i] = (float)((double)x[i] - r->cfg.lr * v);
        r->state[i] += r->sum[i];
    }
}

extern const struct fg_rule_ops fg_rule_mifa, fg_rule_fedvarp;

const struct fg_rule_ops fg_rule_mifa = {
    .name = "mifa",
    .doc =
        "mean of the last updates of all clients, absent ones included; keeps 4 bytes a client and parameter",
    .source = "gu21 (MIFA), algorithm 1; held while nobody is active",
    .vectors = 1,
    .remembers = 1,
    .partial = FG_PARTIAL_REFUSED, /* it would stand for the client until its next one */
    .scale = one,
    .commit = commit_mifa,
};

const struct fg_rule_ops fg_rule_fedvarp = {
    .name = "fedvarp",
    .doc =
        "mean of the active updates, corrected by everyone's last ones; keeps 4 bytes a client and parameter",
    .source = "jhunjhunwala22 (FedVARP), algorithm 1; held while nobody is active",
    .vectors = 1,
    .remembers = 1,
    .partial = FG_PARTIAL_REFUSED, /* it would stand for the client until its next one */
    .scale = one,
    .commit = commit_fedvarp,
};
