/* Text to typed field and back, one function for each direction. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/config/option.h"

static void *field(const struct fg_config *c, const struct fg_option *o)
{
    return (char *)c + o->offset;
}

static const char *trim(const char *text, size_t *len)
{
    while (*len > 0 && isspace((unsigned char)text[0])) {
        text++;
        (*len)--;
    }
    while (*len > 0 && isspace((unsigned char)text[*len - 1])) {
        (*len)--;
    }
    return text;
}

static enum fg_status refuse(const struct fg_option *o, struct fg_err *expected)
{
    char range[64];
    fg_option_range_text(o, range);
    if (range[0] != '\0') {
        return fg_fail(expected, FG_E_CONFIG, "%s %s%s%s", o->type == FG_OPTION_REAL ? "a" : "an",
                       fg_option_type_text(o), (o->flags & FG_OPTION_ABOVE) != 0 ? " " : " in ", range);
    }
    return fg_fail(expected, FG_E_CONFIG, "%s", fg_option_type_text(o));
}

static enum fg_status assign_number(void *at, const struct fg_option *o, const char *text, size_t len,
                                    struct fg_err *expected)
{
    uint64_t u = 0;
    double d = 0;
    enum fg_status st = o->type == FG_OPTION_REAL ? fg_parse_f64(&d, text, len) : fg_parse_u64(&u, text, len);
    if (st != FG_OK) {
        return refuse(o, expected);
    }
    if (o->type == FG_OPTION_U64) {
        if (u > INT64_MAX) { /* the largest integer that readers of summary.json take */
            return refuse(o, expected);
        }
        *(uint64_t *)at = u;
        return FG_OK;
    }
    double x = o->type == FG_OPTION_REAL ? d : (double)u;
    if (x < o->min || x > o->max || ((o->flags & FG_OPTION_ABOVE) != 0 && x <= o->min)) {
        return refuse(o, expected);
    }
    if (o->type == FG_OPTION_REAL) {
        *(double *)at = d;
    } else {
        *(uint32_t *)at = (uint32_t)u;
    }
    return FG_OK;
}

static enum fg_status assign_bool(bool *at, const struct fg_option *o, const char *text, size_t len,
                                  struct fg_err *expected)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) {
            *at = i % 2 != 0;
            return FG_OK;
        }
    }
    return refuse(o, expected);
}

static enum fg_status assign_choice(int *at, const struct fg_option *o, const char *text, size_t len,
                                    struct fg_err *expected)
{
    int i = 0;
    for (const char *c = o->choices;; i++) {
        size_t n = strcspn(c, "|");
        if (n == len && memcmp(c, text, n) == 0) {
            *at = i;
            return FG_OK;
        }
        if (c[n] == '\0') {
            return refuse(o, expected);
        }
        c += n + 1;
    }
}

static enum fg_status assign_time(fg_time_t *at, const char *text, size_t len, struct fg_err *expected)
{
    int64_t utc_s;
    if (len == 0) {
        *at = FG_NEVER;
        return FG_OK;
    }
    if (fg_iso_parse(&utc_s, text, len) != FG_OK) {
        return fg_fail(expected, FG_E_CONFIG, "a UTC time such as 2024-03-01T00:00:00Z");
    }
    *at = utc_s * FG_SECOND;
    return FG_OK;
}

static enum fg_status format_time(struct fg_str *out, fg_time_t t)
{
    char text[32] = "";
    if (t != FG_NEVER) {
        fg_iso_format(text, t / FG_SECOND);
    }
    return fg_str_addf(out, "%s", text);
}

static enum fg_status check_utf8(const char *text, size_t len, struct fg_err *expected)
{
    size_t utf8 = fg_utf8_span(text, len);
    return utf8 == len ? FG_OK
                       : fg_fail(expected, FG_E_CONFIG, "text in UTF-8 (the byte 0x%02x is none)",
                                 (unsigned char)text[utf8]);
}

/* What INI text can hold: UTF-8, no control characters, no " ;" (a comment to libinih),
 * no backslash at the end. */
