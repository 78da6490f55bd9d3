/* FedAU: each update is weighted by the client's mean interval between participations, cut at K rounds.
 *
 * For every client and round: S_i += 1; if it took part, or S_i = K: omega_i = (M_i omega_i + S_i) / (M_i +
 * 1), M_i += 1, S_i = 0. x = x - lr sum over the active of alpha_i omega_i Delta_i with omega_i from before
 * this round, initially 1, and alpha_i = w_i / sum of all w.
 */
#include "src/aggregator/rule.h"

enum { CUTOFF = 50, OMEGA = 0, COUNT = 1, SINCE = 2, SCALARS = 3 }; /* K = 50 as in the paper's experiments */

static double *row(const struct fg_rule *r, int which)
{
    return r->scalar + (size_t)which * r->cfg.clients;
}

static void init(struct fg_rule *r)
{
    for (uint32_t c = 0; c < r->cfg.clients; c++) {
        row(r, OMEGA)[c] = 1.0;
    }
}

static double scale(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    return weight * row(r, OMEGA)[u->client];
}

static void end_interval(struct fg_rule *r, uint32_t c)
{
    double *omega = row(r, OMEGA), *count = row(r, COUNT), *since = row(r, SINCE);
    omega[c] = (count[c] * omega[c] + since[c]) / (count[c] + 1.0);
    count[c] += 1.0;
    since[c] = 0.0;
}

static void commit(struct fg_rule *r, float *x)
{
    double *since = row(r, SINCE);
    double all = fg_rule_all(r);
    for (size_t i = 0; r->folded > 0 && i < r->cfg.params; i++) {
        x[i] = (float)((double)x[i] - r->cfg.lr * (r->sum[i] / all));
    }
    for (uint32_t c = 0; c < r->cfg.clients; c++) {
        since[c] += 1.0;
    }
    for (uint32_t k = 0; k < r->folded; k++) {
        end_interval(r, r->client[k]);
    }
    for (uint32_t c = 0; c < r->cfg.clients; c++) {
        if (since[c] >= (double)CUTOFF) {
            end_interval(r, c);
        }
    }
}

extern const struct fg_rule_ops fg_rule_fedau;
const struct fg_rule_ops fg_rule_fedau = {
    .name = "fedau",
    .doc = "updates weighted by the client's mean interval between participations, cut at 50 rounds",
    .source = "wangji24 (FedAU), algorithm 2",
    .scalars = SCALARS,
    .init = init,
    .scale = scale,
    .commit = commit,
};
