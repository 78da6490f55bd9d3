/* Which client has which shards: a short list for each client, in the order in which they came.
 *
 * 4 bytes a client and 8 for each shard that somebody has. Nothing is ever taken away: a client keeps what
 * was shipped to it. Thread safety: one caller.
 */
#ifndef FG_PLANNER_HOLDINGS_H
#define FG_PLANNER_HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/bytes.h"
#include "src/base/status.h"
#include "src/base/str.h"

#define FG_NO_SHARD UINT32_MAX

struct fg_holdings {
    uint32_t clients, shards;
    uint32_t *last; /* (clients) 1 + the node that came last, 0 = none */
    struct fg_held {
        uint32_t client, shard;
        uint32_t before; /* 1 + the client's node before this one, 0 = none */
    } * node;            /* (n) */
    size_t n, cap;
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_holdings_fini(). */
enum fg_status fg_holdings_init(struct fg_holdings *h, uint32_t clients, uint32_t shards) FG_NODISCARD;
void fg_holdings_fini(struct fg_holdings *h);

/* Cost: O(shards that the client has), as the two below. */
bool fg_holdings_has(const struct fg_holdings *h, uint32_t client, uint32_t shard);

/* The client got the shard; nothing happens if it has it. Errors: FG_E_NOMEM. */
enum fg_status fg_holdings_add(struct fg_holdings *h, uint32_t client, uint32_t shard) FG_NODISCARD;

/* How many it has; the first `room` of them, newest first, into out. */
size_t fg_holdings_of(const struct fg_holdings *h, uint32_t client, uint32_t *out, size_t room);

enum fg_status fg_holdings_save(const struct fg_holdings *h, struct fg_str *out) FG_NODISCARD;

/* Into an empty one; what is wrong makes the reader bad. Errors: FG_E_NOMEM. */
enum fg_status fg_holdings_load(struct fg_holdings *h, struct fg_reader *in) FG_NODISCARD;

#endif
