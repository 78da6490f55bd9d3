/* A deployment, and signals for its processes. Workers are found by what the aggregator writes into the
 * run's log when they have come up; a process is signalled only while its command line is that of a rank of
 * this run. */
#include "src/deploy/torture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/base/rng.h"
#include "src/base/signals.h"

enum {
    TICK_MS = 5,
    SAY_S = 5,     /* between two lines of progress */
    HANG_S = 120,  /* chosen: a run in which nothing is written for so long hangs */
    END_S = 20,    /* for a deployment to end whose aggregator was killed */
    MOST_ENDS = 5, /* unexpected ends and hangs before this gives up */
    LINE = 256,    /* a log line's part that matters */
    CMDLINE = 1 << 14
};

struct stopped {
    pid_t pid;
    double until;
};

struct torture {
    const struct fg_torture_opts *o;
    struct fg_torture_report *r;
    struct fg_rng rng;
    pid_t child;       /* forage launch; 0: none */
    bool doomed;       /* its aggregator was killed */
    double begin, say; /* of all; the next line of progress */
    double since;      /* the child's start, or the kill of its aggregator */
    double moved;      /* last time that something was written */
    off_t written;     /* bytes in log and rounds then */
    double next;       /* time of the next failure */
    double killed;     /* when the aggregator was, until a round is done again; 0: none */
    uint64_t played;   /* failures of workers */
    bool aggregator;   /* the next one is the aggregator's */
    long log_at;       /* how far the log was read */
    pid_t *worker;     /* that have come up, in this order */
    size_t n_worker, cap_worker;
    struct stopped *stopped;
    size_t n_stopped, cap_stopped;
    char output[64]; /* file of the deployment's output */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- processes ---- */

static enum fg_status start(pid_t *pid, const struct fg_launch_argv *a, const char *output,
                            struct fg_err *err)
{
    (void)fflush(NULL);
    *pid = fork();
    if (*pid < 0) {
        return fg_fail(err, FG_E_INTERNAL, "could not start a process: %s", strerror(errno));
    }
    if (*pid == 0) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int out = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)setpgid(0, 0); /* Ctrl-C is for us */
        (void)signal(SIGPIPE, SIG_DFL);
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(out, STDERR_FILENO);
        (void)execv(a->item[0], a->item);
        _exit(127);
    }
    return FG_OK;
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static FILE *open_in(const char *dir, const char *name)
{
    char path[4096];
    return snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path ? fopen(path, "re") : NULL;
}

/* Whether the process is a rank of this run: its command line names `train` and the run's folder. */
static bool is_rank(const struct torture *t, pid_t pid)
{
    static char line[CMDLINE];
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(line, 1, sizeof line - 1, f) : 0; /* nothing for one that has ended */
    if (f != NULL) {
        (void)fclose(f);
    }
    line[n] = '\0';
    bool train = false, ours = false;
    for (size_t at = 0; at < n; at += strlen(line + at) + 1) {
        train = train || strcmp(line + at, "train") == 0;
        ours = ours || strcmp(line + at, t->o->dir) == 0;
    }
    return train && ours;
}

static bool is_stopped(const struct torture *t, pid_t pid)
{
    for (size_t i = 0; i < t->n_stopped; i++) {
        if (t->stopped[i].pid == pid) {
            return true;
        }
    }
    return false;
}

/* Read what was added to the log: "worker 3: process 4711 on ...". */
static enum fg_status read_log(struct torture *t)
{
    FILE *f = open_in(t->o->dir, "log.txt");
    char line[LINE];
    enum fg_status st = FG_OK;
    if (f == NULL || fseek(f, t->log_at, SEEK_SET) != 0) {
        goto cleanup;
    }
    while (st == FG_OK && fgets(line, sizeof line, f) != NULL) {
        const char *found = strstr(line, "worker ");
        unsigned number;
        long pid;
        if (strchr(line, '\n') == NULL && feof(f)) {
            break; /* half a line: read again */
        }
        t->log_at = ftell(f);
        t->r->again += strstr(line, "everyone is started again") != NULL;
        if (found == NULL || sscanf(found, "worker %u: process %ld on", &number, &pid) != 2) {
            continue;
        }
        st = FG_GROW(t->worker, t->n_worker, t->cap_worker);
        if (st == FG_OK) {
            t->worker[t->n_worker++] = (pid_t)pid;
            t->r->workers++;
        }
    }
cleanup:
    if (f != NULL) {
        (void)fclose(f);
    }
    return st;
}

