/* The shared vocabulary of aggregator, worker, simulator and wire: tasks out, results back.
 *
 * A client is a logical participant; a worker is a process that carries out tasks for any number of clients.
 * A result is a pure function of (parameters of `version`, shard, steps, seed, number, learning rate,
 * local-work settings of the configuration), whichever client it is given to: a task lost with its worker can
 * be run again anywhere and gives the same bytes. Where a codec has clients keep something from task to task
 * (codec.h), it is a function of that, too: lost with who holds it, and then anew from nothing.
 */
#ifndef FG_PLAN_PLAN_H
#define FG_PLAN_PLAN_H

#include <stdint.h>

#include "src/base/time.h"
#include "src/plan/form.h"

enum fg_task_kind {
    FG_TASK_TRAIN = 1,    /* local steps from the given parameters; result: delta, loss */
    FG_TASK_EVALUATE = 2, /* loss and accuracy of the given parameters on the client's data; no delta */
    FG_TASK_SCORE = 3     /* a share of the server's own evaluation: each sample of a list; no client's */
};

enum { FG_ANSWER_BYTES = 64 }; /* what the result of an evaluation weighs on its way up */

/* In the number of a version: not what tasks train from, but the mean of the models up to the version of the
 * other bits (aggregate.average), which is scored. */
#define FG_VERSION_MEAN ((uint64_t)1 << 63)
static inline uint64_t fg_version_number(uint64_t version)
{
    return version & ~FG_VERSION_MEAN;
}

/* One piece of work for one client. */
struct fg_task {
    uint64_t id;      /* grows by one with every task of a run, from 1 */
    uint64_t version; /* of the parameters it starts from; scores: or FG_VERSION_MEAN and the last */
    uint32_t kind;    /* enum fg_task_kind */
    uint32_t client;  /* who carries it out */
    uint32_t shard;   /* whose data: the client's own, unless data move (data.move) */
    uint32_t number;  /* how many tasks this shard had before: with it, keys the random streams. Copies of a
                      * task share both, and so give the same bytes */
    uint32_t round;
    /* Local steps to do, at most those that fit; evaluation: samples to look at, drawn anew by each task,
     * 0 = all. */
    uint32_t steps;
    float lr;      /* learning rate of the first step (schedules over rounds are applied already) */
    uint64_t kept; /* name (fg_result.kept) of what the client kept and this task goes on from; 0: nothing */
    /* of the encoded update, in its square, at most, for codecs that adapt; 0: as configured */
    float variance;
};

enum fg_seen { FG_SEEN_NOT, FG_SEEN_FINITE, FG_SEEN_NOT_FINITE };

#define FG_LOSS_UNKNOWN (-1.0) /* of a task that was not computed: train.mode = cost-only */

/* What came back. For FG_TASK_TRAIN `delta` is x_start - x_end: what the server subtracts. */
struct fg_result {
    uint64_t id;
    uint32_t client;
    uint32_t steps;   /* local steps really done */
    uint32_t samples; /* in the client's shard (train) or evaluated (evaluate) */
    uint32_t correct; /* evaluate: samples (or positions) classified right */
    uint64_t scored;  /* evaluate: samples or positions scored */
    double loss;      /* mean loss over the samples seen, natural logarithm */
    const float
        *delta; /* (P), canonical parameter order; NULL for evaluation, and where there is only a form */
    const struct fg_form *form; /* the same as it came, or NULL */
    struct fg_hold *hold; /* keeps the form as long as it is used; NULL: it is valid as long as the result */
    enum fg_seen seen;    /* whether the update's values are finite */
    uint64_t wire_bytes;  /* encoded size as sent up */
    uint64_t kept;  /* a name for what the client keeps now, made of its bytes; 0 where it keeps nothing */
    uint32_t reset; /* 1: what fg_task.kept names was gone, so the client began with nothing */
};

#endif
