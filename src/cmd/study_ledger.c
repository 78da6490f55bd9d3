#include "src/cmd/study_ledger.h"

#include "src/base/mem.h"

enum { U32_COLUMNS = 3, F64_COLUMNS = FG_STUDY_LEDGER_COLUMNS - U32_COLUMNS };

struct fg_study_ledger {
    uint32_t *u32; /* (U32_COLUMNS, clients) */
    double *f64;   /* (F64_COLUMNS, clients) */
};

static uint32_t samples_of(const struct fg_setup *s, uint32_t client)
{
    return s->samples[client];
}

static uint32_t node_of(const struct fg_setup *s, uint32_t client)
{
    return fg_fleet_node(s->fleet, client);
}

static uint32_t zone_of(const struct fg_setup *s, uint32_t client)
{
    return fg_fleet_zone(s->fleet, client);
}

static const struct {
    const char *name, *unit, *doc;
    uint32_t (*get)(const struct fg_setup *s, uint32_t client);
} u32_columns[U32_COLUMNS] = {
    {"samples", "samples", "training samples", samples_of},
    {"node", "", "row of the availability trace", node_of},
    {"zone", "", "carbon zone, in the order of carbon.traces", zone_of},
};

static const struct {
    const char *name, *unit, *doc;
    double (*get)(const struct fg_fleet *f, uint32_t client);
} f64_columns[F64_COLUMNS] = {
    {"availability", "fraction", "share of its trace row that it is up", fg_fleet_availability},
    {"samples_per_s", "samples/s", "training speed", fg_fleet_samples_per_s},
    {"uplink_bytes_per_s", "B/s", "uplink", fg_fleet_uplink_bps},
    {"downlink_bytes_per_s", "B/s", "downlink", fg_fleet_downlink_bps},
    {"power_w", "W", "power while computing", fg_fleet_power_w},
    {"mean_carbon_g_per_kwh", "g/kWh", "mean intensity of its zone's trace", fg_fleet_mean_carbon},
};

enum fg_status fg_study_ledger_create(struct fg_study_ledger **out, const struct fg_setup *s,
                                      struct fg_ledger_col *columns)
{
    size_t n = s->clients;
    struct fg_study_ledger *l = fg_calloc(1, sizeof *l);
    if (l == NULL) {
        return FG_E_NOMEM;
    }
    l->u32 = fg_calloc(n * U32_COLUMNS, sizeof *l->u32);
    l->f64 = fg_calloc(n * F64_COLUMNS, sizeof *l->f64);
    if (l->u32 == NULL || l->f64 == NULL) {
        fg_study_ledger_destroy(l);
        return FG_E_NOMEM;
    }
    for (size_t k = 0; k < U32_COLUMNS; k++) {
        for (uint32_t c = 0; c < n; c++) {
            l->u32[k * n + c] = u32_columns[k].get(s, c);
        }
        columns[k] = (struct fg_ledger_col){.name = u32_columns[k].name, .unit = u32_columns[k].unit,
                                            .kind = FG_COL_U32, .data = l->u32 + k * n, .doc = u32_columns[k].doc};
    }
    for (size_t k = 0; k < F64_COLUMNS; k++) {
        for (uint32_t c = 0; c < n; c++) {
            l->f64[k * n + c] = f64_columns[k].get(s->fleet, c);
        }
        columns[U32_COLUMNS + k] =
            (struct fg_ledger_col){.name = f64_columns[k].name, .unit = f64_columns[k].unit, .kind = FG_COL_F64,
                                   .data = l->f64 + k * n, .doc = f64_columns[k].doc};
    }
    *out = l;
    return FG_OK;
}

void fg_study_ledger_destroy(struct fg_study_ledger *l)
{
    if (l != NULL) {
        fg_free(l->u32);
        fg_free(l->f64);
        fg_free(l);
    }
}
