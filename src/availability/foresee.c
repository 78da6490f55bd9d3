#include "src/availability/foresee.h"

#include <stdio.h>
#include <string.h>

#include "src/availability/fleet_impl.h"
#include "src/base/calendar.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/str.h"

enum { WEEK_H = 168, WEEKS = 4, DAY_H = 24, CHANGES = 4096 };
#define PRIOR_MOST 10000.0
#define EVERYONE 0xFFFFFFFFu
#define SHAPE_PRIOR 20.0 /* an hour of day counts as if seen for these client-hours at the mean */

/* Hours begun in each state, and how many of these ended up. */
struct counts {
    double n[2], up[2];
};

struct fg_foresee {
    const struct fg_fleet *fleet;
    uint32_t history_h, carbon_h; /* of availability, of carbon: at most WEEKS weeks */
    struct counts *client;        /* (clients) */
    struct counts all;
    double prior_h[2];   /* hours for which the pooled past counts with each client, by state */
    double shape[DAY_H]; /* share of the mean at the hour so many hours after the start */
    double *when;        /* (n_when) where in their hour changes happened, 0..1 */
    uint32_t n_when;
    struct fg_fleet *drawn;
    struct fg_trace *trace;
    struct fg_carbon **carbon; /* (zones) */
    struct fg_zone_carbon *zones;
};

/* ---- looking back ---- */

/* How many whole hours before the start are recorded for every zone, at most `most`. */
static uint32_t recorded_h(const struct fg_fleet *f, uint32_t most)
{
    uint32_t h = 0;
    for (; h < most; h++) {
        for (uint32_t z = 0; z < f->n_zones; z++) {
            if (!fg_fleet_recorded(f, z, f->start - (fg_time_t)(h + 1) * FG_HOUR)) {
                return h;
            }
        }
    }
    return h;
}

static void look_back(struct fg_foresee *p)
{
    const struct fg_fleet *f = p->fleet;
    double shape[DAY_H] = {0}, seen[DAY_H] = {0}, up = 0.0, all = 0.0;
    uint32_t changes = 0;
    for (uint32_t c = 0; c < f->spec.clients; c++) {
        for (uint32_t h = p->history_h; h > 0; h--) {
            fg_time_t t = f->start - (fg_time_t)h * FG_HOUR;
            bool was = fg_fleet_is_up(f, c, t), is = fg_fleet_is_up(f, c, t + FG_HOUR);
            fg_time_t inside = fg_fleet_up_us(f, c, t, t + FG_HOUR);
            if (was != is) { /* of many the last ones */
                p->when[changes++ % CHANGES] = fg_seconds(was ? inside : FG_HOUR - inside) / 3600.0;
            }
            p->client[c].n[was] += 1.0;
            p->client[c].up[was] += is;
            p->all.n[was] += 1.0;
            p->all.up[was] += is;
            uint32_t of_day = (DAY_H - h % DAY_H) % DAY_H;
            shape[of_day] += was;
            seen[of_day] += 1.0;
            up += was;
            all += 1.0;
        }
    }
    p->n_when = changes < CHANGES ? changes : CHANGES;
    for (uint32_t h = 0; h < DAY_H; h++) {
        double mean = all > 0.0 ? up / all : 1.0;
        p->shape[h] = mean > 0.0 ? (shape[h] + SHAPE_PRIOR * mean) / (seen[h] + SHAPE_PRIOR) / mean : 1.0;
    }
}

/* How alike clients are, by moments of a beta-binomial law: with P the pooled chance and v the variance of
 * clients' own chances around it, P (1 - P) / (m + 1) = v. */
static void compare(struct fg_foresee *p)
{
    for (int x = 0; x < 2; x++) {
        double n = p->all.n[x], mean = n > 0.0 ? p->all.up[x] / n : 0.5, squares = 0.0, sum = 0.0, some = 0.0;
        for (uint32_t c = 0; c < p->fleet->spec.clients; c++) {
            double own = p->client[c].n[x], off = own > 0.0 ? p->client[c].up[x] / own - mean : 0.0;
            some += own > 0.0;
            squares += own * own;
            sum += own * off * off;
        }
        double spread = n > 0.0 ? n - squares / n : 0.0, chance = mean * (1.0 - mean);
        double variance = spread > 0.0 ? (sum - (some - 1.0) * chance) / spread : 0.0;
        double m = variance > 0.0 ? chance / variance - 1.0 : PRIOR_MOST;
        p->prior_h[x] = some < 2.0 || m < FG_FORESEE_PRIOR ? FG_FORESEE_PRIOR
                        : m < PRIOR_MOST                   ? m
                                                           : PRIOR_MOST;
    }
}

