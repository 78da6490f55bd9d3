/* What becomes of an assignment in virtual time: a pure function of the fleet and the assignment.
 *
 *   t_assign          download            compute              upload         t_end
 *      |----------------------------|------ n steps ------|----------------|
 *
 * The client must be up all the time. If it goes down in the middle, the task is LEFT and its steps are lost;
 * or, with hand_back, the client (which is told in time that it must go) stops after the last step that still
 * lets it send its update before it leaves: PARTIAL, provided there is at least one such step. A partial
 * update uploads as many bytes as a whole one. Nothing else takes time: the server's own work is free here.
 * Thread safety: pure.
 */
#ifndef FG_AVAILABILITY_WORLD_H
#define FG_AVAILABILITY_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "src/availability/fleet.h"
#include "src/base/time.h"
#include "src/plan/outcome.h"

/* What a client is asked to do, and from when. */
struct fg_assignment {
    uint32_t client;
    uint32_t steps; /* 0 (an evaluation): samples_per_step is all there is to do, as a whole or not at all */
    double samples_per_step; /* a mean, where the last batch of an epoch is smaller */
    uint64_t bytes_down, bytes_up;
    fg_time_t t_assign;
    fg_time_t until; /* the client is known to be up from t_assign to then; t_assign: nothing is known */
    bool hand_back;
};

/* Foresee an assignment; only what would take longer than `until` is looked up. A client that is down at
 * t_assign is LEFT at once, at no cost. */
void fg_world_outcome(const struct fg_fleet *f, const struct fg_assignment *a, struct fg_outcome *out);

/* How long an undisturbed assignment takes. */
fg_time_t fg_world_duration(const struct fg_fleet *f, uint32_t client, uint64_t bytes_down, uint32_t steps,
                            double samples_per_step, uint64_t bytes_up);

/* Cut an outcome short at t (the server called it off): a task that would end later becomes CUT at t. */
void fg_world_cut(const struct fg_fleet *f, uint32_t client, double samples_per_step, fg_time_t t,
                  struct fg_outcome *o);

#endif
