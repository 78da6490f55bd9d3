#include "src/availability/trace_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

#define NODE_NAME_MAX 63
#define SPAN_MAX INT64_C(4000000000)

struct interval {
    uint32_t node;
    int64_t start, end;
};

struct fg_trace_build {
    struct interval *up;
    size_t n_up, cap_up;
    struct fg_str names; /* NUL-terminated, one after another */
    uint32_t *name_at;
    size_t nodes, cap_nodes;
    uint32_t *table;   /* node + 1 by hash of its name; 0 = free */
    size_t table_size; /* a power of two */
    bool observed;
    int64_t from, to;
};

enum fg_status fg_trace_build_create(struct fg_trace_build **out)
{
    *out = fg_calloc(1, sizeof **out);
    return *out != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_trace_build_destroy(struct fg_trace_build *b)
{
    if (b != NULL) {
        fg_free(b->up);
        fg_str_fini(&b->names);
        fg_free(b->name_at);
        fg_free(b->table);
        fg_free(b);
    }
}

static const char *name_of(const struct fg_trace_build *b, size_t node)
{
    return b->names.data + b->name_at[node];
}

/* The place of a name in the table: where it is, or where it would go. */
static size_t place(const struct fg_trace_build *b, const char *name)
{
    size_t at = (size_t)fg_xxh64(name, strlen(name)) & (b->table_size - 1);
    while (b->table[at] != 0 && strcmp(name_of(b, b->table[at] - 1), name) != 0) {
        at = (at + 1) & (b->table_size - 1);
    }
    return at;
}

static enum fg_status grow_table(struct fg_trace_build *b)
{
    size_t size = b->table_size == 0 ? 256 : 2 * b->table_size;
    uint32_t *table = fg_calloc(size, sizeof *table);
    if (table == NULL) {
        return FG_E_NOMEM;
    }
    fg_free(b->table);
    b->table = table;
    b->table_size = size;
    for (size_t i = 0; i < b->nodes; i++) {
        b->table[place(b, name_of(b, i))] = (uint32_t)i + 1;
    }
    return FG_OK;
}

/* Copy n bytes of a name; those that a trace cannot hold there become '_'. Whether there were any. */
static bool make_fit(char *out, const char *name, size_t n)
{
    bool changed = false;
    for (size_t i = 0, whole = 0; i < n; i++) {
        whole = i < whole ? whole : i + fg_utf8_span(name + i, n - i);
        unsigned char c = (unsigned char)name[i];
        bool edge = i == 0 || i == n - 1, fits = i < whole && c >= ' ' && c != 127 && c != ',';
        fits = fits && !(edge && c == ' ') && !(i == 0 && c == '#');
        out[i] = fits ? name[i] : '_';
        changed = changed || !fits;
    }
    return changed;
}

/* The name as a trace can hold it. One that had to be changed ends in a hash of what it was: nodes whose
 * names differ stay different nodes. */
static size_t clean_name(char out[NODE_NAME_MAX + 1], const char *name, size_t len)
{
    enum { HASH = 1 + 8 };
    size_t n = len < NODE_NAME_MAX ? len : NODE_NAME_MAX;
    if (make_fit(out, name, n) || n < len) {
        n = len < NODE_NAME_MAX - HASH ? len : NODE_NAME_MAX - HASH;
        (void)make_fit(out, name, n);
        (void)snprintf(out + n, HASH + 1, "~%08x", (unsigned)(fg_xxh64(name, len) & UINT32_MAX));
        return n + HASH;
    }
    out[n] = '\0';
    return n;
}

enum fg_status fg_trace_build_node(struct fg_trace_build *b, uint32_t *node, const char *name, size_t len)
{
    char clean[NODE_NAME_MAX + 1];
    if (len == 0) {
        return FG_E_INPUT;
    }
    size_t n = clean_name(clean, name, len);
    if (b->nodes * 2 >= b->table_size && grow_table(b) != FG_OK) {
        return FG_E_NOMEM;
    }
    size_t at = place(b, clean);
    if (b->table[at] == 0) {
        size_t offset = b->names.len;
        if (offset > UINT32_MAX - sizeof clean || FG_GROW(b->name_at, b->nodes, b->cap_nodes) != FG_OK ||
            fg_str_add(&b->names, clean, n + 1) != FG_OK) {
            return FG_E_NOMEM;
        }
        b->name_at[b->nodes++] = (uint32_t)offset;
        b->table[at] = (uint32_t)b->nodes;
    }
    *node = b->table[at] - 1;
    return FG_OK;
}

enum fg_status fg_trace_build_add(struct fg_trace_build *b, uint32_t node, int64_t start_s, int64_t end_s)
{
    FG_ASSERT(node < b->nodes);
    fg_trace_build_observe(b, start_s, end_s > start_s ? end_s : start_s);
    if (end_s <= start_s) {
        return FG_OK;
    }
    if (FG_GROW(b->up, b->n_up, b->cap_up) != FG_OK) {
        return FG_E_NOMEM;
    }
    b->up[b->n_up++] = (struct interval){node, start_s, end_s};
    return FG_OK;
}

void fg_trace_build_observe(struct fg_trace_build *b, int64_t from_s, int64_t to_s)
{
    b->from = !b->observed || from_s < b->from ? from_s : b->from;
    b->to = !b->observed || to_s > b->to ? to_s : b->to;
    b->observed = true;
}

static int by_node_then_start(const void *a, const void *b)
{
    const struct interval *x = a, *y = b;
    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return (x->start > y->start) - (x->start < y->start);
}

/* Sorted, disjoint and not touching; returns how many nodes are ever up. */
static size_t merge(struct fg_trace_build *b)
{
    size_t n = 0, nodes = 0;
    if (b->n_up > 0) {
        qsort(b->up, b->n_up, sizeof *b->up, by_node_then_start);
    }
    for (size_t i = 0; i < b->n_up; i++) {
        struct interval x = b->up[i];
        if (n > 0 && b->up[n - 1].node == x.node && x.start <= b->up[n - 1].end) {
            b->up[n - 1].end = x.end > b->up[n - 1].end ? x.end : b->up[n - 1].end;
            continue;
        }
        nodes += n == 0 || b->up[n - 1].node != x.node;
        b->up[n++] = x;
    }
    b->n_up = n;
    return nodes;
}

static enum fg_status add_head(struct fg_str *out, const struct fg_trace_head *h, int64_t zero)
{
    static const char *const clocks[] = {"elapsed", "utc", "local", "elapsed"};
    char date[32];
    fg_iso_format(date, zero);
    enum fg_status st = fg_str_addf(out, "# clock: %s\n", clocks[h->clock]);
    if (st == FG_OK && h->clock == FG_CLOCK_UTC) {
        st = fg_str_addf(out, "# zero_utc: %s\n", date);
    }
    if (st == FG_OK && h->tz != NULL) {
        st = fg_str_addf(out, "# tz: %s\n", h->tz);
    }
    if (st == FG_OK && h->dated && h->clock != FG_CLOCK_UTC) {
        st = fg_str_addf(out, "# started: %.10s\n", date);
    }
    if (st == FG_OK && h->nested) {
        st = fg_str_addf(out, "# nested: yes\n");
    }
    if (st == FG_OK && h->ends_lower_bound) {
        st = fg_str_addf(out, "# ends: lower-bound\n");
    }
    return st == FG_OK && h->source != NULL ? fg_str_addf(out, "# source: %s\n", h->source) : st;
}

/* Nodes that were named and never seen up: the format has no place for them. */
static enum fg_status tell_of_absent(struct fg_str *out, const struct fg_trace_build *b, size_t nodes)
{
    uint32_t absent = 0; /* the first node that the sorted intervals leave out */
    for (size_t i = 0; i < b->n_up && b->up[i].node <= absent; i++) {
        absent += b->up[i].node == absent;
    }
    return b->nodes == nodes ? FG_OK
                             : fg_str_addf(out, "# left out, never up: %zu of %zu nodes, the first %s\n",
                                           b->nodes - nodes, b->nodes, name_of(b, absent));
}

enum fg_status fg_trace_build_text(struct fg_str *out, struct fg_trace_build *b,
                                   const struct fg_trace_head *head, struct fg_err *err)
{
    size_t nodes = merge(b);
    if (nodes == 0) {
        return fg_fail(err, FG_E_INPUT, "no node is ever up");
    }
    int64_t zero = head->at_midnight ? fg_floor_div(b->from, FG_DAY_S) * FG_DAY_S : b->from;
    if (b->to - zero > SPAN_MAX) {
        return fg_fail(err, FG_E_INPUT, "spans %lld s: expected at most %lld", (long long)(b->to - zero),
                       (long long)SPAN_MAX);
    }
    enum fg_status st = add_head(out, head, zero);
    /* the slots of a nested trace have no names of their own */
    st = st == FG_OK && !head->nested ? tell_of_absent(out, b, nodes) : st;
    if (st == FG_OK) {
        st = fg_str_addf(out, "# nodes: %zu  intervals: %zu  span_s: %lld\nnode,start_s,end_s\n", nodes,
                         b->n_up, (long long)(b->to - zero));
    }
    for (size_t i = 0; st == FG_OK && i < b->n_up; i++) {
        const struct interval *x = &b->up[i];
        st = fg_str_addf(out, "%s,%lld,%lld\n", name_of(b, x->node), (long long)(x->start - zero),
                         (long long)(x->end - zero));
    }
    return st;
}
