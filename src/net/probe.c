#include "src/net/probe.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/now.h"

enum { LOOK_MS = 10 };

struct target {
    pid_t asking;    /* the agent; 0: none */
    fg_time_t until; /* it has to have ended */
    enum fg_probe_state answer;
};

struct fg_probe {
    const struct fg_hosts *hosts;
    const struct fg_agent *agent;
    struct target *target; /* (n) */
    size_t n;
    int says; /* where the agent's words go; -1: nowhere */
};

enum fg_status fg_probe_create(struct fg_probe **out, const struct fg_hosts *h, const struct fg_agent *a)
{
    struct fg_probe *p = fg_calloc(1, sizeof *p);
    if (p != NULL) {
        *p = (struct fg_probe){.hosts = h, .agent = a, .n = h->n, .says = -1};
        p->target = fg_calloc(h->n, sizeof *p->target);
    }
    if (p == NULL || p->target == NULL) {
        fg_free(p);
        return FG_E_NOMEM;
    }
    *out = p;
    return FG_OK;
}

static void stop_asking(struct target *t)
{
    (void)kill(t->asking, SIGKILL);
    (void)waitpid(t->asking, NULL, 0);
    t->asking = 0;
}

void fg_probe_destroy(struct fg_probe *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->target[i].asking > 0) {
            stop_asking(&p->target[i]);
        }
    }
    fg_free(p->target);
    fg_free(p);
}

enum fg_probe_state fg_probe_look(void *probe, size_t i)
{
    struct fg_probe *p = probe;
    struct target *t = &p->target[i];
    const char *host = p->hosts->host[i].name;
    int status;
    if (fg_agent_here(host)) {
        return FG_PROBE_UP;
    }
    if (t->asking == 0) {
        t->asking = fg_agent_start(p->agent, host, "true", p->says);
        t->until = fg_now_steady() + FG_PROBE_S * FG_SECOND;
    }
    if (t->asking < 0) {
        t->asking = 0;
        return FG_PROBE_DOWN;
    }
    if (waitpid(t->asking, &status, WNOHANG) == t->asking) {
        t->asking = 0;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? FG_PROBE_UP : FG_PROBE_DOWN;
    }
    if (fg_now_steady() < t->until) {
        return FG_PROBE_WAIT;
    }
    stop_asking(t);
    return FG_PROBE_DOWN;
}

void fg_probe_all(struct fg_probe *p, bool *up)
{
    p->says = STDERR_FILENO;
    for (size_t i = 0; i < p->n; i++) {
        p->target[i].answer = fg_probe_look(p, i); /* all are asked before the first is waited for */
    }
    for (size_t i = 0; i < p->n; i++) {
        while (p->target[i].answer == FG_PROBE_WAIT) {
            (void)poll(NULL, 0, LOOK_MS);
            p->target[i].answer = fg_probe_look(p, i);
        }
        up[i] = p->target[i].answer == FG_PROBE_UP;
    }
    p->says = -1;
}
