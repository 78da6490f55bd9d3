/* Failures played on a deployment: what `forage torture` (torture.c: command line, report) does to it
 * (torture_run.c: processes and signals). */
#ifndef FG_DEPLOY_TORTURE_H
#define FG_DEPLOY_TORTURE_H

#include <stdint.h>

#include "src/base/status.h"
#include "src/deploy/launch.h"

enum fg_torture_kind {
    FG_TORTURE_KILL,
    FG_TORTURE_STOP,
    FG_TORTURE_NOTICE,
    FG_TORTURE_AGGREGATOR,
    FG_TORTURE_KINDS
};

struct fg_torture_opts {
    const char *dir;                    /* the run folder */
    const struct fg_launch_argv *first; /* the command that begins the run */
    const struct fg_launch_argv *again; /* the command that goes on with it */
    uint64_t kills, aggregator_every, seed;
    double gap_s;      /* mean time between two failures */
    double patience_s; /* of the run with its workers; some stay stopped for longer, some for less */
};

struct fg_torture_report {
    uint64_t events[FG_TORTURE_KINDS];
    uint64_t workers; /* that came up */
    uint64_t hangs;   /* nothing moved for long: ended by force */
    uint64_t again;   /* a worker did not come up: launch itself started everyone again */
    uint64_t ends;    /* the deployment ended and nobody had asked for it */
    double wall_s;
    double back_s; /* of it: between a kill of the aggregator and the next start's first round */
};

/* Run until the run folder says finished. Errors: FG_E_IO, FG_E_INTERNAL, FG_E_GONE (it ended by itself or
 * hung too often; the output's end is on stderr), FG_E_INTERRUPTED. */
enum fg_status fg_torture_run(struct fg_torture_report *out, const struct fg_torture_opts *opts,
                              struct fg_err *err) FG_NODISCARD;

#endif
