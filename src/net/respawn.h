/* When another worker is to be started in the place of one that is gone (pure: the time is handed in).
 *
 * As many workers are wanted as there were at the start, between `min` and `max`. After a loss it waits
 * `backoff_us`, twice as long for each further loss without any result in between, at most BACKOFF_MOST
 * times as long. After HOPELESS such losses in a row nothing is started any more if there never was a result:
 * whatever is started does not work. Once one has come it goes on for ever: it is the times that are bad.
 * A worker that says it cannot work (its data are missing, say) is not replaced.
 *
 * Thread safety: one caller.
 */
#ifndef FG_NET_RESPAWN_H
#define FG_NET_RESPAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/time.h"

enum { FG_RESPAWN_BACKOFF_MOST = 64, FG_RESPAWN_HOPELESS = 30, FG_RESPAWN_ASIDE = 3 };

struct fg_respawn_opts {
    uint32_t initial;     /* workers at the start; 0: nothing is ever started */
    uint32_t min, max;    /* max 0: as many as at the start */
    fg_time_t backoff_us; /* 0: at once */
};

struct fg_respawn {
    struct fg_respawn_opts opts;
    uint32_t want;     /* workers worth having */
    uint32_t in_a_row; /* losses since the last result */
    bool works;        /* there was a result */
    uint32_t aside;    /* put aside so far */
    fg_time_t after;   /* not before this */
};

void fg_respawn_init(struct fg_respawn *r, const struct fg_respawn_opts *opts);

/* A worker died, left, or could not be started. */
void fg_respawn_lost(struct fg_respawn *r, fg_time_t now);

/* A worker said that it cannot do this run. */
void fg_respawn_unfit(struct fg_respawn *r);

/* A worker was put aside for what it sent. Its place stays empty for BACKOFF_MOST times the back-off, and
 * from the ASIDE-th on for good: it is the machine's or the build's fault. */
void fg_respawn_aside(struct fg_respawn *r, fg_time_t now);

/* A result came. */
void fg_respawn_worked(struct fg_respawn *r);

/* Whether to start one now. `answering` workers are there and not silent; `there` counts the silent ones,
 * too: they may wake up, so at most twice as many as wanted are ever there. */
bool fg_respawn_due(const struct fg_respawn *r, uint32_t answering, uint32_t there, fg_time_t now);

/* Whether one will be started sooner or later when too few are there. */
bool fg_respawn_hopes(const struct fg_respawn *r);

/* Whether so few answer that tasks are not given out before more are there. */
bool fg_respawn_waits(const struct fg_respawn *r, uint32_t answering);

#endif
