/* Oracle: what the file says. An upper bound for what forecasts are worth, never for a decision. */
#include "src/base/mem.h"
#include "src/forecast/carbon_impl.h"

struct self {
    const struct fg_carbon *truth;
    int64_t from_h; /* hours from the file's first to the forecaster's */
};

static enum fg_status create(void **out, const struct fg_carbon_spec *spec)
{
    struct self *s = fg_calloc(1, sizeof *s);
    if (s == NULL) {
        return FG_E_NOMEM;
    }
    s->truth = spec->truth;
    s->from_h = spec->truth != NULL ? (spec->first_hour_s - spec->truth->start_s) / 3600 : 0;
    *out = s;
    return FG_OK;
}

static void copy(void *to, const void *from)
{
    (void)to;
    (void)from;
}

static void step(void *arg, const struct fg_carbon_view *v, double *g)
{
    const struct self *s = arg;
    for (uint32_t k = 0; k < v->ahead; k++) {
        int64_t at = s->from_h + (int64_t)v->known + k;
        if (s->truth == NULL) {
            g[k] = v->value[v->known - 1];
            continue;
        }
        at = at < 0 ? 0 : at < (int64_t)s->truth->hours ? at : (int64_t)s->truth->hours - 1;
        g[k] = s->truth->g_per_kwh[at];
    }
}

const struct fg_carbon_predictor fg_carbon_oracle = {
    "oracle", "what will be: an upper bound", 0.0, create, step, fg_free, copy};