/* A worker that is up and runs, by chance; 0: none. Those that ended are forgotten. */
static pid_t pick_worker(struct torture *t)
{
    size_t kept = 0, running = 0;
    for (size_t i = 0; i < t->n_worker; i++) {
        if (is_rank(t, t->worker[i])) {
            t->worker[kept++] = t->worker[i];
            running += !is_stopped(t, t->worker[i]);
        }
    }
    t->n_worker = kept;
    if (running == 0) {
        return 0;
    }
    size_t wanted = fg_rng_below(&t->rng, (uint32_t)running), i = 0;
    for (;; i++) {
        if (!is_stopped(t, t->worker[i]) && wanted-- == 0) {
            return t->worker[i];
        }
    }
}

static pid_t aggregator(const struct torture *t)
{
    long pid = 0;
    FILE *f = open_in(t->o->dir, "lock");
    if (f == NULL) {
        return 0;
    }
    for (int c = fgetc(f); c != EOF; c = fgetc(f)) { /* the first number in it */
        if (c >= '0' && c <= '9') {
            pid = pid * 10 + (c - '0');
        } else if (pid > 0) {
            break;
        }
    }
    (void)fclose(f);
    return pid > 1 && is_rank(t, (pid_t)pid) ? (pid_t)pid : 0;
}

/* ---- failures ---- */

static void plan_next(struct torture *t)
{
    t->next = fg_now_steady_s() + 2 * t->o->gap_s * fg_rng_uniform(&t->rng);
}

static enum fg_status stop_for_a_while(struct torture *t, pid_t pid)
{
    enum fg_status st = FG_GROW(t->stopped, t->n_stopped, t->cap_stopped);
    double most = fg_rng_below(&t->rng, 2) == 0 ? 0.5 : 2.0;
    if (st == FG_OK && kill(pid, SIGSTOP) == 0) {
        double until = fg_now_steady_s() + most * t->o->patience_s * fg_rng_uniform(&t->rng);
        t->stopped[t->n_stopped++] = (struct stopped){pid, until};
    }
    return st;
}

static void wake_stopped(struct torture *t, bool all)
{
    double now = fg_now_steady_s();
    size_t kept = 0;
    for (size_t i = 0; i < t->n_stopped; i++) {
        if (!all && t->stopped[i].until > now) {
            t->stopped[kept++] = t->stopped[i];
        } else if (is_rank(t, t->stopped[i].pid)) {
            (void)kill(t->stopped[i].pid, SIGCONT);
        }
    }
    t->n_stopped = kept;
}

static enum fg_status play(struct torture *t)
{
    pid_t pid = t->aggregator ? aggregator(t) : pick_worker(t);
    enum fg_status st = FG_OK;
    if (pid == 0) {
        return FG_OK; /* nobody is up: a moment later */
    }
    if (t->aggregator) {
        if (kill(pid, SIGKILL) == 0) {
            t->r->events[FG_TORTURE_AGGREGATOR]++;
            t->doomed = true;
            t->aggregator = false;
            t->since = fg_now_steady_s();
            t->killed = t->killed > 0 ? t->killed : t->since;
        }
        plan_next(t);
        return FG_OK;
    }
    uint32_t dice = fg_rng_below(&t->rng, 10);
    enum fg_torture_kind kind = dice < 6 ? FG_TORTURE_KILL : dice < 8 ? FG_TORTURE_STOP : FG_TORTURE_NOTICE;
    if (kind == FG_TORTURE_STOP) {
        st = stop_for_a_while(t, pid);
    } else {
        (void)kill(pid, kind == FG_TORTURE_KILL ? SIGKILL : SIGTERM);
    }
    t->r->events[kind]++;
    t->played++;
    t->aggregator = t->o->aggregator_every > 0 && t->played % t->o->aggregator_every == 0;
    plan_next(t);
    return st;
}

/* ---- watching ---- */

static off_t size_of(const char *dir, const char *name)
{
    char path[4096];
    struct stat s;
    bool ok = snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path && stat(path, &s) == 0;
    return ok ? s.st_size : 0;
}

