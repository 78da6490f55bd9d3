/* Live workers as the real timeline sees them: each is one client, up while its process is there.
 *
 * Implemented by the remote executor (src/net). Thread safety: one caller.
 */
#ifndef FG_PLAN_LIVE_H
#define FG_PLAN_LIVE_H

#include "src/base/status.h"
#include "src/base/time.h"

enum fg_live_kind {
    FG_LIVE_NONE,   /* nothing happened in time */
    FG_LIVE_UP,     /* the client can be given tasks */
    FG_LIVE_DOWN,   /* it is gone; LOST follows for each task that it had */
    FG_LIVE_RESULT, /* task `id` can be collected */
    FG_LIVE_LOST    /* task `id` will not come */
};

struct fg_live_event {
    enum fg_live_kind kind;
    uint32_t client; /* UP, DOWN */
    uint64_t id;     /* RESULT, LOST */
};

struct fg_live; /* first member of every implementation is `const struct fg_live_ops *ops` */

struct fg_live_ops {
    /* Wait at most timeout_us for the next event. Errors: FG_E_INTERRUPTED when asked to stop; FG_E_NOMEM. */
    enum fg_status (*next)(struct fg_live *l, fg_time_t timeout_us, struct fg_live_event *ev,
                           struct fg_err *err);
};

struct fg_live {
    const struct fg_live_ops *ops;
};

#endif
