/* `forage forecast` of a carbon file. */
#ifndef FG_CMD_FORECAST_CARBON_H
#define FG_CMD_FORECAST_CARBON_H

#include <stdbool.h>

#include "src/base/status.h"

/* Score every predictor on the file and print it on stdout; `picture`: a file for it as SVG, may be NULL. */
enum fg_status fg_forecast_carbon(const char *path, bool oracle, bool json, const char *picture,
                                  struct fg_err *err) FG_NODISCARD;

/* A cell of a printed table: nine wide, "n/a" where it is not finite. */
void fg_forecast_cell(double v, int digits);

#endif
