/* Ensemble: the mixture of the predictors before it that would have had the least squared error so far.
 * Weights are shared by all nodes, apart by the state now and the hour of the target, and shrunk towards
 * those of all hours; an error counts once the outcome has been seen. */
#include <string.h>

#include "src/availability/forecast_impl.h"
#include "src/base/mem.h"

#define E_MAX 12
#define DISCOUNT 0.9995 /* an hour; half of it is gone after 58 days */
#define SHRINK 100.0    /* all hours count as much as these many days of one hour */
/* The prior weights count as much as these many hours of all nodes, times the horizon: the errors of
 * forecasts for h hours are correlated for some h hours. */
#define PRIOR 4.0
#define SWEEPS 6

/* Sums over points of p_j p_k, p_j y and 1, discounted. */
struct gram {
    double pp[E_MAX][E_MAX], py[E_MAX], n;
};

struct self {
    struct fg_target target;
    size_t experts;
    struct gram by_hour[2][24], all[2];
    double prior[E_MAX], weight[2][24][E_MAX];
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
    FG_ASSERT(spec->n_earlier <= E_MAX);
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

static void add(struct gram *to, const struct gram *from, double scale, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k <= j; k++) {
            to->pp[j][k] += scale * from->pp[j][k];
        }
        to->py[j] += scale * from->py[j];
    }
    to->n += scale * from->n;
}

static void discount(struct gram *g, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t k = 0; k <= j; k++) {
            g->pp[j][k] *= DISCOUNT;
        }
        g->py[j] *= DISCOUNT;
    }
    g->n *= DISCOUNT;
}

static void learn(struct self *s, const struct fg_view *v)
{
    uint32_t lag = fg_event_lag(s->target.event), hour = (v->hour + 24 - lag) % 24;
    int64_t origin = v->now_h - lag - s->target.horizon_h;
    size_t n = s->experts;
    struct gram fresh[2];
    if (origin < 0) {
        return;
    }
    memset(fresh, 0, sizeof fresh);
    for (uint32_t i = fg_view_first(v, origin); i < v->nodes; i += v->stride) {
        const float *p = fg_ring_at(&s->ring, origin) + i * (n + 1);
        if (p[n] < 0.0F) {
            continue;
        }
        struct gram *g = &fresh[p[n] > 0.5F];
        double y = fg_event_value(s->target.event, &v->seen[i]);
        for (size_t j = 0; j < n; j++) {
            double pj = (double)p[j];
            for (size_t k = 0; k <= j; k++) {
                g->pp[j][k] += pj * (double)p[k];
            }
            g->py[j] += pj * y;
        }
        g->n += 1.0;
    }
    for (int x = 0; x < 2; x++) {
        discount(&s->all[x], n);
        for (int h = 0; h < 24; h++) {
            discount(&s->by_hour[x][h], n);
        }
        add(&s->all[x], &fresh[x], 1.0, n);
        add(&s->by_hour[x][hour], &fresh[x], 1.0, n);
    }
}

/* Minimise w'Gw - 2 b'w over the simplex: exact moves of weight between pairs. */
static void solve(double *w, const struct gram *g, size_t n)
{
    double slope[E_MAX];
    for (size_t j = 0; j < n; j++) {
        slope[j] = -g->py[j];
        for (size_t k = 0; k < n; k++) {
            slope[j] += (k <= j ? g->pp[j][k] : g->pp[k][j]) * w[k];
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (size_t j = 1; j < n; j++) {
            for (size_t k = 0; k < j; k++) {
                double curve = g->pp[j][j] + g->pp[k][k] - 2.0 * g->pp[j][k];
                double move = curve > 1e-12 ? (slope[k] - slope[j]) / curve : 0.0; /* from k to j */
                move = move > w[k] ? w[k] : move < -w[j] ? -w[j] : move;
                if (move == 0.0) {
                    continue;
                }
                w[j] += move;
                w[k] -= move;
                for (size_t i = 0; i < n; i++) {
                    slope[i] +=
                        move * ((i >= j ? g->pp[i][j] : g->pp[j][i]) - (i >= k ? g->pp[i][k] : g->pp[k][i]));
                }
            }
        }
    }
}

/* How far the predictors lie from their plain mean: squared, a point and predictor. */
static double spread(const struct gram *g, size_t n)
{
    double own = 0.0, all = 0.0;
    for (size_t j = 0; j < n; j++) {
        own += g->pp[j][j];
        for (size_t k = 0; k <= j; k++) {
            all += (j == k ? 1.0 : 2.0) * g->pp[j][k];
        }
    }
    return g->n > 0.0 ? (own - all / (double)n) / ((double)n * g->n) + 1e-9 : 1.0;
}

static void weigh(struct self *s, uint32_t nodes, uint32_t hour)
{
    for (int x = 0; x < 2; x++) {
        struct gram g = s->by_hour[x][hour];
        const struct gram *all = &s->all[x];
        double points = SHRINK * (double)nodes,
               ridge = PRIOR * s->target.horizon_h * (double)nodes * spread(all, s->experts);
        add(&g, all, all->n > points ? points / all->n : 1.0, s->experts);
        for (size_t j = 0; j < s->experts; j++) {
            g.pp[j][j] += ridge;
            g.py[j] += ridge * s->prior[j];
        }
        solve(s->weight[x][hour], &g, s->experts);
    }
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
    "ensemble", "the mixture of all that had the least error so far", 0.0, create, step, destroy};
