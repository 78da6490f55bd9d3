/* One future played: plan.c's hands. Thread safety: one caller. */
#ifndef FG_SIM_PLAN_PLAY_H
#define FG_SIM_PLAN_PLAY_H

#include "src/sim/plan.h"

/* What of the run is changed for a future; 0 = as configured. */
struct fg_play_change {
    uint32_t rounds;
    fg_time_t deadline;
    double limit[FG_LIMITS];
};

/* What went on in a future's rounds. */
struct fg_play_row {
    uint32_t slot, client;
    float steps, bytes;
    uint64_t shard_bytes;
    bool strange, copy; /* on another's data; beside a task on the same shard */
};
struct fg_play_log {
    struct fg_plan_slot *round; /* (n_rounds), in the order of rounds; `played` is the round's number */
    size_t n_rounds, cap_rounds;
    struct fg_play_row *row; /* (n) */
    size_t n, cap;
};
void fg_play_log_fini(struct fg_play_log *l);

/* Add a future's to the schedule: sums. */
void fg_play_log_add(struct fg_plan *to, const struct fg_play_log *l, const struct fg_fleet *fleet);

/* A pilot's evaluations on its way. */
struct fg_play_curve {
    double *steps, *accuracy; /* (n) useful steps so far */
    size_t n, cap, cap_accuracy;
};

struct fg_play {
    const struct fg_setup *setup;
    struct fg_fleet *fleet;     /* the future */
    struct fg_trainer *trainer; /* NULL = without numerics */
    struct fg_play_change change;
    struct fg_outlook *outlook;  /* serves its policy, begun again; NULL = one of its own */
    struct fg_play_log *log;     /* is appended to; NULL = not */
    struct fg_play_curve *curve; /* NULL = not */
    atomic_int *stop;
};

/* Slots ahead that its policy looks, 0 = it does not; the outlook that it would have,
 * NULL where it wants none. */
uint32_t fg_play_horizon(const struct fg_play *p);
enum fg_status fg_play_look_out(const struct fg_play *p, struct fg_outlook **out,
                                struct fg_err *err) FG_NODISCARD;

/* What came of it. */
struct fg_played {
    double what[FG_PLAN_WHATS]; /* the accuracy is negative without numerics */
    double useful_steps;
    struct fg_promise promise; /* of the policy */
};

enum fg_status fg_play_run(const struct fg_play *p, struct fg_played *out, struct fg_err *err) FG_NODISCARD;

#endif
