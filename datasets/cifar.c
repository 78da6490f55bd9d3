/* CIFAR-10 in its binary version: data_batch*.bin and test_batch*.bin. */
#include <stdio.h>
#include <string.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "src/base/mem.h"

enum { PLANE = 1024, RECORD = 1 + 3 * PLANE, CLASSES = 10 };

static enum fg_status count_records(size_t *n, const struct fg_blob *batch, size_t batches,
                                    struct fg_err *err)
{
    for (size_t b = 0; b < batches; b++) {
        const struct fg_blob *blob = &batch[b];
        if (blob->len == 0 || blob->len % RECORD != 0) {
            return fg_fail(err, FG_E_INPUT,
                           "%s: expected a multiple of %d bytes (one label and 3 x 1024 values a "
                           "record), found %zu bytes",
                           blob->name, RECORD, blob->len);
        }
        for (size_t i = 0; i < blob->len / RECORD; i++) {
            if (blob->data[i * RECORD] >= CLASSES) {
                return fg_fail(err, FG_E_INPUT, "%s: record %zu: expected a label 0..9, found %u", blob->name,
                               i, blob->data[i * RECORD]);
            }
        }
        *n += blob->len / RECORD;
    }
    return FG_OK;
}

/* Planar to interleaved. */
static void copy_records(struct fg_dataset *ds, size_t at, const struct fg_blob *batch, size_t batches)
{
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    uint8_t *to = (uint8_t *)a->x + at * ds->width;
    for (size_t b = 0; b < batches; b++) {
        for (size_t i = 0; i < batch[b].len / RECORD; i++) {
            const uint8_t *from = batch[b].data + i * RECORD;
            a->y[at++] = *from++;
            for (size_t j = 0; j < PLANE; j++, to += 3) {
                to[0] = from[j];
                to[1] = from[PLANE + j];
                to[2] = from[2 * PLANE + j];
            }
        }
    }
}

enum fg_status fg_cifar_import(struct fg_dataset **out, const struct fg_blob *train, size_t trains,
                               const struct fg_blob *test, size_t tests, const char *name, struct fg_err *err)
{
    size_t n_train = 0, n_test = 0;
    enum fg_status st = count_records(&n_train, train, trains, err);
    if (st != FG_OK || (st = count_records(&n_test, test, tests, err)) != FG_OK) {
        return st;
    }
    struct fg_dataset layout = {.kind = FG_DATA_IMAGE,
                                .dtype = FG_U8,
                                .shape = {32, 32, 3},
                                .label_width = 1,
                                .classes = CLASSES,
                                .n = n_train + n_test,
                                .n_train = n_train};
    struct fg_dataset *ds;
    if ((st = fg_dataset_create(&ds, &layout, name, err)) == FG_OK) {
        copy_records(ds, 0, train, trains);
        copy_records(ds, n_train, test, tests);
        *out = ds;
    }
    return st;
}

static int is_batch(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0 && fg_name_ends(name, ".bin");
}

static int knows(const struct fg_source *s)
{
    if (!s->is_folder) {
        return fg_name_ends(s->file[0], ".bin");
    }
    for (size_t i = 0; i < s->files; i++) {
        if (is_batch(s->file[i], "data_batch")) {
            return 1;
        }
    }
    return 0;
}

/* A batch that lies there both plain and compressed is read once, plain. */
static int shadowed(const struct fg_source *s, const char *name)
{
    const char *dot = strstr(name, ".bin.");
    char plain[256];
    if (dot == NULL) {
        return 0;
    }
    snprintf(plain, sizeof plain, "%.*s", (int)(dot - name) + 4, name);
    const char *have = fg_source_has(s, plain);
    return have != NULL && strcmp(have, name) != 0;
}

static enum fg_status import(struct fg_dataset **out, struct fg_import *in, struct fg_err *err)
{
    const struct fg_source *s = in->source;
    struct fg_rawfile *file = fg_calloc(s->files, sizeof *file);
    struct fg_blob *blob = fg_calloc(s->files, sizeof *blob);
    size_t n = 0, trains = 0;
    enum fg_status st = FG_OK;
    if (file == NULL || blob == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", s->path);
        goto cleanup;
    }
    for (int test = 0; test < 2; test++) {
        for (size_t i = 0; i < s->files; i++) {
            int wanted = s->is_folder ? is_batch(s->file[i], test ? "test_batch" : "data_batch") &&
                                            !shadowed(s, s->file[i])
                                      : !test && i == 0;
            if (!wanted) {
                continue;
            }
            FG_TRY(fg_import_read(&file[n], in, s->file[i], err));
            blob[n] = file[n].blob;
            n++;
        }
        trains = test ? trains : n;
    }
    FG_TRY(fg_cifar_import(out, blob, trains, blob + trains, n - trains, s->path, err));
cleanup:
    for (size_t i = 0; file != NULL && i < n; i++) {
        fg_rawfile_fini(&file[i]);
    }
    fg_free(file);
    fg_free(blob);
    return st;
}

/* CIFAR-10 binary batches (data_batch*.bin, test_batch*.bin), plain, gz or zst. */
const struct fg_importer fg_importer_cifar = {"cifar", knows, import};
