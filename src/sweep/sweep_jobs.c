/* The runs of a sweep: which there are, which are finished, and the processes that do the others. */
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
#include <time.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/sim/setup.h"
#include "src/store/summary.h"
#include "src/study/study.h"
#include "src/sweep/sweep.h"

enum { MOST_SETS = 120 };

/* ---- where they are ---- */

enum fg_status fg_sweep_folder(const char *path, struct fg_err *err)
{
    struct fg_str runs = {0};
    enum fg_status st = fg_str_addf(&runs, "%s/runs", path);
    for (char *p = runs.data + 1; st == FG_OK && p <= runs.data + runs.len; p++) {
        if (*p == '/' || *p == '\0') {
            char end = *p;
            *p = '\0';
            st = mkdir(runs.data, 0777) == 0 || errno == EEXIST
                     ? FG_OK
                     : fg_file_error(errno, runs.data, "create", err);
            *p = end;
        }
    }
    fg_str_fini(&runs);
    return st;
}

/* ---- which there are ---- */

/* What --set gets: for every run, then axis by axis. */
static enum fg_status sets_of(struct fg_cmd_list *out, const struct fg_sweep *s,
                              const struct fg_sweep_job *job, struct fg_err *err)
{
    const struct fg_sweep_sets *from[FG_SWEEP_AXES + 2] = {&s->set};
    for (size_t a = 0; a < s->n_axes; a++) {
        from[a + 1] = &s->axis[a].level[job->level[a]].set;
    }
    from[s->n_axes + 1] = &job->more;
    out->n = 0;
    for (size_t k = 0; k <= s->n_axes + 1; k++) {
        for (size_t i = 0; i < from[k]->n; i++) {
            if (out->n == MOST_SETS) {
                return fg_fail(err, FG_E_CONFIG, "a run of the sweep: expected at most %d keys to set",
                               MOST_SETS);
            }
            out->from[out->n] = from[k]->where[i];
            out->item[out->n++] = from[k]->item[i];
        }
    }
    return FG_OK;
}

static bool has_file(const char *folder, const char *name)
{
    struct fg_str path = {0};
    bool there = fg_str_addf(&path, "%s/%s", folder, name) == FG_OK && access(path.data, F_OK) == 0;
    fg_str_fini(&path);
    return there;
}

static bool is_finished(const char *folder)
{
    struct fg_str path = {0};
    json_t *summary = NULL;
    bool finished = fg_str_addf(&path, "%s/summary.json", folder) == FG_OK &&
                    fg_summary_load(&summary, path.data, NULL) == FG_OK;
    const char *status = json_string_value(json_object_get(summary, "status"));
    finished = finished && status != NULL && strcmp(status, "finished") == 0 && has_file(folder, "run.h5");
    json_decref(summary);
    fg_str_fini(&path);
    return finished;
}

/* The configuration of a run that is there is the one we would give it. */
static enum fg_status compare(const struct fg_sweep_job *job, const struct fg_config *ours,
                              struct fg_err *err)
{
    const struct fg_cmd_common plain = {0};
    struct fg_config theirs;
    struct fg_str path = {0}, a = {0}, b = {0};
    const char *key = NULL;
    enum fg_status st = fg_str_addf(&path, "%s/config.ini", job->folder);
    st = st == FG_OK ? fg_cmd_load_config(&theirs, path.data, &plain, err) : st;
    if (st != FG_OK) {
        fg_str_fini(&path);
        return st;
    }
    st = fg_config_diff(&key, &theirs, ours, &a, &b);
    if (st == FG_OK && key != NULL) {
        st = fg_fail(
            err, FG_E_CONFIG,
            "%s: %s: expected '%s' as in the run that is there, found '%s' (%s); --out names another folder",
            job->folder, key, a.data, b.data, fg_config_where(ours, key));
    }
    fg_config_fini(&theirs);
    fg_str_fini(&path);
    fg_str_fini(&a);
    fg_str_fini(&b);
    return st;
}

