/* What gnuplot answered, cleaned for a page. Of its SVG remain paths, dots and words, each with its own
 * colour: without groups, definitions and ids a page can hold any number of pictures,
 * and a picture is half as large. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/report/plot.h"

/* A place in gnuplot's text, and what holds for the tags that come. */
struct at {
    const char *p, *end; /* of the document */
    double width;        /* of lines */
    const char *group;   /* the tag around the words that come */
};

static const char *find(const char *from, const char *end, const char *what)
{
    return from < end ? memmem(from, (size_t)(end - from), what, strlen(what)) : NULL;
}

/* The value of an attribute of the tag [tag, end), unquoted; false when it has none. */
static bool attribute(const char **value, size_t *len, const char *tag, const char *end, const char *name)
{
    const char *at = tag;
    size_t n = strlen(name);
    while ((at = find(at, end, name)) != NULL) {
        const char *q = at + n + strspn(at + n, " ");
        if ((at[-1] == ' ' || at[-1] == '\n') && *q == '=') {
            q += 1 + strspn(q + 1, " ");
            const char *stop = *q == '\'' || *q == '"' ? memchr(q + 1, *q, (size_t)(end - q - 1)) : NULL;
            *value = q + 1;
            *len = stop != NULL ? (size_t)(stop - q - 1) : 0;
            return stop != NULL;
        }
        at += n;
    }
    return false;
}

/* The attribute `from` as ` to="value"`: colours as #rrggbb, white space in one. */
static enum fg_status copy(struct fg_str *out, const char *tag, const char *end, const char *from,
                           const char *to)
{
    const char *v;
    size_t len;
    unsigned r, g, b;
    enum fg_status st;
    if (!attribute(&v, &len, tag, end, from)) {
        return FG_OK;
    }
    if (sscanf(v, "rgb(%u,%u,%u)", &r, &g, &b) == 3) {
        return fg_str_addf(out, " %s=\"#%02x%02x%02x\"", to, r & 255, g & 255, b & 255);
    }
    FG_TRY(fg_str_addf(out, " %s=\"", to));
    while (len > 0 && strchr(" \n\t", v[len - 1]) != NULL) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        bool blank = v[i] == '\n' || v[i] == '\t' || v[i] == ' ';
        FG_TRY(v[i] == '"' || v[i] == '<'       ? FG_OK
               : !blank                         ? fg_str_add(out, &v[i], 1)
               : out->data[out->len - 1] != ' ' ? fg_str_add(out, " ", 1)
                                                : FG_OK);
    }
    FG_TRY(fg_str_add(out, "\"", 1));
cleanup:
    return st;
}

/* A line; those that only move the pen, and what clears the ground under others, are left out. */
static enum fg_status path(struct fg_str *out, const struct at *a, const char *end)
{
    const char *d;
    size_t len;
    enum fg_status st;
    if (!attribute(&d, &len, a->p, end, "d") || memchr(d, 'L', len) == NULL) {
        return FG_OK;
    }
    FG_TRY(fg_str_addf(out, "<path"));
    FG_TRY(copy(out, a->p, end, "stroke", "stroke"));
    FG_TRY(a->width != 1.0 ? fg_str_addf(out, " stroke-width=\"%.4g\"", a->width) : FG_OK);
    FG_TRY(copy(out, a->p, end, "stroke-dasharray", "stroke-dasharray"));
    FG_TRY(copy(out, a->p, end, "d", "d"));
    FG_TRY(fg_str_addf(out, "/>\n"));
cleanup:
    return st;
}

/* A use of gnuplot's filled point (pt 7), the only one that we ask for: its radius is the scale. */
static enum fg_status dot(struct fg_str *out, const struct at *a, const char *end)
{
    const char *v;
    size_t len;
    double x, y, r;
    enum fg_status st;
    if (!attribute(&v, &len, a->p, end, "transform") ||
        sscanf(v, "translate(%lf,%lf) scale(%lf)", &x, &y, &r) != 3) {
        return FG_OK;
    }
    FG_TRY(fg_str_addf(out, "<circle"));
    FG_TRY(copy(out, a->p, end, "color", "fill"));
    FG_TRY(fg_str_addf(out, " cx=\"%.2f\" cy=\"%.2f\" r=\"%.3g\"/>\n", x, y, r));
cleanup:
    return st;
}

