#include "src/forecast/carbon.h"

#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/forecast/carbon_impl.h"
#include "src/forecast/conformal.h"

/* Errors of three weeks make an interval; its level moves by half a percent of a miss. */
#define WINDOW 504
#define RATE 0.005

const struct fg_carbon_predictor *const fg_carbon_predictors[] = {
    &fg_carbon_climatology, &fg_carbon_persistence, &fg_carbon_yesterday, &fg_carbon_lastweek,
    &fg_carbon_profile,     &fg_carbon_regression,  &fg_carbon_ensemble,  &fg_carbon_oracle,
};
#define PREDICTORS (sizeof fg_carbon_predictors / sizeof fg_carbon_predictors[0])
const size_t fg_carbon_predictors_n = PREDICTORS;

size_t fg_carbon_predictor_find(const char *name)
{
    size_t i = 0;
    while (i < PREDICTORS && strcmp(fg_carbon_predictors[i]->name, name) != 0) {
        i++;
    }
    return i;
}

/* A forecast as it was issued. */
struct issued {
    double point, low, high; /* the bounds as differences from the point */
};

struct fg_carbon_forecaster {
    uint32_t ahead, first_hour_of_week;
    int64_t steps;
    double *value;
    size_t known, cap;
    void *self[PREDICTORS];
    double *g[PREDICTORS];         /* (ahead) */
    struct fg_conformal *interval; /* (predictors, ahead) */
    struct issued *ring;           /* (ahead + 1, predictors, ahead) */
};

enum fg_status fg_carbon_forecaster_create(struct fg_carbon_forecaster **out, uint32_t ahead,
                                           int64_t first_hour_s, const struct fg_carbon *truth,
                                           bool intervals)
{
    if (ahead < 1 || ahead > FG_CARBON_AHEAD_MAX) {
        return FG_E_RANGE;
    }
    struct fg_carbon_forecaster *f = fg_calloc(1, sizeof *f);
    if (f == NULL) {
        return FG_E_NOMEM;
    }
    int64_t days = fg_floor_div(first_hour_s, FG_DAY_S);
    f->ahead = ahead;
    f->first_hour_of_week =
        (uint32_t)(fg_weekday(days) * 24 + fg_floor_div(first_hour_s - days * FG_DAY_S, 3600));
    f->interval = intervals ? fg_calloc(PREDICTORS * (size_t)ahead, sizeof *f->interval) : NULL;
    f->ring = intervals ? fg_calloc((size_t)(ahead + 1) * PREDICTORS * ahead, sizeof *f->ring) : NULL;
    enum fg_status st = !intervals || (f->interval != NULL && f->ring != NULL) ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < PREDICTORS; i++) {
        struct fg_carbon_spec spec = {ahead, i, truth, first_hour_s};
        f->g[i] = fg_calloc(ahead, sizeof **f->g);
        st = f->g[i] != NULL ? fg_carbon_predictors[i]->create(&f->self[i], &spec) : FG_E_NOMEM;
        for (uint32_t k = 0; st == FG_OK && intervals && k < ahead; k++) {
            st = fg_conformal_init(&f->interval[i * ahead + k], WINDOW, FG_CARBON_LEVEL, RATE);
        }
    }
    if (st != FG_OK) {
        fg_carbon_forecaster_destroy(f);
        return st;
    }
    *out = f;
    return FG_OK;
}

void fg_carbon_forecaster_destroy(struct fg_carbon_forecaster *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < PREDICTORS; i++) {
        fg_carbon_predictors[i]->destroy(f->self[i]);
        fg_free(f->g[i]);
        for (uint32_t k = 0; f->interval != NULL && k < f->ahead; k++) {
            fg_conformal_fini(&f->interval[i * f->ahead + k]);
        }
    }
    fg_free(f->interval);
    fg_free(f->ring);
    fg_free(f->value);
    fg_free(f);
}

enum fg_status fg_carbon_forecaster_copy(struct fg_carbon_forecaster *to,
                                         const struct fg_carbon_forecaster *from)
{
    FG_ASSERT(to->ahead == from->ahead && to->known == 0 &&
              (to->interval == NULL) == (from->interval == NULL));
    while (to->known < from->known) {
        if (FG_GROW(to->value, to->known, to->cap) != FG_OK) {
            return FG_E_NOMEM;
        }
        to->value[to->known] = from->value[to->known];
        to->known++;
    }
    to->first_hour_of_week = from->first_hour_of_week;
    to->steps = from->steps;
    for (size_t i = 0; i < PREDICTORS; i++) {
        fg_carbon_predictors[i]->copy(to->self[i], from->self[i]);
        memcpy(to->g[i], from->g[i], from->ahead * sizeof **to->g);
        for (uint32_t k = 0; from->interval != NULL && k < from->ahead; k++) {
            fg_conformal_copy(&to->interval[i * from->ahead + k], &from->interval[i * from->ahead + k]);
        }
    }
    if (from->interval != NULL) {
        memcpy(to->ring, from->ring, (size_t)(from->ahead + 1) * PREDICTORS * from->ahead * sizeof *to->ring);
    }
    return FG_OK;
}

static struct issued *issued_at(const struct fg_carbon_forecaster *f, int64_t step, size_t predictor,
                                uint32_t k)
{
    return f->ring + ((size_t)(step % (f->ahead + 1)) * PREDICTORS + predictor) * f->ahead + k;
}

/* The errors of all forecasts for the hour that has ended. */
static void learn(struct fg_carbon_forecaster *f, double value)
{
    for (size_t i = 0; i < PREDICTORS; i++) {
        for (uint32_t k = 0; k < f->ahead && f->steps > k; k++) {
            const struct issued *then = issued_at(f, f->steps - 1 - k, i, k);
            fg_conformal_learn(&f->interval[i * f->ahead + k], value - then->point, then->low, then->high);
        }
    }
}

enum fg_status fg_carbon_forecaster_step(struct fg_carbon_forecaster *f, double g_per_kwh)
{
    if (FG_GROW(f->value, f->known, f->cap) != FG_OK) {
        return FG_E_NOMEM;
    }
    f->value[f->known++] = g_per_kwh;
    if (f->interval != NULL) {
        learn(f, g_per_kwh);
    }
    uint32_t hour = (uint32_t)((f->first_hour_of_week + f->known) % 168);
    for (size_t i = 0; i < PREDICTORS; i++) {
        struct fg_carbon_view v = {f->known, f->value, hour, f->ahead, (const double *const *)f->g, i};
        fg_carbon_predictors[i]->step(f->self[i], &v, f->g[i]);
        for (uint32_t k = 0; f->interval != NULL && k < f->ahead; k++) {
            const struct fg_conformal *c = &f->interval[i * f->ahead + k];
            *issued_at(f, f->steps, i, k) =
                (struct issued){f->g[i][k], fg_conformal_low(c), fg_conformal_high(c)};
        }
    }
    f->steps++;
    return FG_OK;
}

const double *fg_carbon_forecaster_get(const struct fg_carbon_forecaster *f, size_t predictor)
{
    return f->g[predictor];
}

void fg_carbon_forecaster_interval(const struct fg_carbon_forecaster *f, size_t predictor, uint32_t k,
                                   double *low, double *high)
{
    FG_ASSERT(f->interval != NULL);
    const struct issued *x = issued_at(f, f->steps - 1, predictor, k);
    *low = x->point + x->low > 0.0 ? x->point + x->low : 0.0;
    *high = x->point + x->high > 0.0 ? x->point + x->high : 0.0;
}