static enum fg_status check_text(const char *text, size_t len, struct fg_err *expected)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)text[i];
        if (ch < 0x20 || ch == 0x7f) {
            return fg_fail(expected, FG_E_CONFIG, "text without control characters");
        }
        if (ch == ';' && (i == 0 || isspace((unsigned char)text[i - 1]))) {
            return fg_fail(expected, FG_E_CONFIG, "text without a ';' after a blank");
        }
    }
    if (len > 0 && text[len - 1] == '\\') {
        return fg_fail(expected, FG_E_CONFIG, "text that does not end in a backslash");
    }
    return check_utf8(text, len, expected);
}

/* "synthetic:..." names a generator, not a file. */
static bool is_generator(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && (islower((unsigned char)text[n]) || text[n] == '_')) {
        n++;
    }
    return n > 1 && n < len && text[n] == ':';
}

/* Take "./" and "../" off the front of a path; `folder` (of `len` bytes, without links in it) loses as many
 * parts. */
static const char *strip_dots(const char *text, size_t *n, const char *folder, size_t *len)
{
    for (;;) {
        size_t skip = 0;
        if (*n >= 2 && memcmp(text, "./", 2) == 0) {
            skip = 2;
        } else if (*n >= 3 && memcmp(text, "../", 3) == 0) {
            skip = 3;
            while (*len > 0 && folder[--*len] != '/') {
            }
        }
        if (skip == 0) {
            return text;
        }
        text += skip;
        *n -= skip;
    }
}

/* What follows "$FORAGE_DATA" and the slash after it; NULL when the path does not begin so. */
static const char *after_data_dir(const char *text, size_t *len)
{
    static const char var[] = "$FORAGE_DATA";
    size_t n = sizeof var - 1;
    if (*len < n || memcmp(text, var, n) != 0 || (*len > n && text[n] != '/')) {
        return NULL;
    }
    while (n < *len && text[n] == '/') {
        n++;
    }
    *len -= n;
    return text + n;
}

static enum fg_status resolve_path(char **out, const char *text, size_t len,
                                   const struct fg_config_origin *from, struct fg_err *expected)
{
    struct fg_str path = {0};
    const char *rest = after_data_dir(text, &len);
    enum fg_status st = check_text(rest != NULL ? rest : text, len, expected);
    FG_TRY(st);
    if (text[0] == '"' || text[0] == '\'') {
        return fg_fail(expected, FG_E_CONFIG, "a bare path");
    }
    if (text[0] == '~' && (len == 1 || text[1] == '/')) {
        return fg_fail(expected, FG_E_CONFIG, "a path that begins with a folder's name, ~ is not understood");
    }
    if (rest != NULL && from->data_dir == NULL) {
        return fg_fail(expected, FG_E_CONFIG,
                       "the environment variable FORAGE_DATA to name the folder of data sets");
    }
    if (rest != NULL) {
        FG_TRY(fg_str_addf(&path, "%s%s%.*s", from->data_dir, len > 0 ? "/" : "", (int)len, rest));
    } else if (text[0] == '/' || is_generator(text, len)) {
        FG_TRY(fg_str_add(&path, text, len));
    } else {
        size_t folder = strlen(from->folder);
        text = strip_dots(text, &len, from->folder, &folder);
        FG_TRY(fg_str_addf(&path, "%.*s/%.*s", (int)folder, from->folder, (int)len, text));
    }
    st = check_text(path.data, path.len, expected);
    if (st != FG_OK) { /* by its folder */
        FG_TRY(fg_fail(expected, st, "%s, its folder's name included ('%s')", expected->text, path.data));
    }
    *out = path.data;
    return FG_OK;
cleanup:
    fg_str_fini(&path);
    return st;
}

/* Whether the comma before `text` ends a NAME=path: NAME= or nothing stands between it and the next comma or
 * line. Other commas belong to the path. */
