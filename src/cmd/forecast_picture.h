/* The picture of forecasts' scores: a panel an event and horizon, in it a line for each predictor.
 * Thread safety: pure. */
#ifndef FG_CMD_FORECAST_PICTURE_H
#define FG_CMD_FORECAST_PICTURE_H

#include "src/report/plot.h"

/* A predictor's score with its interval; values that are no numbers are not drawn. */
struct fg_score_line {
    const char *name;
    double low, score, high;
};

/* Where a panel is: column of columns, row of rows; every panel has at most `lines` lines. */
struct fg_score_grid {
    size_t columns, rows, lines;
};

/* The picture, then its panels, then fg_plot_end(). Errors: FG_E_NOMEM. */
enum fg_status fg_score_begin(struct fg_plots *out, const struct fg_score_grid *g,
                              const char *title) FG_NODISCARD;
enum fg_status fg_score_panel(struct fg_plots *out, const struct fg_score_grid *g, size_t column, size_t row,
                              const char *title, const char *unit, const struct fg_score_line *line,
                              size_t n) FG_NODISCARD;

#endif
