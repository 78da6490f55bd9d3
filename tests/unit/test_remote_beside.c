/* The remote executor computes in its own process as well, in turn with what comes or in a thread beside it:
 * the results are the same, and beside it the workers do not wait. */
#include "src/base/mem.h"
#include "tests/lib/pretend.h"
#include "tests/lib/test.h"

static void this_process_computes_its_share(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 6; k++) {
        uint32_t n = 1 + k % 3;
        struct pretend *w = pretend_create(n, n, false);
        struct pretend_here *here = fg_calloc(1, sizeof *here);
        assert_non_null(here);
        here->base.ops = &pretend_here_ops;
        w->kill_in_1000 = n == 2 ? 20 : 0; /* all may die: it goes on alone */
        w->max_bytes = n == 3 ? 1 : 0;
        w->beside = k >= 3;
        struct fg_executor *ex = pretend_executor(w, &here->base);
        pretend_rounds(w, ex, 20);
        assert_true(here->done > 0);
        pretend_end(w, ex);
        fg_free(here);
    }
}

/* A worker is given more and answers while this process is at its own tasks, so these are few. */
static void a_worker_is_served_while_this_process_computes(void **state)
{
    (void)state;
    enum { TASKS = 60 };
    struct pretend *w = pretend_create(1, 1, false);
    struct pretend_here *here = fg_calloc(1, sizeof *here);
    struct fg_task task[TASKS];
    struct fg_result res;
    struct fg_err err;
    float x[PRETEND_P];
    assert_non_null(here);
    here->base.ops = &pretend_here_ops;
    here->passed = &w->passed;
    w->beside = true;
    struct fg_executor *ex = pretend_executor(w, &here->base);
    pretend_params(x, 1);
    assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
    for (uint32_t i = 0; i < TASKS; i++) {
        task[i] = (struct fg_task){.id = i + 1, .version = 1, .kind = FG_TASK_TRAIN, .client = i, .steps = 5};
    }
    assert_int_equal(ex->ops->submit(ex, task, TASKS, &err), FG_OK);
    for (uint32_t i = 0; i < TASKS; i++) {
        assert_int_equal(ex->ops->collect(ex, i + 1, &res, &err), FG_OK);
        pretend_check(&res, &task[i]);
    }
    print_message("%u of %d tasks here\n", here->done, TASKS);
    assert_in_range(here->done, 1, TASKS / 3);
    assert_null(fg_executor_remote_check(ex));
    pretend_end(w, ex);
    fg_free(here);
}

/* What the thread could not do is said as it was said there. */
static enum fg_status here_fails(struct fg_executor *ex, uint64_t id, struct fg_result *out,
                                 struct fg_err *err)
{
    (void)ex;
    (void)id;
    (void)out;
    return fg_fail(err, FG_E_NOMEM, "no room for 'it'");
}

static void what_fails_here_is_told(void **state)
{
    (void)state;
    struct fg_executor_ops failing = pretend_here_ops;
    failing.collect = here_fails;
    for (int beside = 0; beside < 2; beside++) {
        struct pretend *w = pretend_create(1, 1, false);
        struct pretend_here *here = fg_calloc(1, sizeof *here);
        struct fg_task task = {.id = 1, .version = 1, .kind = FG_TASK_TRAIN, .steps = 5};
        struct fg_result res;
        struct fg_err err;
        float x[PRETEND_P];
        assert_non_null(here);
        here->base.ops = &failing;
        w->beside = beside != 0;
        struct fg_executor *ex = pretend_executor(w, &here->base);
        pretend_params(x, 1);
        assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
        assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
        assert_int_equal(ex->ops->collect(ex, 1, &res, &err), FG_E_NOMEM);
        assert_string_equal(err.text, "no room for 'it'");
        pretend_end(w, ex);
        fg_free(here);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_process_computes_its_share),
        cmocka_unit_test(a_worker_is_served_while_this_process_computes),
        cmocka_unit_test(what_fails_here_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
