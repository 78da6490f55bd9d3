/* What the owner is told of the workers from time to time. */
#include "src/net/remote_internal.h"

enum { EVERY_US = 1000000, MOST = 500 }; /* chosen: cheap beside a heartbeat; more nobody reads */

static const char *state_of(const struct worker *w)
{
    return w->silent ? "silent" : w->state == WORKER_JOINED ? "joining" : w->has > 0 ? "working" : "idle";
}

void remote_tell_status(struct remote *r)
{
    struct fg_worker_status list[MOST];
    fg_time_t now = r->opts.now(r->opts.arg);
    size_t n = 0;
    if (r->opts.status == NULL || now < r->told + EVERY_US) {
        return;
    }
    r->told = now;
    for (uint32_t i = 1; i < r->n_worker && n < MOST; i++) {
        const struct worker *w = &r->worker[i];
        if (w->state == WORKER_JOINED || w->state == WORKER_WELCOME) {
            list[n++] = (struct fg_worker_status){.worker = i,
                                                  .pid = w->pid,
                                                  .host = w->name,
                                                  .state = state_of(w),
                                                  .quiet_s = fg_seconds(now - w->heard),
                                                  .tasks = w->has};
        }
    }
    r->opts.status(r->opts.status_arg, list, n, &r->stats);
}
