/* forage forecast of a carbon file: how well every predictor of intensity would have done. */
#include "src/cmd/forecast_carbon.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/cmd/cmd.h"
#include "src/cmd/forecast_picture.h"
#include "src/forecast/carbon_rolling.h"
#include "src/planner/buying.h"

enum { LINES = 32 /* of a panel, at most */ };

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_row(const struct fg_carbon_rolling_target *t, const struct fg_carbon_rolling_row *r)
{
    return json_pack("{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "predictor",
                     fg_carbon_predictors[r->predictor]->name, "event", "carbon", "horizon_h",
                     (int)t->horizon_h, "points", (json_int_t)t->points, "mae", number(r->mae), "mae_low",
                     number(r->low), "mae_high", number(r->high), "rmse", number(r->rmse), "bias",
                     number(r->bias), "pinball", number(r->pinball), "coverage", number(r->coverage), "width",
                     number(r->width), "skill", number(r->skill));
}

static json_t *json_buying(const struct fg_buying *b)
{
    json_t *list = json_array();
    for (size_t i = 0; b->days > 0 && i < sizeof b->row / sizeof *b->row; i++) {
        const struct fg_buying_row *r = &b->row[i];
        json_array_append_new(list,
                              json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "noise", r->noise, "trust",
                                        r->trust, "ratio_mean", r->mean, "ratio_worst", r->worst, "promised",
                                        r->promised, "inside", r->inside, "broken", r->broken));
    }
    return list;
}

static enum fg_status print_json(const struct fg_carbon *c, const struct fg_carbon_rolling *r,
                                 const struct fg_buying *b)
{
    json_t *scores = json_array(), *ensemble = json_array(), *notes = json_array();
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct fg_carbon_rolling_target *t = &r->targets[i];
        if (!t->scored) {
            json_array_append_new(
                notes, json_sprintf("carbon at %u h: left out: the file is too short", t->horizon_h));
            continue;
        }
        for (size_t k = 0; k < t->n_rows; k++) {
            json_array_append_new(scores, json_row(t, &t->rows[k]));
        }
        json_array_append_new(ensemble,
                              json_pack("{s:s, s:i, s:s, s:o, s:o, s:o}", "event", "carbon", "horizon_h",
                                        (int)t->horizon_h, "best", fg_carbon_predictors[t->best]->name,
                                        "ratio", number(t->ratio), "ratio_low", number(t->ratio_low),
                                        "ratio_high", number(t->ratio_high)));
    }
    json_t *all = json_pack("{s:s, s:s, s:I, s:I, s:i, s:f, s:o, s:o, s:o, s:o}", "file", c->name, "zone",
                            c->zone, "hours", (json_int_t)r->hours, "warmup_h", (json_int_t)r->warmup_h,
                            "block_h", (int)r->block_h, "mean", fg_carbon_mean(c), "scores", scores,
                            "ensemble", ensemble, "robust", json_buying(b), "notes", notes);
    return fg_cmd_json(all, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
}

void fg_forecast_cell(double v, int digits)
{
    if (isfinite(v)) {
        printf("%9.*f", digits, v);
    } else {
        printf("%9s", "n/a");
    }
}

static void print_target(const struct fg_carbon_rolling_target *t)
{
    if (!t->scored) {
        printf("\ncarbon at %u h: left out: the file is too short\n", t->horizon_h);
        return;
    }
    printf("\ncarbon at %u h: %zu forecasts, g/kWh\n", t->horizon_h, t->points);
    printf("  %-12s %8s %8s %8s %8s %8s %8s %8s %8s\n", "predictor", "MAE", "low", "high", "RMSE", "skill",
           "pinball", "in 90%", "width");
    for (size_t k = 0; k < t->n_rows; k++) {
        const struct fg_carbon_rolling_row *r = &t->rows[k];
        printf("  %-12s", fg_carbon_predictors[r->predictor]->name);
        fg_forecast_cell(r->mae, 2);
        fg_forecast_cell(r->low, 2);
        fg_forecast_cell(r->high, 2);
        fg_forecast_cell(r->rmse, 2);
        fg_forecast_cell(r->skill, 3);
        fg_forecast_cell(r->pinball, 2);
        fg_forecast_cell(r->coverage, 3);
        fg_forecast_cell(r->width, 1);
        putchar('\n');
    }
    if (isfinite(t->ratio)) {
        printf("  squared error of the ensemble to best single (%s): %.4f",
               fg_carbon_predictors[t->best]->name, t->ratio);
        if (isfinite(t->ratio_low)) {
            printf(", 95%% %.4f to %.4f", t->ratio_low, t->ratio_high);
        }
        putchar('\n');
    }
}

