#include "src/net/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"

enum { CHILD_US = 20000 }; /* between two looks at a command that runs */

struct fg_notice {
    char *file, *command;
    fg_time_t every_us;
    void (*seen)(void);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping; /* under the lock */
    bool told;     /* that the command cannot do its work */
};

/* False when asked to stop meanwhile. */
static bool pause_us(struct fg_notice *n, fg_time_t us)
{
    struct timespec until = fg_timespec(fg_now_steady() + us);
    pthread_mutex_lock(&n->lock);
    int rc = 0;
    while (!n->stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&n->changed, &n->lock, &until);
    }
    bool go_on = !n->stopping;
    pthread_mutex_unlock(&n->lock);
    return go_on;
}

/* A process group of its own, so that all of it can be ended; without this process' signal mask. */
static int spawn(pid_t *pid, char *command)
{
    char shell[] = "/bin/sh", c[] = "-c";
    char *const argv[] = {shell, c, command, NULL};
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int rc = posix_spawn(pid, shell, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc;
}

/* A command that can never give notice is told of once: its own output goes nowhere. */
static void warn_once(struct fg_notice *n, bool hangs, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (n->told || (!hangs && code != 126 && code != 127)) {
        return;
    }
    n->told = true;
    if (hangs) {
        fg_log_write(FG_LOG_WARN, "workers.notice_command: expected an end within %d s, found none: %s",
                     FG_NOTICE_COMMAND_S, n->command);
    } else {
        fg_log_write(FG_LOG_WARN,
                     "workers.notice_command: expected a command that can be run, found one that the shell "
                     "ended with %d: %s",
                     code, n->command);
    }
}

static bool command_says_so(struct fg_notice *n)
{
    pid_t pid = 0;
    int status = 0;
    int rc = spawn(&pid, n->command);
    if (rc != 0) {
        fg_log_write(FG_LOG_WARN, "workers.notice_command could not be started: %s", strerror(rc));
        return false;
    }
    fg_time_t until = fg_now_steady() + FG_NOTICE_COMMAND_S * FG_SECOND;
    pid_t done = 0;
    while ((done = waitpid(pid, &status, WNOHANG)) == 0 && fg_now_steady() < until && pause_us(n, CHILD_US)) {
    }
    bool hangs = done == 0 && fg_now_steady() >= until;
    if (done == 0) {
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    warn_once(n, hangs, status);
    return done == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void *look(void *arg)
{
    struct fg_notice *n = arg;
    do {
        bool file = n->file[0] != '\0' && access(n->file, F_OK) == 0;
        if (file || (n->command[0] != '\0' && command_says_so(n))) {
            fg_log_write(FG_LOG_INFO, "notice by %s", file ? n->file : n->command);
            n->seen();
            return NULL;
        }
    } while (pause_us(n, n->every_us));
    return NULL;
}

static void release(struct fg_notice *n)
{
    pthread_cond_destroy(&n->changed);
    pthread_mutex_destroy(&n->lock);
    fg_free(n->file);
    fg_free(n->command);
    fg_free(n);
}

enum fg_status fg_notice_start(struct fg_notice **out, const struct fg_notice_opts *opts, struct fg_err *err)
{
    struct fg_notice *n = fg_calloc(1, sizeof *n);
    pthread_condattr_t attr;
    sigset_t all, before;
    if (n == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for a notice");
    }
    n->every_us = opts->every_us;
    n->seen = opts->seen;
    pthread_mutex_init(&n->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&n->changed, &attr);
    pthread_condattr_destroy(&attr);
    n->file = fg_strdup(opts->file != NULL ? opts->file : "");
    n->command = fg_strdup(opts->command != NULL ? opts->command : "");
    if (n->file == NULL || n->command == NULL) {
        release(n);
        return fg_fail(err, FG_E_NOMEM, "out of memory for a notice");
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's thread */
    int rc = pthread_create(&n->thread, NULL, look, n);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        release(n);
        return fg_fail(err, FG_E_INTERNAL, "cannot start a thread: %s", strerror(rc));
    }
    *out = n;
    return FG_OK;
}

void fg_notice_stop(struct fg_notice *n)
{
    if (n != NULL) {
        pthread_mutex_lock(&n->lock);
        n->stopping = true;
        pthread_cond_broadcast(&n->changed);
        pthread_mutex_unlock(&n->lock);
        (void)pthread_join(n->thread, NULL);
        release(n);
    }
}
