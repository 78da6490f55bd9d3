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
    if (blob->len >= 3 && memcmp(blob->data, "\xEF\xBB\xBF", 3) == 0) {
        t->at = 3; /* the byte order mark that spreadsheets write */
    }
}

void fg_table_fini(struct fg_table *t)
{
    fg_free(t->field);
    memset(t, 0, sizeof *t);
}

static enum fg_status split(struct fg_table *t, const char *text, size_t len, struct fg_err *err)
{
    t->fields = 0;
    for (size_t start = 0;;) {
        const char *stop = memchr(text + start, t->separator, len - start);
        size_t end = stop != NULL ? (size_t)(stop - text) : len;
        if (FG_GROW(t->field, t->fields, t->cap) != FG_OK) {
            return fg_fail(err, FG_E_NOMEM, "%s:%zu: out of memory", t->blob->name, t->line);
        }
        t->field[t->fields++] = (struct fg_field){text + start, end - start};
        if (stop == NULL) {
            return FG_OK;
        }
        start = end + 1;
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

enum fg_status fg_table_f32(const struct fg_table *t, size_t column, const struct fg_field *name,
                            const char *note, float *value, struct fg_err *err)
{
    const struct fg_field *f = &t->field[column];
    double v;
    enum fg_status st = fg_parse_f64(&v, f->text, f->len);
    if (st != FG_OK || !isfinite((float)v)) {
        return fg_fail(err, FG_E_INPUT,
                       "%s:%zu: column %zu, '%.*s': expected a finite number, found '%.*s'%s", t->blob->name,
                       t->line, column + 1, shown(name), name->text, shown(f), f->text, note);
    }
    *value = (float)v;
    return FG_OK;
}
