#include "src/availability/ledger.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"

#define J_PER_KWH 3.6e6

struct fg_ledger {
    uint32_t clients;
    struct fg_ledger_totals totals;
    struct fg_ledger_row *rows; /* (clients) */
};

enum fg_status fg_ledger_create(struct fg_ledger **out, uint32_t clients)
{
    struct fg_ledger *l = fg_calloc(1, sizeof *l);
    if (l == NULL || (l->rows = fg_calloc(clients, sizeof *l->rows)) == NULL) {
        fg_free(l);
        return FG_E_NOMEM;
    }
    l->clients = clients;
    *out = l;
    return FG_OK;
}

void fg_ledger_destroy(struct fg_ledger *l)
{
    if (l != NULL) {
        fg_free(l->rows);
        fg_free(l);
    }
}

bool fg_verdict_wastes(enum fg_verdict verdict)
{
    return verdict == FG_VERDICT_LOST || verdict == FG_VERDICT_LATE || verdict == FG_VERDICT_STALE;
}

double fg_ledger_network_j(const struct fg_fleet_spec *s, bool by_power, uint64_t bytes, double seconds)
{
    return by_power ? s->network_w * seconds + s->network_w_per_mbps * ((double)bytes * 8e-6)
                    : s->network_kwh_per_gb * ((double)bytes / 1e9) * J_PER_KWH;
}

bool fg_verdict_counts(enum fg_verdict verdict)
{
    return verdict == FG_VERDICT_USED || verdict == FG_VERDICT_PARTIAL;
}

/* One phase of transfer: the device's part and the network's, into j and g; the mean intensity. */
static double add_transfer(double j[FG_COSTS], double g[FG_COSTS], const struct fg_fleet *f, uint32_t zone,
                           fg_time_t t0, fg_time_t us, uint64_t bytes)
{
    const struct fg_fleet_spec *s = fg_fleet_spec(f);
    double watts = s->comm_power_w * s->pue, seconds = fg_seconds(us);
    double integral = fg_fleet_carbon_integral(f, zone, t0, t0 + us);
    double g_per_kwh = us > 0 ? integral / seconds : fg_fleet_intensity(f, zone, t0);
    double network_j = fg_ledger_network_j(s, s->network_by_power, bytes, seconds);
    j[FG_COST_DEVICE] += watts * seconds;
    g[FG_COST_DEVICE] += watts * integral / J_PER_KWH;
    j[FG_COST_NETWORK] += network_j;
    g[FG_COST_NETWORK] += network_j / J_PER_KWH * g_per_kwh;
    return g_per_kwh;
}

void fg_ledger_usage(const struct fg_fleet *f, uint32_t client, const struct fg_outcome *o,
                     struct fg_usage *out)
{
    uint32_t zone = fg_fleet_zone(f, client);
    double watts = fg_fleet_power_w(f, client) * fg_fleet_spec(f)->pue;
    fg_time_t computing = o->t_begin + o->download_us;
    fg_time_t sending = computing + o->compute_us;
    struct fg_usage u = {.bytes_down = o->bytes_down, .bytes_up = o->bytes_up, .steps = o->steps};
    u.down_g_per_kwh = add_transfer(u.down_j, u.down_g, f, zone, o->t_begin, o->download_us, o->bytes_down);
    memcpy(u.energy_j, u.down_j, sizeof u.energy_j);
    memcpy(u.carbon_g, u.down_g, sizeof u.carbon_g);
    u.energy_j[FG_COST_COMPUTE] = watts * fg_seconds(o->compute_us);
    u.carbon_g[FG_COST_COMPUTE] = watts * fg_fleet_carbon_integral(f, zone, computing, sending) / J_PER_KWH;
    u.up_g_per_kwh = add_transfer(u.energy_j, u.carbon_g, f, zone, sending, o->upload_us, o->bytes_up);
    *out = u;
}

void fg_ledger_book_usage(struct fg_ledger *l, uint32_t client, const struct fg_usage *u,
                          enum fg_verdict verdict)
{
    FG_ASSERT(client < l->clients && (unsigned)verdict < FG_VERDICTS);
    struct fg_ledger_totals *t = &l->totals;
    struct fg_ledger_row *r = &l->rows[client];
    double j = 0.0, g = 0.0;
    t->tasks[verdict]++;
    t->steps[verdict] += u->steps;
    t->bytes_down[verdict] += u->bytes_down;
    t->bytes_up[verdict] += u->bytes_up;
    for (int c = 0; c < FG_COSTS; c++) {
        t->energy_j[verdict][c] += u->energy_j[c];
        t->carbon_g[verdict][c] += u->carbon_g[c];
        j += u->energy_j[c];
        g += u->carbon_g[c];
    }
    r->tasks[verdict]++;
    r->steps += u->steps;
    r->bytes_down += u->bytes_down;
    r->bytes_up += u->bytes_up;
    r->compute_j += u->energy_j[FG_COST_COMPUTE];
    r->comm_j += u->energy_j[FG_COST_DEVICE] + u->energy_j[FG_COST_NETWORK];
    r->carbon_g += g;
    if (fg_verdict_wastes(verdict)) {
        r->steps_wasted += u->steps;
        r->wasted_j += j;
        r->wasted_g += g;
    }
}

