/* What holds in the remote executor between two events. */
#include "src/net/remote_internal.h"

static bool is_queued(const struct remote *r, uint64_t id)
{
    for (size_t i = 0; i < r->n_again; i++) {
        if (r->again[i] == id) {
            return true;
        }
    }
    for (size_t i = r->head; i < r->n_queue; i++) {
        if (r->queue[i] == id) {
            return true;
        }
    }
    return false;
}

static const char *check_entry(const struct remote *r, const struct entry *e)
{
    bool sent = e->state == TASK_SENT;
    if (sent && (e->worker == REMOTE_NOBODY || e->worker >= r->n_worker)) {
        return "a task was given to nobody";
    }
    if (sent && (r->worker[e->worker].state != WORKER_WELCOME || r->worker[e->worker].silent)) {
        return "a task waits for a worker that is gone or silent";
    }
    if (e->state == TASK_QUEUED && !is_queued(r, e->task.id)) {
        return "a task waits and is not in the queue";
    }
    bool kept = e->frame != NULL || e->delta != NULL || e->opened != NULL;
    if (kept && e->state != TASK_DONE) {
        return "an answer is kept of a task that is not done";
    }
    return NULL;
}

static const char *check_entries(const struct remote *r)
{
    size_t held = 0;
    for (size_t i = 0; i < r->n_entry; i++) {
        const struct entry *e = &r->entry[i];
        const char *broken = check_entry(r, e);
        if (broken != NULL) {
            return broken;
        }
        if (i > 0 && r->entry[i - 1].task.id >= e->task.id) {
            return "the tasks are not in order";
        }
        held += e->frame != NULL || e->opened != NULL ? remote_weighs(r, e) : 0;
        held += e->delta != NULL ? r->opts.params * sizeof *e->delta : 0;
    }
    return held == r->held ? NULL : "the bytes held are not those of the answers";
}

static const char *check_versions(const struct remote *r)
{
    size_t waiting = 0, open = remote_far_waiting(r) + r->doubted;
    for (size_t v = 0; v < r->versions.n; v++) {
        waiting += r->versions.list[v].waiting;
    }
    for (size_t i = 0; i < r->n_entry; i++) {
        const struct entry *e = &r->entry[i];
        bool there = e->state == TASK_RELEASED;
        for (size_t v = 0; v < r->versions.n && !there; v++) {
            there = r->versions.list[v].version == e->task.version && r->versions.list[v].waiting > 0;
        }
        if (!there) {
            return "a task's version of the parameters is not kept";
        }
        open += e->state != TASK_RELEASED;
    }
    return open == waiting ? NULL : "the tasks that wait for versions are not those that are open";
}

static const char *check_workers(const struct remote *r)
{
    uint32_t alive = 0;
    size_t out = 0;
    for (uint32_t i = 1; i < r->n_worker; i++) {
        const struct worker *w = &r->worker[i];
        uint32_t has = 0;
        for (size_t k = 0; k < r->n_entry; k++) {
            has += r->entry[k].state == TASK_SENT && r->entry[k].worker == i;
        }
        if (has != w->has) {
            return "a worker is thought to have another number of tasks than were given to it";
        }
        out += has;
        alive += w->state == WORKER_JOINED || w->state == WORKER_WELCOME;
    }
    if (out != r->out) {
        return "the tasks that workers have are not those that were counted";
    }
    return alive == r->stats.alive ? NULL : "the workers alive are not those that are there";
}

const char *fg_executor_remote_check(const struct fg_executor *ex)
{
    const struct remote *r = (const struct remote *)ex;
    const char *broken = check_entries(r);
    broken = broken == NULL ? check_versions(r) : broken;
    return broken == NULL ? check_workers(r) : broken;
}
