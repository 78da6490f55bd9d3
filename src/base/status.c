#include "src/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/str.h"

const char *fg_status_text(enum fg_status st)
{
    switch (st) {
#define X(name, value, text) \
    case FG_##name:          \
        return text;
        FG_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

int fg_status_exit_code(enum fg_status st)
{
    switch (st) {
    case FG_OK:
        return 0;
    case FG_E_INTERRUPTED:
        return 75;
    case FG_E_USAGE:
    case FG_E_CONFIG:
    case FG_E_INPUT:
    case FG_E_MISSING:
    case FG_E_BUSY:
    case FG_E_CORRUPT:
    case FG_E_VERSION:
    case FG_E_UNSUPPORTED:
        return 2;
    default:
        return 1;
    }
}

/* What is quoted of a file may be any bytes: those that a terminal or JSON would take amiss become '?'. */
static void clean(char *text)
{
    for (size_t n; *text != '\0'; text += n) {
        n = fg_utf8(text);
        if (n == 0 || ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 127) {
            *text = '?';
            n = 1;
        }
    }
}

/* A path is as long as it likes, and what went wrong stands behind it. */
enum { TEXT_MOST = 8192 };

/* What is longer than a message is lacks its middle. */
static void keep(struct fg_err *err, char *text)
{
    static const char gap[] = " ... ";
    const size_t most = sizeof err->text - 1;
    clean(text);
    size_t len = strlen(text);
    if (len > most) {
        size_t head = fg_utf8_span(text, most / 4), at = len - (most - head - (sizeof gap - 1));
        while (fg_utf8(text + at) == 0) {
            at++;
        }
        memcpy(text + head, gap, sizeof gap - 1);
        memmove(text + head + sizeof gap - 1, text + at, len - at + 1);
        len = strlen(text);
    }
    memcpy(err->text, text, len + 1);
}

enum fg_status fg_fail(struct fg_err *err, enum fg_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[TEXT_MOST];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        keep(err, text);
    }
    return st;
}

enum fg_status fg_fail_prefix(struct fg_err *err, enum fg_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[TEXT_MOST];
        const size_t room = sizeof text - sizeof err->text - 2;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, room, fmt, ap);
        va_end(ap);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, ": %s", err->text);
        keep(err, text);
    }
    return st;
}

void fg_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "forage: %s:%d: contract broken: %s\n", file, line, cond);
    abort();
}
