/* What is expected of the slots ahead: grams, chances, what tasks and shipping take of each budget. */
#include <math.h>

#include "src/aggregator/select_plan.h"
#include "src/base/mem.h"

void fg_ahead_fini(struct fg_ahead *a)
{
    fg_free(a->grams);
    fg_free(a->chance);
    fg_free(a->expected);
    for (int r = 0; r < FG_LIMITS; r++) {
        fg_free(a->cost[r]);
        fg_free(a->per_byte[r]);
    }
    fg_free(a->bytes);
    fg_free(a->group);
    fg_free(a->stretch);
    if (a->levels != NULL) {
        fg_free(a->levels->part);
        fg_free(a->levels->way);
        fg_free(a->levels);
    }
    *a = (struct fg_ahead){0};
}

/* ---- what is expected ---- */

static enum fg_status make_costs(struct fg_ahead *a, const struct fg_select_config *cfg,
                                 const struct fg_select_view *view)
{
    for (int r = FG_LIMIT_CARBON_G + 1; r < FG_LIMITS_SPENT; r++) {
        if (cfg->limit[r] > 0.0) {
            a->left[r] = cfg->limit[r] > view->spent[r] ? cfg->limit[r] - view->spent[r] : 0.0;
            a->cost[r] = fg_calloc((size_t)a->clients * a->slots, sizeof(double));
            if (a->cost[r] == NULL) {
                return FG_E_NOMEM;
            }
        }
    }
    if (cfg->limit[FG_LIMIT_ROUNDS] > 0.0) { /* the core ends the run when none is left */
        double left = cfg->limit[FG_LIMIT_ROUNDS] - view->spent[FG_LIMIT_ROUNDS];
        a->rounds_left = left > 1.0 ? (uint32_t)left : 1;
    }
    return FG_OK;
}

/* Slots that begin when the time is up come to nothing. */
static bool in_time(const struct fg_select_config *cfg, const struct fg_select_view *view, uint32_t h)
{
    double limit = cfg->limit[FG_LIMIT_HOURS];
    return !(limit > 0.0) || view->spent[FG_LIMIT_HOURS] + (double)h * fg_seconds(cfg->slot) / 3600.0 < limit;
}

/* Steps of a task where a client may be given any shard: of the mean one, for all are served alike. 0:
 * it has its own. */
static uint32_t mean_steps(const struct fg_select_config *cfg)
{
    double sum = 0.0;
    for (uint32_t j = 0; j < cfg->clients; j++) {
        sum += (double)cfg->steps[j] / (double)cfg->clients;
    }
    return fg_ahead_ships(cfg) && cfg->move.others ? (uint32_t)(sum + 0.5) : 0;
}

static void look_at(struct fg_ahead *a, const struct fg_select_config *cfg, const struct fg_select_view *view,
                    uint32_t c, uint32_t steps, bool up, struct fg_prospect *prospect)
{
    struct fg_task_cost task = fg_select_cost(cfg, c, steps);
    double wh = task.wh, kwh = wh * 1e-3, limit_s = fg_seconds(cfg->deadline);
    bool cut = cfg->cut && limit_s > 0.0 && task.seconds > limit_s;
    double seconds = cut ? limit_s : task.seconds,
           part = cut ? limit_s / task.seconds : 1.0; /* of a full task */
    uint32_t zone = fg_fleet_zone(cfg->fleet, c);
    fg_outlook_prospects(prospect, view->outlook, c, seconds, a->slots);
    for (uint32_t h = 0; h < a->slots; h++) {
        size_t i = (size_t)c * a->slots + h;
        a->grams[i] = kwh * fg_outlook_carbon(view->outlook, zone, h);
        struct fg_prospect p = prospect[h];
        if ((h == 0 && !up) || !in_time(cfg, view, h)) {
            p = (struct fg_prospect){0.0, 0.0, 0.0};
        }
        double done = p.begins * p.share * part;
        a->chance[i] = cfg->hand_back ? p.begins * p.share : p.lasts;
        a->expected[i] = done * a->grams[i];
        if (a->cost[FG_LIMIT_ENERGY_WH] != NULL) {
            a->cost[FG_LIMIT_ENERGY_WH][i] = done * wh;
        }
        if (a->cost[FG_LIMIT_BYTES] != NULL) {
            a->cost[FG_LIMIT_BYTES][i] =
                p.begins * (double)cfg->model_bytes + a->chance[i] * (double)cfg->update_bytes;
        }
        if (a->cost[FG_LIMIT_MONEY] != NULL && cfg->prices != NULL) {
            fg_time_t then = view->now + (fg_time_t)h * cfg->slot;
            a->cost[FG_LIMIT_MONEY][i] = done * kwh * fg_price_expected(cfg->prices, zone, view->now, then);
        }
    }
}

/* ---- shipping ---- */

static bool may_go(const struct fg_select_config *cfg, uint32_t client, uint32_t shard)
{
    const struct fg_select_move *m = &cfg->move;
    return client == shard ||
           (m->others &&
            (m->allowed == NULL || (m->allowed[shard] >> fg_fleet_zone(cfg->fleet, client) & 1u) != 0));
}

