/* The worker core over thousands of random conversations: frames duplicated, late, damaged, of other runs,
 * tasks before their data, shards damaged. A naive twin knows what must be answered; the core's own
 * invariants are checked after every event. FG_TEST_SEED and FG_TEST_ITERS choose others. */
#include "tests/lib/test.h"

#include "tests/lib/twin.h"

static void random_conversations_keep_every_promise(void **state)
{
    (void)state;
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1), iters = fg_test_iters(3000);
    unsigned answered = 0, refused = 0;
    uint64_t found = 0;
    for (uint64_t i = 0; i < iters; i++) {
        struct twin *t = twin_begin(seed + i);
        if (i == 0) {
            print_message("seed %llu\n", (unsigned long long)seed);
        }
        t->keeps = i % 2 == 1;
        for (int n = 0; n < 150; n++) {
            twin_random_event(t);
        }
        twin_settle(t);
        assert_int_equal(fg_session_stats(t->s).shards_stored, t->found);
        found += t->found;
        answered += t->answered;
        refused += t->refused;
        /* once nothing is asked of old versions, only the newest stays */
        struct fg_msg m = {.type = FG_MSG_TASKS};
        m.u.tasks.floor = t->newest;
        struct frame *f = twin_frame(t, &m, RUN_ID);
        twin_deliver(t, f->bytes, f->len);
        assert_true(fg_session_stats(t->s).versions <= 1);
        assert_true(fg_session_stats(t->s).shard_bytes <= CACHE);
        twin_end(t);
    }
    assert_true(answered > 20 * iters && refused > iters &&
                found > iters / 4); /* the test did what it says */
}

static void ending_is_final(void **state)
{
    (void)state;
    static const enum fg_session_event_kind kinds[] = {FG_SESSION_LEAVE, FG_SESSION_LOST};
    unsigned halted = 0, handed = 0;
    for (uint64_t i = 0; i < 300; i++) {
        struct twin *t = twin_begin(i);
        for (uint32_t n = twin_below(t, 60); n > 0; n--) {
            twin_random_event(t);
        }
        if (twin_below(t, 3) == 0) {
            struct fg_msg m = {.type = FG_MSG_STOP};
            struct frame *f = twin_frame(t, &m, RUN_ID);
            twin_deliver(t, f->bytes, f->len);
        } else {
            twin_step(t, &(struct fg_session_event){.kind = kinds[twin_below(t, 2)]});
        }
        halted += t->halted;
        for (uint32_t n = t->halted ? twin_below(t, 10) : 0; n > 0; n--) { /* nothing is begun any more */
            size_t running = t->n_jobs;
            twin_mischief(t);
            assert_int_equal(t->n_jobs, running);
        }
        if (t->halted && !t->quit && twin_below(t, 3) == 0) { /* the grace is over */
            twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_LEAVE});
            assert_int_equal(t->byes, 1);
        } else if (t->halted && !t->quit) {
            twin_finish_halted(t);
        }
        handed += t->handed;
        assert_true(t->quit);
        for (int n = 0; n < 30; n++) { /* twin_step() fails on any action after QUIT */
            if (t->configured) {
                twin_random_event(t);
            } else {
                twin_mischief(t);
            }
        }
        twin_end(t);
    }
    assert_true(halted > 20 && handed > 10);
}

/* A state goes with the task that it was sent for, once; one that no task takes is forgotten. */
static void a_state_comes_with_its_task(void **state)
{
    (void)state;
    struct twin *t = twin_begin(8);
    twin_configure(t);
    twin_send_model(t, false);
    for (uint64_t id = 1; id <= 2; id++) {
        struct fg_msg m = {.type = FG_MSG_STATE};
        m.u.state.task = id == 1 ? 1 : 9;
        m.u.state.bytes = fg_view_str("stood here");
        struct frame *f = twin_frame(t, &m, RUN_ID);
        twin_deliver(t, f->bytes, f->len);
        m = (struct fg_msg){.type = FG_MSG_TASKS};
        t->task[id] = (struct fg_msg_task){.task = {.id = id, .version = t->newest, .kind = FG_TASK_TRAIN}};
        t->tasks = id + 1;
        m.u.tasks.n = 1;
        m.u.tasks.list = &t->task[id];
        f = twin_frame(t, &m, RUN_ID);
        twin_deliver(t, f->bytes, f->len);
        assert_int_equal(t->n_jobs, 1);
        assert_int_equal(t->jobs[0].resume.len, id == 1 ? 10 : 0);
        assert_true(id != 1 || memcmp(t->jobs[0].resume.data, "stood here", 10) == 0);
        twin_finish_cohort(t);
    }
    twin_end(t);
}