enum fg_status fg_foresee_create(struct fg_foresee **out, const struct fg_fleet *fleet, uint32_t history_h)
{
    struct fg_foresee *p = fg_calloc(1, sizeof *p);
    if (p == NULL) {
        return FG_E_NOMEM;
    }
    p->fleet = fleet;
    p->client = fg_calloc(fleet->spec.clients, sizeof *p->client);
    p->carbon = fg_calloc(fleet->n_zones, sizeof(struct fg_carbon *));
    p->zones = fg_calloc(fleet->n_zones, sizeof *p->zones);
    p->when = fg_calloc(CHANGES, sizeof *p->when);
    if (p->client == NULL || p->carbon == NULL || p->zones == NULL || p->when == NULL) {
        fg_foresee_destroy(p);
        return FG_E_NOMEM;
    }
    uint32_t longest = history_h > WEEKS * WEEK_H ? history_h : WEEKS * WEEK_H;
    uint32_t there = recorded_h(fleet, longest);
    p->history_h = fleet->trace == NULL ? 0 : there < history_h ? there : history_h;
    p->carbon_h = there < WEEKS * WEEK_H ? there : WEEKS * WEEK_H;
    look_back(p);
    compare(p);
    *out = p;
    return FG_OK;
}

static void forget_draw(struct fg_foresee *p)
{
    fg_fleet_destroy(p->drawn);
    fg_trace_destroy(p->trace);
    for (uint32_t z = 0; p->carbon != NULL && z < p->fleet->n_zones; z++) {
        fg_carbon_destroy(p->carbon[z]);
        p->carbon[z] = NULL;
    }
    p->drawn = NULL;
    p->trace = NULL;
}

void fg_foresee_destroy(struct fg_foresee *p)
{
    if (p != NULL) {
        forget_draw(p);
        fg_free(p->client);
        fg_free(p->when);
        fg_free(p->carbon);
        fg_free(p->zones);
        fg_free(p);
    }
}

uint32_t fg_foresee_history_h(const struct fg_foresee *p)
{
    return p->history_h;
}

/* ---- availability ---- */

static double beta(struct fg_rng *r, double a, double b)
{
    double x = fg_rng_gamma(r, a), y = fg_rng_gamma(r, b);
    return x + y > 0.0 ? x / (x + y) : a / (a + b);
}

/* The chances of being up an hour after being down (0) and up (1): of everyone. */
static void draw_pooled(const struct fg_foresee *p, uint64_t seed, uint32_t draw, double chance[2])
{
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_SYNTH, EVERYONE, draw);
    for (int x = 0; x < 2; x++) {
        chance[x] = beta(&r, 1.0 + p->all.up[x], 1.0 + p->all.n[x] - p->all.up[x]);
    }
}

static enum fg_status add_interval(struct fg_str *s, uint32_t client, int64_t from_s, int64_t to_s)
{
    return to_s > from_s
               ? fg_str_addf(s, "c%u,%lld,%lld\n", (unsigned)client, (long long)from_s, (long long)to_s)
               : FG_OK;
}

/* The client's own past, from `zero` on, up to the start; *since is when it last came up, or the start. */
static enum fg_status add_past(struct fg_str *s, const struct fg_foresee *p, uint32_t c, fg_time_t zero,
                               int64_t *since_s)
{
    const struct fg_fleet *f = p->fleet;
    enum fg_status st = FG_OK;
    fg_time_t t = zero;
    *since_s = (f->start - zero) / FG_SECOND;
    while (st == FG_OK && t < f->start) {
        fg_time_t from = fg_fleet_next_up(f, c, t);
        if (from == FG_NEVER || from >= f->start) {
            break;
        }
        fg_time_t to = fg_fleet_up_until(f, c, from);
        if (to == FG_NEVER || to > f->start || (to == f->start && fg_fleet_is_up(f, c, to))) {
            *since_s = (from - zero) / FG_SECOND;
            break;
        }
        st = add_interval(s, c, (from - zero) / FG_SECOND, (to - zero) / FG_SECOND);
        t = to;
    }
    return st;
}

