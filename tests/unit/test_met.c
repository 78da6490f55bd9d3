/* The availability that a deployment met, and what other decisions would have led to on it. */
#include "tests/lib/test.h"

#include "src/plan/outcome.h"
#include "src/sim/met.h"

enum { CLIENTS = 3 };

static struct fg_participation row(uint32_t client, fg_time_t begin, fg_time_t end, uint32_t steps,
                                   enum fg_verdict verdict)
{
    return (struct fg_participation){
        .client = client, .t_begin = begin, .t_end = end, .steps = steps, .verdict = (uint8_t)verdict};
}

static void a_client_is_there_from_coming_up_until_it_is_gone(void **state)
{
    (void)state;
    struct fg_met *m = NULL;
    assert_int_equal(fg_met_create(&m, CLIENTS), FG_OK);
    assert_int_equal(fg_met_seen(m, 10, 1, true), FG_OK);
    assert_int_equal(fg_met_seen(m, 15, 1, true), FG_OK); /* says nothing new */
    assert_int_equal(fg_met_seen(m, 20, 1, false), FG_OK);
    assert_int_equal(fg_met_seen(m, 25, 1, false), FG_OK);
    assert_int_equal(fg_met_seen(m, 30, 1, true), FG_OK);
    assert_int_equal(fg_met_seen(m, 31, CLIENTS, true), FG_E_RANGE);
    fg_met_until(m, 50);
    fg_met_until(m, 40); /* time does not run backwards */
    assert_int_equal(fg_met_up_until(m, 1, 9), 9);
    assert_int_equal(fg_met_up_until(m, 1, 10), 20);
    assert_int_equal(fg_met_up_until(m, 1, 19), 20);
    assert_int_equal(fg_met_up_until(m, 1, 20), 20);
    assert_int_equal(fg_met_up_until(m, 1, 29), 29);
    assert_int_equal(fg_met_up_until(m, 1, 45), FG_NEVER);
    assert_int_equal(fg_met_up_until(m, 0, 12), 12); /* never seen */
    assert_int_equal(fg_met_end(m), 50);
    fg_met_destroy(m);
}

static void nothing_is_known_while_the_aggregator_was_away(void **state)
{
    (void)state;
    struct fg_met *m = NULL;
    assert_int_equal(fg_met_create(&m, CLIENTS), FG_OK);
    assert_int_equal(fg_met_blind(m, 5), FG_OK); /* nothing before the first sight */
    assert_int_equal(fg_met_seen(m, 10, 0, true), FG_OK);
    fg_met_until(m, 20);
    assert_int_equal(fg_met_blind(m, 100), FG_OK);
    assert_int_equal(fg_met_seen(m, 110, 0, true), FG_OK);
    fg_met_until(m, 120);
    assert_int_equal(fg_met_up_until(m, 0, 15), 20); /* seen last then */
    assert_int_equal(fg_met_up_until(m, 0, 60), 60);
    assert_false(fg_met_is_blind(m, 15));
    assert_true(fg_met_is_blind(m, 20));
    assert_true(fg_met_is_blind(m, 99));
    assert_false(fg_met_is_blind(m, 100));
    assert_true(fg_met_is_blind(m, 120)); /* behind the end */
    fg_met_destroy(m);
}

static void speed_is_that_of_the_answers(void **state)
{
    (void)state;
    struct fg_met *m = NULL;
    bool own;
    struct fg_participation rows[] = {
        row(0, 0, 10 * FG_SECOND, 5, FG_VERDICT_USED),
        row(0, 20 * FG_SECOND, 50 * FG_SECOND, 5, FG_VERDICT_PARTIAL),
        row(1, 0, 60 * FG_SECOND, 10, FG_VERDICT_USED),
        row(2, 0, 99 * FG_SECOND, 7, FG_VERDICT_LOST), /* its steps are a guess */
    };
    assert_int_equal(fg_met_create(&m, CLIENTS), FG_OK);
    assert_true(fg_met_step_s(m, 2, &own) == 0.0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(fg_met_tried(m, &rows[i]), FG_OK);
    }
    fg_assert_close(fg_met_step_s(m, 0, &own), 4.0, 1e-12);
    assert_true(own);
    fg_assert_close(fg_met_step_s(m, 2, &own), 5.0, 1e-12); /* everyone's 100 s over 20 steps */
    assert_false(own);
    fg_met_destroy(m);
}

static void an_assignment_is_tried_where_a_recorded_one_overlaps(void **state)
{
    (void)state;
    struct fg_met *m = NULL;
    struct fg_participation r = row(0, 100, 200, 5, FG_VERDICT_LOST);
    assert_int_equal(fg_met_create(&m, CLIENTS), FG_OK);
    assert_int_equal(fg_met_tried(m, &r), FG_OK);
    assert_int_equal(fg_met_mark(m, 0, 0, 100), FG_MET_UNTRIED);
    assert_int_equal(fg_met_mark(m, 0, 0, 101), FG_MET_TRIED);
    assert_int_equal(fg_met_mark(m, 0, 150, 160), FG_MET_TRIED);
    assert_int_equal(fg_met_mark(m, 0, 199, 300), FG_MET_TRIED);
    assert_int_equal(fg_met_mark(m, 0, 200, 300), FG_MET_UNTRIED);
    assert_int_equal(fg_met_mark(m, 1, 150, 160), FG_MET_UNTRIED);
    r.client = CLIENTS;
    assert_int_equal(fg_met_tried(m, &r), FG_E_RANGE);
    fg_met_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_there_from_coming_up_until_it_is_gone),
        cmocka_unit_test(nothing_is_known_while_the_aggregator_was_away),
        cmocka_unit_test(speed_is_that_of_the_answers),
        cmocka_unit_test(an_assignment_is_tried_where_a_recorded_one_overlaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
