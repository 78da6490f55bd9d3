/* Logistic regression on the predictors before it, age and recent past: one set of coefficients for all
 * nodes, learnt on line by Newton steps with a discounted Hessian. */
#include <string.h>

#include "src/base/cholesky.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/forecast/forecast_impl.h"

#define F_MAX 16
#define OWN 3           /* features besides the earlier predictors: one, age, recent past */
#define RIDGE 10.0      /* precision of the prior of each coefficient */
#define DISCOUNT 0.9995 /* an hour; half of it is gone after 58 days */
#define RECENT 0.94     /* an hour; half after 11 hours */

/* Of one target. */
struct line {
    double theta[F_MAX], hessian[F_MAX * F_MAX];
    struct fg_ring ring; /* depth steps of (nodes, features); the first is 0 where the node was not known */
};

struct self {
    const struct fg_target *target;
    size_t targets, features;
    uint32_t nodes;
    double prior[F_MAX];
    struct line *line;      /* (targets) */
    double *recent, *age;   /* (nodes) discounted mean of hours up; this step's logarithm of 1 + age */
    double *logit, *chance; /* (features - OWN, nodes), (nodes) scratch */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        for (size_t t = 0; s->line != NULL && t < s->targets; t++) {
            fg_free(s->line[t].ring.value);
        }
        fg_free(s->line);
        fg_free(s->recent);
        fg_free(s->age);
        fg_free(s->logit);
        fg_free(s->chance);
        fg_free(s);
    }
}

static enum fg_status line_init(struct line *l, const struct self *s, const struct fg_target *x)
{
    for (size_t j = 0; j < s->features; j++) {
        l->theta[j] = s->prior[j];
        l->hessian[j * F_MAX + j] = RIDGE;
    }
    return fg_ring_init(&l->ring, x->horizon_h + fg_event_lag(x->event) + 1, s->nodes * s->features);
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    enum fg_status st = s != NULL ? FG_OK : FG_E_NOMEM;
    FG_ASSERT(spec->n_earlier + OWN <= F_MAX);
    if (st == FG_OK) {
        s->target = spec->target;
        s->targets = spec->n_targets;
        s->nodes = spec->nodes;
        s->features = spec->n_earlier + OWN;
        s->line = fg_calloc(s->targets, sizeof *s->line);
        s->recent = fg_calloc(s->nodes, sizeof *s->recent);
        s->age = fg_calloc(s->nodes, sizeof *s->age);
        s->logit = fg_calloc(spec->n_earlier * s->nodes, sizeof *s->logit);
        s->chance = fg_calloc(s->nodes, sizeof *s->chance);
        bool all = s->line != NULL && s->recent != NULL && s->age != NULL && s->logit != NULL;
        st = all && s->chance != NULL ? FG_OK : FG_E_NOMEM;
    }
    for (size_t j = OWN; st == FG_OK && j < s->features; j++) {
        s->prior[j] = 1.0 / (double)spec->n_earlier;
    }
    for (size_t t = 0; st == FG_OK && t < s->targets; t++) {
        st = line_init(&s->line[t], s, &s->target[t]);
    }
    if (st != FG_OK) {
        destroy(s);
        return st;
    }
    *out = s;
    return FG_OK;
}

/* -z, kept within 30: its fg_exp() is to follow. */
static double exponent(const struct line *l, const float *x, size_t features)
{
    double z = 0.0;
    for (size_t k = 0; k < features; k++) {
        z += l->theta[k] * (double)x[k];
    }
    return z > 30.0 ? -30.0 : z < -30.0 ? 30.0 : -z;
}

/* One point of features x that counts as `weight`: p was said, and y came. */
static void learn_point(struct line *l, double *g, const float *x, size_t features, double p, double y,
                        double weight)
{
    double e = weight * (p - y), w = weight * (p * (1.0 - p)), d[F_MAX];
    for (size_t j = 0; j < features; j++) {
        d[j] = (double)x[j];
    }
    for (size_t j = 0; j < features; j++) {
        double wx = w * d[j], *row = l->hessian + j * F_MAX;
        g[j] += e * d[j];
        for (size_t k = 0; k <= j; k++) {
            row[k] += wx * d[k];
        }
    }
}

static void newton_step(struct line *l, double *g, const double *prior, size_t f)
{
    double h[F_MAX * F_MAX];
    memcpy(h, l->hessian, sizeof h);
    for (size_t j = 0; j < f; j++) {
        g[j] += (1.0 - DISCOUNT) * RIDGE * (l->theta[j] - prior[j]);
    }
    fg_cholesky_solve(h, F_MAX, g, f);
    for (size_t j = 0; j < f; j++) {
        l->theta[j] -= g[j];
        for (size_t k = 0; k <= j; k++) {
            l->hessian[j * F_MAX + k] *= DISCOUNT;
        }
        l->hessian[j * F_MAX + j] += (1.0 - DISCOUNT) * RIDGE;
    }
}