static enum fg_status add_client(struct fg_str *s, const struct fg_foresee *p, uint32_t c, fg_time_t zero,
                                 const double pooled[2], uint64_t seed, uint32_t draw, uint32_t hours)
{
    struct fg_rng r;
    double to_up[2];
    const struct counts *own = &p->client[c];
    fg_rng_init(&r, seed, FG_RNG_SYNTH, c, draw);
    for (int x = 0; x < 2; x++) {
        double m = p->prior_h[x];
        to_up[x] = beta(&r, m * pooled[x] + own->up[x], m * (1.0 - pooled[x]) + own->n[x] - own->up[x]);
    }
    double lambda = to_up[1] - to_up[0], share = to_up[0] / (to_up[0] + 1.0 - to_up[1] + 1e-12);
    bool up = fg_fleet_is_up(p->fleet, c, p->fleet->start);
    int64_t start_s = (p->fleet->start - zero) / FG_SECOND, since_s, end_s = start_s + (int64_t)hours * 3600;
    enum fg_status st = add_past(s, p, c, zero, &since_s);
    since_s = up ? since_s : start_s;
    for (uint32_t h = 1; st == FG_OK && h <= hours; h++) {
        double q = share * p->shape[h % DAY_H], at = fg_rng_uniform(&r), when = fg_rng_uniform(&r);
        bool next = at < lambda * (up ? 1.0 : 0.0) + (1.0 - lambda) * (q < 1.0 ? q : 1.0);
        when = p->n_when > 0 ? p->when[(uint32_t)(when * (double)p->n_when)] : when;
        int64_t change_s = start_s + (int64_t)(h - 1) * 3600 + (int64_t)(3600.0 * when + 0.5);
        if (next && !up) {
            since_s = change_s;
        } else if (!next && up) {
            st = add_interval(s, c, since_s, change_s);
        }
        up = next;
    }
    /* A trace's node is up at least once: here after all that will be looked at. */
    return st == FG_OK ? add_interval(s, c, up ? since_s : end_s + 3600, end_s + 7200) : st;
}

static enum fg_status draw_trace(struct fg_foresee *p, uint64_t seed, uint32_t draw, uint32_t hours,
                                 struct fg_err *err)
{
    const struct fg_fleet *f = p->fleet;
    fg_time_t zero = fg_floor_div(f->start, FG_SECOND) * FG_SECOND - (fg_time_t)p->history_h * FG_HOUR;
    double pooled[2];
    char iso[32];
    struct fg_str s = {0};
    enum fg_status st;
    fg_iso_format(iso, zero / FG_SECOND);
    draw_pooled(p, seed, draw, pooled);
    FG_TRY(fg_str_addf(&s, "# clock: utc\n# zero_utc: %s\nnode,start_s,end_s\n", iso));
    for (uint32_t c = 0; c < f->spec.clients; c++) {
        FG_TRY(add_client(&s, p, c, zero, pooled, seed, draw, hours));
    }
    st = fg_trace_parse(&p->trace, "foresight", s.data, s.len, NULL, err);
cleanup:
    fg_str_fini(&s);
    return st;
}

/* ---- carbon ---- */

/* The mean intensity over the day that ends at t. */
static double day_before(const struct fg_fleet *f, uint32_t zone, fg_time_t t)
{
    return fg_fleet_carbon_integral(f, zone, t - FG_DAY, t) / fg_seconds(FG_DAY);
}

