/* The fleet in time: run time to the files' time, and the questions asked with it.
 *
 * Run time maps to trace time in segments within which both advance together: a segment ends where local time
 * jumps, a turn begins anew or a shifted row comes round. Every question walks over segments. */
#include <math.h>

#include "src/availability/fleet_impl.h"
#include "src/base/calendar.h"

struct segment {
    int64_t pos;   /* trace time at t; -1 outside of the trace */
    fg_time_t end; /* run time until which pos advances with t (or stays outside) */
};

static int64_t mod(int64_t a, int64_t b)
{
    return a - fg_floor_div(a, b) * b;
}

static fg_time_t sooner(fg_time_t a, fg_time_t b)
{
    return a < b ? a : b;
}

/* The part that all unshifted clients of a zone share. */
static struct segment locate_zone(const struct fg_fleet *f, uint32_t zone, fg_time_t t)
{
    struct segment s = {t - f->zero_us, FG_NEVER};
    if (f->trace->clock == FG_CLOCK_LOCAL) {
        const struct fg_fleet_zone *z = &f->zones[zone];
        int64_t until, offset = fg_tz_offset(z->tz, fg_floor_div(t, FG_SECOND), &until);
        s.pos = t + offset * FG_SECOND - z->local_zero_us;
        s.end = until < FG_NEVER / FG_SECOND ? until * FG_SECOND : FG_NEVER;
    }
    if (f->spec.wrap) {
        s.pos = mod(s.pos, f->turn_us);
        s.end = sooner(s.end, t + f->turn_us - s.pos);
    } else if (s.pos < 0) {
        s.end = sooner(s.end, t - s.pos);
        s.pos = -1;
    } else if (s.pos >= f->span_us) {
        s.pos = -1;
    } else {
        s.end = sooner(s.end, t + f->span_us - s.pos);
    }
    return s;
}

static struct segment shifted(const struct fg_fleet *f, struct segment s, uint32_t days, fg_time_t t)
{
    if (days != 0 && s.pos >= 0) {
        s.pos = mod(s.pos + (int64_t)days * FG_DAY, f->days_us);
        s.end = sooner(s.end, t + f->days_us - s.pos);
    }
    return s;
}

static struct segment locate(const struct fg_fleet *f, uint32_t client, fg_time_t t)
{
    return shifted(f, locate_zone(f, f->zone[client], t), f->shift_days[client], t);
}

/* Whether the node is up at pos; *change is the trace time of its next change (INT64_MAX: none). */
static bool up_at(const struct fg_fleet *f, uint32_t node, int64_t pos, int64_t *change)
{
    const struct fg_trace *tr = f->trace;
    uint32_t i = pos < 0 ? tr->first[node + 1] : fg_trace_find_us(tr, node, pos);
    if (i == tr->first[node + 1]) {
        *change = INT64_MAX;
        return false;
    }
    int64_t start = (int64_t)tr->start_s[i] * FG_SECOND;
    bool up = start <= pos;
    *change = up ? (int64_t)tr->end_s[i] * FG_SECOND : start;
    return up;
}

bool fg_fleet_is_up(const struct fg_fleet *f, uint32_t client, fg_time_t t)
{
    FG_ASSERT(client < f->spec.clients);
    int64_t change;
    return f->trace == NULL || up_at(f, f->node[client], locate(f, client, t).pos, &change);
}

/* When it leaves that is up at t, or t; FG_NEVER where nothing was found up to `limit`. */
static fg_time_t leaves(const struct fg_fleet *f, uint32_t client, fg_time_t t, fg_time_t limit)
{
    FG_ASSERT(client < f->spec.clients);
    while (f->trace != NULL && t < limit) {
        int64_t change;
        struct segment s = locate(f, client, t);
        if (!up_at(f, f->node[client], s.pos, &change)) {
            return t;
        }
        if (s.end == FG_NEVER || change - s.pos < s.end - t) {
            return t + (change - s.pos);
        }
        t = s.end;
    }
    return FG_NEVER;
}

fg_time_t fg_fleet_up_until(const struct fg_fleet *f, uint32_t client, fg_time_t t)
{
    return leaves(f, client, t, t + FG_FLEET_AHEAD);
}

