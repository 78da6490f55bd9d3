/* What clients keep from task to task for a codec (codec.h: what was not sent yet, say), as whoever holds it
 * keeps it: a worker for the clients that it trained last, a simulation for all.
 *
 * States have names, made of their bytes (XXH3-64, never 0). A task names the state that it goes on from
 * (fg_task.kept): not every update counts in the end, and one that was computed twice may have left two
 * holders with different states. So the state that the last task began with stays beside the
 * one after it; two vectors a client at most.
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_KEPT_H
#define FG_WORKER_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_kept;

/* Where the states that are counted on lie, for those who save them; as fg_rule_rows. NULLs:
 * in memory of its own. */
struct fg_kept_rows {
    float *row;       /* (clients, P) */
    uint8_t *changed; /* (clients) set to 1 where a row is written; the caller clears it */
};

/* Shapes: states of P floats; clients: with rows their number, else 0 for as many as come.
 * Errors: FG_E_NOMEM. Owner: the caller, fg_kept_destroy() (NULL allowed). */
enum fg_status fg_kept_create(struct fg_kept **out, size_t params, uint32_t clients,
                              struct fg_kept_rows rows) FG_NODISCARD;
void fg_kept_destroy(struct fg_kept *k);

/* What a task of the client begins with, into out (P): the state of that name. Zeros if it is not here, or if
 * kept is 0. *reset: whether it should have been here. Errors: FG_E_NOMEM. */
enum fg_status fg_kept_begin(struct fg_kept *k, uint32_t client, uint64_t kept, float *out,
                             uint32_t *reset) FG_NODISCARD;

/* The state after the client's last task, in place of that of one before it which nothing went on from;
 * *name: its own.
 * Shapes: state (P). Cost: one pass. Errors: FG_E_NOMEM. */
enum fg_status fg_kept_end(struct fg_kept *k, uint32_t client, const float *state,
                           uint64_t *name) FG_NODISCARD;

/* Before a save: what is counted on (clients; names, or 0) goes into the rows.
 * What tasks under way came to stays. */
void fg_kept_settle(struct fg_kept *k, const uint64_t *counted);

/* After the rows were read again: they are what is counted on. Only with rows. */
void fg_kept_restore(struct fg_kept *k, const uint64_t *counted);

#endif
