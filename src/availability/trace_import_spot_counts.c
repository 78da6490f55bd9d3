/* Counts of running spot machines. Either JSON at a fixed spacing, {"metadata": {"gap_seconds": 300}, "data":
 * [0, 4, 3, ...]}, or lines TIME,COUNT or DATE,TIME,COUNT (a header is skipped), of which each holds until
 * the next, and the last only ends the one before it. Slot k of a pool is up while the count is k or more:
 * which machine was taken is not told. Sources of the forms: skypilot-org/spot-traces, uclasystem/bamboo. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/availability/trace_import_impl.h"
#include "src/base/mem.h"

#define SLOTS_MAX 100000
#define GAP_MAX 1e7

struct count {
    int64_t at;
    double machines;
};

struct reader {
    struct fg_lines lines;
    double unit_s;
    struct count *count;
    size_t n, cap;
    bool begun, dated;
};

/* Slots of n counts, each of which holds until the next; the last only ends the one before it. */
static enum fg_status add_slots(struct fg_trace_build *b, const struct count *count, size_t n,
                                const struct fg_import_options *o, struct fg_trace_head *head,
                                struct fg_err *err)
{
    enum fg_status st = FG_OK;
    double most = 0.0;
    for (size_t i = 0; i + 1 < n; i++) {
        most = count[i].machines > most ? count[i].machines : most;
    }
    /* work and rows grow with slots times samples: refuse what could only be a mistake */
    if (most * (double)n > 4e6) {
        return fg_fail(err, FG_E_INPUT, "%s: %g machines in %zu samples are too many", o->name, most, n - 1);
    }
    fg_trace_build_observe(b, count[0].at, count[n - 1].at);
    for (long long k = 1; st == FG_OK && k <= (long long)most; k++) {
        char name[64];
        uint32_t node;
        int64_t since = 0;
        bool up = false;
        int len = most < 2.0 ? snprintf(name, sizeof name, "%.40s", o->pool)
                             : snprintf(name, sizeof name, "%.40s-%02lld", o->pool, k);
        st = fg_trace_build_node(b, &node, name, (size_t)len);
        for (size_t i = 0; st == FG_OK && i < n; i++) {
            bool now = i + 1 < n && count[i].machines >= (double)k;
            if (up && !now) {
                st = fg_trace_build_add(b, node, since, count[i].at);
            }
            since = now && !up ? count[i].at : since;
            up = now;
        }
    }
    head->nested = head->nested || most > 1.0;
    return st;
}

static enum fg_status add_count(struct reader *r, int64_t at, double machines)
{
    enum fg_status st = FG_GROW(r->count, r->n, r->cap);
    if (st == FG_OK) {
        r->count[r->n++] = (struct count){at, machines};
    }
    return st;
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct reader *r = arg;
    struct fg_span f[3], time;
    char q[48];
    int64_t at;
    double machines;
    if (text[0] == '#') {
        return FG_OK;
    }
    bool first = !r->begun; /* that may be a header */
    r->begun = true;
    size_t n = fg_import_fields(text, len, ',', f, 3);
    if (n != 2 && n != 3) {
        return fg_lines_problem(&r->lines, r->lines.line,
                                "expected 2 or 3 columns (time,count or date,time,count), found %zu", n);
    }
    char both[48];
    time = f[0];
    if (n == 3 && f[0].len == 10 && f[1].len < sizeof both - 11) {
        memcpy(both, f[0].at, 10);
        both[10] = ' ';
        memcpy(both + 11, f[1].at, f[1].len);
        time = (struct fg_span){both, 11 + f[1].len};
    }
    if (!fg_import_time(time, r->unit_s, &at, &r->dated)) {
        return first ? FG_OK
                     : fg_lines_problem(&r->lines, r->lines.line, "expected a time, found '%s'",
                                        fg_span_quote(q, time));
    }
    if (fg_parse_f64(&machines, f[n - 1].at, f[n - 1].len) != FG_OK ||
        !(machines >= 0.0 && machines <= SLOTS_MAX)) {
        return fg_lines_problem(&r->lines, r->lines.line, "expected a count of 0 to %d, found '%s'",
                                SLOTS_MAX, fg_span_quote(q, f[n - 1]));
    }
    if (r->n > 0 && at < r->count[r->n - 1].at) {
        return fg_lines_problem(&r->lines, r->lines.line, "the time is before that of the line above");
    }
    return add_count(r, at, machines);
}

static enum fg_status read_lines(struct reader *r, const void *bytes, size_t len)
{
    enum fg_status st = fg_lines_feed(&r->lines, bytes, len);
    st = st == FG_OK ? fg_lines_end(&r->lines) : st;
    return st != FG_OK || r->n >= 2
               ? st
               : fg_lines_problem(&r->lines, 0, "expected two counts or more, found %zu", r->n);
}

/* When the i-th count begins, to the nearest second. */
static int64_t moment(size_t i, double gap_s)
{
    return (int64_t)floor((double)i * gap_s + 0.5);
}

static enum fg_status read_json(struct reader *r, const void *bytes, size_t len,
                                const struct fg_import_options *o, struct fg_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, 0, &why);
    const json_t *gap = json_object_get(json_object_get(root, "metadata"), "gap_seconds"),
                 *data = json_object_get(root, "data");
    enum fg_status st = FG_OK;
    double seconds = json_number_value(gap);
    if (root == NULL) {
        return fg_fail(err, FG_E_INPUT, "%s:%d: expected JSON: %s", o->name, why.line, why.text);
    }
    if (!json_is_array(data) || !(seconds >= 1.0 && seconds <= GAP_MAX)) {
        st = fg_fail(err, FG_E_INPUT,
                     "%s: expected metadata.gap_seconds of 1 or more and an array named data", o->name);
    }
    for (size_t i = 0; st == FG_OK && i < json_array_size(data); i++) {
        const json_t *v = json_array_get(data, i);
        if (!json_is_number(v) || json_number_value(v) < 0.0 || json_number_value(v) > SLOTS_MAX) {
            st =
                fg_fail(err, FG_E_INPUT, "%s: data[%zu]: expected a count of 0 to %d", o->name, i, SLOTS_MAX);
        } else {
            st = add_count(r, moment(i, seconds), json_number_value(v));
        }
    }
    st = st == FG_OK ? add_count(r, moment(json_array_size(data), seconds), 0.0) : st;
    json_decref(root);
    return st;
}

static enum fg_status read_counts(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                                  size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    struct reader r = {.lines = {.name = o->name, .take = take_line, .err = err}, .unit_s = o->unit_s};
    const char *first = bytes;
    size_t blank = 0;
    while (blank < len && memchr(" \t\r\n", first[blank], 4) != NULL) {
        blank++;
    }
    r.lines.arg = &r;
    bool json = blank == len || first[blank] == '{' || first[blank] == '[';
    enum fg_status st = json ? read_json(&r, bytes, len, o, err) : read_lines(&r, bytes, len);
    st = st == FG_OK && r.count != NULL ? add_slots(b, r.count, r.n, o, head, err) : st;
    fg_free(r.count);
    head->clock = r.dated ? FG_CLOCK_UTC : FG_CLOCK_ELAPSED;
    return st;
}

/* Counts of spot machines, as JSON or as lines TIME,COUNT; a file is a pool. */
const struct fg_trace_importer fg_trace_import_spot_counts = {"spot-counts", read_counts};
