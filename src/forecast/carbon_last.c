/* Carbon that repeats itself: what was last, at this hour yesterday, at this hour a week ago. */
#include "src/forecast/carbon_impl.h"

static enum fg_status create(void **out, const struct fg_carbon_spec *spec)
{
    (void)spec;
    *out = NULL;
    return FG_OK;
}

static void destroy(void *arg)
{
    (void)arg;
}

static void copy(void *to, const void *from)
{
    (void)to;
    (void)from;
}

static void last(void *arg, const struct fg_carbon_view *v, double *g)
{
    (void)arg;
    for (uint32_t k = 0; k < v->ahead; k++) {
        g[k] = v->value[v->known - 1];
    }
}

static void yesterday(void *arg, const struct fg_carbon_view *v, double *g)
{
    (void)arg;
    for (uint32_t k = 0; k < v->ahead; k++) {
        g[k] = fg_carbon_same_hour(v, k, 24);
    }
}

static void week_ago(void *arg, const struct fg_carbon_view *v, double *g)
{
    (void)arg;
    for (uint32_t k = 0; k < v->ahead; k++) {
        g[k] = fg_carbon_same_hour(v, k, v->known < 168 ? 24 : 168);
    }
}

const struct fg_carbon_predictor fg_carbon_persistence = {"persistence", "what was last", 1.0, create,
                                                          last,          destroy,         copy};
const struct fg_carbon_predictor fg_carbon_yesterday = {
    "yesterday", "the same hour yesterday", 1.0, create, yesterday, destroy, copy};
const struct fg_carbon_predictor fg_carbon_lastweek = {
    "lastweek", "the same hour a week ago", 1.0, create, week_ago, destroy, copy};
