/* The part of `forage forecast` that says what forecasts are worth, given carbon files. */
#ifndef FG_CMD_FORECAST_WORTH_H
#define FG_CMD_FORECAST_WORTH_H

#include <jansson.h>

#include "src/cmd/cmd.h"
#include "src/planner/worth.h"

/* Score schedules made with forecasts of the trace and of these carbon files. Owner: the caller,
 * fg_worth_fini(). Errors: FG_E_INPUT, FG_E_MISSING naming the file, FG_E_NOMEM. */
enum fg_status fg_forecast_worth(struct fg_worth *out, const struct fg_trace *t,
                                 const struct fg_cmd_list *files, struct fg_err *err) FG_NODISCARD;

void fg_forecast_worth_print(const struct fg_worth *w);
json_t *fg_forecast_worth_json(const struct fg_worth *w);

#endif
