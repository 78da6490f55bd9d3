/* Where shards may not go: a mask of zones for each shard. The client whose data they are has them in any
 * case.
 *
 * File: CSV with comments, `shard,zone` a line: the shard (number of the client whose data it is, from 0) may
 * not be shipped into the zone; zone `*`: it may not leave. Thread safety: one caller.
 */
#ifndef FG_AVAILABILITY_BARS_H
#define FG_AVAILABILITY_BARS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum { FG_BARS_ZONES = 64 }; /* at most */

struct fg_bars {
    uint32_t shards;
    const char *const *zone; /* (zones) names */
    uint32_t zones;
    uint64_t *allowed; /* (shards) bit z: it may go to zone z */
};

/* No shard may go to the zones of this list, separated by commas and blanks.
 * Errors: FG_E_INPUT for a zone that does not exist. */
enum fg_status fg_bars_list(struct fg_bars *b, const char *list, struct fg_err *err) FG_NODISCARD;

/* The lines of a file; name is for messages. Errors: FG_E_INPUT naming the line. */
enum fg_status fg_bars_parse(struct fg_bars *b, const char *name, const void *bytes, size_t len,
                             struct fg_err *err) FG_NODISCARD;

#endif
