#include "src/net/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/relay.h"

enum {
    LOOK_MS = 100,   /* between two looks at the agent */
    KNOCK_S = 60,    /* chosen: for a process to come up on another host and to connect from there */
    SEEN_US = 100000 /* chosen: for MPI's server to see a connection end */
};

static const char ssh[] = "ssh -x -o BatchMode=yes -o ConnectTimeout=3 -o ServerAliveInterval=5 "
                          "-o ServerAliveCountMax=3";

enum fg_status fg_agent_init(struct fg_agent *a, const char *text, struct fg_err *err)
{
    char *rest = NULL;
    *a = (struct fg_agent){.text = fg_strdup(text != NULL && text[0] != '\0' ? text : ssh)};
    if (a->text == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory");
    }
    for (char *w = strtok_r(a->text, " \t", &rest); w != NULL; w = strtok_r(NULL, " \t", &rest)) {
        if (a->n == FG_AGENT_WORDS) {
            fg_agent_fini(a);
            return fg_fail(err, FG_E_USAGE, "agent: expected at most %d words", FG_AGENT_WORDS);
        }
        a->word[a->n++] = w;
    }
    if (a->n == 0) {
        fg_agent_fini(a);
        return fg_fail(err, FG_E_USAGE, "agent: expected a program such as ssh, found only blanks");
    }
    const char *slash = strrchr(a->word[0], '/');
    a->shell = strcmp(slash != NULL ? slash + 1 : a->word[0], "srun") == 0;
    return FG_OK;
}

void fg_agent_fini(struct fg_agent *a)
{
    fg_free(a->text);
    *a = (struct fg_agent){0};
}

bool fg_agent_here(const char *host)
{
    char name[256] = "";
    (void)gethostname(name, sizeof name - 1);
    return strcmp(host, "localhost") == 0 || strcmp(host, name) == 0;
}

enum fg_status fg_agent_quote(struct fg_str *out, const char *arg)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    if (arg[0] != '\0' && strspn(arg, plain) == strlen(arg)) {
        return fg_str_addf(out, "%s", arg);
    }
    enum fg_status st = fg_str_addf(out, "'");
    for (const char *c = arg; *c != '\0' && st == FG_OK; c++) {
        st = *c == '\'' ? fg_str_addf(out, "'\\''") : fg_str_add(out, c, 1);
    }
    return st == FG_OK ? fg_str_addf(out, "'") : st;
}

static void be_agent(char *const *argv, int null, int out_fd)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        (void)signal(numbers[i], SIG_DFL);
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(out_fd, STDERR_FILENO);
    (void)execvp(argv[0], argv);
    (void)dprintf(STDERR_FILENO, "forage: %s: could not start: %s\n", argv[0], strerror(errno));
    _exit(127);
}

pid_t fg_agent_start(const struct fg_agent *a, const char *host, const char *command, int out_fd)
{
    char *argv[FG_AGENT_WORDS + 5];
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        argv[n++] = a->word[i];
    }
    const char *const rest[] = {host, a->shell ? "sh" : NULL, a->shell ? "-c" : NULL, command};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        if (rest[i] != NULL) {
            argv[n++] = (char *)(uintptr_t)rest[i]; /* exec does not change its arguments */
        }
    }
    argv[n] = NULL;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid = null >= 0 ? fork() : -1;
    if (pid == 0) {
        be_agent(argv, null, out_fd >= 0 ? out_fd : null);
    }
    if (null >= 0) {
        (void)close(null);
    }
    return pid;
}

static const char uri[] = "PMIX_SERVER_URI"; /* of several variables: where MPI's server is, ...:PORT */

static enum fg_status add_variable(struct fg_str *out, const char *entry, uint16_t port)
{
    const char *colon = strncmp(entry, uri, strlen(uri)) == 0 ? strrchr(entry, ':') : NULL;
    struct fg_str moved = {0};
    if (colon == NULL || port == 0) {
        return fg_agent_quote(out, entry);
    }
    enum fg_status st = fg_str_addf(&moved, "%.*s:%u", (int)(colon - entry), entry, (unsigned)port);
    st = st == FG_OK ? fg_agent_quote(out, moved.data) : st;
    fg_str_fini(&moved);
    return st;
}

