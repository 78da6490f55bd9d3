/* The ledger: what every task cost in bytes, joules and grams of CO2, and what of it was for nothing.
 *
 * A task is booked once, when its fate is known, with its outcome in virtual time (world.h) and a verdict.
 * Cost is split by what used it and by verdict; the model is doc/cost-model.md:
 *
 *   compute   power_w * pue over the compute phase
 *   device    comm_power_w * pue over the transfer phases
 *   network   network_kwh_per_gb * bytes (or the power model of fg_ledger_network_j()), at the mean intensity
 *             of the client's zone during the transfer
 *
 * Wasted is what was spent on LOST, LATE and STALE tasks. Grams are the integral of power times the zone's
 * intensity at that time. Sums are added in the order of booking, so that the same bookings give the same
 * bits; fg_ledger_check() compares them with one another.
 * Thread safety: one caller.
 */
#ifndef FG_AVAILABILITY_LEDGER_H
#define FG_AVAILABILITY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/fleet.h"
#include "src/availability/world.h"
#include "src/base/status.h"
#include "src/base/str.h"
#include "src/plan/outcome.h"

#define FG_VERDICTS 6 /* the values of enum fg_verdict: USED, PARTIAL, LOST, LATE, STALE, ASKED */

enum fg_cost { FG_COST_COMPUTE = 0, FG_COST_DEVICE = 1, FG_COST_NETWORK = 2, FG_COSTS = 3 };

/* What one task used. */
struct fg_usage {
    uint64_t bytes_down, bytes_up;
    uint64_t steps;
    double energy_j[FG_COSTS];
    double carbon_g[FG_COSTS];
    double down_j[FG_COSTS], down_g[FG_COSTS]; /* of these, the download's */
    double down_g_per_kwh, up_g_per_kwh;       /* the mean during the transfer, or then if it took no time */
};

/* One client's sums. */
struct fg_ledger_row {
    uint64_t bytes_down, bytes_up;
    uint64_t steps, steps_wasted; /* steps includes steps_wasted */
    double compute_j, comm_j;     /* comm: device and network */
    double carbon_g;
    double wasted_j, wasted_g; /* part of the above */
    uint32_t tasks[FG_VERDICTS];
};

struct fg_ledger_totals {
    uint64_t tasks[FG_VERDICTS], steps[FG_VERDICTS], bytes_down[FG_VERDICTS], bytes_up[FG_VERDICTS];
    double energy_j[FG_VERDICTS][FG_COSTS];
    double carbon_g[FG_VERDICTS][FG_COSTS];
};

/* The totals as they are reported. */
struct fg_ledger_summary {
    uint64_t downlink_bytes, uplink_bytes;
    uint64_t steps_total, steps_wasted; /* total includes wasted */
    uint64_t updates_used, updates_partial, updates_lost, updates_late, updates_stale, asked;
    double energy_wh, compute_wh, comm_wh; /* energy = compute + comm */
    double carbon_g, compute_g, comm_g;
    double wasted_wh, wasted_g;                                 /* lost + late + stale */
    double wasted_wh_by[FG_VERDICTS], wasted_g_by[FG_VERDICTS]; /* 0 for USED, PARTIAL, ASKED */
};

struct fg_ledger;

/* Errors: FG_E_NOMEM. Owner: the caller, fg_ledger_destroy(). */
enum fg_status fg_ledger_create(struct fg_ledger **out, uint32_t clients) FG_NODISCARD;
void fg_ledger_destroy(struct fg_ledger *l);

/* Whether work with this verdict was for nothing. */
bool fg_verdict_wastes(enum fg_verdict verdict);

/* What the network uses to move so many bytes in so long, by its energy per byte or by its power, in J;
 * pure. */
double fg_ledger_network_j(const struct fg_fleet_spec *s, bool by_power, uint64_t bytes, double seconds);

/* Whether it was an update that counts. */
bool fg_verdict_counts(enum fg_verdict verdict);

/* What an outcome used; pure. */
void fg_ledger_usage(const struct fg_fleet *f, uint32_t client, const struct fg_outcome *o,
                     struct fg_usage *out);

/* Book one task. Cost: O(1), no allocation. */
void fg_ledger_book_usage(struct fg_ledger *l, uint32_t client, const struct fg_usage *u,
                          enum fg_verdict verdict);

uint32_t fg_ledger_clients(const struct fg_ledger *l);
const struct fg_ledger_row *fg_ledger_row(const struct fg_ledger *l, uint32_t client);
const struct fg_ledger_totals *fg_ledger_totals(const struct fg_ledger *l);
void fg_ledger_summary(const struct fg_ledger *l, struct fg_ledger_summary *out);

/* FG_E_INTERNAL if totals and the sums over clients differ: counts at all, energy and carbon by more than
 * 1e-9 of the total. */
enum fg_status fg_ledger_check(const struct fg_ledger *l, struct fg_err *err) FG_NODISCARD;

/* Append the ledger's bytes to out (little-endian, versioned, checksummed; only clients that ever had a task)
 * and make one from bytes.
 * Errors: FG_E_NOMEM; load also FG_E_CORRUPT, FG_E_VERSION. */
enum fg_status fg_ledger_save(const struct fg_ledger *l, struct fg_str *out) FG_NODISCARD;
size_t fg_ledger_saved_bytes(const struct fg_ledger *l); /* how many these are; a look at every client */
enum fg_status fg_ledger_load(struct fg_ledger **out, const void *bytes, size_t len,
                              struct fg_err *err) FG_NODISCARD;

/* For save and load only. */
struct fg_ledger_row *fg_ledger_row_mut(struct fg_ledger *l, uint32_t client);
struct fg_ledger_totals *fg_ledger_totals_mut(struct fg_ledger *l);

#endif