fg_time_t fg_fleet_stays(const struct fg_fleet *f, uint32_t client, fg_time_t t, fg_time_t until)
{
    fg_time_t gone = leaves(f, client, t, until);
    return gone < until ? gone : until;
}

fg_time_t fg_fleet_next_up(const struct fg_fleet *f, uint32_t client, fg_time_t t)
{
    FG_ASSERT(client < f->spec.clients);
    if (f->trace == NULL) {
        return t;
    }
    fg_time_t begin = t, horizon = 2 * f->span_us + FG_FLEET_AHEAD;
    while (t - begin < horizon) {
        int64_t change;
        struct segment s = locate(f, client, t);
        if (up_at(f, f->node[client], s.pos, &change)) {
            return t;
        }
        if (s.pos >= 0 && change != INT64_MAX && (s.end == FG_NEVER || change - s.pos < s.end - t)) {
            return t + (change - s.pos);
        }
        if (s.end == FG_NEVER) {
            return FG_NEVER;
        }
        t = s.end;
    }
    return FG_NEVER;
}

fg_time_t fg_fleet_up_us(const struct fg_fleet *f, uint32_t client, fg_time_t t0, fg_time_t t1)
{
    FG_ASSERT(client < f->spec.clients);
    if (f->trace == NULL) {
        return t1 > t0 ? t1 - t0 : 0;
    }
    fg_time_t sum = 0;
    while (t0 < t1) {
        struct segment s = locate(f, client, t0);
        fg_time_t end = sooner(s.end, t1);
        if (s.pos >= 0) {
            sum += fg_trace_up_us(f->trace, f->node[client], s.pos, s.pos + (end - t0));
        }
        t0 = end;
    }
    return sum;
}

/* All clients of a zone share the trace time but for their shift:
 * no division is left for the loop over them. */
enum { CACHED = 64 };
struct moment {
    fg_time_t t;
    bool cached;
    struct segment plain[CACHED]; /* by zone */
    int64_t rotated[CACHED];      /* trace time within the whole days, -1 outside of the trace */
};

static void look_at(struct moment *m, const struct fg_fleet *f, fg_time_t t)
{
    m->t = t;
    m->cached = f->n_zones <= CACHED;
    for (uint32_t z = 0; z < f->n_zones && m->cached; z++) {
        m->plain[z] = locate_zone(f, z, t);
        m->rotated[z] = m->plain[z].pos >= 0 && f->days_us > 0 ? mod(m->plain[z].pos, f->days_us) : -1;
    }
}

static struct segment locate_then(const struct moment *m, const struct fg_fleet *f, uint32_t client)
{
    uint32_t zone = f->zone[client];
    int64_t shift = (int64_t)f->shift_days[client] * FG_DAY;
    if (!m->cached) {
        return locate(f, client, m->t);
    }
    struct segment s = m->plain[zone];
    if (shift != 0 && m->rotated[zone] >= 0) {
        s.pos = m->rotated[zone] + shift;
        s.pos -= s.pos >= f->days_us ? f->days_us : 0;
        s.end = sooner(s.end, m->t + f->days_us - s.pos);
    }
    return s;
}

size_t fg_fleet_available(const struct fg_fleet *f, fg_time_t t, uint32_t *out, fg_time_t *until)
{
    size_t n = 0;
    struct moment m;
    if (f->trace == NULL) {
        for (uint32_t c = 0; c < f->spec.clients; c++) {
            out[n++] = c;
        }
        for (uint32_t c = 0; until != NULL && c < n; c++) {
            until[c] = FG_NEVER;
        }
        return n;
    }
    look_at(&m, f, t);
    for (uint32_t c = 0; c < f->spec.clients; c++) {
        int64_t change;
        struct segment s = locate_then(&m, f, c);
        if (!up_at(f, f->node[c], s.pos, &change)) {
            continue;
        }
        out[n++] = c;
        if (until != NULL) {
            until[c] = sooner(t + (change - s.pos), s.end);
        }
    }
    return n;
}

