/* IDX: MNIST, Fashion-MNIST and kin; images and labels in pairs, optionally with a table of writers. */
#include <stdio.h>
#include <string.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "datasets/table.h"
#include "src/base/mem.h"

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum fg_status fg_idx_parse(struct fg_idx *out, const struct fg_blob *blob, struct fg_err *err)
{
    const uint8_t *p = blob->data;
    if (blob->len < 8) {
        return fg_fail(err, FG_E_INPUT, "%s: expected an IDX file, found only %zu bytes", blob->name,
                       blob->len);
    }
    if (p[0] != 0 || p[1] != 0 || p[2] != 8 || p[3] < 1 || p[3] > 4) {
        return fg_fail(err, FG_E_INPUT,
                       "%s: expected an IDX file of unsigned bytes (magic 00 00 08 01 to 04), "
                       "found magic %02x %02x %02x %02x",
                       blob->name, p[0], p[1], p[2], p[3]);
    }
    struct fg_idx idx = {.dims = p[3], .dim = {1, 1, 1, 1}};
    size_t head = 4 + 4 * (size_t)idx.dims, total = 1;
    if (blob->len < head) {
        return fg_fail(err, FG_E_INPUT, "%s: expected %zu bytes of IDX header, found %zu", blob->name, head,
                       blob->len);
    }
    for (uint32_t i = 0; i < idx.dims; i++) {
        idx.dim[i] = be32(p + 4 + 4 * i);
        if (idx.dim[i] == 0) {
            return fg_fail(err, FG_E_INPUT, "%s: dimension %u is 0", blob->name, i + 1);
        }
        if (__builtin_mul_overflow(total, (size_t)idx.dim[i], &total)) {
            return fg_fail(err, FG_E_INPUT, "%s: dimension %u (%u) makes the data too large", blob->name,
                           i + 1, idx.dim[i]);
        }
    }
    if (total != blob->len - head) {
        return fg_fail(err, FG_E_INPUT,
                       "%s: expected %zu bytes of data from the counts in the header, found %zu", blob->name,
                       total, blob->len - head);
    }
    idx.data = p + head;
    idx.len = total;
    *out = idx;
    return FG_OK;
}

/* Parsed images and labels of one part. */
struct pair {
    struct fg_idx images, labels;
    uint32_t top; /* largest label */
};

static enum fg_status parse_pair(struct pair *out, const struct fg_idx_part *part, struct fg_err *err)
{
    struct pair p = {.top = 0};
    enum fg_status st = fg_idx_parse(&p.images, part->images, err);
    if (st != FG_OK || (st = fg_idx_parse(&p.labels, part->labels, err)) != FG_OK) {
        return st;
    }
    if (p.images.dims < 3) {
        return fg_fail(err, FG_E_INPUT, "%s: expected 3 or 4 dimensions (images), found %u",
                       part->images->name, p.images.dims);
    }
    if (p.labels.dims != 1) {
        return fg_fail(err, FG_E_INPUT, "%s: expected 1 dimension (labels), found %u", part->labels->name,
                       p.labels.dims);
    }
    if (p.labels.dim[0] != p.images.dim[0]) {
        return fg_fail(err, FG_E_INPUT, "%s: expected %u labels, one for each image of %s, found %u",
                       part->labels->name, p.images.dim[0], part->images->name, p.labels.dim[0]);
    }
    for (size_t i = 0; i < p.labels.len; i++) {
        p.top = p.labels.data[i] > p.top ? p.labels.data[i] : p.top;
    }
    *out = p;
    return FG_OK;
}

struct writer_columns {
    size_t writer, index, label, fields;
};

static enum fg_status writer_header(struct writer_columns *c, struct fg_table *t, struct fg_err *err)
{
    int more;
    enum fg_status st = fg_table_next(t, &more, err);
    if (st != FG_OK) {
        return st;
    }
    c->writer = more ? fg_table_column(t, "writer") : SIZE_MAX;
    if (c->writer == SIZE_MAX) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a header with a column 'writer'", t->blob->name,
                       t->line);
    }
    c->index = fg_table_column(t, "index");
    c->label = fg_table_column(t, "label");
    c->fields = t->fields;
    return FG_OK;
}

