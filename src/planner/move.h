/* Which shard each of those who train works on: what shipping costs against what the shard lacks.
 *
 * Targets belong to shards. `lack` says how many updates a shard is behind its share; training on it is worth
 *
 *     survives x worth x (1 + lack)        grams,
 *
 * a shard that is not there costs what shipping it emits, spread over the uses that are to be expected of it,
 * and must lack `margin` updates more than one that is there. Each shard is given out at most once. The best
 * such assignment is found (shortest augmenting paths), up to FG_MOVE_BLOCK picks and FG_MOVE_WIDE shards
 * at a time: more picks in blocks, more shards by their lack. doc/algorithms/movable.md. Thread safety: pure.
 */
#ifndef FG_PLANNER_MOVE_H
#define FG_PLANNER_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/planner/holdings.h"

enum { FG_MOVE_BLOCK = 64, FG_MOVE_WIDE = 512, FG_MOVE_HELD = 8 };

struct fg_move_problem {
    uint32_t shards;
    const uint32_t *client; /* (n) who trains, no one twice */
    const double *survives; /* (n) chance that the update comes back, 0..1 */
    const double *uses;     /* (n) trainings that are still to come of the client, this one included, >= 1 */
    const double *lack;     /* (shards) updates behind its share; negative: ahead */
    const uint8_t *taken;   /* (shards) 1 = under way elsewhere; NULL = none */
    const struct fg_holdings *have;
    /* A plan has it sent there anyway: it counts as there already. NULL = nothing is. */
    bool (*planned)(const void *arg, uint32_t client, uint32_t shard);
    /* Grams of shipping the shard to the client; INFINITY where it may not go, or takes too long. */
    double (*ship_g)(const void *arg, uint32_t client, uint32_t shard);
    const void *arg;
    double worth_g; /* of an update on a shard that has its share */
    double margin;  /* updates */
};

/* What it is worth, in grams, that client number k trains on the shard; -INFINITY where it cannot. */
double fg_move_gain(const struct fg_move_problem *p, size_t k, uint32_t shard);

/* Shapes: shard (n) out, FG_NO_SHARD for a client to which no shard may go.
 * Cost:   O(n FG_MOVE_BLOCK FG_MOVE_WIDE + shards log shards). Errors: FG_E_NOMEM. */
enum fg_status fg_move_assign(uint32_t *shard, size_t n, const struct fg_move_problem *p) FG_NODISCARD;

#endif
