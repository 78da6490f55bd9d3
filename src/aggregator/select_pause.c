/* Pause above an intensity quantile: a zone's clients wait while its carbon is above that quantile of a
 * day. */
#include <math.h>

#include "src/aggregator/select.h"
#include "src/base/mem.h"
#include "src/base/sort.h"

enum { AHEAD_S = 86400 };

static uint32_t horizon(const struct fg_select_config *cfg)
{
    fg_time_t slots = fg_from_seconds((double)AHEAD_S) / cfg->slot;
    return slots > 1 ? (uint32_t)slots : 1;
}

/* Whether the zone's intensity now is at most the quantile (nearest rank) of what is forecast for a day. */
static bool is_low(const struct fg_select *s, const struct fg_outlook *o, uint32_t zone, double *day)
{
    uint32_t n = horizon(&s->cfg);
    for (uint32_t h = 0; h < n; h++) {
        day[h] = fg_outlook_carbon(o, zone, h);
    }
    double now = day[0], rank = ceil(s->cfg.quantile * (double)n - 1e-9);
    fg_sort_f64(day, n);
    return now <= day[rank < 1.0 ? 0 : (size_t)rank - 1];
}

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    uint32_t zones = fg_fleet_zones(s->cfg.fleet);
    uint8_t *low = fg_calloc(zones, sizeof *low);
    double *day = fg_calloc(horizon(&s->cfg), sizeof *day);
    enum fg_status st = low != NULL && day != NULL ? FG_OK : FG_E_NOMEM;
    size_t n = 0;
    for (uint32_t z = 0; st == FG_OK && z < zones; z++) {
        low[z] = is_low(s, view->outlook, z, day);
    }
    for (size_t i = 0; st == FG_OK && i < view->n_available; i++) {
        if (low[fg_fleet_zone(s->cfg.fleet, view->available[i])]) {
            s->scratch[n++] = view->available[i];
        }
    }
    if (st == FG_OK) {
        out->n = fg_select_count(&s->cfg, view, n);
        fg_select_sample(out->client, out->n, s->scratch, n, s->cfg.seed, view->round);
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
    .horizon = horizon,
    .pick = pick,
};
