/* Frames over MPI: point-to-point only.
 *
 * What Open MPI survives decides the shape: no collective is ever called, failures are asked for locally
 * (get_failed) and come as error codes of requests, and waiting sleeps instead of spinning. A frame travels
 * as one message, or as its length and then pieces, all short enough to be sent eagerly: the rendezvous
 * that Open MPI does for longer messages crashes the receiver (ob1, seen with 5.0.11) when the sender dies
 * in the middle of it.
 */
#include "config.h"

#ifdef FG_HAVE_MPI

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/mpi_links.h"
#include "src/net/net.h"
#include "src/wire/frame.h"

#define ANYONE UINT32_MAX

enum {
    TAG_WHOLE = 4602, /* a frame */
    TAG_LENGTH,       /* eight bytes: the length of the frame that the next pieces make */
    TAG_PIECE,
    PIECE = 60000,     /* below btl_tcp_eager_limit (64 KiB) with room for headers */
    ACCEPT_MAX = 64,   /* messages taken before what they make is looked at */
    NAP_MIN_US = 50,   /* chosen: a frame on loopback takes about as long */
    NAP_BUSY_US = 100, /* while a transfer is under way */
    /* chosen: 200 looks a second cost well under 1% of a core, some 40 us each; and no nap is shorter while
     * this process computes and nothing is under way: who computes wakes it */
    NAP_MAX_US = 5000,
    NAP_SHARE = 8,         /* a nap lasts at most 1/8 of the wait so far: little CPU and little delay */
    BUSY_FOR_US = 1000000, /* a transfer that takes longer than this is waited for lazily */
    PIECE_FOR_US = 5000    /* chosen: and so is the next piece of a frame once none came for this */
};

static void put_down(struct mpi_parcel *p)
{
    if (p != NULL && --p->users == 0) {
        fg_free(p->frame);
        fg_free(p);
    }
}

static void forget(struct mpi_ops *list, size_t i)
{
    fg_free(list->op[i].frame);
    put_down(list->op[i].parcel);
    memmove(list->op + i, list->op + i + 1, (--list->n - i) * sizeof *list->op);
}

/* Advance what is being sent; a failed request means a peer that is gone. */
static enum fg_status progress_sends(struct mpi_transport *t)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < t->sends.n && st == FG_OK;) {
        struct mpi_op *op = &t->sends.op[i];
        int done = 0;
        int rc = fg_mpi.MPI_Test(&op->request, &done, MPI_STATUS_IGNORE);
        if (rc != MPI_SUCCESS) {
            st = mpi_links_lost(t, op->peer);
        }
        if (rc != MPI_SUCCESS || done) {
            forget(&t->sends, i);
        } else {
            i++;
        }
    }
    return st;
}

static bool earlier_from(const struct mpi_ops *list, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (list->op[k].peer == list->op[i].peer) {
            return true;
        }
    }
    return false;
}

/* A message has arrived: a frame (true, *ev filled in), or a part of one. The bytes are not trusted. */
static enum fg_status arrived(struct mpi_transport *t, struct mpi_op *op, struct fg_net_event *ev)
{
    struct mpi_partial *p = &t->link[op->peer].partial;
    uint64_t len = 0;
    *ev = (struct fg_net_event){.kind = FG_NET_FRAME, .peer = op->peer};
    if (op->tag == TAG_WHOLE) {
        ev->frame = op->frame;
        ev->len = op->len;
        op->frame = NULL;
        return FG_OK;
    }
    if (op->tag == TAG_LENGTH) {
        memcpy(&len, op->frame, op->len < sizeof len ? op->len : sizeof len);
        fg_free(p->frame);
        *p = (struct mpi_partial){.len = len <= FG_FRAME_MAX ? (size_t)len : 0};
        p->frame = p->len > 0 ? fg_alloc_aligned(p->len, 1) : NULL;
        ev->kind = FG_NET_NONE;
        return p->len > 0 && p->frame == NULL ? FG_E_NOMEM : FG_OK;
    }
    if (p->frame != NULL && op->len <= p->len - p->at) {
        memcpy(p->frame + p->at, op->frame, op->len);
        p->at += op->len;
    }
    if (p->frame == NULL || p->at < p->len) {
        t->piece_at = fg_now_steady();
        ev->kind = FG_NET_NONE;
        return FG_OK;
    }
    ev->frame = p->frame;
    ev->len = p->len;
    *p = (struct mpi_partial){0};
    t->piece_at = 0;
    return FG_OK;
}

