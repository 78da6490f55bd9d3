/* Making a fleet: the specification checked, time anchored, getters. */
#include "src/availability/fleet.h"

#include <math.h>
#include <string.h>

#include "src/availability/fleet_impl.h"
#include "src/base/calendar.h"
#include "src/base/mem.h"

#define SEASON_S \
    (4 * FG_DAY_S) /* the nearest same weekday is at most 3.5 days away, and leap days half a day */
#define CARBON_SPAN_US(c) ((int64_t)(c)->hours * 3600 * FG_SECOND)

void fg_fleet_spec_defaults(struct fg_fleet_spec *spec)
{
    *spec = (struct fg_fleet_spec){
        .samples_per_s = 2000.0,
        .speed_spread = 0.3,
        .uplink_mbps = 20.0,
        .downlink_mbps = 100.0,
        .link_spread = 0.3,
        .power_w = 60.0,
        .power_spread = 0.2,
        .comm_power_w = 5.0,
        .network_kwh_per_gb = 0.01,
        .network_w = 6.5,
        .network_w_per_mbps = 0.03,
        .pue = 1.0,
        .default_g_per_kwh = 475.0,
        .start = FG_START_AUTO,
    };
}

struct limit {
    const char *name;
    double value, low, high;
};

static enum fg_status check_spec(const struct fg_fleet_spec *s, struct fg_err *err)
{
    const struct limit limits[] = {
        {"clients", s->clients, 1, 4e9},
        {"samples_per_s", s->samples_per_s, 1e-6, 1e12},
        {"speed_spread", s->speed_spread, 0, 5},
        {"uplink_mbps", s->uplink_mbps, 1e-6, 1e9},
        {"downlink_mbps", s->downlink_mbps, 1e-6, 1e9},
        {"link_spread", s->link_spread, 0, 5},
        {"power_w", s->power_w, 0, 1e6},
        {"power_spread", s->power_spread, 0, 5},
        {"comm_power_w", s->comm_power_w, 0, 1e6},
        {"network_kwh_per_gb", s->network_kwh_per_gb, 0, 1e3},
        {"network_w", s->network_w, 0, 1e6},
        {"network_w_per_mbps", s->network_w_per_mbps, 0, 1e6},
        {"pue", s->pue, 1, 10},
        {"default_g_per_kwh", s->default_g_per_kwh, 0, 1e5},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!(limits[i].value >= limits[i].low && limits[i].value <= limits[i].high)) {
            return fg_fail(err, FG_E_CONFIG, "fleet: %s: expected %g to %g, found %g", limits[i].name,
                           limits[i].low, limits[i].high, limits[i].value);
        }
    }
    if (s->start != FG_START_AUTO && (s->start < -100 * 366 * FG_DAY || s->start > 300 * 366 * FG_DAY)) {
        return fg_fail(err, FG_E_CONFIG, "fleet: start is not within the years 1870 to 2270");
    }
    return FG_OK;
}

/* What repeats: whole weeks, else whole days, else (nothing has an hour of day to keep) all of it. */
static int64_t turn_of(int64_t span_us, bool elapsed)
{
    if (span_us >= 7 * FG_DAY) {
        return span_us / (7 * FG_DAY) * (7 * FG_DAY);
    }
    if (span_us >= FG_DAY) {
        return span_us / FG_DAY * FG_DAY;
    }
    return elapsed ? span_us : FG_DAY;
}

/* Whether every carbon file holds that season, so that anchor() will find a place in it. */
static bool carbon_has(const struct fg_fleet *f, int64_t at_s)
{
    for (uint32_t z = 0; z < f->n_zones; z++) {
        const struct fg_carbon *c = f->zones[z].carbon;
        int64_t shift, distance;
        if (c == NULL) {
            continue;
        }
        int64_t end_s = c->start_s + (int64_t)c->hours * 3600;
        if (!fg_week_shift(at_s, c->start_s, end_s, &shift, &distance) || distance > SEASON_S) {
            return false;
        }
    }
    return true;
}

