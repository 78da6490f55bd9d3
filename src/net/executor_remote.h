/* The executor over workers: spreads a cohort over the processes at the other end of a transport.
 *
 *   submit -> queue -> chunks to idle workers (MODEL or STEPS once for each version,
 *   then TASKS) -> RESULT -> collect
 *
 * A result is a pure function of its task, so whatever happens to a worker changes nothing but time: when it
 * dies, hangs or refuses, its tasks go back to the front of the queue and another worker repeats them, or
 * goes on from the state that a worker that was given notice handed back; when an answer comes twice, the
 * first counts. With a local executor this process computes its share, too. Shards are served by hash to
 * whoever asks (movable placement).
 *
 * A worker that says nothing for `patience_us` in real time, although it is asked every `heartbeat_us`,
 * loses its tasks but not its place: its next frame brings it back.
 *
 * Where the transport can start peers, lost workers are replaced (respawn.h) and a run without workers waits.
 *
 * Thread safety: one caller, the thread that owns the transport.
 */
#ifndef FG_NET_EXECUTOR_REMOTE_H
#define FG_NET_EXECUTOR_REMOTE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "src/base/str.h"
#include "src/base/time.h"
#include "src/net/probe.h"
#include "src/net/respawn.h"
#include "src/net/transport.h"
#include "src/plan/live.h"
#include "src/wire/codec.h"
#include "src/wire/message.h"
#include "src/worker/executor.h"

struct fg_executor_remote_stats;

/* A worker that is there, for those who look on. */
struct fg_worker_status {
    uint32_t worker, pid;
    const char *host, *state; /* "joining", "idle", "working", "silent" */
    double quiet_s;           /* since its last frame, or since nothing is expected of it */
    uint32_t tasks;           /* that it has */
};

struct fg_executor_remote_opts {
    struct fg_transport *transport; /* borrowed */
    size_t params;                  /* P */
    struct fg_codec_opts coding;    /* how updates are encoded; `layer` is borrowed */
    uint32_t input[FG_MSG_INPUT];   /* what samples are, for workers that have no data of their own */
    const char *config;             /* resolved configuration for the workers; copied */
    const char *version;            /* of the program, which a worker must have as well; NULL: any */
    uint64_t run_id;                /* not 0 */

    /* Movable placement, else NULL: the name of a task's shard, and the bytes of a name (valid until the next
     * call; false: there is no such shard). */
    enum fg_status (*shard_of)(void *arg, const struct fg_task *task, uint8_t hash[32], struct fg_err *err);
    bool (*shard_bytes)(void *arg, const uint8_t hash[32], struct fg_view *out);
    void *arg;

    /* workers.on_loss = ignore: the tasks of a lost worker are lost, and collect says FG_E_LOST; an answer
     * that still comes before that counts if `late_counts`. */
    bool ignore_losses, late_counts;
    bool partial; /* results of fewer steps than asked for are results: of workers that had to leave */

    /* run.clock = real: worker and client are one, see fg_executor_remote_live(); no `local` then. */
    bool pinned;
    uint32_t clients;
    /* Whose machine has come up and is to have a worker (true), one a call; then nobody else is started.
     * NULL: lost workers are replaced. */
    bool (*arrival)(void *arg, uint32_t *client);
    void (*here)(void *arg, uint32_t client,
                 uint32_t pid); /* a client has a worker; NULL: nobody wants to know */
    void *arrival_arg;          /* of both */

    /* Of results held until they are released; 0: 1 GiB. Passed only by the one waited for and by what
     * workers compute meanwhile: nothing is given out once it is reached, and no task to wait at a worker
     * when the answers to all that is out would reach it. */
    size_t max_bytes;

