/* `forage trace stat --fit`. */
#ifndef FG_CMD_TRACE_FIT_H
#define FG_CMD_TRACE_FIT_H

#include <jansson.h>

#include "src/availability/fit.h"

void fg_trace_fit_print(const struct fg_trace_fit *f, const struct fg_trace *t);
json_t *fg_trace_fit_json(const struct fg_trace_fit *f, const struct fg_trace *t);

#endif
