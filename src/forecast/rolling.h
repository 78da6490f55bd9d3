/* Scores of every predictor on a trace, by rolling origin: at each hour after a warm-up all predictors
 * forecast, learn when the outcome has been seen, and are scored on the same points. Method:
 * doc/algorithms/forecasts.md. Thread safety: pure. */
#ifndef FG_FORECAST_ROLLING_H
#define FG_FORECAST_ROLLING_H

#include "src/forecast/forecast.h"
#include "src/forecast/score.h"
#include "src/forecast/uptime.h"

#define FG_HORIZONS_MAX 8

struct fg_rolling_spec {
    uint32_t horizon_h[FG_HORIZONS_MAX];
    size_t horizons;
    bool oracle;          /* score it as well */
    uint64_t seed;        /* of the bootstrap */
    size_t max_forecasts; /* of a target: above, every so many-th node of an hour is forecast */
    size_t max_points;    /* and of these every so many-th is scored */
};

/* Horizons 1, 6 and 24 h, without the oracle, 1500000 forecasts, 300000 points. */
void fg_rolling_defaults(struct fg_rolling_spec *spec);

struct fg_rolling_row {
    size_t predictor; /* index into fg_predictors */
    struct fg_score score;
    double low, high; /* 95% of the Brier score */
    double skill;     /* against the better of climatology and persistence */
    double brier_all; /* with the time before a node's first and after its last interval */
    size_t points_all;
};

/* One event at one horizon. */
struct fg_rolling_target {
    struct fg_target target;
    bool scored;     /* false: the trace is too short for this horizon, or `unseen` */
    bool unseen;     /* long enough, but no event after the warm-up lies within what was observed of a node */
    size_t best;     /* row of the best single predictor: not the ensemble, not the oracle */
    size_t ensemble; /* row */
    double ratio, ratio_low,
        ratio_high; /* Brier score of the ensemble to that of the best, paired; NaN where it is 0 */
    struct fg_rolling_row *rows; /* (n_rows) */
    size_t n_rows;
};

/* Up time within the hours ahead: how its quantiles and its guarantee did. Points whose window ends after
 * a node's last interval are left out. */
struct fg_rolling_uptime {
    uint32_t horizon_h;
    size_t points;
    double below[FG_UPTIME_LEVELS];   /* share of outcomes below each quantile */
    double at_most[FG_UPTIME_LEVELS]; /* ... below or equal: a promise kept lies between */
    double pinball;                   /* mean over levels, share of the horizon */
    size_t guaranteed;                /* points of nodes that were up and had a guarantee above 0 */
    double held;                      /* share of these that were up at least so long */
    double guarantee_s;               /* their mean */
    double expected_s, came_s;        /* means of the expected up time and of what came */
    double mae_s;                     /* mean distance between the two */
};

struct fg_rolling {
    int64_t hours, warmup_h;
    uint32_t stride;        /* every so many-th node of an hour was forecast */
    uint32_t scored_stride; /* a multiple of it: was scored */
    uint32_t block_h, groups;
    struct fg_rolling_target *targets; /* slot then instant of each horizon */
    size_t n_targets;
    struct fg_rolling_uptime *uptime; /* (n_uptime) a row a horizon */
    size_t n_uptime;
};

/* Errors: FG_E_RANGE for a horizon out of range, FG_E_NOMEM. Owner: the caller, fg_rolling_fini(). */
enum fg_status fg_rolling_run(struct fg_rolling *out, const struct fg_trace *t,
                              const struct fg_rolling_spec *spec) FG_NODISCARD;
void fg_rolling_fini(struct fg_rolling *r);

#endif
