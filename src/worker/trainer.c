/* What every back end shares. */
#include "src/worker/trainer.h"

#include <string.h>

enum fg_status fg_local_opts_check(const struct fg_local_opts *o, struct fg_err *err)
{
    if (!(o->momentum >= 0.0f && o->momentum < 1.0f)) {
        return fg_fail(err, FG_E_CONFIG, "momentum: expected 0 <= x < 1, found %g", (double)o->momentum);
    }
    if (!(o->weight_decay >= 0.0f && o->clip >= 0.0f && o->prox_mu >= 0.0f)) {
        return fg_fail(err, FG_E_CONFIG,
                       "weight decay %g, clipping %g and proximal term %g: none may be negative",
                       (double)o->weight_decay, (double)o->clip, (double)o->prox_mu);
    }
    return FG_OK;
}

uint32_t fg_local_steps(uint32_t n, uint32_t batch, uint32_t epochs, uint32_t steps)
{
    if (n == 0) {
        return 0;
    }
    if (steps > 0) {
        return steps;
    }
    uint64_t all = (batch == 0 ? 1 : (uint64_t)(n - 1) / batch + 1) * epochs;
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

uint32_t fg_evaluated(const struct fg_task *task, uint32_t n)
{
    return task->steps > 0 && task->steps < n ? task->steps : n;
}

struct fg_model_input fg_trainer_input(const struct fg_dataset *data)
{
    enum fg_input_kind kind = data->kind == FG_DATA_IMAGE    ? FG_INPUT_IMAGE
                              : data->kind == FG_DATA_TOKENS ? FG_INPUT_TOKENS
                                                             : FG_INPUT_VECTOR;
    return (struct fg_model_input){kind, {data->shape[0], data->shape[1], data->shape[2]}, data->classes};
}

enum fg_status fg_trainer_check_data(const struct fg_model *m, const struct fg_dataset *data,
                                     struct fg_err *err)
{
    const struct fg_model_input *want = fg_model_input(m);
    struct fg_model_input got = fg_trainer_input(data);
    if (want->kind != got.kind || memcmp(want->shape, got.shape, sizeof got.shape) != 0 ||
        want->classes != got.classes) {
        return fg_fail(
            err, FG_E_INPUT,
            "%s: the model was made for samples of %ux%ux%u and %u classes, these have %ux%ux%u and %u",
            data->name != NULL ? data->name : "data", want->shape[0], want->shape[1], want->shape[2],
            want->classes, got.shape[0], got.shape[1], got.shape[2], got.classes);
    }
    return FG_OK;
}

enum fg_status fg_trainer_first_failed(const struct fg_model *m, const struct fg_job *jobs, size_t n,
                                       struct fg_err *err)
{
    size_t i = 0;
    while (i < n && jobs[i].status == FG_OK) {
        i++;
    }
    if (i == n) {
        return FG_OK;
    }
    bool fits = jobs[i].n == 0 || fg_trainer_check_data(m, jobs[i].data, err) == FG_OK;
    if (fits || jobs[i].status != FG_E_INPUT) {
        (void)fg_fail(err, jobs[i].status, "%s", fg_status_text(jobs[i].status));
    }
    return fg_fail_prefix(err, jobs[i].status, "task %llu of client %u", (unsigned long long)jobs[i].task.id,
                          jobs[i].task.client);
}

void fg_trainer_destroy(struct fg_trainer *t)
{
    if (t != NULL) {
        t->ops->destroy(t);
    }
}

enum fg_status fg_trainer_run(struct fg_trainer *t, struct fg_job *jobs, size_t n, atomic_int *stop,
                              struct fg_err *err)
{
    return t->ops->run(t, jobs, n, stop, err);
}

enum fg_status fg_trainer_evaluate(struct fg_trainer *t, const float *params, const struct fg_scoring *on,
                                   struct fg_score *out, atomic_int *stop, struct fg_err *err)
{
    return t->ops->evaluate(t, params, on, out, stop, err);
}
