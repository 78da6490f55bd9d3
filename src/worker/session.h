/* The worker as a pure state machine: event in, actions out.
 *
 * No clock, socket, thread or file inside; the shell (net/worker_shell.h) carries frames and runs the
 * cohorts.
 *
 *   FRAME PING -> SEND HELLO
 *   FRAME WELCOME -> CONFIGURE ... READY -> SEND READY
 *   FRAME TASKS -> RUN ... DONE -> SEND RESULT
 *     (-> LOOKUP ... STORED, or if it is missing -> SEND SHARD_REQ ... FRAME SHARD -> KEEP, RUN)
 *   FRAME ADD -> ADD of each; FRAME SUM_REQ -> SUM ... SUMMED -> SEND SUM (updates that stay here)
 *
 * LEAVE while a cohort runs: HALT ... DONE -> SEND STATE of what is unfinished, SEND BYE, QUIT.
 * DONE with FG_E_LOST: what is done is sent, why, BYE, QUIT; the aggregator takes the rest back with the BYE.
 *
 * The aggregator speaks first: until it is welcome, a worker answers each PING with HELLO. A shard that is
 * not there two PINGs after it was asked for is asked for again: request or answer was damaged on its way.
 *
 * What holds after every event (fg_session_check): a task is answered at most once for each time it was
 * given, by RESULT or REFUSED; it runs only with the parameters of its version and, under movable placement,
 * with bytes that hash to its shard's name; versions below the aggregator's floor stay only while a task
 * needs them; shards that no task needs fit in the cache's limit. Frames that are damaged, of another run,
 * duplicate or late change nothing but a counter.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_SESSION_H
#define FG_WORKER_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/plan/plan.h"
#include "src/wire/codec.h"
#include "src/wire/message.h"

struct fg_session;

/* Who this worker is; strings are copied. */
struct fg_session_self {
    const char *version, *host, *isa;
    uint32_t pid;
};

/* What became of one task of a cohort. */
struct fg_session_answer {
    uint64_t id;
    /* not FG_OK: the task is refused with `text`. FG_E_LOST: what computes is lost, and this worker with
     * it. */
    enum fg_status st;
    const char *text;        /* of the failure; NULL: the status' own */
    struct fg_result result; /* delta is not read: */
    uint32_t codec;          /* the encoded delta, empty for evaluation; with FG_MSG_NO_CODEC scores; with
                              * FG_MSG_STAYS the largest |x|, a float */
    const uint8_t *bytes;
    size_t len;
    const uint8_t
        *state; /* FG_E_INTERRUPTED by HALT: where it stands, to go on elsewhere; empty: nowhere yet */
    size_t state_len;
};

enum fg_session_event_kind {
    FG_SESSION_FRAME,  /* bytes came from it */
    FG_SESSION_READY,  /* the answer to CONFIGURE */
    FG_SESSION_DONE,   /* the answer to RUN: every task of it */
    FG_SESSION_STORED, /* the answer to LOOKUP */
    FG_SESSION_SUMMED, /* the answer to SUM */
    FG_SESSION_LEAVE,  /* this worker was told to go; the second time: at once */
    FG_SESSION_LOST    /* the aggregator is gone */
};

struct fg_session_event {
    enum fg_session_event_kind kind;
    const uint8_t *frame; /* FRAME: borrowed during the call */
    size_t len;
    enum fg_status st;   /* READY: FG_OK, or why the configuration cannot be used */
    const char *text;    /* READY: the message then */
    uint64_t params;     /* READY: P of the model made from it */
    uint32_t cohort;     /* READY: tasks worth running together, at least 1 */
    bool cores;          /* READY: each of them takes a core */
    bool keeps_shards;   /* READY: LOOKUP and KEEP are carried out */
    const uint8_t *hash; /* STORED: of which shard; .frame, .len: its bytes, NULL when missing */
    uint64_t sum;        /* SUMMED: its number; .frame, .len: its bytes, none when there is no such sum */
    size_t cache_bytes;  /* READY: for shards that no task needs at the moment */
    const struct fg_codec_opts *coding; /* READY: how differences of models are coded; borrowed from then on.
                                         * NULL: such cannot be read here */
    const struct fg_session_answer *answers; /* DONE: (n) */
    size_t n;
};

/* One task to run, with all it needs; valid until DONE. */
struct fg_session_job {
    struct fg_task task;
    const float *params;   /* (P) */
    struct fg_view shard;  /* data NULL: the client's own data, in place */
    struct fg_view resume; /* training state to go on from; empty: from the start */
};

enum fg_session_action_kind {
    FG_SESSION_SEND,      /* post .frame */
    FG_SESSION_CONFIGURE, /* parse .config, load data, make the model; answer with READY */
    FG_SESSION_RUN,       /* run .jobs as one cohort; answer with DONE */
    FG_SESSION_HALT,      /* stop the cohort between two steps: DONE is wanted soon, with the states */
    FG_SESSION_LOOKUP,    /* is shard .hash kept here from before? answer with STORED */
    FG_SESSION_KEEP,      /* keep .shard under the name .hash; valid until the next step */
    FG_SESSION_ADD,       /* .weight times the update of task .id that stayed here joins sum number .sum */
    FG_SESSION_SUM,       /* sum number .sum is wanted: answer with SUMMED */
    FG_SESSION_FORGET,    /* updates that stayed here and whose versions are below .floor */
    FG_SESSION_QUIT       /* nothing more will come: post what was to be sent, end the process with 0 */
};

struct fg_session_action {
    enum fg_session_action_kind kind;
    uint8_t *frame; /* SEND: taken over by setting it to NULL, else freed with the actions */
    size_t len;
    struct fg_view config; /* CONFIGURE: valid until READY */
    const uint32_t *input; /* CONFIGURE: (FG_MSG_INPUT) what a sample is; valid until READY */
    bool sums;             /* CONFIGURE: updates stay here, their answers' codec is FG_MSG_STAYS */
    const struct fg_session_job *jobs; /* RUN: (n) */
    size_t n;
    uint8_t hash[FG_SHARD_HASH_BYTES]; /* LOOKUP, KEEP */
    struct fg_view shard;              /* KEEP: as long as the event's frame */
    uint64_t sum, id, floor;           /* ADD, SUM, FORGET */
    double weight;
    const char *why; /* QUIT: for the log */
};

/* Actions of one step, in order; reused from step to step. Zero-initialise; fg_session_actions_fini(). */
struct fg_session_actions {
    struct fg_session_action *a;
    size_t n, cap;
};
void fg_session_actions_fini(struct fg_session_actions *acts);

/* Counters, for logs and tests. */
struct fg_session_stats {
    uint64_t shards_stored; /* found where LOOKUP looks */
    uint64_t shards_fetched, shards_damaged;
    size_t shard_bytes, versions; /* held now */
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_session_destroy(). */
enum fg_status fg_session_create(struct fg_session **out, const struct fg_session_self *self) FG_NODISCARD;
void fg_session_destroy(struct fg_session *s);

/* Take one event; `out` is emptied, then filled. Errors: FG_E_NOMEM, FG_E_USAGE for READY or DONE that was
 * not asked for (nothing is changed then). */
enum fg_status fg_session_step(struct fg_session *s, const struct fg_session_event *ev,
                               struct fg_session_actions *out) FG_NODISCARD;

struct fg_session_stats fg_session_stats(const struct fg_session *s);

/* Check the invariants: NULL when they hold, else which does not. */
const char *fg_session_check(const struct fg_session *s);

#endif
