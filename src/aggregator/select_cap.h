/* What an update of forage's counts: 1 / chance, up to a cap that the planning model chooses with the parts
 * of the updates as its constants (select_gauge.h). Formulas: doc/algorithms/forage.md.
 *
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AGGREGATOR_SELECT_CAP_H
#define FG_AGGREGATOR_SELECT_CAP_H

#include "src/aggregator/select.h"

/* The cap on 1 / chance with the least error of one round's mean: variance and bias. Shapes: chance
 * (clients), > 0. Errors: FG_E_NOMEM. Cost: O(clients FG_CAPS). */
enum fg_status fg_select_cap(double *cap, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, const double *chance) FG_NODISCARD;

#endif
