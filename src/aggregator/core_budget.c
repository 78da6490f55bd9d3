/* Budgets of a run: what its tasks emit, draw, move and pay, rounds with tasks, and time. */
#include "src/aggregator/core_internal.h"
#include "src/worker/trainer.h"

/* What a task costs when it runs now. */
static void price_task(const struct fg_aggregator *a, uint32_t client, struct fg_task_cost cost,
                       uint64_t bytes, double out[FG_LIMITS_SPENT])
{
    uint32_t zone = fg_fleet_zone(a->fleet, client);
    double kwh = cost.wh * 1e-3;
    out[FG_LIMIT_CARBON_G] = kwh * fg_fleet_intensity(a->fleet, zone, a->now);
    out[FG_LIMIT_ENERGY_WH] = cost.wh;
    out[FG_LIMIT_BYTES] = (double)bytes;
    out[FG_LIMIT_MONEY] =
        a->cfg.select.prices != NULL ? kwh * fg_price_at(a->cfg.select.prices, zone, a->now) : 0.0;
}

void fg_core_spent(const struct fg_aggregator *a, double spent[FG_LIMITS])
{
    struct fg_ledger_summary s;
    fg_ledger_summary(a->ledger, &s);
    spent[FG_LIMIT_CARBON_G] = s.carbon_g;
    spent[FG_LIMIT_ENERGY_WH] = s.energy_wh;
    spent[FG_LIMIT_BYTES] = (double)(s.uplink_bytes + s.downlink_bytes);
    spent[FG_LIMIT_MONEY] = a->money;
    spent[FG_LIMIT_ROUNDS] = a->rounds_used;
    spent[FG_LIMIT_HOURS] = fg_seconds(a->now - a->cfg.start) / 3600.0;
}

bool fg_core_spent_up(const struct fg_aggregator *a)
{
    double spent[FG_LIMITS];
    fg_core_spent(a, spent);
    for (int i = 0; i < FG_LIMITS; i++) {
        if (a->cfg.select.limit[i] > 0.0 && spent[i] >= a->cfg.select.limit[i]) {
            return true;
        }
    }
    return false;
}

fg_time_t fg_core_end(const struct fg_aggregator *a)
{
    double hours = a->cfg.select.limit[FG_LIMIT_HOURS];
    return hours > 0.0 ? a->cfg.start + fg_from_seconds(3600.0 * hours) : FG_NEVER;
}

/* Money for a task that came to an end. */
static double paid_for(const struct fg_aggregator *a, uint32_t client, const struct fg_outcome *o,
                       double energy_j)
{
    const struct fg_prices *p = a->cfg.select.prices;
    return p != NULL ? energy_j / 3.6e6 * fg_price_at(p, fg_fleet_zone(a->fleet, client), o->t_begin) : 0.0;
}

/* What is left of each when the tasks that are not booked yet are: as they ended, or as modelled. */
static void find_left(const struct fg_aggregator *a, double left[FG_LIMITS_SPENT])
{
    double spent[FG_LIMITS];
    fg_core_spent(a, spent);
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        left[r] = a->cfg.select.limit[r] > 0.0 ? a->cfg.select.limit[r] - spent[r] : 1e300;
    }
    for (size_t i = 0; i < a->n_slots; i++) {
        const struct slot *s = &a->slots[i];
        struct fg_usage used;
        double cost[FG_LIMITS_SPENT];
        struct fg_task_cost task =
            fg_select_cost_on(&a->policy->cfg, s->task.client, s->task.shard, s->task.steps, s->ship_bytes);
        price_task(a, s->task.client, task, s->bytes_down + fg_core_update_bytes(a, &s->task), cost);
        if (s->state == SLOT_DONE) {
            fg_ledger_usage(a->fleet, s->task.client, &s->outcome, &used);
            cost[FG_LIMIT_CARBON_G] = cost[FG_LIMIT_ENERGY_WH] = 0.0;
            for (int k = 0; k < FG_COSTS; k++) {
                cost[FG_LIMIT_CARBON_G] += used.carbon_g[k];
                cost[FG_LIMIT_ENERGY_WH] += used.energy_j[k] / 3600.0;
            }
            cost[FG_LIMIT_BYTES] = (double)(s->outcome.bytes_down + s->outcome.bytes_up);
            cost[FG_LIMIT_MONEY] =
                paid_for(a, s->task.client, &s->outcome, 3600.0 * cost[FG_LIMIT_ENERGY_WH]);
        }
        for (int r = 0; r < FG_LIMITS_SPENT; r++) {
            left[r] -= cost[r];
        }
    }
}