/* The worst case that thresholds promise, and what they paid, as forecasts are made worse. */
static void print_buying(const struct fg_buying *b)
{
    if (b->days == 0) {
        printf("\nrobust buying: left out: the file is too short\n");
        return;
    }
    printf("\nrobust buying: %d of a day's %d hours by thresholds (select.policy = robust), %u days; paid / "
           "least\n",
           FG_BUYING_NEED, FG_BUYING_SLOTS, b->days);
    printf("  %-22s %8s %8s %8s %9s %8s %8s\n", "forecast", "trust", "mean", "worst", "promised", "inside",
           "broken");
    for (size_t i = 0; i < sizeof b->row / sizeof *b->row; i++) {
        const struct fg_buying_row *r = &b->row[i];
        char forecast[32];
        (void)snprintf(forecast, sizeof forecast, r->noise > 0.0 ? "ensemble, %.0f%% noise" : "ensemble",
                       100.0 * r->noise);
        printf("  %-22s %8.1f %8.3f %8.3f %9.3f %8.3f %8.3f\n", forecast, r->trust, r->mean, r->worst,
               r->promised, r->inside, r->broken);
    }
    printf("  promised: at most so much, on days whose prices stay inside of the thresholds' limits\n");
}

static enum fg_status draw(const struct fg_carbon_rolling *r, const char *path, const char *to,
                           struct fg_err *err)
{
    struct fg_score_grid g = {.columns = r->n_targets, .rows = 1, .lines = r->targets[0].n_rows};
    struct fg_plots plots = {0};
    char title[160];
    enum fg_status st;
    (void)snprintf(title, sizeof title, "%.120s: the smaller the better", basename(path));
    FG_TRY(fg_score_begin(&plots, &g, title));
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct fg_carbon_rolling_target *t = &r->targets[i];
        struct fg_score_line line[LINES];
        size_t n = 0;
        for (; t->scored && n < t->n_rows && n < LINES; n++) {
            line[n] = (struct fg_score_line){fg_carbon_predictors[t->rows[n].predictor]->name, t->rows[n].low,
                                             t->rows[n].mae, t->rows[n].high};
        }
        (void)snprintf(title, sizeof title, "carbon %u h ahead", (unsigned)t->horizon_h);
        FG_TRY(n > 0 ? fg_score_panel(&plots, &g, i, 0, title, "mean absolute error, g/kWh", line, n)
                     : FG_OK);
    }
    FG_TRY(fg_plot_end(&plots));
    FG_TRY(fg_plots_save(&plots, to, err));
cleanup:
    fg_plots_fini(&plots);
    return st;
}

enum fg_status fg_forecast_carbon(const char *path, bool oracle, bool json, const char *picture,
                                  struct fg_err *err)
{
    struct fg_carbon *c = NULL;
    struct fg_carbon_rolling r = {0};
    struct fg_carbon_rolling_spec spec;
    struct fg_buying buying = {0};
    fg_carbon_rolling_defaults(&spec);
    spec.oracle = oracle;
    enum fg_status st = fg_carbon_load(&c, path, NULL, err);
    st = st == FG_OK ? fg_carbon_rolling_run(&r, c, &spec) : st;
    st = st == FG_OK ? fg_buying_run(&buying, c, 1) : st;
    if (st == FG_OK && json) {
        st = print_json(c, &r, &buying);
    } else if (st == FG_OK) {
        printf("%s: carbon of %s, %lld hours, %lld of them warm-up; mean %.1f g/kWh; intervals by blocks of "
               "%u h\n",
               path, c->zone[0] != '\0' ? c->zone : "(no zone said)", (long long)r.hours,
               (long long)r.warmup_h, fg_carbon_mean(c), r.block_h);
        for (size_t i = 0; i < r.n_targets; i++) {
            print_target(&r.targets[i]);
        }
        print_buying(&buying);
    }
    st = st == FG_OK && picture != NULL ? draw(&r, path, picture, err) : st;
    fg_carbon_rolling_fini(&r);
    fg_carbon_destroy(c);
    return st;
}