    struct fg_executor *local; /* computes here as well; taken over on success; NULL: only workers do */
    unsigned local_cohort;     /* tasks worth giving it at once; 0: 1 */
    const char *local_host;    /* whose cores it takes, as workers name theirs; NULL: none; borrowed */
    /* Updates stay with the workers, which add up those that are folded (struct fg_far); what is lost with a
     * worker is computed by `local`. Only for those who do nothing with updates but fold them. */
    bool updates_stay;
    /* Updates whose values lie as they are in their frames are judged as they are added, and read once; one
     * that is wrong is made anew then. Only for the same, and where every task can be repeated. */
    bool judge_late;
    bool beside; /* it computes in a thread, so that others need not wait for an answer until it is done */
    /* Clients keep something for the codec: their tasks go to whoever did their last one,
     * a worker as long as it is there. */
    bool clients_keep;
    bool share_cores; /* those on one host, `local` too, have equal parts of its cores; else all of them */

    atomic_int *stop;                    /* non-zero: collect returns FG_E_INTERRUPTED; NULL: never */
    fg_time_t (*now)(void *arg);         /* real time, only to tell who is alive */
    fg_time_t heartbeat_us, patience_us; /* heartbeat 0: never ask, never lose patience */

    struct fg_respawn_opts respawn; /* who is started in the place of lost workers; zero: nobody */

    /* Where they are started, and whether host i answers: asked until it is not FG_PROBE_WAIT, before
     * anything is started there. Borrowed; NULL or empty: on this machine. */
    struct fg_hosts *hosts;
    enum fg_probe_state (*probe)(void *arg, size_t i);
    void *probe_arg;

    /* Told at most once a second who is there (n of them, not those that are gone); NULL: nobody is. */
    void (*status)(void *arg, const struct fg_worker_status *list, size_t n,
                   const struct fg_executor_remote_stats *stats);
    void *status_arg;
};

struct fg_executor_remote_stats {
    uint32_t workers, alive, lost; /* seen so far; not lost; dead, left or of no use */
    uint32_t put_aside;            /* lost because of what they sent */
    uint32_t spawned;              /* started by this process */
    uint64_t tasks_repeated;       /* handed out again after a loss, a refusal or silence */
    uint64_t updates_mended;       /* of these, that were wrong when they were added */
    uint64_t tasks_continued;      /* of these, from where a worker that left had come */
    uint64_t tasks_lost;           /* with their workers, for good */
    uint64_t tasks_partial;        /* answered with fewer steps */
    uint64_t pieces_scored;        /* of the server's evaluations, by workers */
    uint64_t updates_stayed;       /* with the workers, and came as part of a sum */
    uint64_t answers_late;         /* used although their worker had been given up */
    uint64_t answers_ignored;      /* duplicates, and answers to tasks that nobody wants any more */
    uint64_t frames_refused;
    uint64_t models_sent, steps_sent;    /* whole versions; messages that lead from one to another */
    uint64_t bytes_sent, bytes_received; /* whole frames: what really travelled */
    /* in the transport, what arrives there included; judging frames; opening updates; waiting for sums and
     * taking them in, the transport's share included */
    fg_time_t waited_us, taking_us, opening_us, summing_us;
};

/* Errors: FG_E_NOMEM. Owner: the caller, ops->destroy(), which tells the workers to stop. The executor's
 * collect: FG_E_GONE when no worker is left and there is no local executor, FG_E_INTERRUPTED, or what made a
 * task fail three times. */
enum fg_status fg_executor_remote_create(struct fg_executor **out, const struct fg_executor_remote_opts *opts,
                                         struct fg_err *err) FG_NODISCARD;

/* The workers of a pinned executor as clients: a client's tasks go to nobody else, and what it cannot finish
 * is lost. A process that is started in the place of a lost one is the same client again.
 * Owner: the executor. */
struct fg_live *fg_executor_remote_live(struct fg_executor *ex);

/* Take what has come and give out what can be, without waiting: what submit and collect do, too. */
enum fg_status fg_executor_remote_poll(struct fg_executor *ex, struct fg_err *err) FG_NODISCARD;

struct fg_executor_remote_stats fg_executor_remote_stats(const struct fg_executor *ex);

/* Check the invariants, which hold between two events: NULL when they do, else which does not. */
const char *fg_executor_remote_check(const struct fg_executor *ex);

#endif
