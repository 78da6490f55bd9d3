/* The CUDA device's own code (kernels/device_cuda.cu) on a device that is none: graphs are made and used, a
 * device that is lost at any call of the runtime fails every task and leaves nothing behind. */
#include "tests/lib/test.h"

#include "tests/lib/toydevice.h"
#include "tests/simt/simt.h"

/* The code of a kernel comes to a device with its first launch, for which there may be no room later. */
static void every_kernel_is_there_when_the_device_is(void **state)
{
    (void)state;
    struct fg_device *d = NULL;
    struct fg_err err = {""};
    struct fg_coder_gap_sums gaps;
    const struct fg_device_levels counted = {.gaps = &gaps};
    assert_int_equal(fg_device_cuda(&d, 0, &err), FG_OK);
    const uint64_t kernels = fg_simt_counts().kernels, launches = fg_simt_counts().launches;
    assert_int_equal(d->ops->levels(d, &counted, &err), FG_OK);
    assert_true(fg_simt_counts().launches > launches);
    assert_int_equal(fg_simt_counts().kernels, kernels);
    d->ops->destroy(d);
}

/* Rounds alike, of operations that are launched one by one. */
static void rounds_alike_go_by_graphs(void **state)
{
    (void)state;
    const struct fg_local_opts o = {.batch = 5};
    struct fg_dataset *d = toy_vectors(70, 9, 4);
    struct fg_model *m = toy_model(d, "dense 6; relu; dense");
    size_t P = fg_model_params(m);
    float *w = calloc((TOY_JOBS + 1) * P, sizeof *w);
    uint32_t *index = toy_iota(70);
    struct fg_trainer *t = toy_on_device(m, &o, FG_EXACT, toy_plain);
    struct fg_job jobs[TOY_JOBS];
    uint64_t graphs[4];
    fg_model_init(m, 3, w);
    for (int round = 0; round < 4; round++) {
        toy_cohort(jobs, d, index, w, w + P, P);
        toy_run(t, jobs, TOY_JOBS);
        graphs[round] = fg_simt_counts().graphs;
    }
    assert_int_equal(graphs[0], 0);
    assert_true(graphs[1] > 0);
    assert_int_equal(graphs[3] - graphs[2], graphs[2] - graphs[1]);
    assert_true(fg_simt_counts().launches > graphs[3]);
    fg_trainer_destroy(t);
    free(w);
    free(index);
    fg_model_destroy(m);
    toy_destroy(d);
}

static enum fg_status count_finished(struct fg_job *job, void *arg)
{
    (void)job;
    ++*(int *)arg;
    return FG_OK;
}

/* Two rounds, the second by a graph where operations are launched one by one; how many tasks are finished. */
static enum fg_status two_rounds(const struct fg_model *m, const struct fg_dataset *d, enum fg_way way,
                                 float *w, int *finished, struct fg_err *err)
{
    const struct fg_local_opts o = {.batch = 5};
    size_t P = fg_model_params(m);
    uint32_t *index = toy_iota(70);
    struct fg_device *dev = NULL;
    struct fg_trainer *t = NULL;
    enum fg_status st = fg_device_cuda(&dev, 0, err);
    if (st == FG_OK) {
        fg_device_cuda_goes(dev, way);
        st = fg_trainer_create_device(&t, m, &o, 42, FG_EXACT, dev, err);
    }
    for (int round = 0; round < 2 && st == FG_OK; round++) {
        struct fg_job jobs[TOY_JOBS];
        toy_cohort(jobs, d, index, w, w + P, P);
        for (size_t i = 0; i < TOY_JOBS; i++) {
            jobs[i].task.kind = FG_TASK_TRAIN;
            jobs[i].finish = count_finished;
            jobs[i].finish_arg = finished;
        }
        st = fg_trainer_run(t, jobs, TOY_JOBS, NULL, err);
        for (size_t i = 0; i < TOY_JOBS; i++) {
            assert_true(st == FG_OK || jobs[i].status != FG_OK);
        }
    }
    if (t != NULL) {
        fg_trainer_destroy(t);
    }
    free(index);
    return st;
}

static void a_device_that_is_lost_finishes_no_task(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(70, 9, 4);
    struct fg_model *m = toy_model(d, "dense");
    float *w = calloc((TOY_JOBS + 1) * fg_model_params(m), sizeof *w);
    fg_model_init(m, 3, w);
    for (int way = FG_WAY_RESIDENT; way <= FG_WAY_LOCKSTEP; way++) {
        enum fg_status st = FG_E_IO;
        for (uint64_t at = 1; st != FG_OK; at += 1 + at / 8) {
            struct fg_err err = {""};
            int finished = 0;
            fg_simt_lose(at);
            st = two_rounds(m, d, (enum fg_way)way, w, &finished, &err);
            fg_simt_lose(0);
            assert_true(st == FG_OK ? finished == 2 * TOY_JOBS : finished == 0 || finished == TOY_JOBS);
            assert_true(st == FG_OK || err.text[0] != '\0');
            assert_true(at < 100000);
        }
    }
    free(w);
    fg_model_destroy(m);
    toy_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_there_when_the_device_is),
        cmocka_unit_test(rounds_alike_go_by_graphs),
        cmocka_unit_test(a_device_that_is_lost_finishes_no_task),
    };
    toy_cuda = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