static void look_for_movement(struct torture *t)
{
    off_t rounds = size_of(t->o->dir, "rounds.csv"), written = size_of(t->o->dir, "log.txt") + rounds;
    double now = fg_now_steady_s();
    if (written != t->written) {
        t->written = written;
        t->moved = now;
    }
    if (t->killed > 0 && !t->doomed && t->n_worker > 0) { /* someone has come up again */
        t->r->back_s += now - t->killed;
        t->killed = 0;
    }
    if (now - t->moved > HANG_S || (t->doomed && now - t->since > END_S)) {
        pid_t rank0 = aggregator(t);
        t->r->hangs++;
        (void)kill(t->child, SIGTERM);
        if (rank0 > 0) {
            (void)kill(rank0, SIGKILL);
        }
        t->doomed = true;
        t->since = t->moved = now;
    }
}

static void show_output(const struct torture *t)
{
    char buf[4000];
    FILE *f = fopen(t->output, "re");
    if (f == NULL) {
        return;
    }
    if (fseek(f, -(long)sizeof buf, SEEK_END) != 0) {
        rewind(f);
    }
    size_t n = fread(buf, 1, sizeof buf, f);
    (void)fwrite(buf, 1, n, stderr);
    (void)fclose(f);
}

/* The deployment ended: *done, or it is started again. */
static enum fg_status ended(struct torture *t, int code, bool *done, struct fg_err *err)
{
    if (code == 0) {
        *done = true;
        return FG_OK;
    }
    if (!t->doomed) {
        t->r->ends++;
    }
    if (code == 2 || t->r->ends + t->r->hangs > MOST_ENDS) {
        show_output(t);
        return fg_fail(err, code == 2 ? FG_E_USAGE : FG_E_GONE, "the deployment ended with code %d", code);
    }
    wake_stopped(t, true);
    t->n_worker = 0;
    t->doomed = false;
    t->since = t->moved = fg_now_steady_s();
    return start(&t->child, t->o->again, t->output, err);
}

static void say_progress(struct torture *t)
{
    double now = fg_now_steady_s();
    if (now >= t->say) {
        t->say = now + SAY_S;
        fg_log_write(FG_LOG_INFO, "%llu of %llu failures played, the aggregator killed %llu times, %.0f s",
                     (unsigned long long)t->played, (unsigned long long)t->o->kills,
                     (unsigned long long)t->r->events[FG_TORTURE_AGGREGATOR], now - t->begin);
    }
}

static enum fg_status loop(struct torture *t, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    bool done = false;
    while (st == FG_OK && !done) {
        int status;
        (void)poll(NULL, 0, TICK_MS);
        wake_stopped(t, interrupted != 0);
        if (interrupted) {
            (void)kill(t->child, SIGTERM);
            while (waitpid(t->child, &status, 0) < 0 && errno == EINTR) {
            }
            return fg_fail(err, FG_E_INTERRUPTED, "interrupted; the run is saved in %s", t->o->dir);
        }
        if (waitpid(t->child, &status, WNOHANG) == t->child) {
            st = ended(t, code_of(status), &done, err);
            continue;
        }
        st = read_log(t);
        look_for_movement(t);
        say_progress(t);
        bool left = t->aggregator || t->played < t->o->kills;
        if (st == FG_OK && left && !t->doomed && fg_now_steady_s() >= t->next) {
            st = play(t);
        }
    }
    return st;
}

enum fg_status fg_torture_run(struct fg_torture_report *out, const struct fg_torture_opts *opts,
                              struct fg_err *err)
{
    struct torture t = {.o = opts, .r = out};
    static const int numbers[] = {SIGINT, SIGTERM};
    enum fg_status st = FG_OK;
    *out = (struct fg_torture_report){0};
    fg_signals_catch(numbers, sizeof numbers / sizeof *numbers, on_signal);
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(t.output, sizeof t.output, "%.30s/forage-torture-XXXXXX",
                   tmp != NULL && tmp[0] != '\0' && strlen(tmp) <= 30 ? tmp : "/tmp");
    int fd = mkstemp(t.output);
    if (fd < 0) {
        return fg_fail(err, FG_E_IO, "%s: could not make a file: %s", t.output, strerror(errno));
    }
    (void)close(fd);
    fg_rng_init(&t.rng, opts->seed, FG_RNG_FAULT, 0, 0);
    t.begin = t.since = t.moved = fg_now_steady_s();
    t.say = t.begin + SAY_S;
    plan_next(&t);
    st = start(&t.child, opts->first, t.output, err);
    st = st == FG_OK ? loop(&t, err) : st;
    out->wall_s = fg_now_steady_s() - t.begin;
    if (st == FG_E_NOMEM) {
        (void)kill(t.child, SIGTERM);
        fg_fail(err, st, "out of memory");
    }
    (void)unlink(t.output);
    fg_free(t.worker);
    fg_free(t.stopped);
    return st;
}
