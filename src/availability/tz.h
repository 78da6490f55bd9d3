/* Time zones: the offset of local time from UTC at a moment, from the system's tz data or a fixed offset.
 *
 * Names are IANA names ("Europe/Berlin"), read from $TZDIR or /usr/share/zoneinfo (TZif version 2 or later,
 * RFC 8536, with its POSIX rule for the time after the last listed change), or fixed offsets ("UTC",
 * "+02:00", "UTC-3", "UTC+5:30"; east of Greenwich is positive), which need no tz data.
 * Thread safety: immutable once created; the process's own time zone is neither used nor changed.
 */
#ifndef FG_AVAILABILITY_TZ_H
#define FG_AVAILABILITY_TZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_tz;

/* Whether text looks like a zone name or an offset; says nothing about its being there. */
bool fg_tz_name_ok(const char *text, size_t len);

/* Whether this system has tz data, and they do not know the zone. Cost: opens a file or two. */
bool fg_tz_unknown(const char *name);

/* Errors: FG_E_INPUT for a name that cannot be one or damaged tz data, FG_E_MISSING for a zone that does not
 *         exist or a system without tz data (with the remedy). Owner: the caller, fg_tz_destroy(). */
enum fg_status fg_tz_create(struct fg_tz **out, const char *name, struct fg_err *err) FG_NODISCARD;

/* The same from the bytes of a TZif file. `name` is for messages. */
enum fg_status fg_tz_parse(struct fg_tz **out, const char *name, const void *bytes, size_t len,
                           struct fg_err *err) FG_NODISCARD;

void fg_tz_destroy(struct fg_tz *tz);

/* Seconds to add to UTC for local time at utc_s. *until_s (may be NULL) is the end of the time for which the
 * offset holds (the next change at the earliest); INT64_MAX if for ever. Cost: O(log changes). */
int32_t fg_tz_offset(const struct fg_tz *tz, int64_t utc_s, int64_t *until_s);

#endif
