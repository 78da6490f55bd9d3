/* The text of a sweep: sections [sweep], [set], [vary] and [axis NAME], lines "name = value", continued on
 * indented lines. */
#include <ctype.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/sweep/sweep.h"

struct reading {
    struct fg_sweep *s;
    const char *name;
    unsigned line;
    char section[64];
    struct fg_err *err;
};

static enum fg_status wrong(const struct reading *r, const char *expected, const char *found, size_t len)
{
    return fg_fail(r->err, FG_E_CONFIG, "%s:%u: expected %s, found '%.*s'", r->name, r->line, expected,
                   (int)(len < 60 ? len : 60), found);
}

static bool plain(const char *label, size_t len)
{
    bool ok = len > 0 && len <= 80 && label[0] != '.';
    for (size_t i = 0; i < len && ok; i++) {
        ok = isalnum((unsigned char)label[i]) || strchr("._+-", label[i]) != NULL;
    }
    return ok;
}

enum fg_status fg_sweep_set(struct fg_sweep_sets *sets, const char *text, size_t len)
{
    enum fg_status st = FG_GROW(sets->item, sets->n, sets->cap);
    st = st == FG_OK ? FG_GROW(sets->where, sets->n, sets->cap_where) : st;
    if (st != FG_OK) {
        return st;
    }
    sets->where[sets->n] = NULL;
    sets->item[sets->n] = fg_strndup(text, len);
    return sets->item[sets->n++] != NULL ? FG_OK : FG_E_NOMEM;
}

/* The same, of the line that is read. */
static enum fg_status set_here(const struct reading *r, struct fg_sweep_sets *sets, const char *text,
                               size_t len)
{
    struct fg_str where = {0};
    static const char seed[] = "run.seed=";
    if (len >= sizeof seed - 1 && memcmp(text, seed, sizeof seed - 1) == 0) { /* it would be overruled */
        return wrong(r, "seeds in [sweep] in its place", text, len);
    }
    enum fg_status st = fg_str_addf(&where, "%s:%u", r->name, r->line);
    st = st == FG_OK ? fg_sweep_set(sets, text, len) : st;
    if (st != FG_OK) {
        fg_str_fini(&where);
        return st;
    }
    sets->where[sets->n - 1] = where.data;
    return FG_OK;
}

/* The next word of text, blanks around it left out; false at the end. */
static bool word(const char **at, const char *end, const char **from, size_t *len)
{
    const char *p = *at;
    while (p < end && isspace((unsigned char)*p)) {
        p++;
    }
    *from = p;
    while (p < end && !isspace((unsigned char)*p)) {
        p++;
    }
    *len = (size_t)(p - *from);
    *at = p;
    return *len > 0;
}

static enum fg_status add_axis(struct reading *r, const char *name, size_t len)
{
    struct fg_sweep *s = r->s;
    for (size_t i = 0; i < s->n_axes; i++) {
        if (strlen(s->axis[i].name) == len && memcmp(s->axis[i].name, name, len) == 0) {
            return wrong(r, "each axis once", name, len);
        }
    }
    if (!plain(name, len) || s->n_axes == FG_SWEEP_AXES) {
        return wrong(r, "at most 8 axes, named by letters, digits and ._+-", name, len);
    }
    s->axis[s->n_axes].name = fg_strndup(name, len);
    return s->axis[s->n_axes++].name != NULL ? FG_OK : FG_E_NOMEM;
}

static enum fg_status add_level(struct reading *r, const char *label, size_t len)
{
    struct fg_sweep_axis *a = &r->s->axis[r->s->n_axes - 1];
    for (size_t i = 0; i < a->n; i++) {
        if (strlen(a->level[i].label) == len && memcmp(a->level[i].label, label, len) == 0) {
            return wrong(r, "each level once", label, len);
        }
    }
    if (!plain(label, len) || a->n == FG_SWEEP_LEVELS) {
        return wrong(r, "at most 128 levels, named by letters, digits and ._+-", label, len);
    }
    a->level[a->n].label = fg_strndup(label, len);
    return a->level[a->n++].label != NULL ? FG_OK : FG_E_NOMEM;
}

/* Words "key=value" into the newest level. */
static enum fg_status add_assignments(struct reading *r, const char *text, const char *end)
{
    struct fg_sweep_axis *a = &r->s->axis[r->s->n_axes - 1];
    const char *from;
    size_t len;
    enum fg_status st = FG_OK;
    while (st == FG_OK && word(&text, end, &from, &len)) {
        st = memchr(from, '=', len) != NULL ? set_here(r, &a->level[a->n - 1].set, from, len)
                                            : wrong(r, "section.key=value", from, len);
    }
    return st;
}