/* Give the first frame that is complete, in order for each peer; *ev stays FG_NET_NONE if none is. */
static enum fg_status progress_recvs(struct mpi_transport *t, struct fg_net_event *ev)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < t->recvs.n && st == FG_OK && ev->kind == FG_NET_NONE;) {
        struct mpi_op *op = &t->recvs.op[i];
        int done = 0;
        if (earlier_from(&t->recvs, i)) {
            i++;
            continue;
        }
        int rc = fg_mpi.MPI_Test(&op->request, &done, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && !done) {
            i++;
            continue;
        }
        st = rc == MPI_SUCCESS ? arrived(t, op, ev) : mpi_links_lost(t, op->peer);
        forget(&t->recvs, i);
    }
    return st;
}

/* Start receiving the next message that has arrived from this source, if there is one. `peer` is who that
 * is, or ANYONE: the source's rank tells. */
static enum fg_status accept_one(struct mpi_transport *t, MPI_Comm comm, int source, uint32_t peer, bool *any)
{
    int there = 0, count = 0;
    MPI_Message message;
    MPI_Status status;
    int rc = fg_mpi.MPI_Improbe(source, MPI_ANY_TAG, comm, &there, &message, &status);
    if (rc != MPI_SUCCESS || !there) {
        return FG_OK; /* a failed peer makes probing fail: mpi_links_look() says which */
    }
    *any = true;
    rc = fg_mpi.MPI_Get_count(&status, MPI_BYTE, &count);
    FG_ASSERT(rc == MPI_SUCCESS && count >= 0);
    enum fg_status st = FG_GROW(t->recvs.op, t->recvs.n, t->recvs.cap);
    struct mpi_op op = {.tag = status.MPI_TAG, .len = (size_t)count, .request = MPI_REQUEST_NULL};
    op.peer = peer == ANYONE ? (uint32_t)status.MPI_SOURCE : peer;
    op.frame = st == FG_OK ? fg_alloc_aligned(op.len, 1) : NULL;
    if (op.frame == NULL) {
        return FG_E_NOMEM;
    }
    rc = fg_mpi.MPI_Imrecv(op.frame, count, MPI_BYTE, &message, &op.request);
    if (rc == MPI_SUCCESS) {
        t->recvs.op[t->recvs.n++] = op;
        return FG_OK;
    }
    fg_free(op.frame);
    return mpi_links_lost(t, op.peer);
}

/* Start receiving what has arrived; *any tells whether there was something. */
static enum fg_status accept_messages(struct mpi_transport *t, bool *any)
{
    enum fg_status st = FG_OK;
    bool more = true;
    *any = false;
    for (int n = 0; n < ACCEPT_MAX && more && st == FG_OK; n++) {
        more = false;
        if (t->initial > 0) {
            st = accept_one(t, MPI_COMM_WORLD, t->centre ? MPI_ANY_SOURCE : 0, t->centre ? ANYONE : 0, &more);
        }
        for (size_t i = t->initial; i < t->n_link && st == FG_OK; i++) {
            st = t->link[i].gone ? FG_OK : accept_one(t, t->link[i].comm, 0, (uint32_t)i, &more);
        }
        *any = *any || more;
    }
    return st;
}

/* One look at everything; *ev is FG_NET_NONE if nothing happened. Frames come before the end of their
 * sender. */
