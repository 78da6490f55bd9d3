/* Tasks of the trainer: stopping and going on, evaluation, what is refused, memory that runs out. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "src/base/mem.h"
#include "tests/lib/refnet.h"
#include "tests/lib/toytrain.h"

enum { F = 6, C = 3, P = F * C + C };

/* ---- stopping ---- */

static void stopped_task_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    static const struct fg_local_opts opts[] = {{.batch = 5},
                                                {.batch = 5, .momentum = 0.9f, .prox_mu = 0.1f}};
    struct fg_dataset *d = toy_images(23);
    struct fg_model *m = toy_model(d, "conv2d 3; relu; dropout 0.5; flatten; dense");
    size_t n_params = fg_model_params(m);
    float *w = calloc(n_params, sizeof *w), *want = calloc(n_params, sizeof *w),
          *got = calloc(n_params, sizeof *w);
    uint32_t *index = toy_iota(23);
    fg_model_init(m, 3, w);
    for (size_t c = 0; c < 2; c++) {
        struct fg_trainer *a = toy_trainer(m, &opts[c], 1, "auto"),
                          *b = toy_trainer(m, &opts[c], 2, "reference");
        struct fg_job whole = toy_job(d, index, 23, 13, 0.1f, w, want);
        toy_run(a, &whole, 1);
        for (uint32_t stop = 1; stop < 13; stop++) {
            struct fg_train_state mid = {0}, back = {0};
            struct fg_str bytes = {0};
            struct fg_job first = toy_job(d, index, 23, 13, 0.1f, w, got);
            first.stop_after = stop;
            first.state = &mid;
            toy_run(a, &first, 1);
            assert_int_equal(first.steps, stop);
            assert_int_equal(mid.steps, stop);
            for (size_t i = 0; i < n_params; i++) { /* the delta of the part is there too */
                assert_true(got[i] == w[i] - mid.params[i]);
            }
            assert_int_equal(fg_train_state_encode(&mid, &bytes), FG_OK);
            assert_int_equal(
                fg_train_state_decode(&back, (const uint8_t *)bytes.data, bytes.len, n_params, NULL), FG_OK);
            struct fg_job second = toy_job(d, index, 23, 13, 0.1f, w, got);
            second.resume = &back;
            toy_run(b, &second, 1);
            assert_int_equal(second.steps, 13);
            assert_memory_equal(got, want, n_params * sizeof *got);
            assert_memory_equal(&second.loss, &whole.loss, sizeof whole.loss);
            assert_int_equal(second.scored, whole.scored);
            fg_train_state_fini(&mid);
            fg_train_state_fini(&back);
            fg_str_fini(&bytes);
        }
        fg_trainer_destroy(a);
        fg_trainer_destroy(b);
    }
    free(w);
    free(want);
    free(got);
    free(index);
    fg_model_destroy(m);
    toy_destroy(d);
}

static void damaged_states_are_refused(void **state)
{
    (void)state;
    float w[3] = {1, 2, 3}, v[3] = {4, 5, 6};
    struct fg_train_state
        s = {.shard = 1, .number = 2, .steps = 3, .seen = 4, .loss = 5, .n = 3, .params = w, .velocity = v},
        out = {0};
    struct fg_str bytes = {0};
    assert_int_equal(fg_train_state_encode(&s, &bytes), FG_OK);
    uint8_t *b = (uint8_t *)bytes.data;
    assert_int_equal(fg_train_state_decode(&out, b, bytes.len, 3, NULL), FG_OK);
    assert_true(out.shard == 1 && out.number == 2 && out.steps == 3 && out.seen == 4 && out.loss == 5);
    assert_memory_equal(out.params, w, sizeof w);
    assert_memory_equal(out.velocity, v, sizeof v);
    fg_train_state_fini(&out);
    assert_int_equal(fg_train_state_decode(&out, b, bytes.len, 4, NULL), FG_E_SHAPE);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_not_equal(fg_train_state_decode(&out, b, len, 3, NULL), FG_OK);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        b[i] ^= 0x10;
        assert_int_not_equal(fg_train_state_decode(&out, b, bytes.len, 3, NULL), FG_OK);
        b[i] ^= 0x10;
    }
    fg_str_fini(&bytes);
}

