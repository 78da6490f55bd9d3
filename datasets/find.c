#include <string.h>
#include <unistd.h>

#include "datasets/load.h"
#include "src/base/mem.h"
#include "src/base/str.h"

static enum fg_status keep(char **out, const char *path, struct fg_err *err)
{
    char *copy = fg_strdup(path);
    if (copy == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", path);
    }
    *out = copy;
    return FG_OK;
}

/* 1 found, 0 not there, -1 out of memory; `tried` grows by a line for the message. */
static int try_root(char **out, const char *root, const char *path, struct fg_str *tried)
{
    struct fg_str full = {0};
    int found = -1;
    if (fg_str_addf(&full, "%s/%s", root, path) == FG_OK) {
        found = access(full.data, F_OK) == 0;
        if (!found && fg_str_addf(tried, "%s%s", tried->len != 0 ? ", " : "", full.data) != FG_OK) {
            found = -1;
        }
        if (found == 1 && (*out = fg_strdup(full.data)) == NULL) {
            found = -1;
        }
    }
    fg_str_fini(&full);
    return found;
}

enum fg_status fg_dataset_find(char **out, const char *path, const char *base_dir, const char *const *root,
                               size_t roots, struct fg_err *err)
{
    if (fg_dataset_is_generated(path)) {
        return keep(out, path, err);
    }
    if (path[0] == '/') {
        return access(path, F_OK) == 0
                   ? keep(out, path, err)
                   : fg_fail(err, FG_E_MISSING, "%s: there is no such file or folder", path);
    }
    struct fg_str tried = {0};
    int found = base_dir != NULL ? try_root(out, base_dir, path, &tried) : 0;
    for (size_t i = 0; found == 0 && i < roots; i++) {
        if (root[i] != NULL) {
            found = try_root(out, root[i], path, &tried);
        }
    }
    enum fg_status st = FG_OK;
    if (found < 0) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", path);
    } else if (found == 0) {
        st = fg_fail(err, FG_E_MISSING,
                     "%s: not found; set FORAGE_DATA to the folder that holds it (looked for %s)", path,
                     tried.data != NULL ? tried.data : "nowhere");
    }
    fg_str_fini(&tried);
    return st;
}
