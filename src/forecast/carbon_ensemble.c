/* Ensemble: for each hour ahead the mixture of the predictors before it that would have had the least squared
 * error so far; an error counts once the hour is over. */
#include <string.h>

#include "src/base/mem.h"
#include "src/forecast/carbon_impl.h"
#include "src/forecast/mix.h"

#define DISCOUNT 0.999 /* an hour; half of it is gone after 29 days */
#define PRIOR 6.0      /* the prior weights count as much as these many hours, times 1 + k */

struct self {
    uint32_t ahead;
    size_t experts;
    int64_t steps;
    double prior[FG_MIX_MAX];
    struct fg_gram *gram; /* (ahead) */
    double *weight;       /* (ahead, experts) */
    double *ring;         /* (ahead + 1, ahead, experts) */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_free(s->gram);
        fg_free(s->weight);
        fg_free(s->ring);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_carbon_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    double sum = 0.0;
    FG_ASSERT(spec->n_earlier <= FG_MIX_MAX);
    if (s == NULL) {
        return FG_E_NOMEM;
    }
    s->ahead = spec->ahead;
    s->experts = spec->n_earlier;
    s->gram = fg_calloc(s->ahead, sizeof *s->gram);
    s->weight = fg_calloc(s->ahead * s->experts, sizeof *s->weight);
    s->ring = fg_calloc((size_t)(s->ahead + 1) * s->ahead * s->experts, sizeof *s->ring);
    if (s->gram == NULL || s->weight == NULL || s->ring == NULL) {
        destroy(s);
        return FG_E_NOMEM;
    }
    for (size_t e = 0; e < s->experts; e++) {
        sum += fg_carbon_predictors[e]->prior;
    }
    for (size_t i = 0; i < s->ahead * s->experts; i++) {
        s->prior[i % s->experts] = s->weight[i] = fg_carbon_predictors[i % s->experts]->prior / sum;
    }
    *out = s;
    return FG_OK;
}

static double *row(const struct self *s, int64_t step, uint32_t k)
{
    return s->ring + ((size_t)(step % (s->ahead + 1)) * s->ahead + k) * s->experts;
}

static void copy(void *to, const void *from)
{
    struct self *t = to;
    const struct self *f = from;
    t->steps = f->steps;
    memcpy(t->gram, f->gram, f->ahead * sizeof *t->gram);
    memcpy(t->weight, f->weight, f->ahead * f->experts * sizeof *t->weight);
    memcpy(t->ring, f->ring, (size_t)(f->ahead + 1) * f->ahead * f->experts * sizeof *t->ring);
}

static void step(void *arg, const struct fg_carbon_view *v, double *g)
{
    struct self *s = arg;
    size_t n = s->experts;
    for (uint32_t k = 0; k < s->ahead; k++) {
        double *w = s->weight + k * n, *now = row(s, s->steps, k);
        if (s->steps > k) {
            fg_gram_discount(&s->gram[k], DISCOUNT, n);
            fg_gram_point(&s->gram[k], row(s, s->steps - 1 - k, k), v->value[v->known - 1], 1.0, n);
        }
        struct fg_gram with_prior = s->gram[k];
        fg_gram_prior(&with_prior, s->prior, PRIOR * (1.0 + k) * fg_gram_spread(&s->gram[k], n), n);
        fg_gram_solve(w, &with_prior, n);
        g[k] = 0.0;
        for (size_t e = 0; e < n; e++) {
            now[e] = v->earlier[e][k];
            g[k] += w[e] * now[e];
        }
    }
    s->steps++;
}

const struct fg_carbon_predictor fg_carbon_ensemble = {
    "ensemble", "the mixture of all that had the least error so far", 0.0, create, step, destroy, copy};
