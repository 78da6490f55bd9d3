/* Ensemble: the mixture of the predictors before it that would have had the least squared error so far, and
 * those of them that have done better than the mixture (contest.h). The mixture's weights are shared by all
 * nodes, apart by the state now and the hour of the target, and shrunk towards those of all hours; an error
 * counts once the outcome has been seen. */
#include <string.h>

#include "src/base/mem.h"
#include "src/forecast/contest.h"
#include "src/forecast/forecast_impl.h"
#include "src/forecast/mix.h"

#define DISCOUNT 0.9995      /* an hour, at most; half of it is gone after 58 days */
#define DISCOUNT_DAY 0.98806 /* the same of 24 hours */
#define SHRINK 100.0         /* all hours count as much as these many days of one hour */
/* The prior weights count as much as these many hours of all nodes, times the horizon: the errors of
 * forecasts for h hours are correlated for some h hours. */
#define PRIOR 4.0

/* A step's forecasts of a node: its predictors', then these. */
enum { STATE /* up then? -1 where not known */, MIXTURE, EXTRA };

/* Of one target. Sums of an hour of day are discounted when they are next looked at: `told` counts hours. */
struct blend {
    struct fg_gram by_hour[2][24], all[2];
    int64_t told, told_at[2][24];
    double weight[2][24][FG_MIX_MAX];
    struct fg_contest contest;
    struct fg_ring ring; /* depth steps of (nodes, experts + EXTRA) */
};

struct self {
    const struct fg_target *target;
    size_t targets, experts;
    double prior[FG_MIX_MAX];
    struct blend *blend; /* (targets) */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        for (size_t t = 0; s->blend != NULL && t < s->targets; t++) {
            fg_free(s->blend[t].ring.value);
        }
        fg_free(s->blend);
        fg_free(s);
    }
}

static enum fg_status blend_init(struct blend *b, const struct self *s, const struct fg_target *x,
                                 uint32_t nodes)
{
    for (size_t i = 0; i < 48; i++) {
        memcpy(b->weight[i / 24][i % 24], s->prior, sizeof s->prior);
    }
    fg_contest_init(&b->contest, s->prior, s->experts, DISCOUNT_DAY);
    return fg_ring_init(&b->ring, x->horizon_h + fg_event_lag(x->event) + 1, nodes * (s->experts + EXTRA));
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    double sum = 0.0;
    FG_ASSERT(spec->n_earlier <= FG_MIX_MAX);
    if (s == NULL || (s->blend = fg_calloc(spec->n_targets, sizeof *s->blend)) == NULL) {
        destroy(s);
        return FG_E_NOMEM;
    }
    s->target = spec->target;
    s->targets = spec->n_targets;
    s->experts = spec->n_earlier;
    for (size_t k = 0; k < s->experts; k++) {
        sum += fg_predictors[k]->prior;
    }
    for (size_t k = 0; k < s->experts; k++) {
        s->prior[k] = fg_predictors[k]->prior / sum;
    }
    for (size_t t = 0; t < s->targets; t++) {
        if (blend_init(&s->blend[t], s, &s->target[t], spec->nodes) != FG_OK) {
            destroy(s);
            return FG_E_NOMEM;
        }
    }
    *out = s;
    return FG_OK;
}

/* What is left at hour `to` of the weight at hour `from`. The n-th hour keeps n / (n + 1), so that an hour
 * counts in proportion to its number: what was said early was said by predictors that knew little. */
static double kept(int64_t from, int64_t to)
{
    const int64_t turn = (int64_t)(DISCOUNT / (1.0 - DISCOUNT));
    int64_t early = to < turn ? to : turn;
    double f = from < early ? (double)(from + 1) / (double)(early + 1) : 1.0;
    for (int64_t t = from < turn ? turn : from; t < to; t++) {
        f *= DISCOUNT;
    }
    return f;
}

/* The sums of one hour of day as they are now. */
static struct fg_gram *of_hour(struct blend *b, int up, uint32_t hour, size_t n)
{
    fg_gram_discount(&b->by_hour[up][hour], kept(b->told_at[up][hour], b->told), n);
    b->told_at[up][hour] = b->told;
    return &b->by_hour[up][hour];
}

/* What the outcomes seen now say of the forecasts made at `origin`: into the sums by state (2), and the
 * squared errors (experts + the mixture). Returns the weight of all points. */
