/* The reader of availability traces: comment keys, header, rows, and the table built from them. */
#include <string.h>

#include "src/availability/trace.h"
#include "src/availability/tz.h"
#include "src/base/calendar.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

#define SECONDS_MAX INT64_C(4000000000) /* 126 years; fits uint32_t */
#define NODE_NAME_MAX 63

struct row {
    uint32_t node, start, end;
};

struct node {
    uint32_t last_end;
    uint32_t rows;
    size_t last_line;
};

/* Keys that may be given once; the value's line is kept to name it. */
enum key {
    KEY_CLOCK,
    KEY_ZERO,
    KEY_TZ,
    KEY_STARTED,
    KEY_NESTED,
    KEY_ENDS,
    KEY_ZONE,
    KEY_COUNTS,
    KEY_SPAN,
    KEYS
};

static const char *const key_names[KEYS] = {"clock", "zero_utc",     "tz",    "started", "nested",
                                            "ends",  "zone_of_node", "nodes", "span_s"};

struct fg_trace_reader {
    struct fg_lines lines;
    char *name;
    struct fg_trace *t; /* what is known so far; arrays are built at the end */
    size_t key_line[KEYS];
    int64_t started_s;
    int64_t said_nodes, said_intervals; /* -1: not said */
    size_t header_line;
    struct row *rows;
    size_t n_rows, cap_rows;
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    uint32_t *name_at;
    size_t cap_name_at;
    struct fg_str names;
    uint32_t *table;   /* node + 1 by hash of its name; 0 = free */
    size_t table_size; /* a power of two */
    int64_t last_end;
    size_t last_end_line;
};

#define PROBLEM(...) fg_lines_problem(&r->lines, r->lines.line, __VA_ARGS__)

static enum fg_status parse_seconds(struct fg_trace_reader *r, const char *what, struct fg_span text,
                                    int64_t *out, bool *ok)
{
    char q[48];
    int64_t v = 0;
    enum fg_status st = fg_parse_i64(&v, text.at, text.len);
    *ok = false;
    if (st == FG_E_RANGE || (st == FG_OK && v > SECONDS_MAX)) {
        return PROBLEM("%s is too large: expected at most %lld, found '%s'", what, (long long)SECONDS_MAX,
                       fg_span_quote(q, text));
    }
    if (st != FG_OK) {
        return PROBLEM("%s: expected a whole number of seconds, found '%s'", what, fg_span_quote(q, text));
    }
    if (v < 0) {
        return PROBLEM("%s is negative: expected seconds after the trace's zero, found '%s'", what,
                       fg_span_quote(q, text));
    }
    *out = v;
    *ok = true;
    return FG_OK;
}

/* "384  intervals: 5010  span_s: 7862400  mean_availability: 0.7250", the rest of a `nodes:` line. */
static enum fg_status take_counts(struct fg_trace_reader *r, struct fg_span value)
{
    struct fg_span word[16];
    size_t n = 0;
    for (size_t i = 0; i < value.len && n < 16; n++) {
        while (i < value.len && (value.at[i] == ' ' || value.at[i] == '\t')) {
            i++;
        }
        size_t from = i;
        while (i < value.len && value.at[i] != ' ' && value.at[i] != '\t') {
            i++;
        }
        word[n] = (struct fg_span){value.at + from, i - from};
    }
    int64_t v;
    if (n == 0 || fg_parse_i64(&v, word[0].at, word[0].len) != FG_OK || v < 0) {
        char q[48];
        return PROBLEM("nodes: expected a whole number, found '%s'", fg_span_quote(q, value));
    }
    r->said_nodes = v;
    for (size_t i = 1; i + 1 < n; i += 2) {
        bool ok;
        if (fg_span_is(word[i], "intervals:")) {
            enum fg_status st = parse_seconds(r, "intervals", word[i + 1], &r->said_intervals, &ok);
            if (st != FG_OK) {
                return st;
            }
        } else if (fg_span_is(word[i], "span_s:")) {
            enum fg_status st = parse_seconds(r, "span_s", word[i + 1], &r->t->span_s, &ok);
            if (st != FG_OK) {
                return st;
            }
        }
    }
    return FG_OK;
}

static enum fg_status one_of(struct fg_trace_reader *r, enum key key, struct fg_span value, const char *yes,
                             const char *no, bool *out)
{
    char q[48];
    if (!fg_span_is(value, yes) && !fg_span_is(value, no)) {
        return PROBLEM("%s: expected %s or %s, found '%s'", key_names[key], yes, no, fg_span_quote(q, value));
    }
    *out = fg_span_is(value, yes);
    return FG_OK;
}

