/* forage forecast: how well every predictor would have done on a trace, of availability or of carbon. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/file.h"
#include "src/cmd/forecast_carbon.h"
#include "src/cmd/forecast_picture.h"
#include "src/cmd/forecast_worth.h"
#include "src/cmd/table.h"
#include "src/cmd/trace_stat.h"
#include "src/forecast/rolling.h"

struct args {
    struct fg_cmd_common common;
    bool oracle;
    struct fg_cmd_list carbon;
    const char *picture;
};

static const struct fg_cmd_option options[] = {
    {0, "oracle", NULL, FG_CMD_FLAG, offsetof(struct args, oracle),
     "score the oracle as well: an upper bound"},
    {0, "carbon", "FILE", FG_CMD_LIST, offsetof(struct args, carbon),
     "carbon of a zone where the nodes may be: say what forecasts are worth"},
    {0, "picture", "FILE", FG_CMD_TEXT, offsetof(struct args, picture), "write the scores as SVG"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

enum { EVENTS = 2 /* of each horizon: slot and instant */, LINES = 32 /* of a panel, at most */ };
static const char *const events[] = {"slot", "instant", "share"};

/* Had all points the same outcome? Then whoever is boldest scores best. */
static bool alike(const struct fg_rolling_target *t)
{
    double share = t->rows[0].score.base_rate;
    return !(share > 0.0 && share < 1.0);
}

/* Why a target was left out, or what its scores do not say. */
static enum fg_status note(struct fg_str *s, const struct fg_rolling *r, const struct fg_rolling_target *t)
{
    const char *event = events[t->target.event];
    if (t->scored) {
        return fg_str_addf(
            s,
            "%s at %u h: all outcomes that are scored are the same: the boldest forecast scores best "
            "(the uncensored scores count the time after a node's last interval too)",
            event, t->target.horizon_h);
    }
    if (t->unseen) {
        return fg_str_addf(s,
                           "%s at %u h: left out: no node is observed so far ahead after the %lld hours of "
                           "warm-up (before its first and after its last interval a node is not observed)",
                           event, t->target.horizon_h, (long long)r->warmup_h);
    }
    return fg_str_addf(s, "%s at %u h: left out: the trace is too short (%lld hours, %lld of them warm-up)",
                       event, t->target.horizon_h, (long long)r->hours, (long long)r->warmup_h);
}

/* null where a number is not determined. */
static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_row(const struct fg_rolling_target *t, const struct fg_rolling_row *r)
{
    const struct fg_score *s = &r->score;
    return json_pack(
        "{s:s, s:s, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
        "predictor", fg_predictors[r->predictor]->name, "event", events[t->target.event], "horizon_h",
        (int)t->target.horizon_h, "points", (json_int_t)s->points, "brier", number(s->brier), "brier_low",
        number(r->low), "brier_high", number(r->high), "auc", number(s->auc), "auc_pooled",
        number(s->auc_pooled), "skill", number(r->skill), "log_loss", number(s->log_loss), "miscalibration",
        number(s->miscalibration), "discrimination", number(s->discrimination), "uncertainty",
        number(s->uncertainty), "mean_forecast", number(s->mean_p), "base_rate", number(s->base_rate),
        "brier_uncensored", number(r->brier_all), "points_uncensored", (json_int_t)r->points_all);
}

static json_t *json_uptime(const struct fg_rolling_uptime *u)
{
    json_t *quantiles = json_array();
    for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
        json_array_append_new(quantiles, json_pack("{s:f, s:o, s:o}", "level", fg_uptime_level[q], "below",
                                                   number(u->below[q]), "at_most", number(u->at_most[q])));
    }
    return json_pack("{s:i, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "horizon_h", (int)u->horizon_h,
                     "points", (json_int_t)u->points, "quantiles", quantiles, "pinball", number(u->pinball),
                     "guaranteed", (json_int_t)u->guaranteed, "held", number(u->held), "guarantee_s",
                     number(u->guarantee_s), "expected_s", number(u->expected_s), "came_s", number(u->came_s),
                     "mae_s", number(u->mae_s));
}

