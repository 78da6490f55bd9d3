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

/* Cut off what a time with minutes ends in to say where it was read ("Z", " UTC", "+02:00", "-0700"), and
 * fractions of a second. False if it is none of these. */
static bool cut_zone(struct fg_span *text, int64_t *east_s)
{
    const char *at = text->at;
    size_t n = text->len, sign = 16;
    int digit[4] = {0}, digits = 0;
    *east_s = 0;
    while (sign < n && at[sign] != '+' && at[sign] != '-') {
        sign++;
    }
    for (size_t i = sign + 1; i < n; i++) {
        if (at[i] == ':' && i == sign + 3) {
            continue;
        }
        if (digits == 4 || at[i] < '0' || at[i] > '9') {
            return false;
        }
        digit[digits++] = at[i] - '0';
    }
    if (sign < n) {
        int hours = digit[0] * 10 + digit[1], minutes = digit[2] * 10 + digit[3];
        if ((digits != 2 && digits != 4) || hours > 14 || minutes > 59) {
            return false;
        }
        *east_s = (at[sign] == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
        n = sign;
    } else if (n > 16 && at[n - 1] == 'Z') {
        n--;
    } else if (n > 20 && memcmp(at + n - 4, " UTC", 4) == 0) {
        n -= 4;
    }
    n -= n > 16 && at[n - 1] == ' ';
    if (n > 20 && at[19] == '.') {
        for (size_t i = 20; i < n; i++) {
            if (at[i] < '0' || at[i] > '9') {
                return false;
            }
        }
        n = 19;
    }
    text->len = n;
    return true;
}

bool fg_import_time(struct fg_span text, double unit_s, int64_t *out_s, bool *dated)
{
    char iso[32];
    double v;
    int64_t east_s;
    if (fg_parse_f64(&v, text.at, text.len) == FG_OK) {
        double s = floor(v * unit_s + 0.5);
        if (!(s > -1e11 && s < 1e11)) {
            return false;
        }
        *out_s = (int64_t)s;
        *dated = s >= 315532800.0; /* 1980-01-01 */
        return true;
    }
    if (text.len < 10 || !cut_zone(&text, &east_s) || text.len > 19) {
        return false;
    }
    size_t len = text.len;
    memcpy(iso, text.at, len);
    if (len > 10) {
        iso[10] = iso[10] == ' ' ? 'T' : iso[10];
        iso[len++] = 'Z';
    }
    *dated = true;
    if (fg_iso_parse(out_s, iso, len) != FG_OK) {
        return false;
    }
    *out_s -= east_s;
    return true;
}

size_t fg_import_fields(const char *text, size_t len, char separator, struct fg_span *field, size_t max)
{
    size_t n = 0, from = 0;
    bool quoted = false;
    for (size_t i = from; i <= len; i++) {
        if (i < len && (text[i] != separator || quoted)) {
            quoted = quoted != (text[i] == '"');
            continue;
        }
        struct fg_span f = fg_span_trim(text + from, i - from);
        if (f.len >= 2 && f.at[0] == '"' && f.at[f.len - 1] == '"') {
            f = fg_span_trim(f.at + 1, f.len - 2);
        }
        if (n < max) {
            field[n] = f;
        }
        n++;
        from = i + 1;
    }
    return n;
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

/* Where the first of the words is that a column has; n if none is. */
static size_t find_column(const struct fg_span *field, size_t n, const char *words)
{
    for (size_t len; *words != '\0'; words += len + (words[len] == '|')) {
        char word[32];
        len = strcspn(words, "|");
        FG_ASSERT(len < sizeof word);
        memcpy(word, words, len);
        word[len] = '\0';
        for (size_t i = 0; i < n; i++) {
            if (fg_import_word(field[i], word)) {
                return i;
            }
        }
    }
    return n;
}

static enum fg_status take_header(struct fg_import_csv *csv, const struct fg_span *field, size_t n)
{
    csv->columns = n;
    for (size_t w = 0; w < csv->n_want; w++) {
        csv->at[w] = find_column(field, n, csv->want[w]);
        if (csv->at[w] == n) {
            return fg_lines_problem(&csv->lines, csv->lines.line, "the header lacks a column named %s",
                                    csv->want[w]);
        }
    }
    return csv->header != NULL ? csv->header(csv, field) : FG_OK;
}

/* Of a header: whichever makes fields of it. */
static char separator_of(const char *text, size_t len)
{
    struct fg_span field[1];
    return fg_import_fields(text, len, ',', field, 1) > 1   ? ','
           : fg_import_fields(text, len, ';', field, 1) > 1 ? ';'
                                                            : '\t';
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct fg_import_csv *csv = arg;
    struct fg_span field[FG_IMPORT_COLUMNS];
    if (text[0] == '#') {
        return FG_OK;
    }
    csv->separator = csv->columns == 0 ? separator_of(text, len) : csv->separator;
    size_t n = fg_import_fields(text, len, csv->separator, field, FG_IMPORT_COLUMNS);
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