static bool begins_pair(const char *text, size_t len)
{
    size_t n = 0;
    bool blank = true;
    while (n < len && text[n] != ',' && text[n] != '\n') {
        blank = blank && (text[n] == ' ' || text[n] == '\t');
        if (text[n++] == '=') {
            return true;
        }
    }
    return blank;
}

/* The length of the first NAME=path of a list. */
static size_t pair_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '\n' && (text[n] != ',' || !begins_pair(text + n + 1, len - n - 1))) {
        n++;
    }
    return n;
}

static void free_map(struct fg_config_map *m)
{
    for (size_t i = 0; i < m->n; i++) {
        fg_free(m->item[i].name);
        fg_free(m->item[i].path);
    }
    fg_free(m->item);
    *m = (struct fg_config_map){0};
}

static enum fg_status add_pair(struct fg_config_map *m, size_t *cap, const char *text, size_t len,
                               const struct fg_config_origin *from, struct fg_err *expected)
{
    const char *eq = memchr(text, '=', len);
    size_t name_len = eq != NULL ? (size_t)(eq - text) : 0, path_len = eq != NULL ? len - name_len - 1 : 0;
    const char *path = eq != NULL ? trim(eq + 1, &path_len) : text;
    const char *name = trim(text, &name_len);
    if (name_len == 0 || path_len == 0) {
        return fg_fail(expected, FG_E_CONFIG, "NAME=path, separated by commas or lines");
    }
    for (size_t i = 0; i < m->n; i++) {
        if (strlen(m->item[i].name) == name_len && memcmp(m->item[i].name, name, name_len) == 0) {
            return fg_fail(expected, FG_E_CONFIG, "each NAME once ('%s' is there twice)", m->item[i].name);
        }
    }
    enum fg_status st = check_text(name, name_len, expected);
    struct fg_config_pair pair = {0};
    FG_TRY(st);
    FG_TRY(FG_GROW(m->item, m->n, *cap));
    FG_TRY(resolve_path(&pair.path, path, path_len, from, expected));
    if (pair_len(pair.path, strlen(pair.path)) < strlen(pair.path)) { /* by its folder */
        st = fg_fail(expected, FG_E_CONFIG, "paths without ',' before '=' ('%s')", pair.path);
        goto cleanup;
    }
    pair.name = fg_strndup(name, name_len);
    FG_TRY(pair.name != NULL ? FG_OK : FG_E_NOMEM);
    m->item[m->n++] = pair;
    return FG_OK;
cleanup:
    fg_free(pair.path);
    return st;
}

static enum fg_status assign_map(struct fg_config_map *at, const char *text, size_t len,
                                 const struct fg_config_origin *from, struct fg_err *expected)
{
    struct fg_config_map m = {0};
    size_t cap = 0, i = 0;
    enum fg_status st = FG_OK;
    while (i < len) {
        size_t n = pair_len(text + i, len - i), item_len = n;
        const char *item = trim(text + i, &item_len);
        if (item_len > 0) { /* "A=x,\n  B=y" has an empty item between the comma and the line end */
            FG_TRY(add_pair(&m, &cap, item, item_len, from, expected));
        }
        i += n + 1;
    }
    free_map(at);
    *at = m;
    return FG_OK;
cleanup:
    free_map(&m);
    return st;
}

/* A list over several lines is one text: lines are joined with ", " unless a comma or semicolon is there. */
static enum fg_status join_lines(char **out, const char *text, size_t len, struct fg_err *expected)
{
    struct fg_str s = {0};
    enum fg_status st = fg_str_add(&s, "", 0);
    for (size_t i = 0; st == FG_OK && i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end != NULL ? (size_t)(end - (text + i)) : len - i, line_len = n;
        const char *line = trim(text + i, &line_len);
        if (line_len > 0 && s.len > 0) {
            char last = s.data[s.len - 1];
            st = fg_str_addf(&s, "%s", last == ',' || last == ';' ? " " : ", ");
        }
        if (st == FG_OK) {
            st = fg_str_add(&s, line, line_len);
        }
        i += n + 1;
    }
    if (st == FG_OK) {
        st = check_text(s.data, s.len, expected);
    }
    if (st != FG_OK) {
        fg_str_fini(&s);
        return st;
    }
    *out = s.data;
    return FG_OK;
}

