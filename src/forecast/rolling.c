#include "src/forecast/rolling.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"

#define WARMUP_H 168
#define BLOCK_H 24
#define BLOCKS_MIN 5

/* Points of one target: the same outcomes for all predictors. */
struct points {
    size_t n, cap;
    struct fg_point *point; /* (n) p is filled in for one predictor at a time */
    uint32_t *block;        /* (n) */
    float **p;              /* (rows) -> (cap) */
    double *error_all;      /* (rows) */
    size_t n_all;
};

struct work {
    const struct fg_trace *trace;
    const struct fg_rolling_spec *spec;
    struct fg_rolling out;
    size_t rows;     /* predictors that are scored */
    uint32_t *group; /* (nodes) */
    struct fg_forecaster *forecaster;
    struct fg_trace_eye *eye;
    struct fg_seen *seen;
    struct points *points; /* (targets) */
    struct fg_uptime *uptime[FG_HORIZONS_MAX];
};

void fg_rolling_defaults(struct fg_rolling_spec *spec)
{
    *spec = (struct fg_rolling_spec){{1, 6, 24}, 3, false, 1, 1500000, 300000};
}

void fg_rolling_fini(struct fg_rolling *r)
{
    for (size_t i = 0; r->targets != NULL && i < r->n_targets; i++) {
        fg_free(r->targets[i].rows);
    }
    fg_free(r->targets);
    fg_free(r->uptime);
    *r = (struct fg_rolling){0};
}

/* Hours that lie within [origin, end of the target's event]. */
static int64_t reach(const struct fg_target *t)
{
    return (int64_t)t->horizon_h + (t->event == FG_EVENT_INSTANT ? 0 : 1);
}

/* Nodes of a nested trace that begin alike up to the last '-' are slots of one group. */
static uint32_t find_groups(const struct fg_trace *t, uint32_t *group)
{
    uint32_t groups = 0;
    for (uint32_t i = 0; t->nested && i < t->nodes; i++) {
        const char *name = fg_trace_node_name(t, i), *dash = strrchr(name, '-');
        size_t len = dash != NULL ? (size_t)(dash - name) : strlen(name);
        group[i] = groups;
        for (uint32_t k = 0; k < i && group[i] == groups; k++) {
            const char *other = fg_trace_node_name(t, k), *end = strrchr(other, '-');
            if ((end != NULL ? (size_t)(end - other) : strlen(other)) == len &&
                memcmp(name, other, len) == 0) {
                group[i] = group[k];
            }
        }
        groups += group[i] == groups;
    }
    return groups > 0 ? groups : 1;
}

/* Strides that share no factor with the hours of a week. */
static uint32_t stride_for(uint64_t points, size_t max)
{
    uint32_t s = 1;
    while (points / s > max || (s > 1 && (s % 2 == 0 || s % 3 == 0 || s % 7 == 0))) {
        s++;
    }
    return s;
}

static enum fg_status grow(struct points *p, size_t rows)
{
    size_t cap = p->cap < 4096 ? 4096 : 2 * p->cap;
    enum fg_status st = fg_realloc(&p->point, cap, sizeof *p->point);
    st = st == FG_OK ? fg_realloc(&p->block, cap, sizeof *p->block) : st;
    for (size_t k = 0; st == FG_OK && k < rows; k++) {
        st = fg_realloc(&p->p[k], cap, sizeof *p->p[k]);
    }
    p->cap = st == FG_OK ? cap : p->cap;
    return st;
}

/* Is the event of a node within what was observed of it? */
static bool observed(const struct work *w, uint32_t node, const struct fg_target *target, int64_t origin)
{
    int64_t last = w->trace->end_s[w->trace->first[node + 1] - 1];
    int64_t end = (origin + reach(target)) * 3600;
    return w->seen[node].known && (target->event == FG_EVENT_INSTANT ? end < last : end <= last);
}

