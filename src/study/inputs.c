#include "src/study/inputs.h"

#include <string.h>
#include <sys/stat.h>

#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/config/option.h"

enum { LIST_MAX = 64 << 20 };

/* Samples have checksums of their own, and another run's parameters are wanted at the first start only. */
static bool decides(const struct fg_option *o)
{
    return (o->type == FG_OPTION_PATH || o->type == FG_OPTION_MAP) && o->flags == FG_OPTION_NONE &&
           strcmp(o->key, "data.path") != 0 && strcmp(o->key, "model.from") != 0;
}

/* As sha256sum writes it: where a name has a line end or a backslash, these follow one, and so does the
 * line's beginning. */
static enum fg_status add_line(struct fg_str *out, const char *hex, const char *path)
{
    bool odd = strpbrk(path, "\n\r\\") != NULL;
    enum fg_status st = fg_str_addf(out, "%s%s  ", odd ? "\\" : "", hex);
    for (; st == FG_OK && *path != '\0'; path++) {
        st = *path == '\n'   ? fg_str_addf(out, "\\n")
             : *path == '\r' ? fg_str_addf(out, "\\r")
             : *path == '\\' ? fg_str_addf(out, "\\\\")
                             : fg_str_add(out, path, 1);
    }
    return st == FG_OK ? fg_str_addf(out, "\n") : st;
}

static enum fg_status add_file(struct fg_str *out, const char *path, struct fg_err *err)
{
    struct fg_map map;
    struct stat sb;
    uint8_t digest[32];
    char hex[65];
    enum fg_status st;
    if (path[0] == '\0' || stat(path, &sb) != 0 || !S_ISREG(sb.st_mode)) {
        return FG_OK; /* what has been read from a pipe cannot be read again */
    }
    st = fg_file_map(&map, path, err);
    if (st != FG_OK) {
        return st;
    }
    st = fg_sha256(digest, map.bytes, map.len);
    fg_file_unmap(&map);
    if (st == FG_OK) {
        fg_hex32(hex, digest);
        st = add_line(out, hex, path);
    }
    return st == FG_OK ? FG_OK : fg_fail(err, st, "out of memory");
}

enum fg_status fg_inputs_list(struct fg_str *out, const struct fg_config *c, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < FG_OPTION_COUNT; i++) {
        const void *field = (const char *)c + fg_options[i].offset;
        if (decides(&fg_options[i]) && fg_options[i].type == FG_OPTION_PATH) {
            st = add_file(out, *(char *const *)field, err);
        } else if (decides(&fg_options[i])) {
            const struct fg_config_map *map = field;
            for (size_t k = 0; st == FG_OK && k < map->n; k++) {
                st = add_file(out, map->item[k].path, err);
            }
        }
    }
    return st;
}

/* The name in the first line that is not in both; its length in *len. */
static const char *first_other(const struct fg_str *ours, const struct fg_str *theirs, int *len)
{
    const struct fg_str *longer = ours->len > theirs->len ? ours : theirs;
    size_t at = 0, line = 0;
    for (; at < ours->len && at < theirs->len && ours->data[at] == theirs->data[at]; at++) {
        line = ours->data[at] == '\n' ? at + 1 : line;
    }
    const char *text = (line < ours->len ? ours : longer)->data + line, *name = strstr(text, "  ");
    name = name != NULL ? name + 2 : text;
    *len = (int)strcspn(name, "\n");
    return name;
}

enum fg_status fg_inputs_same(const char *folder, const struct fg_str *list, struct fg_err *err)
{
    struct fg_str path = {0}, there = {0};
    struct fg_err why = {{0}};
    enum fg_status st = fg_str_addf(&path, "%s/" FG_INPUTS, folder);
    if (st == FG_OK) {
        st = fg_file_read(&there, path.data, LIST_MAX, &why);
    }
    if (st == FG_OK &&
        (there.len != list->len || (list->len > 0 && memcmp(there.data, list->data, list->len) != 0))) {
        int len;
        const char *name = first_other(list, &there, &len);
        st = fg_fail(err, FG_E_CONFIG,
                     "%.*s: expected the file that the run in %s was begun with (" FG_INPUTS
                     " there), found another; --force starts anew, --out names another folder",
                     len, name, folder);
    } else if (st != FG_OK && st != FG_E_MISSING) {
        st = fg_fail(err, st, "%s", why.text);
    }
    fg_str_fini(&path);
    fg_str_fini(&there);
    return st == FG_E_MISSING ? FG_OK : st;
}