/* Words into an axis named by its key: the levels are the key's values. */
static enum fg_status add_values(struct reading *r, const char *text, const char *end)
{
    struct fg_sweep_axis *a = &r->s->axis[r->s->n_axes - 1];
    struct fg_str set = {0};
    const char *from;
    size_t len;
    enum fg_status st = FG_OK;
    while (st == FG_OK && word(&text, end, &from, &len)) {
        set.len = 0;
        FG_TRY(add_level(r, from, len));
        FG_TRY(fg_str_addf(&set, "%s=%.*s", a->name, (int)len, from));
        FG_TRY(set_here(r, &a->level[a->n - 1].set, set.data, set.len));
    }
cleanup:
    fg_str_fini(&set);
    return st;
}

/* "1-5" or "3". */
static enum fg_status add_seeds(struct reading *r, const char *text, const char *end)
{
    struct fg_sweep *s = r->s;
    const char *from;
    size_t len;
    enum fg_status st = FG_OK;
    while (st == FG_OK && word(&text, end, &from, &len)) {
        const char *dash = memchr(from, '-', len);
        uint64_t first, last;
        size_t head = dash != NULL ? (size_t)(dash - from) : len;
        if (fg_parse_u64(&first, from, head) != FG_OK ||
            (dash != NULL && fg_parse_u64(&last, dash + 1, len - head - 1) != FG_OK)) {
            return wrong(r, "seeds such as 1-5 or 7", from, len);
        }
        last = dash != NULL ? last : first;
        if (last < first || last - first >= 1000 || s->n_seeds + (last - first) >= 1000) {
            return wrong(r, "at most 1000 seeds, growing", from, len);
        }
        for (uint64_t k = first; st == FG_OK && k - first <= last - first; k++) {
            for (size_t i = 0; i < s->n_seeds; i++) {
                if (s->seed[i] == k) {
                    return wrong(r, "each seed once", from, len);
                }
            }
            st = FG_GROW(s->seed, s->n_seeds, s->cap_seeds);
            if (st == FG_OK) {
                s->seed[s->n_seeds++] = k;
            }
        }
    }
    return st;
}

static bool is(const char *text, size_t len, const char *word_)
{
    return strlen(word_) == len && memcmp(text, word_, len) == 0;
}

static enum fg_status keep(char **out, const char *text, size_t len)
{
    fg_free(*out);
    *out = fg_strndup(text, len);
    return *out != NULL ? FG_OK : FG_E_NOMEM;
}

static enum fg_status general(struct reading *r, const char *key, size_t n, const char *value, size_t len)
{
    struct fg_sweep *s = r->s;
    if (is(key, n, "base")) {
        return keep(&s->base, value, len);
    }
    if (is(key, n, "metric")) {
        return keep(&s->metric, value, len);
    }
    if (is(key, n, "compare")) {
        return keep(&s->compare, value, len);
    }
    if (is(key, n, "seeds")) {
        return add_seeds(r, value, value + len);
    }
    if (is(key, n, "better")) {
        s->lower = is(value, len, "lower");
        return s->lower || is(value, len, "higher") ? FG_OK : wrong(r, "higher or lower", value, len);
    }
    if (is(key, n, "ranks")) {
        s->by_run = is(value, len, "runs");
        return s->by_run || is(value, len, "cells") ? FG_OK : wrong(r, "cells or runs", value, len);
    }
    return wrong(r, "base, seeds, metric, better, compare or ranks", key, n);
}

static enum fg_status entry(struct reading *r, const char *key, size_t n, const char *value, size_t len)
{
    struct fg_str set = {0};
    enum fg_status st = FG_OK;
    if (strcmp(r->section, "sweep") == 0) {
        return general(r, key, n, value, len);
    }
    if (strcmp(r->section, "set") == 0) {
        st = fg_str_addf(&set, "%.*s=%.*s", (int)n, key, (int)len, value);
        st = st == FG_OK ? set_here(r, &r->s->set, set.data, set.len) : st;
        fg_str_fini(&set);
        return st;
    }
    if (strcmp(r->section, "vary") == 0) {
        st = add_axis(r, key, n);
        return st == FG_OK ? add_values(r, value, value + len) : st;
    }
    if (strncmp(r->section, "axis ", 5) == 0) {
        st = add_level(r, key, n);
        return st == FG_OK ? add_assignments(r, value, value + len) : st;
    }
    return wrong(r, "a section before the first line", key, n);
}

static enum fg_status open_section(struct reading *r, const char *from, const char *end)
{
    const char *close = memchr(from, ']', (size_t)(end - from));
    size_t len = close != NULL ? (size_t)(close - from) - 1 : 0;
    if (close == NULL || close + 1 != end || len >= sizeof r->section) {
        return wrong(r, "a section in brackets", from, (size_t)(end - from));
    }
    memcpy(r->section, from + 1, len);
    r->section[len] = '\0';
    if (strncmp(r->section, "axis ", 5) == 0) {
        return add_axis(r, r->section + 5, len - 5);
    }
    bool known =
        strcmp(r->section, "sweep") == 0 || strcmp(r->section, "set") == 0 || strcmp(r->section, "vary") == 0;
    return known ? FG_OK : wrong(r, "[sweep], [set], [vary] or [axis NAME]", from, (size_t)(end - from));
}