static enum fg_status check(struct fg_sweep_job *job, const struct fg_sweep *s, const char *base,
                            struct fg_err *err)
{
    struct fg_cmd_common common = {0};
    struct fg_config c;
    char seed[32];
    (void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    common.seed = seed;
    enum fg_status st = sets_of(&common.set, s, job, err);
    st = st == FG_OK ? fg_cmd_load_config(&c, base, &common, err) : st;
    if (st != FG_OK) {
        return fg_fail_prefix(err, st, "%s", job->folder);
    }
    st = fg_setup_check(&c, err);
    if (st != FG_OK) {
        st = fg_fail_prefix(err, st, "%s", job->folder);
    } else if (has_file(job->folder, "config.ini")) {
        st = compare(job, &c, err);
        job->finished = st == FG_OK && is_finished(job->folder);
    }
    fg_config_fini(&c);
    return st;
}

static enum fg_status name_folder(struct fg_sweep_job *job, const struct fg_sweep *s, const char *folder)
{
    struct fg_str path = {0};
    enum fg_status st = fg_str_addf(&path, "%s/runs/", folder);
    for (size_t a = 0; st == FG_OK && a < s->n_axes; a++) {
        st = fg_str_addf(&path, "%s,", s->axis[a].level[job->level[a]].label);
    }
    st = st == FG_OK ? fg_str_addf(&path, "seed%llu", (unsigned long long)job->seed) : st;
    job->folder = st == FG_OK ? path.data : NULL;
    return st;
}

enum fg_status fg_sweep_plan(struct fg_sweep_jobs *out, const struct fg_sweep *s, const char *base,
                             const char *folder, const struct fg_sweep_chooser *who, struct fg_err *err)
{
    size_t cells = 1;
    enum fg_status st = FG_OK;
    for (size_t a = 0; a < s->n_axes; a++) {
        cells *= s->axis[a].n;
    }
    for (size_t k = 0; k < s->n_seeds * cells; k++) {
        FG_TRY(FG_GROW(out->job, out->n, out->cap));
        struct fg_sweep_job *job = &out->job[out->n++];
        *job = (struct fg_sweep_job){.seed = s->seed[k / cells]};
        size_t rest = k % cells;
        for (size_t a = s->n_axes; a-- > 0;) {
            job->level[a] = rest % s->axis[a].n;
            rest /= s->axis[a].n;
        }
        bool wanted = true;
        if (who != NULL) {
            FG_TRY(who->choose(who->arg, job, &wanted, err));
        }
        if (!wanted) {
            fg_sweep_sets_fini(&job->more);
            out->n--;
            continue;
        }
        FG_TRY(name_folder(job, s, folder));
        FG_TRY(check(job, s, base, err));
    }
cleanup:
    return st;
}

void fg_sweep_jobs_fini(struct fg_sweep_jobs *j)
{
    for (size_t i = 0; i < j->n; i++) {
        fg_free(j->job[i].folder);
        fg_sweep_sets_fini(&j->job[i].more);
    }
    fg_free(j->job);
    *j = (struct fg_sweep_jobs){0};
}

/* ---- the processes ---- */

/* What ends a wait. */
static const int heard[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGCHLD};

/* In the child: what it says goes into a file beside its folder; it is told to stop when we are gone. */
static void become(const char *program, char *const *argv, const char *log, pid_t parent,
                   const sigset_t *open_to)
{
    struct sigaction was;
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++) {
        if (sigaction(heard[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN) { /* nohup stays */
            (void)signal(heard[i], SIG_DFL);
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, open_to, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (getppid() == parent && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)execv(program, argv);
    }
    _exit(127);
}

static pid_t start(const struct fg_sweep_job *job, const struct fg_sweep *s, const char *base,
                   bool one_thread, const sigset_t *open_to, struct fg_err *err)
{
    struct fg_cmd_list sets;
    struct fg_str log = {0};
    char *argv[2 * MOST_SETS + 16], seed[32], program[4096];
    size_t n = 0;
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0 || sets_of(&sets, s, job, err) != FG_OK ||
        fg_str_addf(&log, "%s.log", job->folder) != FG_OK) {
        fg_str_fini(&log);
        return -1;
    }
    program[len] = '\0';
    (void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)job->seed);
    const char *head[] = {program, "simulate", "-q", "--out", job->folder, "--seed", seed};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        argv[n++] = (char *)(uintptr_t)head[i]; /* execv does not change them */
    }
    for (size_t i = 0; i < sets.n + (one_thread ? 1u : 0u); i++) {
        argv[n++] = (char *)(uintptr_t) "--set";
        argv[n++] = (char *)(uintptr_t)(i < sets.n ? sets.item[i] : "run.threads=1");
    }
    argv[n++] = (char *)(uintptr_t)base;
    argv[n] = NULL;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become(program, argv, log.data, parent, open_to);
    }
    fg_str_fini(&log);
    return pid;
}

/* The last line of what a run said, without its end. */
static void last_words(char *out, size_t cap, const char *folder)
{
    struct fg_str path = {0}, text = {0};
    const char *line = "";
    if (fg_str_addf(&path, "%s.log", folder) == FG_OK &&
        fg_file_read(&text, path.data, 1 << 24, NULL) == FG_OK) {
        while (text.len > 0 && text.data[text.len - 1] == '\n') {
            text.data[--text.len] = '\0';
        }
        const char *end = strrchr(text.data, '\n');
        line = end != NULL ? end + 1 : text.data;
    }
    (void)snprintf(out, cap, "%s", strncmp(line, "forage: ", 8) == 0 ? line + 8 : line);
    fg_str_fini(&path);
    fg_str_fini(&text);
}

