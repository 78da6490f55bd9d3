/* This process as one rank of an mpirun: rank 0 runs the study, the others work for it.
 *
 *     if (fg_net_under_mpirun()) {
 *         st = fg_ranks_begin(&ranks, aggregator_computes, &err);    (workers never come back from here)
 *         rc = st == FG_OK ? fg_study_file(file, &common, &ranks.shell) : ...;
 *         fg_ranks_end(&ranks, rc);                                   (nor does rank 0 from here)
 *     }
 *
 * No rank ends with another code than 0, because a launcher takes that for a reason to kill the rest: the
 * run's own code goes into the exit file of `forage launch`, and the run folder says how the run ended.
 *
 * Thread safety: the main thread.
 */
#ifndef FG_DEPLOY_RANKS_H
#define FG_DEPLOY_RANKS_H

#include "src/deploy/drive.h"
#include "src/net/executor_remote.h"
#include "src/net/probe.h"
#include "src/study/study.h"

struct fg_ranks {
    struct fg_study_shell shell; /* for fg_study_file() */
    struct fg_transport *transport;
    struct fg_ranks_shards *shards;
    char folder[4096]; /* of the run, once it is there */
    char host[256];
    struct fg_hosts hosts;
    struct fg_agent agent;
    struct fg_probe *probe;
    struct fg_drive_rank play;                   /* whoever plays a trace on the workers, if somebody does */
    bool aggregator_computes, replaces, started; /* replaces lost workers; the executor exists
                                                    and will tell the workers to stop */
};

/* How rank 0 runs. */
struct fg_ranks_how {
    const char *const *self;  /* this command line: program and arguments, closed by NULL; borrowed */
    bool aggregator_computes; /* as well as its workers */
    const char *const
        *spawn; /* program and arguments of a worker that is started in the place of a lost one, closed by
                                 NULL; borrowed; NULL: none is */
    size_t spawn_host; /* which of them becomes its host's name; 0: none */
};

/* Join the other ranks. A rank other than 0 works until it is told to stop; then the process ends with 0.
 * Errors: FG_E_UNSUPPORTED, FG_E_INTERNAL, FG_E_USAGE (rank 0 alone and not computing itself). */
enum fg_status fg_ranks_begin(struct fg_ranks *r, const struct fg_ranks_how *how,
                              struct fg_err *err) FG_NODISCARD;

/* Work for the aggregator that spawned this process, on `host` (NULL or empty: here), where `self` is this
 * command line; returns only when that was not possible.
 * Errors: FG_E_UNSUPPORTED, FG_E_INTERNAL, FG_E_USAGE (nobody spawned it). */
enum fg_status fg_ranks_work(const char *host, const char *const *self, struct fg_err *err) FG_NODISCARD;

/* Tell everyone to stop, leave MPI, end the process with 0; `rc` is what `forage launch` will return. */
void fg_ranks_end(struct fg_ranks *r, int rc) __attribute__((noreturn));

#endif