/* worth may be NULL. */
static enum fg_status print_json(const char *path, const struct fg_rolling *r, const struct fg_worth *worth)
{
    json_t *scores = json_array(), *notes = json_array(), *ensemble = json_array(), *uptime = json_array();
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < r->n_targets; i++) {
        const struct fg_rolling_target *t = &r->targets[i];
        struct fg_str text = {0};
        for (size_t k = 0; t->scored && k < t->n_rows; k++) {
            json_array_append_new(scores, json_row(t, &t->rows[k]));
        }
        if (t->scored) {
            json_array_append_new(
                ensemble, json_pack("{s:s, s:i, s:s, s:o, s:o, s:o}", "event", events[t->target.event],
                                    "horizon_h", (int)t->target.horizon_h, "best",
                                    fg_predictors[t->best]->name, "ratio", number(t->ratio), "ratio_low",
                                    number(t->ratio_low), "ratio_high", number(t->ratio_high)));
        }
        if ((!t->scored || alike(t)) && (st = note(&text, r, t)) == FG_OK) {
            json_array_append_new(notes, json_string(text.data));
        }
        fg_str_fini(&text);
    }
    for (size_t k = 0; k < r->n_uptime; k++) {
        json_array_append_new(uptime, json_uptime(&r->uptime[k]));
    }
    json_t *all = json_pack("{s:s, s:I, s:I, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "file", path, "hours",
                            (json_int_t)r->hours, "warmup_h", (json_int_t)r->warmup_h, "stride",
                            (int)r->scored_stride, "block_h", (int)r->block_h, "groups", (int)r->groups,
                            "scores", scores, "ensemble", ensemble, "uptime", uptime, "notes", notes);
    if (worth != NULL) {
        json_object_set_new(all, "worth", fg_forecast_worth_json(worth));
    }
    if (st == FG_OK) {
        return fg_cmd_json(all, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
    }
    json_decref(all);
    return st;
}

static void print_target(const struct fg_rolling_target *t)
{
    printf("\n%s at %u h: %zu forecasts, up %.3f\n", events[t->target.event], t->target.horizon_h,
           t->rows[0].score.points, t->rows[0].score.base_rate);
    printf("  %-12s %8s %8s %8s %8s %8s %8s %8s\n", "predictor", "Brier", "low", "high", "skill", "AUC",
           "log loss", "uncens.");
    for (size_t k = 0; k < t->n_rows; k++) {
        const struct fg_rolling_row *r = &t->rows[k];
        printf("  %-12s", fg_predictors[r->predictor]->name);
        fg_forecast_cell(r->score.brier, 4);
        fg_forecast_cell(r->low, 4);
        fg_forecast_cell(r->high, 4);
        fg_forecast_cell(r->skill, 3);
        fg_forecast_cell(r->score.auc, 3);
        fg_forecast_cell(r->score.log_loss, 4);
        fg_forecast_cell(r->brier_all, 4);
        putchar('\n');
    }
    if (isfinite(t->ratio)) {
        printf("  ensemble to best single (%s): %.4f", fg_predictors[t->best]->name, t->ratio);
        if (isfinite(t->ratio_low)) {
            printf(", 95%% %.4f to %.4f", t->ratio_low, t->ratio_high);
        }
        putchar('\n');
    }
}

static void print_uptime(const struct fg_rolling *r)
{
    printf("\nup time within the hours ahead: share of outcomes below (and at most) each quantile\n");
    printf("  %-9s", "hours");
    for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
        printf("       %3.0f%%     ", 100.0 * fg_uptime_level[q]);
    }
    printf("  expected     came    off by  guaranteed  held\n");
    for (size_t k = 0; k < r->n_uptime; k++) {
        const struct fg_rolling_uptime *u = &r->uptime[k];
        printf("  %-7u", u->horizon_h);
        if (u->points == 0) {
            printf("  left out: nothing to score after the warm-up\n");
            continue;
        }
        for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
            printf("  %5.3f (%5.3f)", u->below[q], u->at_most[q]);
        }
        printf("  %6.2f h %6.2f h %7.2f h", u->expected_s / 3600.0, u->came_s / 3600.0, u->mae_s / 3600.0);
        if (u->guaranteed > 0) {
            printf("   %7.2f h %5.3f", u->guarantee_s / 3600.0, u->held);
        } else {
            printf("   none (fewer than 59 occasions of any node)");
        }
        putchar('\n');
    }
}

static enum fg_status print_text(const char *path, const struct fg_rolling *r)
{
    printf("%s: %lld hours, %lld of them warm-up", path, (long long)r->hours, (long long)r->warmup_h);
    if (r->scored_stride > 1) {
        printf("; every %u-th node of an hour is scored", r->scored_stride);
    }
    printf("; intervals by blocks of %u h", r->block_h);
    printf(r->groups > 1 ? " and %u groups of nested nodes\n" : "\n", r->groups);
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct fg_rolling_target *t = &r->targets[i];
        struct fg_str text = {0};
        if (t->scored) {
            print_target(t);
        }
        enum fg_status st = t->scored && !alike(t) ? FG_OK : note(&text, r, t);
        if (st == FG_OK && text.data != NULL) {
            printf(t->scored ? "  %s\n" : "\n%s\n", text.data);
        }
        fg_str_fini(&text);
        if (st != FG_OK) {
            return st;
        }
    }
    print_uptime(r);
    return FG_OK;
}