static void tell(const struct fg_sweep_jobs *jobs, size_t ended, size_t todo, const struct fg_sweep_job *job,
                 int quiet)
{
    const char *slash = strrchr(job->folder, '/');
    bool stopped = job->rc == 75 || (atomic_load(&fg_study_stop) != 0 && job->rc > 128); /* as we were */
    if (job->rc != 0 && !stopped && quiet < 2) {
        char words[400];
        last_words(words, sizeof words, job->folder);
        (void)fprintf(stderr, "forage: %s: failed with %d: %s (all that it said: %s.log)\n", job->folder,
                      job->rc, words[0] != '\0' ? words : "without a word", job->folder);
    } else if (quiet == 0) {
        (void)fprintf(stderr, "forage: %zu of %zu runs, %zu were there: %s\n", ended, todo, jobs->n - todo,
                      slash != NULL ? slash + 1 : job->folder);
    }
}

/* The processes that are there now. */
struct pool {
    pid_t *pid;  /* (width), 0 = free */
    size_t *job; /* (width) */
    unsigned width, busy;
    /* signals while it waits, the only time that they come: none falls between a look and the wait */
    sigset_t open_to;
};

static void signal_all(const struct pool *p, int number)
{
    for (unsigned k = 0; k < p->width; k++) {
        if (p->pid[k] > 0) {
            (void)kill(p->pid[k], number);
        }
    }
}

/* The one of ours that has ended; SIZE_MAX after a wait for one, or for a signal. */
static size_t reap(struct pool *p, struct fg_sweep_jobs *jobs)
{
    static const struct timespec longest = {1, 0}; /* should another thread have taken the signal */
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) {
        (void)ppoll(NULL, 0, &longest, &p->open_to);
    }
    for (unsigned k = 0; pid > 0 && k < p->width; k++) {
        if (p->pid[k] == pid) {
            struct fg_sweep_job *job = &jobs->job[p->job[k]];
            p->pid[k] = 0;
            p->busy--;
            job->rc = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            job->finished = job->rc == 0 && is_finished(job->folder);
            return p->job[k];
        }
    }
    return SIZE_MAX;
}

static enum fg_status launch_next(struct pool *p, struct fg_sweep_jobs *jobs, size_t i,
                                  const struct fg_sweep *s, const char *base, struct fg_err *err)
{
    unsigned k = 0;
    while (p->pid[k] != 0) {
        k++;
    }
    pid_t pid = start(&jobs->job[i], s, base, p->width > 1, &p->open_to, err);
    if (pid < 0) {
        return fg_fail(err, FG_E_IO, "%s: could not start a process: %s", jobs->job[i].folder,
                       strerror(errno));
    }
    p->pid[k] = pid;
    p->job[k] = i;
    p->busy++;
    return FG_OK;
}

static enum fg_status work(struct pool *p, struct fg_sweep_jobs *jobs, const struct fg_sweep *s,
                           const char *base, int quiet, struct fg_err *err)
{
    size_t next = 0, ended = 0, todo = 0;
    unsigned most = p->width;
    bool told = false;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < jobs->n; i++) {
        todo += !jobs->job[i].finished;
    }
    for (;;) {
        bool stop = atomic_load(&fg_study_stop) != 0 || st != FG_OK;
        while (next < jobs->n && jobs->job[next].finished) {
            next++;
        }
        if (stop && !told) {
            signal_all(p, SIGTERM);
            told = true;
        }
        if (!stop && next < jobs->n && p->busy < most) {
            st = launch_next(p, jobs, next, s, base, err);
            next += st == FG_OK;
            if (st != FG_OK && p->busy > 0) { /* a limit of processes: as many as there can be */
                most = p->busy;
                st = FG_OK;
            }
            continue;
        }
        if (p->busy == 0) {
            break;
        }
        size_t k = reap(p, jobs);
        if (k != SIZE_MAX) {
            tell(jobs, ++ended, todo, &jobs->job[k], quiet);
        }
    }
    return st != FG_OK ? st
           : atomic_load(&fg_study_stop) != 0
               ? fg_fail(err, FG_E_INTERRUPTED, "interrupted; the same command goes on")
               : FG_OK;
}

static void wake(int number)
{
    (void)number; /* that it came ends a wait */
}

enum fg_status fg_sweep_run(struct fg_sweep_jobs *jobs, const struct fg_sweep *s, const char *base,
                            unsigned width, int quiet, struct fg_err *err)
{
    struct pool p = {
        .pid = fg_calloc(width, sizeof *p.pid), .job = fg_calloc(width, sizeof *p.job), .width = width};
    struct sigaction child = {.sa_handler = wake}, before;
    sigset_t shut;
    sigemptyset(&child.sa_mask);
    sigemptyset(&shut);
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++) {
        sigaddset(&shut, heard[i]);
    }
    fg_study_catch_signals();
    (void)sigaction(SIGCHLD, &child, &before);
    (void)pthread_sigmask(SIG_BLOCK, &shut, &p.open_to);
    enum fg_status st = p.pid != NULL && p.job != NULL ? work(&p, jobs, s, base, quiet, err) : FG_E_NOMEM;
    (void)pthread_sigmask(SIG_SETMASK, &p.open_to, NULL);
    (void)sigaction(SIGCHLD, &before, NULL);
    fg_free(p.pid);
    fg_free(p.job);
    return st;
}
