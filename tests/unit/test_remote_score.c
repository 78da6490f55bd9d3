/* Evaluation shared out over workers: whoever dies, hangs, leaves or joins late,
 * the sums are those of one process to the bit. */
#include <math.h>

#include "src/base/mem.h"
#include "src/worker/trainer.h"
#include "tests/lib/pretend.h"
#include "tests/lib/test.h"

enum { SAMPLES = 5000 };

struct own {
    struct fg_trainer base;
    size_t scored;
};

/* As the header says: losses summed in blocks, in order. */
static enum fg_status evaluate(struct fg_trainer *base, const float *params, const struct fg_scoring *on,
                               struct fg_score *out, atomic_int *stop, struct fg_err *err)
{
    struct own *own = (struct own *)base;
    const struct fg_sample_scores *each = on->each;
    const size_t n = on->n;
    struct fg_score s = {.scored = n * on->data->label_width};
    (void)err;
    if (stop != NULL && atomic_load(stop) != 0) {
        return FG_E_INTERRUPTED;
    }
    for (size_t first = 0; first < n; first += 256) {
        double block = 0.0;
        for (size_t i = first; i < n && i < first + 256; i++) {
            uint32_t correct;
            double loss = pretend_score(params, on->index[i], &correct);
            block += loss;
            s.correct += correct;
            if (each != NULL && each->loss != NULL) {
                each->loss[i] = loss;
            }
            if (each != NULL && each->correct != NULL) {
                each->correct[i] = correct;
            }
        }
        s.loss += block;
    }
    s.loss /= (double)s.scored;
    own->scored += n;
    *out = s;
    return FG_OK;
}

static const struct fg_trainer_ops own_ops = {.evaluate = evaluate};

static void no_destroy(struct fg_executor *ex)
{
    (void)ex;
}
static const struct fg_executor_ops here_ops = {.destroy = no_destroy};

/* A worker whose configuration came answers at once, so this lets the workers join. */
static void let_join(struct pretend *w, struct fg_executor *ex)
{
    struct fg_err err;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(fg_executor_remote_poll(ex, &err), FG_OK);
        pretend_pass(w);
    }
}

struct bench {
    struct pretend *w;
    struct fg_executor here, *ex;
    struct own own;
    struct fg_trainer *scorer;
    struct fg_dataset data;
    uint32_t index[SAMPLES];
};

static void begin(struct bench *b, uint64_t seed, uint32_t n)
{
    b->w = pretend_create(seed, n, false);
    b->w->beside = seed % 2 == 0;
    b->here.ops = &here_ops;
    b->ex = pretend_executor(b->w, &b->here);
    b->own.base.ops = &own_ops;
    b->data.label_width = 2;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        b->index[i] = i * 7919 % 65536;
    }
    assert_int_equal(b->ex->ops->scorer(b->ex, &b->own.base, &b->scorer), FG_OK);
    assert_ptr_not_equal(b->scorer, &b->own.base);
}

static void compare(struct bench *b, const float *x, size_t n, bool each)
{
    double loss[SAMPLES], want_loss[SAMPLES];
    uint32_t correct[SAMPLES], want_correct[SAMPLES];
    struct fg_sample_scores got_each = {.loss = loss, .correct = correct},
                            want_each = {want_loss, want_correct};
    struct fg_score got, want;
    struct fg_err err;
    enum fg_status st = b->scorer->ops->evaluate(
        b->scorer, x,
        &(struct fg_scoring){.data = &b->data, .index = b->index, .n = n, .each = each ? &got_each : NULL},
        &got, NULL, &err);
    assert_int_equal(st, FG_OK);
    assert_null(fg_executor_remote_check(b->ex));
    assert_int_equal(
        evaluate(&b->own.base, x,
                 &(struct fg_scoring){
                     .data = &b->data, .index = b->index, .n = n, .each = each ? &want_each : NULL},
                 &want, NULL, &err),
        FG_OK);
    b->own.scored -= n;
    assert_memory_equal(&got.loss, &want.loss, sizeof got.loss);
    assert_int_equal(got.correct, want.correct);
    assert_int_equal(got.scored, want.scored);
    if (each) {
        assert_memory_equal(loss, want_loss, n * sizeof *loss);
        assert_memory_equal(correct, want_correct, n * sizeof *correct);
    }
}