static void learn(struct self *s, const struct fg_view *v, size_t target)
{
    enum fg_event event = s->target[target].event;
    int64_t origin = v->now_h - fg_event_lag(event) - s->target[target].horizon_h;
    struct line *l = &s->line[target];
    double g[F_MAX] = {0.0};
    size_t f = s->features, seen = 0;
    if (origin < 0) {
        return;
    }
    const float *row = fg_ring_at(&l->ring, origin);
    uint32_t first = fg_view_first(v, origin);
    for (uint32_t i = first; i < v->nodes; i += v->stride) {
        if (row[i * f] != 0.0F) {
            s->chance[seen++] = exponent(l, row + i * f, f);
        }
    }
    if (seen == 0) {
        return;
    }
    fg_exp_many(s->chance, seen);
    seen = 0;
    for (uint32_t i = first; i < v->nodes; i += v->stride) {
        if (row[i * f] != 0.0F) {
            double p = 1.0 / (1.0 + s->chance[seen++]);
            learn_point(l, g, row + i * f, f, p, fg_event_value(event, &v->seen[i]), v->weight[i]);
        }
    }
    newton_step(l, g, s->prior, f);
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    struct self *t = to;
    const struct self *f = from;
    memcpy(t->recent, f->recent, nodes * sizeof *t->recent);
    for (size_t i = 0; i < f->targets; i++) {
        memcpy(t->line[i].theta, f->line[i].theta, sizeof t->line[i].theta);
        memcpy(t->line[i].hessian, f->line[i].hessian, sizeof t->line[i].hessian);
        fg_ring_copy(&t->line[i].ring, &f->line[i].ring);
    }
}

/* Of what the predictors before it say of a target: (earlier, nodes that are forecast). Those that say the
 * same for all horizons are not worked out again. */
static void logits(struct self *s, const struct fg_view *v, size_t target)
{
    uint32_t first = fg_view_first(v, v->now_h);
    for (size_t k = 0; k < v->n_earlier; k++) {
        const double *p = fg_view_earlier(v, s->targets, k, target);
        const double *before = target > 0 ? fg_view_earlier(v, s->targets, k, target - 1) : NULL;
        double *x = s->logit + k * v->nodes;
        if (before != NULL && memcmp(p, before, v->nodes * sizeof *p) == 0) {
            continue;
        }
        size_t n = 0;
        for (uint32_t i = first; i < v->nodes; i += v->stride) {
            double q = p[i] < 0.01 ? 0.01 : p[i] > 0.99 ? 0.99 : p[i];
            x[n++] = q / (1.0 - q);
        }
        fg_log_many(x, n);
    }
}

static void forecast(struct self *s, const struct fg_view *v, size_t target, double *p)
{
    struct line *l = &s->line[target];
    float *row = fg_ring_at(&l->ring, v->now_h);
    size_t n = 0;
    logits(s, v, target);
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride, n++) {
        float *x = row + i * s->features;
        x[0] = 1.0F;
        x[1] = (float)(v->seen[i].up ? s->age[i] : -s->age[i]);
        x[2] = (float)s->recent[i];
        for (size_t k = 0; k < v->n_earlier; k++) {
            x[OWN + k] = (float)s->logit[k * v->nodes + n];
        }
        s->chance[n] = exponent(l, x, s->features);
        x[0] = v->seen[i].known ? 1.0F : 0.0F;
    }
    fg_exp_many(s->chance, n);
    n = 0;
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        p[i] = 1.0 / (1.0 + s->chance[n++]);
    }
}

static void step(void *arg, const struct fg_view *v, double *const *p)
{
    struct self *s = arg;
    for (uint32_t i = 0; i < v->nodes; i++) {
        s->recent[i] += (1.0 - RECENT) * ((v->seen[i].up_s == 3600 ? 1.0 : 0.0) - s->recent[i]);
        s->age[i] = 1.0 + (double)v->seen[i].age_s / 3600.0;
    }
    fg_log_many(s->age, v->nodes);
    for (size_t t = 0; t < s->targets; t++) {
        learn(s, v, t);
        forecast(s, v, t, p[t]);
    }
}

const struct fg_predictor fg_predictor_logistic = {
    "logistic", "logistic regression on the predictors before it, age and recent past",
    20.0,       create,
    step,       destroy,
    copy};
