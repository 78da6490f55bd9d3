/* The trainer: local work of a cohort of clients, and evaluation of parameters on data.
 *
 * It takes an array of jobs (client, parameters, shard, steps, stream keys) and fills in an array of results;
 * how they share the machine is a back end's business (the CPU one spreads clients over cores). A result is a
 * pure function of its job, the settings and the seed: the bits do not depend on threads, other jobs or the
 * instruction set.
 *
 * Thread safety: one caller a trainer.
 */
#ifndef FG_WORKER_TRAINER_H
#define FG_WORKER_TRAINER_H

#include <stdatomic.h>

#include "datasets/dataset.h"
#include "kernels/kernels.h"
#include "src/base/str.h"
#include "src/model/model.h"
#include "src/plan/plan.h"
#include "src/worker/trainer_stay.h"

/* Settings of local work, the same for all clients. One step with mean gradient g of a batch:
 *   g += prox_mu (w - w_start);  g scaled to norm `clip` if longer;  g += weight_decay w;
 *   v = momentum v + g;  w -= lr v.
 * lr is the task's: schedules move it from round to round (fg_setup_lr). Zero turns each of them off.
 * Source: Li et al., MLSys 2020 (FedProx), for the proximal term. */
struct fg_local_opts {
    uint32_t batch; /* samples a step; 0: the whole shard (FedSGD) */
    float momentum, weight_decay, clip, prox_mu;
};

/* FG_E_CONFIG for settings out of range. */
enum fg_status fg_local_opts_check(const struct fg_local_opts *o, struct fg_err *err) FG_NODISCARD;

/* Local steps of a client: `steps` if given, else `epochs` passes over n samples, the last batch of a pass
 * may be smaller. No samples, no steps. */
uint32_t fg_local_steps(uint32_t n, uint32_t batch, uint32_t epochs, uint32_t steps);

/* How many of the shard's n samples an evaluation looks at. */
uint32_t fg_evaluated(const struct fg_task *task, uint32_t n);

/* A task stopped between two steps: everything it needs to go on, anywhere, to the same end. */
struct fg_train_state {
    uint32_t shard, number, steps; /* steps done */
    uint64_t seen;                 /* positions */
    double loss;                   /* sum over the positions seen */
    size_t n;                      /* P */
    float *params;                 /* (P) */
    float *velocity;               /* (P), NULL without momentum */
};

/* Bytes of a state (layout in doc/models.md), appended to *out. */
enum fg_status fg_train_state_encode(const struct fg_train_state *s, struct fg_str *out) FG_NODISCARD;

/* Read a state of a model of P parameters. Errors: FG_E_CORRUPT, FG_E_VERSION, FG_E_SHAPE, FG_E_NOMEM.
 * Owner: the caller, fg_train_state_fini(). */
enum fg_status fg_train_state_decode(struct fg_train_state *out, const uint8_t *bytes, size_t len, size_t P,
                                     struct fg_err *err) FG_NODISCARD;
void fg_train_state_fini(struct fg_train_state *s);

/* One task with its data; the lower half comes back. */
struct fg_job {
    const struct fg_dataset *data;
    const uint32_t *index; /* (n) samples of the shard, within data */
    uint32_t n;
    struct fg_task task;
    const float *params; /* (P); NULL: they are only there: on the device of the trainer that left them */
    struct fg_there there;
    const struct fg_train_state *resume; /* go on from there; NULL: from the start */
    fg_time_t step_us;            /* a step takes at least so long, by waiting; 0: no longer than it takes */
    uint32_t stop_after;          /* stop once this many steps are done in all; 0: never */
    struct fg_train_state *state; /* zeroed by the caller; filled in if stopped early; NULL: not wanted */
    float *delta;                 /* (P) out, train only: start - end; may not be params */

    bool may_stay;                   /* train: the update may stay where it was made */
    const struct fg_rounded *levels; /* what becomes of it then, in the place of `finish`; NULL: nothing */
    /* (4 levels->layers + P) out, may be delta's memory, not with may_stay: on a device that has room the
     * update comes as its codes (codec.h, pack()) instead of in delta; `coded` says so before `finish`. NULL:
     * not wanted */
    uint8_t *codes;