uint32_t fg_ledger_clients(const struct fg_ledger *l)
{
    return l->clients;
}

const struct fg_ledger_row *fg_ledger_row(const struct fg_ledger *l, uint32_t client)
{
    FG_ASSERT(client < l->clients);
    return &l->rows[client];
}

struct fg_ledger_row *fg_ledger_row_mut(struct fg_ledger *l, uint32_t client)
{
    FG_ASSERT(client < l->clients);
    return &l->rows[client];
}

const struct fg_ledger_totals *fg_ledger_totals(const struct fg_ledger *l)
{
    return &l->totals;
}

struct fg_ledger_totals *fg_ledger_totals_mut(struct fg_ledger *l)
{
    return &l->totals;
}

void fg_ledger_summary(const struct fg_ledger *l, struct fg_ledger_summary *out)
{
    const struct fg_ledger_totals *t = &l->totals;
    struct fg_ledger_summary s = {.updates_used = t->tasks[FG_VERDICT_USED],
                                  .updates_partial = t->tasks[FG_VERDICT_PARTIAL],
                                  .updates_lost = t->tasks[FG_VERDICT_LOST],
                                  .updates_late = t->tasks[FG_VERDICT_LATE],
                                  .updates_stale = t->tasks[FG_VERDICT_STALE],
                                  .asked = t->tasks[FG_VERDICT_ASKED]};
    for (int v = 0; v < FG_VERDICTS; v++) {
        const double *j = t->energy_j[v], *g = t->carbon_g[v];
        s.downlink_bytes += t->bytes_down[v];
        s.uplink_bytes += t->bytes_up[v];
        s.steps_total += t->steps[v];
        s.compute_wh += j[FG_COST_COMPUTE] / 3600.0;
        s.comm_wh += (j[FG_COST_DEVICE] + j[FG_COST_NETWORK]) / 3600.0;
        s.compute_g += g[FG_COST_COMPUTE];
        s.comm_g += g[FG_COST_DEVICE] + g[FG_COST_NETWORK];
        if (fg_verdict_wastes((enum fg_verdict)v)) {
            s.steps_wasted += t->steps[v];
            s.wasted_wh_by[v] = (j[0] + j[1] + j[2]) / 3600.0;
            s.wasted_g_by[v] = g[0] + g[1] + g[2];
            s.wasted_wh += s.wasted_wh_by[v];
            s.wasted_g += s.wasted_g_by[v];
        }
    }
    s.energy_wh = s.compute_wh + s.comm_wh;
    s.carbon_g = s.compute_g + s.comm_g;
    *out = s;
}

static enum fg_status same(const char *what, double a, double b, double scale, struct fg_err *err)
{
    return fabs(a - b) <= 1e-9 * fabs(scale)
               ? FG_OK
               : fg_fail(err, FG_E_INTERNAL, "ledger: %s: clients add up to %.17g, the total is %.17g", what,
                         b, a);
}

enum fg_status fg_ledger_check(const struct fg_ledger *l, struct fg_err *err)
{
    struct fg_ledger_summary s;
    struct fg_ledger_row r = {0};
    uint64_t tasks[FG_VERDICTS] = {0};
    fg_ledger_summary(l, &s);
    for (uint32_t c = 0; c < l->clients; c++) {
        const struct fg_ledger_row *x = &l->rows[c];
        r.bytes_down += x->bytes_down;
        r.bytes_up += x->bytes_up;
        r.steps += x->steps;
        r.steps_wasted += x->steps_wasted;
        r.compute_j += x->compute_j;
        r.comm_j += x->comm_j;
        r.carbon_g += x->carbon_g;
        r.wasted_j += x->wasted_j;
        r.wasted_g += x->wasted_g;
        for (int v = 0; v < FG_VERDICTS; v++) {
            tasks[v] += x->tasks[v];
        }
    }
    if (r.bytes_down != s.downlink_bytes || r.bytes_up != s.uplink_bytes || r.steps != s.steps_total ||
        r.steps_wasted != s.steps_wasted || memcmp(tasks, l->totals.tasks, sizeof tasks) != 0) {
        return fg_fail(err, FG_E_INTERNAL, "ledger: counts of the clients do not add up to the total");
    }
    enum fg_status st = FG_OK;
    FG_TRY(same("compute energy", s.compute_wh * 3600.0, r.compute_j, s.energy_wh * 3600.0, err));
    FG_TRY(same("communication energy", s.comm_wh * 3600.0, r.comm_j, s.energy_wh * 3600.0, err));
    FG_TRY(same("carbon", s.carbon_g, r.carbon_g, s.carbon_g, err));
    FG_TRY(same("wasted energy", s.wasted_wh * 3600.0, r.wasted_j, s.energy_wh * 3600.0, err));
    FG_TRY(same("wasted carbon", s.wasted_g, r.wasted_g, s.carbon_g, err));

cleanup:
    return st;
}
