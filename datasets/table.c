#include "datasets/table.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/str.h"

/* A field is shown in messages up to this length. */
enum { SHOWN = 40 };

void fg_table_init(struct fg_table *t, const struct fg_blob *blob, char separator)
{
    memset(t, 0, sizeof *t);
    t->blob = blob;
    t->separator = separator;
    t->next_line = 1;
    t->at = fg_utf8_mark((const char *)blob->data, blob->len);
}

/* The first line that is no comment has which of the separators, outside of quotes? */
static char sniff(const char *text, const char *end)
{
    char found = '\t';
    int quoted = 0;
    while (text < end && (*text == '#' || *text == '\n' || *text == '\r')) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        text = stop != NULL ? stop + 1 : end;
    }
    for (; text < end && *text != '\n'; text++) {
        quoted ^= *text == '"';
        if (!quoted && *text == ',') {
            return ',';
        }
        found = !quoted && *text == ';' ? ';' : found;
    }
    return found;
}

void fg_table_init_csv(struct fg_table *t, const struct fg_blob *blob)
{
    const char *data = (const char *)blob->data;
    fg_table_init(t, blob, ',');
    t->separator = blob->len > t->at ? sniff(data + t->at, data + blob->len) : ',';
    t->csv = 1;
}

void fg_table_fini(struct fg_table *t)
{
    fg_free(t->field);
    memset(t, 0, sizeof *t);
}

/* The first that is no blank. */
static size_t trim(const char *text, size_t start, size_t end)
{
    while (start < end && text[start] == ' ') {
        start++;
    }
    return start;
}

/* Where a quoted field that begins at `start` ends: its closing quote; len when there is none. */
static size_t closing_quote(const char *text, size_t start, size_t len)
{
    size_t at = start + 1;
    while (at < len && (text[at] != '"' || (at + 1 < len && text[at + 1] == '"'))) {
        at += text[at] == '"' ? 2 : 1;
    }
    return at < len ? at : len;
}

/* One field from `start` on; *end is the separator behind it, or len. */
static enum fg_status take_field(const struct fg_table *t, struct fg_field *f, const char *text, size_t start,
                                 size_t len, size_t *end, struct fg_err *err)
{
    size_t from = t->csv ? trim(text, start, len) : start;
    int quoted = t->csv && from < len && text[from] == '"';
    size_t close = quoted ? closing_quote(text, from, len) : 0;
    if (quoted && close == len) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a quote (\") to end on its line, found '%.*s'",
                       t->blob->name, t->line, (int)(len - from < SHOWN ? len - from : SHOWN), text + from);
    }
    size_t search = quoted ? close + 1 : from;
    const char *stop = memchr(text + search, t->separator, len - search);
    *end = stop != NULL ? (size_t)(stop - text) : len;
    size_t to = *end;
    while (t->csv && to > search && text[to - 1] == ' ') {
        to--;
    }
    if (quoted && to != search) {
        return fg_fail(
            err, FG_E_INPUT, "%s:%zu: expected the field to end at its quote, found '%.*s' behind it",
            t->blob->name, t->line, (int)(to - search < SHOWN ? to - search : SHOWN), text + search);
    }
    *f = quoted ? (struct fg_field){text + from + 1, close - from - 1}
                : (struct fg_field){text + from, to > from ? to - from : 0};
    return FG_OK;
}

static enum fg_status split(struct fg_table *t, const char *text, size_t len, struct fg_err *err)
{
    t->fields = 0;
    for (size_t start = 0, end = 0;; start = end + 1) {
        if (FG_GROW(t->field, t->fields, t->cap) != FG_OK) {
            return fg_fail(err, FG_E_NOMEM, "%s:%zu: out of memory", t->blob->name, t->line);
        }
        enum fg_status st = take_field(t, &t->field[t->fields++], text, start, len, &end, err);
        if (st != FG_OK || end == len) {
            return st;
        }
    }
}

enum fg_status fg_table_next(struct fg_table *t, int *more, struct fg_err *err)
{
    const char *data = (const char *)t->blob->data;
    while (t->at < t->blob->len) {
        const char *text = data + t->at, *stop = memchr(text, '\n', t->blob->len - t->at);
        size_t len = stop != NULL ? (size_t)(stop - text) : t->blob->len - t->at;
        t->at += len + (stop != NULL);
        t->line = t->next_line++;
        if (len > 0 && text[len - 1] == '\r') {
            len--;
        }
        if (len > 0 && text[0] != '#') {
            *more = 1;
            return split(t, text, len, err);
        }
    }
    *more = 0;
    return FG_OK;
}

size_t fg_table_column(const struct fg_table *t, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < t->fields; i++) {
        if (t->field[i].len == len && memcmp(t->field[i].text, name, len) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static int shown(const struct fg_field *f)
{
    return f->len > SHOWN ? SHOWN : (int)f->len;
}

int fg_field_missing(const struct fg_field *f)
{
    static const char *const words[] = {"", "?", "NA", "N/A", "nan", "NaN", "null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (f->len == strlen(words[i]) && memcmp(f->text, words[i], f->len) == 0) {
            return 1;
        }
    }
    return 0;
}

enum fg_status fg_table_u32(const struct fg_table *t, size_t column, const char *what, uint32_t max,
                            uint32_t *value, struct fg_err *err)
{
    const struct fg_field *f = &t->field[column];
    uint64_t v;
    enum fg_status st = fg_parse_u64(&v, f->text, f->len);
    if (st != FG_OK || v > max) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: %s: expected a whole number 0..%u, found '%.*s'",
                       t->blob->name, t->line, what, max, shown(f), f->text);
    }
    *value = (uint32_t)v;
    return FG_OK;
}

/* Where semicolons part the fields, a comma is a decimal point. */
static enum fg_status parse_number(const struct fg_table *t, double *v, const struct fg_field *f)
{
    char text[SHOWN];
    const char *comma = t->csv && t->separator == ';' ? memchr(f->text, ',', f->len) : NULL;
    if (comma == NULL || f->len > sizeof text) {
        return fg_parse_f64(v, f->text, f->len);
    }
    memcpy(text, f->text, f->len);
    text[comma - f->text] = '.';
    return fg_parse_f64(v, text, f->len);
}

enum fg_status fg_table_f32(const struct fg_table *t, size_t column, const struct fg_field *name,
                            const char *note, float *value, struct fg_err *err)
{
    const struct fg_field *f = &t->field[column];
    double v;
    enum fg_status st = parse_number(t, &v, f);
    if (st != FG_OK || !isfinite((float)v)) {
        return fg_fail(err, FG_E_INPUT,
                       "%s:%zu: column %zu, '%.*s': expected a finite number, found '%.*s'%s", t->blob->name,
                       t->line, column + 1, shown(name), name->text, shown(f), f->text,
                       fg_field_missing(f) ? "; leave rows without a value out, or fill them in" : note);
    }
    *value = (float)v;
    return FG_OK;
}
