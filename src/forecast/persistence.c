/* Persistence: what is stays. */
#include "src/forecast/forecast_impl.h"

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    (void)spec;
    *out = NULL;
    return FG_OK;
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    (void)to;
    (void)from;
    (void)nodes;
}

static void step(void *arg, const struct fg_view *v, double *p)
{
    (void)arg;
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        p[i] = v->seen[i].up ? 1.0 : 0.0;
    }
}

static void destroy(void *arg)
{
    (void)arg;
}

const struct fg_predictor fg_predictor_persistence = {"persistence", "what is stays", 1.0, create,
                                                      step,          destroy,         copy};
