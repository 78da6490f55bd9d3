/* What is to be drawn, as a gnuplot script. */
#include "src/report/plot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 480.0
#define HEIGHT 300.0

void fg_plots_fini(struct fg_plots *s)
{
    fg_str_fini(&s->script);
    fg_str_fini(&s->clauses);
    fg_str_fini(&s->names);
    fg_str_fini(&s->drawn);
}

void fg_range_hold(double range[2], double x)
{
    if (isfinite(x)) {
        range[0] = x < range[0] ? x : range[0];
        range[1] = x > range[1] ? x : range[1];
    }
}

double fg_plot_step(double span)
{
    double step = 1.0;
    while (step * 7.0 < span) {
        step *= 10.0;
    }
    while (step * 0.7 > span) {
        step /= 10.0;
    }
    double marks = span / step;
    return marks < 1.5 ? step / 5.0 : marks < 3.5 ? step / 2.0 : step;
}

double fg_plot_unit(char name[16], double max, const char *unit)
{
    static const char *const prefix[] = {"m", "", "k", "M", "G", "T", "P"};
    size_t i = 1;
    double scale = 1.0;
    if (max > 0.0 && max < 0.5) {
        i = 0;
        scale = 1e3;
    }
    while (max * scale >= 2000.0 && i + 1 < sizeof prefix / sizeof *prefix) {
        scale /= 1e3;
        i++;
    }
    (void)snprintf(name, 16, "%s%.10s", prefix[i], unit);
    return scale;
}

/* A label at a place that is said in gnuplot's words. Within single quotes it takes nothing
 * for its own but these. */
static FG_PRINTF(6, 7) enum fg_status label(struct fg_plots *s, const char *text, const char *how, int px,
                                            enum fg_ink ink, const char *place, ...)
{
    char at[96];
    va_list ap;
    va_start(ap, place);
    (void)vsnprintf(at, sizeof at, place, ap);
    va_end(ap);
    enum fg_status st = fg_str_addf(&s->script, "set label '");
    for (const char *p = text; st == FG_OK && *p != '\0';) {
        size_t n = fg_utf8(p);
        bool shown = n > 0 && (unsigned char)*p >= ' ' && *p != 127;
        st = *p == '\'' ? fg_str_add(&s->script, p, 1) : FG_OK;
        st = st == FG_OK ? fg_str_add(&s->script, shown ? p : "?", shown ? n : 1) : st;
        p += shown ? n : 1;
    }
    return st == FG_OK ? fg_str_addf(&s->script, "' at %s %s font 'sans-serif%s,%d' textcolor rgb '%s'\n", at,
                                     how, ink == FG_INK_TEXT ? ":Bold" : "", px, fg_ink(ink))
                       : st;
}

enum fg_status fg_plot_begin(struct fg_plots *s, struct fg_str *page, double width, double height,
                             const char *name)
{
    const char place = FG_PLOT_PLACE;
    s->width = width;
    s->height = height;
    s->n++;
    enum fg_status st = fg_str_add(&s->names, name, strlen(name) + 1);
    st = st == FG_OK && page != NULL ? fg_str_add(page, &place, 1) : st;
    return st == FG_OK
               ? fg_str_addf(
                     &s->script,
                     "set encoding utf8\nset terminal svg size %.0f,%.0f noenhanced font 'sans-serif,12'\n"
                     "set output\nset multiplot\n",
                     width, height)
               : st;
}

enum fg_status fg_plot_end(struct fg_plots *s)
{
    return fg_str_addf(&s->script, "unset multiplot\nunset output\n");
}

static void widen(double *a, double *b)
{
    if (!(isfinite(*a) && isfinite(*b))) {
        *a = 0.0;
        *b = 1.0;
    } else if (!(*b - *a > 1e-12 * (fabs(*a) + fabs(*b)))) {
        double by = *a == 0.0 ? 1.0 : 0.05 * fabs(*a);
        *a -= by;
        *b += by;
    }
}