/* The zone's past, then what was `back` hours before (over and over), from today's level on. */
static enum fg_status draw_zone(struct fg_foresee *p, uint32_t zone, uint32_t back, uint32_t hours,
                                struct fg_err *err)
{
    const struct fg_fleet *f = p->fleet;
    fg_time_t begin = fg_floor_div(f->start, FG_HOUR) * FG_HOUR;
    uint32_t length = back >= WEEK_H ? WEEK_H : back;
    double now = fg_fleet_intensity(f, zone, f->start), ratio = 1.0;
    if (p->carbon_h >= back + DAY_H) {
        double then = day_before(f, zone, begin - (fg_time_t)back * FG_HOUR);
        ratio = then > 0.0 ? day_before(f, zone, begin) / then : 1.0;
    }
    struct fg_str s = {0};
    enum fg_status st = fg_str_addf(&s, "# tz: UTC\nutc_time,gco2_per_kwh\n");
    for (int64_t h = -(int64_t)p->carbon_h; st == FG_OK && h < (int64_t)hours + 3; h++) {
        char iso[32];
        double g = now;
        if (h <= 0) {
            g = fg_fleet_intensity(f, zone, begin + h * FG_HOUR);
        } else if (back > 0) {
            g = fg_fleet_intensity(f, zone, begin - (fg_time_t)back * FG_HOUR + (h % length) * FG_HOUR) *
                (1.0 + (ratio - 1.0) * fg_exp(-(double)h / DAY_H));
        }
        fg_iso_format(iso, begin / FG_SECOND + h * 3600);
        st = fg_str_addf(&s, "%s,%.9g\n", iso, g > 0.0 ? g : 0.0);
    }
    st = st == FG_OK ? fg_carbon_parse(&p->carbon[zone], "foresight", s.data, s.len, NULL, err) : st;
    fg_str_fini(&s);
    p->zones[zone] = (struct fg_zone_carbon){.zone = f->zones[zone].name, .carbon = p->carbon[zone]};
    return st;
}

static enum fg_status draw_carbon(struct fg_foresee *p, uint64_t seed, uint32_t draw, uint32_t hours,
                                  struct fg_err *err)
{
    struct fg_rng r;
    uint32_t days = p->carbon_h / DAY_H, back = 0;
    enum fg_status st = FG_OK;
    fg_rng_init(&r, seed, FG_RNG_SYNTH, EVERYONE - 1, draw);
    if (days > 0) {
        back = (1 + fg_rng_below(&r, days)) * DAY_H;
    }
    for (uint32_t z = 0; st == FG_OK && z < p->fleet->n_zones && p->fleet->zones[0].carbon != NULL; z++) {
        st = draw_zone(p, z, back, hours, err);
    }
    return st;
}

/* ---- a fleet of it ---- */

/* The drawn fleet's clients live where those of the fleet do. */
static void settle_zones(struct fg_fleet *drawn, const struct fg_fleet *f)
{
    memcpy(drawn->zone, f->zone, f->spec.clients * sizeof *f->zone);
    for (uint32_t z = 0; z < f->n_zones; z++) {
        drawn->zones[z].clients = f->zones[z].clients;
    }
}

enum fg_status fg_foresee_draw(struct fg_foresee *p, uint64_t seed, uint32_t draw, uint32_t hours,
                               struct fg_fleet **out, struct fg_err *err)
{
    const struct fg_fleet *f = p->fleet;
    struct fg_fleet_spec spec = f->spec;
    if ((double)spec.clients * (double)hours > FG_FORESEE_MOST) {
        return fg_fail(err, FG_E_RANGE, "%u clients for %u hours: expected at most %.0f client-hours",
                       (unsigned)spec.clients, (unsigned)hours, FG_FORESEE_MOST);
    }
    forget_draw(p);
    enum fg_status st = f->trace != NULL ? draw_trace(p, seed, draw, hours, err) : FG_OK;
    st = st == FG_OK ? draw_carbon(p, seed, draw, hours, err) : st;
    spec.start = f->start;
    spec.wrap = false;
    bool carbon = f->zones[0].carbon != NULL;
    if (st == FG_OK) {
        st = fg_fleet_create(&p->drawn, &spec, p->trace, p->zones, carbon ? f->n_zones : 0, err);
    }
    if (st == FG_OK) {
        settle_zones(p->drawn, f);
        *out = p->drawn;
    }
    return st;
}
