/* Shared by the files of the step planner: every method gives out what the lower limits leave. */
#ifndef FG_PLANNER_STEPS_IMPL_H
#define FG_PLANNER_STEPS_IMPL_H

#include "src/planner/steps.h"

/* Check that the limits can be met; *rest = T - sum of the lower limits. */
enum fg_status fg_steps_check(uint32_t *rest, const struct fg_steps_problem *p,
                              struct fg_err *err) FG_NODISCARD;

/* What y steps above its lower limit cost the client. Errors: FG_E_RANGE if that is not a finite number. */
enum fg_status fg_steps_cost(double *out, const struct fg_steps_problem *p, uint32_t client, uint32_t y,
                             struct fg_err *err) FG_NODISCARD;

/* Steps that the client can do above its lower limit, at most rest. */
uint32_t fg_steps_room(const struct fg_steps_problem *p, uint32_t client, uint32_t rest);

/* The sum of the costs of x in client order. */
enum fg_status fg_steps_total(double *out, const uint32_t *x, const struct fg_steps_problem *p,
                              struct fg_err *err) FG_NODISCARD;

#endif
