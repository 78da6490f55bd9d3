/* Clocks and waits by them: what can be said of them without saying how fast a machine is. */
#include "tests/lib/test.h"

#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "src/base/now.h"

static void a_time_is_split_into_seconds_and_the_rest(void **state)
{
    (void)state;
    struct timespec t = fg_timespec(12 * FG_SECOND + 345678);
    assert_int_equal(t.tv_sec, 12);
    assert_int_equal(t.tv_nsec, 345678000);
    t = fg_timespec(3 * FG_SECOND);
    assert_int_equal(t.tv_sec, 3);
    assert_int_equal(t.tv_nsec, 0);
}

static void the_walls_clock_counts_from_1970(void **state)
{
    (void)state;
    time_t before = time(NULL);
    fg_time_t now = fg_now();
    assert_true(now >= (before - 1) * FG_SECOND && now <= (time(NULL) + 1) * FG_SECOND);
}

static void on_alarm(int number)
{
    (void)number;
}

static void sleep_outlasts_a_signal(void **state)
{
    (void)state;
    struct sigaction quiet = {.sa_handler = on_alarm}, before; /* without SA_RESTART: nanosleep() ends */
    sigaction(SIGALRM, &quiet, &before);
    ualarm(20000, 0);
    fg_time_t begin = fg_now_steady();
    fg_sleep(100000);
    assert_true(fg_now_steady() - begin >= 100000);
    sigaction(SIGALRM, &before, NULL);
}

static void a_wait_ends_at_its_time_or_when_asked_to_stop(void **state)
{
    (void)state;
    atomic_int stop = 0;
    assert_false(fg_stopped(NULL));
    assert_false(fg_stopped(&stop));
    fg_time_t at = fg_now_steady() + 30000;
    fg_wait_until(at, &stop);
    assert_true(fg_now_steady() >= at);
    atomic_store(&stop, 1);
    assert_true(fg_stopped(&stop));
    fg_wait_until(FG_NEVER, &stop); /* it returns */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_split_into_seconds_and_the_rest),
        cmocka_unit_test(the_walls_clock_counts_from_1970),
        cmocka_unit_test(sleep_outlasts_a_signal),
        cmocka_unit_test(a_wait_ends_at_its_time_or_when_asked_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
