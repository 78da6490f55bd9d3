/* Futures played side by side: plan.c's hands. Results come in the order of the draws, whatever the threads. */
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
    struct fg_foresee **foresee; /* (threads) */
    uint32_t threads;
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_many_fini(). */
enum fg_status fg_many_init(struct fg_many *m, uint32_t draws) FG_NODISCARD;
void fg_many_fini(struct fg_many *m);

/* One future, played by one thread. */
struct fg_many_result {
    double what[FG_PLAN_WHATS];
    struct fg_promise promise;
    struct fg_play_log log;
};

/* What the outlook of these runs has learnt before they begin, but for the last hour, which futures may touch;
 * *out = NULL where the policy wants no forecasts. Errors: those of setups. Owner: the caller,
 * fg_outlook_destroy(). */
enum fg_status fg_many_learn(struct fg_outlook **out, struct fg_many *m, const struct fg_play_change *change,
                             struct fg_err *err) FG_NODISCARD;

/* Futures 0 to draws - 1 without numerics; `take` is given each in its turn, by the calling thread. `log`: with
 * what went on in its rounds. Errors: those of fg_play_run(). */
typedef void fg_many_take(void *arg, uint32_t draw, const struct fg_many_result *r);
enum fg_status fg_many_play(struct fg_many *m, uint32_t draws, const struct fg_play_change *change, bool log,
                            fg_many_take *take, void *arg, struct fg_err *err) FG_NODISCARD;

/* One future with numerics, by the calling thread. */
enum fg_status fg_many_pilot(struct fg_many *m, uint32_t draw, struct fg_trainer *trainer,
                             struct fg_play_curve *curve, double what[FG_PLAN_WHATS],
                             struct fg_err *err) FG_NODISCARD;

#endif