bool fg_fleet_always_up(const struct fg_fleet *f)
{
    return f->trace == NULL;
}

bool fg_fleet_recorded(const struct fg_fleet *f, uint32_t zone, fg_time_t t)
{
    FG_ASSERT(zone < f->n_zones);
    const struct fg_fleet_zone *z = &f->zones[zone];
    int64_t pos = t - f->zero_us;
    if (f->trace != NULL && f->trace->clock == FG_CLOCK_LOCAL) {
        pos = t + fg_tz_offset(z->tz, fg_floor_div(t, FG_SECOND), NULL) * FG_SECOND - z->local_zero_us;
    }
    return (f->trace == NULL || pos >= 0) && (z->carbon == NULL || t >= z->carbon_zero_us);
}

/* Carbon. */

double fg_fleet_intensity(const struct fg_fleet *f, uint32_t zone, fg_time_t t)
{
    FG_ASSERT(zone < f->n_zones);
    const struct fg_fleet_zone *z = &f->zones[zone];
    if (z->carbon == NULL) {
        return z->constant_g_per_kwh;
    }
    int64_t pos = t - z->carbon_zero_us;
    if (f->spec.wrap) {
        pos = mod(pos, z->carbon_turn_us);
    }
    int64_t hour = fg_floor_div(pos, FG_HOUR), last = (int64_t)z->carbon->hours - 1;
    return z->carbon->g_per_kwh[hour < 0 ? 0 : hour > last ? last : hour];
}

double fg_fleet_carbon_integral(const struct fg_fleet *f, uint32_t zone, fg_time_t t0, fg_time_t t1)
{
    FG_ASSERT(zone < f->n_zones);
    const struct fg_fleet_zone *z = &f->zones[zone];
    if (t1 <= t0) {
        return 0.0;
    }
    if (z->carbon == NULL) {
        return z->constant_g_per_kwh * fg_seconds(t1 - t0);
    }
    int64_t p0 = t0 - z->carbon_zero_us, p1 = t1 - z->carbon_zero_us;
    if (!f->spec.wrap) {
        return fg_carbon_integral(z->carbon, p0, p1);
    }
    double sum = 0.0;
    while (p0 < p1) {
        int64_t in_turn = mod(p0, z->carbon_turn_us), step = z->carbon_turn_us - in_turn;
        if (step > p1 - p0) {
            step = p1 - p0;
        }
        sum += fg_carbon_integral(z->carbon, in_turn, in_turn + step);
        p0 += step;
    }
    return sum;
}

/* Coverage. */

static enum fg_status too_long(const char *what, const char *name, int64_t has_us, int64_t needs_us,
                               struct fg_err *err)
{
    return fg_fail(err, FG_E_INPUT,
                   "the run is longer than the %s %s: it reaches %.4f days into it, which has %.4f days; run "
                   "fewer rounds, "
                   "or let files repeat with time.wrap = yes",
                   what, name, (double)needs_us / (double)FG_DAY, (double)has_us / (double)FG_DAY);
}

enum fg_status fg_fleet_covers(const struct fg_fleet *f, fg_time_t end, struct fg_err *err)
{
    if (f->spec.wrap) {
        return FG_OK;
    }
    for (uint32_t z = 0; z < f->n_zones; z++) {
        const struct fg_fleet_zone *zone = &f->zones[z];
        if (zone->clients == 0) {
            continue;
        }
        if (f->trace != NULL) {
            int64_t pos = end - f->zero_us;
            if (f->trace->clock == FG_CLOCK_LOCAL) {
                int64_t offset = fg_tz_offset(zone->tz, fg_floor_div(end, FG_SECOND), NULL);
                pos = end + offset * FG_SECOND - zone->local_zero_us;
            }
            if (pos > f->span_us) {
                return too_long("availability trace", f->trace->name, f->span_us, pos, err);
            }
        }
        if (zone->carbon != NULL) {
            int64_t span = (int64_t)zone->carbon->hours * FG_HOUR, pos = end - zone->carbon_zero_us;
            if (pos > span) {
                return too_long("carbon trace", zone->carbon->name, span, pos, err);
            }
        }
    }
    return FG_OK;
}
