/* Climatology: the share of the node's past, shrunk towards that of all nodes. */
#include "src/base/mem.h"
#include "src/forecast/forecast_impl.h"

struct self {
    struct fg_target target;
    struct fg_means means;
};

static void destroy(void *arg)
{
    struct self *s = arg;
    if (s != NULL) {
        fg_means_fini(&s->means);
        fg_free(s);
    }
}

static enum fg_status create(void **out, const struct fg_forecast_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    if (s == NULL || fg_means_init(&s->means, spec->nodes) != FG_OK) {
        destroy(s);
        return FG_E_NOMEM;
    }
    s->target = spec->target;
    *out = s;
    return FG_OK;
}

static void copy(void *to, const void *from, uint32_t nodes)
{
    (void)nodes;
    fg_means_copy(&((struct self *)to)->means, &((const struct self *)from)->means);
}

static void step(void *arg, const struct fg_view *v, double *p)
{
    struct self *s = arg;
    fg_means_learn(&s->means, s->target.event, v->seen);
    for (uint32_t i = fg_view_first(v, v->now_h); i < v->nodes; i += v->stride) {
        p[i] = fg_means_node(&s->means, i);
    }
}

const struct fg_predictor fg_predictor_climatology = {
    "climatology", "the node's past share of up time", 1.0, create, step, destroy, copy};