    struct fg_stay
        *stay;  /* then it is there instead of in delta; the caller's to drop. NULL: it is in delta */
    bool coded; /* it is in codes */
    enum fg_status status; /* FG_E_INTERRUPTED if the stop flag came first: no delta, but a state if wanted */
    uint32_t steps;        /* done in all */
    uint32_t samples;      /* in the shard */
    uint32_t correct;      /* evaluate: positions classified right */
    uint64_t scored;       /* positions seen (train) or scored (evaluate) */
    double loss;           /* mean over them; 0 if there were none */

    /* Called on the thread that did the job, once it is done (not when interrupted); may change delta. NULL:
     * none. A status other than FG_OK becomes the job's. */
    enum fg_status (*finish)(struct fg_job *job, void *arg);
    void *finish_arg;
};

enum { FG_SCORE_BLOCK = 256 }; /* samples whose losses are summed first when parameters are evaluated */

/* What evaluation found. */
struct fg_score {
    double loss;      /* mean over the positions scored; 0 if there were none */
    uint64_t correct; /* positions */
    uint64_t scored;  /* positions */
};

/* Where evaluation leaves the outcome of each sample; NULL members are not wanted. */
struct fg_sample_scores {
    double *loss;      /* (n) sum over the sample's positions */
    uint32_t *correct; /* (n) positions classified right */
};

/* What parameters are scored on. */
struct fg_scoring {
    const struct fg_dataset *data;
    const uint32_t *index; /* (n) samples of data; NULL: the first n */
    size_t n;
    const struct fg_sample_scores *each; /* NULL: not wanted */
};

struct fg_trainer; /* first member of every back end is `const struct fg_trainer_ops *ops` */

struct fg_trainer_ops {
    enum fg_status (*run)(struct fg_trainer *t, struct fg_job *jobs, size_t n, atomic_int *stop,
                          struct fg_err *err);
    enum fg_status (*evaluate)(struct fg_trainer *t, const float *params, const struct fg_scoring *on,
                               struct fg_score *out, atomic_int *stop, struct fg_err *err);
    void (*destroy)(struct fg_trainer *t);
};

struct fg_trainer {
    const struct fg_trainer_ops *ops;
};

enum { FG_TRAINER_THREADS_MAX = 4096 };

/* A trainer on the CPU.
 *
 * threads: 1 to FG_TRAINER_THREADS_MAX. The model must outlive the trainer; opts are copied.
 * Errors:  FG_E_CONFIG for settings out of range, FG_E_NOMEM.
 * Owner:   the caller, fg_trainer_destroy().
 */
enum fg_status fg_trainer_create_cpu(struct fg_trainer **out, const struct fg_model *model,
                                     const struct fg_local_opts *opts, uint64_t seed, unsigned threads,
                                     const struct fg_kernels *kernels, struct fg_err *err) FG_NODISCARD;
void fg_trainer_destroy(struct fg_trainer *t);

/* Do all jobs. *stop (may be NULL) set to non-zero from a signal handler or another thread ends the run
 * between two steps. Returns FG_OK, FG_E_INTERRUPTED, or the first failing job's status; each job has its
 * own: one whose data do not fit the model fails alone; where none could be begun, all have that status. */
enum fg_status fg_trainer_run(struct fg_trainer *t, struct fg_job *jobs, size_t n, atomic_int *stop,
                              struct fg_err *err) FG_NODISCARD;

/* What back ends return of their jobs: the first failing one's status, with which it is and why in err. */
enum fg_status fg_trainer_first_failed(const struct fg_model *m, const struct fg_job *jobs, size_t n,
                                       struct fg_err *err) FG_NODISCARD;

/* Score params (P); NULL: those that moved on the trainer's device last, FG_E_STALE if there are none.
 * Losses are summed in blocks of FG_SCORE_BLOCK samples in order, so the sum does not depend on threads. */
enum fg_status fg_trainer_evaluate(struct fg_trainer *t, const float *params, const struct fg_scoring *on,
                                   struct fg_score *out, atomic_int *stop, struct fg_err *err) FG_NODISCARD;

/* The model input that a data set's samples are; FG_E_INPUT if the model was made for another. */
struct fg_model_input fg_trainer_input(const struct fg_dataset *data);
enum fg_status fg_trainer_check_data(const struct fg_model *m, const struct fg_dataset *data,
                                     struct fg_err *err) FG_NODISCARD;

#endif