static void stop_flag_ends_a_run_between_steps(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(40, F, C);
    struct fg_model *m = toy_model(d, "dense");
    struct fg_local_opts o = {.batch = 10};
    struct fg_trainer *t = toy_trainer(m, &o, 2, "auto");
    struct fg_err err = {""};
    float w[P], a[P] = {7}, b[P];
    uint32_t *index = toy_iota(40);
    atomic_int stop = 1;
    struct fg_train_state left = {0};
    struct fg_score score = {.loss = -1};
    fg_model_init(m, 3, w);
    struct fg_job jobs[2] = {toy_job(d, index, 40, 6, 0.3f, w, a), toy_job(d, index, 40, 6, 0.3f, w, b)};
    jobs[0].state = &left;
    assert_int_equal(fg_trainer_run(t, jobs, 2, &stop, &err), FG_E_INTERRUPTED);
    assert_int_equal(jobs[0].status, FG_E_INTERRUPTED);
    assert_int_equal(jobs[1].status, FG_E_INTERRUPTED);
    assert_int_equal(left.steps, 0);
    assert_memory_equal(left.params, w, sizeof w);
    fg_assert_close((double)a[0], 7, 0);
    assert_int_equal(fg_trainer_evaluate(t, w, &(struct fg_scoring){.data = d, .n = 40}, &score, &stop, &err),
                     FG_E_INTERRUPTED);
    fg_assert_close(score.loss, -1, 0);
    fg_train_state_fini(&left);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(d);
}

static void who_brings_other_data_fails_alone(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(20, F, C), *other = toy_vectors(20, F + 1, C);
    struct fg_model *m = toy_model(d, "dense");
    struct fg_local_opts o = {.batch = 10};
    struct fg_trainer *t = toy_trainer(m, &o, 2, "auto");
    struct fg_err err = {""};
    float w[P], delta[3][P], alone[P];
    uint32_t *index = toy_iota(20);
    fg_model_init(m, 3, w);
    struct fg_job one = toy_job(d, index, 20, 2, 0.3f, w, alone);
    assert_int_equal(fg_trainer_run(t, &one, 1, NULL, &err), FG_OK);
    struct fg_job jobs[3] = {toy_job(d, index, 20, 2, 0.3f, w, delta[0]),
                             toy_job(other, index, 20, 2, 0.3f, w, delta[1]),
                             toy_job(d, index, 20, 2, 0.3f, w, delta[2])};
    jobs[1].task.id = 7;
    jobs[0].status = jobs[1].status = jobs[2].status = FG_E_INTERRUPTED;
    assert_int_equal(fg_trainer_run(t, jobs, 3, NULL, &err), FG_E_INPUT);
    assert_int_equal(jobs[0].status, FG_OK);
    assert_int_equal(jobs[1].status, FG_E_INPUT);
    assert_int_equal(jobs[2].status, FG_OK);
    assert_memory_equal(delta[0], alone, sizeof alone);
    assert_memory_equal(delta[2], alone, sizeof alone);
    assert_non_null(strstr(err.text, "task 7 of client "));
    assert_non_null(strstr(err.text, "these have 7x1x1"));
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(d);
    toy_destroy(other);
}

static void empty_shards_and_zero_steps_change_nothing(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(20, F, C);
    struct fg_model *m = toy_model(d, "dense");
    struct fg_local_opts o = {.batch = 0, .momentum = 0.5f};
    struct fg_trainer *t = toy_trainer(m, &o, 2, "auto");
    float w[P], delta[2][P];
    uint32_t *index = toy_iota(20);
    fg_model_init(m, 3, w);
    memset(delta, 1, sizeof delta);
    struct fg_job jobs[3] = {toy_job(d, index, 0, 6, 0.3f, w, delta[0]),
                             toy_job(d, index, 20, 0, 0.3f, w, delta[1]),
                             toy_job(d, index, 0, 0, 0.3f, w, NULL)};
    jobs[2].task.kind = FG_TASK_EVALUATE;
    toy_run(t, jobs, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].steps, 0);
        assert_true(jobs[i].loss == 0 && jobs[i].scored == 0);
        for (size_t j = 0; i < 2 && j < P; j++) {
            assert_true(delta[i][j] == 0.0f);
        }
    }
    toy_run(t, jobs, 0);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(d);
}