static enum fg_status assign_text(char **at, const struct fg_option *o, const char *text, size_t len,
                                  const struct fg_config_origin *from, struct fg_err *expected)
{
    char *now = NULL;
    enum fg_status st;
    if (o->type == FG_OPTION_PATH) {
        if (len == 0) {
            st = (now = fg_strdup("")) != NULL ? FG_OK : FG_E_NOMEM;
        } else {
            st = resolve_path(&now, text, len, from, expected);
        }
    } else if (o->type == FG_OPTION_ITEMS) {
        st = join_lines(&now, text, len, expected);
    } else {
        st = check_text(text, len, expected);
        if (st == FG_OK) {
            st = (now = fg_strndup(text, len)) != NULL ? FG_OK : FG_E_NOMEM;
        }
    }
    if (st == FG_OK) {
        fg_free(*at);
        *at = now;
    }
    return st;
}

enum fg_status fg_option_assign(struct fg_config *c, const struct fg_option *o, const char *text,
                                const struct fg_config_origin *from, struct fg_err *expected)
{
    void *at = field(c, o);
    size_t len = strlen(text);
    text = trim(text, &len);
    switch (o->type) {
    case FG_OPTION_UINT:
    case FG_OPTION_U64:
    case FG_OPTION_REAL:
        return assign_number(at, o, text, len, expected);
    case FG_OPTION_BOOL:
        return assign_bool(at, o, text, len, expected);
    case FG_OPTION_CHOICE:
        return assign_choice(at, o, text, len, expected);
    case FG_OPTION_STR:
    case FG_OPTION_ITEMS:
    case FG_OPTION_PATH:
        return assign_text(at, o, text, len, from, expected);
    case FG_OPTION_MAP:
        return assign_map(at, text, len, from, expected);
    case FG_OPTION_TIME:
        return assign_time(at, text, len, expected);
    }
    return FG_E_INTERNAL;
}

enum fg_status fg_option_format(struct fg_str *out, const struct fg_config *c, const struct fg_option *o)
{
    const void *at = field(c, o);
    switch (o->type) {
    case FG_OPTION_UINT:
        return fg_str_addf(out, "%u", (unsigned)*(const uint32_t *)at);
    case FG_OPTION_U64:
        return fg_str_addf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
    case FG_OPTION_REAL:
        return fg_str_add_f64(out, *(const double *)at);
    case FG_OPTION_BOOL:
        return fg_str_addf(out, "%s", *(const bool *)at ? "yes" : "no");
    case FG_OPTION_CHOICE: {
        const char *choice = o->choices;
        for (int i = *(const int *)at; i > 0; i--) {
            choice += strcspn(choice, "|") + 1;
        }
        return fg_str_add(out, choice, strcspn(choice, "|"));
    }
    case FG_OPTION_STR:
    case FG_OPTION_ITEMS:
    case FG_OPTION_PATH: {
        const char *text = *(char *const *)at;
        return fg_str_add(out, text, strlen(text));
    }
    case FG_OPTION_MAP: {
        const struct fg_config_map *m = at;
        enum fg_status st = fg_str_add(out, "", 0);
        for (size_t i = 0; st == FG_OK && i < m->n; i++) {
            st = fg_str_addf(out, "%s%s=%s", i > 0 ? ", " : "", m->item[i].name, m->item[i].path);
        }
        return st;
    }
    case FG_OPTION_TIME:
        return format_time(out, *(const fg_time_t *)at);
    }
    return FG_E_INTERNAL;
}

void fg_option_clear(struct fg_config *c, const struct fg_option *o)
{
    void *at = field(c, o);
    if (o->type == FG_OPTION_STR || o->type == FG_OPTION_ITEMS || o->type == FG_OPTION_PATH) {
        fg_free(*(char **)at);
        *(char **)at = NULL;
    } else if (o->type == FG_OPTION_MAP) {
        free_map(at);
    }
}
