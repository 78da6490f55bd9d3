/* INI text to configuration, through libinih with a reader of our own.
 *
 * libinih cuts lines at 200 bytes, section and key names at 50, and calls the handler for a continuation line
 * as if the key were there twice. The reader hands it one checked line at a time, so the handler knows on
 * which line it is and whether that line is indented.
 */
#include <ini.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/config/option.h"

struct parser {
    struct fg_config *c;
    const struct fg_config_origin *from;
    struct fg_err *err;
    const char *bytes;
    size_t len, at;
    uint32_t line;   /* the one libinih is at */
    bool indented;   /* it begins with a blank */
    const char *raw; /* (raw_len) the line as it stands, comment and all */
    size_t raw_len;
    enum fg_status st;            /* of the first error */
    int bad_line;                 /* where it was seen */
    const struct fg_option *open; /* key whose value may still continue */
    uint32_t open_line;
    struct fg_str value; /* of `open` so far */
};

static int failed(struct parser *p, enum fg_status st)
{
    if (p->st == FG_OK) {
        p->st = st;
        p->bad_line = (int)p->line;
    }
    return 0;
}

/* What may have been meant by a value that is refused. */
static const char *hint(const char *value)
{
    return strstr(value, " #") != NULL ? " (behind a value a comment begins with ' ;')"
           : value[0] == '"'           ? " (a value stands without quotes)"
                                       : "";
}

/* All lines of the open key are there: set it. */
static void close_key(struct parser *p)
{
    const struct fg_option *o = p->open;
    p->open = NULL;
    if (o == NULL || p->st != FG_OK) {
        return;
    }
    if (p->value.len > 0 && p->value.data[p->value.len - 1] == '\\') {
        failed(p, fg_fail(p->err, FG_E_CONFIG, "%s:%u: %s: expected an indented line after the backslash",
                          p->from->name, p->open_line, o->key));
        return;
    }
    struct fg_err expected = {{0}};
    enum fg_status st = fg_option_assign(p->c, o, p->value.data, p->from, &expected);
    if (st == FG_E_CONFIG) {
        st = fg_fail(p->err, st, "%s:%u: %s: expected %s, found '%.200s'%s", p->from->name, p->open_line,
                     o->key, expected.text, p->value.data, hint(p->value.data));
    }
    struct fg_str where = {0};
    if (st == FG_OK) {
        st = fg_str_addf(&where, "%s:%u", p->from->name, p->open_line);
    }
    if (st != FG_OK) {
        failed(p, st);
        return;
    }
    fg_free(p->c->where[o - fg_options]);
    p->c->where[o - fg_options] = where.data;
}

/* A section with no key in it never reaches the handler; its name is checked here. */
static enum fg_status check_section(struct parser *p, const char *line, size_t len)
{
    const char *end = memchr(line, ']', len);
    if (end == NULL) {
        return fg_fail(p->err, FG_E_CONFIG,
                       "%s:%u: expected ']' at the end of the section's name, found '%.*s'", p->from->name,
                       p->line, (int)len, line);
    }
    const char *name = line + 1, *best = fg_option_sections[0].name;
    size_t n = (size_t)(end - name);
    char text[FG_CONFIG_LINE_MAX + 1];
    memcpy(text, name, n);
    text[n] = '\0';
    for (const struct fg_option_section *s = fg_option_sections; s->name != NULL; s++) {
        if (strcmp(s->name, text) == 0) {
            return FG_OK;
        }
        if (fg_str_distance(text, s->name) < fg_str_distance(text, best)) {
            best = s->name;
        }
    }
    if (strcmp(text, "sweep") == 0 || strncmp(text, "axis ", 5) == 0) {
        return fg_fail(p->err, FG_E_CONFIG,
                       "%s:%u: expected a study, found [%s]: a sweep (forage sweep FILE)", p->from->name,
                       p->line, text);
    }
    return fg_fail(p->err, FG_E_CONFIG, "%s:%u: expected a known section, found [%s]; the nearest is [%s]",
                   p->from->name, p->line, text, best);
}

