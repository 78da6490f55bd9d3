/* One zone's carbon as an outlook follows it, hour by hour, and a shelf of forecasts that many outlooks
 * share: those who saw the same hours forecast the same, so it is worked out once.
 *
 * Place: the outlook's hands; futures of a plan share few courses of carbon. Thread safety: a shelf is
 * anyone's; a track belongs to one thread at a time. Forecasts are the same bits with and without a shelf.
 */
#ifndef FG_FORECAST_CARBON_TRACK_H
#define FG_FORECAST_CARBON_TRACK_H

#include "src/forecast/carbon.h"

/* A tree of hours: a branch is what was seen from a common past on. */
struct fg_carbon_shelf;

/* For forecasts of so many hours ahead by one predictor. Errors: FG_E_NOMEM. Owner: the caller,
 * fg_carbon_shelf_destroy() (NULL allowed), after all tracks that use it. */
enum fg_status fg_carbon_shelf_create(struct fg_carbon_shelf **out, uint32_t ahead) FG_NODISCARD;
void fg_carbon_shelf_destroy(struct fg_carbon_shelf *s);

struct fg_carbon_track {
    uint32_t zone, ahead;
    size_t predictor;
    struct fg_carbon_forecaster *own;        /* NULL: nothing was told, or all of it is on the shelf */
    const double *g;                         /* (ahead) the forecasts now; NULL before the first hour */
    struct fg_carbon_shelf *shelf;           /* borrowed; NULL: none */
    const struct fg_carbon_forecaster *past; /* where the shelf's tree begins; borrowed, NULL: nothing */
    uint32_t at;                             /* the shelf's node */
    double *hour; /* (n) what was told since, of which `own` knows the first `told` */
    size_t n, cap, told;
};

void fg_carbon_track_fini(struct fg_carbon_track *t);

/* An hour has ended that began at hour_s (seconds since 1970): its mean intensity. Errors: FG_E_NOMEM. */
enum fg_status fg_carbon_track_step(struct fg_carbon_track *t, int64_t hour_s, double g_per_kwh) FG_NODISCARD;

/* What `from` knows, into `to`. With a shelf in `to`, from's forecaster must outlive it and be told no more.
 * Errors: FG_E_NOMEM. */
enum fg_status fg_carbon_track_copy(struct fg_carbon_track *to,
                                    const struct fg_carbon_track *from) FG_NODISCARD;

/* Back to what it was copied from: the same hours are to come again. Needs a shelf. */
void fg_carbon_track_again(struct fg_carbon_track *t);

#endif
