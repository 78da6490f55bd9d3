/* The codec state of clients: a vector that a client keeps from task to task (codec.h), such as the part of
 * its updates that was not sent yet. A worker holds those of the clients it trained last, a simulation all.
 *
 * A state's name is a hash of its bytes (XXH3-64, never 0). Each task says by name which state it goes on
 * from (fg_task.kept), because not every update counts in the end, and a task that was computed twice may
 * have left different states with two holders. So two states are held for each client: the one that its last
 * task started from, and the one that this task left.
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_KEPT_H
#define FG_WORKER_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_kept;

/* The caller's memory for the states that the aggregator counts on, if the caller saves them (compare
 * fg_rule_rows). NULLs: they are in memory of its own. */
struct fg_kept_rows {
    float *row;       /* (clients, P) */
    uint8_t *changed; /* (clients) set to 1 where a row is written; the caller clears it */
};

/* Shapes: states of P floats; clients: with rows their number, else 0 for as many as come.
 * Errors: FG_E_NOMEM. Owner: the caller, fg_kept_destroy() (NULL allowed). */
enum fg_status fg_kept_create(struct fg_kept **out, size_t params, uint32_t clients,
                              struct fg_kept_rows rows) FG_NODISCARD;
void fg_kept_destroy(struct fg_kept *k);

/* Copy the state of that name into out (P), for a task of the client to start from: zeros if kept is 0, or if
 * the state is not here. *reset: it should have been here. Errors: FG_E_NOMEM. */
enum fg_status fg_kept_begin(struct fg_kept *k, uint32_t client, uint64_t kept, float *out,
                             uint32_t *reset) FG_NODISCARD;

/* Hold the state that the client's task left, in place of one that no later task started from; *name out: its
 * name.
 * Shapes: state (P). Cost: one pass. Errors: FG_E_NOMEM. */
enum fg_status fg_kept_end(struct fg_kept *k, uint32_t client, const float *state,
                           uint64_t *name) FG_NODISCARD;

/* Before a save: put the states that the aggregator counts on (clients; names, or 0) into the rows. States
 * that tasks under way have left stay beside them. */
void fg_kept_settle(struct fg_kept *k, const uint64_t *counted);

/* After a load: the rows hold the states of these names. Only with rows. */
void fg_kept_restore(struct fg_kept *k, const uint64_t *counted);

#endif
