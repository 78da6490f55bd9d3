#include "src/availability/bars.h"

#include <string.h>

#include "src/availability/lines.h"

/* Its number, or b->zones. */
static uint32_t find(const struct fg_bars *b, struct fg_span name)
{
    uint32_t z = 0;
    while (z < b->zones && !fg_span_is(name, b->zone[z])) {
        z++;
    }
    return z;
}

enum fg_status fg_bars_list(struct fg_bars *b, const char *list, struct fg_err *err)
{
    static const char gaps[] = ", \t\n";
    for (const char *at = list + strspn(list, gaps); *at != '\0';) {
        struct fg_span name = {at, strcspn(at, gaps)};
        uint32_t z = find(b, name);
        char quoted[48];
        if (z == b->zones) {
            return fg_fail(err, FG_E_INPUT, "expected a zone of carbon.traces, found '%s'",
                           fg_span_quote(quoted, name));
        }
        for (uint32_t i = 0; i < b->shards; i++) {
            b->allowed[i] &= ~((uint64_t)1 << z);
        }
        at += name.len;
        at += strspn(at, gaps);
    }
    return FG_OK;
}

struct reading {
    struct fg_bars *b;
    struct fg_lines lines;
};

static bool number(uint32_t *out, struct fg_span s, uint32_t below)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9' || v >= below) {
            return false;
        }
        v = 10 * v + (uint64_t)(s.at[i] - '0');
    }
    *out = (uint32_t)v;
    return s.len > 0 && v < below;
}

static enum fg_status take(void *arg, const char *text, size_t len)
{
    struct reading *r = arg;
    struct fg_bars *b = r->b;
    struct fg_span f[2];
    char quoted[48];
    uint32_t shard;
    if (text[0] == '#') {
        return FG_OK;
    }
    if (fg_lines_fields(text, len, f, 2) != 2) {
        return fg_lines_problem(&r->lines, r->lines.line, "expected shard,zone");
    }
    if (r->lines.line == 1 && fg_span_is(f[0], "shard")) {
        return FG_OK;
    }
    if (!number(&shard, f[0], b->shards)) {
        return fg_lines_problem(&r->lines, r->lines.line, "shard: expected 0 to %u, found '%s'",
                                b->shards - 1, fg_span_quote(quoted, f[0]));
    }
    uint32_t z = find(b, f[1]);
    if (fg_span_is(f[1], "*")) {
        b->allowed[shard] = 0;
    } else if (z < b->zones) {
        b->allowed[shard] &= ~((uint64_t)1 << z);
    } else {
        return fg_lines_problem(&r->lines, r->lines.line,
                                "zone: expected * or a zone of carbon.traces, found '%s'",
                                fg_span_quote(quoted, f[1]));
    }
    return FG_OK;
}

enum fg_status fg_bars_parse(struct fg_bars *b, const char *name, const void *bytes, size_t len,
                             struct fg_err *err)
{
    struct reading r = {.b = b, .lines = {.name = name, .err = err, .take = take}};
    r.lines.arg = &r;
    enum fg_status st = fg_lines_feed(&r.lines, bytes, len);
    return st == FG_OK ? fg_lines_end(&r.lines) : st;
}
