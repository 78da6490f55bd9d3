/* The fleet: who the clients are. Each client gets a node of the availability trace, a carbon zone, a speed,
 * links and power; asked with the run's time, the fleet says who is up and what electricity costs in carbon.
 *
 * One struct of arrays, 26 bytes a client; trace rows are shared. All draws come from streams keyed by
 * (seed, FG_RNG_FLEET, client), so a client's speed does not depend on how many others there are.
 *
 * Clients to nodes: as many clients as nodes: client i is node i. Fewer: distinct nodes, drawn. More: client
 * i is node i mod nodes, and every client beyond the first round of nodes looks at the trace shifted by a
 * random number of whole days (rotated within the trace's whole days), so that it keeps the hour of day.
 * Without a trace everyone is always up.
 *
 * Clients to zones: where the trace says zone_of_node: country-prefix and zones of that country (zone name up
 * to its first '-') are given, one of these; everyone else draws a zone uniformly and counts as synthetic.
 *
 * Run time meets the files' time so (doc/trace-format.md has examples):
 *   - carbon, and utc traces: the same moment if the file covers the run's start, else shifted by the whole
 *     number of weeks that comes nearest to the same day of the year;
 *   - local traces: by local time of the client's zone, so that 9 o'clock in the trace is 9 o'clock there;
 *     weekday and season too where the trace says its date (`started`);
 *   - elapsed traces: zero is the run's start.
 * Past a file's end: an error of fg_fleet_covers() unless wrapping is on, which repeats the file's whole
 * weeks (whole days if it is shorter than a week; an elapsed trace shorter than a day: all of it).
 *
 * Thread safety: immutable once created; any number of readers.
 */
#ifndef FG_AVAILABILITY_FLEET_H
#define FG_AVAILABILITY_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/carbon.h"
#include "src/availability/trace.h"
#include "src/base/status.h"
#include "src/base/time.h"

#define FG_START_AUTO FG_NEVER

/* Open record. Spreads are the sigma of a lognormal distribution around the given median; 0 = all alike. */
struct fg_fleet_spec {
    uint32_t clients; /* >= 1 */
    uint64_t seed;
    double samples_per_s; /* > 0: training speed, forward and backward */
    double speed_spread;
    double uplink_mbps;   /* > 0, 10^6 bit/s */
    double downlink_mbps; /* > 0 */
    double link_spread;   /* one draw for both directions of a client */
    double power_w;       /* while computing, above idle */
    double power_spread;
    double comm_power_w;       /* of the device while transferring, above idle */
    double network_kwh_per_gb; /* of the network between, per 10^9 bytes */
    bool network_by_power;     /* instead: network_w while a transfer lasts, and so much more per Mbit/s */
    double network_w, network_w_per_mbps;
    double pue;               /* >= 1: overhead of the room on device energy; 1 for homes */
    double default_g_per_kwh; /* everywhere, where no carbon file is given */
    fg_time_t start;          /* of the run, UTC; FG_START_AUTO: see fg_fleet_start() */
    bool wrap;                /* repeat files that are shorter than the run */
};

/* The defaults of the options (doc/cost-model.md says where they come from); clients and seed are left 0. */
void fg_fleet_spec_defaults(struct fg_fleet_spec *spec);

struct fg_zone_carbon {
    const char *zone;               /* name in this run, e.g. "DE" */
    const struct fg_carbon *carbon; /* the caller's, must outlive the fleet */
};

struct fg_fleet;

/* Draw a fleet. trace may be NULL; zones may be none. Both stay the caller's and must outlive the fleet.
 * Errors: FG_E_CONFIG for a spec out of range, FG_E_INPUT if the run's start is not covered and wrap is off
 *         or a zone's name is double, FG_E_MISSING for a time zone that does not exist, FG_E_NOMEM.
 * Owner:  the caller, fg_fleet_destroy(). */
enum fg_status fg_fleet_create(struct fg_fleet **out, const struct fg_fleet_spec *spec,
                               const struct fg_trace *trace, const struct fg_zone_carbon *zones,
                               size_t n_zones, struct fg_err *err) FG_NODISCARD;
void fg_fleet_destroy(struct fg_fleet *f);

const struct fg_fleet_spec *fg_fleet_spec(const struct fg_fleet *f);

/* When the run starts: spec.start if given; else time zero of a utc trace (or, where the carbon files begin
 * later within it, their first common hour; or where they hold no such season, the first day for which they
 * do); else the first hour that all carbon files cover (for a local trace with a date: the same season and
 * weekday within them); else the trace's date; else 2024-01-01T00:00:00Z, a Monday. */
fg_time_t fg_fleet_start(const struct fg_fleet *f);

/* FG_OK if the trace and every zone in use reach to `end`, or wrapping is on.
 * Errors:  FG_E_INPUT that names the file, what it covers and the ways out. */