static enum fg_status collect(struct work *w, size_t target, int64_t origin)
{
    const struct fg_target *t = &w->out.targets[target].target;
    struct points *p = &w->points[target];
    uint32_t stride = w->out.scored_stride;
    for (uint32_t i = (uint32_t)(origin % stride); i < w->trace->nodes; i += stride) {
        double y = fg_trace_outcome(w->trace, i, t->event, origin + t->horizon_h);
        bool counts = observed(w, i, t, origin);
        enum fg_status st = counts && p->n == p->cap ? grow(p, w->rows) : FG_OK;
        if (st != FG_OK) {
            return st;
        }
        for (size_t k = 0; k < w->rows; k++) {
            double q = fg_forecaster_get(w->forecaster, target, k)[i];
            p->error_all[k] += (q - y) * (q - y);
            if (counts) {
                p->p[k][p->n] = (float)q;
            }
        }
        p->n_all++;
        if (counts) {
            p->point[p->n] = (struct fg_point){0.0F, y > 0.5, i};
            p->block[p->n++] = (uint32_t)((origin - w->out.warmup_h) / w->out.block_h);
        }
    }
    return FG_OK;
}

/* Up time within the hours ahead, against its quantiles and its guarantee. */
static void collect_uptime(struct work *w, size_t k, int64_t now)
{
    struct fg_rolling_uptime *o = &w->out.uptime[k];
    const struct fg_trace *t = w->trace;
    int64_t from = now * 3600, to = from + o->horizon_h * INT64_C(3600);
    double span = (double)(to - from);
    for (uint32_t i = (uint32_t)(now % w->out.scored_stride); i < t->nodes; i += w->out.scored_stride) {
        if (!w->seen[i].known || to > (int64_t)t->end_s[t->first[i + 1] - 1]) {
            continue;
        }
        double up = (double)fg_trace_up_seconds(t, i, from, to);
        for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
            double said = fg_uptime_quantile_s(w->uptime[k], i, q), level = fg_uptime_level[q];
            o->below[q] += up < said - 1.0;
            o->at_most[q] += up <= said + 1.0;
            o->pinball += (up >= said ? level * (up - said) : (1.0 - level) * (said - up)) / span;
        }
        double sure = fg_uptime_guarantee_s(w->uptime[k], i);
        double mean = fg_uptime_expected_s(w->uptime[k], i);
        o->expected_s += mean;
        o->came_s += up;
        o->mae_s += fabs(mean - up);
        if (w->seen[i].up && sure > 0.0) {
            o->guaranteed++;
            o->held += up >= sure - 1.0;
            o->guarantee_s += sure;
        }
        o->points++;
    }
}

static void conclude_uptime(struct fg_rolling_uptime *o)
{
    double n = (double)o->points;
    for (size_t q = 0; q < FG_UPTIME_LEVELS; q++) {
        o->below[q] = n > 0.0 ? o->below[q] / n : NAN;
        o->at_most[q] = n > 0.0 ? o->at_most[q] / n : NAN;
    }
    o->pinball = n > 0.0 ? o->pinball / (n * FG_UPTIME_LEVELS) : NAN;
    o->expected_s = n > 0.0 ? o->expected_s / n : NAN;
    o->came_s = n > 0.0 ? o->came_s / n : NAN;
    o->mae_s = n > 0.0 ? o->mae_s / n : NAN;
    o->held = o->guaranteed > 0 ? o->held / (double)o->guaranteed : NAN;
    o->guarantee_s = o->guaranteed > 0 ? o->guarantee_s / (double)o->guaranteed : NAN;
}

static enum fg_status roll(struct work *w)
{
    size_t ensemble = fg_predictor_find("ensemble");
    for (int64_t now = 0; now <= w->out.hours; now++) {
        fg_trace_eye_next(w->eye, w->seen);
        fg_forecaster_step(w->forecaster, w->seen);
        for (size_t k = 0; k < w->out.n_uptime; k++) {
            fg_uptime_step(w->uptime[k], w->seen, fg_forecaster_get(w->forecaster, 2 * k, ensemble));
            if (now >= w->out.warmup_h && now + w->out.uptime[k].horizon_h <= w->out.hours) {
                collect_uptime(w, k, now);
            }
        }
        for (size_t i = 0; now >= w->out.warmup_h && i < w->out.n_targets; i++) {
            if (w->out.targets[i].scored && now + reach(&w->out.targets[i].target) <= w->out.hours) {
                enum fg_status st = collect(w, i, now);
                if (st != FG_OK) {
                    return st;
                }
            }
        }
    }
    return FG_OK;
}

