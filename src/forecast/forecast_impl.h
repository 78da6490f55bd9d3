/* What predictors share. Thread safety: pure. */
#ifndef FG_FORECAST_IMPL_H
#define FG_FORECAST_IMPL_H

#include "src/forecast/forecast.h"

extern const struct fg_predictor fg_predictor_climatology, fg_predictor_persistence, fg_predictor_markov,
    fg_predictor_profile24, fg_predictor_profile168, fg_predictor_survival, fg_predictor_logistic,
    fg_predictor_binomial, fg_predictor_ensemble, fg_predictor_oracle;

/* How many hours before now the event lies whose outcome has just become known: an hour must be over. */
static inline uint32_t fg_event_lag(enum fg_event event)
{
    return event == FG_EVENT_INSTANT ? 0 : 1;
}

/* What has just been seen of the event: its outcome fg_event_lag() hours ago. */
static inline double fg_event_value(enum fg_event event, const struct fg_seen *s)
{
    return event == FG_EVENT_SLOT      ? (s->up_s == 3600 ? 1.0 : 0.0)
           : event == FG_EVENT_INSTANT ? (s->up ? 1.0 : 0.0)
                                       : s->up_s / 3600.0;
}

/* How often nodes were up when they were looked at, from one up and one not; and until changes have been
 * seen, how likely one that is up (or not) is to change within an hour: a tenth of the way to that share, as
 * if it had been so in FG_PRIOR_HOURS hours. Machines stay what they are for hours: the mean time up of
 * 230,000 hosts was some ten of them (javadi09). */
struct fg_looks {
    double n, up;
};
#define FG_PRIOR_HOURS 10.0

static inline void fg_looks_add(struct fg_looks *l, bool up, double weight)
{
    l->n += weight;
    l->up += up ? weight : 0.0;
}

static inline double fg_looks_leave(const struct fg_looks *l, bool up)
{
    double share = (l->up + 1.0) / (l->n + 2.0);
    return 0.1 * (up ? 1.0 - share : share);
}

/* What an hour begun up comes to, if that is how likely it is to end down. */
static inline double fg_event_prior(enum fg_event event, double leave)
{
    return 1.0 - (event == FG_EVENT_SHARE ? 0.5 : 1.0) * leave;
}

/* The first node of those that are forecast at an hour. */
static inline uint32_t fg_view_first(const struct fg_view *v, int64_t hour)
{
    return (uint32_t)(hour % v->stride);
}

enum { FG_EVENTS = FG_EVENT_SHARE + 1 };

/* Which events the targets ask for. */
static inline bool fg_spec_asks(const struct fg_forecast_spec *spec, enum fg_event event)
{
    bool asks = false;
    for (size_t t = 0; t < spec->n_targets; t++) {
        asks = asks || spec->target[t].event == event;
    }
    return asks;
}

/* The longest horizon, and steps until the last outcome of one is known. */
static inline size_t fg_spec_depth(const struct fg_forecast_spec *spec)
{
    size_t most = 0;
    for (size_t t = 0; t < spec->n_targets; t++) {
        most = spec->target[t].horizon_h > most ? spec->target[t].horizon_h : most;
    }
    return most + 2;
}

/* This step's forecasts of the k-th predictor before. */
static inline const double *fg_view_earlier(const struct fg_view *v, size_t n_targets, size_t k,
                                            size_t target)
{
    return v->earlier[k * n_targets + target];
}

/* Instances that are a struct, which begins with this, and one array over the nodes. */
struct fg_nodal {
    const struct fg_target *target;
    size_t targets, self_bytes, node_bytes;
    void *node; /* (nodes) of node_bytes each */
};
/* All zeros; NULL: no memory. Owner: the caller, fg_nodal_destroy(). */
void *fg_nodal_create(size_t self_bytes, size_t node_bytes, const struct fg_forecast_spec *spec);
void fg_nodal_destroy(void *self);
void fg_nodal_copy(void *to, const void *from, uint32_t nodes);

/* Past means per node, shrunk towards the mean of all nodes. Both climatology and the means to which others
 * shrink. */
struct fg_means {
    uint32_t nodes;
    double *n, *sum; /* (nodes); NULL: nothing is learnt */
    double all_n, all_sum;
};
enum fg_status fg_means_init(struct fg_means *m, uint32_t nodes) FG_NODISCARD;
void fg_means_fini(struct fg_means *m);
void fg_means_copy(struct fg_means *to, const struct fg_means *from);
void fg_means_learn(struct fg_means *m, enum fg_event event, const struct fg_view *v);
double fg_means_node(const struct fg_means *m, uint32_t node);

/* The last `depth` steps' features of all nodes, to meet their outcome later. */
struct fg_ring {
    size_t depth, row; /* steps; values a step */
    float *value;      /* (depth, row) */
};
enum fg_status fg_ring_init(struct fg_ring *r, size_t depth, size_t row) FG_NODISCARD;
void fg_ring_copy(struct fg_ring *to, const struct fg_ring *from);
float *fg_ring_at(const struct fg_ring *r, int64_t step);

#endif
