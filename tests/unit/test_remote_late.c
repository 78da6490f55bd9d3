/* Updates that are judged as they are added: whatever was damaged on the way, the sum has the bits of the sum
 * of all that counted. */
#include <math.h>

#include "src/base/mem.h"
#include "tests/lib/pretend_sums.h"
#include "tests/lib/test.h"

enum { ROUNDS = 20 };

/* Terms that wait to be added together, as a rule's queue of them. */
struct waiting {
    struct fg_exact_term term[PRETEND_COHORT];
    struct fg_hold *hold[PRETEND_COHORT];
    size_t n;
};

static enum fg_status add_waiting(struct waiting *q, struct fg_exact *sum)
{
    enum fg_status st = fg_exact_add(sum, q->term, q->n);
    while (q->n > 0) {
        fg_hold_drop(q->hold[--q->n]);
    }
    return st;
}

struct counts {
    unsigned unjudged, judged;
    struct fg_executor_remote_stats stats;
};

static void take(struct pretend *w, struct fg_executor *ex, const struct fg_task *t, struct waiting *q,
                 struct fg_exact *sum, struct counts *n)
{
    struct fg_result res;
    pretend_collect(w, ex, t, &res);
    struct fg_exact_term term = fg_exact_floats(pretend_weight(t), res.delta);
    term.form = res.form != NULL ? *res.form : term.form;
    if (term.form.unjudged != NULL) {
        assert_int_equal(res.seen, FG_SEEN_FINITE);
        n->unjudged++;
    } else {
        n->judged++;
    }
    if (res.hold != NULL) {
        q->term[q->n] = term;
        q->hold[q->n++] = fg_hold_use(res.hold);
    } else {
        assert_int_equal(fg_exact_add(sum, &term, 1), FG_OK);
    }
    ex->ops->release(ex, t->id);
    if (fg_rng_below(&w->rng, 5) == 0) {
        assert_int_equal(add_waiting(q, sum), FG_OK);
    }
    pretend_sound(ex);
}

static struct counts play(struct pretend *w, struct pretend_here *here)
{
    w->judge_late = true;
    struct fg_executor *ex = pretend_executor(w, here != NULL ? &here->base : NULL);
    struct fg_exact *sum = NULL, *want = NULL;
    struct waiting q = {.n = 0};
    struct counts n = {0};
    static double got[PRETEND_P], wanted[PRETEND_P];
    uint64_t id = 1;
    assert_int_equal(fg_exact_create(&sum, PRETEND_P), FG_OK);
    assert_int_equal(fg_exact_create(&want, PRETEND_P), FG_OK);
    for (uint64_t v = 1; v <= ROUNDS; v++) {
        struct fg_task task[PRETEND_COHORT];
        pretend_cohort(w, ex, task, v, &id);
        for (uint32_t i = 0; i < PRETEND_COHORT; i++) {
            pretend_add(w, want, &task[i]);
            take(w, ex, &task[i], &q, sum, &n);
        }
        assert_int_equal(add_waiting(&q, sum), FG_OK);
        fg_exact_read(sum, got);
        fg_exact_read(want, wanted);
        assert_memory_equal(got, wanted, sizeof got);
        fg_exact_clear(sum);
        fg_exact_clear(want);
        pretend_sound(ex);
    }
    n.stats = fg_executor_remote_stats(ex);
    fg_exact_destroy(sum);
    fg_exact_destroy(want);
    pretend_end(w, ex);
    return n;
}

static void nothing_is_judged_before_it_is_added(void **state)
{
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct pretend *w = pretend_create(1, 4, true);
        w->int8 = int8 != 0;
        struct counts c = play(w, NULL);
        assert_true(int8 ? c.judged == 0 : c.judged > 0 && c.unjudged > 0); /* zstd is no plain codec */
        assert_int_equal(c.stats.updates_mended, 0);
        assert_int_equal(c.stats.frames_refused, 0);
    }
}

static void what_was_damaged_is_done_again(void **state)
{
    (void)state;
    unsigned mended = 0, aside = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct pretend *w = pretend_create(seed, 4, seed % 2 == 0);
        w->bad = PRETEND_DAMAGED;
        w->int8 = seed % 3 == 0;
        w->spare = 3;
        w->kill_in_1000 = seed % 4 == 1 ? 4 : 0;
        w->hang_in_1000 = seed % 4 == 2 ? 8 : 0;
        w->refuse_in_1000 = seed % 4 == 3 ? 30 : 0;
        struct counts c = play(w, NULL);
        mended += (unsigned)c.stats.updates_mended;
        aside += c.stats.put_aside;
        assert_true(c.stats.updates_mended <= c.stats.frames_refused);
    }
    print_message("%u updates were done again, in 40 runs; %u workers were put aside\n", mended, aside);
    assert_true(mended > 40);
    assert_true(aside > 0);
}

/* With nobody left who sends what is right the tasks are done here. */
static void where_all_are_damaged_it_is_done_here(void **state)
{
    (void)state;
    struct pretend *w = pretend_create(3, 3, false);
    struct pretend_here *here = fg_calloc(1, sizeof *here);
    assert_non_null(here);
    here->base.ops = &pretend_here_ops;
    w->bad = PRETEND_DAMAGED;
    w->everyone_is_bad = true;
    struct counts c = play(w, here);
    assert_true(c.stats.updates_mended > 0);
    assert_int_equal(here->open, 0);
    fg_free(here);
}

/* What is said not to be finite is judged at once; what is not said is found when it is added, and is an
 * error where everybody finds it so. */
static void what_is_not_finite_is_no_part_of_a_sum(void **state)
{
    (void)state;
    for (int lies = 0; lies < 2; lies++) {
        struct pretend *w = pretend_create(1, 2, false);
        struct fg_exact *sum = NULL;
        struct fg_result res;
        struct fg_err err;
        float x[PRETEND_P];
        w->bad = PRETEND_NOT_FINITE;
        w->judge_late = w->everyone_is_bad = true;
        w->lies = lies != 0;
        struct fg_executor *ex = pretend_executor(w, NULL);
        struct fg_task task = {.id = 1, .version = 1, .kind = FG_TASK_TRAIN, .client = 3, .steps = 5};
        pretend_params(x, 1);
        assert_int_equal(fg_exact_create(&sum, PRETEND_P), FG_OK);
        assert_int_equal(ex->ops->publish(ex, 1, x, &err), FG_OK);
        bool late = false;
        for (; task.id < 20 && !late; task.id++) { /* until the one of them does it that has no zstd */
            assert_int_equal(ex->ops->submit(ex, &task, 1, &err), FG_OK);
            assert_int_equal(ex->ops->collect(ex, task.id, &res, &err), FG_OK);
            late = res.form != NULL && res.form->unjudged != NULL;
            assert_int_equal(res.seen, late ? FG_SEEN_FINITE : FG_SEEN_NOT_FINITE);
            if (late) {
                struct fg_exact_term term = {.weight = 1.0, .form = *res.form};
                assert_int_equal(fg_exact_add(sum, &term, 1), FG_E_RANGE);
            }
            ex->ops->release(ex, task.id);
        }
        assert_int_equal(late, lies);
        fg_exact_destroy(sum);
        pretend_end(w, ex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_judged_before_it_is_added),
        cmocka_unit_test(what_was_damaged_is_done_again),
        cmocka_unit_test(where_all_are_damaged_it_is_done_here),
        cmocka_unit_test(what_is_not_finite_is_no_part_of_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
