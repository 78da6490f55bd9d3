#include "src/study/study_results.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "src/base/mem.h"

enum {
    LEDGER_COLUMNS = 22,
    U32_COLUMNS = 3,
    F64_COLUMNS = 6,
    THEORY_COLUMNS = 4,
    SPENT_COLUMNS = LEDGER_COLUMNS - U32_COLUMNS - F64_COLUMNS - THEORY_COLUMNS
};

/* What the columns are made from. */
struct sources {
    const struct fg_setup *setup;
    const struct fg_ledger *ledger;
    const struct fg_watch *watch;
    double all, counted; /* sums of what everyone should count, and did */
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

static const struct fg_ledger_col theory_columns[THEORY_COLUMNS] = {
    {.name = "target", .unit = "fraction", .doc = "share that it should count"},
    {.name = "counted", .unit = "fraction", .doc = "share that it counted (p_k)"},
    {.name = "up_rate", .unit = "fraction", .doc = "share of rounds in which it is up, shrunk to the mean"},
    {.name = "memory", .unit = "", .doc = "correlation of being up from round to round"}};

static double target_of(const struct fg_setup *s, uint32_t client)
{
    return s->cfg->aggregate.weights == FG_OPT_WEIGHTS_UNIFORM ? 1.0 : (double)s->samples[client];
}

/* What the client should have counted and did, and what its availability looked like. */
static double theory_of(const struct sources *from, size_t which, uint32_t client)
{
    switch (which) {
    case 0:
        return target_of(from->setup, client) / from->all;
    case 1:
        return from->counted > 0.0
                   ? target_of(from->setup, client) * from->watch->weight[client] / from->counted
                   : 0.0;
    case 2:
        return fg_watch_up(from->watch, client);
    default:
        return fg_watch_memory(from->watch, client);
    }
}

static void fill_u32(const struct fg_ledger_col *c, size_t first, size_t n, void *out)
{
    const struct sources *from = c->arg;
    uint32_t *v = out;
    for (size_t i = 0; i < n; i++) {
        v[i] = u32_columns[c->which].get(from->setup, (uint32_t)(first + i));
    }
}

static void fill_f64(const struct fg_ledger_col *c, size_t first, size_t n, void *out)
{
    const struct sources *from = c->arg;
    double *v = out;
    for (size_t i = 0; i < n; i++) {
        v[i] = f64_columns[c->which].get(from->setup->fleet, (uint32_t)(first + i));
    }
}

/* Integers or doubles, as the column says. */
static void fill_spent(const struct fg_ledger_col *c, size_t first, size_t n, void *out)
{
    const struct sources *from = c->arg;
    for (size_t i = 0; i < n; i++) {
        const struct fg_ledger_row *row = fg_ledger_row(from->ledger, (uint32_t)(first + i));
        memcpy((char *)out + 8 * i, (const char *)row + spent_columns[c->which].offset, 8);
    }
}

static void fill_theory(const struct fg_ledger_col *c, size_t first, size_t n, void *out)
{
    double *v = out;
    for (size_t i = 0; i < n; i++) {
        v[i] = theory_of(c->arg, c->which, (uint32_t)(first + i));
    }
}

static void make_columns(struct fg_ledger_col columns[LEDGER_COLUMNS], struct sources *from)
{
    struct fg_ledger_col *c = columns;
    for (uint32_t i = 0; i < from->setup->clients; i++) {
        from->all += target_of(from->setup, i);
        from->counted += target_of(from->setup, i) * from->watch->weight[i];
    }
    for (size_t k = 0; k < U32_COLUMNS; k++) {
        *c++ = (struct fg_ledger_col){.name = u32_columns[k].name,
                                      .unit = u32_columns[k].unit,
                                      .kind = FG_COL_U32,
                                      .doc = u32_columns[k].doc,
                                      .fill = fill_u32,
                                      .which = k};
    }
    for (size_t k = 0; k < F64_COLUMNS; k++) {
        *c++ = (struct fg_ledger_col){.name = f64_columns[k].name,
                                      .unit = f64_columns[k].unit,
                                      .kind = FG_COL_F64,
                                      .doc = f64_columns[k].doc,
                                      .fill = fill_f64,
                                      .which = k};
    }
    for (size_t k = 0; k < SPENT_COLUMNS; k++) {
        *c++ = (struct fg_ledger_col){.name = spent_columns[k].name,
                                      .unit = spent_columns[k].unit,
                                      .kind = spent_columns[k].kind,
                                      .doc = spent_columns[k].doc,
                                      .fill = fill_spent,
                                      .which = k};
    }
    for (size_t k = 0; k < THEORY_COLUMNS; k++) {
        *c = theory_columns[k];
        c->kind = FG_COL_F64;
        c->fill = fill_theory;
        c++->which = k;
    }
    for (size_t k = 0; k < LEDGER_COLUMNS; k++) {
        columns[k].arg = from;
    }
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

double fg_study_peak_bytes(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (double)used.ru_maxrss * 1024.0 : 0.0;
}

enum fg_status fg_study_results(struct fg_rundir *dir, const struct fg_setup *setup,
                                const struct fg_aggregator *agg, struct fg_summary *summary,
                                struct fg_err *err)
{
    struct fg_ledger_col columns[LEDGER_COLUMNS];
    struct fg_run_content content = {.summary = summary,
                                     .layers = setup->cost_only ? "" : fg_model_layers(setup->model),
                                     .params = setup->cost_only ? NULL : fg_aggregator_params(agg),
                                     .data = setup->data,
                                     .partition = setup->part,
                                     .ledger = columns,
                                     .n_ledger = LEDGER_COLUMNS};
    struct sources from = {
        .setup = setup, .ledger = fg_aggregator_ledger(agg), .watch = fg_aggregator_watch(agg)};
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
    make_columns(columns, &from);
    st = st == FG_OK ? footprint_fill(&footprint, setup, fg_aggregator_footprint(agg)) : st;
    content.footprint = footprint.col;
    content.n_footprint = 2 * FG_SPENDS;
    content.zones = footprint.zones.data;
    content.n_zones = fg_fleet_zones(setup->fleet) + 1;
    st = st == FG_OK ? fg_rundir_finish(dir, &content, err)
                     : fg_fail(err, st, "the results could not be gathered: %s", fg_status_text(st));
    fg_plural_fini(&plural);
    if (st == FG_OK && summary->peak_bytes > 0.0) {
        summary->peak_bytes = fg_study_peak_bytes();
        st = fg_rundir_summary(dir, summary, err);
    }
    fg_str_fini(&footprint.zones);
    fg_free(tensors);
    return st;
}
