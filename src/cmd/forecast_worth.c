/* forage forecast --carbon: what forecasts are worth. */
#include "src/cmd/forecast_worth.h"

#include <math.h>
#include <stdio.h>

#include "src/base/mem.h"
#include "src/forecast/forecast.h"

enum fg_status fg_forecast_worth(struct fg_worth *out, const struct fg_trace *t,
                                 const struct fg_cmd_list *files, struct fg_err *err)
{
    struct fg_worth_spec spec;
    struct fg_carbon **carbon = fg_calloc(files->n, sizeof(struct fg_carbon *));
    struct fg_zone_carbon *zones = fg_calloc(files->n, sizeof *zones);
    enum fg_status st = carbon != NULL && zones != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < files->n; i++) {
        st = fg_carbon_load(&carbon[i], files->item[i], NULL, err);
        if (st == FG_OK) {
            zones[i] = (struct fg_zone_carbon){carbon[i]->zone[0] != '\0' ? carbon[i]->zone : carbon[i]->name,
                                               carbon[i]};
        }
    }
    st = st == FG_OK ? fg_carbon_check_alike((const struct fg_carbon *const *)carbon, files->n, err) : st;
    fg_worth_defaults(&spec);
    st = st == FG_OK ? fg_worth_run(out, t, zones, files->n, &spec, err) : st;
    for (size_t i = 0; carbon != NULL && i < files->n; i++) {
        fg_carbon_destroy(carbon[i]);
    }
    fg_free(carbon);
    fg_free(zones);
    return st;
}

static void percent(double v)
{
    if (isfinite(v)) {
        printf("%8.2f%%", 100.0 * v);
    } else {
        printf("%9s", "n/a");
    }
}

static void print_row(const struct fg_worth_row *r)
{
    printf("  %-12s %-12s", r->availability, r->carbon);
    percent(r->regret);
    percent(r->low);
    percent(r->high);
    putchar('\n');
}

void fg_forecast_worth_print(const struct fg_worth *w)
{
    const struct fg_worth_row *best = &w->rows[w->ensemble];
    printf(
        "\nworth of forecasts: %u schedules of a day for %u nodes, a fifth of the carbon of training always "
        "(alpha 0.5)\n",
        w->windows, w->nodes);
    printf("  %-12s %-12s %8s %8s %8s\n", "availability", "carbon", "regret", "low", "high");
    for (size_t i = 0; i < w->n_rows; i++) {
        print_row(&w->rows[i]);
    }
    printf("  on a synthetic twin\n");
    print_row(&w->irreducible);
    print_row(&w->twin_ensemble);
    printf("  planned again each hour; then the same on the twin\n");
    print_row(&w->hourly);
    print_row(&w->hourly_irreducible);
    print_row(&w->hourly_twin);
    if (isfinite(best->regret) && isfinite(w->irreducible.regret)) {
        printf(
            "  the ensembles' regret is %.2f%%, planned again each hour %.2f%%; some %.2f%% and %.2f%% are "
            "irreducible, as even the true model of the twin loses them\n",
            100.0 * best->regret, 100.0 * w->hourly.regret, 100.0 * w->irreducible.regret,
            100.0 * w->hourly_irreducible.regret);
    }
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_row(const struct fg_worth_row *r)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "availability", r->availability, "carbon", r->carbon,
                     "regret", number(r->regret), "regret_low", number(r->low), "regret_high",
                     number(r->high));
}

json_t *fg_forecast_worth_json(const struct fg_worth *w)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < w->n_rows; i++) {
        json_array_append_new(rows, json_row(&w->rows[i]));
    }
    json_t *hourly = json_pack("{s:o, s:o, s:o}", "ensemble", json_row(&w->hourly), "irreducible",
                               json_row(&w->hourly_irreducible), "twin_ensemble", json_row(&w->hourly_twin));
    return json_pack("{s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "schedules", (int)w->windows, "nodes",
                     (int)w->nodes, "hours", (json_int_t)w->hours, "warmup_h", (json_int_t)w->warmup_h,
                     "regret", number(w->rows[w->ensemble].regret), "irreducible", json_row(&w->irreducible),
                     "twin_ensemble", json_row(&w->twin_ensemble), "hourly", hourly, "rows", rows);
}