/* A panel for each target that was scored: a column a horizon, a row an event. */
static enum fg_status panels(struct fg_plots *out, const struct fg_score_grid *g, const struct fg_rolling *r)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < r->n_targets; i++) {
        const struct fg_rolling_target *t = &r->targets[i];
        struct fg_score_line line[LINES];
        char title[64];
        size_t n = 0;
        for (; t->scored && n < t->n_rows && n < LINES; n++) {
            const struct fg_rolling_row *row = &t->rows[n];
            line[n] = (struct fg_score_line){fg_predictors[row->predictor]->name, row->low, row->score.brier,
                                             row->high};
        }
        (void)snprintf(title, sizeof title, "%s, %u h ahead",
                       t->target.event == FG_EVENT_SLOT ? "up for the whole slot" : "up at the instant",
                       (unsigned)t->target.horizon_h);
        st = n > 0
                 ? fg_score_panel(out, g, i / EVENTS, i % EVENTS, title, "Brier score, 95% interval", line, n)
                 : FG_OK;
    }
    return st;
}

static enum fg_status picture(const struct fg_rolling *r, const char *path, const char *to,
                              struct fg_err *err)
{
    struct fg_score_grid g = {.columns = r->n_targets / EVENTS, .rows = EVENTS};
    struct fg_plots plots = {0};
    char title[160];
    enum fg_status st;
    for (size_t i = 0; i < r->n_targets; i++) {
        g.lines = r->targets[i].n_rows > g.lines ? r->targets[i].n_rows : g.lines;
    }
    (void)snprintf(title, sizeof title, "%.120s: the smaller the better", basename(path));
    FG_TRY(fg_score_begin(&plots, &g, title));
    FG_TRY(panels(&plots, &g, r));
    FG_TRY(fg_plot_end(&plots));
    FG_TRY(fg_plots_save(&plots, to, err));
cleanup:
    fg_plots_fini(&plots);
    return st;
}

static enum fg_status forecast_availability(const char *path, const struct args *a, struct fg_err *err)
{
    struct fg_trace *t = NULL;
    struct fg_rolling r = {0};
    struct fg_worth w = {0};
    struct fg_rolling_spec spec;
    bool worth = a->carbon.n > 0;
    fg_rolling_defaults(&spec);
    spec.oracle = a->oracle;
    enum fg_status st = fg_trace_load(&t, path, NULL, err);
    st = st == FG_OK ? fg_rolling_run(&r, t, &spec) : st;
    st = st == FG_OK && worth ? fg_forecast_worth(&w, t, &a->carbon, err) : st;
    if (st == FG_OK && a->common.json) {
        st = print_json(path, &r, worth ? &w : NULL);
    } else if (st == FG_OK) {
        st = print_text(path, &r);
        if (st == FG_OK && worth) {
            fg_forecast_worth_print(&w);
        }
    }
    st = st == FG_OK && a->picture != NULL ? picture(&r, path, a->picture, err) : st;
    fg_worth_fini(&w);
    fg_rolling_fini(&r);
    fg_trace_destroy(t);
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_err err = {""};
    enum fg_trace_kind kind = FG_KIND_AVAILABILITY;
    int rc = fg_cmd_parse(&fg_cmd_forecast, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    const char *path = words.item[0];
    enum fg_status st = a.picture != NULL ? fg_plot_name("--picture", a.picture, &err) : FG_OK;
    st = st == FG_OK && a.picture != NULL ? fg_file_reach(a.picture, &err) : st;
    st = st == FG_OK && a.picture != NULL ? fg_file_apart(a.picture, path, &err) : st;
    for (size_t i = 0; st == FG_OK && a.picture != NULL && i < a.carbon.n; i++) {
        st = fg_file_apart(a.picture, a.carbon.item[i], &err);
    }
    st = st == FG_OK ? fg_trace_kind(&kind, path, &err) : st;
    if (st == FG_OK) {
        st = kind == FG_KIND_CARBON ? fg_forecast_carbon(path, a.oracle, a.common.json, a.picture, &err)
                                    : forecast_availability(path, &a, &err);
    }
    return st == FG_OK ? 0 : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_forecast = {
    "forecast", "TRACE", 1, 1, "score forecasts on a trace of availability or carbon", options, run};