static enum fg_status look(struct mpi_transport *t, struct fg_net_event *ev)
{
    bool any = false;
    enum fg_status st = progress_sends(t);
    if (st == FG_OK) {
        st = accept_messages(t, &any);
    }
    if (st == FG_OK) {
        st = progress_recvs(t, ev);
    }
    if (st != FG_OK || ev->kind != FG_NET_NONE) {
        return st;
    }
    if (!any) {
        st = mpi_links_look(t);
    }
    if (st == FG_OK && t->n_news > 0) {
        *ev = (struct fg_net_event){.kind = t->news_kind[0], .peer = t->news[0]};
        t->n_news--;
        memmove(t->news, t->news + 1, t->n_news * sizeof *t->news);
        memmove(t->news_kind, t->news_kind + 1, t->n_news * sizeof *t->news_kind);
    }
    return st;
}

/* Sleep until woken or for the time; true when woken. */
static bool nap(struct mpi_transport *t, fg_time_t us)
{
    struct pollfd p = {.fd = t->wake_fd, .events = POLLIN};
    struct timespec wait = {.tv_sec = (time_t)(us / FG_SECOND), .tv_nsec = (long)(us % FG_SECOND * 1000)};
    uint64_t count;
    return ppoll(&p, 1, &wait, NULL) > 0 && read(t->wake_fd, &count, sizeof count) == (ssize_t)sizeof count;
}

static fg_time_t nap_length(const struct mpi_transport *t, fg_time_t begin, fg_time_t waited)
{
    bool moving = t->sends.n + t->recvs.n > 0 && waited < BUSY_FOR_US;
    bool busy = moving || begin + waited - t->piece_at < PIECE_FOR_US;
    fg_time_t us = waited / NAP_SHARE, most = busy ? NAP_BUSY_US : NAP_MAX_US;
    fg_time_t least = t->base.at_work && !busy ? NAP_MAX_US : NAP_MIN_US;
    us = us > most ? most : us;
    return us < least ? least : us;
}

static enum fg_status mpi_poll(struct fg_transport *base, struct fg_net_event *ev, fg_time_t timeout_us)
{
    struct mpi_transport *t = (struct mpi_transport *)base;
    fg_time_t begin = fg_now_steady();
    *ev = (struct fg_net_event){.kind = FG_NET_NONE};
    for (;;) {
        enum fg_status st = look(t, ev);
        fg_time_t waited = fg_now_steady() - begin;
        if (st != FG_OK || ev->kind != FG_NET_NONE || waited >= timeout_us) {
            return st;
        }
        fg_time_t us = nap_length(t, begin, waited);
        if (nap(t, us < timeout_us - waited ? us : timeout_us - waited)) {
            return FG_OK;
        }
    }
}

/* Start sending one message out of a parcel. */
static enum fg_status send_one(struct mpi_transport *t, uint32_t peer, int tag, struct mpi_parcel *p,
                               size_t at, size_t len)
{
    struct mpi_op op = {.request = MPI_REQUEST_NULL, .parcel = p, .len = len, .peer = peer, .tag = tag};
    enum fg_status st = FG_GROW(t->sends.op, t->sends.n, t->sends.cap);
    if (st != FG_OK) {
        return st;
    }
    struct mpi_link *to = &t->link[peer];
    pthread_t guard;
    bool guarded = !to->reached && mpi_links_guard(t, &guard);
    int rc = fg_mpi.MPI_Isend(p->frame + at, (int)len, MPI_BYTE, to->rank, tag, to->comm, &op.request);
    if (guarded) {
        mpi_links_unguard(guard);
    }
    to->reached = true;
    if (rc != MPI_SUCCESS) {
        st = mpi_links_lost(t, peer);
        return st == FG_OK ? FG_E_GONE : st;
    }
    p->users++;
    t->sends.op[t->sends.n++] = op;
    return FG_OK;
}

/* Takes the bytes; NULL when out of memory. The caller is its first user. */
static struct mpi_parcel *parcel_of(uint8_t *frame)
{
    struct mpi_parcel *p = frame != NULL ? fg_calloc(1, sizeof *p) : NULL;
    if (p == NULL) {
        fg_free(frame);
        return NULL;
    }
    *p = (struct mpi_parcel){.frame = frame, .users = 1};
    return p;
}

