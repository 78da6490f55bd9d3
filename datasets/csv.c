/* CSV: one sample a row, a label column, an optional group column, all other columns float features. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "datasets/table.h"
#include "src/base/mem.h"
#include "src/base/str.h"

/* Columns of the header, and rows as they accumulate. */
struct csv {
    struct fg_table table;
    size_t columns, label, group; /* group = SIZE_MAX without groups */
    struct fg_field *head;        /* (columns) their names */
    uint32_t features, top;
    float *x;
    uint16_t *y;
    uint32_t *g;
    size_t n, cap_x, cap_y, cap_g;
    struct fg_names names;
    int named; /* labels are names, as the first one was */
    struct fg_names classes;
};

/* The column of a usual name: so written, or else the one that has it in other letters ("Label"). */
static size_t usual_column(const struct fg_table *t, const char *name)
{
    size_t found = fg_table_column(t, name), len = strlen(name);
    for (size_t i = 0; i < t->fields && found == SIZE_MAX; i++) {
        found = t->field[i].len == len && strncasecmp(t->field[i].text, name, len) == 0 ? i : found;
    }
    return found;
}

/* A column without a name numbers the rows, as data frames write their index: no feature to learn from. */
static enum fg_status check_names(const struct csv *c, struct fg_err *err)
{
    for (size_t i = 0; i < c->columns; i++) {
        if (c->head[i].len == 0 && i != c->label && i != c->group) {
            return fg_fail(
                err, FG_E_INPUT,
                "%s:%zu: column %zu: expected a name, found none: leave the numbers of rows out that "
                "data frames write (index=False, row.names=FALSE), or name it if it is a feature",
                c->table.blob->name, c->table.line, i + 1);
        }
    }
    return FG_OK;
}

static enum fg_status find_group(struct csv *c, const struct fg_dataset_spec *spec, struct fg_err *err)
{
    static const char *const usual[] = {"group", "user", "client", "writer", "subject"};
    c->group = SIZE_MAX;
    if (spec->group_column == NULL) {
        for (size_t i = 0; i < sizeof usual / sizeof *usual && c->group == SIZE_MAX; i++) {
            c->group = usual_column(&c->table, usual[i]);
        }
    } else if (strcmp(spec->group_column, "none") != 0) {
        c->group = fg_table_column(&c->table, spec->group_column);
        if (c->group == SIZE_MAX) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a column '%s' (group), found none",
                           c->table.blob->name, c->table.line, spec->group_column);
        }
    }
    return FG_OK;
}

/* A first line of numbers, one of them broken or there twice, is a row: names of columns differ, and those
 * that data frames give to columns without names are 0, 1, 2. */
static int is_row(const struct fg_table *t)
{
    int odd = 0;
    for (size_t i = 0; i < t->fields; i++) {
        uint64_t whole;
        double v;
        const struct fg_field *f = &t->field[i], *last = f - (i > 0);
        if (fg_parse_f64(&v, f->text, f->len) != FG_OK) {
            return 0;
        }
        odd |= fg_parse_u64(&whole, f->text, f->len) != FG_OK ||
               (i > 0 && f->len == last->len && memcmp(f->text, last->text, f->len) == 0);
    }
    return odd;
}

static enum fg_status header(struct csv *c, const struct fg_dataset_spec *spec, struct fg_err *err)
{
    const char *file = c->table.blob->name,
               *label = spec->label_column != NULL ? spec->label_column : "label";
    int more;
    enum fg_status st = fg_table_next(&c->table, &more, err);
    if (st != FG_OK) {
        return st;
    }
    if (!more) {
        return fg_fail(err, FG_E_INPUT, "%s: expected a header line, found nothing", file);
    }
    if (is_row(&c->table)) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a header line with the columns' names, found a row",
                       file, c->table.line);
    }
    c->columns = c->table.fields;
    c->head = fg_calloc(c->columns, sizeof *c->head);
    if (c->head == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", file);
    }
    memcpy(c->head, c->table.field, c->columns * sizeof *c->head);
    c->label =
        spec->label_column != NULL ? fg_table_column(&c->table, label) : usual_column(&c->table, label);
    if (c->label == SIZE_MAX && spec->label_column == NULL) {
        c->label = c->columns - 1;
    }
    if (c->label == SIZE_MAX) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a column '%s' (label) in the header, found none",
                       file, c->table.line, label);
    }
    if ((st = find_group(c, spec, err)) != FG_OK) {
        return st;
    }
    if (c->group == c->label) {
        return fg_fail(err, FG_E_INPUT,
                       "%s:%zu: expected different columns for label and group, found column %zu for "
                       "both",
                       file, c->table.line, c->label + 1);
    }
    size_t features = c->columns - 1 - (c->group != SIZE_MAX);
    if (features == 0 || features > UINT32_MAX / 2) {
        return fg_fail(err, FG_E_INPUT,
                       "%s:%zu: expected at least one feature column (columns are parted by commas, "
                       "semicolons or tabs), found %zu in "
                       "'%.*s'",
                       file, c->table.line, features, (int)(c->head[0].len < 40 ? c->head[0].len : 40),
                       c->head[0].text);
    }
    c->features = (uint32_t)features;
    return check_names(c, err);
}

