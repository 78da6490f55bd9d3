/* The inside of a fleet, shared by fleet.c, fleet_draw.c and fleet_time.c only. */
#ifndef FG_AVAILABILITY_FLEET_IMPL_H
#define FG_AVAILABILITY_FLEET_IMPL_H

#include "src/availability/fleet.h"
#include "src/availability/tz.h"

struct fg_fleet_zone {
    char *name;
    const struct fg_carbon *carbon; /* NULL: constant */
    double constant_g_per_kwh;
    struct fg_tz *tz;       /* for local traces; NULL otherwise */
    int64_t carbon_zero_us; /* run time of the carbon file's first hour */
    int64_t carbon_turn_us; /* length of a turn when wrapping */
    int64_t local_zero_us;  /* local traces: local time (as if UTC) of the trace's zero */
    uint32_t clients;
};

struct fg_fleet {
    struct fg_fleet_spec spec;
    const struct fg_trace *trace;
    fg_time_t start;
    int64_t zero_us; /* run time of the trace's zero, utc and elapsed traces */
    int64_t span_us; /* of the trace */
    int64_t turn_us; /* length of a turn when wrapping */
    int64_t days_us; /* the trace's whole days: shifted rows rotate in these */
    uint32_t n_zones;
    uint32_t synthetic, reused;
    struct fg_fleet_zone *zones; /* (n_zones) */
    uint32_t *node;              /* (clients) */
    uint32_t *zone;              /* (clients) */
    uint16_t *shift_days;        /* (clients) */
    float *samples_per_s;        /* (clients) */
    float *uplink_bps;           /* (clients) bytes/s */
    float *downlink_bps;         /* (clients) bytes/s */
    float *power_w;              /* (clients) */
};

/* Fill the per-client arrays. */
enum fg_status fg_fleet_draw(struct fg_fleet *f) FG_NODISCARD;

#endif
