/* `forage trace show`: a trace as a picture. Thread safety: pure but for the drawing (plot.h). */
#ifndef FG_CMD_TRACE_SHOW_H
#define FG_CMD_TRACE_SHOW_H

#include "src/base/status.h"

/* Of a file of availability (a row of bars for each node, at most 200 drawn, evenly chosen, the share of
 * nodes up above it) or of carbon (the intensity over time), drawn and written as SVG; out NULL: to stdout.
 * Errors: those of reading traces, of fg_plots_draw() and of fg_file_replace(). */
enum fg_status fg_trace_show_file(const char *path, const char *out, struct fg_err *err) FG_NODISCARD;

#endif
