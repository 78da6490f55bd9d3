/* The picture of a plan. Thread safety: pure. */
#ifndef FG_CMD_PLAN_PICTURE_H
#define FG_CMD_PLAN_PICTURE_H

#include "src/report/plot.h"
#include "src/sim/plan.h"

/* Clients by slots, the darker the likelier that they train; above, the carbon of the slots.
 * Errors: FG_E_NOMEM. */
enum fg_status fg_plan_picture(struct fg_plots *out, const struct fg_plan *p,
                               const struct fg_setup *setup) FG_NODISCARD;

#endif
