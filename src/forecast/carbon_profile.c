/* Carbon by habit: climatology, the mean of all that was measured; profile, the recent mean of the same hour
 * of the week, shrunk towards that of the same hour of the day. */
#include "src/base/mem.h"
#include "src/forecast/carbon_impl.h"

#define KEEP_DAY 0.95 /* of an hour of the day, each day: half of it is gone after two weeks */
#define KEEP_WEEK 0.8 /* of an hour of the week, each week: after three */
#define SHRINK 2.0    /* the hour of the day counts as much as these many weeks of an hour of the week */

struct self {
    double n, sum;
    double day_n[24], day_sum[24], week_n[168], week_sum[168];
};

static enum fg_status create(void **out, const struct fg_carbon_spec *spec)
{
    (void)spec;
    *out = fg_calloc(1, sizeof(struct self));
    return *out != NULL ? FG_OK : FG_E_NOMEM;
}

static void copy(void *to, const void *from)
{
    *(struct self *)to = *(const struct self *)from;
}

static void all_time(void *arg, const struct fg_carbon_view *v, double *g)
{
    struct self *s = arg;
    s->n += 1.0;
    s->sum += v->value[v->known - 1];
    for (uint32_t k = 0; k < v->ahead; k++) {
        g[k] = s->sum / s->n;
    }
}

static void learn(struct self *s, uint32_t week, double value)
{
    uint32_t day = week % 24;
    s->n += 1.0;
    s->sum += value;
    s->day_n[day] = KEEP_DAY * s->day_n[day] + 1.0;
    s->day_sum[day] = KEEP_DAY * s->day_sum[day] + value;
    s->week_n[week] = KEEP_WEEK * s->week_n[week] + 1.0;
    s->week_sum[week] = KEEP_WEEK * s->week_sum[week] + value;
}

static void habit(void *arg, const struct fg_carbon_view *v, double *g)
{
    struct self *s = arg;
    learn(s, (v->hour + 167) % 168, v->value[v->known - 1]);
    for (uint32_t k = 0; k < v->ahead; k++) {
        uint32_t week = (v->hour + k) % 168, day = week % 24;
        double mean = (s->day_sum[day] + s->sum / s->n) / (s->day_n[day] + 1.0);
        g[k] = (s->week_sum[week] + SHRINK * mean) / (s->week_n[week] + SHRINK);
    }
}

const struct fg_carbon_predictor fg_carbon_climatology = {
    "climatology", "the mean of the past", 1.0, create, all_time, fg_free, copy};
const struct fg_carbon_predictor fg_carbon_profile = {
    "profile", "the recent mean of the same hour", 2.0, create, habit, fg_free, copy};