static enum fg_status grow(struct csv *c, struct fg_err *err)
{
    size_t room = c->cap_x / c->features;
    if (c->n == UINT32_MAX - 1) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: too many rows", c->table.blob->name, c->table.line);
    }
    while (c->n >= room) {
        size_t cap = c->cap_x + c->features > c->cap_x * 2 ? c->cap_x + c->features : c->cap_x * 2;
        if (fg_realloc(&c->x, cap, sizeof *c->x) != FG_OK) {
            return fg_fail(err, FG_E_NOMEM, "%s: out of memory", c->table.blob->name);
        }
        c->cap_x = cap;
        room = cap / c->features;
    }
    if (FG_GROW(c->y, c->n, c->cap_y) != FG_OK || FG_GROW(c->g, c->n, c->cap_g) != FG_OK) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", c->table.blob->name);
    }
    return FG_OK;
}

/* The class of a row: a whole number (1.0 is one), or a name, whose class is known at the end (name_classes).
 * What the first row has, all have. */
static enum fg_status take_label(struct csv *c, uint32_t max, uint32_t *label, struct fg_err *err)
{
    const struct fg_table *t = &c->table;
    const struct fg_field *f = &t->field[c->label];
    int shown = f->len > 40 ? 40 : (int)f->len;
    double v;
    int number = fg_parse_f64(&v, f->text, f->len) == FG_OK;
    if (fg_field_missing(f)) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: the label is missing ('%.*s'): leave such rows out",
                       t->blob->name, t->line, shown, f->text);
    }
    if (number && !c->named && v >= 0 && v <= max && v == floor(v)) {
        *label = (uint32_t)v;
        return FG_OK;
    }
    c->named = c->named || (c->n == 0 && !number);
    if (!c->named) {
        return fg_table_u32(t, c->label, "label", max, label, err); /* says what is wrong */
    }
    if (number) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: label: expected a name as in the first row, found '%.*s'",
                       t->blob->name, t->line, shown, f->text);
    }
    if (fg_utf8_span(f->text, f->len) < f->len || memchr(f->text, '\0', f->len) != NULL) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: label: expected text in UTF-8, found other bytes",
                       t->blob->name, t->line);
    }
    return fg_names_number(&c->classes, label, f->text, f->len) != FG_OK
               ? fg_fail(err, FG_E_NOMEM, "%s: out of memory", t->blob->name)
           : *label <= max
               ? FG_OK
               : fg_fail(err, FG_E_INPUT, "%s:%zu: label: expected at most %u names, found '%.*s' besides",
                         t->blob->name, t->line, max + 1, shown, f->text);
}

static enum fg_status row(struct csv *c, uint32_t max_label, struct fg_err *err)
{
    const struct fg_table *t = &c->table;
    uint32_t label = 0;
    if (t->fields != c->columns) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected %zu columns as in the header, found %zu",
                       t->blob->name, t->line, c->columns, t->fields);
    }
    enum fg_status st = grow(c, err);
    if (st != FG_OK || (st = take_label(c, max_label, &label, err)) != FG_OK) {
        return st;
    }
    c->top = label > c->top ? label : c->top;
    c->y[c->n] = (uint16_t)label;
    c->g[c->n] = FG_NO_GROUP;
    if (c->group != SIZE_MAX) {
        const struct fg_field *f = &t->field[c->group];
        if (f->len == 0) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: the group is empty", t->blob->name, t->line);
        }
        if (fg_names_number(&c->names, &c->g[c->n], f->text, f->len) != FG_OK) {
            return fg_fail(err, FG_E_NOMEM, "%s: out of memory", t->blob->name);
        }
    }
    float *to = c->x + c->n * c->features;
    const char *note =
        c->group != SIZE_MAX ? "" : "; a column of names can be the group (data.group_column, --group)";
    for (size_t i = 0; i < t->fields; i++) {
        if (i != c->label && i != c->group &&
            (st = fg_table_f32(t, i, &c->head[i], note, to++, err)) != FG_OK) {
            return st;
        }
    }
    c->n++;
    return FG_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Named labels become classes in the order of their names' bytes; *list is the names, one a line. */
