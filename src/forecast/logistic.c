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

struct self {
    struct fg_target target;
    size_t features;
    double theta[F_MAX], prior[F_MAX], hessian[F_MAX * F_MAX];
    struct fg_ring ring; /* depth steps of (nodes, features); the first is 0 where the node was not known */
    double *recent;      /* (nodes) discounted mean of the event */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_free(s->ring.value);
        fg_free(s->recent);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    size_t depth = spec->target.horizon_h + fg_event_lag(spec->target.event) + 1;
    FG_ASSERT(spec->n_earlier + OWN <= F_MAX);
    if (s == NULL || (s->recent = fg_calloc(spec->nodes, sizeof *s->recent)) == NULL ||
        fg_ring_init(&s->ring, depth, spec->nodes * (spec->n_earlier + OWN)) != FG_OK) {
        destroy(s);
        return FG_E_NOMEM;
    }
    s->target = spec->target;
    s->features = spec->n_earlier + OWN;
    for (size_t i = 0; i < s->features; i++) {
        s->prior[i] = s->theta[i] = i < OWN ? 0.0 : 1.0 / (double)spec->n_earlier;
        s->hessian[i * F_MAX + i] = RIDGE;
    }
    *out = s;
    return FG_OK;
}

static double forecast(const struct self *s, const float *x)
{
    double z = 0.0;
    for (size_t k = 0; k < s->features; k++) {
        z += s->theta[k] * (double)x[k];
    }
    z = z > 30.0 ? 30.0 : z < -30.0 ? -30.0 : z;
    return 1.0 / (1.0 + fg_exp(-z));
}

static void learn(struct self *s, const struct fg_view *v)
{
    int64_t origin = v->now_h - fg_event_lag(s->target.event) - s->target.horizon_h;
    double g[F_MAX] = {0.0}, h[F_MAX * F_MAX];
    size_t f = s->features, seen = 0;
    for (uint32_t i = origin >= 0 ? fg_view_first(v, origin) : v->nodes; i < v->nodes; i += v->stride) {
        const float *x = fg_ring_at(&s->ring, origin) + i * f;
        if (x[0] == 0.0F) {
            continue;
        }
        double p = forecast(s, x), e = p - fg_event_value(s->target.event, &v->seen[i]), w = p * (1.0 - p);
        for (size_t j = 0; j < f; j++) {
            g[j] += e * (double)x[j];
            double wx = w * (double)x[j];
            for (size_t k = 0; k <= j; k++) {
                s->hessian[j * F_MAX + k] += wx * (double)x[k];
            }
        }
        seen++;
    }
    if (seen == 0) {
        return;
    }
    memcpy(h, s->hessian, sizeof h);
    for (size_t j = 0; j < f; j++) {
        g[j] += (1.0 - DISCOUNT) * RIDGE * (s->theta[j] - s->prior[j]);
    }
    fg_cholesky_solve(h, F_MAX, g, f);
    for (size_t j = 0; j < f; j++) {
        s->theta[j] -= g[j];
        for (size_t k = 0; k <= j; k++) {
            s->hessian[j * F_MAX + k] *= DISCOUNT;
        }
        s->hessian[j * F_MAX + j] += (1.0 - DISCOUNT) * RIDGE;
    }
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    struct self *t = to;
    const struct self *f = from;
    struct fg_ring ring = t->ring;
    double *recent = t->recent;
    *t = *f;
    t->ring = ring;
    t->recent = recent;
    fg_ring_copy(&t->ring, &f->ring);
    memcpy(recent, f->recent, nodes * sizeof *recent);
}

static void step(void *arg, const struct fg_view *v, double *p)
{
    struct self *s = arg;
    learn(s, v);
    float *row = fg_ring_at(&s->ring, v->now_h);
    for (uint32_t i = 0; i < v->nodes; i++) {
        s->recent[i] += (1.0 - RECENT) * ((v->seen[i].up_s == 3600 ? 1.0 : 0.0) - s->recent[i]);
    }
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        const struct fg_seen *seen = &v->seen[i];
        float *x = row + i * s->features;
        double age = fg_log(1.0 + (double)seen->age_s / 3600.0);
        x[0] = 1.0F;
        x[1] = (float)(seen->up ? age : -age);
        x[2] = (float)s->recent[i];
        for (size_t k = 0; k < v->n_earlier; k++) {
            x[OWN + k] = (float)fg_logit(v->earlier[k][i]);
        }
        p[i] = forecast(s, x);
        x[0] = seen->known ? 1.0F : 0.0F;
    }
}

const struct fg_predictor fg_predictor_logistic = {
    "logistic", "logistic regression on the predictors before it, age and recent past",
    7.0,        create,
    step,       destroy,
    copy};