static enum fg_status writer_row(const struct writer_columns *c, const struct fg_table *t,
                                 const struct fg_idx *labels, size_t row, struct fg_err *err)
{
    uint32_t v;
    enum fg_status st;
    const char *file = t->blob->name;
    if (t->fields != c->fields) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected %zu columns, found %zu", file, t->line, c->fields,
                       t->fields);
    }
    if (row >= labels->len) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected %zu rows, one for each image, found more", file,
                       t->line, labels->len);
    }
    if (c->index != SIZE_MAX) {
        if ((st = fg_table_u32(t, c->index, "index", UINT32_MAX, &v, err)) != FG_OK) {
            return st;
        }
        if (v != row) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: expected index %zu, found %u", file, t->line, row, v);
        }
    }
    if (c->label != SIZE_MAX) {
        if ((st = fg_table_u32(t, c->label, "label", 255, &v, err)) != FG_OK) {
            return st;
        }
        if (v != labels->data[row]) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: expected label %u as in the label file, found %u", file,
                           t->line, labels->data[row], v);
        }
    }
    if (t->field[c->writer].len == 0) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: the writer is empty", file, t->line);
    }
    return FG_OK;
}

/* group (n) of one part. */
static enum fg_status parse_writers(uint32_t *group, struct fg_names *names, const struct fg_blob *writers,
                                    const struct fg_idx *labels, struct fg_err *err)
{
    struct fg_table t;
    struct writer_columns c = {.fields = 0};
    size_t row = 0;
    int more;
    fg_table_init(&t, writers, ',');
    enum fg_status st;
    FG_TRY(writer_header(&c, &t, err));
    for (;; row++) {
        FG_TRY(fg_table_next(&t, &more, err));
        if (!more) {
            break;
        }
        FG_TRY(writer_row(&c, &t, labels, row, err));
        const struct fg_field *f = &t.field[c.writer];
        if (fg_names_number(names, &group[row], f->text, f->len) != FG_OK) {
            st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", writers->name);
            goto cleanup;
        }
    }
    if (row != labels->len) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected %zu rows, one for each image, found %zu", writers->name,
                     labels->len, row);
    }
cleanup:
    fg_table_fini(&t);
    return st;
}

static void copy_part(struct fg_dataset *ds, size_t at, const struct pair *p)
{
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    FG_ASSERT(p->images.data != NULL);
    memcpy((uint8_t *)a->x + at * ds->width, p->images.data, p->images.len);
    for (size_t i = 0; i < p->labels.len; i++) {
        a->y[at + i] = p->labels.data[i];
    }
}

static enum fg_status both_writers(uint32_t **group, struct fg_names *names, const struct fg_idx_part *train,
                                   const struct fg_idx_part *test, const struct pair *a, const struct pair *b,
                                   struct fg_err *err)
{
    if (train->writers == NULL && (test == NULL || test->writers == NULL)) {
        return FG_OK;
    }
    size_t n = a->labels.len + (test != NULL ? b->labels.len : 0);
    uint32_t *g = fg_calloc(n, sizeof *g);
    if (g == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", train->images->name);
    }
    memset(g, 0xff, n * sizeof *g);
    *group = g;
    enum fg_status st = FG_OK;
    if (train->writers != NULL) {
        st = parse_writers(g, names, train->writers, &a->labels, err);
    }
    if (st == FG_OK && test != NULL && test->writers != NULL) {
        st = parse_writers(g + a->labels.len, names, test->writers, &b->labels, err);
    }
    return st;
}

