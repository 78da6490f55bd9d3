/* Pictures, drawn by gnuplot: what is to be seen is written down as a gnuplot script, all pictures of a page
 * are drawn by one process, and its SVG is taken apart, cleaned and put where it belongs.
 *
 * A picture is light as it stands, for any viewer; the style sheet gives every colour its counterpart where
 * dark is preferred, by attribute selectors, so that neither scripts nor ids are needed and any number of
 * pictures share a page. Text takes the font of the page.
 * The bytes depend on gnuplot's version as far as it places things differently.
 *
 * Thread safety: pure but for fg_plots_draw(), which starts a process and waits for it;
 * a struct has one user.
 */
#ifndef FG_REPORT_PLOT_H
#define FG_REPORT_PLOT_H

#include <stdbool.h>

#include "src/base/str.h"

enum {
    FG_PLOT_RUNS = 8,     /* colours of runs; the ninth has the first one's, dashed */
    FG_PLOT_CARBON = 6,   /* shades of carbon intensity */
    FG_PLOT_CHANCE = 8,   /* shades of a probability */
    FG_PLOT_SHARE = 3,    /* shades of a share of clients */
    FG_PLOT_POINTS = 600, /* most of a curve that are drawn */
    FG_PLOT_PLACE =
        1 /* the byte that stands for a picture in a page's text: the first is for the first picture */
};

/* Colours, by what they mean. */
enum fg_ink {
    FG_INK_PAPER,
    FG_INK_TEXT,
    FG_INK_SOFT,
    FG_INK_GRID,
    FG_INK_RUN,
    FG_INK_UP = FG_INK_RUN + FG_PLOT_RUNS,
    FG_INK_USED = FG_INK_UP + FG_PLOT_SHARE,
    FG_INK_LOST = FG_INK_USED + FG_PLOT_SHARE,
    FG_INK_AWAY,
    FG_INK_CARBON,
    FG_INK_CHANCE = FG_INK_CARBON + FG_PLOT_CARBON,
    FG_INKS = FG_INK_CHANCE + FG_PLOT_CHANCE
};

/* "#rrggbb" on light paper. */
const char *fg_ink(enum fg_ink ink);
enum fg_ink fg_ink_run(size_t run);

/* The colours as a style sheet: --paper, --text, --soft, --grid and --run for pages, and what pictures
 * need. */
enum fg_status fg_ink_style(struct fg_str *out) FG_NODISCARD;

/* A small sample for a legend in HTML: a line of a run; a box. */
enum fg_status fg_plot_key_run(struct fg_str *out, size_t run) FG_NODISCARD;
enum fg_status fg_plot_key_box(struct fg_str *out, enum fg_ink ink) FG_NODISCARD;

/* Append text with what HTML takes for its own written out; control characters, and what is not UTF-8,
 * become '?'. */
enum fg_status fg_html(struct fg_str *out, const char *text) FG_NODISCARD;

/* Widen a range to hold x; start from {INFINITY, -INFINITY}. */
void fg_range_hold(double range[2], double x);

/* The metric prefix for values up to max: *name gets the unit with it, e.g. "MB";
 * returns what to multiply by. */
double fg_plot_unit(char name[16], double max, const char *unit);

/* The distance between the marks of an axis: 1, 2 or 5 times a power of ten, four to nine of them. */
double fg_plot_step(double span);

/* ---- what is to be drawn: all of these fail with FG_E_NOMEM alone ---- */

/* Pictures in the making. Zero-initialise; fg_plots_fini(). */
struct fg_plots {
    struct fg_str script, clauses; /* for gnuplot: so far; of the plot command under way */
    struct fg_str names;           /* of the pictures, NUL-terminated */
    struct fg_str drawn;           /* gnuplot's answer; empty before, and when it failed */
    size_t n, blocks;              /* pictures; blocks of data */
    double width, height;          /* px, of the picture under way */
    double left, bottom;           /* px, of the panel under way */
};
void fg_plots_fini(struct fg_plots *s);

/* A picture of so many px, whose place is the end of `page` (NULL: it is a file of its own); `name` says to
 * those who cannot see it what it is. One or several panels follow. */
enum fg_status fg_plot_begin(struct fg_plots *s, struct fg_str *page, double width, double height,
                             const char *name) FG_NODISCARD;
enum fg_status fg_plot_end(struct fg_plots *s) FG_NODISCARD;

