#include "src/availability/carbon_import.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/availability/carbon.h"
#include "src/availability/trace_import_impl.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"

static enum fg_status add(struct fg_carbon_series *s, int64_t at_s, double g)
{
    enum fg_status st = FG_GROW(s->value, s->n, s->cap);
    if (st == FG_OK) {
        s->value[s->n++] = (struct fg_carbon_value){at_s, g};
    }
    return st;
}

void fg_carbon_series_fini(struct fg_carbon_series *s)
{
    fg_free(s->value);
    s->value = NULL;
    s->n = s->cap = 0;
}

/* ---- Electricity Maps: CSV of its data portal, an hour a row ---- */

/* Whether the text has the word in it; case does not matter. */
static bool mentions(struct fg_span text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (fg_import_word((struct fg_span){text.at + i, len}, word)) {
            return true;
        }
    }
    return false;
}

enum { AT, ZONE, GRAMS, COLUMNS };

struct table {
    struct fg_lines lines;
    struct fg_carbon_series *series;
    size_t at[COLUMNS]; /* columns */
    bool header;
};

static enum fg_status take_names(struct table *t, const struct fg_span *field, size_t n)
{
    const char *scope = t->series->direct ? "(direct)" : "(life cycle)";
    for (int c = 0; c < COLUMNS; c++) {
        t->at[c] = n;
    }
    for (size_t i = 0; i < n; i++) {
        bool grams = mentions(field[i], "carbon intensity") &&
                     (mentions(field[i], scope) || (!t->series->direct && mentions(field[i], "(lca)")));
        t->at[AT] = mentions(field[i], "datetime (utc)") ? i : t->at[AT];
        t->at[ZONE] = mentions(field[i], "zone id") ? i : t->at[ZONE];
        t->at[GRAMS] = grams ? i : t->at[GRAMS];
    }
    t->header = true;
    return t->at[AT] < n && t->at[ZONE] < n && t->at[GRAMS] < n
               ? FG_OK
               : fg_lines_problem(
                     &t->lines, t->lines.line,
                     "expected columns 'Datetime (UTC)', 'Zone id' and 'Carbon intensity ... %s', as "
                     "Electricity Maps has them",
                     scope);
}

static enum fg_status take_line(void *arg, const char *text, size_t len)
{
    struct table *t = arg;
    struct fg_carbon_series *s = t->series;
    struct fg_span field[FG_IMPORT_COLUMNS];
    char q[48];
    int64_t at;
    bool dated;
    double g;
    size_t n = fg_import_fields(text, len, ',', field, FG_IMPORT_COLUMNS), most = 0;
    n = n < FG_IMPORT_COLUMNS ? n : FG_IMPORT_COLUMNS;
    if (!t->header) {
        return take_names(t, field, n);
    }
    for (int c = 0; c < COLUMNS; c++) {
        most = t->at[c] > most ? t->at[c] : most;
    }
    if (most >= n) {
        return fg_lines_problem(&t->lines, t->lines.line, "expected %zu columns or more, found %zu", most + 1,
                                n);
    }
    struct fg_span zone = field[t->at[ZONE]], grams = field[t->at[GRAMS]];
    if (!fg_import_time(field[t->at[AT]], 1.0, &at, &dated) || !dated) {
        return fg_lines_problem(&t->lines, t->lines.line,
                                "expected a time such as 2024-09-01 12:00:00, found '%s'",
                                fg_span_quote(q, field[t->at[AT]]));
    }
    if (s->zone[0] == '\0' && zone.len < sizeof s->zone) {
        memcpy(s->zone, zone.at, zone.len);
        s->zone[zone.len] = '\0';
    }
    if (!fg_span_is(zone, s->zone)) {
        return fg_lines_problem(&t->lines, t->lines.line, "expected one zone, '%s', found '%s'", s->zone,
                                fg_span_quote(q, zone));
    }
    if (grams.len == 0) {
        return FG_OK; /* a hole */
    }
    if (fg_parse_f64(&g, grams.at, grams.len) != FG_OK || g < 0.0 || g > FG_INTENSITY_MAX) {
        return fg_lines_problem(&t->lines, t->lines.line, "expected 0 to %g grams per kWh, found '%s'",
                                FG_INTENSITY_MAX, fg_span_quote(q, grams));
    }
    return add(s, at, g);
}

static enum fg_status read_electricity_maps(struct fg_carbon_series *s, const void *bytes, size_t len,
                                            const char *name, struct fg_err *err)
{
    struct table t = {.lines = {.name = name, .take = take_line, .err = err}, .series = s};
    t.lines.arg = &t;
    s->scope = s->direct ? "direct" : "life-cycle";
    s->basis = "consumption";
    enum fg_status st = fg_lines_feed(&t.lines, bytes, len);
    return st == FG_OK ? fg_lines_end(&t.lines) : st;
}

/* ---- Great Britain: JSON of api.carbonintensity.org.uk, a half-hour an entry ---- */

