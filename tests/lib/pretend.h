/* Worker cores in this process with a pretended trainer, which die, hang, refuse and send nonsense as asked:
 * what the remote executor is tested against. */
#ifndef FG_TESTS_PRETEND_H
#define FG_TESTS_PRETEND_H

#include <stdatomic.h>

#include "src/base/rng.h"
#include "src/deploy/worker_sums.h"
#include "src/net/executor_remote.h"
#include "src/wire/codec.h"
#include "src/worker/session.h"
#include "tests/lib/loop.h"

enum { PRETEND_P = 33, PRETEND_MOST = 60, PRETEND_CROWD = 1000, PRETEND_SHARD_LEN = 100, PRETEND_SHARDS = 7 };

struct pretend_worker {
    struct fg_session *s;
    struct fg_session_actions acts;
    const struct fg_session_job *jobs;
    size_t n_jobs;
    bool configure, dead, welcome, halted;
    unsigned asleep; /* turns in which it does nothing: hangs */
    struct fg_worker_sums *sums;
};

struct pretend {
    struct fg_rng rng;
    struct fg_loop *loop;
    uint32_t n;
    struct pretend_worker w[PRETEND_CROWD + 1];
    struct fg_codec_ws ws;
    fg_time_t now, patience; /* 0: a second */
    uint32_t kill_in_1000, hang_in_1000, refuse_in_1000, notice_in_1000,
        spare; /* `spare` workers never die */
    enum pretend_badness {
        PRETEND_GOOD,
        PRETEND_NOT_FINITE,
        PRETEND_WRONG_CLIENT,
        PRETEND_UNDECODABLE,
        PRETEND_JUNK,
        PRETEND_BAD_SUM,
        PRETEND_DAMAGED /* a bit of the values of every second update is turned on the way */
    } bad;              /* what worker 2 sends */
    bool everyone_is_bad;
    bool lies;           /* what is not finite is not said to be so */
    bool all_late;       /* the next one that computes falls silent for longer than its patience */
    const char *version; /* of the program that the aggregator wants; theirs is 1 */
    bool movable, cannot_configure, ignore, late_counts; /* workers.on_loss = ignore */
    struct fg_respawn_opts respawn;
    size_t max_bytes;
    uint32_t cohort; /* tasks that each computes at a time; 0: 1 to 3 */
    bool beside;     /* the local executor computes in a thread */
    bool updates_stay, judge_late;
    atomic_int stop;    /* the executor's */
    bool int8;          /* else updates go as they are, or from some workers under zstd */
    atomic_uint passed; /* calls of pretend_pass() */
    unsigned killed, hung, refused, handed, resumed, partial, scored, summed, damaged;
};

enum { PRETEND_HERE_TASKS = 4096 };

/* A pretended local executor: for one version after the other, under ids that grow. Zero, then base.ops. */
struct pretend_here {
    struct fg_executor base;
    uint64_t version, last;
    float params[PRETEND_P];
    struct fg_result result[PRETEND_HERE_TASKS];
    float delta[PRETEND_HERE_TASKS][PRETEND_P];
    unsigned done, open; /* tasks collected; not released */
    atomic_uint *passed; /* a task takes until this has grown; NULL: no time */
};
extern const struct fg_executor_ops pretend_here_ops; /* destroy leaves it, so that the test can look at it */

/* What a task gives: a pure function of it, the parameters and its shard; `delta` where it trains. */
void pretend_compute(struct fg_result *res, float delta[PRETEND_P], const struct fg_task *t,
                     const float *params, const uint8_t *shard);

/* What becomes of a sample when parameters are evaluated. */
double pretend_score(const float *params, uint32_t sample, uint32_t *correct);

/* The bytes of shard k. */
void pretend_shard(uint8_t bytes[PRETEND_SHARD_LEN], uint32_t k);

/* `n` workers that are not advanced yet. */
struct pretend *pretend_create(uint64_t seed, uint32_t n, bool movable);

/* The executor in front of them, by the settings of `w`. */
struct fg_executor *pretend_executor(struct pretend *w, struct fg_executor *local);

/* The parameters of a version. */
void pretend_params(float x[PRETEND_P], uint64_t version);

/* Fail unless this is what the task gives. */
void pretend_check(const struct fg_result *got, const struct fg_task *t);

/* Rounds of cohorts, two versions overlapping, some tasks released unread; every result is compared. */
void pretend_rounds(struct pretend *w, struct fg_executor *ex, unsigned rounds);

/* The shard of a client. */
uint32_t pretend_shard_of(uint32_t client);

/* A hundredth of a second passes; something happens to a worker (a struct pretend). */
void pretend_pass(void *ctx);

/* End the executor; every worker that is alive hears it and quits; all is freed. */
void pretend_end(struct pretend *w, struct fg_executor *ex);

#endif
