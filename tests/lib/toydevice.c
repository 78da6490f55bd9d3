#include "tests/lib/toydevice.h"

#include "tests/lib/test.h"

const struct fg_emulation toy_plain = {.memory_bytes = 1u << 30, .threads = 3};

const struct fg_local_opts toy_ways[TOY_WAYS] = {
    {.batch = 5},
    {.batch = 7, .momentum = 0.9f, .weight_decay = 0.01f, .clip = 0.3f},
    {.batch = 6, .weight_decay = 0.02f, .prox_mu = 0.5f},
    {.batch = 10, .clip = 0.05f},
};

bool toy_cuda;

bool toy_only_cuda(void)
{
    const char *only = getenv("FG_TEST_DEVICE");
    return only != NULL && strcmp(only, "cuda") == 0;
}

bool toy_has_gpu(void)
{
    toy_cuda = fg_cuda_device_count() > 0;
    if (!toy_cuda) {
        printf("skip - the same on a CUDA device (there is none)\n");
    }
    return toy_cuda;
}

struct fg_device *toy_device(struct fg_emulation how)
{
    struct fg_device *d;
    struct fg_err err = {""};
    if ((toy_cuda ? fg_device_cuda(&d, 0, &err) : fg_device_emulated(&d, &how, &err)) != FG_OK) {
        fail_msg("%s", err.text);
    }
    if (toy_cuda) {
        fg_device_cuda_goes(d, how.resident ? FG_WAY_RESIDENT : FG_WAY_LOCKSTEP);
    }
    return d;
}

struct fg_trainer *toy_on_device(const struct fg_model *m, const struct fg_local_opts *o,
                                 enum fg_arithmetic arithmetic, struct fg_emulation how)
{
    struct fg_trainer *t;
    struct fg_err err = {""};
    if (fg_trainer_create_device(&t, m, o, 42, arithmetic, toy_device(how), &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return t;
}

void toy_cohort(struct fg_job *jobs, const struct fg_dataset *d, const uint32_t *index, const float *w,
                float *deltas, size_t P)
{
    for (uint32_t i = 0; i < TOY_JOBS; i++) {
        jobs[i] = toy_job(d, index + i, i == 4 ? 0 : 3 + 9 * i, 1 + i * 5 % 7, 0.1f + 0.05f * (float)i, w,
                          deltas + i * P);
        jobs[i].task.client = jobs[i].task.shard = TOY_FIRST + i;
        jobs[i].task.number = i % 3;
        jobs[i].task.kind = i == 2 || i == 5 ? FG_TASK_EVALUATE : FG_TASK_TRAIN;
        jobs[i].task.steps = i == 2 ? 0 : jobs[i].task.steps;
    }
}

static void assert_same_jobs(const struct fg_job *a, const struct fg_job *b, size_t P)
{
    for (size_t i = 0; i < TOY_JOBS; i++) {
        assert_int_equal(a[i].status, b[i].status);
        assert_int_equal(a[i].steps, b[i].steps);
        assert_int_equal(a[i].samples, b[i].samples);
        assert_int_equal(a[i].scored, b[i].scored);
        assert_int_equal(a[i].correct, b[i].correct);
        assert_memory_equal(&a[i].loss, &b[i].loss, sizeof a[i].loss);
        assert_memory_equal(a[i].delta, b[i].delta, P * sizeof(float));
    }
}

void toy_device_compare(const struct fg_dataset *d, const char *layers, const struct fg_local_opts *o,
                        struct fg_emulation how)
{
    struct fg_model *m = toy_model(d, layers);
    size_t P = fg_model_params(m);
    float *w = calloc((2 * TOY_JOBS + 1) * P, sizeof *w);
    uint32_t *index = toy_iota((uint32_t)d->n);
    struct fg_job cpu[TOY_JOBS], dev[TOY_JOBS];
    struct fg_score a, b;
    struct fg_trainer *t = toy_trainer(m, o, 1, "auto"), *u = toy_on_device(m, o, FG_EXACT, how);
    fg_model_init(m, 3, w);
    toy_cohort(cpu, d, index, w, w + P, P);
    toy_cohort(dev, d, index, w, w + (TOY_JOBS + 1) * P, P);
    toy_run(t, cpu, TOY_JOBS);
    /* from the second on by a graph */
    const uint64_t turns = toy_cuda && !how.resident ? fg_test_number("FG_TEST_TURNS", 3) : 1;
    for (uint64_t turn = 0; turn < turns; turn++) {
        memset(w + (TOY_JOBS + 1) * P, 0, TOY_JOBS * P * sizeof *w);
        toy_run(u, dev, TOY_JOBS);
        assert_same_jobs(dev, cpu, P);
    }
    assert_int_equal(fg_trainer_evaluate(t, w, &(struct fg_scoring){.data = d, .n = d->n}, &a, NULL, NULL),
                     FG_OK);
    assert_int_equal(fg_trainer_evaluate(u, w, &(struct fg_scoring){.data = d, .n = d->n}, &b, NULL, NULL),
                     FG_OK);
    assert_memory_equal(&a.loss, &b.loss, sizeof a.loss);
    assert_int_equal(a.correct, b.correct);
    assert_int_equal(a.scored, b.scored);
    free(w);
    free(index);
    fg_trainer_destroy(t);
    fg_trainer_destroy(u);
    fg_model_destroy(m);
}

struct fg_codec_opts toy_coding(const struct fg_model *m, size_t layer[TOY_LAYERS])
{
    struct fg_layer_info info;
    unsigned n = 0;
    for (; fg_model_layer_info(m, n, &info); n++) {
        assert_true(n < TOY_LAYERS);
        layer[n] = info.size;
    }
    return (struct fg_codec_opts){.layer = layer, .layers = n, .seed = 42};
}

struct toy_task toy_task(void)
{
    static const struct fg_local_opts o = {.batch = 5, .momentum = 0.9f, .prox_mu = 0.1f};
    struct toy_task t = {.d = toy_images(70), .index = toy_iota(70)};
    t.m = toy_model(t.d, "conv2d 3; relu; flatten; dropout 0.5; dense");
    t.P = fg_model_params(t.m);
    t.w = calloc(3 * t.P, sizeof *t.w);
    fg_model_init(t.m, 3, t.w);
    t.cpu = toy_trainer(t.m, &o, 1, "auto");
    t.dev = toy_on_device(t.m, &o, FG_EXACT, toy_plain);
    t.whole = toy_job(t.d, t.index, 23, 12, 0.1f, t.w, t.w + t.P);
    toy_run(t.cpu, &t.whole, 1);
    return t;
}

struct fg_job toy_task_again(const struct toy_task *t)
{
    return toy_job(t->d, t->index, 23, 12, 0.1f, t->w, t->w + 2 * t->P);
}

void toy_task_end(struct toy_task *t)
{
    fg_trainer_destroy(t->cpu);
    fg_trainer_destroy(t->dev);
    free(t->w);
    free(t->index);
    fg_model_destroy(t->m);
    toy_destroy(t->d);
}
