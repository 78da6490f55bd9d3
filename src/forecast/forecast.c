#include "src/forecast/forecast.h"

#include <math.h>
#include <string.h>

#include "src/base/calendar.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/forecast/forecast_impl.h"

const struct fg_predictor *const fg_predictors[] = {
    &fg_predictor_climatology, &fg_predictor_persistence, &fg_predictor_markov,   &fg_predictor_profile24,
    &fg_predictor_profile168,  &fg_predictor_survival,    &fg_predictor_logistic, &fg_predictor_binomial,
    &fg_predictor_ensemble,    &fg_predictor_oracle,
};
#define PREDICTORS (sizeof fg_predictors / sizeof fg_predictors[0])
const size_t fg_predictors_n = PREDICTORS;

size_t fg_predictor_find(const char *name)
{
    size_t i = 0;
    while (i < PREDICTORS && strcmp(fg_predictors[i]->name, name) != 0) {
        i++;
    }
    return i;
}

/* ---- Means ---- */

/* A node's own past counts as much as that of all when it is a day long. */
#define MEANS_SHRINK 24.0

enum fg_status fg_means_init(struct fg_means *m, uint32_t nodes)
{
    *m = (struct fg_means){
        .nodes = nodes, .n = fg_calloc(nodes, sizeof(double)), .sum = fg_calloc(nodes, sizeof(double))};
    return m->n != NULL && m->sum != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_means_fini(struct fg_means *m)
{
    fg_free(m->n);
    fg_free(m->sum);
}

void fg_means_copy(struct fg_means *to, const struct fg_means *from)
{
    if (from->n == NULL) {
        return;
    }
    memcpy(to->n, from->n, from->nodes * sizeof *to->n);
    memcpy(to->sum, from->sum, from->nodes * sizeof *to->sum);
    to->all_n = from->all_n;
    to->all_sum = from->all_sum;
}

void fg_means_learn(struct fg_means *m, enum fg_event event, const struct fg_view *v)
{
    for (uint32_t i = 0; i < m->nodes; i++) {
        if (v->seen[i].known) {
            double y = fg_event_value(event, &v->seen[i]);
            m->n[i] += 1.0;
            m->sum[i] += y;
            m->all_n += v->weight[i];
            m->all_sum += v->weight[i] * y;
        }
    }
}

static double mean_of_all(const struct fg_means *m)
{
    return (m->all_sum + 1.0) / (m->all_n + 2.0);
}

double fg_means_node(const struct fg_means *m, uint32_t node)
{
    return (m->sum[node] + MEANS_SHRINK * mean_of_all(m)) / (m->n[node] + MEANS_SHRINK);
}

void *fg_nodal_create(size_t self_bytes, size_t node_bytes, const struct fg_forecast_spec *spec)
{
    struct fg_nodal *s = fg_calloc(1, self_bytes);
    if (s == NULL) {
        return NULL;
    }
    *s = (struct fg_nodal){.target = spec->target,
                           .targets = spec->n_targets,
                           .self_bytes = self_bytes,
                           .node_bytes = node_bytes,
                           .node = fg_calloc(spec->nodes, node_bytes)};
    if (s->node == NULL) {
        fg_free(s);
        return NULL;
    }
    return s;
}

void fg_nodal_destroy(void *self)
{
    struct fg_nodal *s = self;
    if (s != NULL) {
        fg_free(s->node);
        fg_free(s);
    }
}

void fg_nodal_copy(void *to, const void *from, uint32_t nodes)
{
    struct fg_nodal own = *(struct fg_nodal *)to;
    memcpy(to, from, own.self_bytes);
    *(struct fg_nodal *)to = own;
    memcpy(own.node, ((const struct fg_nodal *)from)->node, nodes * own.node_bytes);
}

enum fg_status fg_ring_init(struct fg_ring *r, size_t depth, size_t row)
{
    *r = (struct fg_ring){.depth = depth, .row = row, .value = fg_calloc(depth * row, sizeof(float))};
    return r->value != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_ring_copy(struct fg_ring *to, const struct fg_ring *from)
{
    memcpy(to->value, from->value, from->depth * from->row * sizeof *to->value);
}

float *fg_ring_at(const struct fg_ring *r, int64_t step)
{
    return r->value + (size_t)(step % (int64_t)r->depth) * r->row;
}

/* ---- Forecaster ---- */

struct fg_forecaster {
    uint32_t nodes, hour_of_week, stride;
    struct fg_target *target; /* (targets), by horizon */
    size_t *place;            /* (targets) where the caller's are among these */
    size_t n_targets;
    int64_t steps;
    double *weight, all; /* (nodes); see struct fg_view */
    void *self[PREDICTORS];
    double **p; /* (predictors, targets) -> (nodes) */
};

/* Targets by horizon; those of one horizon stay as they were given. */
static void order(struct fg_forecaster *f, const struct fg_target *given)
{
    for (size_t i = 0; i < f->n_targets; i++) {
        size_t k = 0;
        for (size_t j = 0; j < f->n_targets; j++) {
            k += given[j].horizon_h < given[i].horizon_h ||
                 (given[j].horizon_h == given[i].horizon_h && j < i);
        }
        f->place[i] = k;
        f->target[k] = given[i];
    }
}

static void weigh(struct fg_forecaster *f, const double *weight)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < f->nodes; i++) {
        f->weight[i] = weight != NULL ? weight[i] : 1.0;
        sum += f->weight[i];
    }
    f->all = ceil(sum / f->stride);
}