/* Bytes to send before client c can train on shard j: none that outlast a round's deadline. */
static double to_send(const struct fg_select_config *cfg, uint32_t c, uint32_t j)
{
    uint64_t bytes = fg_holdings_has(cfg->move.have, c, j) ? 0 : cfg->move.bytes[j];
    double limit = fg_seconds(cfg->deadline), bare = fg_select_cost(cfg, c, cfg->steps[c]).seconds;
    bool late =
        limit > 0.0 && bare <= limit && fg_select_cost_on(cfg, c, j, cfg->steps[j], bytes).seconds > limit;
    return !may_go(cfg, c, j) || (late && bytes > 0) ? INFINITY : (double)bytes;
}

bool fg_ahead_ships(const struct fg_select_config *cfg)
{
    return cfg->move.bytes != NULL &&
           (double)cfg->clients * (double)cfg->clients * (double)cfg->rounds <= FG_AHEAD_MOVES;
}

static enum fg_status look_at_shards(struct fg_ahead *a, const struct fg_select_config *cfg,
                                     const struct fg_select_view *view)
{
    size_t n = a->clients;
    enum { SOME = 1000000 };
    if (!fg_ahead_ships(cfg)) {
        return FG_OK;
    }
    a->margin = cfg->move.margin;
    a->copies = cfg->move.copies;
    a->bytes = fg_calloc(n * n, sizeof *a->bytes);
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        a->per_byte[r] = fg_calloc(n, sizeof(double));
        if (a->per_byte[r] == NULL || a->bytes == NULL) {
            return FG_E_NOMEM;
        }
    }
    for (uint32_t c = 0; c < n; c++) {
        uint32_t zone = fg_fleet_zone(cfg->fleet, c);
        double wh = (fg_select_cost_on(cfg, c, c, 0, SOME).wh - fg_select_cost_on(cfg, c, c, 0, 0).wh) / SOME;
        double grams = 0.0, money = 0.0;
        for (uint32_t h = 0; h < a->slots; h++) {
            fg_time_t then = view->now + (fg_time_t)h * cfg->slot;
            grams += fg_outlook_carbon(view->outlook, zone, h) / (double)a->slots;
            money += cfg->prices != NULL
                         ? fg_price_expected(cfg->prices, zone, view->now, then) / (double)a->slots
                         : 0.0;
        }
        a->per_byte[FG_LIMIT_CARBON_G][c] = wh * 1e-3 * grams;
        a->per_byte[FG_LIMIT_ENERGY_WH][c] = wh;
        a->per_byte[FG_LIMIT_BYTES][c] = 1.0;
        a->per_byte[FG_LIMIT_MONEY][c] = wh * 1e-3 * money;
        for (uint32_t j = 0; j < n; j++) {
            a->bytes[c * n + j] = to_send(cfg, c, j);
        }
    }
    return FG_OK;
}

enum fg_status fg_ahead_look(struct fg_ahead *out, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, uint32_t slots)
{
    struct fg_ahead a = {.clients = cfg->clients,
                         .slots = slots,
                         .grams = fg_calloc((size_t)cfg->clients * slots, sizeof(double)),
                         .chance = fg_calloc((size_t)cfg->clients * slots, sizeof(double)),
                         .expected = fg_calloc((size_t)cfg->clients * slots, sizeof(double))};
    struct fg_prospect *prospect = fg_calloc(slots, sizeof *prospect); /* of one client */
    if (prospect == NULL || a.grams == NULL || a.chance == NULL || a.expected == NULL ||
        make_costs(&a, cfg, view) != FG_OK || look_at_shards(&a, cfg, view) != FG_OK) {
        fg_free(prospect);
        fg_ahead_fini(&a);
        return FG_E_NOMEM;
    }
    uint32_t any = mean_steps(cfg);
    size_t k = 0;
    for (uint32_t c = 0; c < cfg->clients; c++) {
        bool up = k < view->n_available && view->available[k] == c;
        k += up;
        look_at(&a, cfg, view, c, any > 0 ? any : cfg->steps[c], up, prospect);
    }
    fg_free(prospect);
    *out = a;
    return FG_OK;
}

enum fg_status fg_ahead_gauge(struct fg_ahead *a, const struct fg_select_config *cfg,
                              const struct fg_gauge *gauge)
{
    struct fg_gauge_parts parts = fg_gauge_parts(gauge);
    if (!(parts.common > 0.0 &&
          parts.noise + parts.client > 0.0)) { /* nothing learnt, or nothing left to learn */
        return FG_OK;
    }
    a->group = fg_calloc(a->clients, sizeof *a->group);
    if (a->group == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t c = 0; c < a->clients; c++) {
        a->group[c] = fg_fleet_zone(cfg->fleet, c);
    }
    a->rounds = (struct fg_slots_rounds){.signal = parts.common,
                                         .noise = parts.noise + parts.client,
                                         .apart = parts.zone,
                                         .group = a->group,
                                         .groups = fg_fleet_zones(cfg->fleet)};
    return FG_OK;
}