/* The first day of a trace from `at_s` on for which there is carbon, be it of another year; else at_s. */
static int64_t first_day_with_carbon(const struct fg_fleet *f, int64_t at_s)
{
    for (int64_t s = at_s; s < f->trace->zero_s + f->trace->span_s; s += FG_DAY_S) {
        if (carbon_has(f, s)) {
            return s;
        }
    }
    return at_s;
}

static fg_time_t default_start(const struct fg_fleet *f)
{
    const struct fg_trace *t = f->trace;
    int64_t lo = INT64_MIN, hi = INT64_MAX, shift;
    for (uint32_t z = 0; z < f->n_zones; z++) {
        const struct fg_carbon *c = f->zones[z].carbon;
        if (c != NULL) {
            int64_t end = c->start_s + (int64_t)c->hours * 3600;
            lo = c->start_s > lo ? c->start_s : lo;
            hi = end < hi ? end : hi;
        }
    }
    if (t != NULL && t->clock == FG_CLOCK_UTC) {
        bool together = lo < hi && lo > t->zero_s && lo < t->zero_s + t->span_s;
        int64_t at = together ? lo : t->zero_s;
        return (f->spec.wrap ? at : first_day_with_carbon(f, at)) * FG_SECOND;
    }
    bool dated = t != NULL && t->has_zero;
    /* A dated local trace: at noon UTC its first day has begun everywhere west of the date line. */
    int64_t date = dated ? t->zero_s + (t->clock == FG_CLOCK_LOCAL ? FG_DAY_S / 2 : 0) : 0;
    if (lo == INT64_MIN) {
        return dated ? date * FG_SECOND : INT64_C(1704067200) * FG_SECOND;
    }
    if (dated && t->clock == FG_CLOCK_LOCAL && lo < hi && fg_week_shift(date, lo, hi, &shift, NULL)) {
        return (date + shift) * FG_SECOND;
    }
    return lo * FG_SECOND;
}

/* The run time of a file's zero: where the file itself puts it, or whole weeks away (fg_week_shift). */
static enum fg_status anchor(const struct fg_fleet *f, const char *name, int64_t zero_s, int64_t span_s,
                             int64_t *out_us, struct fg_err *err)
{
    char at[32], from[32], to[32];
    int64_t now = fg_floor_div(f->start, FG_SECOND), shift, distance = 0;
    bool found = fg_week_shift(now, zero_s, zero_s + span_s, &shift, &distance);
    if (found && (distance <= SEASON_S || f->spec.wrap)) {
        *out_us = (zero_s - shift) * FG_SECOND;
        return FG_OK;
    }
    if (f->spec.wrap) {
        *out_us = (zero_s + fg_floor_div(now - zero_s, FG_DAY_S) * FG_DAY_S) * FG_SECOND;
        return FG_OK;
    }
    fg_iso_format(at, now);
    fg_iso_format(from, zero_s);
    fg_iso_format(to, zero_s + span_s);
    return fg_fail(err, FG_E_INPUT,
                   "%s: covers %s to %s, expected hours of the season of the run's start %s, of any year, on "
                   "its weekday: "
                   "choose time.start, or let files repeat with time.wrap = yes",
                   name, from, to, at);
}

/* The time zone of a zone's clients, and the local time of the trace's zero there. */
static enum fg_status anchor_local_zone(const struct fg_fleet *f, struct fg_fleet_zone *zone,
                                        int64_t dated_zero_us, struct fg_err *err)
{
    const struct fg_trace *t = f->trace;
    const char *file = t->name, *tz = t->tz != NULL ? t->tz : "UTC";
    size_t line = t->tz_line;
    if (zone->carbon != NULL) {
        file = zone->carbon->name;
        tz = zone->carbon->tz;
        line = zone->carbon->tz_line;
    }
    if (tz[0] == '\0') {
        return fg_fail(err, FG_E_INPUT,
                       "%s: needs a `# tz:` line, because the availability trace %s has clock: local", file,
                       t->name);
    }
    enum fg_status st = fg_tz_create(&zone->tz, tz, err);
    if (st != FG_OK) {
        return fg_fail_prefix(err, st, "%s:%zu", file, line);
    }
    int64_t now = fg_floor_div(f->start, FG_SECOND), local = now + fg_tz_offset(zone->tz, now, NULL);
    zone->local_zero_us = t->has_zero ? dated_zero_us : fg_floor_div(local, FG_DAY_S) * FG_DAY_S * FG_SECOND;
    return FG_OK;
}

