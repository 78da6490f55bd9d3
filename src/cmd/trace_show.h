/* `forage trace show`: a trace as a picture. */
#ifndef FG_CMD_TRACE_SHOW_H
#define FG_CMD_TRACE_SHOW_H

#include "src/availability/carbon.h"
#include "src/availability/trace.h"
#include "src/base/str.h"

/* Append an SVG: of availability, a row of bars for each node (at most 200 drawn, evenly chosen), the
 * share of nodes up above it; of carbon, the intensity over time. Light and dark by what the reader
 * prefers; no scripts. */
enum fg_status fg_trace_svg(struct fg_str *out, const struct fg_trace *t) FG_NODISCARD;
enum fg_status fg_carbon_svg(struct fg_str *out, const struct fg_carbon *c) FG_NODISCARD;

/* Of a file of either kind. */
enum fg_status fg_trace_show_file(const char *path, const char *out, struct fg_err *err) FG_NODISCARD;

#endif
