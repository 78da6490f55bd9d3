/* The layer list language: "name [value...] [key=value...]" separated by ';', ',' or newlines. */
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/model/layer.h"

/* A run of characters of the list. */
struct word {
    const char *s;
    size_t n;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_separator(char c)
{
    return c == ';' || c == ',' || c == '\n';
}

static bool equals(struct word w, const char *s)
{
    return strlen(s) == w.n && memcmp(w.s, s, w.n) == 0;
}

enum fg_status fg_layer_fail(struct fg_err *err, const struct fg_layer *l, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fg_fail(err, FG_E_CONFIG, "layer %u '%s': %s", l->number, l->text, text);
}

/* The next word of *rest (one layer's text); false at its end. */
static bool next_word(struct word *rest, struct word *out)
{
    while (rest->n > 0 && is_blank(*rest->s)) {
        rest->s++;
        rest->n--;
    }
    out->s = rest->s;
    while (rest->n > 0 && !is_blank(*rest->s)) {
        rest->s++;
        rest->n--;
    }
    out->n = (size_t)(rest->s - out->s);
    return out->n > 0;
}

/* Index of w in "a|b|c", or -1. */
static int find_choice(const char *words, struct word w)
{
    int i = 0;
    for (const char *p = words; p != NULL; i++) {
        const char *end = strchr(p, '|');
        struct word choice = {p, end ? (size_t)(end - p) : strlen(p)};
        if (choice.n == w.n && memcmp(choice.s, w.s, w.n) == 0) {
            return i;
        }
        p = end ? end + 1 : NULL;
    }
    return -1;
}

static enum fg_status set_arg(struct fg_layer *l, unsigned i, struct word value, struct fg_err *err)
{
    const struct fg_layer_arg *a = &l->ops->args[i];
    if (l->given[i]) {
        return fg_layer_fail(err, l, "%s is given twice", a->name);
    }
    l->given[i] = true;
    int choice = find_choice(a->words, value);
    if (choice >= 0) {
        l->arg[i] = choice;
        return FG_OK;
    }
    double x;
    if (a->min <= a->max && value.n < 32 && fg_parse_f64(&x, value.s, value.n) == FG_OK && x >= a->min &&
        x <= a->max && (!a->whole || floor(x) == x)) {
        l->arg[i] = x;
        return FG_OK;
    }
    int shown = value.n > 32 ? 32 : (int)value.n;
    if (a->min > a->max) {
        return fg_layer_fail(err, l, "%s: expected %s, found '%.*s'", a->name, a->words, shown, value.s);
    }
    return fg_layer_fail(err, l, "%s: expected a %snumber from %.10g to %.10g%s%s, found '%.*s'", a->name,
                         a->whole ? "whole " : "", a->min, a->max, a->words ? " or " : "",
                         a->words ? a->words : "", shown, value.s);
}

static unsigned count_args(const struct fg_layer_ops *ops)
{
    unsigned n = 0;
    while (ops->args != NULL && ops->args[n].name != NULL) {
        n++;
    }
    return n;
}

static enum fg_status parse_args(struct fg_layer *l, struct word rest, struct fg_err *err)
{
    unsigned n = count_args(l->ops), place = 0;
    bool named = false;
    struct word w;
    while (next_word(&rest, &w)) {
        const char *eq = memchr(w.s, '=', w.n);
        unsigned i = 0;
        if (eq == NULL) {
            if (named) {
                return fg_layer_fail(err, l, "'%.*s' stands after a key=value", (int)w.n, w.s);
            }
            i = place++;
            if (i >= n) {
                return fg_layer_fail(err, l, "takes at most %u value(s), found '%.*s'", n, (int)w.n, w.s);
            }
        } else {
            struct word key = {w.s, (size_t)(eq - w.s)};
            named = true;
            while (i < n && !equals(key, l->ops->args[i].name)) {
                i++;
            }
            if (i == n) {
                return fg_layer_fail(err, l, "has no argument '%.*s'", (int)key.n, key.s);
            }
            w.n -= key.n + 1;
            w.s = eq + 1;
        }
        enum fg_status st = set_arg(l, i, w, err);
        if (st != FG_OK) {
            return st;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!l->given[i]) {
            l->arg[i] = l->ops->args[i].def;
            if (isnan(l->arg[i])) {
                return fg_layer_fail(err, l, "needs a value for %s", l->ops->args[i].name);
            }
        }
    }
    return FG_OK;
}

static void nearer(const char **best, unsigned *least, const char *given, const char *name)
{
    unsigned distance = fg_str_distance(given, name);
    if (distance < *least) {
        *least = distance;
        *best = name;
    }
}

/* A word that stands alone may have been meant as a shorthand. */
static enum fg_status fail_unknown(struct fg_err *err, const struct fg_layer *l, struct word name, bool alone)
{
    char given[64];
    snprintf(given, sizeof given, "%.*s", (int)(name.n < 63 ? name.n : 63), name.s);
    const char *best = "";
    unsigned least = UINT_MAX;
    for (unsigned i = 0; alone && fg_model_shorthands[i].name != NULL; i++) {
        nearer(&best, &least, given, fg_model_shorthands[i].name);
    }
    for (unsigned i = 0; fg_layer_kinds[i] != NULL; i++) {
        nearer(&best, &least, given, fg_layer_kinds[i]->name);
    }
    return fg_layer_fail(err, l, "no such layer%s; the nearest is '%s'%s", alone ? " or shorthand" : "", best,
                         strpbrk(given, "(:[") != NULL
                             ? ", its arguments stand behind blanks as in 'conv2d 32 kernel=5'"
                             : "");
}

/* One layer from its text (not blank). */
static enum fg_status parse_layer(struct fg_layer *l, struct word text, bool alone, struct fg_err *err)
{
    while (text.n > 0 && is_blank(text.s[text.n - 1])) {
        text.n--;
    }
    if (text.n >= FG_LAYER_TEXT) {
        memcpy(l->text, text.s, 32);
        return fg_layer_fail(err, l, "is longer than %d characters", FG_LAYER_TEXT - 1);
    }
    memcpy(l->text, text.s, text.n);
    struct word rest = text, name;
    (void)next_word(&rest, &name);
    for (unsigned i = 0; fg_layer_kinds[i] != NULL; i++) {
        if (equals(name, fg_layer_kinds[i]->name)) {
            l->ops = fg_layer_kinds[i];
            return parse_args(l, rest, err);
        }
    }
    return fail_unknown(err, l, name, alone);
}

/* The next non-blank item of *p up to a separator; false at the end. */
static bool next_item(const char **p, struct word *item)
{
    while (**p != '\0' && (is_blank(**p) || is_separator(**p))) {
        (*p)++;
    }
    item->s = *p;
    while (**p != '\0' && !is_separator(**p)) {
        (*p)++;
    }
    item->n = (size_t)(*p - item->s);
    return item->n > 0;
}

enum fg_status fg_layers_parse(struct fg_layer **out, unsigned *n, const char *text, struct fg_err *err)
{
    enum { MAX_LAYERS = 200 };
    unsigned count = 0, items = 0;
    const char *p = text;
    struct word item;
    while (next_item(&p, &item)) {
        items++;
    }
    if (items == 0) {
        return fg_fail(err, FG_E_CONFIG, "the layer list is empty");
    }
    if (items > MAX_LAYERS) {
        return fg_fail(err, FG_E_CONFIG, "%u layers, at most %d are allowed", items, MAX_LAYERS);
    }
    struct fg_layer *l = fg_calloc(items, sizeof *l);
    if (l == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s", fg_status_text(FG_E_NOMEM));
    }
    p = text;
    while (next_item(&p, &item)) {
        struct fg_layer *at = &l[count];
        at->number = count + 1;
        while (item.n > 0 && is_blank(item.s[item.n - 1])) {
            item.n--;
        }
        if (equals(item, "softmax") && count + 1 == items && count > 0) {
            break; /* the loss closes every model, spelled out or not */
        }
        if (equals(item, "softmax")) {
            memcpy(at->text, "softmax", sizeof "softmax");
            enum fg_status bad = fg_layer_fail(err, at, "is the loss: it may only stand at the end");
            fg_free(l);
            return bad;
        }
        enum fg_status st = parse_layer(at, item, items == 1, err);
        if (st != FG_OK) {
            fg_free(l);
            return st;
        }
        count++;
    }
    *out = l;
    *n = count;
    return FG_OK;
}
