/* The queue of future events, ordered by (time, kind, id), so that ties are never left to chance.
 *
 * At one instant results and losses come before the deadline, and the deadline before the next round.
 * Entries pushed many at a time, as a round's tasks are, are sorted once as a batch and then popped one after
 * another; entries pushed a few at a time go into a binary heap beside that batch.
 * Cost of a push and a pop: O(1) within a batch, O(log n) else. Thread safety: one caller.
 */
#ifndef FG_SIM_QUEUE_H
#define FG_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/time.h"

struct fg_queue_entry {
    fg_time_t at;
    uint64_t id;
    int kind; /* enum fg_event_kind */
};

/* Zero-initialise; fg_queue_fini(). */
struct fg_queue {
    struct fg_queue_entry *heap;  /* (n_heap) a heap, behind it (n_fresh) pushed since the last look */
    struct fg_queue_entry *run;   /* [next, n_run) in order */
    struct fg_queue_entry *other; /* scratch of the sort */
    size_t n_heap, n_fresh, cap_heap, next, n_run, cap_run, cap_other;
};

void fg_queue_fini(struct fg_queue *q);
/* Drop every entry for which wanted() is false. */
void fg_queue_keep(struct fg_queue *q, bool (*wanted)(const struct fg_queue_entry *e, void *arg), void *arg);
enum fg_status fg_queue_push(struct fg_queue *q, struct fg_queue_entry e) FG_NODISCARD;

/* Look at the next entry, or take it out. False: the queue is empty. */
bool fg_queue_peek(struct fg_queue *q, struct fg_queue_entry *out);
bool fg_queue_pop(struct fg_queue *q, struct fg_queue_entry *out);

#endif
