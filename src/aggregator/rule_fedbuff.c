/* FedBuff and REFL: updates that come when their round is over.
 *
 * FedBuff: the server moves when K updates are in its buffer, whatever model they began with:
 *   x = x - lr (1/K) sum_i Delta_i / sqrt(1 + s_i),   s_i the commits since client i's model was the newest
 * The buffer is select.clients (K), the clients at work at a time select.over times as many.
 *
 * REFL: the n fresh updates of a round, whose mean is m, and late ones of earlier rounds beside them:
 *   x = x - lr (sum_fresh Delta_i + sum_late v_j Delta_j) / (n + sum_late v_j)
 *   v_j = (1 - b) / (s_j + 1) + b (1 - exp(-L_j / max L)),   L_j = |m - (Delta_j + n m) / (n + 1)|^2 / |m|^2
 * b = 0.35. Without fresh ones there is nothing to compare with: L = 0. Late updates are staged till the
 * round's end.
 */
#include <math.h>
#include <stdlib.h>

#include "src/aggregator/rule.h"
#include "src/base/fmath.h"

#define REFL_B 0.35

static double damp(struct fg_rule *r, const struct fg_rule_update *u, double weight)
{
    (void)r;
    return weight / sqrt(1.0 + (double)u->staleness);
}

static void apply(struct fg_rule *r, float *x, const double *mean)
{
    for (size_t i = 0; i < r->cfg.params; i++) {
        x[i] = (float)((double)x[i] - r->cfg.lr * mean[i]);
    }
}

/* L of a late update; r->sum holds what the fresh ones, of weight r->weight, add up to. */
static double deviation(const struct fg_rule *r, const float *delta, double fresh)
{
    double far = 0.0, length = 0.0;
    for (size_t i = 0; fresh > 0.0 && i < r->cfg.params; i++) {
        double m = r->sum[i] / r->weight, d = m - ((double)delta[i] + fresh * m) / (fresh + 1.0);
        far += d * d;
        length += m * m;
    }
    return length > 0.0 ? far / length : 0.0;
}

/* The weights of late updates. */
static void weigh_late(struct fg_rule *r)
{
    double fresh = (double)(r->folded - r->n_late), most = 0.0;
    for (uint32_t k = 0; k < r->n_late; k++) {
        r->late[k].far = deviation(r, r->late[k].delta, fresh);
        most = r->late[k].far > most ? r->late[k].far : most;
    }
    for (uint32_t k = 0; k < r->n_late; k++) {
        struct fg_rule_late *l = &r->late[k];
        double strange = most > 0.0 ? 1.0 - fg_exp(-l->far / most) : 0.0;
        l->weight *= (1.0 - REFL_B) / ((double)l->staleness + 1.0) + REFL_B * strange;
    }
}

/* By client, then age: one order, however they came. */
static int by_client(const void *a, const void *b)
{
    const struct fg_rule_late *x = a, *y = b;
    int client = (x->client > y->client) - (x->client < y->client);
    return client != 0 ? client : (x->staleness > y->staleness) - (x->staleness < y->staleness);
}

static void commit(struct fg_rule *r, float *x)
{
    if (r->n_late > 1) {
        qsort(r->late, r->n_late, sizeof *r->late, by_client);
    }
    weigh_late(r);
    for (uint32_t k = 0; k < r->n_late; k++) {
        const struct fg_rule_late *l = &r->late[k];
        for (size_t i = 0; i < r->cfg.params; i++) {
            r->sum[i] += l->weight * (double)l->delta[i];
        }
        r->weight += l->weight;
    }
    double all = r->cfg.over == FG_OVER_ALL ? fg_rule_all(r) : r->weight;
    for (size_t i = 0; all > 0.0 && r->folded > 0 && i < r->cfg.params; i++) {
        x[i] = (float)((double)x[i] - r->cfg.lr * (r->sum[i] / all));
    }
}

extern const struct fg_rule_ops fg_rule_fedbuff, fg_rule_refl;

const struct fg_rule_ops fg_rule_fedbuff = {
    .name = "fedbuff",
    .doc = "asynchronous: a step for every select.clients updates, those of old models damped by 1 / sqrt(1 "
           "+ age)",
    .source = "nguyen22 (FedBuff), algorithm 1",
    .stale = FG_STALE_COUNTS,
    .scale = damp,
    .apply = apply,
};

const struct fg_rule_ops fg_rule_refl = {
    .name = "refl",
    .doc = "as fedavg, and updates that come after their round join a later one with a weight by age and "
           "deviation",
    .source = "abdelmoniem23 (REFL), section 4.2: staleness-aware aggregation",
    .stale = FG_STALE_BESIDE,
    .stages_late = 1,
    .commit = commit,
};
