#include "src/base/str.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

enum { PIECE = 1 << 16 }; /* chosen: bytes that go to a sink at a time */

void fg_str_fini(struct fg_str *s)
{
    fg_free(s->data);
    s->data = NULL;
    s->len = s->cap = 0;
}

static enum fg_status reserve(struct fg_str *s, size_t more)
{
    if (s->cap - s->len > more) {
        return FG_OK;
    }
    size_t cap = s->cap < 64 ? 64 : s->cap;
    while (cap - s->len <= more) {
        if (cap > SIZE_MAX / 4) {
            return FG_E_NOMEM;
        }
        cap *= 2;
    }
    enum fg_status st = fg_realloc(&s->data, cap, 1);
    if (st == FG_OK) {
        s->cap = cap;
    }
    return st;
}

enum fg_status fg_str_flush(struct fg_str *s)
{
    enum fg_status st = s->len > 0 ? s->sink->take(s->sink, s->data, s->len) : FG_OK;
    s->len = 0;
    return st;
}

enum fg_status fg_str_add(struct fg_str *s, const void *bytes, size_t len)
{
    if (s->sink != NULL && s->len + len > PIECE) {
        enum fg_status flushed = fg_str_flush(s);
        if (flushed != FG_OK || len > PIECE) {
            return flushed == FG_OK ? s->sink->take(s->sink, bytes, len) : flushed;
        }
    }
    enum fg_status st = reserve(s, len);
    if (st == FG_OK) {
        if (len != 0) {
            memcpy(s->data + s->len, bytes, len);
        }
        s->len += len;
        s->data[s->len] = '\0';
    }
    return st;
}

size_t fg_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool longer = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90); /* than it had to be */
    bool none = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);   /* half a pair; too large */
    return n == 0 || p[0] == '\0' || longer || none ? 0 : n;
}

size_t fg_utf8_span(const char *text, size_t len)
{
    size_t at = 0, n = 1;
    while (at < len && n > 0) {
        char next[5] = ""; /* ends, as the text need not */
        memcpy(next, text + at, len - at < 4 ? len - at : 4);
        n = fg_utf8(next);
        at += n;
    }
    return at;
}

size_t fg_utf8_mark(const char *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

enum fg_status fg_str_addf(struct fg_str *s, const char *fmt, ...)
{
    va_list ap;
    size_t room = s->cap - s->len;
    va_start(ap, fmt);
    int n = vsnprintf(room > 0 ? s->data + s->len : NULL, room, fmt, ap); /* mostly there is room */
    va_end(ap);
    if (n >= 0 && (size_t)n < room) {
        s->len += (size_t)n;
        return FG_OK;
    }
    if (room > 0) {
        s->data[s->len] = '\0'; /* as before, should there be no memory */
    }
    enum fg_status st = n >= 0 ? reserve(s, (size_t)n) : FG_E_INTERNAL;
    if (st == FG_OK) {
        va_start(ap, fmt);
        vsnprintf(s->data + s->len, s->cap - s->len, fmt, ap);
        va_end(ap);
        s->len += (size_t)n;
    }
    return st;
}

enum fg_status fg_str_add_f64(struct fg_str *s, double x)
{
    char buf[40];
    if (isnan(x)) {
        return fg_str_add(s, "nan", 3); /* %g would show its sign */
    }
    if (fabs(x) < 1e15 && !(floor(x) < x) && !(floor(x) > x)) {
        return fg_str_addf(s, "%s%llu", signbit(x) ? "-" : "", (unsigned long long)fabs(x)); /* not 1e+06 */
    }
    /* A normal number that some shorter decimal stands for has that one as its first DBL_DIG digits, and %g
     * leaves the zeros behind it out. */
    for (int precision = fabs(x) >= DBL_MIN ? DBL_DIG : 1; precision <= DBL_DECIMAL_DIG; precision++) {
        double back;
        snprintf(buf, sizeof buf, "%.*g", precision, x);
        if (precision < DBL_DECIMAL_DIG && fg_parse_f64(&back, buf, strlen(buf)) == FG_OK && !(back < x) &&
            !(back > x)) {
            break;
        }
    }
    return fg_str_add(s, buf, strlen(buf));
}

/* strtoX need a NUL after the number; numbers longer than this are not numbers. */
enum { NUMBER_MAX = 63 };

static int copy_number(char *buf, const char *text, size_t len)
{
    if (len == 0 || len > NUMBER_MAX) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        int ok = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
        if (!ok) {
            return 0;
        }
    }
    memcpy(buf, text, len);
    buf[len] = '\0';
    return 1;
}

enum fg_status fg_parse_i64(int64_t *out, const char *text, size_t len)
{
    char buf[NUMBER_MAX + 1], *end;
    if (!copy_number(buf, text, len)) {
        return FG_E_INPUT;
    }
    errno = 0;
    long long v = strtoll(buf, &end, 10);
    if (end == buf || *end != '\0') {
        return FG_E_INPUT;
    }
    if (errno == ERANGE) {
        return FG_E_RANGE;
    }
    *out = v;
    return FG_OK;
}

enum fg_status fg_parse_u64(uint64_t *out, const char *text, size_t len)
{
    char buf[NUMBER_MAX + 1], *end;
    if (!copy_number(buf, text, len) || buf[0] == '-') {
        return FG_E_INPUT;
    }
    errno = 0;
    unsigned long long v = strtoull(buf, &end, 10);
    if (end == buf || *end != '\0') {
        return FG_E_INPUT;
    }
    if (errno == ERANGE) {
        return FG_E_RANGE;
    }
    *out = v;
    return FG_OK;
}

enum fg_status fg_parse_f64(double *out, const char *text, size_t len)
{
    char buf[NUMBER_MAX + 1], *end;
    if (!copy_number(buf, text, len)) {
        return FG_E_INPUT;
    }
    static locale_t c_locale;
    if (c_locale == (locale_t)0) {
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    errno = 0;
    double v = strtod_l(buf, &end, c_locale);
    if (end == buf || *end != '\0') {
        return FG_E_INPUT;
    }
    if (!isfinite(v)) {
        return FG_E_RANGE;
    }
    *out = v;
    return FG_OK;
}

unsigned fg_str_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    unsigned row[MAX + 1];
    size_t n = strnlen(a, MAX), m = strnlen(b, MAX);
    for (size_t j = 0; j <= m; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < other ? replace : other;
        }
    }
    return row[m];
}