enum fg_status fg_plot_title(struct fg_plots *s, double x, double y, const char *text)
{
    return label(s, text, "left", 13, FG_INK_TEXT, "screen %.6g,screen %.6g", x / s->width,
                 1.0 - y / s->height);
}

/* Numbers and grid of an axis so many px long. */
static enum fg_status marks(struct fg_plots *s, char axis, bool wanted, double span, double px)
{
    if (!wanted) {
        return fg_str_addf(&s->script, "unset %ctics\n", axis);
    }
    return fg_str_addf(
        &s->script,
        "set %ctics %.6g scale 0 nomirror textcolor rgb '%s' format '%%.6g'\nset grid %ctics lt 1 lw "
        "1 lc rgb '%s'\n",
        axis, fg_plot_step(px < 180.0 ? span * 180.0 / px : span), fg_ink(FG_INK_SOFT), axis,
        fg_ink(FG_INK_GRID));
}

enum fg_status fg_panel_begin(struct fg_plots *s, struct fg_panel *p)
{
    double right = s->width - p->right, bottom = s->height - p->bottom;
    enum fg_status st;
    widen(&p->x0, &p->x1);
    widen(&p->y0, &p->y1);
    s->clauses.len = 0;
    s->left = p->left;
    s->bottom = p->bottom;
    FG_TRY(fg_str_addf(
        &s->script,
        "reset\nunset key\nset border 0\nset lmargin at screen %.8g\nset rmargin at screen %.8g\n"
        "set tmargin at screen %.8g\nset bmargin at screen %.8g\nset xrange [%.12g:%.12g]\nset yrange "
        "[%.12g:%.12g]\n",
        p->left / s->width, right / s->width, 1.0 - p->top / s->height, p->bottom / s->height, p->x0, p->x1,
        p->y0, p->y1));
    FG_TRY(marks(s, 'x', p->x_marks, p->x1 - p->x0, right - p->left));
    FG_TRY(marks(s, 'y', p->y_marks, p->y1 - p->y0, bottom - p->top));
    FG_TRY(p->title != NULL ? fg_plot_title(s, p->left, p->top - 14.0, p->title) : FG_OK);
    FG_TRY(p->x_name != NULL ? label(s, p->x_name, "center", 12, FG_INK_SOFT, "graph 0.5,screen %.6g",
                                     (p->bottom - 36.0) / s->height)
                             : FG_OK);
    FG_TRY(p->y_name != NULL ? label(s, p->y_name, "center rotate by 90", 12, FG_INK_SOFT,
                                     "screen %.6g,graph 0.5", (p->left - 45.0) / s->width)
                             : FG_OK);
cleanup:
    return st;
}

/* A panel without data is drawn as well. */
enum fg_status fg_panel_end(struct fg_plots *s)
{
    return fg_str_addf(&s->script, "plot NaN notitle%s\n", s->clauses.len > 0 ? s->clauses.data : "");
}

enum fg_status fg_panel_sheet(struct fg_plots *s)
{
    struct fg_panel p = {.x1 = s->width, .y1 = s->height};
    return fg_panel_begin(s, &p);
}

enum fg_status fg_plot_simple(struct fg_plots *s, struct fg_str *page, struct fg_panel *p)
{
    p->left = 58.0;
    p->right = 14.0;
    p->top = 30.0;
    p->bottom = 44.0;
    p->x_marks = p->y_marks = true;
    enum fg_status st = fg_plot_begin(s, page, WIDTH, HEIGHT, p->title);
    return st == FG_OK ? fg_panel_begin(s, p) : st;
}

enum fg_status fg_plot_simple_end(struct fg_plots *s)
{
    enum fg_status st = fg_panel_end(s);
    return st == FG_OK ? fg_plot_end(s) : st;
}