/* What is done is sent, the reason is said once, and the worker leaves:
 * the rest goes to others with its BYE. */
static void a_lost_device_ends_the_worker(void **state)
{
    (void)state;
    unsigned several = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct twin *t = twin_begin(seed);
        twin_configure(t);
        for (int n = 0; n < 60 && t->n_jobs == 0; n++) {
            twin_random_event(t);
        }
        if (t->n_jobs > 0 && !t->quit) {
            struct fg_session_answer answers[3];
            unsigned answered = t->answered, refused = t->refused, done = 0;
            size_t n = t->n_jobs;
            for (size_t i = 0; i < n; i++) {
                bool lost = i == 0 || twin_below(t, 2) == 0;
                answers[i] =
                    (struct fg_session_answer){.id = t->jobs[i].task.id, .st = lost ? FG_E_LOST : FG_OK};
                done += !lost;
            }
            t->n_jobs = 0;
            twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
            assert_true(t->quit);
            assert_int_equal(t->byes, 1);
            assert_int_equal(t->answered - answered, done);
            assert_int_equal(t->refused, refused + 1);
            several += n > 1;
        }
        twin_end(t);
    }
    assert_true(several > 10);
}

static void unusable_configuration_is_refused_and_ends(void **state)
{
    (void)state;
    struct twin *t = twin_begin(5);
    twin_step(
        t, &(struct fg_session_event){.kind = FG_SESSION_READY, .st = FG_E_MISSING, .text = "no data here"});
    assert_int_equal(t->refused, 1);
    assert_true(t->quit);
    twin_end(t);
    t = twin_begin(6);
    twin_step(t, &(struct fg_session_event){.kind = FG_SESSION_READY, .params = P + 1, .cohort = 1});
    assert_int_equal(t->refused, 1);
    assert_true(t->quit);
    twin_end(t);
}

static void a_shard_that_stays_damaged_is_given_up(void **state)
{
    (void)state;
    struct twin *t = twin_begin(7);
    twin_configure(t);
    twin_send_model(t, false);
    struct fg_msg m = {.type = FG_MSG_TASKS};
    t->task[1] = (struct fg_msg_task){.task = {.id = 1, .version = t->newest, .kind = FG_TASK_TRAIN},
                                      .has_shard = true};
    twin_shard_hash(t->task[1].shard, 2);
    t->tasks = 2;
    m.u.tasks.n = 1;
    m.u.tasks.list = &t->task[1];
    struct frame *f = twin_frame(t, &m, RUN_ID);
    twin_deliver(t, f->bytes, f->len);
    for (int i = 0; i < 3; i++) {
        assert_true(t->wants[2]);
        t->wants[2] = false;
        struct fg_msg shard = {.type = FG_MSG_SHARD};
        twin_shard_hash(shard.u.shard.hash, 2);
        shard.u.shard.bytes = fg_view_str("not these bytes");
        f = twin_frame(t, &shard, RUN_ID);
        twin_deliver(t, f->bytes, f->len);
    }
    assert_false(t->wants[2]);
    assert_int_equal(t->refused, 1);
    assert_int_equal(twin_pending(t), 0);
    twin_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_conversations_keep_every_promise),
        cmocka_unit_test(ending_is_final),
        cmocka_unit_test(a_state_comes_with_its_task),
        cmocka_unit_test(a_lost_device_ends_the_worker),
        cmocka_unit_test(unusable_configuration_is_refused_and_ends),
        cmocka_unit_test(a_shard_that_stays_damaged_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
