/* forage trace stat --fit: models fitted to a trace, for people and as JSON. */
#include "src/cmd/trace_fit.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

static const char *const families[] = {"exponential", "weibull", "hyper-exponential"};

static int best_of(const double aic[3])
{
    int best = 0;
    for (int i = 1; i < 3; i++) {
        best = aic[i] < aic[best] ? i : best;
    }
    return best;
}

static void print_durations(const char *what, const struct fg_duration_fit *f)
{
    double aic[3];
    printf("%-14s %zu, %zu of them cut", what, f->n, f->cuts);
    if (isnan(f->exp_mean_h)) {
        printf(": too few to fit\n");
        return;
    }
    fg_fit_aic(f, aic);
    printf("; AIC favours %s\n", families[best_of(aic)]);
    printf("  exponential        mean %.4g h (AIC %.1f)\n", f->exp_mean_h, aic[0]);
    printf("  weibull            shape %.4g, scale %.4g h (AIC %.1f)%s\n", f->weibull_shape,
           f->weibull_scale_h, aic[1],
           f->weibull_shape < 1.0 ? ": the longer it lasts, the longer it will" : "");
    printf("  hyper-exponential  %.1f%% mean %.4g h, %.1f%% mean %.4g h (AIC %.1f)\n", 100.0 * f->hyper_share,
           f->hyper_mean_h[0], 100.0 * (1.0 - f->hyper_share), f->hyper_mean_h[1], aic[2]);
}

static void print_number(double v)
{
    if (isfinite(v)) {
        printf("%.3f", v);
    } else {
        printf("n/a");
    }
}

static void print_share(const char *what, double part, double total)
{
    if (total > 0.0 && isfinite(part)) {
        printf("  %-18s %.1f%%\n", what, 100.0 * part / total);
    } else {
        printf("  %-18s n/a\n", what);
    }
}

void fg_trace_fit_print(const struct fg_trace_fit *f, const struct fg_trace *t)
{
    printf("fitted\n");
    print_durations("sessions", &f->session);
    print_durations("gaps", &f->gap);
    printf("chains         hour to hour, of %zu of %u nodes (the others never changed between full hours)\n",
           f->pi.n, t->nodes);
    if (f->pi.n > 0) {
        printf("  pi                 mean %.3f; 10%% %.3f, median %.3f, 90%% %.3f\n", f->pi.mean, f->pi.p10,
               f->pi.p50, f->pi.p90);
        printf("  lambda             mean %.3f; 10%% %.3f, median %.3f, 90%% %.3f\n", f->lambda.mean,
               f->lambda.p10, f->lambda.p50, f->lambda.p90);
    }
    printf("variance       of a node's hourly up time, ");
    isnan(f->total) ? printf("n/a") : printf("%.4g in all", f->total);
    putchar('\n');
    print_share("between nodes", f->between, f->total);
    print_share("daily pattern", f->daily, f->total);
    print_share("weekly, beyond it", f->weekly, f->total);
    print_share("random", f->random, f->total);
    printf("correlation    of a node with itself after");
    for (int k = 0; k < FG_FIT_LAGS; k++) {
        printf("%s %u h ", k > 0 ? "," : "", fg_fit_lag_h[k]);
        print_number(f->in_time[k]);
    }
    printf("\n               between two nodes ");
    if (t->nested) {
        printf("n/a (nested)\n");
        return;
    }
    print_number(f->between_nodes);
    printf(", beyond the daily pattern of all ");
    print_number(f->between_nodes_beyond);
    putchar('\n');
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *json_durations(const struct fg_duration_fit *f)
{
    double aic[3] = {NAN, NAN, NAN};
    bool fitted = !isnan(f->exp_mean_h);
    if (fitted) {
        fg_fit_aic(f, aic);
    }
    return json_pack("{s:I, s:I, s:s?, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o}}", "count",
                     (json_int_t)f->n, "cut", (json_int_t)f->cuts, "best",
                     fitted ? families[best_of(aic)] : NULL, "exponential", "mean_h", number(f->exp_mean_h),
                     "aic", number(aic[0]), "weibull", "shape", number(f->weibull_shape), "scale_h",
                     number(f->weibull_scale_h), "aic", number(aic[1]), "hyper_exponential", "share",
                     number(f->hyper_share), "mean_h", number(f->hyper_mean_h[0]), "other_mean_h",
                     number(f->hyper_mean_h[1]), "aic", number(aic[2]));
}

json_t *fg_trace_fit_json(const struct fg_trace_fit *f, const struct fg_trace *t)
{
    json_t *chains = json_array(), *lags = json_array();
    for (uint32_t i = 0; i < t->nodes; i++) {
        json_array_append_new(chains,
                              json_pack("{s:s, s:o, s:o}", "node", fg_trace_node_name(t, i), "pi",
                                        number(f->chain[i].pi), "lambda", number(f->chain[i].lambda)));
    }
    for (int k = 0; k < FG_FIT_LAGS; k++) {
        json_array_append_new(lags, json_pack("{s:i, s:o}", "lag_h", (int)fg_fit_lag_h[k], "correlation",
                                              number(f->in_time[k])));
    }
    return json_pack("{s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o, s:o}", "session",
                     json_durations(&f->session), "gap", json_durations(&f->gap), "chains", chains,
                     "variance", "total", number(f->total), "between_nodes", number(f->between), "daily",
                     number(f->daily), "weekly", number(f->weekly), "random", number(f->random), "in_time",
                     lags, "between_nodes", number(f->between_nodes), "between_nodes_beyond_daily",
                     number(f->between_nodes_beyond));
}