static void whatever_happens_the_sums_are_those_of_one_process(void **state)
{
    (void)state;
    static struct bench b;
    size_t elsewhere = 0;
    unsigned killed = 0, hung = 0, refused = 0;
    uint64_t repeated = 0, iters = fg_test_iters(60);
    for (uint64_t seed = 1; seed <= iters; seed++) {
        b = (struct bench){0};
        begin(&b, seed, 1 + (uint32_t)(seed % 5));
        let_join(b.w, b.ex);
        b.w->kill_in_1000 = seed % 3 == 0 ? 20 : 0; /* all may die */
        b.w->hang_in_1000 = seed % 3 == 1 ? 20 : 0;
        b.w->refuse_in_1000 = seed % 4 == 0 ? 200 : 0;
        b.w->notice_in_1000 = seed % 7 == 0 ? 10 : 0;
        for (uint64_t v = 1; v <= 6; v++) {
            float x[PRETEND_P];
            struct fg_err err;
            pretend_params(x, v);
            uint64_t name = (v + seed) % 2 == 0 ? v : v | FG_VERSION_MEAN;
            assert_int_equal(b.ex->ops->publish(b.ex, name, x, &err), FG_OK);
            compare(&b, x, v % 3 == 0 ? 300 : v % 3 == 1 ? SAMPLES : SAMPLES - 255, v % 2 == 0);
        }
        elsewhere += b.w->scored;
        killed += b.w->killed;
        hung += b.w->hung;
        refused += b.w->refused;
        repeated += fg_executor_remote_stats(b.ex).tasks_repeated;
        pretend_end(b.w, b.ex);
    }
    assert_true(elsewhere > 10 * iters);
    assert_true(killed > 0 && hung > 0 && refused > 0 && repeated > 0);
}

/* A mean is scored between two versions that train: each is sent once to each worker,
 * and goes when the next one comes. */
static void means_are_scored_beside_what_tasks_start_from(void **state)
{
    (void)state;
    static struct bench b;
    struct fg_err err;
    b = (struct bench){0};
    begin(&b, 3, 3);
    let_join(b.w, b.ex);
    for (uint64_t v = 1; v <= 8; v++) {
        float x[PRETEND_P], mean[PRETEND_P];
        struct fg_result got;
        struct fg_task t = {
            .id = v, .version = v, .kind = FG_TASK_TRAIN, .client = 1, .steps = 5, .lr = 0.1f};
        pretend_params(x, v);
        pretend_params(mean, 1000 + v);
        assert_int_equal(b.ex->ops->publish(b.ex, v, x, &err), FG_OK);
        assert_int_equal(b.ex->ops->submit(b.ex, &t, 1, &err), FG_OK);
        assert_int_equal(b.ex->ops->publish(b.ex, v | FG_VERSION_MEAN, mean, &err), FG_OK);
        compare(&b, mean, SAMPLES, v % 2 == 0); /* while a task waits */
        assert_int_equal(b.ex->ops->collect(b.ex, v, &got, &err), FG_OK);
        pretend_check(&got, &t);
        b.ex->ops->release(b.ex, v);
        compare(&b, mean, SAMPLES, v % 2 == 1);
        for (uint32_t k = 1; k <= b.w->n; k++) {
            assert_in_range(fg_session_stats(b.w->w[k].s).versions, 0, 4);
        }
    }
    assert_true(b.w->scored > 0);
    assert_in_range(fg_executor_remote_stats(b.ex).models_sent, 8,
                    3 * 8 + 8); /* 3 workers the means, one of them a task */
    pretend_end(b.w, b.ex);
}

static void other_parameters_are_evaluated_here(void **state)
{
    (void)state;
    static struct bench b;
    float x[PRETEND_P];
    struct fg_err err;
    begin(&b, 1, 3);
    let_join(b.w, b.ex);
    pretend_params(x, 1);
    assert_int_equal(b.ex->ops->publish(b.ex, 1, x, &err), FG_OK);
    x[PRETEND_P - 1] += 1.0f; /* no version that anyone has */
    compare(&b, x, SAMPLES, true);
    assert_int_equal(b.own.scored, SAMPLES);
    assert_int_equal(b.w->scored, 0);
    pretend_end(b.w, b.ex);
}

static void an_evaluation_can_be_interrupted(void **state)
{
    (void)state;
    static struct bench b;
    float x[PRETEND_P];
    struct fg_score got;
    struct fg_err err;
    atomic_int stop = 1;
    begin(&b, 2, 3);
    let_join(b.w, b.ex);
    pretend_params(x, 1);
    assert_int_equal(b.ex->ops->publish(b.ex, 1, x, &err), FG_OK);
    assert_int_equal(b.scorer->ops->evaluate(
                         b.scorer, x, &(struct fg_scoring){.data = &b.data, .index = b.index, .n = SAMPLES},
                         &got, &stop, &err),
                     FG_E_INTERRUPTED);
    assert_null(fg_executor_remote_check(b.ex));
    compare(&b, x, SAMPLES, false); /* and then made */
    pretend_end(b.w, b.ex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_the_sums_are_those_of_one_process),
        cmocka_unit_test(means_are_scored_beside_what_tasks_start_from),
        cmocka_unit_test(other_parameters_are_evaluated_here),
        cmocka_unit_test(an_evaluation_can_be_interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
