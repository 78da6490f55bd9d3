/* forage trace show: SVG by hand, so that it needs no other program. */
#include "src/cmd/trace_show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/cmd/trace_make.h"
#include "src/cmd/trace_stat.h"

#define WIDTH 1000.0
#define LEFT 110.0
#define RIGHT 16.0
#define TOP 46.0
#define PLOT (WIDTH - LEFT - RIGHT)
#define LINE_H 70.0 /* the share of nodes up */
#define ROWS_MAX 200u
#define POINTS 874 /* of a curve: one a pixel */

static enum fg_status text(struct fg_str *s, double x, double y, const char *anchor, const char *words,
                           size_t len)
{
    enum fg_status st = fg_str_addf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (size_t i = 0; st == FG_OK && i < len; i++) {
        char c = words[i];
        st = c == '<'   ? fg_str_addf(s, "&lt;")
             : c == '&' ? fg_str_addf(s, "&amp;")
             : c < ' '  ? fg_str_addf(s, "?")
                        : fg_str_add(s, &c, 1);
    }
    return st == FG_OK ? fg_str_addf(s, "</text>\n") : st;
}

static enum fg_status words(struct fg_str *s, double x, double y, const char *anchor, const char *what)
{
    return text(s, x, y, anchor, what, strlen(what));
}

/* A path without its folders. */
static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static enum fg_status begin(struct fg_str *s, double height, const char *title)
{
    enum fg_status st = fg_str_addf(
        s,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
        "role=\"img\">\n"
        "<style>\n"
        "svg { font: 12px sans-serif; } .paper { fill: #fff; }\n"
        "text { fill: #333; } .up { fill: #2a7f62; } .curve { fill: none; stroke: #2a7f62; stroke-width: "
        "1.2; }\n"
        ".grid { stroke: #ccc; stroke-width: .7; } .name { font-size: 9px; } .down { fill: #f1f1ee; }\n"
        "@media (prefers-color-scheme: dark) { .paper { fill: #16181a; } text { fill: #ccc; }\n"
        ".up { fill: #5cc39d; } .curve { stroke: #5cc39d; } .grid { stroke: #444; } .down { fill: #222527; } "
        "}\n"
        "</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n",
        WIDTH, height, WIDTH, height);
    return st == FG_OK ? words(s, LEFT, 20, "start", title) : st;
}

/* A distance between marks of the time axis that gives some six to twelve: hours, days, weeks, months. */
static int64_t tick(int64_t span_s)
{
    static const int64_t steps[] = {600,    3600,      3 * 3600,   6 * 3600,   12 * 3600, 86400,
                                    172800, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400};
    size_t i = 0, last = sizeof steps / sizeof steps[0] - 1;
    while (i < last && span_s / steps[i] > 12) {
        i++;
    }
    int64_t step = steps[i];
    while (span_s / step > 12) {
        step *= 2;
    }
    return step;
}

/* Marks at whole steps of the clock; labels are dates where they are known, else days and hours. */
static enum fg_status time_axis(struct fg_str *s, int64_t zero_s, bool dated, int64_t span_s, double top,
                                double bottom)
{
    int64_t step = tick(span_s), at = dated ? (fg_floor_div(zero_s + step - 1, step) * step - zero_s) : 0;
    enum fg_status st = FG_OK;
    for (; st == FG_OK && at <= span_s; at += step) {
        char label[48], iso[32];
        double x = LEFT + PLOT * (double)at / (double)span_s;
        fg_iso_format(iso, zero_s + at);
        if (dated && step >= 86400) {
            snprintf(label, sizeof label, "%.10s", iso);
        } else if (dated) {
            snprintf(label, sizeof label, "%.5s %.5s", iso + 5, iso + 11);
        } else if (step >= 86400) {
            snprintf(label, sizeof label, "day %lld", (long long)(at / 86400));
        } else {
            snprintf(label, sizeof label, "%lld:%02lld h", (long long)(at / 3600), (long long)(at / 60 % 60));
        }
        st = fg_str_addf(s, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x,
                         top, x, bottom);
        st = st == FG_OK ? words(s, x, bottom + 15, at == 0 ? "start" : "middle", label) : st;
    }
    return st;
}

/* A curve of values (POINTS) between low and high over [top, bottom]. */
static enum fg_status curve(struct fg_str *s, const double *v, double low, double high, double top,
                            double bottom)
{
    enum fg_status st = fg_str_addf(s, "<polyline class=\"curve\" points=\"");
    for (int i = 0; st == FG_OK && i < POINTS; i++) {
        double y = bottom - (bottom - top) * (v[i] - low) / (high - low);
        st = fg_str_addf(s, "%.1f,%.1f ", LEFT + PLOT * (i + 0.5) / POINTS, y);
    }
    return st == FG_OK ? fg_str_addf(s, "\"/>\n") : st;
}

static enum fg_status level(struct fg_str *s, double y, double v, const char *unit)
{
    char label[32];
    snprintf(label, sizeof label, "%.0f%s", v, unit);
    enum fg_status st =
        fg_str_addf(s, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, y,
                    WIDTH - RIGHT, y);
    return st == FG_OK ? words(s, LEFT - 6, y + 4, "end", label) : st;
}

static enum fg_status share_up(struct fg_str *s, const struct fg_trace *t)
{
    double v[POINTS];
    for (int i = 0; i < POINTS; i++) {
        int64_t from = t->span_s * i / POINTS, to = t->span_s * (i + 1) / POINTS, up = 0;
        to = to > from ? to : from + 1;
        for (uint32_t n = 0; n < t->nodes; n++) {
            up += fg_trace_up_seconds(t, n, from, to);
        }
        v[i] = (double)up / (double)(to - from) / t->nodes;
    }
    enum fg_status st = level(s, TOP, 100.0, "% up");
    st = st == FG_OK ? level(s, TOP + LINE_H, 0.0, "%") : st;
    return st == FG_OK ? curve(s, v, 0.0, 1.0, TOP, TOP + LINE_H) : st;
}

