#include "src/cmd/study_results.h"

#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"

enum {
    LEDGER_COLUMNS = 22,
    U32_COLUMNS = 3,
    F64_COLUMNS = 6,
    THEORY_COLUMNS = 4,
    SPENT_COLUMNS = LEDGER_COLUMNS - U32_COLUMNS - F64_COLUMNS - THEORY_COLUMNS
};

struct ledger_columns {
    uint32_t *u32;   /* (U32_COLUMNS, clients) */
    double *f64;     /* (F64_COLUMNS, clients) */
    uint64_t *spent; /* (SPENT_COLUMNS, clients) doubles where the column says so */
    double *theory;  /* (THEORY_COLUMNS, clients) */
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

/* Columns of struct fg_ledger_row, each 8 bytes wide. */
static const struct {
    const char *name, *unit, *doc;
    enum fg_col_kind kind;
    size_t offset;
} spent_columns[SPENT_COLUMNS] = {
#define C(name, unit, kind, doc)                                              \
    {                                                                         \
#name, unit, doc, FG_COL_##kind, offsetof(struct fg_ledger_row, name) \
    }
    C(bytes_down, "B", U64, "bytes to the client"),
    C(bytes_up, "B", U64, "bytes from the client"),
    C(steps, "steps", U64, "local steps done, wasted ones included"),
    C(steps_wasted, "steps", U64, "local steps that reached no model"),
    C(compute_j, "J", F64, "energy of computing"),
    C(comm_j, "J", F64, "energy of communication, device and network"),
    C(carbon_g, "gCO2", F64, "carbon of all that energy"),
    C(wasted_j, "J", F64, "energy of work that reached no model, part of the above"),
    C(wasted_g, "gCO2", F64, "carbon of that work, part of the above"),
#undef C
};

/* What each client should have counted and did, and what its availability looked like. */
static void fill_theory(double *v, const struct fg_setup *s, const struct fg_watch *w,
                        struct fg_ledger_col *columns)
{
    static const struct fg_ledger_col about[THEORY_COLUMNS] = {
        {"target", "fraction", FG_COL_F64, NULL, "share that it should count"},
        {"counted", "fraction", FG_COL_F64, NULL, "share that it counted (p_k)"},
        {"up_rate", "fraction", FG_COL_F64, NULL, "share of rounds in which it is up, shrunk to the mean"},
        {"memory", "", FG_COL_F64, NULL, "correlation of being up from round to round"}};
    size_t n = s->clients;
    double all = 0.0, counted = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        v[i] = s->cfg->aggregate.weights == FG_OPT_WEIGHTS_UNIFORM ? 1.0 : (double)s->samples[i];
        v[n + i] = v[i] * w->weight[i];
        all += v[i];
        counted += v[n + i];
        v[2 * n + i] = fg_watch_up(w, i);
        v[3 * n + i] = fg_watch_memory(w, i);
    }
    for (uint32_t i = 0; i < n; i++) {
        v[i] /= all;
        v[n + i] = counted > 0.0 ? v[n + i] / counted : 0.0;
    }
    for (size_t k = 0; k < THEORY_COLUMNS; k++) {
        columns[k] = about[k];
        columns[k].data = v + k * n;
    }
}

static void fill_spent(uint64_t *spent, const struct fg_ledger *ledger, size_t clients,
                       struct fg_ledger_col *columns)
{
    for (size_t k = 0; k < SPENT_COLUMNS; k++) {
        for (uint32_t c = 0; c < clients; c++) {
            const struct fg_ledger_row *row = fg_ledger_row(ledger, c);
            memcpy(&spent[k * clients + c], (const char *)row + spent_columns[k].offset, sizeof *spent);
        }
        columns[k] = (struct fg_ledger_col){.name = spent_columns[k].name,
                                            .unit = spent_columns[k].unit,
                                            .kind = spent_columns[k].kind,
                                            .data = spent + k * clients,
                                            .doc = spent_columns[k].doc};
    }
}

static void ledger_destroy(struct ledger_columns *l)
{
    if (l != NULL) {
        fg_free(l->u32);
        fg_free(l->f64);
        fg_free(l->spent);
        fg_free(l->theory);
        fg_free(l);
    }
}