enum fg_status fg_forecaster_create(struct fg_forecaster **out, uint32_t nodes,
                                    const struct fg_target *targets, size_t n_targets, int64_t first_hour_s,
                                    uint32_t stride, const double *weight, const struct fg_trace *truth)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n_targets; i++) {
        if (targets[i].horizon_h < (targets[i].event == FG_EVENT_INSTANT) ||
            targets[i].horizon_h > FG_HORIZON_MAX) {
            return FG_E_RANGE;
        }
    }
    struct fg_forecaster *f = fg_calloc(1, sizeof *f);
    if (f == NULL) {
        return FG_E_NOMEM;
    }
    int64_t days = fg_floor_div(first_hour_s, FG_DAY_S),
            hours = fg_floor_div(first_hour_s - days * FG_DAY_S, 3600);
    f->nodes = nodes;
    f->stride = stride;
    f->hour_of_week = (uint32_t)(fg_weekday(days) * 24 + hours);
    f->n_targets = n_targets;
    f->target = fg_calloc(n_targets, sizeof *f->target);
    f->place = fg_calloc(n_targets, sizeof *f->place);
    f->weight = fg_calloc(nodes, sizeof *f->weight);
    f->p = fg_calloc(n_targets * PREDICTORS, sizeof *f->p);
    if (f->target == NULL || f->place == NULL || f->weight == NULL || f->p == NULL) {
        st = FG_E_NOMEM;
    } else {
        order(f, targets);
        weigh(f, weight);
    }
    for (size_t i = 0; st == FG_OK && i < n_targets * PREDICTORS; i++) {
        f->p[i] = fg_calloc(nodes, sizeof **f->p);
        st = f->p[i] == NULL ? FG_E_NOMEM : FG_OK;
    }
    for (size_t k = 0; st == FG_OK && k < PREDICTORS; k++) {
        struct fg_forecast_spec spec = {nodes, f->target, n_targets, k, truth};
        st = fg_predictors[k]->create(&f->self[k], &spec);
    }
    if (st != FG_OK) {
        fg_forecaster_destroy(f);
        return st;
    }
    *out = f;
    return FG_OK;
}

void fg_forecaster_destroy(struct fg_forecaster *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t k = 0; k < PREDICTORS; k++) {
        fg_predictors[k]->destroy(f->self[k]);
    }
    for (size_t i = 0; f->p != NULL && i < f->n_targets * PREDICTORS; i++) {
        fg_free(f->p[i]);
    }
    fg_free(f->p);
    fg_free(f->place);
    fg_free(f->weight);
    fg_free(f->target);
    fg_free(f);
}

void fg_forecaster_copy(struct fg_forecaster *to, const struct fg_forecaster *from)
{
    FG_ASSERT(to->nodes == from->nodes && to->n_targets == from->n_targets);
    to->steps = from->steps;
    for (size_t k = 0; k < PREDICTORS; k++) {
        fg_predictors[k]->copy(to->self[k], from->self[k], from->nodes);
    }
    for (size_t i = 0; i < from->n_targets * PREDICTORS; i++) {
        memcpy(to->p[i], from->p[i], from->nodes * sizeof **to->p);
    }
}

void fg_forecaster_step(struct fg_forecaster *f, const struct fg_seen *seen)
{
    uint32_t week = (uint32_t)((f->hour_of_week + f->steps) % 168);
    for (size_t k = 0; k < PREDICTORS; k++) {
        struct fg_view v = {f->steps, week % 24, week, f->nodes, f->stride, f->weight, f->all, seen, f->p, k};
        fg_predictors[k]->step(f->self[k], &v, f->p + k * f->n_targets);
    }
    f->steps++;
}

const double *fg_forecaster_get(const struct fg_forecaster *f, size_t target, size_t predictor)
{
    return f->p[predictor * f->n_targets + f->place[target]];
}

double fg_quantile_bound(const double *sorted, size_t n, double q, double confidence)
{
    /* P(at most k of n lie below the quantile) <= 1 - confidence: then the k-th smallest lies below it. */
    double term = (double)n * fg_log(1.0 - q), below = 0.0; /* term: its logarithm, which no n takes to 0 */
    size_t k = 0;
    while (k < n && below + fg_exp(term) <= 1.0 - confidence) {
        below += fg_exp(term);
        term += fg_log((double)(n - k) / (double)(k + 1) * q / (1.0 - q));
        k++;
    }
    return k == 0 ? -1.0 : sorted[k - 1];
}