/* One line without its end and without blanks behind it. */
static enum fg_status line(struct reading *r, const char *from, const char *end, bool *open)
{
    bool indented = from < end && isspace((unsigned char)*from);
    for (const char *p = from; p + 1 < end; p++) { /* a comment behind the rest */
        end = isspace((unsigned char)p[0]) && p[1] == '#' ? p : end;
    }
    while (from < end && isspace((unsigned char)*from)) {
        from++;
    }
    while (end > from && isspace((unsigned char)end[-1])) {
        end--;
    }
    if (from == end || *from == '#' || *from == ';') {
        return FG_OK;
    }
    if (indented) {
        bool axis = strncmp(r->section, "axis ", 5) == 0, vary = strcmp(r->section, "vary") == 0;
        if (!*open || (!axis && !vary)) {
            return wrong(r, "an indented line only below a level or an axis", from, (size_t)(end - from));
        }
        return axis ? add_assignments(r, from, end) : add_values(r, from, end);
    }
    *open = *from != '[';
    if (*from == '[') {
        return open_section(r, from, end);
    }
    const char *eq = memchr(from, '=', (size_t)(end - from));
    if (eq == NULL) {
        return wrong(r, "name = value", from, (size_t)(end - from));
    }
    const char *key_end = eq, *value = eq + 1;
    while (key_end > from && isspace((unsigned char)key_end[-1])) {
        key_end--;
    }
    while (value < end && isspace((unsigned char)*value)) {
        value++;
    }
    return entry(r, from, (size_t)(key_end - from), value, (size_t)(end - value));
}

/* What must be there in the end. */
static enum fg_status complete(struct reading *r)
{
    struct fg_sweep *s = r->s;
    bool found = s->compare == NULL;
    size_t jobs = s->n_seeds;
    for (size_t i = 0; i < s->n_axes; i++) {
        if (s->axis[i].n == 0) {
            return fg_fail(r->err, FG_E_CONFIG, "%s: axis '%s': expected at least one level", r->name,
                           s->axis[i].name);
        }
        found = found || strcmp(s->axis[i].name, s->compare) == 0;
        jobs *= jobs <= FG_SWEEP_JOBS ? s->axis[i].n : 1;
    }
    if (s->base == NULL || s->n_seeds == 0 || s->n_axes == 0) {
        return fg_fail(r->err, FG_E_CONFIG, "%s: expected [sweep] with base and seeds, and at least one axis",
                       r->name);
    }
    if (!found) {
        return fg_fail(r->err, FG_E_CONFIG, "%s: compare: expected the name of an axis, found '%s'", r->name,
                       s->compare);
    }
    if (jobs > FG_SWEEP_JOBS) {
        return fg_fail(r->err, FG_E_CONFIG, "%s: expected at most %d runs", r->name, FG_SWEEP_JOBS);
    }
    return s->metric != NULL ? FG_OK : keep(&s->metric, "accuracy", 8);
}

enum fg_status fg_sweep_parse(struct fg_sweep *out, const char *name, const char *text, size_t len,
                              struct fg_err *err)
{
    struct reading r = {.s = out, .name = name, .err = err};
    bool open = false;
    enum fg_status st = FG_OK;
    *out = (struct fg_sweep){0};
    for (size_t at = fg_utf8_mark(text, len); st == FG_OK && at < len;) {
        const char *end = memchr(text + at, '\n', len - at), *stop = end != NULL ? end : text + len;
        r.line++;
        st = line(&r, text + at, stop, &open);
        at = (size_t)(stop - text) + 1;
    }
    return st == FG_OK ? complete(&r) : st;
}

void fg_sweep_sets_fini(struct fg_sweep_sets *sets)
{
    for (size_t i = 0; i < sets->n; i++) {
        fg_free(sets->item[i]);
        fg_free(sets->where[i]);
    }
    fg_free(sets->item);
    fg_free(sets->where);
    *sets = (struct fg_sweep_sets){0};
}

void fg_sweep_fini(struct fg_sweep *s)
{
    for (size_t a = 0; a < s->n_axes; a++) {
        for (size_t i = 0; i < s->axis[a].n; i++) {
            fg_free(s->axis[a].level[i].label);
            fg_sweep_sets_fini(&s->axis[a].level[i].set);
        }
        fg_free(s->axis[a].name);
    }
    fg_sweep_sets_fini(&s->set);
    fg_free(s->base);
    fg_free(s->metric);
    fg_free(s->compare);
    fg_free(s->seed);
    *s = (struct fg_sweep){0};
}
