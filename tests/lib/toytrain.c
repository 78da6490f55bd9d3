#include "tests/lib/toytrain.h"

#include <stdlib.h>

#include "tests/lib/test.h"

struct fg_model *toy_model(const struct fg_dataset *d, const char *layers)
{
    struct fg_model *m = NULL;
    struct fg_err err = {""};
    struct fg_model_input in = fg_trainer_input(d);
    if (fg_model_create(&m, layers, &in, "glorot_uniform", &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return m;
}

struct fg_trainer *toy_trainer(const struct fg_model *m, const struct fg_local_opts *o, unsigned threads,
                               const char *kernels)
{
    struct fg_trainer *t = NULL;
    struct fg_err err = {""};
    if (fg_trainer_create_cpu(&t, m, o, 42, threads, fg_kernels_get(kernels, FG_EXACT), &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return t;
}

uint32_t *toy_iota(uint32_t n)
{
    uint32_t *a = calloc(n + 1, sizeof *a);
    for (uint32_t i = 0; a != NULL && i < n; i++) {
        a[i] = i;
    }
    return a;
}

struct fg_job toy_job(const struct fg_dataset *d, const uint32_t *index, uint32_t n, uint32_t steps, float lr,
                      const float *params, float *delta)
{
    return (struct fg_job){
        .data = d,
        .index = index,
        .n = n,
        .params = params,
        .delta = delta,
        .task = {
            .id = 1, .kind = FG_TASK_TRAIN, .client = 5, .shard = 5, .number = 2, .steps = steps, .lr = lr}};
}

void toy_run(struct fg_trainer *t, struct fg_job *jobs, size_t n)
{
    struct fg_err err = {""};
    if (fg_trainer_run(t, jobs, n, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
}
