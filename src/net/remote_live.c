/* The remote executor's workers as clients (run.clock = real): each worker is one client, gets only its own tasks,
 * and a task that it cannot finish is lost instead of repeated elsewhere. */
#include <string.h>

#include "src/base/mem.h"
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

/* A worker that joins becomes the lowest client that is nobody yet. */
enum fg_status remote_enlist(struct remote *r, uint32_t peer)
{
    struct worker *w = &r->worker[peer];
    w->client = REMOTE_NO_CLIENT;
    for (uint32_t c = 0; r->opts.pinned && c < r->opts.clients && w->client == REMOTE_NO_CLIENT; c++) {
        bool taken = false;
        for (uint32_t i = 1; i < r->n_worker; i++) {
            taken = taken || (i != peer && r->worker[i].state == WORKER_WELCOME && r->worker[i].client == c);
        }
        w->client = taken ? REMOTE_NO_CLIENT : c;
    }
    return w->client == REMOTE_NO_CLIENT ? FG_OK : remote_note(r, FG_LIVE_UP, w->client, 0);
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
    if (r->opts.stop != NULL && atomic_load(r->opts.stop) != 0) {
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
