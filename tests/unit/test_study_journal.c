/* What a journal says of an unfinished real run: the events of whole rounds behind a checkpoint. */
#include "tests/lib/test.h"

#include "src/aggregator/event_io.h"
#include "src/study/study_journal.h"
#include "tests/lib/tmpdir.h"

static const uint8_t no_data[FG_STUDY_HASH];

static void add_event(struct fg_journal *j, enum fg_event_kind kind, fg_time_t now)
{
    struct fg_err err;
    struct fg_event ev = {.kind = kind, .now = now};
    assert_int_equal(fg_study_note_event(j, &ev, &err), FG_OK);
}

static void the_tail_has_the_rounds_that_were_committed_after_the_checkpoint(void **state)
{
    (void)state;
    struct fg_journal j;
    struct fg_err err = {{0}};
    struct fg_study_record tail, all;
    uint64_t whole, at[4];
    assert_int_equal(fg_journal_open(&j, fg_tmpdir_file("journal"), &err), FG_OK);
    assert_int_equal(fg_study_note(&j, FG_JOURNAL_BEGIN, 7, 0, no_data, &err), FG_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(fg_study_note_seen(&j, 10 * round, 2, true, &err), FG_OK);
        add_event(&j, FG_EVENT_WAKE, 10 * round);
        add_event(&j, FG_EVENT_DEADLINE, 10 * round + 5);
        add_event(&j, FG_EVENT_EVALUATED, 10 * round + 6);
        at[round] = j.file.len;
    }
    add_event(&j, FG_EVENT_WAKE, 30); /* the open round */
    assert_int_equal(fg_study_note_seen(&j, 31, 2, false, &err), FG_OK);

    assert_int_equal(fg_study_tail(&tail, at[0], fg_tmpdir, &whole, &err), FG_OK);
    assert_int_equal(tail.n, 6);
    assert_int_equal(whole, at[2]);
    struct fg_event_copy first = {0};
    assert_int_equal(fg_event_decode(&first, tail.events[0].bytes, tail.events[0].len), FG_OK);
    assert_int_equal(first.ev.kind, FG_EVENT_WAKE);
    assert_int_equal(first.ev.now, 10);
    fg_event_copy_fini(&first);
    fg_study_record_fini(&tail);

    assert_int_equal(fg_study_tail(&tail, at[2], fg_tmpdir, &whole, &err),
                     FG_OK); /* nothing but an open round */
    assert_int_equal(tail.n, 0);
    assert_int_equal(whole, at[2]);
    fg_study_record_fini(&tail);

    assert_int_equal(fg_append_truncate(&j.file, at[2] - 3, &err), FG_OK); /* torn within the last commit */
    assert_int_equal(fg_study_tail(&tail, at[0], fg_tmpdir, &whole, &err), FG_OK);
    assert_int_equal(tail.n, 3);
    assert_int_equal(whole, at[1]);
    fg_study_record_fini(&tail);

    assert_int_equal(fg_study_recorded(&all, fg_tmpdir, &err), FG_OK);
    assert_int_equal(all.n, 8);
    assert_int_equal(fg_study_started(fg_tmpdir, 1), 7);
    fg_study_record_fini(&all);
    fg_journal_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tail_has_the_rounds_that_were_committed_after_the_checkpoint,
                                        fg_tmpdir_set_up, fg_tmpdir_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
