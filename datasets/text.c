/* Text as next-character prediction, optionally with a table of who says what. */
#include <stdio.h>
#include <string.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "datasets/table.h"
#include "src/base/mem.h"

enum { SEQUENCE_MAX = 65536 };

/* One speech; speeches of a role are chained in file order. */
struct speech {
    size_t start, end; /* bytes, end exclusive */
    uint32_t role;
};

struct roles {
    struct speech *speech; /* (n) */
    size_t n, cap;
    struct fg_names names;
};

static enum fg_status roles_row(struct roles *r, const struct fg_table *t, const size_t column[3], size_t len,
                                struct fg_err *err)
{
    const char *file = t->blob->name;
    uint32_t start, end, role, max = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
    for (int i = 0; i < 3; i++) {
        if (column[i] >= t->fields) {
            return fg_fail(err, FG_E_INPUT, "%s:%zu: expected role, start and end, found %zu columns", file,
                           t->line, t->fields);
        }
    }
    enum fg_status st = fg_table_u32(t, column[1], "start", max, &start, err);
    if (st != FG_OK || (st = fg_table_u32(t, column[2], "end", max, &end, err)) != FG_OK) {
        return st;
    }
    if (start >= end) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: expected start < end, found %u and %u", file, t->line, start,
                       end);
    }
    if (r->n > 0 && start < r->speech[r->n - 1].end) {
        return fg_fail(err, FG_E_INPUT,
                       "%s:%zu: expected a range after byte %zu (ranges ascend and are disjoint), "
                       "found start %u",
                       file, t->line, r->speech[r->n - 1].end, start);
    }
    const struct fg_field *f = &t->field[column[0]];
    if (f->len == 0) {
        return fg_fail(err, FG_E_INPUT, "%s:%zu: the role is empty", file, t->line);
    }
    if (fg_names_number(&r->names, &role, f->text, f->len) != FG_OK ||
        FG_GROW(r->speech, r->n, r->cap) != FG_OK) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", file);
    }
    r->speech[r->n++] = (struct speech){start, end, role};
    return FG_OK;
}

static enum fg_status parse_roles(struct roles *r, const struct fg_blob *blob, size_t len, struct fg_err *err)
{
    static const char *const names[3] = {"role", "start", "end"};
    size_t column[3];
    struct fg_table t;
    int more;
    enum fg_status st;
    fg_table_init(&t, blob, '\t');
    FG_TRY(fg_table_next(&t, &more, err));
    for (int i = 0; i < 3; i++) {
        column[i] = more ? fg_table_column(&t, names[i]) : SIZE_MAX;
        if (column[i] == SIZE_MAX) {
            st = fg_fail(err, FG_E_INPUT, "%s:%zu: expected a header with the columns role, start and end",
                         blob->name, t.line);
            goto cleanup;
        }
    }
    for (;;) {
        FG_TRY(fg_table_next(&t, &more, err));
        if (!more) {
            break;
        }
        FG_TRY(roles_row(r, &t, column, len, err));
    }
    if (r->n == 0) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected at least one speech, found none", blob->name);
    }
cleanup:
    fg_table_fini(&t);
    return st;
}

/* Distinct bytes ascending: code of each byte, and back. */
static uint32_t vocabulary(uint8_t code[256], uint8_t byte[256], const struct fg_blob *text)
{
    uint8_t seen[256] = {0};
    uint32_t n = 0;
    for (size_t i = 0; i < text->len; i++) {
        seen[text->data[i]] = 1;
    }
    for (int b = 0; b < 256; b++) {
        if (seen[b]) {
            byte[n] = (uint8_t)b;
            code[b] = (uint8_t)n++;
        }
    }
    return n;
}

/* A role's codes, role after role: stream[first[r] .. first[r + 1]). */
struct streams {
    uint8_t *code;
    size_t *first; /* (roles + 1) */
    size_t roles;
};

static enum fg_status join_roles(struct streams *s, const struct roles *r, const struct fg_blob *text,
                                 const uint8_t code[256], int newline)
{
    size_t total = 0, roles = r->names.n;
    s->roles = roles;
    s->first = fg_calloc(roles + 1, sizeof *s->first);
    size_t *fill = fg_calloc(roles + 1, sizeof *fill);
    if (s->first == NULL || fill == NULL) {
        fg_free(fill);
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        s->first[r->speech[i].role + 1] += r->speech[i].end - r->speech[i].start + (newline ? 1 : 0);
    }
    for (size_t i = 0; i < roles; i++) {
        s->first[i + 1] += s->first[i];
        fill[i] = s->first[i];
    }
    total = s->first[roles];
    s->code = fg_calloc(total, 1);
    if (s->code == NULL) {
        fg_free(fill);
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        const struct speech *p = &r->speech[i];
        for (size_t j = p->start; j < p->end; j++) {
            s->code[fill[p->role]++] = code[text->data[j]];
        }
        if (newline) {
            s->code[fill[p->role]++] = code['\n'];
        }
    }
    fg_free(fill);
    return FG_OK;
}

static enum fg_status one_stream(struct streams *s, const struct fg_blob *text, const uint8_t code[256])
{
    s->roles = 1;
    s->first = fg_calloc(2, sizeof *s->first);
    s->code = fg_calloc(text->len, 1);
    if (s->first == NULL || s->code == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < text->len; i++) {
        s->code[i] = code[text->data[i]];
    }
    s->first[1] = text->len;
    return FG_OK;
}