static enum fg_status take_date(struct fg_trace_reader *r, enum key key, struct fg_span value, int64_t *out)
{
    char q[48];
    return fg_iso_parse(out, value.at, value.len) == FG_OK
               ? FG_OK
               : PROBLEM("%s: expected a date or time such as 2024-09-01T00:00:00Z, found '%s'",
                         key_names[key], fg_span_quote(q, value));
}

static enum fg_status take_clock(struct fg_trace_reader *r, struct fg_span value)
{
    static const char *const names[] = {"", "utc", "local", "elapsed"};
    char q[48];
    for (int i = 1; i <= 3; i++) {
        if (fg_span_is(value, names[i])) {
            r->t->clock = (enum fg_clock)i;
            return FG_OK;
        }
    }
    return PROBLEM("clock: expected utc, local or elapsed, found '%s'", fg_span_quote(q, value));
}

static enum fg_status take_tz(struct fg_trace_reader *r, struct fg_span value)
{
    char q[48];
    if (!fg_tz_name_ok(value.at, value.len)) {
        return PROBLEM(
            "tz: expected an IANA name such as Europe/Berlin or an offset such as +02:00, found '%s'",
            fg_span_quote(q, value));
    }
    r->t->tz_line = r->lines.line;
    r->t->tz = fg_strndup(value.at, value.len);
    return r->t->tz != NULL ? FG_OK : FG_E_NOMEM;
}

static enum fg_status take_key(struct fg_trace_reader *r, struct fg_span name, struct fg_span value)
{
    size_t key = 0;
    while (key < KEYS && !fg_span_is(name, key_names[key])) {
        key++;
    }
    if (key == KEYS) {
        return FG_OK; /* prose, or a key of another program */
    }
    if (r->key_line[key] != 0) {
        return PROBLEM("%s is given twice, first in line %zu", key_names[key], r->key_line[key]);
    }
    r->key_line[key] = r->lines.line;
    bool ok;
    switch ((enum key)key) {
    case KEY_CLOCK:
        return take_clock(r, value);
    case KEY_ZERO:
        return take_date(r, KEY_ZERO, value, &r->t->zero_s);
    case KEY_STARTED:
        return take_date(r, KEY_STARTED, value, &r->started_s);
    case KEY_TZ:
        return take_tz(r, value);
    case KEY_NESTED:
        return one_of(r, KEY_NESTED, value, "yes", "no", &r->t->nested);
    case KEY_ENDS:
        return one_of(r, KEY_ENDS, value, "lower-bound", "exact", &r->t->ends_lower_bound);
    case KEY_ZONE:
        return one_of(r, KEY_ZONE, value, "country-prefix", "none", &r->t->zone_by_country);
    case KEY_COUNTS:
        return take_counts(r, value);
    case KEY_SPAN:
        return parse_seconds(r, "span_s", value, &r->t->span_s, &ok);
    case KEYS:
        break;
    }
    return FG_OK;
}

static enum fg_status grow_table(struct fg_trace_reader *r)
{
    size_t size = r->table_size == 0 ? 256 : r->table_size * 2;
    uint32_t *table = fg_calloc(size, sizeof *table);
    if (table == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t n = 0; n < r->n_nodes; n++) {
        const char *name = r->names.data + r->name_at[n];
        size_t at = (size_t)fg_xxh64(name, strlen(name)) & (size - 1);
        while (table[at] != 0) {
            at = (at + 1) & (size - 1);
        }
        table[at] = (uint32_t)n + 1;
    }
    fg_free(r->table);
    r->table = table;
    r->table_size = size;
    return FG_OK;
}

static enum fg_status find_node(struct fg_trace_reader *r, struct fg_span name, uint32_t *out)
{
    if (r->n_nodes * 2 >= r->table_size) {
        enum fg_status st = grow_table(r);
        if (st != FG_OK) {
            return st;
        }
    }
    size_t at = (size_t)fg_xxh64(name.at, name.len) & (r->table_size - 1);
    for (; r->table[at] != 0; at = (at + 1) & (r->table_size - 1)) {
        uint32_t n = r->table[at] - 1;
        if (fg_span_is(name, r->names.data + r->name_at[n])) {
            *out = n;
            return FG_OK;
        }
    }
    if (r->names.len > UINT32_MAX - NODE_NAME_MAX - 1) {
        return FG_E_NOMEM;
    }
    size_t n = r->n_nodes, offset = r->names.len;
    if (FG_GROW(r->nodes, n, r->cap_nodes) != FG_OK || FG_GROW(r->name_at, n, r->cap_name_at) != FG_OK ||
        fg_str_add(&r->names, name.at, name.len) != FG_OK || fg_str_add(&r->names, "", 1) != FG_OK) {
        return FG_E_NOMEM;
    }
    r->name_at[n] = (uint32_t)offset;
    r->nodes[n] = (struct node){0, 0, 0};
    r->table[at] = (uint32_t)n + 1;
    r->n_nodes++;
    *out = (uint32_t)n;
    return FG_OK;
}

