/* FedNova: updates are normalised by their own number of local steps, so that who did more does not pull
 * more.
 *
 * d_i = Delta_i / |a_i|_1, x = x - lr tau_eff sum p_i d_i, with p renormalised over the arrivals. a_i is how
 * much each local gradient moved the model, in learning rates. |a|_1 of tau local steps: tau for plain SGD;
 * (tau - m (1 - m^tau) / (1 - m)) / (1 - m) with momentum m; (1 - (1 - eta mu)^tau) / (eta mu) with a
 * proximal term; step by step with both. tau_eff = sum p_i |a_i|_1, or sum p_i tau_i with a proximal term. A
 * partial update is one with fewer steps, no more.
 */
#include "src/aggregator/rule.h"

/* b^n by squaring. */
static double power(double b, uint32_t n)
{
    double p = 1.0;
    for (; n > 0; n >>= 1) {
        p = (n & 1) != 0 ? p * b : p;
        b *= b;
    }
    return p;
}

static double norm_a(const struct fg_rule_config *cfg, uint32_t steps, double lr)
{
    double tau = (double)steps, m = cfg->local_momentum, decay = lr * cfg->prox_mu;
    if (m > 0.0 &&
        decay > 0.0) { /* gradients of 1: the proximal term goes through the velocity, as in local work */
        double velocity = 0.0, moved = 0.0;
        for (uint32_t k = 0; k < steps; k++) {
            velocity = m * velocity + 1.0 - decay * moved;
            moved += velocity;
        }
        return moved;
    }
    if (m > 0.0) {
        return (tau - m * (1.0 - power(m, steps)) / (1.0 - m)) / (1.0 - m);
    }
    return decay > 0.0 ? (1.0 - power(1.0 - decay, steps)) / decay : tau;
}

static double scale(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    double a = norm_a(&r->cfg, u->steps, u->lr);
    fg_fsum_add(&r->extras, weight * (r->cfg.prox_mu > 0.0 ? (double)u->steps : a));
    return weight / a;
}

static void commit(struct fg_rule *r, float *x)
{
    if (r->folded == 0) {
        return;
    }
    double step = r->cfg.lr * (r->extra / r->weight) / r->weight;
    for (size_t i = 0; i < r->cfg.params; i++) {
        x[i] = (float)((double)x[i] - step * r->sum[i]);
    }
}

extern const struct fg_rule_ops fg_rule_fednova;
const struct fg_rule_ops fg_rule_fednova = {
    .name = "fednova",
    .doc =
        "updates normalised by their number of local steps; unequal and partial work does not bias the model",
    .source = "wang20 (FedNova); normalisation of momentum and proximal steps, and tau_eff, as in the "
              "authors' program",
    .partial = FG_PARTIAL_BY_STEPS,
    .scale = scale,
    .commit = commit,
};
