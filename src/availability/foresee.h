/* Foresight: futures of a fleet, drawn from what could be seen before its run begins, never from what comes.
 *
 * Availability: each client is a two-state chain from hour to hour around a share that follows the hour of
 * day, P(up | x) = l x + (1 - l) q(hour), with its two chances drawn from Beta posteriors of what was
 * counted in the past; the prior is the pooled past of all clients (which is drawn too), as if seen for
 * the more hours the more alike clients were, at least FG_FORESEE_PRIOR. Changes happen where in their hour
 * they happened before; a client that is up at both ends of an hour is up throughout.
 * Carbon: what was so many days ago (up to four weeks, the same for all zones), scaled at first to today's
 * level; again and again where the run is longer than that, and without a day what it is now. Clients are
 * independent: common causes are not drawn.
 * Formulas and limits: doc/algorithms/plan.md.
 * Thread safety: one caller.
 */
#ifndef FG_AVAILABILITY_FORESEE_H
#define FG_AVAILABILITY_FORESEE_H

#include <stdint.h>

#include "src/availability/fleet.h"

#define FG_FORESEE_PRIOR 10.0

struct fg_foresee;

/* Look back from the fleet's start, at most history_h hours. The fleet is borrowed. Errors: FG_E_NOMEM.
 * Owner: the caller, fg_foresee_destroy(). */
enum fg_status fg_foresee_create(struct fg_foresee **out, const struct fg_fleet *fleet,
                                 uint32_t history_h) FG_NODISCARD;
void fg_foresee_destroy(struct fg_foresee *p);

/* Hours of the past that were there to be seen. */
uint32_t fg_foresee_history_h(const struct fg_foresee *p);

/* Future number `draw`, up to `hours` after the start: a fleet of the same clients, zones, speeds and past.
 * It replaces the one drawn before and is valid until the next draw.
 * Cost:   O(clients hours). Errors: FG_E_NOMEM; FG_E_RANGE for more than FG_FORESEE_MOST client-hours. */
#define FG_FORESEE_MOST 200000000.0
enum fg_status fg_foresee_draw(struct fg_foresee *p, uint64_t seed, uint32_t draw, uint32_t hours,
                               struct fg_fleet **out, struct fg_err *err) FG_NODISCARD;

#endif