enum fg_status fg_plot_mark(struct fg_plots *s, char axis, double at, double away, int px, const char *text)
{
    return axis == 'x' ? label(s, text, "center", px, FG_INK_SOFT, "first %.12g,screen %.6g", at,
                               (s->bottom - away) / s->height)
                       : label(s, text, "right", px, FG_INK_SOFT, "screen %.6g,first %.12g",
                               (s->left - away) / s->width, at);
}

enum fg_status fg_plot_words(struct fg_plots *s, double x, double y, const char *anchor, double turn, int px,
                             const char *text)
{
    return label(s, text, anchor, px, FG_INK_SOFT, "first %.12g,%.12g rotate by %.0f", x, y, turn);
}

/* ---- data ---- */

enum fg_status fg_plot_data(struct fg_plots *s)
{
    return fg_str_addf(&s->script, "$d%zu << E\n", ++s->blocks);
}

enum fg_status fg_plot_point(struct fg_plots *s, double x, double y)
{
    return isfinite(x) && isfinite(y) ? fg_str_addf(&s->script, "%.7g %.7g\n", x, y)
                                      : fg_str_addf(&s->script, "\n");
}

enum fg_status fg_plot_stroke(struct fg_plots *s, double xa, double ya, double xb, double yb)
{
    return fg_str_addf(&s->script, "%.7g %.7g\n%.7g %.7g\n\n", xa, ya, xb, yb);
}

/* End the block of data; without one line in it gnuplot would complain. */
static enum fg_status draw(struct fg_plots *s, const char *how)
{
    enum fg_status st = fg_str_addf(&s->script, "E\n");
    return st == FG_OK ? fg_str_addf(&s->clauses, ", $d%zu using 1:2 notitle %s", s->blocks, how) : st;
}

enum fg_status fg_plot_lines(struct fg_plots *s, enum fg_ink ink, double px, bool dashed)
{
    char how[96];
    (void)snprintf(how, sizeof how, "with lines lw %.4g%s lc rgb '%s'", px, dashed ? " dt (5,3)" : "",
                   fg_ink(ink));
    return draw(s, how);
}

enum fg_status fg_plot_dots(struct fg_plots *s, enum fg_ink ink, double radius_px)
{
    char how[96]; /* gnuplot's point of size 1 has a radius of 4.5 px */
    (void)snprintf(how, sizeof how, "with points pt 7 ps %.4g lc rgb '%s'", radius_px / 4.5, fg_ink(ink));
    return draw(s, how);
}

enum fg_status fg_plot_curve(struct fg_plots *s, const double *x, const double *y, size_t n, size_t run,
                             bool dots)
{
    size_t shown = n < FG_PLOT_POINTS ? n : FG_PLOT_POINTS;
    enum fg_status st;
    FG_TRY(fg_plot_data(s));
    for (size_t k = 0; k < shown; k++) {
        size_t i = shown > 1 ? k * (n - 1) / (shown - 1) : 0;
        FG_TRY(isfinite(x[i]) && isfinite(y[i]) ? fg_plot_point(s, x[i], y[i]) : FG_OK);
    }
    FG_TRY(fg_plot_lines(s, fg_ink_run(run), 1.8, run >= FG_PLOT_RUNS));
    if (dots || n == 1) {
        FG_TRY(fg_plot_data(s));
        for (size_t i = 0; i < n; i++) {
            FG_TRY(isfinite(x[i]) && isfinite(y[i]) ? fg_plot_point(s, x[i], y[i]) : FG_OK);
        }
        FG_TRY(fg_plot_dots(s, fg_ink_run(run), 3.0));
    }
cleanup:
    return st;
}

enum fg_status fg_plot_rule(struct fg_plots *s, double xa, double ya, double xb, double yb)
{
    return fg_str_addf(&s->script, "set arrow from %.12g,%.12g to %.12g,%.12g nohead back lw 1 lc rgb '%s'\n",
                       xa, ya, xb, yb, fg_ink(FG_INK_SOFT));
}