/* ---- evaluation ---- */

enum { LEN = 5, SYMBOLS = 6, TEXTS = 600 };

/* A char-LSTM, texts, and what the network in double precision says of them. */
struct texts {
    struct fg_dataset *d;
    struct fg_model *m;
    float *w;
    uint32_t backwards[TEXTS];
    double each_loss[TEXTS], loss; /* mean over positions, of a text and of all */
    uint32_t each_correct[TEXTS], correct;
};

static void make_texts(struct texts *s)
{
    static const char layers[] = "embedding 3; lstm 4; dense";
    *s = (struct texts){.d = toy_texts(TEXTS, LEN, SYMBOLS)};
    s->m = toy_model(s->d, layers);
    struct fg_model_input in = fg_trainer_input(s->d);
    size_t n_params = fg_model_params(s->m);
    double *w = calloc(n_params, sizeof *w), x[LEN];
    s->w = calloc(n_params, sizeof *s->w);
    fg_model_init(s->m, 4, s->w);
    for (size_t i = 0; i < n_params; i++) {
        w[i] = (double)s->w[i];
    }
    for (uint32_t i = 0; i < TEXTS; i++) {
        for (size_t j = 0; j < LEN; j++) {
            x[j] = ((const uint8_t *)s->d->x)[i * LEN + j];
        }
        s->each_loss[i] = ref_loss(layers, &in, w, x, s->d->y + i * LEN, 1, NULL, &s->each_correct[i]);
        s->loss += s->each_loss[i] / TEXTS;
        s->correct += s->each_correct[i];
        s->backwards[i] = TEXTS - 1 - i;
    }
    free(w);
}

static void free_texts(struct texts *s)
{
    free(s->w);
    fg_model_destroy(s->m);
    toy_destroy(s->d);
}

static void evaluation_matches_the_double_network(void **state)
{
    (void)state;
    static struct texts s;
    double each_loss[TEXTS], first = 0;
    uint32_t each_correct[TEXTS];
    const struct fg_sample_scores each = {each_loss, each_correct};
    const struct fg_local_opts o = {.batch = 3};
    make_texts(&s);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct fg_trainer *t = toy_trainer(s.m, &o, threads, "auto");
        struct fg_score all, some;
        assert_int_equal(fg_trainer_evaluate(t, s.w,
                                             &(struct fg_scoring){.data = s.d, .n = TEXTS, .each = &each},
                                             &all, NULL, NULL),
                         FG_OK);
        for (uint32_t i = 0; i < TEXTS; i++) {
            fg_assert_close(each_loss[i] / LEN, s.each_loss[i], 1e-6);
            assert_int_equal(each_correct[i], s.each_correct[i]);
        }
        fg_assert_close(all.loss, s.loss, 1e-6);
        assert_int_equal(all.correct, s.correct);
        assert_int_equal(all.scored, TEXTS * LEN);
        first = threads == 1 ? all.loss : first;
        assert_true(all.loss == first);
        assert_int_equal(
            fg_trainer_evaluate(t, s.w, &(struct fg_scoring){.data = s.d, .index = s.backwards, .n = TEXTS},
                                &some, NULL, NULL),
            FG_OK);
        assert_int_equal(some.correct, s.correct);
        fg_assert_close(some.loss, s.loss, 1e-6);
        assert_int_equal(fg_trainer_evaluate(t, s.w,
                                             &(struct fg_scoring){.data = s.d, .index = s.backwards, .n = 0},
                                             &some, NULL, NULL),
                         FG_OK);
        assert_true(some.loss == 0 && some.scored == 0);
        fg_trainer_destroy(t);
    }
    free_texts(&s);
}

