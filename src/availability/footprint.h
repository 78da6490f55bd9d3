/* The footprint: energy and carbon of a whole run by what they went into, idle machines, the server and the
 * making of machines included; the ledger (ledger.h) beside it holds what each client's tasks cost.
 *
 * Everything is kept by spend (enum fg_spend) and carbon zone, the server as one zone more, so that the same
 * joules can be priced in several ways. Sums are added in the order of booking. The model and the sources of
 * its constants: doc/cost-model.md.
 * Thread safety: one caller.
 */
#ifndef FG_AVAILABILITY_FOOTPRINT_H
#define FG_AVAILABILITY_FOOTPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/fleet.h"
#include "src/availability/ledger.h"
#include "src/base/bytes.h"
#include "src/base/status.h"
#include "src/base/str.h"
#include "src/plan/outcome.h"
#include "src/plan/record.h"

/* "init", "shard", ... */
extern const char *const fg_spend_name[FG_SPENDS];

/* Open record; the defaults are those of the options [cost]. */
struct fg_cost_model {
    enum fg_idle idle;           /* which idle time is in the total */
    double idle_w;               /* of a client that does nothing */
    double init_s;               /* of work before a client's first task */
    double embodied_kg;          /* to make a client's machine */
    double lifetime_h;           /* that it works in its life, > 0 */
    double server_idle_w;        /* the server's share that waits for this run */
    double server_w;             /* the same while it works, above waiting */
    double server_pue;           /* >= 1 */
    double server_samples_per_s; /* > 0: it evaluates */
    double server_mb_per_s;  /* > 0, 10^6 bytes: an update is decoded and folded, or encoded by a client */
    double plan_us;          /* of the server's time for a client and slot that is forecast and planned */
    const char *server_zone; /* NULL or "": the mean over the clients; borrowed */
};
void fg_cost_model_defaults(struct fg_cost_model *m);

struct fg_footprint;

/* The fleet is borrowed. Errors: FG_E_CONFIG for a server's zone that does not exist, FG_E_NOMEM. Owner: the
 * caller, fg_footprint_destroy() (NULL allowed). */
enum fg_status fg_footprint_create(struct fg_footprint **out, const struct fg_fleet *fleet,
                                   const struct fg_cost_model *model, struct fg_err *err) FG_NODISCARD;
void fg_footprint_destroy(struct fg_footprint *p);

/* One task. */
struct fg_footprint_task {
    uint32_t client;
    const struct fg_outcome *outcome;
    const struct fg_usage *usage; /* fg_ledger_usage() of that outcome */
    enum fg_verdict verdict;
    double shard_share;   /* of the bytes down, 0..1 */
    bool first;           /* of this client */
    uint64_t coded_bytes; /* of the update before it was encoded; 0 = as it is */
    fg_time_t t_next;     /* when its client begins the round's next task, or else the round's commit */
};
void fg_footprint_task(struct fg_footprint *p, const struct fg_footprint_task *t);

/* A round committed at t1, the one before at t0: who was up in it counts as up from t0 to t1; the server took
 * in `folded_bytes` of updates and weighed so many pairs of client and slot. */
void fg_footprint_round(struct fg_footprint *p, fg_time_t t0, fg_time_t t1, const uint32_t *up, size_t n_up,
                        uint64_t folded_bytes, uint64_t planned);

/* The server evaluated so many samples at t. */
void fg_footprint_evaluated(struct fg_footprint *p, fg_time_t t, uint64_t samples);

/* Sums over a run from t0 to t1. Cost: O(zones). */
void fg_footprint_summary(const struct fg_footprint *p, fg_time_t t0, fg_time_t t1,
                          struct fg_footprint_sums *out);

/* By zone, the server last: J and g of a spend; (fg_fleet_zones() + 1). */
const double *fg_footprint_energy_j(const struct fg_footprint *p, enum fg_spend s);
const double *fg_footprint_carbon_g(const struct fg_footprint *p, enum fg_spend s);

/* State as bytes and back into a fresh footprint of the same fleet; the reader says whether they were
 * right. */
enum fg_status fg_footprint_save(const struct fg_footprint *p, struct fg_str *out) FG_NODISCARD;
void fg_footprint_load(struct fg_footprint *p, struct fg_reader *in);

#endif
