/* The outlook of a run: what is forecast, at now, of every client's availability and every zone's carbon.
 *
 * Slots are counted from now: slot 0 begins now, slot h begins h slots later. The outlook learns hour by hour
 * from what has been seen up to now: under a virtual clock that is the fleet's past, from `history_h` hours
 * before the run on; under a real one (`from_wakes`) only who was up whenever the aggregator looked. It never
 * reads past now but for the oracles, which are named so. Availability beyond 48 hours is forecast as for the
 * same hour of the second day, carbon beyond 168 hours as for that of the seventh.
 *
 * Clients that are always up at the same moments (fg_fleet_histories()) are forecast once, and count in what
 * is learnt from all as often as there are of them: time and memory grow with the rows of the trace,
 * not with the clients.
 *
 * State: everything is derived again from the fleet, except what wakes showed, which is saved as bits.
 * Place: between forecasts and selection. Thread safety: one caller. The same bits on any machine.
 */
#ifndef FG_FORECAST_OUTLOOK_H
#define FG_FORECAST_OUTLOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/fleet.h"
#include "src/base/bytes.h"
#include "src/base/status.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/forecast/carbon_track.h"

struct fg_outlook_config {
    const struct fg_fleet *fleet; /* borrowed */
    fg_time_t slot;               /* > 0 */
    uint32_t horizon;             /* slots ahead that will be asked for, >= 1 */
    const char *availability;     /* predictor, or "oracle" */
    const char *carbon;           /* carbon predictor, or "oracle" */
    uint32_t history_h;           /* hours before the run that were seen already */
    bool from_wakes;              /* only wakes show who is up */
    bool carbon_alone;            /* of slots after slot 0 carbon alone is asked for */
};

/* The predictors by number, NULL behind the last: name, and a line of text. */
const char *fg_outlook_availability_name(size_t i);
const char *fg_outlook_availability_doc(size_t i);
const char *fg_outlook_carbon_name(size_t i);
const char *fg_outlook_carbon_doc(size_t i);

struct fg_outlook;

/* Errors: FG_E_CONFIG for a name that does not exist, FG_E_NOMEM. Owner: the caller, fg_outlook_destroy(). */
enum fg_status fg_outlook_create(struct fg_outlook **out, const struct fg_outlook_config *cfg,
                                 struct fg_err *err) FG_NODISCARD;
void fg_outlook_destroy(struct fg_outlook *o);

/* What `from` has seen, into `to`: for another fleet with the same past; what `to` had seen is forgotten.
 * Nothing happens where they forecast different things. Where `to` keeps,
 * `from` must outlive it and see no more. Errors: FG_E_NOMEM. */
enum fg_status fg_outlook_copy(struct fg_outlook *to, const struct fg_outlook *from) FG_NODISCARD;

/* From what is copied to it next on, keep what is forecast hour by hour, carbon on a shelf that others share
 * (borrowed, of fg_outlook_carbon_ahead() hours): then fg_outlook_again() costs nothing, nor what is seen
 * again after it. `rows`: availability too, of so much memory an hour as there are histories and hours ahead;
 * else it has to be copied to again instead. Not for outlooks from wakes. */
void fg_outlook_keep(struct fg_outlook *o, struct fg_carbon_shelf *shelf, bool rows);
uint32_t fg_outlook_carbon_ahead(const struct fg_outlook *o);
size_t fg_outlook_row(const struct fg_outlook *o); /* numbers that `rows` keep an hour */

/* The same future of the same clients once more, from what was copied on, in this fleet; `horizon` is at most
 * what it was made for. */
void fg_outlook_again(struct fg_outlook *o, const struct fg_fleet *fleet, uint32_t horizon);

/* The slots ahead that can be asked for. */
uint32_t fg_outlook_horizon(const struct fg_outlook *o);

/* It is `now`, and these clients (ascending) are up. A second call for the same moment changes nothing.
 * Cost: for each full hour since the last call, some 0.3 us a history and slot of the horizon. */
enum fg_status fg_outlook_see(struct fg_outlook *o, fg_time_t now, const uint32_t *up, size_t n) FG_NODISCARD;

/* The chance that the client is up throughout the first hour of slot h < horizon. For h = 0: that a client
 * that is up now stays so. */
double fg_outlook_up(const struct fg_outlook *o, uint32_t client, uint32_t h);

/* What is to be expected of work of so many seconds that is begun with slot h, if its client is up then. */
struct fg_prospect {
    double begins; /* chance that the client is up then; h = 0: 1, for it is up now */
    double lasts;  /* that it is, and stays for all of the work */
    double share;  /* of the work that is done on average, once it is begun */
};

/* Of the next `slots` slots, at most the horizon: P(up throughout the hour) / P(one that is up stays for it)
 * is the chance to begin; up times end at a constant rate. Shapes: out (slots). */
void fg_outlook_prospects(struct fg_prospect *out, const struct fg_outlook *o, uint32_t client,
                          double seconds, uint32_t slots);

/* Carbon intensity in the first hour of slot h, g/kWh, slot 0 (whose hour has only begun) included. */
double fg_outlook_carbon(const struct fg_outlook *o, uint32_t zone, uint32_t h);

/* What was seen is settled: a round was committed. save writes what was settled; load expects a fresh
 * outlook. */
void fg_outlook_settle(struct fg_outlook *o);
enum fg_status fg_outlook_save(const struct fg_outlook *o, struct fg_str *out) FG_NODISCARD;
enum fg_status fg_outlook_load(struct fg_outlook *o, struct fg_reader *in) FG_NODISCARD;

#endif
