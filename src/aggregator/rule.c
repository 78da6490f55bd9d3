#include "src/aggregator/rule.h"

#include <string.h>

#include "src/base/mem.h"

extern const struct fg_rule_ops fg_rule_fedavg, fg_rule_fedsgd, fg_rule_fedavgm, fg_rule_fedadagrad,
    fg_rule_fedadam, fg_rule_fedyogi;

static const struct fg_rule_ops *const registry[] = {
    &fg_rule_fedavg,
    &fg_rule_fedsgd,
    &fg_rule_fedavgm,
    &fg_rule_fedadam,
    &fg_rule_fedyogi,
    &fg_rule_fedadagrad,
    NULL,
};

const struct fg_rule_ops *const *fg_rule_list(void)
{
    return registry;
}

const struct fg_rule_ops *fg_rule_find(const char *name)
{
    for (size_t i = 0; registry[i] != NULL; i++) {
        if (strcmp(registry[i]->name, name) == 0) {
            return registry[i];
        }
    }
    return NULL;
}

enum fg_status fg_rule_create(struct fg_rule **out, const struct fg_rule_ops *ops,
                              const struct fg_rule_config *cfg)
{
    struct fg_rule *r = fg_calloc(1, sizeof *r);
    if (r == NULL) {
        return FG_E_NOMEM;
    }
    r->ops = ops;
    r->cfg = *cfg;
    r->sum = fg_calloc(cfg->params, sizeof *r->sum);
    r->state = fg_calloc(cfg->params * ops->vectors, sizeof *r->state);
    if (r->sum == NULL || r->state == NULL) {
        fg_rule_destroy(r);
        return FG_E_NOMEM;
    }
    if (ops->init != NULL) {
        ops->init(r);
    }
    *out = r;
    return FG_OK;
}

void fg_rule_destroy(struct fg_rule *r)
{
    if (r != NULL) {
        fg_free(r->sum);
        fg_free(r->state);
        fg_free(r);
    }
}

void fg_rule_fold(struct fg_rule *r, const float *restrict delta, uint32_t samples)
{
    double w = r->cfg.weights == FG_WEIGHT_SAMPLES ? (double)samples : 1.0;
    double *restrict sum = r->sum;
    for (size_t i = 0; i < r->cfg.params; i++) {
        sum[i] += w * (double)delta[i];
    }
    r->weight += w;
    r->folded++;
}

void fg_rule_commit(struct fg_rule *r, float *x)
{
    double all = r->cfg.weights == FG_WEIGHT_SAMPLES ? r->cfg.total_samples : (double)r->cfg.clients;
    double divisor = r->cfg.over == FG_OVER_ALL ? all : r->weight;
    if (r->folded > 0 && divisor > 0.0) {
        for (size_t i = 0; i < r->cfg.params; i++) {
            r->sum[i] /= divisor;
        }
        r->ops->apply(r, x, r->sum);
    }
    r->commits++;
    fg_rule_drop(r);
}

void fg_rule_drop(struct fg_rule *r)
{
    if (r->folded > 0) {
        memset(r->sum, 0, r->cfg.params * sizeof *r->sum);
    }
    r->weight = 0.0;
    r->folded = 0;
}
