/* A log of intervals: a CSV with columns for the node, from when and until when it was up (or began and
 * ended a session). A row without an end is up until the last time that the file names. */
#include "src/availability/trace_import_impl.h"
#include "src/base/mem.h"

/* A row that does not say its end. */
struct open_row {
    uint32_t node;
    int64_t from;
};

struct reader {
    struct fg_import_csv csv;
    struct fg_trace_build *build;
    const struct fg_import_options *o;
    struct open_row *open;
    size_t n_open, cap;
    int64_t last;
    bool any, dated;
};

static enum fg_status take_row(struct fg_import_csv *csv, const struct fg_span *field)
{
    struct reader *r = csv->arg;
    struct fg_span name = field[csv->at[0]], until = field[csv->at[2]];
    int64_t from, to = 0;
    uint32_t node;
    bool ends = until.len > 0;
    if (name.len == 0) {
        return fg_lines_problem(&csv->lines, csv->lines.line, "the node has no name");
    }
    enum fg_status st = fg_import_csv_time(csv, field[csv->at[1]], r->o->unit_s, &from, &r->dated);
    st = st == FG_OK && ends ? fg_import_csv_time(csv, until, r->o->unit_s, &to, &r->dated) : st;
    if (st == FG_OK && ends && to < from) {
        return fg_lines_problem(&csv->lines, csv->lines.line,
                                "expected an end after the start '%.*s', found '%.*s'",
                                (int)(field[csv->at[1]].len < 40 ? field[csv->at[1]].len : 40),
                                field[csv->at[1]].at, (int)(until.len < 40 ? until.len : 40), until.at);
    }
    st = st == FG_OK ? fg_trace_build_node(r->build, &node, name.at, name.len) : st;
    if (st != FG_OK) {
        return st;
    }
    to = ends ? to : from;
    r->last = !r->any || to > r->last ? to : r->last;
    r->any = true;
    fg_trace_build_observe(r->build, from, to);
    if (ends) {
        return fg_trace_build_add(r->build, node, from, to);
    }
    st = FG_GROW(r->open, r->n_open, r->cap);
    if (st == FG_OK) {
        r->open[r->n_open++] = (struct open_row){node, from};
    }
    return st;
}

static enum fg_status read_log(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                               size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    static const char *const want[] = {FG_IMPORT_NODE "|name",
                                       "start|from|begin|since|boot|up|start_time|login|start_s",
                                       "end|to|until|stop|shutdown|down|end_time|logout|end_s"};
    struct reader r = {
        .csv = {.lines = {.name = o->name}, .want = want, .n_want = 3, .row = take_row}, .build = b, .o = o};
    r.csv.arg = &r;
    enum fg_status st = fg_import_csv_read(&r.csv, bytes, len, err);
    for (size_t i = 0; st == FG_OK && i < r.n_open; i++) {
        st = fg_trace_build_add(b, r.open[i].node, r.open[i].from, r.last);
    }
    fg_free(r.open);
    head->clock = r.dated ? FG_CLOCK_UTC : FG_CLOCK_ELAPSED;
    return st;
}

/* CSV of intervals: node, up from, up until. */
const struct fg_trace_importer fg_trace_import_intervals = {"intervals", read_log};