static enum fg_status send_length(struct mpi_transport *t, uint32_t peer, uint64_t len)
{
    struct mpi_parcel *p = parcel_of(fg_calloc(sizeof len, 1));
    if (p == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(p->frame, &len, sizeof len);
    enum fg_status st = send_one(t, peer, TAG_LENGTH, p, 0, sizeof len);
    put_down(p);
    return st;
}

static enum fg_status mpi_post(struct fg_transport *base, uint32_t peer, uint8_t *frame, size_t len)
{
    struct mpi_transport *t = (struct mpi_transport *)base;
    FG_ASSERT(peer < t->n_link);
    if (t->link[peer].gone || len > FG_FRAME_MAX) {
        fg_free(frame);
        return t->link[peer].gone ? FG_E_GONE : FG_E_RANGE;
    }
    struct mpi_parcel *p = parcel_of(frame);
    if (p == NULL) {
        return FG_E_NOMEM;
    }
    bool whole = len <= PIECE;
    enum fg_status st = whole ? FG_OK : send_length(t, peer, len);
    for (size_t at = 0; at < len && st == FG_OK; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        st = send_one(t, peer, whole ? TAG_WHOLE : TAG_PIECE, p, at, n);
    }
    put_down(p);
    return st;
}

static void mpi_flush(struct fg_transport *base, fg_time_t timeout_us)
{
    struct mpi_transport *t = (struct mpi_transport *)base;
    fg_time_t begin = fg_now_steady();
    while (progress_sends(t) == FG_OK && t->sends.n > 0 && fg_now_steady() - begin < timeout_us &&
           mpi_links_look(t) == FG_OK) {
        (void)nap(t, NAP_BUSY_US);
    }
}

static void mpi_wake(struct fg_transport *base)
{
    int saved = errno; /* may run in a signal handler */
    uint64_t one = 1;
    ssize_t n = write(((struct mpi_transport *)base)->wake_fd, &one, sizeof one);
    (void)n; /* full means woken already */
    errno = saved;
}

static void mpi_destroy(struct fg_transport *base)
{
    struct mpi_transport *t = (struct mpi_transport *)base;
    /* MPI may still read or write the buffers of requests that have not ended: they stay. */
    fg_free(t->sends.op);
    fg_free(t->recvs.op);
    fg_free(t->news);
    fg_free(t->news_kind);
    for (size_t i = 0; i < t->n_link; i++) {
        fg_free(t->link[i].partial.frame);
    }
    fg_free(t->link);
    if (t->wake_fd >= 0) {
        (void)close(t->wake_fd);
    }
    fg_free(t);
}

static const struct fg_transport_ops ops = {
    .post = mpi_post,
    .poll = mpi_poll,
    .flush = mpi_flush,
    .wake = mpi_wake,
    .spawn = mpi_links_spawn,
    .destroy = mpi_destroy,
};

enum fg_status fg_transport_mpi_create(struct fg_transport **out, struct fg_err *err)
{
    struct mpi_transport *t = fg_calloc(1, sizeof *t);
    if (t == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory");
    }
    t->base.ops = &ops;
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum fg_status st = mpi_links_begin(t);
    if (st == FG_OK && t->wake_fd < 0) {
        st = FG_E_INTERNAL;
    }
    if (st != FG_OK) {
        mpi_destroy(&t->base);
        return fg_fail(err, st, "MPI transport: %s", fg_status_text(st));
    }
    *out = &t->base;
    return FG_OK;
}

void fg_transport_mpi_spawns(struct fg_transport *t, const char *const *argv, size_t host_at,
                             void (*stuck)(void))
{
    struct mpi_transport *mpi = (struct mpi_transport *)t;
    mpi->argv = argv;
    mpi->host_at = host_at;
    mpi->stuck = stuck;
}

#else

#include "src/net/net.h"

enum fg_status fg_transport_mpi_create(struct fg_transport **out, struct fg_err *err)
{
    (void)out;
    return fg_fail(err, FG_E_UNSUPPORTED, "this forage was built without MPI");
}

void fg_transport_mpi_spawns(struct fg_transport *t, const char *const *argv, size_t host_at,
                             void (*stuck)(void))
{
    (void)t;
    (void)argv;
    (void)host_at;
    (void)stuck;
}

#endif
