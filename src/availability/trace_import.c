#include "src/availability/trace_import.h"

#include <math.h>
#include <string.h>

#include "src/availability/trace_import_impl.h"
#include "src/base/calendar.h"

const struct fg_trace_importer *const fg_trace_importers[] = {
    &fg_trace_import_fta,       &fg_trace_import_spot_counts, &fg_trace_import_spot_events,
    &fg_trace_import_phone,     &fg_trace_import_states,      &fg_trace_import_uptime,
    &fg_trace_import_intervals,
};
const size_t fg_trace_importers_n = sizeof fg_trace_importers / sizeof fg_trace_importers[0];

void fg_import_defaults(struct fg_import_options *o)
{
    *o = (struct fg_import_options){.name = "(bytes)", .pool = "node", .unit_s = 1.0, .hold_s = 300};
}

const struct fg_trace_importer *fg_trace_importer_find(const char *name)
{
    for (size_t i = 0; i < fg_trace_importers_n; i++) {
        if (strcmp(fg_trace_importers[i]->name, name) == 0) {
            return fg_trace_importers[i];
        }
    }
    return NULL;
}

bool fg_import_time(struct fg_span text, double unit_s, int64_t *out_s, bool *dated)
{
    char iso[32];
    double v;
    if (fg_parse_f64(&v, text.at, text.len) == FG_OK) {
        double s = floor(v * unit_s + 0.5);
        if (!(s > -1e11 && s < 1e11)) {
            return false;
        }
        *out_s = (int64_t)s;
        *dated = s >= 315532800.0; /* 1980-01-01 */
        return true;
    }
    if (text.len < 10 || text.len > 20) {
        return false;
    }
    size_t len = text.len;
    memcpy(iso, text.at, len);
    if (len > 10) {
        iso[10] = iso[10] == ' ' ? 'T' : iso[10];
        if (iso[len - 1] != 'Z') {
            iso[len++] = 'Z';
        }
    }
    *dated = true;
    return fg_iso_parse(out_s, iso, len) == FG_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool fg_import_word(struct fg_span text, const char *words)
{
    while (*words != '\0') {
        size_t len = strcspn(words, "|"), i = 0;
        while (len == text.len && i < len && lower(text.at[i]) == words[i]) {
            i++;
        }
        if (i == len && len == text.len) {
            return true;
        }
        words += len + (words[len] == '|');
    }
    return false;
}

static enum fg_status take_header(struct fg_import_csv *csv, const struct fg_span *field, size_t n)
{
    csv->columns = n;
    for (size_t w = 0; w < csv->n_want; w++) {
        csv->at[w] = n;
        for (size_t i = 0; i < n && csv->at[w] == n; i++) {
            csv->at[w] = fg_import_word(field[i], csv->want[w]) ? i : n;
        }
        if (csv->at[w] == n) {
            return fg_lines_problem(&csv->lines, csv->lines.line, "the header lacks a column named %s",
                                    csv->want[w]);
        }
    }
    return csv->header != NULL ? csv->header(csv, field) : FG_OK;
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct fg_import_csv *csv = arg;
    struct fg_span field[FG_IMPORT_COLUMNS];
    if (text[0] == '#') {
        return FG_OK;
    }
    size_t n = fg_lines_fields(text, len, field, FG_IMPORT_COLUMNS);
    if (n > FG_IMPORT_COLUMNS) {
        return fg_lines_problem(&csv->lines, csv->lines.line, "expected at most %d columns, found %zu",
                                FG_IMPORT_COLUMNS, n);
    }
    if (csv->columns == 0) {
        return take_header(csv, field, n);
    }
    if (n != csv->columns) {
        return fg_lines_problem(&csv->lines, csv->lines.line,
                                "expected %zu columns as in the header, found %zu", csv->columns, n);
    }
    return csv->row(csv, field);
}

enum fg_status fg_import_csv_read(struct fg_import_csv *csv, const void *bytes, size_t len,
                                  struct fg_err *err)
{
    csv->lines.take = take_line;
    csv->lines.arg = csv;
    csv->lines.err = err;
    FG_ASSERT(csv->n_want <= sizeof csv->at / sizeof csv->at[0]);
    enum fg_status st = fg_lines_feed(&csv->lines, bytes, len);
    st = st == FG_OK ? fg_lines_end(&csv->lines) : st;
    return st == FG_OK && csv->columns == 0
               ? fg_lines_problem(&csv->lines, 0, "expected a header line, found none")
               : st;
}

enum fg_status fg_import_csv_time(struct fg_import_csv *csv, struct fg_span text, double unit_s,
                                  int64_t *out_s, bool *dated)
{
    char q[48];
    return fg_import_time(text, unit_s, out_s, dated)
               ? FG_OK
               : fg_lines_problem(&csv->lines, csv->lines.line,
                                  "expected a time, such as 2024-09-01 12:00:00 or a number, found '%s'",
                                  fg_span_quote(q, text));
}
