/* Named cases: what a seed of prop_net once made fail, and delays that are promised. The remote executor
 * against worker cores over a network in virtual time, each failure at its moment. */
#include "tests/lib/test.h"

#include "src/net/executor_remote.h"
#include "tests/lib/chaos.h"

struct scene {
    struct chaos *c;
    struct fg_executor *ex;
};

static const char *check(const void *ex)
{
    return fg_executor_remote_check(ex);
}

static struct scene begin(uint32_t workers, fg_time_t step_us)
{
    struct scene s;
    struct chaos_opts opts = {
        .seed = 1, .workers = workers, .most = workers + 8, .patience_us = FG_SECOND, .step_us = step_us};
    s.c = chaos_create(&opts);
    struct fg_executor_remote_opts ex = {
        .transport = &s.c->base,
        .params = CHAOS_P,
        .config = "[run]\n",
        .run_id = 7,
        .now = chaos_now,
        .arg = s.c,
        .heartbeat_us = FG_SECOND / 5,
        .patience_us = FG_SECOND,
    };
    assert_int_equal(fg_executor_remote_create(&s.ex, &ex, NULL), FG_OK);
    s.c->check = check;
    s.c->check_arg = s.ex;
    return s;
}

static void end(struct scene *s)
{
    s->ex->ops->destroy(s->ex);
    chaos_destroy(s->c);
}

/* Let the time pass in which the aggregator listens. */
static void listen(struct scene *s, fg_time_t us)
{
    struct fg_err err = {{0}};
    for (fg_time_t until = s->c->now + us; s->c->now < until;) {
        assert_int_equal(fg_executor_remote_poll(s->ex, &err), FG_OK);
        chaos_pass(s->c, 1000);
    }
}

static const float params[CHAOS_P] = {0.5f, 1.0f};

static void submit(struct scene *s, uint64_t first, uint32_t n, uint32_t steps)
{
    struct fg_err err = {{0}};
    assert_int_equal(s->ex->ops->publish(s->ex, 1, params, &err), FG_OK);
    for (uint32_t i = 0; i < n; i++) {
        struct fg_task t = {
            .id = first + i, .version = 1, .kind = FG_TASK_TRAIN, .client = i, .steps = steps, .lr = 0.1f};
        assert_int_equal(s->ex->ops->submit(s->ex, &t, 1, &err), FG_OK);
    }
}

/* Collect a task; its result is right; gives the time that it took. */
static fg_time_t collect(struct scene *s, uint64_t id, uint32_t client, uint32_t steps)
{
    struct fg_task t = {
        .id = id, .version = 1, .kind = FG_TASK_TRAIN, .client = client, .steps = steps, .lr = 0.1f};
    struct fg_result got, want;
    struct fg_err err = {{0}};
    float delta[CHAOS_P];
    fg_time_t began = s->c->now;
    if (s->ex->ops->collect(s->ex, id, &got, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    chaos_compute(&want, delta, &t, params);
    assert_memory_equal(got.delta, delta, sizeof delta);
    s->ex->ops->release(s->ex, id);
    return s->c->now - began;
}

/* The one that computes: the other idles. */
static uint32_t who_computes(const struct scene *s)
{
    for (uint32_t i = 1; i <= s->c->n; i++) {
        if (s->c->worker[i].n_jobs > 0) {
            return i;
        }
    }
    fail_msg("nobody computes");
    return 0;
}

/* Its tasks were given to another one when it stopped; then its answer comes while that one has them: that
 * one was thought for ever to have a task more than it had, and got fewer and fewer. */
static void a_late_answer_frees_whoever_has_the_task_now(void **state)
{
    (void)state;
    struct scene s = begin(2, 10000);
    listen(&s, FG_SECOND / 2);
    submit(&s, 1, 1, 100); /* a second of work */
    listen(&s, FG_SECOND / 2);
    uint32_t first = who_computes(&s);
    s.c->worker[first].stopped_until = s.c->now + FG_SECOND * 3 / 2;
    listen(&s, FG_SECOND * 6 / 5); /* the other one has it */
    collect(&s, 1, 0, 100);        /* from the first one */
    assert_true(s.c->worker[3 - first].n_jobs == 1);
    listen(&s, 2 * FG_SECOND);
    assert_int_equal(fg_executor_remote_stats(s.ex).answers_ignored, 1);
    end(&s);
}

static void a_dead_worker_delays_by_its_detection(void **state)
{
    (void)state;
    struct scene s = begin(2, 10000);
    listen(&s, FG_SECOND / 2);
    submit(&s, 1, 1, 50);
    listen(&s, FG_SECOND / 4);
    chaos_strike(s.c, CHAOS_CRASH, who_computes(&s));
    assert_in_range(collect(&s, 1, 0, 50), FG_SECOND / 2,
                    FG_SECOND * 6 / 10); /* half a second of work, again */
    end(&s);
}

static void a_silent_worker_delays_by_the_patience(void **state)
{
    (void)state;
    struct scene s = begin(2, 10000);
    listen(&s, FG_SECOND / 2);
    submit(&s, 1, 1, 50);
    listen(&s, FG_SECOND / 4);
    s.c->worker[who_computes(&s)].stopped_until = FG_NEVER / 2;
    assert_in_range(collect(&s, 1, 0, 50), FG_SECOND / 2, FG_SECOND * 9 / 5);
    end(&s);
}

static void a_partition_that_heals_costs_no_worker(void **state)
{
    (void)state;
    struct scene s = begin(2, 1000);
    listen(&s, FG_SECOND / 2);
    s.c->worker[1].cut_until = s.c->worker[2].cut_until = s.c->now + 5 * FG_SECOND;
    submit(&s, 1, 4, 50);
    for (uint32_t i = 0; i < 4; i++) {
        collect(&s, 1 + i, i, 50);
    }
    assert_int_equal(fg_executor_remote_stats(s.ex).alive, 2);
    assert_in_range(s.c->now, 6 * FG_SECOND, 8 * FG_SECOND);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_answer_frees_whoever_has_the_task_now),
        cmocka_unit_test(a_dead_worker_delays_by_its_detection),
        cmocka_unit_test(a_silent_worker_delays_by_the_patience),
        cmocka_unit_test(a_partition_that_heals_costs_no_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
