#include "src/config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/config/option.h"

enum fg_status fg_config_init(struct fg_config *c)
{
    static const struct fg_config_origin none = {"default", "", NULL};
    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        enum fg_status st = fg_option_assign(c, &fg_options[i], fg_options[i].def, &none, NULL);
        if (st != FG_OK) {
            FG_ASSERT(st == FG_E_NOMEM); /* a default outside its own range */
            fg_config_fini(c);
            return st;
        }
    }
    return FG_OK;
}

void fg_config_fini(struct fg_config *c)
{
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        fg_option_clear(c, &fg_options[i]);
        fg_free(c->where[i]);
        c->where[i] = NULL;
    }
    fg_free(c->unset);
    fg_free(c->layers_comment);
    c->unset = c->layers_comment = NULL;
}

enum fg_status fg_config_set(struct fg_config *c, const char *assignment, const struct fg_config_origin *from,
                             struct fg_err *err)
{
    const char *eq = strchr(assignment, '='), *dot = strchr(assignment, '.');
    if (eq == NULL || dot == NULL || dot > eq) {
        return fg_fail(err, FG_E_CONFIG, "%s: expected section.key=value, found '%s'", from->name,
                       assignment);
    }
    char *where = NULL, *name = NULL, *section = fg_strndup(assignment, (size_t)(dot - assignment));
    enum fg_status st = FG_E_NOMEM;
    name = fg_strndup(dot + 1, (size_t)(eq - dot - 1));
    where = fg_strdup(from->name);
    if (section == NULL || name == NULL || where == NULL) {
        goto cleanup;
    }
    const struct fg_option *o = fg_option_find(section, name);
    if (o == NULL) {
        fg_option_unknown(err, section, name);
        st = fg_fail_prefix(err, FG_E_CONFIG, "%s", from->name);
        goto cleanup;
    }
    struct fg_err expected = {{0}};
    st = fg_option_assign(c, o, eq + 1, from, &expected);
    if (st == FG_E_CONFIG) {
        st = fg_fail(err, st, "%s: %s: expected %s, found '%s'", from->name, o->key, expected.text, eq + 1);
    }
    if (st == FG_OK) {
        size_t i = (size_t)(o - fg_options);
        fg_free(c->where[i]);
        c->where[i] = where;
        where = NULL;
    }
cleanup:
    fg_free(where);
    fg_free(name);
    fg_free(section);
    return st;
}

static const struct fg_option *by_key(const char *key)
{
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        if (strcmp(fg_options[i].key, key) == 0) {
            return &fg_options[i];
        }
    }
    fg_assert_failed("a key of the option table", __FILE__, __LINE__);
}

const char *fg_config_where(const struct fg_config *c, const char *key)
{
    const char *where = c->where[by_key(key) - fg_options];
    return where != NULL ? where : c->unset != NULL ? c->unset : "default";
}

enum fg_status fg_config_place(const struct fg_config *c, const char *otherwise, enum fg_status st,
                               struct fg_err *err)
{
    const char *key = otherwise;
    size_t len = err != NULL ? strcspn(err->text, ":") : 0;
    for (size_t i = 0; i < FG_OPTION_COUNT && len > 0; i++) {
        const char *k = fg_options[i].key;
        key = strlen(k) == len && memcmp(k, err->text, len) == 0 ? k : key;
    }
    return fg_fail_prefix(err, st, "%s", fg_config_where(c, key));
}

enum fg_status fg_config_reject(const struct fg_config *c, const char *key, struct fg_err *err,
                                const char *fmt, ...)
{
    char expected[sizeof err->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(expected, sizeof expected, fmt, ap);
    va_end(ap);
    struct fg_str value = {0};
    enum fg_status st = fg_option_format(&value, c, by_key(key));
    if (st == FG_OK) {
        bool nothing = value.len == 0;
        st = fg_fail(err, FG_E_CONFIG, "%s: %s: expected %s, found %s%s%s", fg_config_where(c, key), key,
                     expected, nothing ? "nothing" : "'", nothing ? "" : value.data, nothing ? "" : "'");
    }
    fg_str_fini(&value);
    return st;
}

enum fg_status fg_config_diff(const char **key, const struct fg_config *x, const struct fg_config *y,
                              struct fg_str *a, struct fg_str *b)
{
    struct fg_str u = {0}, v = {0};
    const char *found = NULL;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < FG_OPTION_COUNT && found == NULL; i++) {
        if ((fg_options[i].flags & (FG_OPTION_SAME | FG_OPTION_LOCAL)) != 0) {
            continue;
        }
        u.len = v.len = 0;
        FG_TRY(fg_option_format(&u, x, &fg_options[i]));
        FG_TRY(fg_option_format(&v, y, &fg_options[i]));
        if (u.len != v.len || memcmp(u.data, v.data, u.len) != 0) {
            found = fg_options[i].key;
            FG_TRY(a != NULL ? fg_str_add(a, u.data, u.len) : FG_OK);
            FG_TRY(b != NULL ? fg_str_add(b, v.data, v.len) : FG_OK);
        }
    }
    *key = found;
cleanup:
    fg_str_fini(&u);
    fg_str_fini(&v);
    return st;
}
