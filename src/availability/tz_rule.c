#include "src/availability/tz_rule.h"

#include "src/base/calendar.h"

struct cursor {
    const char *at, *end;
};

static bool peek(const struct cursor *c, char what)
{
    return c->at < c->end && *c->at == what;
}

static bool take(struct cursor *c, char what)
{
    if (!peek(c, what)) {
        return false;
    }
    c->at++;
    return true;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "CET" or "<+03>". */
static bool take_name(struct cursor *c)
{
    const char *from = c->at;
    if (take(c, '<')) {
        while (c->at < c->end && *c->at != '>') {
            c->at++;
        }
        return take(c, '>') && c->at - from >= 5;
    }
    while (c->at < c->end && letter(*c->at)) {
        c->at++;
    }
    return c->at - from >= 3;
}

static bool take_int(struct cursor *c, int max, int *out)
{
    int v = 0, n = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && n < 4) {
        v = v * 10 + (*c->at++ - '0');
        n++;
    }
    *out = v;
    return n > 0 && v <= max;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(struct cursor *c, int max_hours, int32_t *out_s)
{
    int h, m = 0, s = 0;
    bool minus = take(c, '-');
    if (!minus) {
        take(c, '+');
    }
    if (!take_int(c, max_hours, &h) || (take(c, ':') && !take_int(c, 59, &m)) ||
        (take(c, ':') && !take_int(c, 59, &s))) {
        return false;
    }
    int32_t all = (h * 60 + m) * 60 + s;
    *out_s = minus ? -all : all;
    return true;
}

static bool take_change(struct cursor *c, struct fg_tz_change *ch)
{
    bool ok;
    if (!take(c, ',')) {
        return false;
    }
    if (take(c, 'M')) {
        ch->form = 'M';
        ok = take_int(c, 12, &ch->month) && ch->month >= 1 && take(c, '.') && take_int(c, 5, &ch->week) &&
             ch->week >= 1 && take(c, '.') && take_int(c, 6, &ch->day);
    } else if (take(c, 'J')) {
        ch->form = 'J';
        ok = take_int(c, 365, &ch->day) && ch->day >= 1;
    } else {
        ch->form = 'N';
        ok = take_int(c, 365, &ch->day);
    }
    ch->time_s = 2 * 3600;
    return ok && (!take(c, '/') || take_time(c, 167, &ch->time_s));
}

bool fg_tz_rule_parse(struct fg_tz_rule *rule, const char *text, size_t len)
{
    struct cursor c = {text, text + len};
    struct fg_tz_rule r = {0};
    int32_t west;
    if (!take_name(&c) || !take_time(&c, 24, &west)) {
        return false;
    }
    r.std_s = -west; /* POSIX counts west as positive */
    if (c.at < c.end) {
        r.has_dst = true;
        r.dst_s = r.std_s + 3600;
        if (!take_name(&c)) {
            return false;
        }
        if (!peek(&c, ',')) {
            if (!take_time(&c, 24, &west)) {
                return false;
            }
            r.dst_s = -west;
        }
        if (!take_change(&c, &r.to_dst) || !take_change(&c, &r.to_std)) {
            return false;
        }
    }
    if (c.at != c.end) {
        return false;
    }
    *rule = r;
    return true;
}

static bool leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The moment of a change in a year, in UTC; `before_s` is the offset in force until then. */
static int64_t moment(const struct fg_tz_change *ch, int64_t year, int32_t before_s)
{
    int64_t day;
    if (ch->form == 'M') {
        int64_t month_begin = fg_days_from_date(year, ch->month, 1);
        int64_t month_end =
            ch->month == 12 ? fg_days_from_date(year + 1, 1, 1) : fg_days_from_date(year, ch->month + 1, 1);
        int sunday_is_0 = (fg_weekday(month_begin) + 1) % 7;
        day = month_begin + (ch->day - sunday_is_0 + 7) % 7 + 7 * (ch->week - 1);
        if (day >= month_end) {
            day -= 7; /* week 5 means the last one */
        }
    } else {
        day = fg_days_from_date(year, 1, 1) + ch->day;
        if (ch->form == 'J') {
            day -= !(leap(year) && ch->day >= 60); /* J60 is 1 March in every year */
        }
    }
    return day * FG_DAY_S + ch->time_s - before_s;
}

int32_t fg_tz_rule_offset(const struct fg_tz_rule *rule, int64_t utc_s, int64_t *until_s)
{
    const int64_t far = INT64_C(1) << 55; /* beyond a thousand million years the calendar is of no use */
    if (!rule->has_dst || utc_s > far || utc_s < -far) {
        *until_s = INT64_MAX;
        return rule->std_s;
    }
    int64_t year, last = INT64_MIN, next = INT64_MAX;
    int month, day;
    int32_t offset = rule->std_s;
    fg_date_from_days(fg_floor_div(utc_s, FG_DAY_S), &year, &month, &day);
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t at[2] = {moment(&rule->to_dst, y, rule->std_s), moment(&rule->to_std, y, rule->dst_s)};
        for (int i = 0; i < 2; i++) {
            /* of two at one moment the later one holds: summer time all year ends as it begins again */
            if (at[i] <= utc_s && at[i] >= last) {
                last = at[i];
                offset = i == 0 ? rule->dst_s : rule->std_s;
            } else if (at[i] > utc_s && at[i] < next) {
                next = at[i];
            }
        }
    }
    *until_s = next;
    return offset;
}