bool fg_core_limited(const struct fg_aggregator *a)
{
    for (int i = 0; i < FG_LIMITS; i++) {
        if (a->cfg.select.limit[i] > 0.0) {
            return true;
        }
    }
    return false;
}

/* Take it from what is left, if it fits. */
static bool take(double left[FG_LIMITS_SPENT], const double cost[FG_LIMITS_SPENT])
{
    bool fits = true;
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        fits = fits && cost[r] <= left[r];
    }
    for (int r = 0; r < FG_LIMITS_SPENT && fits; r++) {
        left[r] -= cost[r];
    }
    return fits;
}

void fg_core_afford_asks(struct fg_aggregator *a)
{
    const struct fg_select_config *cfg = &a->policy->cfg;
    struct fg_picks *p = &a->picks;
    double left[FG_LIMITS_SPENT], cost[FG_LIMITS_SPENT];
    size_t kept = 0;
    find_left(a, left);
    for (size_t k = 0; k < p->n; k++) {
        uint32_t c = p->client[k], n = cfg->samples[c], some = p->steps[k];
        struct fg_task_cost none = fg_select_cost(cfg, c, 0),
                            pass = fg_select_cost(cfg, c, fg_local_steps(n, cfg->batch, 1, 0));
        double part = some > 0 && some < n ? (double)some / (double)n : 1.0; /* of the shard is looked at */
        none.wh += part * (pass.wh - none.wh);
        none.seconds += part * (pass.seconds - none.seconds);
        price_task(a, c, none, a->cfg.model_bytes, cost);
        if (take(left, cost)) {
            p->client[kept] = c;
            p->steps[kept++] = some;
        }
    }
    p->n = kept;
}

/* Bytes of the task that pick k would become. */
static uint64_t bytes_of(const struct fg_aggregator *a, size_t k)
{
    const struct fg_picks *p = &a->picks;
    uint32_t client = p->client[k], shard = p->shard[k];
    uint64_t down = fg_core_model_due(a, client) + fg_core_ships(a, client, shard);
    struct fg_task t = {.kind = FG_TASK_TRAIN,
                        .client = client,
                        .shard = shard,
                        .steps = fg_picks_steps(p, k, a->cfg.steps[shard])};
    t.variance = fg_core_variance(a, &t, down);
    return down + fg_core_update_bytes(a, &t);
}

void fg_core_afford(struct fg_aggregator *a)
{
    struct fg_picks *p = &a->picks;
    double left[FG_LIMITS_SPENT];
    size_t kept = 0;
    find_left(a, left);
    for (size_t k = 0; k < p->n; k++) {
        double cost[FG_LIMITS_SPENT];
        price_task(a, p->client[k], fg_core_cost(a, k), bytes_of(a, k), cost);
        if (take(left, cost)) {
            p->client[kept] = p->client[k];
            p->shard[kept] = p->shard[k];
            p->steps[kept] = p->steps[k];
            p->weight[kept++] = p->weight[k];
        }
    }
    a->last = a->last || (p->n > 0 && kept == 0);
    p->n = kept;
}

void fg_core_pay(struct fg_aggregator *a, uint32_t client, const struct fg_outcome *o, double energy_j)
{
    a->money += paid_for(a, client, o, energy_j);
}