/* What MPI and `forage launch` have told this process, as the beginning of a command; MPI's server is found
 * at `port` (0: where it is). */
static enum fg_status add_environment(struct fg_str *out, uint16_t port)
{
    static const char *const begins[] = {"PMIX_", "OMPI_", "OPAL_", "PRTE_", "FORAGE_", "LD_LIBRARY_PATH="};
    enum fg_status st = fg_str_addf(out, "exec env %s=1", FG_AGENT_HOPPED);
    for (char **e = environ; *e != NULL && st == FG_OK; e++) {
        bool ours = false;
        for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
            ours = ours || strncmp(*e, begins[i], strlen(begins[i])) == 0;
        }
        st = ours ? fg_str_addf(out, " ") : FG_OK;
        st = ours && st == FG_OK ? add_variable(out, *e, port) : st;
    }
    return st;
}

static enum fg_status add_command(struct fg_str *out, const char *const *argv, uint16_t port)
{
    char folder[4096];
    enum fg_status st;
    if (getcwd(folder, sizeof folder) != NULL) {
        FG_TRY(fg_str_addf(out, "cd "));
        FG_TRY(fg_agent_quote(out, folder));
        FG_TRY(fg_str_addf(out, " 2>/dev/null; ")); /* that host need not have it */
    }
    FG_TRY(add_environment(out, port));
    for (size_t i = 0; argv[i] != NULL; i++) {
        FG_TRY(fg_str_addf(out, " "));
        FG_TRY(fg_agent_quote(out, argv[i]));
    }
cleanup:
    return st;
}

/* Wait for the agent, and pass on what the process that it started and MPI's server have to say. Both would
 * wait for ever for one that cannot connect: it is ended, and `log` is told. */
static int wait_for(pid_t pid, struct fg_relay *relay, const char *host, int log)
{
    fg_time_t until = fg_now_steady() + KNOCK_S * FG_SECOND;
    int status = 0;
    for (pid_t got = 0; got == 0 || (got < 0 && errno == EINTR); got = waitpid(pid, &status, WNOHANG)) {
        fg_relay_step(relay, LOOK_MS);
        if (relay->door >= 0 && fg_now_steady() > until) {
            (void)dprintf(log,
                          "forage: nothing came from %s in %d s: does a firewall let it connect to this "
                          "machine, to any TCP port (--interface)?\n",
                          host, KNOCK_S);
            fg_relay_close(relay);
            (void)kill(pid, SIGKILL);
        }
    }
    return status;
}

void fg_agent_hop(const struct fg_agent *a, const char *host, const char *const *argv, const char *log,
                  void (*failed)(const char *host))
{
    struct fg_str command = {0};
    struct fg_relay relay;
    uint16_t port = 0;
    int out_fd = log != NULL ? open(log, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fg_relay_open(&relay, getenv("PMIX_SERVER_URI2"), &port) != FG_OK) {
        port = 0; /* that process talks to the server itself */
    }
    pid_t pid =
        add_command(&command, argv, port) == FG_OK ? fg_agent_start(a, host, command.data, out_fd) : -1;
    (void)signal(SIGINT, SIG_IGN); /* the aggregator says when the run ends */
    (void)signal(SIGUSR1, SIG_IGN);
    (void)close(STDOUT_FILENO); /* mpirun waits for the end of these when a rank dies */
    (void)close(STDERR_FILENO);
    int status = pid > 0 ? wait_for(pid, &relay, host, out_fd) : 0;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        _exit(0);
    }
    failed(host);
    fg_relay_close(&relay); /* MPI's server sees this first */
    fg_sleep(SEEN_US);
    (void)kill(getpid(), SIGKILL); /* another code would end every rank */
    _exit(0);
}
