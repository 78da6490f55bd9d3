/* Pause above an intensity quantile: a zone's clients wait while its carbon is above that quantile of a
 * day. */
#include <math.h>

#include "src/aggregator/select.h"
#include "src/base/mem.h"
#include "src/base/sort.h"

/* Forecasts are weighted sums: those of the same number are alike up to rounding only. */
#define ROUNDING 1e-9

/* Whether the zone's intensity now is at most the quantile (nearest rank) of what is forecast for a day. */
static bool is_low(const struct fg_select *s, const struct fg_outlook *o, uint32_t zone, double *day)
{
    uint32_t n = fg_select_day(&s->cfg);
    for (uint32_t h = 0; h < n; h++) {
        day[h] = fg_outlook_carbon(o, zone, h);
    }
    double now = day[0], rank = ceil(s->cfg.quantile * (double)n - 1e-9);
    fg_sort_f64(day, n);
    return now <= day[rank < 1.0 ? 0 : (size_t)rank - 1] * (1.0 + ROUNDING);
}

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    uint32_t zones = fg_fleet_zones(s->cfg.fleet);
    uint8_t *low = fg_calloc(zones, sizeof *low);
    double *day = fg_calloc(fg_select_day(&s->cfg), sizeof *day);
    enum fg_status st = low != NULL && day != NULL ? FG_OK : FG_E_NOMEM;
    for (uint32_t z = 0; st == FG_OK && z < zones; z++) {
        low[z] = is_low(s, view->outlook, z, day);
    }
    if (st == FG_OK) {
        fg_select_in_zones(s, view, low, out);
    }
    fg_free(low);
    fg_free(day);
    return st;
}

extern const struct fg_select_ops fg_select_pause;
const struct fg_select_ops fg_select_pause = {
    .name = "pause",
    .doc =
        "uniform among clients whose zone's carbon is at most the select.quantile quantile of its forecast "
        "for the next day",
    .source = "baseline: pausing while electricity is dirty",
    .horizon = fg_select_day,
    .carbon_alone = 1,
    .pick = pick,
};
