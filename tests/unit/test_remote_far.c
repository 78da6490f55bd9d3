/* Updates that stay with the workers: what comes together of the workers' sums has the bits of the sum of all
 * updates, whoever dies, hangs or sends nonsense meanwhile. */
#include <limits.h>
#include <math.h>

#include "src/base/mem.h"
#include "tests/lib/pretend_sums.h"
#include "tests/lib/test.h"

enum { ROUNDS = 25 };

struct counts {
    unsigned far, near, given_up;
};

/* Collect a task, and add it to the sum or not. */
static void take(struct pretend *w, struct fg_executor *ex, const struct fg_task *t, struct fg_exact *sum,
                 struct fg_exact *want, struct counts *n)
{
    struct fg_result res;
    pretend_collect(w, ex, t, &res);
    bool far = res.form != NULL && res.form->kind == FG_FORM_FAR;
    if (far) {
        assert_int_equal(res.seen, FG_SEEN_FINITE);
        assert_null(res.hold);
        assert_null(res.delta);
    }
    if (fg_rng_below(&w->rng, 8) > 0) {
        struct fg_exact_term term = fg_exact_floats(pretend_weight(t), res.delta);
        term.form = far ? *res.form : term.form;
        assert_int_equal(fg_exact_add(sum, &term, 1), FG_OK);
        pretend_add(w, want, t);
        n->far += far;
        n->near += !far;
    } else {
        n->given_up++;
    }
    ex->ops->release(ex, t->id);
    pretend_sound(ex);
}

static struct counts play(struct pretend *w, struct pretend_here *here)
{
    struct fg_executor *ex = pretend_executor(w, &here->base);
    struct fg_exact *sum = NULL, *want = NULL;
    struct counts n = {0};
    static double got[PRETEND_P], wanted[PRETEND_P];
    uint64_t id = 1;
    assert_int_equal(fg_exact_create(&sum, PRETEND_P), FG_OK);
    assert_int_equal(fg_exact_create(&want, PRETEND_P), FG_OK);
    for (uint64_t v = 1; v <= ROUNDS; v++) {
        struct fg_task task[PRETEND_COHORT];
        pretend_cohort(w, ex, task, v, &id);
        for (uint32_t i = 0; i < PRETEND_COHORT; i++) {
            take(w, ex, &task[i], sum, want, &n);
        }
        if (v % 6 > 0) { /* else the round is given up */
            assert_int_equal(fg_exact_gather(sum), FG_OK);
            fg_exact_read(sum, got);
            fg_exact_read(want, wanted);
            assert_memory_equal(got, wanted, sizeof got);
        }
        fg_exact_clear(sum);
        fg_exact_clear(want);
        pretend_sound(ex);
    }
    fg_exact_destroy(sum);
    fg_exact_destroy(want);
    pretend_end(w, ex);
    return n;
}

static struct pretend_here *new_here(void)
{
    struct pretend_here *h = fg_calloc(1, sizeof *h);
    assert_non_null(h);
    h->base.ops = &pretend_here_ops;
    return h;
}

static void sums_of_workers_are_the_sum_of_updates(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 5; n++) {
        struct pretend *w = pretend_create(n, n, n % 2 == 0);
        struct pretend_here *here = new_here();
        w->updates_stay = true;
        w->beside = n == 3;
        struct counts c = play(w, here);
        print_message("%u workers: %u updates stayed, %u here, %u given up\n", n, c.far, c.near, c.given_up);
        assert_in_range(c.far, 30, ROUNDS * PRETEND_COHORT - 1);
        assert_true(c.given_up > 0);
        assert_int_equal(here->open, 0);
        fg_free(here);
    }
}

