/* What electricity costs in each zone of the fleet. */
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/mem.h"
#include "src/sim/setup_impl.h"

bool fg_setup_has_prices(const struct fg_setup *s)
{
    return s->cfg->cost.price_per_kwh > 0.0 || s->cfg->cost.prices.n > 0;
}

/* A file of another year is laid onto the run's time as carbon traces are: whole weeks away, same season. */
static void anchor(struct fg_carbon *c, fg_time_t start)
{
    int64_t end_s = c->start_s + (int64_t)c->hours * 3600, shift, away;
    bool found = fg_week_shift(fg_floor_div(start, FG_SECOND), c->start_s, end_s, &shift, &away);
    c->start_s -= found && away <= 4 * FG_DAY_S ? shift : 0;
}

static enum fg_status load(struct fg_setup *s, const struct fg_config_pair *pair, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    uint32_t zone = 0, zones = fg_fleet_zones(s->fleet);
    while (zone < zones && strcmp(fg_fleet_zone_name(s->fleet, zone), pair->name) != 0) {
        zone++;
    }
    if (zone == zones) {
        return fg_fail(err, FG_E_CONFIG, "%s: cost.prices: expected a zone of carbon.traces, found '%s'",
                       fg_config_where(c, "cost.prices"), pair->name);
    }
    enum fg_status st = fg_carbon_load(&s->price[s->n_price], pair->path, NULL, err);
    if (st != FG_OK) {
        return fg_fail_prefix(err, st, "%s: cost.prices", fg_config_where(c, "cost.prices"));
    }
    anchor(s->price[s->n_price], fg_fleet_start(s->fleet));
    s->prices.zone[zone] = s->price[s->n_price++];
    return FG_OK;
}

enum fg_status fg_setup_prices(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    size_t n = c->cost.prices.n;
    s->prices = (struct fg_prices){.constant = c->cost.price_per_kwh, .zones = fg_fleet_zones(s->fleet)};
    if (c->budget.money > 0.0 && !fg_setup_has_prices(s)) {
        return fg_fail(err, FG_E_CONFIG, "%s: budget.money: expected cost.price_per_kwh or cost.prices",
                       fg_config_where(c, "budget.money"));
    }
    if (n == 0) {
        return FG_OK;
    }
    s->prices.zone = fg_calloc(s->prices.zones, sizeof(const struct fg_carbon *));
    s->price = fg_calloc(n, sizeof(struct fg_carbon *));
    if (s->prices.zone == NULL || s->price == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for %zu prices", n);
    }
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n && st == FG_OK; i++) {
        st = load(s, &c->cost.prices.item[i], err);
    }
    return st;
}

void fg_setup_prices_fini(struct fg_setup *s)
{
    for (size_t i = 0; i < s->n_price; i++) {
        fg_carbon_destroy(s->price[i]);
    }
    fg_free(s->price);
    fg_free(s->prices.zone);
    s->prices = (struct fg_prices){0};
}
