/* What a trace looks like: quantiles of sessions and gaps, the daily and the weekly pattern.
 * Thread safety: pure. */
#ifndef FG_AVAILABILITY_STAT_H
#define FG_AVAILABILITY_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/carbon.h"
#include "src/availability/trace.h"
#include "src/availability/tz.h"
#include "src/base/status.h"

/* Quantiles by linear interpolation between order statistics; all 0 for n = 0. */
struct fg_distribution {
    size_t n;
    double mean, min, p10, p25, p50, p75, p90, max;
};

/* Shares of time by hour of day and by weekday; have[] false where the trace has no such time. */
struct fg_pattern {
    double hour[24];
    bool have_hour[24];
    double day[7]; /* 0 = Monday; where no date is known, 0 = the first day */
    bool have_day[7];
    bool dated;
};

struct fg_trace_stat {
    struct fg_distribution availability; /* of nodes */
    struct fg_distribution session_h;    /* intervals; those cut by the trace's ends included */
    struct fg_distribution gap_h; /* between a node's intervals: not before the first or after the last */
    size_t cut_sessions;          /* that begin or end with the trace */
    struct fg_pattern up;         /* mean share of nodes that are up, by the trace's own clock */
};

struct fg_carbon_stat {
    struct fg_distribution g_per_kwh; /* of hours */
    struct fg_pattern pattern;        /* mean g/kWh by local hour and weekday (UTC without tz) */
};

/* Sorts v. */
void fg_distribution(struct fg_distribution *d, double *v, size_t n);

/* Cost: O(nodes hours log intervals). Errors: FG_E_NOMEM. */
enum fg_status fg_trace_stat(const struct fg_trace *t, struct fg_trace_stat *out) FG_NODISCARD;

/* tz may be NULL: UTC. Errors: FG_E_NOMEM. */
enum fg_status fg_carbon_stat(const struct fg_carbon *c, const struct fg_tz *tz,
                              struct fg_carbon_stat *out) FG_NODISCARD;

#endif
