/* Futures played side by side: plan.c's hands. Results come in the order of the draws, whatever the
 * threads. */
#ifndef FG_SIM_PLAN_MANY_H
#define FG_SIM_PLAN_MANY_H

#include "src/availability/foresee.h"
#include "src/sim/plan_play.h"

/* Thread safety: one caller; it starts threads of its own and ends them. */
struct fg_many {
    const struct fg_setup *setup;
    uint64_t seed;
    uint32_t hours; /* that futures reach */
    atomic_int *stop;
    const struct fg_play_change *change; /* (changes) each future is played again with each */
    uint32_t changes, changed;           /* futures of which that is so: the first */
    /* from here on of fg_many_init() */
    uint32_t threads;
    struct fg_foresee **foresee; /* (threads) */
    struct fg_outlook *learned;  /* what the policy's outlook knew before the run; NULL where it wants none */
    struct fg_outlook **outlook; /* (threads) that futures are looked at with */
    struct fg_carbon_shelf *shelf; /* futures that share their carbon share its forecasts */
    bool rows;                     /* a future that is played again is not forecast again */
};

/* The past is learnt once for all futures, but for its last hour, which they may touch. Errors: FG_E_NOMEM,
 * those of setups. Owner: the caller, fg_many_fini(), whatever the outcome. */
enum fg_status fg_many_init(struct fg_many *m, uint32_t draws, struct fg_err *err) FG_NODISCARD;
void fg_many_fini(struct fg_many *m);

/* One future, played by one thread. */
struct fg_many_result {
    struct fg_played played;
    struct fg_play_log log;
    double
        useful[FG_PLAN_BUDGETS]; /* (changes) useful steps with each change, of the futures that have them */
};

/* Futures 0 to draws - 1 without numerics; `take` is given each in its turn, by the calling thread.
 * Errors: those of fg_play_run(). */
typedef void fg_many_take(void *arg, uint32_t draw, const struct fg_many_result *r);
enum fg_status fg_many_play(struct fg_many *m, uint32_t draws, fg_many_take *take, void *arg,
                            struct fg_err *err) FG_NODISCARD;

/* One future with numerics, by the calling thread. */
enum fg_status fg_many_pilot(struct fg_many *m, uint32_t draw, struct fg_trainer *trainer,
                             struct fg_play_curve *curve, struct fg_played *out,
                             struct fg_err *err) FG_NODISCARD;

#endif