static char *read_line(char *str, int num, void *stream)
{
    struct parser *p = stream;
    if (p->at >= p->len || p->st != FG_OK) {
        return NULL;
    }
    const char *line = p->bytes + p->at, *end = memchr(line, '\n', p->len - p->at);
    size_t len = end != NULL ? (size_t)(end - line) : p->len - p->at;
    p->at += len + (end != NULL);
    p->line++;
    if (len > 0 && line[len - 1] == '\r') {
        len--;
    }
    if (len > FG_CONFIG_LINE_MAX || (int)len + 2 > num) {
        failed(p, fg_fail(
                      p->err, FG_E_CONFIG,
                      "%s:%u: expected at most %d bytes in a line (continue a long value on indented lines), "
                      "found %zu in '%.40s...'",
                      p->from->name, p->line, FG_CONFIG_LINE_MAX, len, line));
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 && line[i] != '\t') {
            failed(p, fg_fail(p->err, FG_E_CONFIG, "%s:%u: expected text, found the control character %d",
                              p->from->name, p->line, line[i]));
            return NULL;
        }
    }
    size_t utf8 = fg_utf8_span(line, len);
    if (utf8 < len) {
        failed(p,
               fg_fail(p->err, FG_E_CONFIG, "%s:%u: expected text in UTF-8, found the byte 0x%02x in '%.*s'",
                       p->from->name, p->line, (unsigned char)line[utf8], (int)len, line));
        return NULL;
    }
    p->raw = line;
    p->raw_len = len;
    p->indented = len > 0 && (line[0] == ' ' || line[0] == '\t');
    if (len > 0 && line[0] == '[') {
        close_key(p);
        enum fg_status st = p->st == FG_OK ? check_section(p, line, len) : p->st;
        if (st != FG_OK) {
            failed(p, st);
            return NULL;
        }
    }
    memcpy(str, line, len);
    str[len] = '\n';
    str[len + 1] = '\0';
    return str;
}

/* Layers are parted by ';', but behind a blank a comment begins with it: who writes `dense 64 ; relu` is to
 * be told. (Indented lines have no comments.) */
static enum fg_status keep_comment(struct parser *p)
{
    size_t at = 1;
    while (at < p->raw_len && (p->raw[at] != ';' || (p->raw[at - 1] != ' ' && p->raw[at - 1] != '\t'))) {
        at++;
    }
    if (at >= p->raw_len || strcmp(p->open->key, "model.layers") != 0) {
        return FG_OK;
    }
    fg_free(p->c->layers_comment);
    p->c->layers_comment = fg_strndup(p->raw + at + 1, p->raw_len - at - 1);
    return p->c->layers_comment != NULL ? FG_OK : FG_E_NOMEM;
}

static int continue_value(struct parser *p, const char *value)
{
    struct fg_str *v = &p->value;
    if (v->len > 0 && v->data[v->len - 1] == '\\') {
        v->len--;
        v->data[v->len] = '\0';
    } else if (p->open->type != FG_OPTION_MAP && p->open->type != FG_OPTION_ITEMS) {
        return failed(
            p, fg_fail(p->err, FG_E_CONFIG,
                       "%s:%u: %s: expected no indented line after this key (it is no list), found '%s'",
                       p->from->name, p->line, p->open->key, value));
    } else {
        enum fg_status st = fg_str_add(v, "\n", 1);
        if (st != FG_OK) {
            return failed(p, st);
        }
    }
    enum fg_status st = fg_str_add(v, value, strlen(value));
    return st == FG_OK ? 1 : failed(p, st);
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct parser *p = user;
    if (p->st != FG_OK) {
        return 0;
    }
    if (p->indented && p->open != NULL) {
        return continue_value(p, value);
    }
    close_key(p);
    if (p->st != FG_OK) {
        return 0;
    }
    const struct fg_option *o = fg_option_find(section, name);
    if (o == NULL) {
        if (section[0] == '\0') {
            return failed(p, fg_fail(p->err, FG_E_CONFIG, "%s:%u: expected a [section] first, found key '%s'",
                                     p->from->name, p->line, name));
        }
        fg_option_unknown(p->err, section, name);
        return failed(p, fg_fail_prefix(p->err, FG_E_CONFIG, "%s:%u", p->from->name, p->line));
    }
    uint32_t *seen = &p->c->line[o - fg_options];
    if (*seen != 0) {
        return failed(p,
                      fg_fail(p->err, FG_E_CONFIG, "%s:%u: %s: expected once, found again (first on line %u)",
                              p->from->name, p->line, o->key, *seen));
    }
    *seen = p->line;
    p->open = o;
    p->open_line = p->line;
    p->value.len = 0;
    enum fg_status st = fg_str_add(&p->value, value, strlen(value));
    st = st == FG_OK ? keep_comment(p) : st;
    return st == FG_OK ? 1 : failed(p, st);
}

enum fg_status fg_config_parse(struct fg_config *c, const void *bytes, size_t len,
                               const struct fg_config_origin *from, struct fg_err *err)
{
    struct parser p = {.c = c, .from = from, .err = err, .bytes = bytes, .len = len};
    memset(c->line, 0, sizeof c->line);
    int rc = ini_parse_stream(read_line, &p, on_value, &p);
    close_key(&p);
    if (rc < 0) {
        p.st = FG_E_NOMEM;
    } else if (rc > 0 && (p.st == FG_OK || (p.st == FG_E_CONFIG && rc < p.bad_line))) {
        p.st = fg_fail(err, FG_E_CONFIG, "%s:%d: expected 'key = value' or '[section]', found neither",
                       from->name, rc);
    }
    fg_str_fini(&p.value);
    struct fg_str unset = {0};
    if (p.st == FG_OK && (p.st = fg_str_addf(&unset, "%s (default)", from->name)) == FG_OK) {
        fg_free(c->unset);
        c->unset = unset.data;
    } else {
        fg_str_fini(&unset);
    }
    return p.st;
}
