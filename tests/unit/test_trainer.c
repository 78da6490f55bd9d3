/* The trainer: it learns, its arithmetic is that of a double-precision twin, and the bits are the same
 * whatever does the work. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "kernels/isa.h"
#include "src/base/rng.h"
#include "src/worker/trainer_local.h"
#include "tests/lib/refnet.h"
#include "tests/lib/toytrain.h"

/* Train one client on everything and return the share of positions classified right. */
static double accuracy_after(const struct fg_dataset *d, const char *layers, uint32_t epochs, float lr)
{
    struct fg_model *m = toy_model(d, layers);
    struct fg_local_opts o = {.batch = 10};
    struct fg_trainer *t = toy_trainer(m, &o, 2, "auto");
    size_t P = fg_model_params(m);
    float *w = calloc(P, sizeof *w), *delta = calloc(P, sizeof *delta);
    uint32_t n = (uint32_t)d->n, *index = toy_iota(n);
    struct fg_score before, after;
    fg_model_init(m, 3, w);
    assert_int_equal(fg_trainer_evaluate(t, w, &(struct fg_scoring){.data = d, .n = n}, &before, NULL, NULL),
                     FG_OK);
    struct fg_job job = toy_job(d, index, n, fg_local_steps(n, 10, epochs, 0), lr, w, delta);
    toy_run(t, &job, 1);
    assert_int_equal(job.steps, (n + 9) / 10 * epochs);
    for (size_t i = 0; i < P; i++) {
        w[i] -= delta[i];
    }
    assert_int_equal(fg_trainer_evaluate(t, w, &(struct fg_scoring){.data = d, .n = n}, &after, NULL, NULL),
                     FG_OK);
    assert_true(after.loss < before.loss && job.loss < before.loss && job.loss > after.loss);
    assert_int_equal(after.scored, d->n * d->label_width);
    free(w);
    free(delta);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    return (double)after.correct / (double)after.scored;
}

static void separable_problems_are_learnt(void **state)
{
    (void)state;
    struct fg_dataset *v = toy_vectors(300, 12, 5), *i = toy_images(120), *t = toy_texts(60, 12, 9);
    assert_true(accuracy_after(v, "softmax", 5, 0.2f) > 0.98);
    assert_true(accuracy_after(v, "dense 32; relu; dropout 0.2; dense", 5, 0.2f) > 0.98);
    assert_true(accuracy_after(i, "conv2d 8 padding=same; relu; maxpool 2; flatten; dense", 5, 0.1f) > 0.98);
    assert_true(accuracy_after(i, "2nn", 5, 0.1f) > 0.98);
    assert_true(accuracy_after(t, "embedding 8; lstm 24; dense", 40, 2.0f) > 0.98);
    toy_destroy(v);
    toy_destroy(i);
    toy_destroy(t);
}

static void local_steps_are_counted_as_documented(void **state)
{
    (void)state;
    assert_int_equal(fg_local_steps(600, 10, 1, 0), 60);
    assert_int_equal(fg_local_steps(601, 10, 5, 0), 305);
    assert_int_equal(fg_local_steps(601, 0, 5, 0), 5);
    assert_int_equal(fg_local_steps(601, 10, 5, 7), 7);
    assert_int_equal(fg_local_steps(0, 10, 5, 7), 0);
    assert_int_equal(fg_local_steps(1, 10, 5, 0), 5);
    assert_int_equal(fg_local_steps(UINT32_MAX, 1, 1000, 0), UINT32_MAX);
}

/* ---- the arithmetic, against doubles and gradients by central differences ---- */

enum { N = 75, F = 6, C = 3, P = F * C + C };

struct twin {
    struct fg_model_input in;
    const struct fg_dataset *d;
    double w[P], start[P], v[P];
};

