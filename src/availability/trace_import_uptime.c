/* Samples of up-time: a CSV with columns for the node, the time and for how long it has been up then, in what
 * the column's name says, or else in the unit of times. Each tells that the node was up from then back to its
 * boot; and, as far as anyone knows, for `hold` after it: ends are lower bounds. */
#include "src/availability/trace_import_impl.h"

struct reader {
    struct fg_import_csv csv;
    struct fg_trace_build *build;
    const struct fg_import_options *o;
    double unit_s; /* of up-times */
    bool dated;
};

static enum fg_status take_header(struct fg_import_csv *csv, const struct fg_span *field)
{
    struct reader *r = csv->arg;
    struct fg_span name = field[csv->at[2]];
    r->unit_s = fg_import_word(name, "uptime_ms")       ? 0.001
                : fg_import_word(name, "uptime_s|up_s") ? 1.0
                                                        : r->o->unit_s;
    return FG_OK;
}

static enum fg_status take_row(struct fg_import_csv *csv, const struct fg_span *field)
{
    struct reader *r = csv->arg;
    struct fg_span up = field[csv->at[2]];
    int64_t at;
    double up_for;
    uint32_t node;
    enum fg_status st = fg_import_csv_time(csv, field[csv->at[1]], r->o->unit_s, &at, &r->dated);
    if (st != FG_OK) {
        return st;
    }
    if (field[csv->at[0]].len == 0) {
        return fg_lines_problem(&csv->lines, csv->lines.line, "the node has no name");
    }
    if (fg_parse_f64(&up_for, up.at, up.len) != FG_OK || !(up_for >= 0.0 && up_for * r->unit_s <= 1e10)) {
        char q[48];
        return fg_lines_problem(&csv->lines, csv->lines.line,
                                "expected up-time of 0 or more seconds, found '%s'", fg_span_quote(q, up));
    }
    st = fg_trace_build_node(r->build, &node, field[csv->at[0]].at, field[csv->at[0]].len);
    return st == FG_OK
               ? fg_trace_build_add(r->build, node, at - (int64_t)(up_for * r->unit_s), at + r->o->hold_s)
               : st;
}

static enum fg_status read_samples(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                                   size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    static const char *const want[] = {FG_IMPORT_NODE, FG_IMPORT_TIME, "uptime|uptime_s|up_s|uptime_ms"};
    struct reader r = {.csv = {.lines = {.name = o->name},
                               .want = want,
                               .n_want = 3,
                               .header = take_header,
                               .row = take_row},
                       .build = b,
                       .o = o};
    r.csv.arg = &r;
    enum fg_status st = fg_import_csv_read(&r.csv, bytes, len, err);
    head->clock = r.dated ? FG_CLOCK_UTC : FG_CLOCK_ELAPSED;
    head->ends_lower_bound = true;
    return st;
}

/* CSV of samples: node, time, for how long it has been up. */
const struct fg_trace_importer fg_trace_import_uptime = {"uptime", read_samples};
