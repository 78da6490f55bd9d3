/* Time: one signed 64-bit count of microseconds, for virtual time, wall time and durations alike. */
#ifndef FG_BASE_TIME_H
#define FG_BASE_TIME_H

#include <stdint.h>

typedef int64_t fg_time_t; /* microseconds; absolute times count from 1970-01-01T00:00:00Z */

#define FG_SECOND ((fg_time_t)1000000)
#define FG_HOUR (3600 * FG_SECOND)
#define FG_DAY (24 * FG_HOUR)
#define FG_NEVER INT64_MAX

/* Seconds as a double, and back (rounded to the nearest microsecond, saturating). */
double fg_seconds(fg_time_t t);
fg_time_t fg_from_seconds(double s);

#endif
