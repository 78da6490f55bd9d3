/* CSV: one sample a row, a label column, an optional group column, all other columns float features. */
#include <string.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "datasets/table.h"
#include "src/base/mem.h"

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
};

static enum fg_status find_group(struct csv *c, const struct fg_dataset_spec *spec, struct fg_err *err)
{
    static const char *const usual[] = {"group", "user", "client", "writer", "subject"};
    c->group = SIZE_MAX;
    if (spec->group_column == NULL) {
        for (size_t i = 0; i < sizeof usual / sizeof *usual && c->group == SIZE_MAX; i++) {
            c->group = fg_table_column(&c->table, usual[i]);
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
    c->columns = c->table.fields;
    c->head = fg_calloc(c->columns, sizeof *c->head);
    if (c->head == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", file);
    }
    memcpy(c->head, c->table.field, c->columns * sizeof *c->head);
    c->label = fg_table_column(&c->table, label);
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
        return fg_fail(
            err, FG_E_INPUT,
            "%s:%zu: expected at least one feature column (columns are parted by commas), found %zu in "
            "'%.*s'",
            file, c->table.line, features, (int)(c->head[0].len < 40 ? c->head[0].len : 40), c->head[0].text);
    }
    c->features = (uint32_t)features;
    return FG_OK;
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

static enum fg_status row(struct csv *c, uint32_t max_label, struct fg_err *err)
{
    const struct fg_table *t = &c->table;
    uint32_t label;
    if (t->fields != c->columns) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected %zu columns as in the header, found %zu",
                       t->blob->name, t->line, c->columns, t->fields);
    }
    enum fg_status st = grow(c, err);
    if (st != FG_OK || (st = fg_table_u32(t, c->label, "label", max_label, &label, err)) != FG_OK) {
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

static enum fg_status finish(struct fg_dataset **out, struct csv *c, uint32_t classes, const char *name,
                             struct fg_err *err)
{
    struct fg_dataset layout = {.kind = FG_DATA_VECTOR,
                                .dtype = FG_F32,
                                .shape = {c->features, 1, 1},
                                .label_width = 1,
                                .classes = classes != 0 ? classes : c->top + 1,
                                .n = c->n,
                                .n_train = c->n,
                                .groups = (uint32_t)c->names.n};
    if (c->n == 0) {
        return fg_fail(err, FG_E_INPUT, "%s: expected rows after the header, found none",
                       c->table.blob->name);
    }
    struct fg_dataset *ds;
    enum fg_status st = fg_dataset_create(&ds, &layout, name, err);
    if (st != FG_OK) {
        return st;
    }
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
    fg_table_init(&c.table, csv, ',');
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