static enum fg_status intervals(struct work *w, size_t target, const struct fg_blocks *b)
{
    struct fg_rolling_target *t = &w->out.targets[target];
    double *mean = fg_calloc((size_t)FG_REPLICATES * b->columns, sizeof *mean), v[FG_REPLICATES];
    enum fg_status st = mean == NULL ? FG_E_NOMEM : fg_blocks_draw(b, w->spec->seed, (uint32_t)target, mean);
    for (size_t k = 0; st == FG_OK && k < w->rows; k++) {
        for (size_t i = 0; i < FG_REPLICATES; i++) {
            v[i] = mean[i * b->columns + k];
        }
        fg_interval95(v, FG_REPLICATES, &t->rows[k].low, &t->rows[k].high);
    }
    for (size_t i = 0; st == FG_OK && i < FG_REPLICATES; i++) {
        v[i] = fg_score_ratio(mean[i * b->columns + t->ensemble], mean[i * b->columns + t->best]);
    }
    if (st == FG_OK && isfinite(t->ratio)) {
        fg_interval95(v, FG_REPLICATES, &t->ratio_low, &t->ratio_high);
    }
    fg_free(mean);
    return st;
}

/* Sums of squared errors by block and group, then the intervals. */
static enum fg_status resample(struct work *w, size_t target)
{
    const struct points *p = &w->points[target];
    struct fg_blocks b = {p->block[p->n - 1] + 1, w->out.groups, w->rows, NULL, NULL};
    b.sum = fg_calloc(b.blocks * b.groups * b.columns, sizeof *b.sum);
    b.n = fg_calloc(b.blocks * b.groups, sizeof *b.n);
    enum fg_status st = b.sum != NULL && b.n != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < p->n; i++) {
        size_t cell = p->block[i] * b.groups + w->group[p->point[i].node];
        b.n[cell] += 1.0;
        for (size_t k = 0; k < w->rows; k++) {
            double e = (double)p->p[k][i] - p->point[i].y;
            b.sum[cell * b.columns + k] += e * e;
        }
    }
    if (st == FG_OK && b.blocks > 1) {
        st = intervals(w, target, &b);
    }
    fg_free(b.sum);
    fg_free(b.n);
    return st;
}

static enum fg_status score(struct work *w, size_t target)
{
    struct fg_rolling_target *t = &w->out.targets[target];
    struct points *p = &w->points[target];
    size_t climatology = fg_predictor_find("climatology"), persistence = fg_predictor_find("persistence");
    size_t oracle = fg_predictor_find("oracle");
    if (p->n == 0) {
        t->scored = false;
        t->unseen = true;
        return FG_OK;
    }
    t->ensemble = fg_predictor_find("ensemble");
    for (size_t k = 0; k < w->rows; k++) {
        struct fg_rolling_row *row = &t->rows[k];
        for (size_t i = 0; i < p->n; i++) {
            p->point[i].p = p->p[k][i];
        }
        enum fg_status st = fg_score_points(p->point, p->n, &row->score);
        if (st != FG_OK) {
            return st;
        }
        row->predictor = k;
        row->low = row->high = NAN;
        row->points_all = p->n_all;
        row->brier_all = p->error_all[k] / (double)p->n_all;
        if (k != oracle && k != t->ensemble && row->score.brier < t->rows[t->best].score.brier) {
            t->best = k;
        }
    }
    double a = t->rows[climatology].score.brier, b = t->rows[persistence].score.brier, ref = a < b ? a : b;
    for (size_t k = 0; k < w->rows; k++) {
        t->rows[k].skill = ref > 0.0 ? 1.0 - t->rows[k].score.brier / ref : NAN;
    }
    double best = t->rows[t->best].score.brier;
    t->ratio = best > 0.0 ? t->rows[t->ensemble].score.brier / best : NAN;
    t->ratio_low = t->ratio_high = NAN;
    return resample(w, target);
}

