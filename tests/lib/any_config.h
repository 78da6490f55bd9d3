/* A configuration of the aggregator core drawn at random, for property tests: any policy, rule,
 * plan of steps, movable data. */
#ifndef FG_TESTS_ANY_CONFIG_H
#define FG_TESTS_ANY_CONFIG_H

#include "src/aggregator/core.h"
#include "src/base/rng.h"

enum { ANY_CLIENTS = 12, ANY_PARAMS = 5 };

struct any_config {
    struct fg_aggregator_config cfg; /* borrows the arrays below; rule.rows is left to the test */
    bool plain;                      /* one of the first three policies, and weights that it leaves alone */
    uint32_t steps[ANY_CLIENTS], samples[ANY_CLIENTS];
    uint64_t shard_bytes[ANY_CLIENTS], allowed[ANY_CLIENTS];
};

void any_config(struct any_config *out, struct fg_rng *r, uint32_t seed);

#endif
