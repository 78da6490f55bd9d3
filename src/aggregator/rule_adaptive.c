/* FedAdagrad, FedAdam, FedYogi: adaptive server steps.
 *
 * With Delta = -mean: m = beta1 m + (1 - beta1) Delta; v by rule; x = x + lr m / (sqrt(v) + tau); v starts at
 * tau^2, m at 0, no bias correction, as the paper's algorithm 2.
 */
#include <math.h>

#include "src/aggregator/rule.h"

static void init(struct fg_rule *r)
{
    double *v = r->state + r->cfg.params;
    for (size_t i = 0; i < r->cfg.params; i++) {
        v[i] = r->cfg.tau * r->cfg.tau;
    }
}

static void move(struct fg_rule *r, float *x, const double *mean, double beta1,
                 double (*second)(double v, double sq, double beta2))
{
    double *m = r->state, *v = r->state + r->cfg.params;
    for (size_t i = 0; i < r->cfg.params; i++) {
        double delta = -mean[i];
        m[i] = beta1 * m[i] + (1.0 - beta1) * delta;
        v[i] = second(v[i], delta * delta, r->cfg.beta2);
        x[i] = (float)((double)x[i] + r->cfg.lr * m[i] / (sqrt(v[i]) + r->cfg.tau));
    }
}

static double adagrad(double v, double sq, double beta2)
{
    (void)beta2;
    return v + sq;
}

static double adam(double v, double sq, double beta2)
{
    return beta2 * v + (1.0 - beta2) * sq;
}

static double yogi(double v, double sq, double beta2)
{
    double sign = v > sq ? 1.0 : v < sq ? -1.0 : 0.0;
    return v - (1.0 - beta2) * sq * sign;
}

static void apply_adagrad(struct fg_rule *r, float *x, const double *mean)
{
    move(r, x, mean, 0.0, adagrad); /* the paper's FedAdagrad has beta1 = 0 */
}

static void apply_adam(struct fg_rule *r, float *x, const double *mean)
{
    move(r, x, mean, r->cfg.beta1, adam);
}

static void apply_yogi(struct fg_rule *r, float *x, const double *mean)
{
    move(r, x, mean, r->cfg.beta1, yogi);
}

#define SOURCE "reddi21, algorithm 2 (Adaptive Federated Optimization, ICLR 2021)"

extern const struct fg_rule_ops fg_rule_fedadagrad, fg_rule_fedadam, fg_rule_fedyogi;

const struct fg_rule_ops fg_rule_fedadagrad = {
    .name = "fedadagrad",
    .doc = "server Adagrad on the mean update",
    .source = SOURCE,
    .vectors = 2,
    .init = init,
    .apply = apply_adagrad,
};

const struct fg_rule_ops fg_rule_fedadam = {
    .name = "fedadam",
    .doc = "server Adam on the mean update",
    .source = SOURCE,
    .vectors = 2,
    .init = init,
    .apply = apply_adam,
};

const struct fg_rule_ops fg_rule_fedyogi = {
    .name = "fedyogi",
    .doc = "server Yogi on the mean update",
    .source = SOURCE,
    .vectors = 2,
    .init = init,
    .apply = apply_yogi,
};