static void twin_step(struct twin *t, const struct fg_local_opts *o, const uint32_t *index, uint32_t n,
                      double lr)
{
    static double x[N * F];
    static uint16_t y[N];
    double g[P], norm = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < F; j++) {
            x[i * F + j] = (double)((const float *)t->d->x)[index[i] * F + j];
        }
        y[i] = t->d->y[index[i]];
    }
    for (size_t i = 0; i < P; i++) {
        double w = t->w[i], h = 1e-5;
        t->w[i] = w + h;
        double up = ref_loss("dense", &t->in, t->w, x, y, n, NULL, NULL);
        t->w[i] = w - h;
        double down = ref_loss("dense", &t->in, t->w, x, y, n, NULL, NULL);
        t->w[i] = w;
        g[i] = (up - down) / (2 * h) + (double)o->prox_mu * (w - t->start[i]);
        norm += g[i] * g[i];
    }
    norm = sqrt(norm);
    for (size_t i = 0; i < P; i++) {
        if (o->clip > 0 && norm > (double)o->clip) {
            g[i] *= (double)o->clip / norm;
        }
        t->v[i] = (double)o->momentum * t->v[i] + g[i] + (double)o->weight_decay * t->w[i];
        t->w[i] -= lr * t->v[i];
    }
}

static void local_work_matches_its_double_twin(void **state)
{
    (void)state;
    static const struct fg_local_opts cases[] = {
        {.batch = 10},
        {.batch = 7, .momentum = 0.9f},
        {.batch = 10, .weight_decay = 0.05f},
        {.batch = 10, .clip = 0.3f},
        {.batch = 10, .prox_mu = 0.7f},
        {.batch = 8, .momentum = 0.5f, .weight_decay = 0.02f, .clip = 0.5f, .prox_mu = 0.2f},
        {.batch = 0},
        {.batch = 70, .momentum = 0.9f},
        {.batch = 200},
    };
    struct fg_dataset *d = toy_vectors(N + 5, F, C);
    struct fg_model *m = toy_model(d, "dense");
    float w[P], delta[P];
    uint32_t index[N];
    for (uint32_t i = 0; i < N; i++) {
        index[i] = i + 3;
    }
    fg_model_init(m, 3, w);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const struct fg_local_opts *o = &cases[c];
        struct twin twin = {.in = fg_trainer_input(d), .d = d};
        uint32_t order[N], batch = o->batch == 0 || o->batch > N ? N : o->batch, steps = 12;
        uint32_t per_epoch = (N + batch - 1) / batch;
        struct fg_rng rng;
        fg_rng_init(&rng, 42, FG_RNG_SHUFFLE, 5, 2);
        memcpy(order, index, sizeof order);
        for (size_t i = 0; i < P; i++) {
            twin.w[i] = twin.start[i] = (double)w[i];
        }
        for (uint32_t s = 0; s < steps; s++) {
            if (s % per_epoch == 0) {
                fg_rng_shuffle(&rng, order, N);
            }
            uint32_t first = s % per_epoch * batch, n = N - first < batch ? N - first : batch;
            twin_step(&twin, o, order + first, n, 0.3);
        }
        struct fg_trainer *t = toy_trainer(m, o, 1, "auto");
        struct fg_job job = toy_job(d, index, N, steps, 0.3f, w, delta);
        toy_run(t, &job, 1);
        for (size_t i = 0; i < P; i++) {
            fg_assert_close((double)delta[i], twin.start[i] - twin.w[i], 3e-6);
        }
        fg_trainer_destroy(t);
    }
    fg_model_destroy(m);
    toy_destroy(d);
}

/* ---- the same bits ---- */

enum { JOBS = 9 };

/* A cohort of unequal clients, some of which evaluate; results go to out (JOBS, params + 2 doubles). */
static void run_cohort(const struct fg_dataset *d, const struct fg_model *m, const struct fg_local_opts *o,
                       unsigned threads, const char *kernels, float *deltas, double *losses)
{
    size_t n_params = fg_model_params(m);
    struct fg_trainer *t = toy_trainer(m, o, threads, kernels);
    float *w = calloc(n_params, sizeof *w);
    uint32_t *index = toy_iota((uint32_t)d->n);
    struct fg_job jobs[JOBS];
    fg_model_init(m, 3, w);
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = toy_job(d, index + i, 3 + 7 * i, 2 + (i * 5) % 7, 0.1f, w, deltas + i * n_params);
        jobs[i].task.client = jobs[i].task.shard = i;
        jobs[i].task.kind = i % 4 == 3 ? FG_TASK_EVALUATE : FG_TASK_TRAIN;
    }
    toy_run(t, jobs, JOBS);
    for (uint32_t i = 0; i < JOBS; i++) {
        losses[i] = jobs[i].loss + jobs[i].correct;
        assert_true(jobs[i].loss > 0);
    }
    free(w);
    free(index);
    fg_trainer_destroy(t);
}