/* The interval against the ones before it of the same node. */
static enum fg_status check_order(struct fg_trace_reader *r, struct fg_span name, const struct node *n,
                                  int64_t start, int64_t end, bool *ok)
{
    char q[48];
    *ok = false;
    fg_span_quote(q, name);
    if (start >= end) {
        return start == end
                   ? PROBLEM("node %s: the interval is empty: start_s = end_s = %lld", q, (long long)start)
                   : PROBLEM("node %s: the interval is reversed: start_s %lld is after end_s %lld", q,
                             (long long)start, (long long)end);
    }
    if (n->rows != 0 && start == (int64_t)n->last_end) {
        return PROBLEM("node %s: touches the interval of line %zu, which ends at %u: make them one", q,
                       n->last_line, n->last_end);
    }
    if (n->rows != 0 && start < (int64_t)n->last_end) {
        return PROBLEM("node %s: starts at %lld, but line %zu goes on until %u: intervals of a node must be "
                       "sorted and must not overlap",
                       q, (long long)start, n->last_line, n->last_end);
    }
    *ok = true;
    return FG_OK;
}

static enum fg_status take_row(struct fg_trace_reader *r, const char *text, size_t len)
{
    char q[48];
    struct fg_span f[3];
    size_t n = fg_lines_fields(text, len, f, 3);
    if (n != 3) {
        return PROBLEM("expected 3 columns (node,start_s,end_s), found %zu: '%s'", n,
                       fg_span_quote(q, (struct fg_span){text, len}));
    }
    if (f[0].len == 0 || f[0].len > NODE_NAME_MAX) {
        return PROBLEM("expected a node name of 1 to %d bytes, found %zu", NODE_NAME_MAX, f[0].len);
    }
    int64_t start = 0, end = 0;
    bool ok_start, ok_end, ok;
    enum fg_status st = parse_seconds(r, "start_s", f[1], &start, &ok_start);
    if (st == FG_OK) {
        st = parse_seconds(r, "end_s", f[2], &end, &ok_end);
    }
    if (st != FG_OK || !ok_start || !ok_end) {
        return st;
    }
    uint32_t node = 0;
    st = find_node(r, f[0], &node);
    if (st == FG_OK) {
        st = check_order(r, f[0], &r->nodes[node], start, end, &ok);
    }
    if (st != FG_OK || !ok) {
        return st;
    }
    if (r->n_rows == UINT32_MAX - 1 || FG_GROW(r->rows, r->n_rows, r->cap_rows) != FG_OK) {
        return FG_E_NOMEM;
    }
    r->rows[r->n_rows++] = (struct row){node, (uint32_t)start, (uint32_t)end};
    r->nodes[node].rows++;
    r->nodes[node].last_end = (uint32_t)end;
    r->nodes[node].last_line = r->lines.line;
    if (end > r->last_end) {
        r->last_end = end;
        r->last_end_line = r->lines.line;
    }
    return FG_OK;
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct fg_trace_reader *r = arg;
    if (text[0] == '#') {
        struct fg_span key, value;
        return fg_lines_key(text, len, &key, &value) ? take_key(r, key, value) : FG_OK;
    }
    if (r->header_line != 0) {
        return take_row(r, text, len);
    }
    r->header_line = r->lines.line;
    struct fg_span f[3];
    size_t n = fg_lines_fields(text, len, f, 3);
    if (n != 3 || !fg_span_is(f[0], "node") || !fg_span_is(f[1], "start_s") || !fg_span_is(f[2], "end_s")) {
        char q[48];
        return PROBLEM(
            "expected the header node,start_s,end_s, found '%s' (forage trace import reads other forms)",
            fg_span_quote(q, (struct fg_span){text, len}));
    }
    return FG_OK;
}

enum fg_status fg_trace_reader_create(struct fg_trace_reader **out, const char *name, struct fg_problems *all)
{
    struct fg_trace_reader *r = fg_calloc(1, sizeof *r);
    if (r == NULL) {
        return FG_E_NOMEM;
    }
    r->name = fg_strdup(name);
    r->t = fg_calloc(1, sizeof *r->t);
    if (r->name == NULL || r->t == NULL || (r->t->name = fg_strdup(name)) == NULL) {
        fg_trace_reader_destroy(r);
        return FG_E_NOMEM;
    }
    r->lines.name = r->name;
    r->lines.all = all;
    r->lines.take = take_line;
    r->lines.arg = r;
    r->said_nodes = r->said_intervals = -1;
    *out = r;
    return FG_OK;
}

enum fg_status fg_trace_reader_feed(struct fg_trace_reader *r, const void *bytes, size_t len,
                                    struct fg_err *err)
{
    r->lines.err = err;
    return fg_lines_feed(&r->lines, bytes, len);
}

