/* What a task is expected to cost: the model of the ledger, with forecasts in the place of what comes. */
#include <math.h>

#include "src/aggregator/select.h"
#include "src/availability/ledger.h"
#include "src/worker/trainer.h"

struct fg_task_cost fg_select_cost_of(const struct fg_select_config *cfg, uint32_t client,
                                      uint64_t bytes_down, uint64_t bytes_up, double samples)
{
    const struct fg_fleet *f = cfg->fleet;
    const struct fg_fleet_spec *spec = fg_fleet_spec(f);
    double down_s = (double)bytes_down / fg_fleet_downlink_bps(f, client);
    double up_s = (double)bytes_up / fg_fleet_uplink_bps(f, client);
    double compute_s = samples / fg_fleet_samples_per_s(f, client);
    double device_j =
        (fg_fleet_power_w(f, client) * compute_s + spec->comm_power_w * (down_s + up_s)) * spec->pue;
    double network_j =
        fg_ledger_network_j(spec, spec->network_by_power, bytes_down + bytes_up, down_s + up_s);
    return (struct fg_task_cost){.seconds = down_s + compute_s + up_s,
                                 .wh = (device_j + network_j) / 3600.0,
                                 .bytes = bytes_down + bytes_up};
}

struct fg_task_cost fg_select_cost_on(const struct fg_select_config *cfg, uint32_t client, uint32_t shard,
                                      uint32_t steps, uint64_t ship_bytes)
{
    uint32_t n = cfg->samples[shard], epoch = fg_local_steps(n, cfg->batch, 1, 0);
    double a_step = epoch > 0 ? (double)n / (double)epoch : 0.0;
    return fg_select_cost_of(cfg, client, cfg->model_bytes + ship_bytes, cfg->update_bytes,
                             (double)steps * a_step);
}

struct fg_task_cost fg_select_cost(const struct fg_select_config *cfg, uint32_t client, uint32_t steps)
{
    return fg_select_cost_on(cfg, client, client, steps, 0);
}

double fg_select_grams(const struct fg_select_config *cfg, const struct fg_outlook *o, uint32_t client,
                       uint32_t h)
{
    double wh = fg_select_cost(cfg, client, cfg->steps[client]).wh;
    return wh * 1e-3 * fg_outlook_carbon(o, fg_fleet_zone(cfg->fleet, client), h);
}
