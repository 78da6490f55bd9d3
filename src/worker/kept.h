/* What clients keep from task to task for a codec (codec.h: what was not sent yet, say), as whoever holds it keeps it: a
 * worker for the clients that it trained last, a simulation for all.
 *
 * A task says which task's state it goes on from (fg_task.kept), because not every update counts in the end: so the state
 * that the aggregator counts on stays until the one after it is counted on. Two vectors a client at most.
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_KEPT_H
#define FG_WORKER_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_kept;

/* Where the states that are counted on lie, for those who save them; as fg_rule_rows. NULLs: in memory of its own. */
struct fg_kept_rows {
    float *row;       /* (clients, P) */
    uint8_t *changed; /* (clients) set to 1 where a row is written; the caller clears it */
};

/* Shapes: states of P floats; clients: with rows their number, else 0 for as many as come. Errors: FG_E_NOMEM. Owner: the
 * caller, fg_kept_destroy() (NULL allowed). */
enum fg_status fg_kept_create(struct fg_kept **out, size_t params, uint32_t clients,
                              struct fg_kept_rows rows) FG_NODISCARD;
void fg_kept_destroy(struct fg_kept *k);

/* What a task of the client begins with, into out (P): the state after its task kept - 1. Zeros if it is not here, or if
 * kept is 0. *reset: whether it should have been here. Errors: FG_E_NOMEM. */
enum fg_status fg_kept_begin(struct fg_kept *k, uint32_t client, uint32_t kept, float *out,
                             uint32_t *reset) FG_NODISCARD;

/* The state after task `number` of the client; in place of one after the same begin that was not counted on.
 * Shapes: state (P). Errors: FG_E_NOMEM. */
enum fg_status fg_kept_end(struct fg_kept *k, uint32_t client, uint32_t number,
                           const float *state) FG_NODISCARD;

/* Before a save: what is counted on (clients; as fg_task.kept) goes into the rows. What tasks under way came to stays. */
void fg_kept_settle(struct fg_kept *k, const uint32_t *counted);

/* After the rows were read again: they are what is counted on. Only with rows. */
void fg_kept_restore(struct fg_kept *k, const uint32_t *counted);

#endif