/* What can be judged only at the end of the file. */
static enum fg_status check_whole(struct fg_trace_reader *r)
{
    struct fg_trace *t = r->t;
    enum fg_status st = FG_OK;
    if (r->header_line == 0) {
        return fg_lines_problem(&r->lines, 0, "expected the header node,start_s,end_s, found %s",
                                r->lines.line == 0 ? "an empty file" : "no line but comments");
    }
    if (r->n_rows == 0) {
        st = fg_lines_problem(&r->lines, 0, "the trace has no good rows");
    }
    if (st == FG_OK && t->clock == FG_CLOCK_UTC && r->key_line[KEY_ZERO] == 0) {
        st = fg_lines_problem(&r->lines, r->key_line[KEY_CLOCK], "clock: utc needs a `# zero_utc:` line");
    }
    if (st == FG_OK && r->last_end > t->span_s && t->span_s != 0) {
        st = fg_lines_problem(&r->lines, r->last_end_line, "the interval ends at %lld, after span_s %lld",
                              (long long)r->last_end, (long long)t->span_s);
    }
    if (st == FG_OK && r->said_nodes >= 0 && (size_t)r->said_nodes != r->n_nodes) {
        st = fg_lines_problem(&r->lines, r->key_line[KEY_COUNTS],
                              "says %lld nodes, but the rows name %zu: truncated?", (long long)r->said_nodes,
                              r->n_nodes);
    }
    if (st == FG_OK && r->said_intervals >= 0 && (size_t)r->said_intervals != r->n_rows) {
        st = fg_lines_problem(&r->lines, r->key_line[KEY_COUNTS],
                              "says %lld intervals, but there are %zu good rows: truncated?",
                              (long long)r->said_intervals, r->n_rows);
    }
    return st;
}

/* Rows may come in any order of nodes: gather each node's, keeping their order. */
static enum fg_status build(struct fg_trace_reader *r)
{
    struct fg_trace *t = r->t;
    size_t n = r->n_nodes, m = r->n_rows;
    t->first = fg_calloc(n + 1, sizeof *t->first);
    t->up_s = fg_calloc(n, sizeof *t->up_s);
    t->start_s = fg_calloc(m, sizeof *t->start_s);
    t->end_s = fg_calloc(m, sizeof *t->end_s);
    t->before_s = fg_calloc(m, sizeof *t->before_s);
    if (t->first == NULL || t->up_s == NULL || t->start_s == NULL || t->end_s == NULL ||
        t->before_s == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        t->first[i + 1] = t->first[i] + r->nodes[i].rows;
        r->nodes[i].rows = t->first[i]; /* from here on: where its next row goes */
    }
    for (size_t i = 0; i < m; i++) {
        struct row row = r->rows[i];
        uint32_t at = r->nodes[row.node].rows++;
        t->start_s[at] = row.start;
        t->end_s[at] = row.end;
        t->before_s[at] = t->up_s[row.node];
        t->up_s[row.node] += row.end - row.start;
    }
    t->nodes = (uint32_t)n;
    t->names = r->names.data;
    t->name_at = r->name_at;
    r->names = (struct fg_str){0};
    r->name_at = NULL;
    return FG_OK;
}

enum fg_status fg_trace_reader_finish(struct fg_trace_reader *r, struct fg_trace **out, struct fg_err *err)
{
    struct fg_trace *t = r->t;
    r->lines.err = err;
    enum fg_status st = fg_lines_end(&r->lines);
    if (st == FG_OK) {
        st = check_whole(r);
    }
    if (st != FG_OK) {
        return st;
    }
    if (r->lines.all != NULL && r->lines.all->count != 0) {
        return fg_fail(err, FG_E_INPUT, "%s: %zu problems", r->name, r->lines.all->count);
    }
    if (t->clock == 0) {
        t->clock = FG_CLOCK_ELAPSED;
    }
    t->has_zero = t->clock == FG_CLOCK_UTC || r->key_line[KEY_STARTED] != 0;
    if (t->clock != FG_CLOCK_UTC) {
        t->zero_s = fg_floor_div(r->started_s, FG_DAY_S) * FG_DAY_S;
    }
    if (t->span_s == 0) {
        t->span_s = r->last_end;
    }
    st = build(r);
    if (st == FG_OK) {
        *out = t;
        r->t = NULL;
    }
    return st;
}

void fg_trace_reader_destroy(struct fg_trace_reader *r)
{
    if (r == NULL) {
        return;
    }
    fg_trace_destroy(r->t);
    fg_free(r->name);
    fg_free(r->rows);
    fg_free(r->nodes);
    fg_free(r->name_at);
    fg_str_fini(&r->names);
    fg_free(r->table);
    fg_free(r);
}