static void what_is_lost_is_computed_once_more(void **state)
{
    (void)state;
    unsigned repeated = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct pretend *w = pretend_create(seed, 4, false);
        struct pretend_here *here = new_here();
        w->updates_stay = true;
        w->kill_in_1000 = seed % 4 == 0 ? 4 : 0; /* all may die */
        w->hang_in_1000 = seed % 4 == 1 ? 8 : 0;
        w->refuse_in_1000 = seed % 4 == 2 ? 30 : 0;
        w->notice_in_1000 = seed % 4 == 3 ? 4 : 0;
        w->spare = seed % 4 == 3;
        struct counts c = play(w, here);
        assert_int_equal(here->open, 0);
        assert_true(here->done >= c.near);
        repeated += here->done - c.near > c.given_up; /* some were computed after they had been added */
        fg_free(here);
    }
    print_message("updates computed after they had been added in %u of 40 runs\n", repeated);
    assert_true(repeated > 0);
}

static void sums_of_nonsense_are_done_without(void **state)
{
    (void)state;
    for (int everyone = 0; everyone < 2; everyone++) {
        struct pretend *w = pretend_create(5, 3, false);
        struct pretend_here *here = new_here();
        w->updates_stay = true;
        w->bad = PRETEND_BAD_SUM;
        w->everyone_is_bad = everyone != 0;
        struct counts c = play(w, here);
        assert_true(here->done > c.near);
        fg_free(here);
    }
}

/* An update that is not finite is asked for once more, and then it is the model's fault. */
static void what_is_not_finite_is_told(void **state)
{
    (void)state;
    struct pretend *w = pretend_create(1, 3, false);
    struct pretend_here *here = new_here();
    struct fg_task task[PRETEND_COHORT];
    uint64_t id = 1;
    unsigned not_finite = 0, far = 0;
    w->updates_stay = w->everyone_is_bad = true;
    w->bad = PRETEND_NOT_FINITE;
    struct fg_executor *ex = pretend_executor(w, &here->base);
    pretend_cohort(w, ex, task, 1, &id);
    for (uint32_t i = 0; i < PRETEND_COHORT; i++) {
        struct fg_result res;
        pretend_collect(w, ex, &task[i], &res);
        far += res.form != NULL;
        not_finite += res.form != NULL && res.seen == FG_SEEN_NOT_FINITE;
        ex->ops->release(ex, task[i].id);
    }
    assert_true(far > 0);
    assert_int_equal(not_finite, far);
    pretend_end(w, ex);
    fg_free(here);
}

/* Workers that hang with their sums keep nobody who wants to stop, whatever patience there is with them. */
static void a_stop_does_not_wait_for_sums(void **state)
{
    (void)state;
    struct pretend *w = pretend_create(1, 3, false);
    struct pretend_here *here = new_here();
    struct fg_task task[PRETEND_COHORT];
    struct fg_exact *sum = NULL, *want = NULL;
    struct counts n = {0};
    uint64_t id = 1;
    w->updates_stay = true;
    w->patience = 1000 * FG_SECOND;
    struct fg_executor *ex = pretend_executor(w, &here->base);
    assert_int_equal(fg_exact_create(&sum, PRETEND_P), FG_OK);
    assert_int_equal(fg_exact_create(&want, PRETEND_P), FG_OK);
    pretend_cohort(w, ex, task, 1, &id);
    for (uint32_t i = 0; i < PRETEND_COHORT; i++) {
        take(w, ex, &task[i], sum, want, &n);
    }
    assert_true(n.far > 0);
    for (uint32_t i = 1; i <= 3; i++) {
        w->w[i].asleep = UINT_MAX;
    }
    fg_time_t before = w->now;
    atomic_store(&w->stop, 1);
    assert_int_equal(fg_exact_gather(sum), FG_E_INTERRUPTED);
    assert_in_range(w->now - before, FG_SECOND, 3 * FG_SECOND);
    fg_exact_destroy(sum);
    fg_exact_destroy(want);
    pretend_sound(ex);
    for (uint32_t i = 1; i <= 3; i++) {
        w->w[i].asleep = 0;
    }
    pretend_end(w, ex);
    fg_free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_workers_are_the_sum_of_updates),
        cmocka_unit_test(what_is_lost_is_computed_once_more),
        cmocka_unit_test(sums_of_nonsense_are_done_without),
        cmocka_unit_test(what_is_not_finite_is_told),
        cmocka_unit_test(a_stop_does_not_wait_for_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