static enum fg_status text(struct fg_str *out, struct at *a, const char *end)
{
    const char *close = find(end, a->end, "<"), *stop = a->group != NULL ? strchr(a->group, '>') : NULL;
    enum fg_status st;
    if (close == NULL || stop == NULL) {
        return FG_OK;
    }
    FG_TRY(fg_str_addf(out, "<text"));
    FG_TRY(copy(out, a->group, stop, "transform", "transform"));
    FG_TRY(copy(out, a->group, stop, "fill", "fill"));
    FG_TRY(copy(out, a->group, stop, "font-size", "font-size"));
    FG_TRY(find(a->group, stop, ":Bold") != NULL ? fg_str_addf(out, " font-weight=\"600\"") : FG_OK);
    FG_TRY(copy(out, a->group, stop, "text-anchor", "text-anchor"));
    FG_TRY(fg_str_add(out, ">", 1));
    end++;
    FG_TRY(fg_str_add(out, end, (size_t)(close - end)));
    FG_TRY(fg_str_addf(out, "</text>\n"));
    a->p = close;
cleanup:
    return st;
}

static bool is(const struct at *a, const char *tag)
{
    return strncmp(a->p, tag, strlen(tag)) == 0;
}

/* The tags from a->p on. */
static enum fg_status tags(struct fg_str *out, struct at *a)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && (a->p = find(a->p, a->end, "<")) != NULL) {
        const char *end = find(a->p, a->end, ">"), *v;
        size_t len;
        if (end == NULL) {
            break;
        }
        if (is(a, "<path")) {
            st = path(out, a, end);
        } else if (is(a, "<use")) {
            st = dot(out, a, end);
        } else if (is(a, "<text")) {
            st = text(out, a, end);
        } else if (is(a, "<g transform")) {
            a->group = a->p;
        } else if (is(a, "<g") && attribute(&v, &len, a->p, end, "stroke-width")) {
            a->width = strtod(v, NULL);
        }
        a->p++;
    }
    return st;
}

static enum fg_status head(struct fg_str *out, double width, double height, const char *name, bool file)
{
    enum fg_status st;
    FG_TRY(fg_str_addf(out, "<svg %sviewBox=\"0 0 %.0f %.0f\" ",
                       file ? "xmlns=\"http://www.w3.org/2000/svg\" " : "class=\"plot\" ", width, height));
    FG_TRY(file ? fg_str_addf(out, "width=\"%.0f\" height=\"%.0f\" ", width, height) : FG_OK);
    FG_TRY(fg_str_addf(out, "fill=\"none\" stroke-linejoin=\"round\" role=\"img\" aria-label=\""));
    FG_TRY(fg_html(out, name));
    FG_TRY(fg_str_addf(out, "\">\n"));
    if (file) {
        FG_TRY(fg_str_addf(out, "<style>\n"));
        FG_TRY(fg_ink_style(out));
        FG_TRY(fg_str_addf(out, "</style>\n<rect fill=\"%s\" width=\"100%%\" height=\"100%%\"/>\n",
                           fg_ink(FG_INK_PAPER)));
    }
cleanup:
    return st;
}

enum fg_status fg_plot_clean(struct fg_str *out, const struct fg_str *drawn, size_t i, const char *name,
                             bool file)
{
    const char *p = drawn->data, *stop = p != NULL ? p + drawn->len : NULL;
    double width, height;
    for (size_t k = 0; p != NULL && k <= i; k++) {
        p = find(p + (k > 0), stop, "<svg");
    }
    struct at a = {.end = p != NULL ? find(p, stop, "</svg>") : NULL, .width = 1.0};
    const char *box = a.end != NULL ? find(p, a.end, "viewBox=\"") : NULL;
    a.p = box != NULL ? find(box, a.end, "</defs>") : NULL;
    if (a.p == NULL || sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height) != 2) {
        return FG_E_IO;
    }
    enum fg_status st = head(out, width, height, name, file);
    st = st == FG_OK ? tags(out, &a) : st;
    return st == FG_OK ? fg_str_addf(out, "</svg>\n") : st;
}
