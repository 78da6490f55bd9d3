/* Drawing a fleet: nodes, shifts, zones, speeds. */
#include <string.h>

#include "src/availability/fleet_impl.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

/* Streams of a client, by what they draw: appended to only, they are part of every result. */
enum { DRAW_SPEED = 0, DRAW_ZONE = 1, DRAW_SHIFT = 2, DRAW_NODES = 3, DRAW_LINK = 4, DRAW_POWER = 5 };

#define EVERYONE UINT32_MAX /* the stream that is not one client's */

static double lognormal(const struct fg_fleet *f, uint32_t client, uint32_t what, double median, double sigma)
{
    if (sigma == 0.0) {
        return median;
    }
    struct fg_rng r;
    fg_rng_init(&r, f->spec.seed, FG_RNG_FLEET, client, what);
    return median * fg_exp(sigma * fg_rng_normal(&r));
}

static void draw_speeds(struct fg_fleet *f)
{
    const struct fg_fleet_spec *s = &f->spec;
    for (uint32_t c = 0; c < s->clients; c++) {
        f->samples_per_s[c] = (float)lognormal(f, c, DRAW_SPEED, s->samples_per_s, s->speed_spread);
        double link = lognormal(f, c, DRAW_LINK, 1.0, s->link_spread);
        f->uplink_bps[c] = (float)(s->uplink_mbps * 125000.0 * link);
        f->downlink_bps[c] = (float)(s->downlink_mbps * 125000.0 * link);
        f->power_w[c] = (float)lognormal(f, c, DRAW_POWER, s->power_w, s->power_spread);
    }
}

static enum fg_status draw_nodes(struct fg_fleet *f)
{
    uint32_t n = f->trace != NULL ? f->trace->nodes : f->spec.clients, clients = f->spec.clients;
    if (clients >= n) {
        uint32_t days = (uint32_t)(f->days_us / FG_DAY);
        for (uint32_t c = 0; c < clients; c++) {
            f->node[c] = c % n;
            if (c >= n && days > 1) {
                struct fg_rng r;
                fg_rng_init(&r, f->spec.seed, FG_RNG_FLEET, c, DRAW_SHIFT);
                f->shift_days[c] = (uint16_t)(1 + fg_rng_below(&r, (days < 60000 ? days : 60000) - 1));
            }
        }
        f->reused = clients == n ? 0 : clients - n < n ? 2 * (clients - n) : clients;
        return FG_OK;
    }
    uint32_t *all = fg_calloc(n, sizeof *all);
    if (all == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        all[i] = i;
    }
    struct fg_rng r;
    fg_rng_init(&r, f->spec.seed, FG_RNG_FLEET, EVERYONE, DRAW_NODES);
    fg_rng_shuffle(&r, all, n);
    memcpy(f->node, all, clients * sizeof *all);
    fg_free(all);
    return FG_OK;
}

/* Whether two names are of one country: equal up to the first '-' (or the end). */
static bool same_country(const char *a, const char *b)
{
    size_t n = strcspn(a, "-");
    return n == strcspn(b, "-") && strncmp(a, b, n) == 0;
}

/* How many zones are of a node's country. */
static uint32_t zones_of_country(const struct fg_fleet *f, const char *node_name)
{
    uint32_t n = 0;
    for (uint32_t z = 0; z < f->n_zones; z++) {
        n += same_country(node_name, f->zones[z].name);
    }
    return n;
}

/* The zone that is number `pick` of the node's country. */
static uint32_t zone_of_country(const struct fg_fleet *f, const char *node_name, uint32_t pick)
{
    for (uint32_t z = 0; z < f->n_zones; z++) {
        if (same_country(node_name, f->zones[z].name) && pick-- == 0) {
            return z;
        }
    }
    return 0;
}

static enum fg_status draw_zones(struct fg_fleet *f)
{
    bool known = f->trace != NULL && f->trace->zone_by_country && f->zones[0].carbon != NULL;
    uint32_t *matching = NULL; /* (nodes) */
    if (known) {
        matching = fg_calloc(f->trace->nodes, sizeof *matching);
        if (matching == NULL) {
            return FG_E_NOMEM;
        }
        for (uint32_t n = 0; n < f->trace->nodes; n++) {
            matching[n] = zones_of_country(f, fg_trace_node_name(f->trace, n));
        }
    }
    for (uint32_t c = 0; c < f->spec.clients && f->zones[0].carbon != NULL; c++) {
        struct fg_rng r;
        fg_rng_init(&r, f->spec.seed, FG_RNG_FLEET, c, DRAW_ZONE);
        uint32_t own = known ? matching[f->node[c]] : 0;
        uint32_t pick = fg_rng_below(&r, own != 0 ? own : f->n_zones);
        f->zone[c] = own != 0 ? zone_of_country(f, fg_trace_node_name(f->trace, f->node[c]), pick) : pick;
        f->synthetic += own == 0;
    }
    for (uint32_t c = 0; c < f->spec.clients; c++) {
        f->zones[f->zone[c]].clients++;
    }
    fg_free(matching);
    return FG_OK;
}

enum fg_status fg_fleet_draw(struct fg_fleet *f)
{
    draw_speeds(f);
    enum fg_status st = draw_nodes(f);
    if (st == FG_OK) {
        st = draw_zones(f);
    }
    return st;
}
