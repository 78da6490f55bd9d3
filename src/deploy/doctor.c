/* The list of points, and the programs that checks start. */
#include "src/deploy/doctor.h"
#include "src/base/now.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void fg_doctor_add(struct fg_doctor *d, enum fg_doctor_level level, const char *what, const char *remedy,
                   const char *fmt, ...)
{
    size_t last = sizeof d->points / sizeof d->points[0] - 1;
    struct fg_doctor_point *p = &d->points[d->n < last ? d->n : last];
    va_list ap;
    p->level = level;
    p->what = what;
    p->remedy = remedy;
    va_start(ap, fmt);
    vsnprintf(p->detail, sizeof p->detail, fmt, ap);
    va_end(ap);
    d->n += d->n <= last;
}

pid_t fg_doctor_spawn(const char *const *argv, int out_fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        signal(SIGPIPE, SIG_DFL);
        dup2(out_fd, STDOUT_FILENO);
        dup2(out_fd, STDERR_FILENO);
        union {
            const char *const *in;
            char *const *out;
        } args = {argv}; /* execvp does not change them */
        execvp(argv[0], args.out);
        _exit(127);
    }
    return pid;
}

int fg_doctor_wait(pid_t pid, double seconds)
{
    const struct timespec tick = {0, 5000000};
    int status = 0;
    double begin = fg_now_steady_s();
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (fg_now_steady_s() - begin > seconds) {
            kill(-pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -2;
        }
        nanosleep(&tick, NULL);
    }
}