static enum fg_status anchor_trace(struct fg_fleet *f, struct fg_err *err)
{
    const struct fg_trace *t = f->trace;
    int64_t dated_zero_us = 0;
    enum fg_status st = FG_OK;
    f->span_us = t->span_s * FG_SECOND;
    f->days_us = f->span_us / FG_DAY * FG_DAY;
    f->turn_us = turn_of(f->span_us, t->clock == FG_CLOCK_ELAPSED);
    f->zero_us = f->start;
    if (t->clock == FG_CLOCK_UTC) {
        return anchor(f, t->name, t->zero_s, t->span_s, &f->zero_us, err);
    }
    if (t->clock == FG_CLOCK_LOCAL && t->has_zero) {
        st = anchor(f, t->name, t->zero_s, t->span_s, &dated_zero_us, err);
    }
    for (uint32_t z = 0; z < f->n_zones && st == FG_OK && t->clock == FG_CLOCK_LOCAL; z++) {
        st = anchor_local_zone(f, &f->zones[z], dated_zero_us, err);
    }
    return st;
}

/* Settle start, zeros and turns. */
static enum fg_status settle_times(struct fg_fleet *f, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    f->start = f->spec.start != FG_START_AUTO ? f->spec.start : default_start(f);
    if (f->trace != NULL) {
        st = anchor_trace(f, err);
    }
    for (uint32_t z = 0; z < f->n_zones && st == FG_OK; z++) {
        const struct fg_carbon *c = f->zones[z].carbon;
        if (c != NULL) {
            f->zones[z].carbon_turn_us = turn_of(CARBON_SPAN_US(c), false);
            st = anchor(f, c->name, c->start_s, (int64_t)c->hours * 3600, &f->zones[z].carbon_zero_us, err);
        }
    }
    return st;
}

static enum fg_status make_zones(struct fg_fleet *f, const struct fg_zone_carbon *zones, size_t n,
                                 struct fg_err *err)
{
    f->n_zones = n != 0 ? (uint32_t)n : 1;
    f->zones = fg_calloc(f->n_zones, sizeof *f->zones);
    if (f->zones == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t z = 0; z < f->n_zones; z++) {
        f->zones[z].constant_g_per_kwh = f->spec.default_g_per_kwh;
        f->zones[z].carbon = n != 0 ? zones[z].carbon : NULL;
        f->zones[z].name = fg_strdup(n != 0 ? zones[z].zone : "default");
        if (f->zones[z].name == NULL) {
            return FG_E_NOMEM;
        }
        for (size_t y = 0; y < z; y++) {
            if (strcmp(f->zones[y].name, f->zones[z].name) == 0) {
                return fg_fail(err, FG_E_INPUT, "zone %s is given twice: %s and %s", f->zones[z].name,
                               f->zones[y].carbon->name, f->zones[z].carbon->name);
            }
        }
    }
    return FG_OK;
}

