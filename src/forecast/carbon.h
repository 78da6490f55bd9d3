/* Forecasts of carbon intensity: predictors that learn on line, hour by hour, from what has been measured.
 *
 * A forecaster is stepped once an hour with the intensity of the hour that has just ended, and then says
 * what the hours ahead will bring: the one that begins now (index 0) and those after it. Index k is the hour
 * [now + k h, now + k h + 1 h), as the horizon of FG_EVENT_SLOT in forecast.h. Each predictor gives a point
 * and, from its own past errors, a 90% interval (conformal.h). None reads past now, but for the
 * oracle. A predictor is a file and a line in the registry. Formulas: doc/algorithms/forecasts.md.
 *
 * Place: pure decisions; used alike by simulation, real runs and `forage forecast`.
 * Thread safety: a forecaster belongs to one thread at a time; results are the same bits on any machine.
 */
#ifndef FG_FORECAST_CARBON_H
#define FG_FORECAST_CARBON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/carbon.h"
#include "src/base/status.h"

#define FG_CARBON_AHEAD_MAX 169
#define FG_CARBON_LEVEL 0.05 /* promised share outside of each side of an interval */

/* One step as a predictor sees it. */
struct fg_carbon_view {
    size_t known;        /* hours measured so far, >= 1 */
    const double *value; /* (known) g/kWh, the last one ended now */
    uint32_t hour;       /* of the week, of the hour that begins now: 0 = Monday 0 h UTC */
    uint32_t ahead;
    const double *const *earlier; /* [n_earlier] -> (ahead): this step's forecasts of those before */
    size_t n_earlier;
};

/* What an instance is made for. */
struct fg_carbon_spec {
    uint32_t ahead;
    size_t n_earlier;
    const struct fg_carbon *truth; /* for the oracle only; may be NULL */
    int64_t first_hour_s;
};

struct fg_carbon_predictor {
    const char *name;
    const char *doc; /* one line */
    double prior;    /* weight in the ensemble before anything is known, against the others' */
    enum fg_status (*create)(void **self, const struct fg_carbon_spec *spec);
    void (*step)(void *self, const struct fg_carbon_view *v, double *g); /* learn, then write g (ahead) */
    void (*destroy)(void *self);                                         /* NULL is allowed */
    void (*copy)(void *to, const void *from); /* what it has learnt, into one made alike */
};

/* All predictors in the order in which they are stepped: the ensemble after what it mixes. */
extern const struct fg_carbon_predictor *const fg_carbon_predictors[];
extern const size_t fg_carbon_predictors_n;

/* Index by name; fg_carbon_predictors_n if there is none of this name. */
size_t fg_carbon_predictor_find(const char *name);

struct fg_carbon_forecaster;

/* A forecaster of hours now + 0 .. now + ahead - 1. Its first step is told the hour that begins at
 * first_hour_s (seconds since 1970, UTC); feed it what is known of the time before a run: a month is plenty.
 * Errors: FG_E_RANGE unless 1 <= ahead <= FG_CARBON_AHEAD_MAX, FG_E_NOMEM.
 * Owner:  the caller, fg_carbon_forecaster_destroy(). `truth` may be NULL (the oracle then repeats the last
 *         value) and must outlive the forecaster. Without `intervals` only points can be asked for:
 *         it costs less. */
enum fg_status fg_carbon_forecaster_create(struct fg_carbon_forecaster **out, uint32_t ahead,
                                           int64_t first_hour_s, const struct fg_carbon *truth,
                                           bool intervals) FG_NODISCARD;
/* What `from` has learnt and forecast, into `to`, which was made alike and was told nothing.
 * Errors: FG_E_NOMEM. */
enum fg_status fg_carbon_forecaster_copy(struct fg_carbon_forecaster *to,
                                         const struct fg_carbon_forecaster *from) FG_NODISCARD;
void fg_carbon_forecaster_destroy(struct fg_carbon_forecaster *f);

/* An hour has ended: its mean intensity. Learn, and forecast anew.
 * Cost: some 2 us times ahead. Errors: FG_E_NOMEM (the past grows); nothing has changed then. */
enum fg_status fg_carbon_forecaster_step(struct fg_carbon_forecaster *f, double g_per_kwh) FG_NODISCARD;

/* The points of the last step.
 * Shapes: (ahead). Owner: the forecaster, valid until the next step. */
const double *fg_carbon_forecaster_get(const struct fg_carbon_forecaster *f, size_t predictor);

/* The bounds of the last step for the hour now + k: each side is missed in FG_CARBON_LEVEL of all cases. */
void fg_carbon_forecaster_interval(const struct fg_carbon_forecaster *f, size_t predictor, uint32_t k,
                                   double *low, double *high);

#endif