enum fg_status fg_idx_import(struct fg_dataset **out, const struct fg_idx_part *train,
                             const struct fg_idx_part *test, const char *name, struct fg_err *err)
{
    struct pair a = {.top = 0}, b = {.top = 0};
    struct fg_names names = {0};
    struct fg_dataset *ds = NULL;
    uint32_t *group = NULL;
    enum fg_status st;
    FG_TRY(parse_pair(&a, train, err));
    if (test != NULL) {
        FG_TRY(parse_pair(&b, test, err));
        if (memcmp(a.images.dim + 1, b.images.dim + 1, 3 * sizeof a.images.dim[0]) != 0) {
            st = fg_fail(err, FG_E_INPUT, "%s: expected images of %u x %u as in %s, found %u x %u",
                         test->images->name, a.images.dim[1], a.images.dim[2], train->images->name,
                         b.images.dim[1], b.images.dim[2]);
            goto cleanup;
        }
        if (b.top > a.top) {
            st = fg_fail(err, FG_E_INPUT,
                         "%s: label out of range: expected 0..%u as in the training part, found %u",
                         test->labels->name, a.top, b.top);
            goto cleanup;
        }
    }
    FG_TRY(both_writers(&group, &names, train, test, &a, &b, err));
    struct fg_dataset layout = {.kind = FG_DATA_IMAGE,
                                .dtype = FG_U8,
                                .shape = {a.images.dim[1], a.images.dim[2], a.images.dim[3]},
                                .label_width = 1,
                                .classes = a.top + 1,
                                .n = a.labels.len + (test != NULL ? b.labels.len : 0),
                                .n_train = a.labels.len,
                                .groups = (uint32_t)names.n};
    FG_TRY(fg_dataset_create(&ds, &layout, name, err));
    copy_part(ds, 0, &a);
    if (test != NULL) {
        copy_part(ds, a.labels.len, &b);
    }
    if (group != NULL) {
        memcpy(fg_dataset_edit(ds)->group, group, ds->n * sizeof *group);
        memcpy(ds->group_name, names.name, names.n * sizeof *names.name);
        names.n = 0; /* the strings are the data set's now */
    }
    *out = ds;
cleanup:
    fg_names_fini(&names);
    fg_free(group);
    return st;
}

static int knows(const struct fg_source *s)
{
    if (s->is_folder) {
        return fg_source_has(s, "train-images-idx3-ubyte") != NULL;
    }
    return strstr(s->file[0], "-images-idx") != NULL;
}

/* The files of one part: "<prefix>-images-idx3-ubyte", "<prefix>-labels-idx1-ubyte",
 * "<prefix>-writers.csv". */
struct part_files {
    struct fg_rawfile images, labels, writers;
    struct fg_idx_part part;
};

static enum fg_status read_part(struct part_files *p, struct fg_import *in, const char *prefix,
                                struct fg_err *err)
{
    char images[280], labels[280], writers[280];
    snprintf(images, sizeof images, "%s-images-idx3-ubyte", prefix);
    snprintf(labels, sizeof labels, "%s-labels-idx1-ubyte", prefix);
    snprintf(writers, sizeof writers, "%s-writers.csv", prefix);
    const char *have = fg_source_has(in->source, writers);
    enum fg_status st = fg_import_read(&p->images, in, images, err);
    if (st != FG_OK || (st = fg_import_read(&p->labels, in, labels, err)) != FG_OK) {
        return st;
    }
    if (have != NULL && (st = fg_import_read(&p->writers, in, writers, err)) != FG_OK) {
        return st;
    }
    p->part = (struct fg_idx_part){&p->images.blob, &p->labels.blob, have != NULL ? &p->writers.blob : NULL};
    return FG_OK;
}

static void drop_part(struct part_files *p)
{
    fg_rawfile_fini(&p->images);
    fg_rawfile_fini(&p->labels);
    fg_rawfile_fini(&p->writers);
}

static enum fg_status import(struct fg_dataset **out, struct fg_import *in, struct fg_err *err)
{
    struct part_files train = {0}, test = {0};
    const struct fg_source *s = in->source;
    const char *name = s->path;
    char prefix[200] = "train";
    int has_test = s->is_folder && fg_source_has(s, "t10k-images-idx3-ubyte") != NULL;
    if (!s->is_folder) {
        size_t len = (size_t)(strstr(s->file[0], "-images-idx") - s->file[0]);
        snprintf(prefix, sizeof prefix, "%.*s", (int)len, s->file[0]);
    }
    enum fg_status st;
    FG_TRY(read_part(&train, in, prefix, err));
    if (has_test) {
        FG_TRY(read_part(&test, in, "t10k", err));
    }
    FG_TRY(fg_idx_import(out, &train.part, has_test ? &test.part : NULL, name, err));
cleanup:
    drop_part(&train);
    drop_part(&test);
    return st;
}

/* IDX images and labels (train-, t10k-), optionally *-writers.csv for groups; plain or gz. */
const struct fg_importer fg_importer_idx = {"idx", knows, import};