static void tasks_that_evaluate_match_it_too(void **state)
{
    (void)state;
    static struct texts s;
    const struct fg_local_opts o = {.batch = 3};
    make_texts(&s);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct fg_trainer *t = toy_trainer(s.m, &o, threads, "auto");
        struct fg_job job = {
            .data = s.d, .index = s.backwards, .n = TEXTS, .params = s.w, .task = {.kind = FG_TASK_EVALUATE}};
        toy_run(t, &job, 1);
        assert_int_equal(job.correct, s.correct);
        assert_int_equal(job.scored, TEXTS * LEN);
        fg_assert_close(job.loss, s.loss, 1e-6);
        job.task.steps = TEXTS; /* samples: all of them, in any order */
        toy_run(t, &job, 1);
        assert_int_equal(job.correct, s.correct);
        fg_assert_close(job.loss, s.loss, 1e-6);
        double sum = 0.0, low = INFINITY, high = 0.0;
        job.task.steps = 60; /* drawn anew by each task, and right in the mean */
        for (job.task.number = 0; job.task.number < 200; job.task.number++) {
            toy_run(t, &job, 1);
            assert_int_equal(job.scored, 60 * LEN);
            sum += job.loss / 200.0;
            low = job.loss < low ? job.loss : low;
            high = job.loss > high ? job.loss : high;
        }
        assert_true(low < high);
        fg_assert_close(sum, s.loss, (high - low) / 20.0);
        fg_trainer_destroy(t);
    }
    free_texts(&s);
}

/* ---- refusals ---- */

static void wrong_settings_and_data_are_refused(void **state)
{
    (void)state;
    static const struct fg_local_opts bad[] = {
        {.momentum = 1.0f}, {.momentum = NAN}, {.weight_decay = -1}, {.clip = NAN}, {.prox_mu = -0.1f},
    };
    struct fg_dataset *d = toy_vectors(20, F, C), *other = toy_vectors(20, F + 1, C);
    struct fg_model *m = toy_model(d, "dense");
    struct fg_local_opts good = {.batch = 10};
    const struct fg_kernels *k = fg_kernels_get("auto", FG_EXACT);
    struct fg_trainer *t = NULL;
    struct fg_err err = {""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fg_trainer_create_cpu(&t, m, &bad[i], 1, 1, k, &err), FG_E_CONFIG);
    }
    assert_int_equal(fg_trainer_create_cpu(&t, m, &good, 1, 0, k, &err), FG_E_CONFIG);
    assert_null(t);
    t = toy_trainer(m, &good, 1, "auto");
    float w[P] = {0}, delta[P];
    uint32_t *index = toy_iota(20);
    struct fg_job job = toy_job(other, index, 20, 1, 0.1f, w, delta);
    struct fg_score score;
    assert_int_equal(fg_trainer_run(t, &job, 1, NULL, &err), FG_E_INPUT);
    assert_int_equal(
        fg_trainer_evaluate(t, w, &(struct fg_scoring){.data = other, .n = 20}, &score, NULL, &err),
        FG_E_INPUT);
    assert_non_null(strstr(err.text, "6x1x1"));
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(d);
    toy_destroy(other);
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    struct fg_dataset *d = toy_vectors(20, F, C);
    struct fg_model_input in = fg_trainer_input(d);
    struct fg_local_opts o = {.batch = 10, .momentum = 0.5f, .prox_mu = 0.1f};
    float w[P] = {0}, delta[P];
    uint32_t *index = toy_iota(20);
    enum fg_status st = FG_E_NOMEM;
    int tries = 0;
    for (; st == FG_E_NOMEM; tries++) {
        struct fg_model *m = NULL;
        struct fg_trainer *t = NULL;
        struct fg_train_state left = {0};
        struct fg_job job = toy_job(d, index, 20, 4, 0.1f, w, delta);
        long left_over = tries;
        job.stop_after = 2;
        job.state = &left;
        fg_mem_set_hook(fg_fail_nth, &left_over);
        st = fg_model_create(&m, "dense 4; relu; dense", &in, NULL, NULL);
        if (st == FG_OK) {
            st = fg_trainer_create_cpu(&t, m, &o, 1, 2, fg_kernels_get("auto", FG_EXACT), NULL);
        }
        if (st == FG_OK) {
            job.params = calloc(fg_model_params(m), sizeof(float));
            job.delta = calloc(fg_model_params(m), sizeof(float));
            st = fg_trainer_run(t, &job, 1, NULL, NULL);
        }
        fg_mem_set_hook(NULL, NULL);
        if (t != NULL) {
            free((void *)(uintptr_t)job.params);
            free(job.delta);
        }
        fg_train_state_fini(&left);
        fg_trainer_destroy(t);
        fg_model_destroy(m);
    }
    assert_int_equal(st, FG_OK);
    assert_true(tries > 20);
    free(index);
    toy_destroy(d);
}

