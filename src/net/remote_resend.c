/* Frames that did not arrive. A frame that was damaged on its way, or comes out of order, is refused as a
 * whole, so what it said is lost although both ends are alive. What a worker then says of itself does not fit
 * what we know: it has fewer tasks than it was given, or asks to be welcomed once more. (It sees to lost
 * shards itself, see worker/session.h.) */
#include "src/base/log.h"
#include "src/net/remote_internal.h"

/* Its tasks are given out once more, to it or to others. */
static enum fg_status give_again(struct remote *r, uint32_t peer)
{
    enum fg_status st = FG_OK;
    for (size_t i = r->n_entry; i-- > 0 && st == FG_OK;) {
        struct entry *e = &r->entry[i];
        if (e->state == TASK_SENT && e->worker == peer) {
            st = remote_requeue(r, e);
        }
    }
    return st;
}

/* The token is the sequence number of our PING: had our last TASKS come before it, its tasks are counted in,
 * and whatever it answered came before its PONG. */
enum fg_status remote_on_pong(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    const struct worker *w = &r->worker[peer];
    uint64_t there = (uint64_t)m->u.ping.queued + m->u.ping.running;
    if (w->state != WORKER_WELCOME || m->u.ping.token < w->given || there >= w->has) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_WARN,
                 "worker %u knows of %u of its %u tasks: a frame was lost; they are given out again", peer,
                 (unsigned)there, w->has);
    return give_again(r, peer);
}

/* A HELLO from one that is welcome: it never saw our WELCOME, nor anything after it,
 * if it answers a later PING. */
enum fg_status remote_not_welcome(struct remote *r, uint32_t peer)
{
    struct worker *w = &r->worker[peer];
    if (w->hellos <= w->invited) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_WARN, "worker %u was not reached by our welcome; it is welcomed again", peer);
    w->n_known = 0;
    w->answered = false;
    enum fg_status st = give_again(r, peer);
    return st == FG_OK ? remote_welcome(r, peer) : st;
}
