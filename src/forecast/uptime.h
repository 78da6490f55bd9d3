/* For how long will a node be up? Quantiles of its up time within the hours ahead, and a guarantee.
 *
 * For each node and full hour t: the up time within [t, t + h), h hours. Its quantiles are those of what
 * came of forecasts that were alike (same state now, similar P(slot) by the ensemble), of all nodes, at
 * levels that adapt to each node and state (a(t+1) = a(t) + g (level - fell below), adaptive conformal; of
 * an outcome with probability of its own, such as the whole horizon, a part can fall below): in the long
 * run what is promised holds. The guarantee is the binomial lower bound of the 5% quantile, at 95%
 * confidence, from the node's own past occasions in the same state; 0 until there are 59 of them. Occasions
 * are hours apart that share no factor with a week's 168, at least h: they do not overlap, and every hour of
 * the week has its turn, whatever the node's habits. Nothing here reads past now.
 * doc/algorithms/forecasts.md.
 * Sources: Gibbs and Candes 2021; Brevik, Nurmi and Wolski 2004.
 * Thread safety: an object belongs to one thread at a time.
 */
#ifndef FG_FORECAST_UPTIME_H
#define FG_FORECAST_UPTIME_H

#include "src/forecast/forecast.h"

#define FG_UPTIME_LEVELS 5
extern const double fg_uptime_level[FG_UPTIME_LEVELS]; /* .05 .25 .5 .75 .95 */

struct fg_uptime;

/* Errors: FG_E_RANGE unless 1 <= horizon_h <= FG_HORIZON_MAX, FG_E_NOMEM. Owner: the caller. */
enum fg_status fg_uptime_create(struct fg_uptime **out, uint32_t nodes, uint32_t horizon_h) FG_NODISCARD;
void fg_uptime_destroy(struct fg_uptime *u);

/* One hour later (at first: the first hour).
 * Shapes: seen (nodes); p (nodes) any forecast of being up then, e.g. the ensemble's of FG_EVENT_SLOT.
 * Cost: some 0.2 us a node. */
void fg_uptime_step(struct fg_uptime *u, const struct fg_seen *seen, const double *p);

/* Of the last step, in seconds of the horizon; level is an index into fg_uptime_level. */
double fg_uptime_quantile_s(const struct fg_uptime *u, uint32_t node, size_t level);
double fg_uptime_guarantee_s(const struct fg_uptime *u, uint32_t node);

/* What is to be expected: the mean of what came of forecasts that were alike; half of the horizon before any
 * came. */
double fg_uptime_expected_s(const struct fg_uptime *u, uint32_t node);

#endif