static enum fg_status prepare(struct work *w)
{
    const struct fg_trace *t = w->trace;
    struct fg_rolling *o = &w->out;
    struct fg_target targets[2 * FG_HORIZONS_MAX];
    o->hours = t->span_s / 3600;
    o->warmup_h = o->hours / 3 < WARMUP_H ? o->hours / 3 : WARMUP_H;
    uint64_t points = (uint64_t)o->hours * t->nodes;
    o->stride = stride_for(points, w->spec->max_forecasts);
    o->scored_stride = o->stride * stride_for(points / o->stride, w->spec->max_points);
    int64_t origins = o->hours - o->warmup_h;
    o->block_h = origins >= BLOCKS_MIN * BLOCK_H ? BLOCK_H : (uint32_t)(origins / BLOCKS_MIN);
    o->block_h = o->block_h > 0 ? o->block_h : 1;
    w->rows = w->spec->oracle ? fg_predictors_n : fg_predictor_find("oracle");
    w->group = fg_calloc(t->nodes, sizeof *w->group);
    w->seen = fg_calloc(t->nodes, sizeof *w->seen);
    w->points = fg_calloc(2 * w->spec->horizons, sizeof *w->points);
    o->targets = fg_calloc(2 * w->spec->horizons, sizeof *o->targets);
    if (w->group == NULL || w->seen == NULL || w->points == NULL || o->targets == NULL) {
        return FG_E_NOMEM;
    }
    o->groups = find_groups(t, w->group);
    o->n_targets = 2 * w->spec->horizons;
    for (size_t i = 0; i < o->n_targets; i++) {
        struct fg_rolling_target *x = &o->targets[i];
        x->target = (struct fg_target){i % 2 ? FG_EVENT_INSTANT : FG_EVENT_SLOT, w->spec->horizon_h[i / 2]};
        targets[i] = x->target;
        int64_t left = origins - reach(&x->target) + 1, need = x->target.horizon_h;
        x->scored = left >= (need > 3 ? need : 3);
        x->n_rows = w->rows;
        x->rows = fg_calloc(w->rows, sizeof *x->rows);
        w->points[i].p = fg_calloc(w->rows, sizeof *w->points[i].p);
        w->points[i].error_all = fg_calloc(w->rows, sizeof *w->points[i].error_all);
        if (x->rows == NULL || w->points[i].p == NULL || w->points[i].error_all == NULL) {
            return FG_E_NOMEM;
        }
    }
    o->uptime = fg_calloc(w->spec->horizons, sizeof *o->uptime);
    o->n_uptime = o->uptime != NULL ? w->spec->horizons : 0;
    enum fg_status st = o->uptime != NULL ? fg_trace_eye_create(&w->eye, t) : FG_E_NOMEM;
    for (size_t k = 0; st == FG_OK && k < o->n_uptime; k++) {
        o->uptime[k].horizon_h = w->spec->horizon_h[k];
        st = fg_uptime_create(&w->uptime[k], t->nodes, w->spec->horizon_h[k]);
    }
    return st != FG_OK ? st
                       : fg_forecaster_create(&w->forecaster, t->nodes, targets, o->n_targets,
                                              t->has_zero ? t->zero_s : 0, o->stride, NULL,
                                              w->spec->oracle ? t : NULL);
}

static void release(struct work *w)
{
    for (size_t i = 0; w->points != NULL && i < 2 * w->spec->horizons; i++) {
        for (size_t k = 0; w->points[i].p != NULL && k < w->rows; k++) {
            fg_free(w->points[i].p[k]);
        }
        fg_free(w->points[i].p);
        fg_free(w->points[i].error_all);
        fg_free(w->points[i].point);
        fg_free(w->points[i].block);
    }
    fg_free(w->points);
    fg_free(w->group);
    fg_free(w->seen);
    for (size_t k = 0; k < FG_HORIZONS_MAX; k++) {
        fg_uptime_destroy(w->uptime[k]);
    }
    fg_forecaster_destroy(w->forecaster);
    fg_trace_eye_destroy(w->eye);
}

enum fg_status fg_rolling_run(struct fg_rolling *out, const struct fg_trace *t,
                              const struct fg_rolling_spec *spec)
{
    struct work w = {.trace = t, .spec = spec};
    enum fg_status st = prepare(&w);
    st = st == FG_OK ? roll(&w) : st;
    for (size_t i = 0; st == FG_OK && i < w.out.n_targets; i++) {
        st = w.out.targets[i].scored ? score(&w, i) : FG_OK;
    }
    for (size_t k = 0; st == FG_OK && k < w.out.n_uptime; k++) {
        conclude_uptime(&w.out.uptime[k]);
    }
    release(&w);
    if (st == FG_OK) {
        *out = w.out;
    } else {
        fg_rolling_fini(&w.out);
    }
    return st;
}
