/* Notices by file and by command: seen when they are there, not before;
 * a command that hangs holds nobody up. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/net/notice.h"
#include "tests/lib/tmpdir.h"

static sem_t seen;

static void on_seen(void)
{
    sem_post(&seen);
}

static bool wait_for_it(int seconds)
{
    struct timespec until;
    int rc;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    while ((rc = sem_timedwait(&seen, &until)) != 0 && errno == EINTR) {
    }
    return rc == 0;
}

static struct fg_notice *start(const char *file, const char *command)
{
    struct fg_notice *n = NULL;
    struct fg_notice_opts opts = {.file = file, .command = command, .every_us = 5000, .seen = on_seen};
    sem_init(&seen, 0, 0);
    assert_int_equal(fg_notice_start(&n, &opts, NULL), FG_OK);
    return n;
}

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Looks that said nothing are counted by a command that leaves a mark each time. */
static void a_file_that_appears_is_a_notice(void **state)
{
    (void)state;
    char file[512], mark[512], command[1200];
    (void)snprintf(file, sizeof file, "%s/gone-soon", fg_tmpdir);
    (void)snprintf(mark, sizeof mark, "%s/mark", fg_tmpdir);
    (void)snprintf(command, sizeof command, "echo x >>'%s'; exit 1", mark);
    struct fg_notice *n = start(file, command);
    struct timespec tick = {0, 1000000};
    while (access(mark, F_OK) != 0) { /* it has looked once, and there was nothing */
        nanosleep(&tick, NULL);
    }
    assert_int_equal(sem_trywait(&seen), -1);
    touch(file);
    assert_true(wait_for_it(20));
    fg_notice_stop(n);
    assert_int_equal(sem_trywait(&seen), -1); /* once */
}

static void a_command_that_succeeds_is_a_notice(void **state)
{
    (void)state;
    char file[512], command[1200];
    (void)snprintf(file, sizeof file, "%s/now", fg_tmpdir);
    (void)snprintf(command, sizeof command, "test -e '%s'", file);
    struct fg_notice *n = start("", command);
    touch(file);
    assert_true(wait_for_it(20));
    fg_notice_stop(n);
    n = start(NULL, "kill -9 $$"); /* it did not end with 0 */
    fg_notice_stop(n);
    assert_int_equal(sem_trywait(&seen), -1);
}

/* The file is never looked at again while the command hangs, but stopping does not wait for it. */
static void a_command_that_hangs_is_ended(void **state)
{
    (void)state;
    char mark[512], command[1200];
    struct timespec tick = {0, 1000000}, before, after;
    (void)snprintf(mark, sizeof mark, "%s/mark", fg_tmpdir);
    (void)snprintf(command, sizeof command, "echo x >'%s'; sleep 1000 & wait", mark);
    struct fg_notice *n = start("", command);
    while (access(mark, F_OK) != 0) {
        nanosleep(&tick, NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &before);
    fg_notice_stop(n);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 9);
    assert_int_equal(sem_trywait(&seen), -1);
}

/* It is said once however often it is looked for; what only says no is no fault. */
static void a_command_that_cannot_be_run_is_told_of_once(void **state)
{
    (void)state;
    char mark[512], command[1200], said[4096];
    struct timespec tick = {0, 1000000};
    (void)snprintf(mark, sizeof mark, "%s/mark", fg_tmpdir);
    (void)snprintf(command, sizeof command, "echo x >>'%s'; /nonexistent/forage-says-so", mark);
    FILE *log = tmpfile();
    assert_non_null(log);
    fg_log_to(log, FG_LOG_WARN);
    struct fg_notice *n = start("", "exit 1");
    fg_notice_stop(n);
    n = start("", command);
    for (struct stat sb = {0}; sb.st_size < 6;) { /* three times */
        nanosleep(&tick, NULL);
        (void)stat(mark, &sb);
    }
    fg_notice_stop(n);
    fg_log_to(stderr, FG_LOG_WARN);
    rewind(log);
    said[fread(said, 1, sizeof said - 1, log)] = '\0';
    (void)fclose(log);
    const char *first = strstr(said, "workers.notice_command: expected a command that can be run");
    assert_non_null(first);
    assert_non_null(strstr(first, "ended with 127: echo x"));
    assert_null(strstr(first + 1, "workers.notice_command"));
    assert_int_equal(sem_trywait(&seen), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fg_tmpdir_set_up, fg_tmpdir_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_file_that_appears_is_a_notice), T(a_command_that_succeeds_is_a_notice),
        T(a_command_that_hangs_is_ended), T(a_command_that_cannot_be_run_is_told_of_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
