/* Cheapest zones only: clients of the select.zones zones with the least carbon expected over a day. */
#include <math.h>

#include "src/aggregator/select.h"
#include "src/base/mem.h"

enum { AHEAD_S = 86400 };

static uint32_t horizon(const struct fg_select_config *cfg)
{
    fg_time_t slots = fg_from_seconds((double)AHEAD_S) / cfg->slot;
    return slots > 1 ? (uint32_t)slots : 1;
}

/* Mark the cheapest zones; ties go to the lower number. */
static void mark(uint8_t *cheap, double *mean, const struct fg_select *s, const struct fg_outlook *o)
{
    uint32_t zones = fg_fleet_zones(s->cfg.fleet), hours = horizon(&s->cfg);
    for (uint32_t z = 0; z < zones; z++) {
        for (uint32_t h = 0; h < hours; h++) {
            mean[z] += fg_outlook_carbon(o, z, h);
        }
    }
    for (uint32_t k = 0; k < s->cfg.zones && k < zones; k++) {
        uint32_t best = zones;
        for (uint32_t z = 0; z < zones; z++) {
            best = !cheap[z] && (best == zones || mean[z] < mean[best]) ? z : best;
        }
        cheap[best] = 1;
    }
}

static enum fg_status pick(struct fg_select *s, const struct fg_select_view *view, struct fg_picks *out)
{
    uint32_t zones = fg_fleet_zones(s->cfg.fleet);
    uint8_t *cheap = fg_calloc(zones, sizeof *cheap);
    double *mean = fg_calloc(zones, sizeof *mean);
    enum fg_status st = cheap != NULL && mean != NULL ? FG_OK : FG_E_NOMEM;
    size_t n = 0;
    if (st == FG_OK) {
        mark(cheap, mean, s, view->outlook);
        for (size_t i = 0; i < view->n_available; i++) {
            if (cheap[fg_fleet_zone(s->cfg.fleet, view->available[i])]) {
                s->scratch[n++] = view->available[i];
            }
        }
        out->n = fg_select_count(&s->cfg, view, n);
        fg_select_sample(out->client, out->n, s->scratch, n, s->cfg.seed, view->round);
    }
    fg_free(cheap);
    fg_free(mean);
    return st;
}

extern const struct fg_select_ops fg_select_zones;
const struct fg_select_ops fg_select_zones = {
    .name = "zones",
    .doc = "uniform among clients of the select.zones zones with the least carbon forecast for the next day",
    .source = "baseline: training where electricity is cleanest",
    .horizon = horizon,
    .pick = pick,
};