static void bits_do_not_depend_on_threads_or_kernels(void **state)
{
    (void)state;
    static const char *const kernels[] = {"reference", "avx2", "avx512"};
    struct fg_dataset *data[] = {toy_images(80), toy_texts(80, 6, 7)};
    static const char *const layers[] = {
        "conv2d 6; relu; maxpool 2; dropout 0.3; flatten; dense 20; tanh; dropout 0.5; dense",
        "embedding 3; lstm 9; dense"};
    static const struct fg_local_opts opts[] = {
        {.batch = 5}, {.batch = 5, .momentum = 0.9f, .clip = 0.1f, .weight_decay = 0.01f}};
    for (size_t c = 0; c < 4; c++) {
        const struct fg_dataset *d = data[c / 2];
        struct fg_model *m = toy_model(d, layers[c / 2]);
        size_t len = fg_model_params(m) * JOBS;
        float *want = calloc(len, sizeof *want), *got = calloc(len, sizeof *got);
        double loss[JOBS], other[JOBS];
        run_cohort(d, m, &opts[c % 2], 1, "reference", want, loss);
        for (size_t k = 0; k < 3; k++) {
            for (unsigned threads = 1; fg_kernels_get(kernels[k], FG_EXACT) != NULL && threads <= 4;
                 threads *= 2) {
                memset(got, 0, len * sizeof *got);
                run_cohort(d, m, &opts[c % 2], threads, kernels[k], got, other);
                assert_memory_equal(got, want, len * sizeof *got);
                assert_memory_equal(other, loss, sizeof loss);
            }
        }
        free(want);
        free(got);
        fg_model_destroy(m);
    }
    toy_destroy(data[0]);
    toy_destroy(data[1]);
}

/* The trainer gathers bytes by a kernel; the data set's own way must give the same floats. */
static void bytes_and_their_floats_train_alike(void **state)
{
    (void)state;
    struct fg_dataset *bytes = toy_images(50), floats = *bytes;
    static float x[50 * 64];
    static const float scale[1] = {1.0f / 255}, shift[1] = {-0.37f}, one[1] = {1.0f}, zero[1] = {0.0f};
    uint16_t y[50];
    uint32_t *index = toy_iota(50);
    bytes->scale = scale;
    bytes->shift = shift;
    fg_dataset_gather(bytes, index, 50, x, 64, y);
    floats.dtype = FG_F32;
    floats.x = x;
    floats.scale = one;
    floats.shift = zero;
    struct fg_model *m = toy_model(bytes, "conv2d 3; relu; flatten; dense");
    struct fg_local_opts o = {.batch = 7};
    struct fg_trainer *t = toy_trainer(m, &o, 1, "auto");
    size_t n = fg_model_params(m);
    float *w = calloc(3 * n, sizeof *w);
    fg_model_init(m, 3, w);
    struct fg_job a = toy_job(bytes, index, 50, 9, 0.1f, w, w + n), b = a;
    b.data = &floats;
    b.delta = w + 2 * n;
    toy_run(t, &a, 1);
    toy_run(t, &b, 1);
    assert_memory_equal(a.delta, b.delta, n * sizeof *w);
    free(w);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(bytes);
}

/* Pictures of bytes with a border, whose inputs are passed over. */
enum { SIDE = 20, PICTURES = 90 };

static struct fg_dataset bordered_pictures(uint8_t *x, uint16_t *y)
{
    static const float scale[1] = {1.0f / 255}, shift[1] = {0.0f};
    for (uint32_t i = 0; i < PICTURES * SIDE * SIDE; i++) {
        uint32_t row = i / SIDE % SIDE, column = i % SIDE;
        bool border = row < 4 || row >= SIDE - 4 || column < 4;
        x[i] = border ? 0 : (uint8_t)(i * 2654435761U >> 23);
    }
    for (uint16_t i = 0; i < PICTURES; i++) {
        y[i] = i % 7;
    }
    return (struct fg_dataset){.kind = FG_DATA_IMAGE,
                               .dtype = FG_U8,
                               .shape = {SIDE, SIDE, 1},
                               .width = SIDE * SIDE,
                               .label_width = 1,
                               .classes = 7,
                               .n = PICTURES,
                               .n_train = PICTURES,
                               .x = x,
                               .y = y,
                               .channels = 1,
                               .scale = scale,
                               .shift = shift};
}

