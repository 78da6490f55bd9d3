/* The POSIX TZ rule, such as "CET-1CEST,M3.5.0,M10.5.0/3", that ends a TZif file.
 * The form is that of POSIX.1, 8.3, with the extensions of RFC 8536, 3.3.1.
 * Thread safety: pure functions. */
#ifndef FG_AVAILABILITY_TZ_RULE_H
#define FG_AVAILABILITY_TZ_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fg_tz_change {
    char form; /* 'M' month.week.day, 'J' day 1..365 without leap days, 'N' day 0..365 */
    int month, week, day;
    int32_t time_s; /* local time of the change, -167 h to 167 h */
};

struct fg_tz_rule {
    int32_t std_s, dst_s; /* seconds east of UTC */
    bool has_dst;
    struct fg_tz_change to_dst, to_std;
};

/* False if text is no such rule. */
bool fg_tz_rule_parse(struct fg_tz_rule *rule, const char *text, size_t len);

/* As fg_tz_offset(). */
int32_t fg_tz_rule_offset(const struct fg_tz_rule *rule, int64_t utc_s, int64_t *until_s);

#endif
