/* The availability that a deployment met: who was seen to be there when, and how fast each client was.
 *
 * It is put together from what a run of run.clock = real leaves: when a client came up or was gone (journal),
 * and who was given what (participation rows). Between two starts of the aggregator nothing was seen. Nor is
 * it known what a client would have done that was there and had nothing to do: FG_MET_UNTRIED.
 *
 * Thread safety: one caller while it is filled, any number of readers afterwards.
 */
#ifndef FG_SIM_MET_H
#define FG_SIM_MET_H

#include <stdbool.h>

#include "src/base/status.h"
#include "src/plan/record.h"

struct fg_met;

/* Owner: the caller, fg_met_destroy() (NULL allowed). Errors: FG_E_NOMEM. */
enum fg_status fg_met_create(struct fg_met **out, uint32_t clients) FG_NODISCARD;
void fg_met_destroy(struct fg_met *m);

/* Fill it, in the order of time. `seen`: a client came up or is gone; repetitions mean nothing. `blind`: the
 * aggregator was not there from the last of these until now; everyone was gone then. `until`:
 * something else was seen then.
 * Errors: FG_E_RANGE for a client that does not exist, FG_E_NOMEM. */
enum fg_status fg_met_seen(struct fg_met *m, fg_time_t now, uint32_t client, bool up) FG_NODISCARD;
enum fg_status fg_met_blind(struct fg_met *m, fg_time_t now) FG_NODISCARD;
void fg_met_until(struct fg_met *m, fg_time_t now);

/* Who was given what, in any order. Errors: as above. */
enum fg_status fg_met_tried(struct fg_met *m, const struct fg_participation *row) FG_NODISCARD;

fg_time_t fg_met_end(const struct fg_met *m); /* nothing is known from here on */
bool fg_met_is_blind(const struct fg_met *m, fg_time_t t);

/* Until when a client that is there at t was there; t itself if it was not. */
fg_time_t fg_met_up_until(const struct fg_met *m, uint32_t client, fg_time_t t);

/* Time that a step of this client took, transfers and waiting included: the mean of its own answers or, *own
 * false, of everyone's; 0 if nobody ever answered. */
double fg_met_step_s(const struct fg_met *m, uint32_t client, bool *own);

/* What is known of a client in [t0, t1). */
enum fg_met_mark {
    FG_MET_TRIED,   /* it had a task at some time of it */
    FG_MET_UNTRIED, /* its worker was there and had none */
    FG_MET_MARKS
};
enum fg_met_mark fg_met_mark(const struct fg_met *m, uint32_t client, fg_time_t t0, fg_time_t t1);

#endif