static enum fg_status name_classes(struct csv *c, char **list, struct fg_err *err)
{
    const char *file = c->table.blob->name;
    const struct fg_field *head = &c->head[c->label];
    size_t n = c->classes.n;
    struct fg_str text = {0};
    enum fg_status st = FG_OK;
    if (c->n > 10 && n == c->n) {
        return fg_fail(err, FG_E_INPUT,
                       "%s: expected a label column, found another name in each of the %zu rows of '%.*s' "
                       "(data.label_column, --label)",
                       file, n, (int)head->len, head->text);
    }
    char **sorted = fg_calloc(n, sizeof *sorted);
    uint16_t *class = fg_calloc(n, sizeof *class);
    FG_TRY(sorted != NULL && class != NULL ? FG_OK : FG_E_NOMEM);
    memcpy(sorted, c->classes.name, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 0; i < n; i++) {
        char **at = bsearch(&c->classes.name[i], sorted, n, sizeof *sorted, by_name);
        class[i] = (uint16_t)(at - sorted);
        if (strlen(*at) == head->len && memcmp(*at, head->text, head->len) == 0) {
            st = fg_fail(
                err, FG_E_INPUT,
                "%s: expected a header line with the columns' names, found the label '%s' in it: a row", file,
                *at);
            goto cleanup;
        }
        FG_TRY(fg_str_addf(&text, "%s%s", i > 0 ? "\n" : "", sorted[i]));
    }
    for (size_t i = 0; i < c->n; i++) {
        c->y[i] = class[c->y[i]];
    }
    if (text.len > FG_CLASS_NAMES_MAX) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected names of classes of at most %d bytes in all, found %zu",
                     file, FG_CLASS_NAMES_MAX, text.len);
        goto cleanup;
    }
    *list = text.data;
    text = (struct fg_str){0};
cleanup:
    fg_free(sorted);
    fg_free(class);
    fg_str_fini(&text);
    return st == FG_E_NOMEM ? fg_fail(err, st, "%s: out of memory", file) : st;
}

static enum fg_status finish(struct fg_dataset **out, struct csv *c, uint32_t classes, const char *name,
                             struct fg_err *err)
{
    struct fg_dataset layout = {.kind = FG_DATA_VECTOR,
                                .dtype = FG_F32,
                                .shape = {c->features, 1, 1},
                                .label_width = 1,
                                .classes = classes != 0 && !c->named ? classes : c->top + 1,
                                .n = c->n,
                                .n_train = c->n,
                                .groups = (uint32_t)c->names.n};
    if (c->n == 0) {
        return fg_fail(err, FG_E_INPUT, "%s: expected rows after the header, found none",
                       c->table.blob->name);
    }
    struct fg_dataset *ds;
    char *class_names = NULL;
    enum fg_status st = c->named ? name_classes(c, &class_names, err) : FG_OK;
    st = st == FG_OK ? fg_dataset_create(&ds, &layout, name, err) : st;
    if (st != FG_OK) {
        fg_free(class_names);
        return st;
    }
    ds->class_names = class_names;
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    memcpy(a->x, c->x, c->n * c->features * sizeof *c->x);
    memcpy(a->y, c->y, c->n * sizeof *c->y);
    if (a->group != NULL) {
        memcpy(a->group, c->g, c->n * sizeof *c->g);
        memcpy(ds->group_name, c->names.name, c->names.n * sizeof *c->names.name);
        c->names.n = 0; /* the strings are the data set's now */
    }
    *out = ds;
    return FG_OK;
}

enum fg_status fg_csv_import(struct fg_dataset **out, const struct fg_blob *csv,
                             const struct fg_dataset_spec *spec, const char *name, struct fg_err *err)
{
    struct csv c = {.n = 0};
    enum fg_status st;
    fg_table_init_csv(&c.table, csv);
    FG_TRY(header(&c, spec, err));
    for (int more;;) {
        FG_TRY(fg_table_next(&c.table, &more, err));
        if (!more) {
            break;
        }
        FG_TRY(row(&c, spec->classes != 0 ? spec->classes - 1 : UINT16_MAX - 1, err));
    }
    FG_TRY(finish(out, &c, spec->classes, name, err));
cleanup:
    fg_table_fini(&c.table);
    fg_names_fini(&c.names);
    fg_names_fini(&c.classes);
    fg_free(c.head);
    fg_free(c.x);
    fg_free(c.y);
    fg_free(c.g);
    return st;
}

/* A folder is a CSV data set when it holds exactly one CSV file. */
static const char *the_csv(const struct fg_source *s)
{
    return fg_source_only(s, ".csv");
}

static int knows(const struct fg_source *s)
{
    return the_csv(s) != NULL;
}

static enum fg_status import(struct fg_dataset **out, struct fg_import *in, struct fg_err *err)
{
    struct fg_rawfile file = {0};
    enum fg_status st = fg_import_read(&file, in, the_csv(in->source), err);
    if (st == FG_OK) {
        st = fg_csv_import(out, &file.blob, in->spec, in->source->path, err);
    }
    fg_rawfile_fini(&file);
    return st;
}

/* CSV with a header, a label column and optionally a group column; plain, gz or zst. */
const struct fg_importer fg_importer_csv = {"csv", knows, import};
