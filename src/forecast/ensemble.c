/* Ensemble: the mixture of the predictors before it that would have had the least squared error so far.
 * Weights are shared by all nodes, apart by the state now and the hour of the target, and shrunk towards
 * those of all hours; an error counts once the outcome has been seen. */
#include <string.h>

#include "src/base/mem.h"
#include "src/forecast/forecast_impl.h"
#include "src/forecast/mix.h"

#define DISCOUNT 0.9995 /* an hour; half of it is gone after 58 days */
#define SHRINK 100.0    /* all hours count as much as these many days of one hour */
/* The prior weights count as much as these many hours of all nodes, times the horizon: the errors of
 * forecasts for h hours are correlated for some h hours. */
#define PRIOR 4.0

struct self {
    struct fg_target target;
    size_t experts;
    struct fg_gram by_hour[2][24], all[2];
    double prior[FG_MIX_MAX], weight[2][24][FG_MIX_MAX];
    struct fg_ring ring; /* depth steps of (nodes, experts + 1); last: the state then, -1 where not known */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_free(s->ring.value);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    size_t depth = spec->target.horizon_h + fg_event_lag(spec->target.event) + 1;
    FG_ASSERT(spec->n_earlier <= FG_MIX_MAX);
    if (s == NULL || fg_ring_init(&s->ring, depth, spec->nodes * (spec->n_earlier + 1)) != FG_OK) {
        destroy(s);
        return FG_E_NOMEM;
    }
    s->target = spec->target;
    s->experts = spec->n_earlier;
    double sum = 0.0;
    for (size_t k = 0; k < s->experts; k++) {
        sum += fg_predictors[k]->prior;
    }
    for (size_t k = 0; k < s->experts; k++) {
        s->prior[k] = fg_predictors[k]->prior / sum;
        for (size_t i = 0; i < 48; i++) {
            s->weight[i / 24][i % 24][k] = s->prior[k];
        }
    }
    *out = s;
    return FG_OK;
}

static void learn(struct self *s, const struct fg_view *v)
{
    uint32_t lag = fg_event_lag(s->target.event), hour = (v->hour + 24 - lag) % 24;
    int64_t origin = v->now_h - lag - s->target.horizon_h;
    size_t n = s->experts;
    struct fg_gram fresh[2];
    if (origin < 0) {
        return;
    }
    memset(fresh, 0, sizeof fresh);
    for (uint32_t i = fg_view_first(v, origin); i < v->nodes; i += v->stride) {
        const float *p = fg_ring_at(&s->ring, origin) + i * (n + 1);
        if (p[n] < 0.0F) {
            continue;
        }
        double q[FG_MIX_MAX];
        for (size_t k = 0; k < n; k++) {
            q[k] = (double)p[k];
        }
        fg_gram_point(&fresh[p[n] > 0.5F], q, fg_event_value(s->target.event, &v->seen[i]), n);
    }
    for (int x = 0; x < 2; x++) {
        fg_gram_discount(&s->all[x], DISCOUNT, n);
        for (int h = 0; h < 24; h++) {
            fg_gram_discount(&s->by_hour[x][h], DISCOUNT, n);
        }
        fg_gram_add(&s->all[x], &fresh[x], 1.0, n);
        fg_gram_add(&s->by_hour[x][hour], &fresh[x], 1.0, n);
    }
}

static void weigh(struct self *s, uint32_t nodes, uint32_t hour)
{
    double horizon = s->target.horizon_h > 0 ? s->target.horizon_h : 1;
    for (int x = 0; x < 2; x++) {
        struct fg_gram g = s->by_hour[x][hour];
        const struct fg_gram *all = &s->all[x];
        double points = SHRINK * (double)nodes,
               ridge = PRIOR * horizon * (double)nodes * fg_gram_spread(all, s->experts);
        fg_gram_add(&g, all, all->n > points ? points / all->n : 1.0, s->experts);
        fg_gram_prior(&g, s->prior, ridge, s->experts);
        fg_gram_solve(s->weight[x][hour], &g, s->experts);
    }
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    struct self *t = to;
    const struct self *f = from;
    struct fg_ring ring = t->ring;
    (void)nodes;
    *t = *f;
    t->ring = ring;
    fg_ring_copy(&t->ring, &f->ring);
}

static void step(void *arg, const struct fg_view *v, double *p)
{
    struct self *s = arg;
    uint32_t hour = (v->hour + s->target.horizon_h) % 24;
    size_t n = s->experts;
    float *row = fg_ring_at(&s->ring, v->now_h);
    learn(s, v);
    weigh(s, (v->nodes + v->stride - 1) / v->stride, hour);
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        const double *w = s->weight[v->seen[i].up][hour];
        float *x = row + i * (n + 1);
        double sum = 0.0;
        for (size_t k = 0; k < n; k++) {
            x[k] = (float)v->earlier[k][i];
            sum += w[k] * v->earlier[k][i];
        }
        x[n] = !v->seen[i].known ? -1.0F : v->seen[i].up ? 1.0F : 0.0F;
        p[i] = sum < 0.0 ? 0.0 : sum > 1.0 ? 1.0 : sum;
    }
}

const struct fg_predictor fg_predictor_ensemble = {
    "ensemble", "the mixture of all that had the least error so far", 0.0, create, step, destroy, copy};