/* Windows of a stream of len characters: each needs T and the one after. */
static size_t windows(size_t len, size_t T)
{
    return len > 0 ? (len - 1) / T : 0;
}

static void cut(struct fg_dataset *ds, const struct streams *s, int grouped)
{
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    size_t T = ds->width, at = 0;
    for (size_t r = 0; r < s->roles; r++) {
        const uint8_t *from = s->code + s->first[r];
        size_t n = windows(s->first[r + 1] - s->first[r], T);
        for (size_t w = 0; w < n; w++, at++, from += T) {
            memcpy((uint8_t *)a->x + at * T, from, T);
            for (size_t j = 0; j < T; j++) {
                a->y[at * T + j] = from[j + 1];
            }
            if (grouped) {
                a->group[at] = (uint32_t)r;
            }
        }
    }
}

enum fg_status fg_text_import(struct fg_dataset **out, const struct fg_blob *text,
                              const struct fg_blob *roles, uint32_t sequence, const char *name,
                              struct fg_err *err)
{
    struct roles r = {.n = 0};
    struct streams s = {.roles = 0};
    uint8_t code[256] = {0}, byte[256];
    uint32_t T = sequence != 0 ? sequence : FG_TEXT_SEQUENCE, classes = vocabulary(code, byte, text);
    struct fg_dataset *ds = NULL;
    enum fg_status st = FG_OK;
    if (T > SEQUENCE_MAX) {
        return fg_fail(err, FG_E_CONFIG, "%s: expected a sequence length of 1 to %d, found %u", name,
                       SEQUENCE_MAX, T);
    }
    if (roles != NULL) {
        FG_TRY(parse_roles(&r, roles, text->len, err));
        st = join_roles(&s, &r, text, code, byte[code['\n']] == '\n');
    } else {
        st = one_stream(&s, text, code);
    }
    if (st != FG_OK) {
        st = fg_fail(err, st, "%s: out of memory", name);
        goto cleanup;
    }
    size_t n = 0;
    for (size_t i = 0; i < s.roles; i++) {
        n += windows(s.first[i + 1] - s.first[i], T);
    }
    if (n == 0) {
        st = fg_fail(err, FG_E_INPUT,
                     "%s: expected at least %u characters (one window and the next), found %zu", text->name,
                     T + 1, text->len);
        goto cleanup;
    }
    struct fg_dataset layout = {.kind = FG_DATA_TOKENS,
                                .dtype = FG_U8,
                                .shape = {T, 1, 1},
                                .label_width = T,
                                .classes = classes,
                                .n = n,
                                .n_train = n,
                                .groups = (uint32_t)r.names.n};
    FG_TRY(fg_dataset_create(&ds, &layout, name, err));
    FG_ASSERT(fg_dataset_edit(ds)->vocab != NULL);
    memcpy(fg_dataset_edit(ds)->vocab, byte, classes);
    cut(ds, &s, roles != NULL);
    if (roles != NULL) {
        FG_ASSERT(r.names.name != NULL);
        memcpy(ds->group_name, r.names.name, r.names.n * sizeof *r.names.name);
        r.names.n = 0; /* the strings are the data set's now */
    }
    *out = ds;
cleanup:
    fg_free(s.code);
    fg_free(s.first);
    fg_free(r.speech);
    fg_names_fini(&r.names);
    return st;
}

/* A folder is a text data set when it holds exactly one .txt file. */
static const char *the_text(const struct fg_source *s)
{
    return fg_source_only(s, ".txt");
}

static int knows(const struct fg_source *s)
{
    return the_text(s) != NULL;
}

/* Read the role table: the one asked for, else NAME-roles.tsv beside NAME.txt. */
static enum fg_status read_roles(struct fg_rawfile *out, int *there, struct fg_import *in, const char *text,
                                 struct fg_err *err)
{
    char name[280];
    enum fg_status st;
    if (in->spec->roles != NULL) {
        st = fg_rawfile_read(out, in->spec->roles, err);
        if (st == FG_OK && fg_str_addf(&in->origin, "%s %llu %s\n", out->sha256,
                                       (unsigned long long)out->file_bytes, in->spec->roles) != FG_OK) {
            st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", in->spec->roles);
        }
        *there = 1;
        return st;
    }
    const char *dot = strstr(text, ".txt");
    snprintf(name, sizeof name, "%.*s-roles.tsv", (int)(dot - text), text);
    *there = fg_source_has(in->source, name) != NULL;
    return *there ? fg_import_read(out, in, name, err) : FG_OK;
}

static enum fg_status import(struct fg_dataset **out, struct fg_import *in, struct fg_err *err)
{
    struct fg_rawfile text = {0}, roles = {0};
    const char *name = the_text(in->source);
    int there;
    enum fg_status st;
    FG_TRY(fg_import_read(&text, in, name, err));
    FG_TRY(read_roles(&roles, &there, in, name, err));
    FG_TRY(fg_text_import(out, &text.blob, there ? &roles.blob : NULL, in->spec->sequence, in->source->path,
                          err));
cleanup:
    fg_rawfile_fini(&text);
    fg_rawfile_fini(&roles);
    return st;
}

/* text, one .txt file, optionally NAME-roles.tsv for groups; plain, gz or zst. */
const struct fg_importer fg_importer_text = {"text", knows, import};
