/* The two halves of `forage trace`: which kind a file is, and its statistics. */
#ifndef FG_CMD_TRACE_STAT_H
#define FG_CMD_TRACE_STAT_H

#include <stdbool.h>

#include "src/base/status.h"

enum fg_trace_kind { FG_KIND_AVAILABILITY, FG_KIND_CARBON };

/* By the header (or, where that is damaged, by the comment keys). Errors: of reading the file. */
enum fg_status fg_trace_kind(enum fg_trace_kind *kind, const char *path, struct fg_err *err) FG_NODISCARD;

/* Print the statistics of a file on stdout; with `fit`, models fitted to availability as well. */
enum fg_status fg_trace_print_stat(const char *path, bool fit, bool json, struct fg_err *err) FG_NODISCARD;

#endif