/* One whose samples were asked for and whose order was drawn before it began ends as if it had come alone,
 * whichever job that was said of. */
static void a_job_does_not_depend_on_the_one_before_it(void **state)
{
    (void)state;
    static const char *const kernels[] = {"reference", "avx2", "avx512"};
    static uint8_t x[PICTURES * SIDE * SIDE];
    static uint16_t y[PICTURES];
    static float w[SIDE * SIDE * 7 + 7], want[3][SIDE * SIDE * 7 + 7], got[SIDE * SIDE * 7 + 7];
    struct fg_dataset d = bordered_pictures(x, y);
    struct fg_model *m = toy_model(&d, "softmax");
    struct fg_local_opts o = {.batch = 8};
    uint32_t *index = toy_iota(PICTURES);
    struct fg_local *l = NULL;
    struct fg_err err;
    fg_model_init(m, 3, w);
    for (size_t k = 0; k < 3; k++) {
        const struct fg_kernels *table = fg_kernels_get(kernels[k], FG_EXACT);
        struct fg_job job[3];
        for (uint32_t i = 0; i < 3; i++) { /* the second passes twice over its samples */
            job[i] = toy_job(&d, index + 20 * i, 19 + 9 * i, 3 + 5 * i, 0.1f, w, got);
            job[i].task.shard = i;
            assert_int_equal(
                fg_local_create(&l, m, table != NULL ? table : &fg_kernels_reference, &o, 42, &err), FG_OK);
            fg_local_run(l, &job[i], NULL, NULL);
            assert_int_equal(job[i].status, FG_OK);
            assert_true(k == 0 || memcmp(want[i], got, sizeof got) == 0);
            memcpy(want[i], got, sizeof got);
            fg_local_destroy(l);
        }
        assert_int_equal(fg_local_create(&l, m, table != NULL ? table : &fg_kernels_reference, &o, 42, &err),
                         FG_OK);
        for (uint32_t order = 0; order < 27; order++) { /* told before: next; then: now, in all orders */
            uint32_t now = order % 3, next = order / 3 % 3, later = order / 9;
            fg_local_run(l, &job[now], &job[next], NULL);
            assert_memory_equal(got, want[now], sizeof got);
            fg_local_run(l, &job[later], &job[now], NULL);
            assert_memory_equal(got, want[later], sizeof got);
        }
        fg_local_run(l, &job[0], &job[1], NULL); /* another comes to its place */
        job[1] = job[2];
        fg_local_forget(l);
        fg_local_run(l, &job[1], NULL, NULL);
        assert_memory_equal(got, want[2], sizeof got);
        fg_local_destroy(l);
    }
    free(index);
    fg_model_destroy(m);
}

static void tasks_of_one_client_have_their_own_streams(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(60, F, C);
    struct fg_model *m = toy_model(d, "dense");
    struct fg_local_opts o = {.batch = 10};
    struct fg_trainer *t = toy_trainer(m, &o, 1, "auto");
    float w[P], a[P], b[P];
    uint32_t *index = toy_iota(60);
    fg_model_init(m, 3, w);
    struct fg_job job = toy_job(d, index, 60, 6, 0.3f, w, a), later = toy_job(d, index, 60, 6, 0.3f, w, b);
    toy_run(t, &job, 1);
    later.task.id = 77;
    later.task.version = 9;
    later.task.round = 12;
    toy_run(t, &later, 1);
    assert_memory_equal(a, b, sizeof a); /* neither id, version nor round matter */
    later.task.number++;
    toy_run(t, &later, 1);
    assert_memory_not_equal(a, b, sizeof a);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separable_problems_are_learnt),
        cmocka_unit_test(local_steps_are_counted_as_documented),
        cmocka_unit_test(local_work_matches_its_double_twin),
        cmocka_unit_test(bits_do_not_depend_on_threads_or_kernels),
        cmocka_unit_test(bytes_and_their_floats_train_alike),
        cmocka_unit_test(a_job_does_not_depend_on_the_one_before_it),
        cmocka_unit_test(tasks_of_one_client_have_their_own_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
