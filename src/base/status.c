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

enum fg_status fg_fail(struct fg_err *err, enum fg_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[sizeof err->text];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        clean(text);
        memcpy(err->text, text, sizeof text);
    }
    return st;
}

enum fg_status fg_fail_prefix(struct fg_err *err, enum fg_status st, const char *fmt, ...)
{
    if (err != NULL) {
        char text[sizeof err->text];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof text - 3) {
            size_t used = (size_t)n;
            text[used++] = ':';
            text[used++] = ' ';
            size_t rest = strnlen(err->text, sizeof text - used - 1);
            memcpy(text + used, err->text, rest);
            text[used + rest] = '\0';
        }
        clean(text);
        memcpy(err->text, text, sizeof text);
    }
    return st;
}

void fg_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "forage: %s:%d: contract broken: %s\n", file, line, cond);
    abort();
}
