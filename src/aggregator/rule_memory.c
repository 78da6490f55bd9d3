/* MIFA and FedVARP: the last update of every client stands in for those that are away.
 *
 * With h_j the last update of client j (0 before its first), A the active ones and S = sum over A of
 * (Delta_i - h_i), which is what fold adds up:
 *   MIFA:    x = x - lr (1/N) sum_j (eta / eta_j) h_j   with h_i = Delta_i already for i in A
 *   FedVARP: x = x - lr (S / |A| + (1/N) sum_j h_j), then h_i = Delta_i for i in A
 * eta is the round's local learning rate, eta_j that of client j's last update: what MIFA remembers are
 * directions. The sum over all clients is kept in state; weights are uniform, as in the papers. With nobody
 * active x is held.
 */
#include "src/aggregator/rule.h"

static double one(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    (void)r;
    (void)u;
    (void)weight;
    return 1.0;
}

/* Scalars of MIFA: the local rate of each client's last update, and that of the state, once. */
enum { RATE = 0, STATE_RATE = 1, MIFA_SCALARS = 2 };

static double ratio(double now, double then)
{
    return then > 0.0 ? now / then : 1.0;
}

static double rescale(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    if (r->folded == 1) { /* the first of the round, whose rate all share */
        fg_fsum_add(&r->extras, u->lr);
    }
    r->recall = ratio(u->lr, r->scalar[(size_t)RATE * r->cfg.clients + u->client]);
    return one(r, u, weight);
}

static void commit_mifa(struct fg_rule *r, float *x)
{
    if (r->folded == 0) {
        return;
    }
    double step = r->cfg.lr / (double)r->cfg.clients, *rate = r->scalar + (size_t)RATE * r->cfg.clients,
           *of_state = r->scalar + (size_t)STATE_RATE * r->cfg.clients, fresh = ratio(r->extra, *of_state);
    for (size_t i = 0; i < r->cfg.params; i++) {
        r->state[i] = fresh * r->state[i] + r->sum[i];
        x[i] = (float)((double)x[i] - step * r->state[i]);
    }
    *of_state = r->extra;
    for (uint32_t k = 0; k < r->folded; k++) {
        rate[r->client[k]] = r->extra;
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
    .source = "gu21 (MIFA), compared with the authors' program; held while nobody is active",
    .vectors = 1,
    .scalars = MIFA_SCALARS,
    .remembers = 1,
    .partial = FG_PARTIAL_REFUSED, /* it would stand for the client until its next one */
    .scale = rescale,
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
