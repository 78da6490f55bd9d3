/* Configuration to INI text that parses to the same values. */
#include <ctype.h>
#include <string.h>

#include "src/config/option.h"

/* The last place at most `room` bytes into text where a line may break: libinih strips blanks and takes a
 * leading ';' or '#' for a comment, so none of these may stand beside it; lines are UTF-8, so characters stay
 * whole. 0 if there is none. */
static size_t break_at(const char *text, size_t room)
{
    for (size_t n = room; n > 0; n--) {
        char before = text[n - 1], after = text[n];
        if (!isspace((unsigned char)before) && !isspace((unsigned char)after) && before != '\\' &&
            after != ';' && after != '#' && after != '[' && ((unsigned char)after & 0xc0) != 0x80) {
            return n;
        }
    }
    return 0;
}

/* One value after `used` bytes of its line, broken with backslashes onto indented lines where it is long. */
static enum fg_status add_broken(struct fg_str *out, size_t used, const char *text, size_t len)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && used + len > FG_CONFIG_LINE_MAX) {
        size_t n = break_at(text, FG_CONFIG_LINE_MAX - used - 1);
        if (n == 0) {
            return FG_E_CONFIG;
        }
        st = fg_str_add(out, text, n);
        if (st == FG_OK) {
            st = fg_str_add(out, "\\\n    ", 6);
        }
        text += n;
        len -= n;
        used = 4;
    }
    return st == FG_OK ? fg_str_add(out, text, len) : st;
}

static enum fg_status add_map(struct fg_str *out, const struct fg_config_map *m)
{
    enum fg_status st = FG_OK;
    struct fg_str line = {0};
    for (size_t i = 0; st == FG_OK && i < m->n; i++) {
        line.len = 0;
        FG_TRY(fg_str_addf(&line, "%s=%s", m->item[i].name, m->item[i].path));
        FG_TRY(fg_str_add(out, "\n    ", 5));
        FG_TRY(add_broken(out, 4, line.data, line.len));
    }
cleanup:
    fg_str_fini(&line);
    return st;
}

static enum fg_status save_option(struct fg_str *out, const struct fg_config *c, const struct fg_option *o)
{
    struct fg_str value = {0};
    size_t start = out->len;
    enum fg_status st = FG_OK;
    FG_TRY(fg_str_addf(out, "%s =", o->name));
    if (o->type == FG_OPTION_MAP) {
        FG_TRY(add_map(out, (const struct fg_config_map *)((const char *)c + o->offset)));
    } else {
        FG_TRY(fg_option_format(&value, c, o));
        FG_TRY(value.len > 0 ? fg_str_add(out, " ", 1) : FG_OK);
        FG_TRY(add_broken(out, out->len - start, value.data, value.len));
    }
    FG_TRY(fg_str_add(out, "\n", 1));
cleanup:
    fg_str_fini(&value);
    return st;
}

enum fg_status fg_config_save(struct fg_str *out, const struct fg_config *c, struct fg_err *err)
{
    const char *section = "";
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < FG_OPTION_COUNT; i++) {
        const struct fg_option *o = &fg_options[i];
        if (strcmp(section, o->section) != 0) {
            st = fg_str_addf(out, "%s[%s]\n", section[0] != '\0' ? "\n" : "", o->section);
            section = o->section;
        }
        if (st == FG_OK) {
            st = save_option(out, c, o);
        }
        if (st == FG_E_CONFIG) {
            st = fg_fail(err, st, "%s: expected a value that fits lines of %d bytes", o->key,
                         FG_CONFIG_LINE_MAX);
        }
    }
    return st;
}