/* One path a node: a bar for each interval, those nearer than a third of a pixel in one. */
static enum fg_status bars(struct fg_str *s, const struct fg_trace *t, uint32_t node, double y, double h)
{
    double scale = PLOT / (double)t->span_s, from = 0.0, to = -1.0;
    enum fg_status st = fg_str_addf(s, "<path class=\"up\" d=\"");
    for (uint32_t i = t->first[node]; st == FG_OK && i <= t->first[node + 1]; i++) {
        bool end = i == t->first[node + 1];
        double a = end ? 1e9 : t->start_s[i] * scale, b = end ? 1e9 : t->end_s[i] * scale;
        if (to >= from && a - to > 0.3) {
            double w = to - from > 0.3 ? to - from : 0.3;
            st = fg_str_addf(s, "M%.1f %.1fh%.1fv%.1fh-%.1fz", LEFT + from, y, w, h, w);
            to = -1.0;
        }
        from = to < from ? a : from;
        to = b;
    }
    return st == FG_OK ? fg_str_addf(s, "\"/>\n") : st;
}

enum fg_status fg_trace_svg(struct fg_str *out, const struct fg_trace *t)
{
    uint32_t rows = t->nodes < ROWS_MAX ? t->nodes : ROWS_MAX;
    double row = rows <= 30   ? 16.0
                 : rows <= 80 ? 9.0
                              : 4.0,
           top = TOP + LINE_H + 12.0, bottom = top + row * rows;
    char title[512];
    snprintf(title, sizeof title, "%.200s: %u nodes, %.1f days%s%.40s", base_of(t->name), t->nodes,
             (double)t->span_s / 86400.0, rows < t->nodes ? ", some of them drawn" : "",
             t->clock == FG_CLOCK_UTC     ? " (UTC)"
             : t->clock == FG_CLOCK_LOCAL ? " (local time)"
                                          : "");
    enum fg_status st = begin(out, bottom + 28.0, title);
    st = st == FG_OK
             ? fg_str_addf(out,
                           "<rect class=\"down\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                           LEFT, top, PLOT, bottom - top)
             : st;
    st = st == FG_OK ? time_axis(out, t->zero_s, t->has_zero, t->span_s, TOP, bottom) : st;
    st = st == FG_OK ? share_up(out, t) : st;
    for (uint32_t k = 0; st == FG_OK && k < rows; k++) {
        uint32_t node = (uint32_t)((uint64_t)k * t->nodes / rows);
        st = bars(out, t, node, top + row * k + 0.1 * row, 0.8 * row);
        if (st == FG_OK && row >= 9.0) {
            const char *name = fg_trace_node_name(t, node);
            size_t len = strlen(name);
            st = fg_str_addf(out, "<g class=\"name\">");
            st = st == FG_OK
                     ? text(out, LEFT - 6, top + row * k + 0.5 * row + 3, "end", name, len < 18 ? len : 18)
                     : st;
            st = st == FG_OK ? fg_str_addf(out, "</g>\n") : st;
        }
    }
    return st == FG_OK ? fg_str_addf(out, "</svg>\n") : st;
}

enum fg_status fg_carbon_svg(struct fg_str *out, const struct fg_carbon *c)
{
    double v[POINTS], most = 1.0, top = TOP, bottom = TOP + 260.0;
    char title[512];
    for (int i = 0; i < POINTS; i++) {
        int64_t span = (int64_t)c->hours * INT64_C(3600000000), from = span / POINTS * i,
                to = from + span / POINTS;
        v[i] = fg_carbon_integral(c, from, to) / ((double)(to - from) / 1e6);
        most = v[i] > most ? v[i] : most;
    }
    double step = most > 400 ? 200 : most > 150 ? 50 : most > 60 ? 20 : 10;
    double high = ceil(most / step) * step;
    snprintf(title, sizeof title, "%.200s: %.60s, %zu hours, mean %.1f g/kWh (UTC)", base_of(c->name),
             c->zone[0] != '\0' ? c->zone : "no zone said", c->hours, fg_carbon_mean(c));
    enum fg_status st = begin(out, bottom + 28.0, title);
    st = st == FG_OK ? time_axis(out, c->start_s, true, (int64_t)c->hours * 3600, top, bottom) : st;
    for (double y = 0.0; st == FG_OK && y <= high; y += step) {
        st = level(out, bottom - (bottom - top) * y / high, y, "");
    }
    st = st == FG_OK ? curve(out, v, 0.0, high, top, bottom) : st;
    return st == FG_OK ? fg_str_addf(out, "</svg>\n") : st;
}

enum fg_status fg_trace_show_file(const char *path, const char *out, struct fg_err *err)
{
    enum fg_trace_kind kind;
    struct fg_trace *t = NULL;
    struct fg_carbon *c = NULL;
    struct fg_str svg = {0};
    enum fg_status st = fg_trace_kind(&kind, path, err);
    if (st == FG_OK && kind == FG_KIND_CARBON) {
        st = fg_carbon_load(&c, path, NULL, err);
        st = st == FG_OK ? fg_carbon_svg(&svg, c) : st;
    } else if (st == FG_OK) {
        st = fg_trace_load(&t, path, NULL, err);
        st = st == FG_OK ? fg_trace_svg(&svg, t) : st;
    }
    st = st == FG_OK ? fg_trace_write(out, &svg, err) : st;
    fg_str_fini(&svg);
    fg_trace_destroy(t);
    fg_carbon_destroy(c);
    return st;
}