enum fg_status fg_fleet_create(struct fg_fleet **out, const struct fg_fleet_spec *spec,
                               const struct fg_trace *trace, const struct fg_zone_carbon *zones,
                               size_t n_zones, struct fg_err *err)
{
    enum fg_status st = check_spec(spec, err);
    if (st != FG_OK) {
        return st;
    }
    FG_ASSERT(n_zones < 1000000);
    struct fg_fleet *f = fg_calloc(1, sizeof *f);
    if (f == NULL) {
        return fg_fail(err, FG_E_NOMEM, "fleet: out of memory");
    }
    f->spec = *spec;
    f->trace = trace;
    f->node = fg_calloc(spec->clients, sizeof *f->node);
    f->zone = fg_calloc(spec->clients, sizeof *f->zone);
    f->shift_days = fg_calloc(spec->clients, sizeof *f->shift_days);
    f->samples_per_s = fg_calloc(spec->clients, sizeof *f->samples_per_s);
    f->uplink_bps = fg_calloc(spec->clients, sizeof *f->uplink_bps);
    f->downlink_bps = fg_calloc(spec->clients, sizeof *f->downlink_bps);
    f->power_w = fg_calloc(spec->clients, sizeof *f->power_w);
    st = f->node != NULL && f->zone != NULL && f->shift_days != NULL && f->samples_per_s != NULL &&
                 f->uplink_bps != NULL && f->downlink_bps != NULL && f->power_w != NULL
             ? make_zones(f, zones, n_zones, err)
             : FG_E_NOMEM;
    if (st == FG_OK) {
        st = settle_times(f, err);
    }
    if (st == FG_OK) {
        st = fg_fleet_draw(f);
    }
    if (st == FG_OK) {
        *out = f;
        return FG_OK;
    }
    fg_fleet_destroy(f);
    return st == FG_E_NOMEM ? fg_fail(err, st, "fleet: out of memory") : st;
}

void fg_fleet_destroy(struct fg_fleet *f)
{
    if (f == NULL) {
        return;
    }
    for (uint32_t z = 0; z < f->n_zones && f->zones != NULL; z++) {
        fg_free(f->zones[z].name);
        fg_tz_destroy(f->zones[z].tz);
    }
    fg_free(f->zones);
    fg_free(f->node);
    fg_free(f->zone);
    fg_free(f->shift_days);
    fg_free(f->samples_per_s);
    fg_free(f->uplink_bps);
    fg_free(f->downlink_bps);
    fg_free(f->power_w);
    fg_free(f);
}

/* Getters. */

const struct fg_fleet_spec *fg_fleet_spec(const struct fg_fleet *f)
{
    return &f->spec;
}

fg_time_t fg_fleet_start(const struct fg_fleet *f)
{
    return f->start;
}

uint32_t fg_fleet_clients(const struct fg_fleet *f)
{
    return f->spec.clients;
}

uint32_t fg_fleet_zones(const struct fg_fleet *f)
{
    return f->n_zones;
}

const char *fg_fleet_zone_name(const struct fg_fleet *f, uint32_t zone)
{
    FG_ASSERT(zone < f->n_zones);
    return f->zones[zone].name;
}

double fg_fleet_zone_mean(const struct fg_fleet *f, uint32_t zone)
{
    FG_ASSERT(zone < f->n_zones);
    const struct fg_fleet_zone *z = &f->zones[zone];
    return z->carbon != NULL ? fg_carbon_mean(z->carbon) : z->constant_g_per_kwh;
}

uint32_t fg_fleet_zone_clients(const struct fg_fleet *f, uint32_t zone)
{
    FG_ASSERT(zone < f->n_zones);
    return f->zones[zone].clients;
}

uint32_t fg_fleet_synthetic(const struct fg_fleet *f)
{
    return f->synthetic;
}

uint32_t fg_fleet_reused(const struct fg_fleet *f)
{
    return f->reused;
}

uint32_t fg_fleet_node(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return f->node[client];
}

uint32_t fg_fleet_shift_days(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return f->shift_days[client];
}

uint32_t fg_fleet_zone(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return f->zone[client];
}

double fg_fleet_samples_per_s(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return (double)f->samples_per_s[client];
}

double fg_fleet_uplink_bps(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return (double)f->uplink_bps[client];
}

double fg_fleet_downlink_bps(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return (double)f->downlink_bps[client];
}

double fg_fleet_power_w(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return (double)f->power_w[client];
}

double fg_fleet_availability(const struct fg_fleet *f, uint32_t client)
{
    FG_ASSERT(client < f->spec.clients);
    return f->trace != NULL ? fg_trace_availability(f->trace, f->node[client]) : 1.0;
}

double fg_fleet_mean_carbon(const struct fg_fleet *f, uint32_t client)
{
    return fg_fleet_zone_mean(f, fg_fleet_zone(f, client));
}