enum fg_status fg_fleet_covers(const struct fg_fleet *f, fg_time_t end, struct fg_err *err) FG_NODISCARD;

uint32_t fg_fleet_clients(const struct fg_fleet *f);
uint32_t fg_fleet_zones(const struct fg_fleet *f);                       /* >= 1 */
const char *fg_fleet_zone_name(const struct fg_fleet *f, uint32_t zone); /* "default" where none was given */
double fg_fleet_zone_mean(const struct fg_fleet *f, uint32_t zone);      /* g/kWh over the whole file */
uint32_t fg_fleet_zone_clients(const struct fg_fleet *f, uint32_t zone);
uint32_t fg_fleet_synthetic(const struct fg_fleet *f); /* clients whose zone was drawn; 0 without carbon */
uint32_t fg_fleet_reused(const struct fg_fleet *f);    /* clients that share a trace node with another one */

/* Per client. */
uint32_t fg_fleet_node(const struct fg_fleet *f, uint32_t client); /* trace row; = client without trace */
uint32_t fg_fleet_shift_days(const struct fg_fleet *f, uint32_t client);
uint32_t fg_fleet_zone(const struct fg_fleet *f, uint32_t client);
double fg_fleet_samples_per_s(const struct fg_fleet *f, uint32_t client);
double fg_fleet_uplink_bps(const struct fg_fleet *f, uint32_t client);   /* bytes/s */
double fg_fleet_downlink_bps(const struct fg_fleet *f, uint32_t client); /* bytes/s */
double fg_fleet_power_w(const struct fg_fleet *f, uint32_t client);
double fg_fleet_availability(const struct fg_fleet *f, uint32_t client); /* fraction of the trace it is up */
double fg_fleet_mean_carbon(const struct fg_fleet *f, uint32_t client);  /* of its zone, g/kWh */

/* Clients of one history are up at the same moments, always: they have the same row of the trace, shifted
 * alike, in zones of one time and one past. `history` (clients) gets the number of each client's, by who
 * comes first; `first`, with room for as many as there are clients, the first client of each of the *n.
 * Cost: O(clients). Errors: FG_E_NOMEM. */
enum fg_status fg_fleet_histories(const struct fg_fleet *f, uint32_t *history, uint32_t *first,
                                  uint32_t *n) FG_NODISCARD;

/* Who is up. Times are absolute. A client is up in [start, end) of its intervals. */
bool fg_fleet_is_up(const struct fg_fleet *f, uint32_t client, fg_time_t t);

/* When a client that is up at t goes down; t itself if it is down; FG_NEVER if not within FG_FLEET_AHEAD. */
fg_time_t fg_fleet_up_until(const struct fg_fleet *f, uint32_t client, fg_time_t t);

/* The earlier of that and `until`. Cost: less, the nearer `until` is. */
fg_time_t fg_fleet_stays(const struct fg_fleet *f, uint32_t client, fg_time_t t, fg_time_t until);

/* The first moment at or after t when the client is up; FG_NEVER if not before the trace ends (or, when
 * wrapping, within one turn and FG_FLEET_AHEAD). */
fg_time_t fg_fleet_next_up(const struct fg_fleet *f, uint32_t client, fg_time_t t);

#define FG_FLEET_AHEAD (400 * FG_DAY)

/* Up time within [t0, t1). */
fg_time_t fg_fleet_up_us(const struct fg_fleet *f, uint32_t client, fg_time_t t0, fg_time_t t1);

/* Write the clients that are up at t, ascending, to out (room for fg_fleet_clients()); returns how many.
 * `until` (clients; NULL: nobody asks) gets, at the number of each of them, a time later than t up to which
 * it stays up for sure: where the trace goes on without a seam, fg_fleet_up_until().
 * The others' is left alone.
 * Cost: O(clients log intervals), some 0.1 s for a million. */
size_t fg_fleet_available(const struct fg_fleet *f, fg_time_t t, uint32_t *out, fg_time_t *until);

/* No trace: nobody ever leaves. */
bool fg_fleet_always_up(const struct fg_fleet *f);

/* Whether the files tell of the moment themselves, for clients of this zone: it does not lie before they
 * begin, where the end of a file that repeats would stand for it. */
bool fg_fleet_recorded(const struct fg_fleet *f, uint32_t zone, fg_time_t t);

/* Carbon intensity of a zone: at a moment, in g/kWh, and its integral over [t0, t1), in (g/kWh) s: times
 * watts / 3.6e6 it is grams. */
double fg_fleet_intensity(const struct fg_fleet *f, uint32_t zone, fg_time_t t);
double fg_fleet_carbon_integral(const struct fg_fleet *f, uint32_t zone, fg_time_t t0, fg_time_t t1);

#endif