static enum fg_status read_carbon_intensity_uk(struct fg_carbon_series *s, const void *bytes, size_t len,
                                               const char *name, struct fg_err *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, 0, &why);
    const json_t *data = json_object_get(root, "data");
    enum fg_status st = FG_OK;
    if (root == NULL) {
        return fg_fail(err, FG_E_INPUT, "%s:%d: expected JSON: %s", name, why.line, why.text);
    }
    data = json_is_object(data) ? json_object_get(data, "data") : data; /* of a region */
    if (!json_is_array(data)) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected an array named data", name);
    }
    for (size_t i = 0; st == FG_OK && i < json_array_size(data); i++) {
        const json_t *one = json_array_get(data, i), *g = json_object_get(one, "intensity");
        const json_t *actual = json_object_get(g, "actual");
        const char *from = json_string_value(json_object_get(one, "from"));
        int64_t at = 0;
        bool dated = false;
        g = json_is_number(actual) ? actual : json_object_get(g, "forecast"); /* what is not measured yet */
        if (from == NULL || !fg_import_time((struct fg_span){from, strlen(from)}, 1.0, &at, &dated) ||
            !dated || !json_is_number(g) || json_number_value(g) < 0.0 ||
            json_number_value(g) > FG_INTENSITY_MAX) {
            st = fg_fail(
                err, FG_E_INPUT,
                "%s: data[%zu]: expected a time `from` and 0 to %g grams in intensity.actual or .forecast",
                name, i, FG_INTENSITY_MAX);
        }
        st = st == FG_OK ? add(s, at, json_number_value(g)) : st;
    }
    json_decref(root);
    snprintf(s->zone, sizeof s->zone, "GB");
    s->tz = s->tz != NULL ? s->tz : "Europe/London";
    s->scope = "direct"; /* carbonintensity.org.uk, methodology: generation and imports, no life cycle */
    s->basis = "consumption";
    return st;
}

static const struct fg_carbon_importer electricity_maps = {"electricitymaps", read_electricity_maps};
static const struct fg_carbon_importer carbon_intensity_uk = {"carbonintensity-uk", read_carbon_intensity_uk};

const struct fg_carbon_importer *const fg_carbon_importers[] = {&electricity_maps, &carbon_intensity_uk};
const size_t fg_carbon_importers_n = sizeof fg_carbon_importers / sizeof fg_carbon_importers[0];

const struct fg_carbon_importer *fg_carbon_importer_find(const char *name)
{
    for (size_t i = 0; i < fg_carbon_importers_n; i++) {
        if (strcmp(fg_carbon_importers[i]->name, name) == 0) {
            return fg_carbon_importers[i];
        }
    }
    return NULL;
}

/* ---- a series as a file ---- */

static int by_time(const void *a, const void *b)
{
    const struct fg_carbon_value *x = a, *y = b;
    return (x->at_s > y->at_s) - (x->at_s < y->at_s);
}

/* Sorted, one value an hour: the mean of those in it. */
static void average_hours(struct fg_carbon_series *s)
{
    size_t hours = 0;
    qsort(s->value, s->n, sizeof *s->value, by_time);
    for (size_t i = 0; i < s->n;) {
        int64_t hour = s->value[i].at_s - ((s->value[i].at_s % 3600 + 3600) % 3600);
        double sum = 0.0;
        size_t n = 0;
        for (; i < s->n && s->value[i].at_s < hour + 3600; i++, n++) {
            sum += s->value[i].g;
        }
        s->value[hours++] = (struct fg_carbon_value){hour, sum / (double)n};
    }
    s->n = hours;
}

static enum fg_status add_row(struct fg_str *out, int64_t at_s, double g)
{
    char at[32];
    fg_iso_format(at, at_s);
    return fg_str_addf(out, "%s,%.10g\n", at, g);
}

static enum fg_status add_rows(struct fg_str *out, const struct fg_carbon_series *s, size_t *filled,
                               struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < s->n; i++) {
        const struct fg_carbon_value *v = &s->value[i], *next = i + 1 < s->n ? v + 1 : v;
        int64_t hours = (next->at_s - v->at_s) / 3600;
        if (hours - 1 > FG_CARBON_HOLE) {
            char from[32], to[32];
            fg_iso_format(from, v->at_s);
            fg_iso_format(to, next->at_s);
            return fg_fail(err, FG_E_INPUT,
                           "expected a value each hour, at most %d missing in a row, found none "
                           "between %s and %s",
                           FG_CARBON_HOLE, from, to);
        }
        st = add_row(out, v->at_s, v->g);
        for (int64_t h = 1; st == FG_OK && h < hours; h++) {
            st = add_row(out, v->at_s + h * 3600, v->g + (next->g - v->g) * (double)h / (double)hours);
            ++*filled;
        }
    }
    return st;
}

enum fg_status fg_carbon_series_text(struct fg_str *out, struct fg_carbon_series *s, const char *source,
                                     struct fg_err *err)
{
    struct fg_str rows = {0};
    size_t filled = 0;
    enum fg_status st = FG_OK;
    if (s->n == 0) {
        return fg_fail(err, FG_E_INPUT, "expected rows with values, found none");
    }
    average_hours(s);
    FG_TRY(add_rows(&rows, s, &filled, err));
    FG_TRY(fg_str_addf(out, "# zone: %s\n", s->zone));
    FG_TRY(s->tz != NULL ? fg_str_addf(out, "# tz: %s\n", s->tz) : FG_OK);
    FG_TRY(fg_str_addf(out, "# kind: average\n# scope: %s\n# basis: %s\n# source: %s\n", s->scope, s->basis,
                       source));
    if (filled > 0) {
        FG_TRY(fg_str_addf(out, "# note: %zu hours without a value lie on a line between their neighbours\n",
                           filled));
    }
    FG_TRY(fg_str_addf(out, "utc_time,gco2_per_kwh\n"));
    FG_TRY(fg_str_add(out, rows.data, rows.len));
cleanup:
    fg_str_fini(&rows);
    return st;
}
