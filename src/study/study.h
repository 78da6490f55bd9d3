/* Running one study from its configuration to its report:
 * what `simulate` and the aggregator of `train` share.
 *
 * Checks every input, opens the run directory, resumes if it can, drives the aggregator with the executor it
 * was given, records as it goes, saves on signals, and prints the report. Thread safety: one call a process.
 */
#ifndef FG_STUDY_STUDY_H
#define FG_STUDY_STUDY_H

#include <stdatomic.h>

#include "src/cmd/cmd.h"
#include "src/sim/setup.h"
#include "src/store/rundir.h"
#include "src/worker/executor.h"

/* What a run whose workers are started and ended by a trace says to, and asks of, whoever plays it. */
struct fg_study_play {
    void (*stands)(void *arg, fg_time_t now); /* the run is at this time, which does not pass yet */
    bool (*ready)(void *arg, uint32_t ups);   /* enough clients have come up for it to pass */
    void (*begun)(void *arg, fg_time_t now, fg_time_t steady_us); /* it passes, since that CLOCK_MONOTONIC */
};

/* Makes the executor once the setup stands and the run is known to be unfinished. `local` computes on this
 * process' cores, or a device, and may be taken over (the new executor then destroys it) or destroyed. */
struct fg_study_shell {
    enum fg_status (*executor)(void *arg, const struct fg_setup *s, struct fg_executor *local,
                               const struct fg_setup_hands *hands, atomic_int *stop, struct fg_executor **out,
                               struct fg_err *err); /* NULL: local as it is */
    void *arg;
    const char *replay;   /* run folder of a real run whose events are met again; NULL: none */
    bool counterfactual;  /* with other decisions than the run in `replay` made */
    bool has_workers;     /* other processes compute: run.clock = real is possible */
    struct fg_live *live; /* set by `executor` when the clock is real: the workers as clients */
    void (*opened)(void *arg, const char *folder); /* told the run's folder once it is there; NULL: nobody */
    const struct fg_study_play *play; /* who plays a trace on the workers (drive.on); NULL: nobody */
};

/* Set by SIGINT, SIGTERM, SIGUSR1 and SIGHUP (but under nohup) once fg_study_catch_signals() was called. */
extern atomic_int fg_study_stop;
void fg_study_catch_signals(void);

/* Run the study of a configuration file, with signals caught; returns the exit code: 0 done, 1 failed,
 * 2 input, 75 interrupted with everything saved. */
int fg_study_file(const char *file, const struct fg_cmd_common *common, const struct fg_study_shell *shell);

#endif
