#include "src/availability/trace.h"

#include "src/availability/textfile.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/base/time.h"

void fg_trace_destroy(struct fg_trace *t)
{
    if (t == NULL) {
        return;
    }
    fg_free(t->name);
    fg_free(t->tz);
    fg_free(t->names);
    fg_free(t->name_at);
    fg_free(t->first);
    fg_free(t->start_s);
    fg_free(t->end_s);
    fg_free(t->before_s);
    fg_free(t->up_s);
    fg_free(t);
}

static enum fg_status feed(void *arg, const void *bytes, size_t len, struct fg_err *err)
{
    return fg_trace_reader_feed(arg, bytes, len, err);
}

/* From these bytes; NULL: from the file of this name. */
static enum fg_status read_trace(struct fg_trace **out, const char *name, const struct fg_span *bytes,
                                 struct fg_problems *all, struct fg_err *err)
{
    struct fg_trace_reader *r = NULL;
    enum fg_status st;
    FG_TRY(fg_trace_reader_create(&r, name, all));
    FG_TRY(bytes != NULL ? feed(r, bytes->at, bytes->len, err) : fg_textfile_read(name, feed, r, err));
    FG_TRY(fg_trace_reader_finish(r, out, err));
cleanup:
    fg_trace_reader_destroy(r);
    return st == FG_E_NOMEM ? fg_fail(err, st, "%s: out of memory", name) : st;
}

enum fg_status fg_trace_parse(struct fg_trace **out, const char *name, const void *bytes, size_t len,
                              struct fg_problems *all, struct fg_err *err)
{
    return read_trace(out, name, &(struct fg_span){bytes, len}, all, err);
}

enum fg_status fg_trace_load(struct fg_trace **out, const char *path, struct fg_problems *all,
                             struct fg_err *err)
{
    return read_trace(out, path, NULL, all, err);
}

const char *fg_trace_node_name(const struct fg_trace *t, uint32_t node)
{
    FG_ASSERT(node < t->nodes);
    return t->names + t->name_at[node];
}

uint32_t fg_trace_find_us(const struct fg_trace *t, uint32_t node, int64_t t_us)
{
    int64_t s = fg_floor_div(t_us, FG_SECOND); /* bounds are whole seconds: end > t is end_s > s */
    uint32_t lo = t->first[node], n = t->first[node + 1] - lo;
    while (n > 1) { /* both halves are as likely: a choice of values is cheaper here than one of ways */
        uint32_t half = n / 2;
        lo = (int64_t)t->end_s[lo + half - 1] <= s ? lo + half : lo;
        n -= half;
    }
    return n == 1 && (int64_t)t->end_s[lo] <= s ? lo + 1 : lo;
}

/* Seconds to microseconds, saturating: queries may ask about any int64. */
static int64_t to_us(int64_t s)
{
    if (s > INT64_MAX / FG_SECOND) {
        return INT64_MAX;
    }
    return s < INT64_MIN / FG_SECOND ? INT64_MIN : s * FG_SECOND;
}

bool fg_trace_is_up(const struct fg_trace *t, uint32_t node, int64_t t_s)
{
    uint32_t i = fg_trace_find_us(t, node, to_us(t_s));
    return i < t->first[node + 1] && (int64_t)t->start_s[i] <= t_s;
}

/* Up time in [0, t). */
static int64_t up_before(const struct fg_trace *t, uint32_t node, int64_t t_us)
{
    uint32_t i = fg_trace_find_us(t, node, t_us);
    if (i == t->first[node + 1]) {
        return (int64_t)t->up_s[node] * FG_SECOND;
    }
    int64_t start = (int64_t)t->start_s[i] * FG_SECOND, before = (int64_t)t->before_s[i] * FG_SECOND;
    return t_us > start ? before + t_us - start : before;
}

int64_t fg_trace_up_us(const struct fg_trace *t, uint32_t node, int64_t t0_us, int64_t t1_us)
{
    return t1_us > t0_us ? up_before(t, node, t1_us) - up_before(t, node, t0_us) : 0;
}

int64_t fg_trace_up_seconds(const struct fg_trace *t, uint32_t node, int64_t t0_s, int64_t t1_s)
{
    return fg_trace_up_us(t, node, to_us(t0_s), to_us(t1_s)) / FG_SECOND;
}

double fg_trace_availability(const struct fg_trace *t, uint32_t node)
{
    return (double)t->up_s[node] / (double)t->span_s;
}

enum fg_status fg_trace_check(const struct fg_trace *t, struct fg_err *err)
{
    for (uint32_t n = 0; n < t->nodes; n++) {
        int64_t last = -1, up = 0;
        for (uint32_t i = t->first[n]; i < t->first[n + 1]; i++) {
            if ((int64_t)t->start_s[i] <= last || t->end_s[i] <= t->start_s[i] || t->before_s[i] != up ||
                (int64_t)t->end_s[i] > t->span_s) {
                return fg_fail(err, FG_E_INTERNAL, "%s: node %u, interval %u breaks an invariant", t->name, n,
                               i - t->first[n]);
            }
            last = t->end_s[i];
            up += t->end_s[i] - t->start_s[i];
        }
        if (t->first[n] == t->first[n + 1] || up != t->up_s[n]) {
            return fg_fail(err, FG_E_INTERNAL, "%s: node %u: up time does not add up", t->name, n);
        }
    }
    return FG_OK;
}
