/* A small regression for each hour ahead: least squares with a ridge, on line and forgetting, from the
 * forecasts before it, the last two hours, what the profile had said of the last hour, and the last day's
 * mean. Everything is in units of the mean intensity so far. */
#include <string.h>

#include "src/base/cholesky.h"
#include "src/base/mem.h"
#include "src/forecast/carbon_impl.h"

#define F_MAX 12
#define OWN 5          /* features besides the earlier predictors: one, two hours, profile then, last day */
#define RIDGE 2.0      /* precision of the prior of each coefficient, in hours */
#define DISCOUNT 0.999 /* an hour; half of it is gone after 29 days */

/* Normal equations of one hour ahead, and its coefficients. */
struct line {
    double a[F_MAX * F_MAX], b[F_MAX], theta[F_MAX];
};

struct self {
    uint32_t ahead;
    size_t features, profile; /* index of the profile among the earlier ones */
    int64_t steps;
    double said; /* by the profile, of the hour that has ended now */
    struct line *line;
    float *ring;     /* (ahead + 1, ahead, features) */
    double *scale;   /* (ahead + 1) the unit of each step's features */
    double n, total; /* for the mean */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_free(s->line);
        fg_free(s->ring);
        fg_free(s->scale);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_carbon_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    FG_ASSERT(spec->n_earlier + OWN <= F_MAX);
    if (s == NULL) {
        return FG_E_NOMEM;
    }
    s->ahead = spec->ahead;
    s->features = spec->n_earlier + OWN;
    s->profile = fg_carbon_predictor_find("profile");
    s->line = fg_calloc(s->ahead, sizeof *s->line);
    s->ring = fg_calloc((size_t)(s->ahead + 1) * s->ahead * s->features, sizeof *s->ring);
    s->scale = fg_calloc(s->ahead + 1, sizeof *s->scale);
    if (s->line == NULL || s->ring == NULL || s->scale == NULL) {
        destroy(s);
        return FG_E_NOMEM;
    }
    *out = s;
    return FG_OK;
}

static float *features_at(const struct self *s, int64_t step, uint32_t k)
{
    return s->ring + ((size_t)(step % (s->ahead + 1)) * s->ahead + k) * s->features;
}

/* The prior: the mean of yesterday's value and the profile's, moved by a share of the last deviation that
 * dies away. Solve (A + ridge) theta = b + ridge prior. */
static void solve(struct line *l, const double *prior, size_t n)
{
    double c[F_MAX * F_MAX], x[F_MAX];
    for (size_t j = 0; j < n; j++) {
        x[j] = l->b[j] + RIDGE * prior[j];
        for (size_t k = 0; k <= j; k++) {
            c[j * F_MAX + k] = l->a[j * F_MAX + k] + (j == k ? RIDGE : 0.0);
        }
    }
    fg_cholesky_solve(c, F_MAX, x, n);
    memcpy(l->theta, x, n * sizeof *x);
}

static void learn(struct self *s, double value)
{
    size_t n = s->features;
    for (uint32_t k = 0; k < s->ahead && s->steps > k; k++) {
        int64_t origin = s->steps - 1 - k; /* then this hour was k hours ahead */
        const float *x = features_at(s, origin, k);
        double y = value / s->scale[origin % (s->ahead + 1)];
        struct line *l = &s->line[k];
        for (size_t j = 0; j < n; j++) {
            double xj = (double)x[j];
            for (size_t i = 0; i <= j; i++) {
                l->a[j * F_MAX + i] = DISCOUNT * l->a[j * F_MAX + i] + xj * (double)x[i];
            }
            l->b[j] = DISCOUNT * l->b[j] + xj * y;
        }
    }
}

/* One; the last two hours; what the profile had said of the last; the mean of the last day. */
static void own_features(const struct self *s, const struct fg_carbon_view *v, double unit, float *x)
{
    size_t day = v->known < 24 ? v->known : 24;
    double sum = 0.0, now = v->value[v->known - 1];
    for (size_t i = v->known - day; i < v->known; i++) {
        sum += v->value[i];
    }
    x[0] = 1.0F;
    x[1] = (float)(now / unit);
    x[2] = (float)(v->value[v->known > 1 ? v->known - 2 : 0] / unit);
    x[3] = (float)((s->steps > 0 ? s->said : now) / unit);
    x[4] = (float)(sum / (double)day / unit);
}

static void copy(void *to, const void *from)
{
    struct self *t = to;
    const struct self *f = from;
    struct line *line = t->line;
    float *ring = t->ring;
    double *scale = t->scale;
    *t = *f;
    t->line = line;
    t->ring = ring;
    t->scale = scale;
    memcpy(line, f->line, f->ahead * sizeof *line);
    memcpy(ring, f->ring, (size_t)(f->ahead + 1) * f->ahead * f->features * sizeof *ring);
    memcpy(scale, f->scale, ((size_t)f->ahead + 1) * sizeof *scale);
}

static void step(void *arg, const struct fg_carbon_view *v, double *g)
{
    struct self *s = arg;
    size_t n = s->features;
    double now = v->value[v->known - 1], prior[F_MAX] = {0.0};
    learn(s, now);
    s->n += 1.0;
    s->total += now;
    double unit = s->total / s->n > 1e-6 ? s->total / s->n : 1e-6;
    s->scale[s->steps % (s->ahead + 1)] = unit;
    for (uint32_t k = 0; k < v->ahead; k++) {
        float *x = features_at(s, s->steps, k);
        double sum = 0.0, left = 1.0 / (1.0 + 0.2 * (k + 1));
        own_features(s, v, unit, x);
        for (size_t e = 0; e < v->n_earlier; e++) {
            x[OWN + e] = (float)(v->earlier[e][k] / unit);
        }
        prior[1] = left;
        prior[3] = -left;
        prior[OWN + s->profile] = 1.0;
        solve(&s->line[k], prior, n);
        for (size_t j = 0; j < n; j++) {
            sum += s->line[k].theta[j] * (double)x[j];
        }
        g[k] = sum > 0.0 ? sum * unit : 0.0;
    }
    s->said = v->earlier[s->profile][0];
    s->steps++;
}

const struct fg_carbon_predictor fg_carbon_regression = {
    "regression", "least squares on those before it", 4.0, create, step, destroy, copy};
