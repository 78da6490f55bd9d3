/* Samples of states: a CSV with a column for the node, one for the time, and one for each state (0 or 1; an
 * empty one is not known). A node is up while every needed state is 1; a sample holds until the node's next
 * one, at most `hold`. Without a list of what is needed: all columns named charging, plugged, wifi or
 * idle. */
#include <string.h>

#include "src/availability/trace_import_impl.h"
#include "src/base/mem.h"

#define USUAL "charging|charge|charged|plugged|plug|plugged_in|wifi|on_wifi|idle|up|available"

struct sample {
    bool seen, up;
    int64_t at;
};

struct reader {
    struct fg_import_csv csv;
    struct fg_trace_build *build;
    const struct fg_import_options *o;
    size_t need[FG_IMPORT_COLUMNS], needs;
    struct sample *node;
    size_t nodes, cap;
    bool dated;
};

static enum fg_status take_header(struct fg_import_csv *csv, const struct fg_span *field)
{
    struct reader *r = csv->arg;
    for (size_t i = 0; r->o->need == NULL && i < csv->columns; i++) {
        if (i != csv->at[0] && i != csv->at[1] && fg_import_word(field[i], USUAL)) {
            r->need[r->needs++] = i;
        }
    }
    for (const char *at = r->o->need != NULL ? r->o->need : "";
         *at != '\0' && r->needs < FG_IMPORT_COLUMNS;) {
        char word[64];
        size_t len = strcspn(at, ","), i = 0, n = len < sizeof word - 1 ? len : sizeof word - 1;
        memcpy(word, at, n);
        word[n] = '\0';
        while (i < csv->columns && !fg_span_is(field[i], word)) {
            i++;
        }
        if (i == csv->columns) {
            return fg_lines_problem(&csv->lines, csv->lines.line, "the header lacks the needed column '%s'",
                                    word);
        }
        r->need[r->needs++] = i;
        at += len + (at[len] == ',');
    }
    return r->needs > 0
               ? FG_OK
               : fg_lines_problem(&csv->lines, csv->lines.line,
                                  "no column of a usual name (charging, wifi, ...): say what is needed");
}

/* The time from a sample on, until the next one or for as long as it holds. */
static enum fg_status close_sample(struct reader *r, uint32_t node, int64_t next)
{
    const struct sample *s = &r->node[node];
    int64_t end = s->at + r->o->hold_s;
    end = next < end ? next : end;
    if (s->seen && s->up) {
        return fg_trace_build_add(r->build, node, s->at, end);
    }
    return FG_OK;
}

static enum fg_status take_row(struct fg_import_csv *csv, const struct fg_span *field)
{
    struct reader *r = csv->arg;
    int64_t at;
    uint32_t node;
    bool up = true;
    enum fg_status st = fg_import_csv_time(csv, field[csv->at[1]], r->o->unit_s, &at, &r->dated);
    if (st != FG_OK) {
        return st;
    }
    if (field[csv->at[0]].len == 0) {
        return fg_lines_problem(&csv->lines, csv->lines.line, "the node has no name");
    }
    for (size_t i = 0; i < r->needs; i++) {
        struct fg_span v = field[r->need[i]];
        up = up && fg_import_word(v, "1|1.0|true|yes|on");
        if (!fg_import_word(v, "1|1.0|true|yes|on|0|0.0|false|no|off|nan") && v.len > 0) {
            char q[48];
            return fg_lines_problem(&csv->lines, csv->lines.line, "expected 0 or 1, found '%s'",
                                    fg_span_quote(q, v));
        }
    }
    st = fg_trace_build_node(r->build, &node, field[csv->at[0]].at, field[csv->at[0]].len);
    while (st == FG_OK && node >= r->nodes) {
        st = FG_GROW(r->node, r->nodes, r->cap);
        if (st == FG_OK) {
            r->node[r->nodes++] = (struct sample){0};
        }
    }
    if (st != FG_OK) {
        return st;
    }
    if (r->node[node].seen && at < r->node[node].at) {
        return fg_lines_problem(&csv->lines, csv->lines.line,
                                "the time is before that of the node's last sample");
    }
    fg_trace_build_observe(r->build, at, at);
    st = close_sample(r, node, at);
    r->node[node] = (struct sample){true, up, at};
    return st;
}

static enum fg_status read_samples(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                                   size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    static const char *const want[] = {FG_IMPORT_NODE, FG_IMPORT_TIME};
    struct reader r = {.csv = {.lines = {.name = o->name},
                               .want = want,
                               .n_want = 2,
                               .header = take_header,
                               .row = take_row},
                       .build = b,
                       .o = o};
    r.csv.arg = &r;
    enum fg_status st = fg_import_csv_read(&r.csv, bytes, len, err);
    for (size_t i = 0; st == FG_OK && i < r.nodes; i++) {
        st = close_sample(&r, (uint32_t)i, INT64_MAX);
    }
    fg_free(r.node);
    head->clock = r.dated ? FG_CLOCK_UTC : FG_CLOCK_ELAPSED;
    return st;
}

/* CSV of samples: node, time, and a column of 0 or 1 for each state. */
const struct fg_trace_importer fg_trace_import_states = {"states", read_samples};
