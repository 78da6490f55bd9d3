/* The calendar: days, ISO 8601 times, and the same season and weekday in another year.
 *
 * Seconds count from 1970-01-01T00:00:00Z without leap seconds; the calendar is the proleptic Gregorian one.
 * Thread safety: pure functions.
 */
#ifndef FG_BASE_CALENDAR_H
#define FG_BASE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

#define FG_DAY_S INT64_C(86400)
#define FG_WEEK_S (7 * FG_DAY_S)

/* Days from 1970-01-01 to a date (month 1..12, day 1..31; later days run into the next month), and back. */
int64_t fg_days_from_date(int64_t year, int month, int day);
void fg_date_from_days(int64_t days, int64_t *year, int *month, int *day);

/* 0 = Monday .. 6 = Sunday. */
int fg_weekday(int64_t days);

/* floor(a / b) for b > 0. */
static inline int64_t fg_floor_div(int64_t a, int64_t b) /* inline: b is mostly a constant */
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

/* Read "YYYY-MM-DDTHH:MM:SSZ", "YYYY-MM-DDTHH:MMZ" or "YYYY-MM-DD" (midnight UTC), years 1900 to 2199.
 * Errors: FG_E_INPUT if it is anything else or no such day. */
enum fg_status fg_iso_parse(int64_t *utc_s, const char *text, size_t len) FG_NODISCARD;

/* Write "YYYY-MM-DDTHH:MM:SSZ" (20 characters and a NUL for years 0..9999). */
void fg_iso_format(char out[32], int64_t utc_s);

/* The whole weeks, in seconds, to add to t so that it falls in [w0, w1) as near as possible to the same day
 * of the year on the same weekday; 0 if t lies in the window itself; of equally near ones the smallest shift.
 * *distance_s (may be NULL) is how far from the same day of the (mean Gregorian) year it lands; at most
 * half a week where the window holds that season. False if no moment a whole number of weeks away lies in the
 * window (windows of a week or more always have one).
 * Cost: one step a week of the window. */
bool fg_week_shift(int64_t t, int64_t w0, int64_t w1, int64_t *shift_s, int64_t *distance_s);

#endif