static int count(void *arg)
{
    ++*(size_t *)arg;
    return 0;
}

/* How often a task of so many steps asks for memory, after a first task. */
static size_t asks_for_memory(const struct fg_dataset *d, const char *layers, const struct fg_local_opts *o,
                              const char *kernels, enum fg_arithmetic arithmetic, uint32_t steps)
{
    struct fg_model *m = toy_model(d, layers);
    struct fg_trainer *t = NULL;
    uint32_t *index = toy_iota(40);
    float *w = calloc(2 * fg_model_params(m), sizeof *w);
    struct fg_job job = toy_job(d, index, 40, 1, 0.1f, w, w + fg_model_params(m));
    size_t calls = 0;
    assert_int_equal(fg_trainer_create_cpu(&t, m, o, 42, 1, fg_kernels_get(kernels, arithmetic), NULL),
                     FG_OK);
    toy_run(t, &job, 1);
    job.task.steps = steps;
    fg_mem_set_hook(count, &calls);
    toy_run(t, &job, 1);
    fg_mem_set_hook(NULL, NULL);
    free(w);
    free(index);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    return calls;
}

static void steps_allocate_nothing(void **state)
{
    (void)state;
    static const char CONVOLUTIONS[] = "conv2d 16 kernel=3 padding=same; relu; maxpool 2; dropout 0.2; "
                                       "conv2d 16 kernel=3; relu; flatten; dense 12; relu; dense";
    struct fg_dataset *v = toy_vectors(40, F, C), *i = toy_images(40), *x = toy_texts(40, 5, 6);
    const struct {
        const struct fg_dataset *d;
        const char *layers;
        struct fg_local_opts o;
    } cases[] = {
        {v, "softmax", {.batch = 10}},
        {v, "dense 20; relu; dense 20; relu; dense", {.batch = 4, .momentum = 0.5f}},
        {i, CONVOLUTIONS, {.batch = 10, .clip = 1}},
        {x,
         "embedding 4; lstm 5; dropout 0.1; dense 7; tanh; dense",
         {.batch = 3, .momentum = 0.5f, .clip = 1, .prox_mu = 0.1f}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int how = 0; how < 4; how++) {
            const char *kernels = how < 2 ? "auto" : "reference";
            enum fg_arithmetic a = how % 2 == 0 ? FG_EXACT : FG_BF16;
            size_t few = asks_for_memory(cases[c].d, cases[c].layers, &cases[c].o, kernels, a, 1);
            assert_int_equal(asks_for_memory(cases[c].d, cases[c].layers, &cases[c].o, kernels, a, 60), few);
        }
    }
    toy_destroy(v);
    toy_destroy(i);
    toy_destroy(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_task_goes_on_to_the_same_bytes),
        cmocka_unit_test(damaged_states_are_refused),
        cmocka_unit_test(stop_flag_ends_a_run_between_steps),
        cmocka_unit_test(who_brings_other_data_fails_alone),
        cmocka_unit_test(empty_shards_and_zero_steps_change_nothing),
        cmocka_unit_test(evaluation_matches_the_double_network),
        cmocka_unit_test(tasks_that_evaluate_match_it_too),
        cmocka_unit_test(wrong_settings_and_data_are_refused),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
