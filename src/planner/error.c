#include "src/planner/error.h"

#include <math.h>
#include <stddef.h>

#include "src/base/fmath.h"

double fg_effective_steps(double tau, double lr, double curvature)
{
    double x = lr * curvature;
    return x <= 0.0 ? tau : x >= 1.0 ? fmin(tau, 1.0) : (1.0 - fg_pow(1.0 - x, tau)) / x;
}

void fg_error_defaults(struct fg_error_terms *t)
{
    *t = (struct fg_error_terms){.mean_steps = 1.0,
                                 .rounds = 1.0,
                                 .lr = 0.1,
                                 .curvature = 1.0,
                                 .noise = 1.0,
                                 .spread = 1.0,
                                 .distance = 1.0};
}

static struct fg_error_client client_of(const struct fg_error_terms *t, uint32_t i)
{
    if (t->tell != NULL) {
        return t->tell(t->tell_arg, i);
    }
    double s = t->chance[i];
    return (struct fg_error_client){.target = t->target != NULL ? t->target[i] : 1.0,
                                    .chance = s,
                                    .weight = t->weight != NULL ? t->weight[i]
                                              : s > 0.0         ? 1.0 / s
                                                                : 0.0,
                                    .memory = t->memory != NULL ? t->memory[i] : 0.0,
                                    .steps = t->steps != NULL ? t->steps[i] : t->mean_steps};
}

/* Squared distance from the target: the worst case over all clients, or the mean over those that are alike
 * but for their zone. Weights are divided by `all` targets, and `counted` of them come. */
static double bias_of(const struct fg_error_terms *t, double all, double counted)
{
    double apart = 0.0, squares = 0.0, zones = 0.0;
    for (uint32_t z = 0; t->zone != NULL && z < t->zones; z++) {
        t->scratch[z] = 0.0;
    }
    for (uint32_t i = 0; i < t->clients; i++) {
        struct fg_error_client c = client_of(t, i);
        double alpha = c.target / all;
        double x = alpha - alpha * c.weight * c.chance * all / counted;
        apart += fabs(x);
        squares += x * x;
        if (t->zone != NULL) {
            t->scratch[t->zone[i]] += x;
        }
    }
    for (uint32_t z = 0; t->zone != NULL && z < t->zones; z++) {
        zones += t->scratch[z] * t->scratch[z];
    }
    return t->zone != NULL ? squares * t->spread + zones * t->zone_spread : apart * apart * t->spread;
}

/* The end of a run on a strongly convex problem: what is left of the start, and as much of the rest as a
 * gradient of that size is away from the optimum. */
static void contract(struct fg_error *e, const struct fg_error_terms *t, double effective)
{
    double keep = fmax(0.0, 1.0 - t->lr * t->convexity);
    e->progress = t->distance * fg_pow(keep, effective * t->rounds);
    e->variance /= 2.0 * t->convexity;
    e->drift /= 2.0 * t->convexity;
    e->bias /= 2.0 * t->convexity;
    e->feedback /= 2.0 * t->convexity;
}

struct fg_error fg_error_predict(const struct fg_error_terms *t)
{
    double all = 0.0, counted = 0.0, effective = 0.0, variance = 0.0;
    double spread = t->spread + (t->zone != NULL ? t->zone_spread : 0.0);
    for (uint32_t i = 0; i < t->clients; i++) {
        struct fg_error_client c = client_of(t, i);
        all += c.target;
        counted += c.target * c.weight * c.chance;
    }
    for (uint32_t i = 0; i < t->clients && counted > 0.0; i++) {
        struct fg_error_client c = client_of(t, i);
        effective += c.target / all * c.weight * c.chance * c.steps;
    }
    double memory = t->convexity > 0.0 ? fg_pow(fmax(0.0, 1.0 - t->lr * t->convexity), effective) : 1.0;
    for (uint32_t i = 0; i < t->clients && counted > 0.0; i++) {
        struct fg_error_client c = client_of(t, i);
        double w = c.target / all * c.weight, s = c.chance, tau = c.steps, l = memory * c.memory;
        double noise = tau > 0.0 ? t->noise / tau : t->noise;
        variance += w * w * s * ((1.0 + t->codec) * noise + t->codec * t->slope) +
                    w * w * s * (1.0 - s) * (1.0 + l) / (1.0 - l) * spread;
    }
    struct fg_error e = {0};
    double total = effective * t->rounds;
    double far = t->convexity > 0.0 ? fg_effective_steps(effective, t->lr, t->curvature) : effective;
    e.progress = total > 0.0 ? t->distance / (t->lr * total) : INFINITY;
    e.variance = t->curvature * t->lr * far * variance;
    e.drift = far > 1.0
                  ? t->lr * t->lr * t->curvature * t->curvature * (far - 1.0) * (t->noise + far * spread)
                  : 0.0;
    e.bias = counted > 0.0 ? bias_of(t, all, counted) : 0.0;
    double reach =
        t->lr * t->curvature * far; /* the model is off by the last d rounds, the noise of each its own */
    e.feedback = reach * reach * t->behind * (t->behind * t->slope + variance);
    if (t->convexity > 0.0) {
        contract(&e, t, effective);
    }
    e.all = e.progress + e.variance + e.drift + e.bias + e.feedback;
    return e;
}
