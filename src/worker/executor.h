/* Who does the numerics: the one interface between the virtual-time driver and the machines that compute.
 *
 * The driver publishes a version of the parameters, submits the tasks that start from it (a cohort), and
 * later collects each result when its virtual event fires. The local executor runs a cohort on the cores of
 * this process; the MPI executor spreads it over workers and repeats what was lost. Both give the same bytes.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_EXECUTOR_H
#define FG_WORKER_EXECUTOR_H

#include <stddef.h>

#include "src/base/status.h"
#include "src/plan/form.h"
#include "src/plan/plan.h"

struct fg_down;
struct fg_trainer;
struct fg_executor; /* opaque; first member of every implementation is `const struct fg_executor_ops *ops` */

struct fg_executor_ops {
    /* Make `params` (P) known as `version`; copied. A version stays usable while submitted tasks need it. */
    enum fg_status (*publish)(struct fg_executor *ex, uint64_t version, const float *params /* (P) */,
                              struct fg_err *err);
    /* The same of parameters that are where the executor leaves updates. NULL = it leaves them nowhere. */
    enum fg_status (*publish_there)(struct fg_executor *ex, uint64_t version, struct fg_there there,
                                    struct fg_err *err);
    /* Hand in n tasks; may start at once or wait for collect. Tasks are copied; each id once. */
    enum fg_status (*submit)(struct fg_executor *ex, const struct fg_task *tasks, size_t n,
                             struct fg_err *err);
    /* Wait for the result of task `id`. *out is valid until release(id). FG_E_INTERRUPTED if asked to stop,
     * FG_E_LOST if none will come (workers.on_loss = ignore). */
    enum fg_status (*collect)(struct fg_executor *ex, uint64_t id, struct fg_result *out, struct fg_err *err);
    /* Forget task `id`, collected or not: its result is no longer wanted. */
    void (*release)(struct fg_executor *ex, uint64_t id);
    /* The versions published are those of this sequence, which is there as long as results are collected: who
     * has one may be sent what leads to the next. NULL = it makes no difference. */
    void (*follow)(struct fg_executor *ex, const struct fg_down *down);
    /* One that evaluates as `own` does, and shares that out to whoever computes for this executor where the
     * parameters are the version published last. NULL = nobody else does. Owner: the executor;
     * `own` is borrowed. */
    enum fg_status (*scorer)(struct fg_executor *ex, struct fg_trainer *own, struct fg_trainer **out);
    /* Whoever holds results (fg_result.hold) has dropped them before. */
    void (*destroy)(struct fg_executor *ex);
};

struct fg_executor {
    const struct fg_executor_ops *ops;
};

#endif
