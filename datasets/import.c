#include "datasets/import.h"

#include <string.h>

#include "src/base/mem.h"

const struct fg_importer *const fg_importers[] = {
    &fg_importer_idx, &fg_importer_cifar, &fg_importer_csv, &fg_importer_text, NULL,
};

static const char *const packed[] = {"", ".gz", ".zst"};

const char *fg_source_has(const struct fg_source *source, const char *name)
{
    size_t len = strlen(name);
    for (size_t e = 0; e < sizeof packed / sizeof *packed; e++) {
        for (size_t i = 0; i < source->files; i++) {
            if (strncmp(source->file[i], name, len) == 0 && strcmp(source->file[i] + len, packed[e]) == 0) {
                return source->file[i];
            }
        }
    }
    return NULL;
}

int fg_name_ends(const char *name, const char *ending)
{
    size_t len = strlen(name), want = strlen(ending);
    for (size_t e = 0; e < sizeof packed / sizeof *packed; e++) {
        size_t more = strlen(packed[e]);
        if (len >= want + more && memcmp(name + len - want - more, ending, want) == 0 &&
            strcmp(name + len - more, packed[e]) == 0) {
            return 1;
        }
    }
    return 0;
}

enum fg_status fg_import_read(struct fg_rawfile *out, struct fg_import *in, const char *file,
                              struct fg_err *err)
{
    const char *stored = fg_source_has(in->source, file);
    struct fg_str path = {0};
    struct fg_rawfile b = {0};
    enum fg_status st;
    if (fg_str_addf(&path, "%s/%s", in->source->folder, stored != NULL ? stored : file) != FG_OK) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", file);
        goto cleanup;
    }
    FG_TRY(fg_rawfile_read(&b, path.data, err));
    if (fg_str_addf(&in->origin, "%s %llu %s\n", b.sha256, (unsigned long long)b.file_bytes,
                    stored != NULL ? stored : file) != FG_OK) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", file);
        goto cleanup;
    }
    *out = b;
    b = (struct fg_rawfile){0};
cleanup:
    fg_rawfile_fini(&b);
    fg_str_fini(&path);
    return st;
}
