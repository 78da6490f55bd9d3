/* Availability forecasts: predictors that learn on line, hour by hour, from what has been seen so far.
 *
 * A forecaster holds one instance of every predictor for every *target* it was asked for: an event at a
 * horizon. Each hour the caller says what it sees of each node (struct fg_seen: nothing in it lies past now)
 * and every predictor first learns from targets that have come to pass, then forecasts. So no predictor can
 * read past now, but for the oracle, which is given the trace itself and serves as an upper bound.
 * A predictor is a file and a line in the registry (forecast.c). Formulas: doc/algorithms/forecasts.md.
 *
 * Place: pure decisions; used alike by simulation, real runs and `forage forecast`.
 * Thread safety: a forecaster belongs to one thread at a time; results are the same bits on any machine.
 */
#ifndef FG_FORECAST_FORECAST_H
#define FG_FORECAST_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/availability/trace.h"
#include "src/base/status.h"

#define FG_HORIZON_MAX 168

/* What is forecast at now = t for a horizon of h hours. */
enum fg_event {
    FG_EVENT_SLOT = 0,    /* up during the whole of [t + h, t + h + 1 h) */
    FG_EVENT_INSTANT = 1, /* up at t + h */
    FG_EVENT_SHARE = 2    /* expected up time within [t + h, t + h + 1 h), as a share of the hour */
};

struct fg_target {
    enum fg_event event;
    uint32_t horizon_h; /* 0 .. FG_HORIZON_MAX; at least 1 for FG_EVENT_INSTANT */
};

/* What is seen of a node at a full hour. Before a node was first up it is not `known`, and nothing is
 * learnt. */
struct fg_seen {
    bool known;
    bool up;       /* now */
    uint16_t up_s; /* up time within the hour that ends now, 0 .. 3600 */
    int64_t age_s; /* for how long it has been up, or down */
};

/* One step as a predictor sees it. */
struct fg_view {
    int64_t now_h;         /* counts hours from the first step, 0 .. */
    uint32_t hour;         /* of the day, of now: 0 .. 23 */
    uint32_t hour_of_week; /* 0 = Monday 0 h */
    uint32_t nodes;
    uint32_t stride;            /* only nodes i with i = now_h (mod stride) need a forecast */
    const double *weight;       /* (nodes) as how many a node counts in what all are learnt from */
    double all;                 /* as how many those count that need a forecast */
    const struct fg_seen *seen; /* (nodes) */
    double *const *earlier;     /* (n_earlier, targets) -> (nodes): this step's, of the predictors before */
    size_t n_earlier;
};

/* What an instance is made for: all targets, since most of what is learnt serves every one of them. */
struct fg_forecast_spec {
    uint32_t nodes;
    const struct fg_target *target; /* (n_targets), by horizon, as long as the instance lives */
    size_t n_targets, n_earlier;
    const struct fg_trace *truth; /* for the oracle only; may be NULL */
};

struct fg_predictor {
    const char *name;
    const char *doc; /* one line */
    double prior;    /* weight in the ensemble before anything is known, against the others'; 0 after it */
    enum fg_status (*create)(void **self, const struct fg_forecast_spec *spec);
    /* Learn, then write p: (targets) -> (nodes), in [0, 1]. */
    void (*step)(void *self, const struct fg_view *v, double *const *p);
    void (*destroy)(void *self); /* NULL is allowed */
    /* What `from` has learnt, into `to`, made by create with the same nodes and targets. */
    void (*copy)(void *to, const void *from, uint32_t nodes);
};

/* All predictors in the order in which they are stepped: the ensemble after what it mixes. */
extern const struct fg_predictor *const fg_predictors[];
extern const size_t fg_predictors_n;

/* Index by name; fg_predictors_n if there is none of this name. */
size_t fg_predictor_find(const char *name);

struct fg_forecaster;

/* A forecaster for `nodes` nodes whose first step is at `first_hour_s`: seconds since 1970 where the date
 * is known (only the hour of the week is taken from it), else 0. With stride > 1 each hour only the nodes
 * i = hour (mod stride) are forecast (all are learnt from): for scoring long traces; else 1. Where a node
 * stands for many that are seen alike, `weight` (nodes) says for how many; NULL: each for one.
 * Errors: FG_E_RANGE for a horizon out of range, FG_E_NOMEM.
 * Owner:  the caller, fg_forecaster_destroy(). `truth` may be NULL (the oracle then says 0.5) and must
 *          outlive the forecaster. */
enum fg_status fg_forecaster_create(struct fg_forecaster **out, uint32_t nodes,
                                    const struct fg_target *targets, size_t n_targets, int64_t first_hour_s,
                                    uint32_t stride, const double *weight,
                                    const struct fg_trace *truth) FG_NODISCARD;
/* What `from` has learnt and forecast, into `to`, which was made alike. */
void fg_forecaster_copy(struct fg_forecaster *to, const struct fg_forecaster *from);
void fg_forecaster_destroy(struct fg_forecaster *f);

/* One hour later (at first: the first hour): learn from what is seen now and forecast all targets.
 * Shapes: seen (nodes). Cost: some 0.3 us a node and target. */
void fg_forecaster_step(struct fg_forecaster *f, const struct fg_seen *seen);

/* The forecasts of the last step.
 * Shapes: (nodes). Owner: the forecaster, valid until the next step. */
const double *fg_forecaster_get(const struct fg_forecaster *f, size_t target, size_t predictor);

/* What a trace shows at hours 0, 1, ... after its zero; a cursor per node. */
struct fg_trace_eye;
enum fg_status fg_trace_eye_create(struct fg_trace_eye **out, const struct fg_trace *t) FG_NODISCARD;
void fg_trace_eye_destroy(struct fg_trace_eye *e);
void fg_trace_eye_next(struct fg_trace_eye *e, struct fg_seen *seen); /* (nodes) */

/* What came of an event whose hour begins start_h hours after the trace's zero, in [0, 1]. */
double fg_trace_outcome(const struct fg_trace *t, uint32_t node, enum fg_event event, int64_t start_h);

/* The exact non-parametric lower bound for a quantile of durations, from the binomial distribution: the
 * largest order statistic that lies below the q-quantile with the given confidence; -1 if n is too small
 * (q = 0.05 at 0.95 needs 59).
 * Shapes: sorted (n), ascending.
 * Source: Brevik, Nurmi and Wolski, CCGrid 2004. */
double fg_quantile_bound(const double *sorted, size_t n, double q, double confidence);

#endif
