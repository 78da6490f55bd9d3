#include "src/availability/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/str.h"

void fg_problems_fini(struct fg_problems *p)
{
    fg_str_fini(&p->text);
    p->count = 0;
}

enum fg_status fg_lines_problem(struct fg_lines *ls, size_t line, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (ls->all == NULL) {
        return line != 0 ? fg_fail(ls->err, FG_E_INPUT, "%s:%zu: %s", ls->name, line, text)
                         : fg_fail(ls->err, FG_E_INPUT, "%s: %s", ls->name, text);
    }
    if (++ls->all->count > FG_PROBLEMS_SHOWN) {
        return FG_OK;
    }
    return line != 0 ? fg_str_addf(&ls->all->text, "%s:%zu: %s\n", ls->name, line, text)
                     : fg_str_addf(&ls->all->text, "%s: %s\n", ls->name, text);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum fg_status one_line(struct fg_lines *ls, const char *text, size_t len)
{
    ls->line++;
    if (len != 0 && text[len - 1] == '\r') {
        len--;
    }
    size_t mark = ls->line == 1 ? fg_utf8_mark(text, len) : 0;
    text += mark;
    len -= mark;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return fg_lines_problem(ls, ls->line, "byte 0x%02X in column %zu: not a text file?", c, i + 1);
        }
    }
    size_t lead = 0;
    while (lead < len && blank(text[lead])) {
        lead++;
    }
    return lead == len ? FG_OK : ls->take(ls->arg, text, len);
}

static enum fg_status finish_line(struct fg_lines *ls, const char *text, size_t len)
{
    if (!ls->overlong) {
        return one_line(ls, text, len);
    }
    ls->overlong = false;
    ls->line++;
    return fg_lines_problem(ls, ls->line, "line longer than %d bytes", FG_LINE_MAX);
}

enum fg_status fg_lines_feed(struct fg_lines *ls, const void *bytes, size_t len)
{
    const char *at = bytes, *end = at + len;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t part = (size_t)((newline != NULL ? newline : end) - at);
        enum fg_status st = FG_OK;
        if (newline != NULL && ls->len == 0 && !ls->overlong && part <= FG_LINE_MAX) {
            st = one_line(ls, at, part); /* the common case: no copy */
        } else {
            if (part > FG_LINE_MAX - ls->len) {
                ls->overlong = true;
                ls->len = 0;
            } else if (!ls->overlong && part != 0) {
                memcpy(ls->buf + ls->len, at, part);
                ls->len += part;
            }
            if (newline != NULL) {
                size_t whole = ls->len;
                ls->len = 0;
                st = finish_line(ls, ls->buf, whole);
            }
        }
        if (st != FG_OK) {
            return st;
        }
        at += part + (newline != NULL);
    }
    return FG_OK;
}

enum fg_status fg_lines_end(struct fg_lines *ls)
{
    size_t whole = ls->len;
    ls->len = 0;
    return whole == 0 && !ls->overlong ? FG_OK : finish_line(ls, ls->buf, whole);
}

struct fg_span fg_span_trim(const char *at, size_t len)
{
    while (len != 0 && blank(at[0])) {
        at++;
        len--;
    }
    while (len != 0 && blank(at[len - 1])) {
        len--;
    }
    return (struct fg_span){at, len};
}

bool fg_lines_key(const char *text, size_t len, struct fg_span *key, struct fg_span *value)
{
    struct fg_span all = fg_span_trim(text, len);
    if (all.len == 0 || all.at[0] != '#') {
        return false;
    }
    all = fg_span_trim(all.at + 1, all.len - 1);
    size_t n = 0;
    while (n < all.len) {
        char c = all.at[n];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-' || c == '.')) {
            break;
        }
        n++;
    }
    if (n == 0 || n == all.len || all.at[n] != ':') {
        return false;
    }
    *key = (struct fg_span){all.at, n};
    *value = fg_span_trim(all.at + n + 1, all.len - n - 1);
    return true;
}

bool fg_span_is(struct fg_span s, const char *word)
{
    return strlen(word) == s.len && memcmp(s.at, word, s.len) == 0;
}

size_t fg_lines_fields(const char *text, size_t len, struct fg_span *field, size_t max)
{
    size_t n = 0, from = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || text[i] == ',') {
            if (n < max) {
                field[n] = fg_span_trim(text + from, i - from);
            }
            n++;
            from = i + 1;
        }
    }
    return n;
}

const char *fg_span_quote(char buf[48], struct fg_span s)
{
    size_t n = s.len < 40 ? s.len : 40;
    for (size_t i = 0; i < n; i++) {
        buf[i] = s.at[i] >= ' ' && s.at[i] <= '~' ? s.at[i] : '?';
    }
    memcpy(buf + n, s.len > n ? "..." : "", s.len > n ? 4 : 1);
    return buf;
}