static double tell(const struct self *s, const struct fg_view *v, size_t target, int64_t origin,
                   struct fg_gram *fresh, double *error)
{
    enum fg_event event = s->target[target].event;
    const float *row = fg_ring_at(&s->blend[target].ring, origin);
    size_t n = s->experts;
    double points = 0.0;
    for (uint32_t i = fg_view_first(v, origin); i < v->nodes; i += v->stride) {
        const float *p = row + i * (n + EXTRA);
        if (p[n + STATE] < 0.0F) {
            continue;
        }
        double q[FG_MIX_MAX], y = fg_event_value(event, &v->seen[i]), mixture = (double)p[n + MIXTURE] - y;
        for (size_t k = 0; k < n; k++) {
            q[k] = (double)p[k];
            error[k] += v->weight[i] * (q[k] - y) * (q[k] - y);
        }
        error[n] += v->weight[i] * mixture * mixture;
        fg_gram_point(&fresh[p[n + STATE] > 0.5F], q, y, v->weight[i], n);
        points += v->weight[i];
    }
    return points;
}

static void learn(struct self *s, const struct fg_view *v, size_t target)
{
    uint32_t lag = fg_event_lag(s->target[target].event), hour = (v->hour + 24 - lag) % 24;
    int64_t origin = v->now_h - lag - s->target[target].horizon_h;
    struct blend *b = &s->blend[target];
    size_t n = s->experts;
    struct fg_gram fresh[2];
    double error[FG_MIX_MAX + 1] = {0.0};
    if (origin < 0) {
        return;
    }
    memset(fresh, 0, sizeof fresh);
    double points = tell(s, v, target, origin, fresh, error);
    for (size_t k = 0; points > 0.0 && k <= n; k++) {
        error[k] /= points;
    }
    fg_contest_hour(&b->contest, error, error[n]);
    b->told++;
    for (int x = 0; x < 2; x++) {
        fg_gram_discount(&b->all[x], kept(b->told - 1, b->told), n);
        fg_gram_add(&b->all[x], &fresh[x], 1.0, n);
        fg_gram_add(of_hour(b, x, hour, n), &fresh[x], 1.0, n);
    }
}

static void weigh(struct self *s, size_t target, double weight, uint32_t hour)
{
    struct blend *b = &s->blend[target];
    double horizon = s->target[target].horizon_h > 0 ? s->target[target].horizon_h : 1;
    for (int x = 0; x < 2; x++) {
        struct fg_gram g = *of_hour(b, x, hour, s->experts);
        const struct fg_gram *all = &b->all[x];
        double points = SHRINK * weight, scale = all->n > points ? points / all->n : 1.0;
        double ridge = PRIOR * horizon * weight * fg_gram_spread(all, s->experts);
        fg_gram_add(&g, all, scale, s->experts);
        fg_gram_prior(&g, s->prior, scale * ridge, s->experts);
        fg_gram_solve(b->weight[x][hour], &g, s->experts);
    }
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    struct self *t = to;
    const struct self *f = from;
    (void)nodes;
    for (size_t i = 0; i < f->targets; i++) {
        struct fg_ring ring = t->blend[i].ring;
        t->blend[i] = f->blend[i];
        t->blend[i].ring = ring;
        fg_ring_copy(&t->blend[i].ring, &f->blend[i].ring);
    }
}

static double probability(double p)
{
    return p < 0.0 ? 0.0 : p > 1.0 ? 1.0 : p;
}

static void forecast(struct self *s, const struct fg_view *v, size_t target, uint32_t hour, double *p)
{
    const struct blend *b = &s->blend[target];
    float *row = fg_ring_at(&b->ring, v->now_h);
    const double *said[FG_MIX_MAX];
    size_t n = s->experts;
    for (size_t k = 0; k < n; k++) {
        said[k] = fg_view_earlier(v, s->targets, k, target);
    }
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        const double *w = b->weight[v->seen[i].up][hour];
        float *x = row + i * (n + EXTRA);
        double mixture = 0.0, best = 0.0;
        for (size_t k = 0; k < n; k++) {
            x[k] = (float)said[k][i];
            mixture += w[k] * said[k][i];
            best += b->contest.share[k] * said[k][i];
        }
        x[n + STATE] = !v->seen[i].known ? -1.0F : v->seen[i].up ? 1.0F : 0.0F;
        x[n + MIXTURE] = (float)mixture;
        p[i] = probability(best + b->contest.share_mixture * mixture);
    }
}

static void step(void *arg, const struct fg_view *v, double *const *p)
{
    struct self *s = arg;
    for (size_t t = 0; t < s->targets; t++) {
        uint32_t hour = (v->hour + s->target[t].horizon_h) % 24;
        learn(s, v, t);
        weigh(s, t, v->all, hour);
        forecast(s, v, t, hour, p[t]);
    }
}

const struct fg_predictor fg_predictor_ensemble = {
    "ensemble", "the mixture of all, and who is better than it so far", 0.0, create, step, destroy, copy};
