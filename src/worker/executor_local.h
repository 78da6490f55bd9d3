/* The local executor: carries out tasks on the cores of this process.
 *
 * Nothing runs at submit. The first collect of a task runs it together with other waiting tasks as one
 * cohort, so that all cores have work; results wait until they are released. After the one asked for, tasks
 * are taken in the order of submission: submit in the order in which results will be collected, or more wait.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_EXECUTOR_LOCAL_H
#define FG_WORKER_EXECUTOR_LOCAL_H

#include "src/wire/codec.h"
#include "src/worker/executor.h"
#include "src/worker/kept.h"
#include "src/worker/trainer.h"

/* A client's samples. */
struct fg_shard {
    const struct fg_dataset *data;
    const uint32_t *index; /* (n) */
    uint32_t n;
};

struct fg_executor_local_opts {
    /* The samples a task works on; valid until the executor is called again. Called by the caller's
     * thread. */
    enum fg_status (*shard_of)(void *arg, const struct fg_task *task, struct fg_shard *out,
                               struct fg_err *err);
    void *arg;
    const struct fg_codec
        *codec; /* a delta goes through it as over the wire; NULL: none, 4 bytes a parameter */
    struct fg_codec_opts coding; /* as a worker has them */
    struct fg_kept *kept;        /* where clients keep something for the codec; borrowed */
    /* Of deltas held at once, passed only to keep `width` tasks going; 0: 128 MiB, or four for each of these
     * up to 512 MiB. */
    size_t max_bytes;
    bool may_stay;    /* updates may stay on the device that made them: who collects them only adds them up */
    unsigned width;   /* tasks worth running together: the trainer's threads */
    atomic_int *stop; /* NULL: never; see fg_trainer_run() */
};

/* An executor over a trainer of a model of P parameters; both stay the caller's and must outlive it.
 *
 * submit: FG_E_STALE for a version not published or no longer kept. collect: what the trainer
 * and shard_of say; a task interrupted may be collected again.
 * Owner: the caller, ops->destroy().
 */
enum fg_status fg_executor_local_create(struct fg_executor **out, struct fg_trainer *trainer, size_t P,
                                        const struct fg_executor_local_opts *opts, struct fg_err *err);

#endif
