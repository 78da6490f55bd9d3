/* Daily and weekly profiles: the node's past share at this hour of the day or week, shrunk towards its
 * mean. */
#include <string.h>

#include "src/base/mem.h"
#include "src/forecast/forecast_impl.h"

/* The mean counts as much as these many days (weeks) at the same hour. */
#define SHRINK 4.0

struct self {
    struct fg_target target;
    uint32_t period;
    struct fg_means means;
    float *n, *sum; /* (period, nodes) */
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_means_fini(&s->means);
        fg_free(s->n);
        fg_free(s->sum);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec, uint32_t period)
{
    struct self *s = fg_calloc(1, sizeof *s);
    if (s == NULL || fg_means_init(&s->means, spec->nodes) != FG_OK ||
        (s->n = fg_calloc((size_t)period * spec->nodes, sizeof *s->n)) == NULL ||
        (s->sum = fg_calloc((size_t)period * spec->nodes, sizeof *s->sum)) == NULL) {
        destroy(s);
        return FG_E_NOMEM;
    }
    s->target = spec->target;
    s->period = period;
    *out = s;
    return FG_OK;
}

static enum fg_status create24(void **out, const struct fg_forecast_spec *spec)
{
    return create(out, spec, 24);
}

static enum fg_status create168(void **out, const struct fg_forecast_spec *spec)
{
    return create(out, spec, 168);
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    struct self *t = to;
    const struct self *f = from;
    fg_means_copy(&t->means, &f->means);
    memcpy(t->n, f->n, (size_t)f->period * nodes * sizeof *t->n);
    memcpy(t->sum, f->sum, (size_t)f->period * nodes * sizeof *t->sum);
}

static void step(void *arg, const struct fg_view *v, double *p)
{
    struct self *s = arg;
    enum fg_event event = s->target.event;
    uint32_t seen_at = (v->hour_of_week + 168 - fg_event_lag(event)) % s->period;
    uint32_t asked_at = (v->hour_of_week + s->target.horizon_h) % s->period;
    float *n = s->n + (size_t)seen_at * v->nodes, *sum = s->sum + (size_t)seen_at * v->nodes;
    fg_means_learn(&s->means, event, v->seen);
    for (uint32_t i = 0; i < v->nodes; i++) {
        if (v->seen[i].known) {
            n[i] += 1.0F;
            sum[i] += (float)fg_event_value(event, &v->seen[i]);
        }
    }
    n = s->n + (size_t)asked_at * v->nodes;
    sum = s->sum + (size_t)asked_at * v->nodes;
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        p[i] = ((double)sum[i] + SHRINK * fg_means_node(&s->means, i)) / ((double)n[i] + SHRINK);
    }
}

const struct fg_predictor fg_predictor_profile24 = {
    "profile24", "the node's past share at this hour of the day", 1.0, create24, step, destroy, copy};
const struct fg_predictor fg_predictor_profile168 = {
    "profile168", "the node's past share at this hour of the week", 1.0, create168, step, destroy, copy};