static enum fg_status ledger_create(struct ledger_columns **out, const struct fg_setup *s,
                                    const struct fg_aggregator *agg, struct fg_ledger_col *columns)
{
    size_t n = s->clients;
    struct ledger_columns *l = fg_calloc(1, sizeof *l);
    if (l == NULL) {
        return FG_E_NOMEM;
    }
    l->u32 = fg_calloc(n * U32_COLUMNS, sizeof *l->u32);
    l->f64 = fg_calloc(n * F64_COLUMNS, sizeof *l->f64);
    l->spent = fg_calloc(n * SPENT_COLUMNS, sizeof *l->spent);
    l->theory = fg_calloc(n * THEORY_COLUMNS, sizeof *l->theory);
    if (l->u32 == NULL || l->f64 == NULL || l->spent == NULL || l->theory == NULL) {
        ledger_destroy(l);
        return FG_E_NOMEM;
    }
    for (size_t k = 0; k < U32_COLUMNS; k++) {
        for (uint32_t c = 0; c < n; c++) {
            l->u32[k * n + c] = u32_columns[k].get(s, c);
        }
        columns[k] = (struct fg_ledger_col){.name = u32_columns[k].name,
                                            .unit = u32_columns[k].unit,
                                            .kind = FG_COL_U32,
                                            .data = l->u32 + k * n,
                                            .doc = u32_columns[k].doc};
    }
    for (size_t k = 0; k < F64_COLUMNS; k++) {
        for (uint32_t c = 0; c < n; c++) {
            l->f64[k * n + c] = f64_columns[k].get(s->fleet, c);
        }
        columns[U32_COLUMNS + k] = (struct fg_ledger_col){.name = f64_columns[k].name,
                                                          .unit = f64_columns[k].unit,
                                                          .kind = FG_COL_F64,
                                                          .data = l->f64 + k * n,
                                                          .doc = f64_columns[k].doc};
    }
    fill_spent(l->spent, fg_aggregator_ledger(agg), n, columns + U32_COLUMNS + F64_COLUMNS);
    fill_theory(l->theory, s, fg_aggregator_watch(agg), columns + LEDGER_COLUMNS - THEORY_COLUMNS);
    *out = l;
    return FG_OK;
}

/* A column of J and one of g for each spend, by zone; names are made in `text`. */
struct footprint_columns {
    struct fg_ledger_col col[2 * FG_SPENDS];
    char text[2 * FG_SPENDS][24];
    struct fg_str zones;
};

static enum fg_status footprint_fill(struct footprint_columns *c, const struct fg_setup *setup,
                                     const struct fg_footprint *f)
{
    enum fg_status st = FG_OK;
    for (int i = 0; i < 2 * FG_SPENDS; i++) {
        enum fg_spend s = (enum fg_spend)(i / 2);
        bool grams = i % 2 == 1;
        (void)snprintf(c->text[i], sizeof c->text[i], "%s_%s", fg_spend_name[s], grams ? "g" : "j");
        c->col[i] = (struct fg_ledger_col){
            .name = c->text[i],
            .unit = grams ? "gCO2" : "J",
            .kind = FG_COL_F64,
            .data = grams ? fg_footprint_carbon_g(f, s) : fg_footprint_energy_j(f, s),
            .doc = grams ? "carbon of that, by zone, the server last" : "energy, by zone, the server last"};
    }
    for (uint32_t z = 0; st == FG_OK && z < fg_fleet_zones(setup->fleet); z++) {
        st = fg_str_addf(&c->zones, "%s,", fg_fleet_zone_name(setup->fleet, z));
    }
    return st == FG_OK ? fg_str_addf(&c->zones, "server") : st;
}

enum fg_status fg_study_results(struct fg_rundir *dir, const struct fg_setup *setup,
                                const struct fg_aggregator *agg, struct fg_summary *summary,
                                struct fg_err *err)
{
    struct fg_ledger_col columns[LEDGER_COLUMNS];
    struct fg_run_content content = {.summary = summary,
                                     .layers = setup->cost_only ? "" : fg_model_layers(setup->model),
                                     .params = setup->cost_only ? NULL : fg_aggregator_params(agg),
                                     .partition = setup->part,
                                     .ledger = columns,
                                     .n_ledger = LEDGER_COLUMNS};
    struct ledger_columns *ledger = NULL;
    struct fg_plural plural = {0};
    struct footprint_columns footprint = {.zones = {0}};
    struct fg_layer_info info, *tensors = NULL;
    size_t n = 0, cap = 0;
    enum fg_status st = FG_OK;
    for (unsigned i = 0; st == FG_OK && !setup->cost_only && fg_model_layer_info(setup->model, i, &info);
         i++) {
        st = FG_GROW(tensors, n, cap);
        if (st == FG_OK) {
            tensors[n++] = info;
        }
    }
    content.tensor = tensors;
    content.n_tensors = n;
    st = st == FG_OK ? fg_aggregator_plural(agg, &plural) : st;
    content.blocks = plural.blocks;
    content.block_params = plural.params;
    content.block_of = plural.block_of;
    st = st == FG_OK ? ledger_create(&ledger, setup, agg, columns) : st;
    st = st == FG_OK ? footprint_fill(&footprint, setup, fg_aggregator_footprint(agg)) : st;
    content.footprint = footprint.col;
    content.n_footprint = 2 * FG_SPENDS;
    content.zones = footprint.zones.data;
    content.n_zones = fg_fleet_zones(setup->fleet) + 1;
    st = st == FG_OK ? fg_rundir_finish(dir, &content, err)
                     : fg_fail(err, st, "the results could not be gathered: %s", fg_status_text(st));
    ledger_destroy(ledger);
    fg_plural_fini(&plural);
    fg_str_fini(&footprint.zones);
    fg_free(tensors);
    return st;
}
