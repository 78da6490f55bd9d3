/* Transport: post a frame to a peer; poll events {joined, frame, gone}. Nothing else.
 *
 * Everything above it (the worker core, the executor) is the same over MPI, in one process for tests, and
 * later over TCP between sites. Frames to one peer arrive whole and in order, or the peer is gone. The star's
 * centre, the aggregator, is peer 0 for everyone.
 *
 * Thread safety: one thread calls post, poll, flush and destroy; wake() may be called from any thread and
 * from a signal handler.
 */
#ifndef FG_NET_TRANSPORT_H
#define FG_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/time.h"

enum fg_net_event_kind {
    FG_NET_NONE,   /* nothing happened in time, or wake() was called */
    FG_NET_JOINED, /* the peer can be posted to */
    FG_NET_FRAME,
    FG_NET_GONE /* the peer is dead or has left: nothing comes from it any more */
};

struct fg_net_event {
    enum fg_net_event_kind kind;
    uint32_t peer;
    uint8_t *frame; /* FG_NET_FRAME: the receiver's to fg_free(); len bytes, not checked in any way */
    size_t len;
};

struct fg_transport; /* first member of every implementation is `const struct fg_transport_ops *ops` */

struct fg_transport_ops {
    /* Send len bytes to a peer, some time. Owner: takes the frame, also on failure.
     * Errors: FG_E_GONE, FG_E_RANGE (too long), FG_E_NOMEM. */
    enum fg_status (*post)(struct fg_transport *t, uint32_t peer, uint8_t *frame, size_t len);

    /* Wait at most timeout_us for the next event. Waiting costs next to no CPU. Errors: FG_E_NOMEM. */
    enum fg_status (*poll)(struct fg_transport *t, struct fg_net_event *ev, fg_time_t timeout_us);

    /* Wait at most timeout_us until everything posted has left this process or its peer is gone. */
    void (*flush)(struct fg_transport *t, fg_time_t timeout_us);

    /* Let a poll that waits return at once. */
    void (*wake)(struct fg_transport *t);

    void (*destroy)(struct fg_transport *t);

    /* Start another peer, on a host or (NULL) on this machine. It gets the next number, and its JOINED event
     * follows. May take as long as a process needs to start. NULL: peers cannot be started.
     * Errors: FG_E_UNSUPPORTED (this endpoint starts none), FG_E_GONE (it did not come up), FG_E_NOMEM. */
    enum fg_status (*spawn)(struct fg_transport *t, const char *host, struct fg_err *err);
};

struct fg_transport {
    const struct fg_transport_ops *ops;
    /* The owner's: a thread of this process computes and wakes it when it has done, so a poll that waits had
     * better not take the processor from it every moment. */
    bool at_work;
};

#endif
