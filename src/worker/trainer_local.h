/* One thread's workspace for local work: carries out one job at a time. Inside of the CPU trainer.
 *
 * Thread safety: one thread a workspace.
 */
#ifndef FG_WORKER_TRAINER_LOCAL_H
#define FG_WORKER_TRAINER_LOCAL_H

#include "src/model/net.h"
#include "src/worker/trainer.h"

/* Larger batches go through the network in parts of this many samples, whose gradients are added in order.
 * Part of every result with larger batches; chosen: activations of the largest shorthand stay below 50 MB. */
enum { FG_LOCAL_PART = 64 };

struct fg_local; /* opaque */

enum fg_status fg_local_create(struct fg_local **out, const struct fg_model *m, const struct fg_kernels *k,
                               const struct fg_local_opts *opts, uint64_t seed, struct fg_err *err);
void fg_local_destroy(struct fg_local *l);

/* Carry out a job, stopping between two steps when *stop (may be NULL) is set. The outcome is in the job.
 * `next` (may be NULL) is the one that is likely to follow: its first samples are asked of memory by the way.
 * It must not change before that or fg_local_forget(). */
void fg_local_run(struct fg_local *l, struct fg_job *job, const struct fg_job *next, atomic_int *stop);
void fg_local_forget(struct fg_local *l);

/* Take over parameters for fg_local_score(). */
void fg_local_load(struct fg_local *l, const float *params /* (P) */);

/* Score n samples; returns the sum of losses in sample order, adds to *correct. */
double fg_local_score(struct fg_local *l, const struct fg_dataset *data, const uint32_t *index /* (n) */,
                      size_t n, const struct fg_sample_scores *each, uint64_t *correct);

#endif