/* Axes at a place in the picture. */
struct fg_panel {
    double left, right, top, bottom;     /* px from the picture's edges */
    double x0, x1, y0, y1;               /* what the axes span; a range of no width gets one */
    const char *title, *x_name, *y_name; /* may be NULL */
    bool x_marks, y_marks;               /* numbers and grid; without: those of fg_plot_mark() */
};
enum fg_status fg_panel_begin(struct fg_plots *s, struct fg_panel *p) FG_NODISCARD;
enum fg_status fg_panel_end(struct fg_plots *s) FG_NODISCARD;

/* Axes without marks over the whole picture, in px from its lower left corner: for words and legends. */
enum fg_status fg_panel_sheet(struct fg_plots *s) FG_NODISCARD;

/* A picture of one panel in the common size, 480 x 300; place and marks of the panel are put in. */
enum fg_status fg_plot_simple(struct fg_plots *s, struct fg_str *page, struct fg_panel *p) FG_NODISCARD;
enum fg_status fg_plot_simple_end(struct fg_plots *s) FG_NODISCARD;

/* A title at px from the picture's left and upper edge. */
enum fg_status fg_plot_title(struct fg_plots *s, double x, double y, const char *text) FG_NODISCARD;

/* Words beside the axes at a value: 'x', so many px below them, or 'y', so many px left of them. */
enum fg_status fg_plot_mark(struct fg_plots *s, char axis, double at, double away, int px,
                            const char *text) FG_NODISCARD;

/* Words at a point of the axes; anchor: left, center, right; turned so many degrees. */
enum fg_status fg_plot_words(struct fg_plots *s, double x, double y, const char *anchor, double turn, int px,
                             const char *text) FG_NODISCARD;

/* Points, then how they are drawn. Values that are no numbers break a line. */
enum fg_status fg_plot_data(struct fg_plots *s) FG_NODISCARD;
enum fg_status fg_plot_point(struct fg_plots *s, double x, double y) FG_NODISCARD;
enum fg_status fg_plot_stroke(struct fg_plots *s, double xa, double ya, double xb,
                              double yb) FG_NODISCARD; /* on its own */
enum fg_status fg_plot_lines(struct fg_plots *s, enum fg_ink ink, double px, bool dashed) FG_NODISCARD;
enum fg_status fg_plot_dots(struct fg_plots *s, enum fg_ink ink, double radius_px) FG_NODISCARD;

/* A curve in the colour of run `run`; values that are no numbers are left out; dots: of every point as
 * well. */
enum fg_status fg_plot_curve(struct fg_plots *s, const double *x, const double *y, size_t n, size_t run,
                             bool dots) FG_NODISCARD;

/* A thin line from one point to another. */
enum fg_status fg_plot_rule(struct fg_plots *s, double xa, double ya, double xb, double yb) FG_NODISCARD;

/* ---- drawing ---- */

/* Have gnuplot ($GNUPLOT, else from PATH) draw all of them. Errors: FG_E_MISSING without gnuplot, saying how
 * to get it; FG_E_IO with what it complained of; FG_E_NOMEM. */
enum fg_status fg_plots_draw(struct fg_plots *s, struct fg_err *err) FG_NODISCARD;

/* Append text[len] with the pictures in their places; where they could not be drawn, `why` instead. */
enum fg_status fg_plots_fill(struct fg_str *out, const struct fg_str *text, const struct fg_plots *s,
                             const char *why) FG_NODISCARD;

/* Draw the only picture and append it as a file of its own. Errors: those of fg_plots_draw(). */
enum fg_status fg_plots_file(struct fg_str *out, struct fg_plots *s, struct fg_err *err) FG_NODISCARD;

/* Whether an option's value is a name for SVG: one such as plan.png promises what the file would not be.
 * Errors: FG_E_USAGE. */
enum fg_status fg_plot_name(const char *option, const char *path, struct fg_err *err) FG_NODISCARD;

/* The same into a file. Errors: those of fg_plots_draw() and fg_file_replace(). */
enum fg_status fg_plots_save(struct fg_plots *s, const char *path, struct fg_err *err) FG_NODISCARD;

/* Append document `i` of gnuplot's answer, cleaned: an svg element with the name; file:
 * with name space and style.
 * Errors: FG_E_IO when it is not there or broken off. */
enum fg_status fg_plot_clean(struct fg_str *out, const struct fg_str *drawn, size_t i, const char *name,
                             bool file) FG_NODISCARD;

#endif
