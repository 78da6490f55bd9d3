/* A log of machines that come and go: lines TIME,EVENT,NODE (a header is skipped). Who is up at the end of
 * the log is up until its last line. Source of the form: uclasystem/bamboo, with times in milliseconds. */
#include <string.h>

#include "src/availability/trace_import_impl.h"
#include "src/base/mem.h"

#define UP_WORDS "add|added|up|start|started|launch|launched|join|joined|on|1|running"
#define DOWN_WORDS \
    "remove|removed|down|stop|stopped|preempt|preempted|terminate|terminated|leave|left|off|0|lost"

struct since {
    bool up;
    int64_t at;
};

struct reader {
    struct fg_lines lines;
    struct fg_trace_build *build;
    double unit_s;
    struct since *node; /* by the trace's node number */
    size_t nodes, cap;
    size_t rows;
    int64_t last;
    bool begun, dated;
};

static enum fg_status change(struct reader *r, uint32_t node, bool up, int64_t at)
{
    while (node >= r->nodes) {
        if (FG_GROW(r->node, r->nodes, r->cap) != FG_OK) {
            return FG_E_NOMEM;
        }
        r->node[r->nodes++] = (struct since){false, 0};
    }
    struct since *s = &r->node[node];
    bool ends = s->up && !up;
    int64_t from = s->at;
    if (s->up != up) {
        *s = (struct since){up, at};
    }
    return ends ? fg_trace_build_add(r->build, node, from, at) : FG_OK;
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct reader *r = arg;
    struct fg_span f[3];
    char q[48];
    int64_t at;
    bool dated;
    uint32_t node;
    if (text[0] == '#') {
        return FG_OK;
    }
    bool first = !r->begun; /* that may be a header */
    r->begun = true;
    size_t n = fg_import_fields(text, len, ',', f, 3);
    if (n != 3 || f[2].len == 0) {
        return fg_lines_problem(&r->lines, r->lines.line, "expected 3 columns (time,event,node), found %zu",
                                n);
    }
    if (!fg_import_time(f[0], r->unit_s, &at, &dated)) {
        return first ? FG_OK
                     : fg_lines_problem(&r->lines, r->lines.line, "expected a time, found '%s'",
                                        fg_span_quote(q, f[0]));
    }
    bool up = fg_import_word(f[1], UP_WORDS);
    if (!up && !fg_import_word(f[1], DOWN_WORDS)) {
        return fg_lines_problem(&r->lines, r->lines.line,
                                "expected an event such as add or remove, found '%s'",
                                fg_span_quote(q, f[1]));
    }
    if (r->rows++ > 0 && at < r->last) {
        return fg_lines_problem(&r->lines, r->lines.line, "the time is before that of the line above");
    }
    r->last = at;
    r->dated = dated;
    fg_trace_build_observe(r->build, at, at);
    enum fg_status st = fg_trace_build_node(r->build, &node, f[2].at, f[2].len);
    return st == FG_OK ? change(r, node, up, at) : st;
}

static enum fg_status read_log(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                               size_t len, const struct fg_import_options *o, struct fg_err *err)
{
    struct reader r = {
        .lines = {.name = o->name, .take = take_line, .err = err}, .build = b, .unit_s = o->unit_s};
    r.lines.arg = &r;
    enum fg_status st = fg_lines_feed(&r.lines, bytes, len);
    st = st == FG_OK ? fg_lines_end(&r.lines) : st;
    if (st == FG_OK && r.rows == 0) {
        st = fg_lines_problem(&r.lines, 0, "no events");
    }
    for (size_t i = 0; st == FG_OK && i < r.nodes; i++) {
        st = change(&r, (uint32_t)i, false, r.last);
    }
    fg_free(r.node);
    head->clock = r.dated ? FG_CLOCK_UTC : FG_CLOCK_ELAPSED;
    return st;
}

/* CSV lines TIME,add|remove,NODE of machines that come and go. */
const struct fg_trace_importer fg_trace_import_spot_events = {"spot-events", read_log};
