/* A pretended aggregator that talks with a worker core at random, and a naive twin of that core which knows
 * what must be answered: frames duplicated, late, damaged, of other runs, tasks before their data,
 * shards damaged. */
#ifndef FG_TESTS_LIB_TWIN_H
#define FG_TESTS_LIB_TWIN_H

#include "src/base/rng.h"
#include "src/worker/session.h"

enum { P = 5, SHARDS = 6, MAX_TASKS = 400, MAX_FRAMES = 2000, RUN_ID = 77, CACHE = 150, COHORT = 3 };

struct frame {
    uint8_t *bytes;
    size_t len;
};

struct twin {
    struct fg_rng rng;
    struct fg_session *s;
    struct fg_session_actions acts;
    struct frame out[MAX_FRAMES]; /* sent by the pretended aggregator, kept to be duplicated and delayed */
    size_t n_out;
    uint64_t seq, seen;
    bool has_version[MAX_TASKS]; /* the worker was given this version, in order, and may still use it */
    uint64_t newest, floor;
    uint32_t at_most;       /* tasks that may run together, as was said last; 0: COHORT */
    int pending[MAX_TASKS]; /* by task id: given, in order, and not answered */
    uint64_t found;
    bool keeps; /* shards are looked for and kept on this machine */
    uint32_t looked[SHARDS], n_looked;
    bool wants[SHARDS]; /* asked for and not sent */
    struct fg_msg_task task[MAX_TASKS];
    uint64_t tasks;
    const struct fg_session_job *jobs; /* running */
    size_t n_jobs;
    bool configuring, configured, halted, quit;
    unsigned answered, refused, hellos, handed, byes;
};

/* From a seed: the worker is welcome, its configuration not read yet. */
struct twin *twin_begin(uint64_t seed);
void twin_end(struct twin *t);

/* A number below n, of the conversation's own. */
uint32_t twin_below(struct twin *t, uint32_t n);

/* An event for the core; what it does is compared with what the twin knows. */
void twin_step(struct twin *t, const struct fg_session_event *ev);

/* A frame to the worker, kept to be sent again; and bytes that reach it, whole or not. */
struct frame *twin_frame(struct twin *t, const struct fg_msg *m, uint64_t run_id);
void twin_deliver(struct twin *t, const uint8_t *bytes, size_t len);

/* The configuration is read; the next version of the parameters comes, or is lost on its way. */
void twin_configure(struct twin *t);
void twin_send_model(struct twin *t, bool lose);

/* The cohort that runs is done; or as far as it was when it was halted. */
void twin_finish_cohort(struct twin *t);
void twin_finish_halted(struct twin *t);

/* Anything that may come; what may come at any time but never helps; all that is missing. */
void twin_random_event(struct twin *t);
void twin_mischief(struct twin *t);
void twin_settle(struct twin *t);

/* Tasks that were given and not answered. */
unsigned twin_pending(const struct twin *t);

/* The name of shard k. */
void twin_shard_hash(uint8_t hash[32], unsigned k);

#endif
