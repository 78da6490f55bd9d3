#include "src/base/calendar.h"

#include <stdio.h>

/* Years begin in March here, so that the leap day is the last one; an era is 400 years. */
int64_t fg_days_from_date(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = fg_floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void fg_date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = fg_floor_div(days, 146097);
    int64_t d = days - era * 146097;
    int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

int fg_weekday(int64_t days)
{
    int64_t since_monday = days + 3; /* 1970-01-01 was a Thursday */
    return (int)(since_monday - fg_floor_div(since_monday, 7) * 7);
}

/* A number of exactly n digits at text[at]; -1 if there is none. */
static int digits(const char *text, size_t len, size_t at, size_t n)
{
    int v = 0;
    if (at + n > len) {
        return -1;
    }
    for (size_t i = at; i < at + n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        v = v * 10 + (text[i] - '0');
    }
    return v;
}

enum fg_status fg_iso_parse(int64_t *utc_s, const char *text, size_t len)
{
    int year = digits(text, len, 0, 4), month = digits(text, len, 5, 2), day = digits(text, len, 8, 2);
    int hour = 0, minute = 0, second = 0;
    if (year < 1900 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31 || text[4] != '-' ||
        text[7] != '-') {
        return FG_E_INPUT;
    }
    if (len == 17 || len == 20) {
        hour = digits(text, len, 11, 2);
        minute = digits(text, len, 14, 2);
        second = len == 20 ? digits(text, len, 17, 2) : 0;
        if (text[10] != 'T' || text[13] != ':' || (len == 20 && text[16] != ':') || text[len - 1] != 'Z' ||
            hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
            return FG_E_INPUT;
        }
    } else if (len != 10) {
        return FG_E_INPUT;
    }
    int64_t days = fg_days_from_date(year, month, day), y;
    int m, d;
    fg_date_from_days(days, &y, &m, &d);
    if (d != day || m != month) {
        return FG_E_INPUT; /* 30 February */
    }
    *utc_s = days * FG_DAY_S + hour * 3600 + minute * 60 + second;
    return FG_OK;
}

void fg_iso_format(char out[32], int64_t utc_s)
{
    int64_t days = fg_floor_div(utc_s, FG_DAY_S), year;
    int of_day = (int)(utc_s - days * FG_DAY_S), month, day;
    fg_date_from_days(days, &year, &month, &day);
    int shown = year < 0 ? 0 : year > 9999 ? 9999 : (int)year;
    snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", shown, month, day, of_day / 3600, of_day / 60 % 60,
             of_day % 60);
}

/* How far a shift is from a whole number of mean Gregorian years (365.2425 days). */
static int64_t from_whole_years(int64_t shift_s)
{
    const int64_t year_s = 31556952;
    int64_t rest = shift_s - fg_floor_div(shift_s, year_s) * year_s;
    return rest < year_s - rest ? rest : year_s - rest;
}

bool fg_week_shift(int64_t t, int64_t w0, int64_t w1, int64_t *shift_s, int64_t *distance_s)
{
    bool found = false;
    int64_t best = 0, best_distance = 0;
    for (int64_t s = -fg_floor_div(t - w0, FG_WEEK_S) * FG_WEEK_S; t + s < w1; s += FG_WEEK_S) {
        int64_t distance = from_whole_years(s), size = s < 0 ? -s : s, best_size = best < 0 ? -best : best;
        if (!found || distance < best_distance || (distance == best_distance && size < best_size)) {
            found = true;
            best = s;
            best_distance = distance;
        }
    }
    if (found) {
        *shift_s = best;
        if (distance_s != NULL) {
            *distance_s = best_distance;
        }
    }
    return found;
}
