/* The remote executor's workers as clients (run.clock = real): each worker is one client, gets only its own
 * tasks, and a task that it cannot finish is lost instead of repeated elsewhere. */
#include <string.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/remote_internal.h"

struct live {
    struct fg_live base;
    struct remote *r;
};

enum fg_status remote_note(struct remote *r, enum fg_live_kind kind, uint32_t client, uint64_t id)
{
    if (!r->opts.pinned) {
        return FG_OK;
    }
    if (r->note_head > 0 && r->note_head == r->n_note) {
        r->note_head = r->n_note = 0;
    }
    enum fg_status st = FG_GROW(r->note, r->n_note, r->cap_note);
    if (st == FG_OK) {
        r->note[r->n_note++] = (struct fg_live_event){.kind = kind, .client = client, .id = id};
    }
    return st;
}

enum fg_status remote_note_up(struct remote *r, uint32_t peer, bool up)
{
    struct worker *w = &r->worker[peer];
    if (w->client == REMOTE_NO_CLIENT || w->up == up) {
        return FG_OK; /* one that was silent has been noted as down before it is gone */
    }
    w->up = up;
    return remote_note(r, up ? FG_LIVE_UP : FG_LIVE_DOWN, w->client, 0);
}

/* Whether another worker than `peer` is that client, or was started to be it. */
static bool taken(const struct remote *r, uint32_t client, uint32_t peer)
{
    for (uint32_t i = 1; i < r->n_worker; i++) {
        const struct worker *w = &r->worker[i];
        uint32_t who = w->state == WORKER_WELCOME ? w->client : w->meant;
        if (i != peer && w->state != WORKER_GONE && who == client) {
            return true;
        }
    }
    return false;
}

/* A worker that joins is whom it was started for; the workers of the start are the clients of their numbers;
 * any other is the lowest that is nobody yet. */
enum fg_status remote_enlist(struct remote *r, uint32_t peer, uint32_t pid)
{
    struct worker *w = &r->worker[peer];
    uint32_t first = w->meant != REMOTE_NO_CLIENT ? w->meant : peer - 1;
    w->client = REMOTE_NO_CLIENT;
    if (!r->opts.pinned) {
        return FG_OK;
    }
    if (first < r->opts.clients && !taken(r, first, peer)) {
        w->client = first;
    }
    for (uint32_t c = 0; c < r->opts.clients && w->client == REMOTE_NO_CLIENT; c++) {
        w->client = taken(r, c, peer) ? REMOTE_NO_CLIENT : c;
    }
    if (w->client == REMOTE_NO_CLIENT) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_DEBUG, "worker %u is client %u", peer, w->client);
    if (r->opts.here != NULL) {
        r->opts.here(r->opts.arrival_arg, w->client, pid);
    }
    return remote_note_up(r, peer, true);
}

bool remote_return(struct remote *r, uint32_t *client)
{
    if (r->opts.arrival != NULL) {
        return r->opts.arrival(r->opts.arrival_arg, client) && *client < r->opts.clients &&
               !taken(r, *client, REMOTE_NOBODY);
    }
    uint32_t c = 0;
    while (c < r->opts.clients && taken(r, c, REMOTE_NOBODY)) {
        c++;
    }
    *client = c;
    return c < r->opts.clients;
}

enum fg_status remote_meant(struct remote *r, uint32_t client)
{
    uint32_t next = r->n_worker > 0 ? (uint32_t)r->n_worker : 1; /* transports number those they start so */
    enum fg_status st = remote_slot(r, next);
    if (st == FG_OK) {
        r->worker[next].meant = client;
    }
    return st;
}

uint32_t remote_worker_of(const struct remote *r, uint32_t client)
{
    for (uint32_t i = 1; i < r->n_worker; i++) {
        if (r->worker[i].state == WORKER_WELCOME && !r->worker[i].silent && r->worker[i].client == client) {
            return i;
        }
    }
    return REMOTE_NOBODY;
}

static enum fg_status next(struct fg_live *base, fg_time_t timeout_us, struct fg_live_event *ev,
                           struct fg_err *err)
{
    struct remote *r = ((struct live *)base)->r;
    enum fg_status st = FG_OK;
    if (fg_stopped(r->opts.stop)) {
        return fg_fail(err, FG_E_INTERRUPTED, "interrupted");
    }
    if (r->note_head == r->n_note) {
        st = remote_pump(r, timeout_us > 0 ? timeout_us : 0, err);
    }
    *ev = (struct fg_live_event){.kind = FG_LIVE_NONE};
    if (st == FG_OK && r->note_head < r->n_note) {
        *ev = r->note[r->note_head++];
    }
    return st;
}

static const struct fg_live_ops live_ops = {.next = next};

struct fg_live *fg_executor_remote_live(struct fg_executor *ex)
{
    struct remote *r = (struct remote *)ex;
    struct live *l = (struct live *)(void *)r->live;
    FG_ASSERT(r->opts.pinned);
    *l = (struct live){.base = {.ops = &live_ops}, .r = r};
    return &l->base;
}
