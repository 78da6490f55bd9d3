#include "src/forecast/carbon_rolling.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/forecast/score.h"

#define WARMUP_H 168
#define BLOCK_H 24
#define BLOCKS_MIN 5

/* What is added up of one target: whole sums by predictor, and errors by block for the intervals. */
struct sums {
    double *abs, *square, *bias, *pinball, *below, *above, *width; /* (rows) */
    double *block;                                                 /* (blocks, 2 rows): absolute, squared */
    double *block_n;                                               /* (blocks) */
};

struct work {
    const struct fg_carbon *carbon;
    const struct fg_carbon_rolling_spec *spec;
    struct fg_carbon_rolling out;
    size_t rows, blocks;
    struct fg_carbon_forecaster *forecaster;
    struct sums *sums; /* (targets) */
};

void fg_carbon_rolling_defaults(struct fg_carbon_rolling_spec *spec)
{
    *spec = (struct fg_carbon_rolling_spec){{1, 6, 24}, 3, false, 1};
}

void fg_carbon_rolling_fini(struct fg_carbon_rolling *r)
{
    for (size_t i = 0; r->targets != NULL && i < r->n_targets; i++) {
        fg_free(r->targets[i].rows);
    }
    fg_free(r->targets);
    *r = (struct fg_carbon_rolling){0};
}

/* The loss of a bound q as a forecast of the quantile at a level. */
static double pinball(double y, double q, double level)
{
    return y >= q ? level * (y - q) : (1.0 - level) * (q - y);
}

static void collect(struct work *w, size_t target, int64_t now)
{
    uint32_t h = w->out.targets[target].horizon_h;
    struct sums *s = &w->sums[target];
    double y = w->carbon->g_per_kwh[now + h];
    size_t block = (size_t)((now - w->out.warmup_h) / w->out.block_h);
    for (size_t k = 0; k < w->rows; k++) {
        double low, high, e = fg_carbon_forecaster_get(w->forecaster, k)[h] - y;
        fg_carbon_forecaster_interval(w->forecaster, k, h, &low, &high);
        s->abs[k] += fabs(e);
        s->square[k] += e * e;
        s->bias[k] += e;
        s->pinball[k] += 0.5 * (pinball(y, low, FG_CARBON_LEVEL) + pinball(y, high, 1.0 - FG_CARBON_LEVEL));
        s->below[k] += y < low;
        s->above[k] += y > high;
        s->width[k] += high - low;
        s->block[block * 2 * w->rows + k] += fabs(e);
        s->block[block * 2 * w->rows + w->rows + k] += e * e;
    }
    s->block_n[block] += 1.0;
    w->out.targets[target].points++;
}

static enum fg_status roll(struct work *w)
{
    for (int64_t now = 1; now < w->out.hours; now++) {
        enum fg_status st = fg_carbon_forecaster_step(w->forecaster, w->carbon->g_per_kwh[now - 1]);
        if (st != FG_OK) {
            return st;
        }
        for (size_t i = 0; now >= w->out.warmup_h && i < w->out.n_targets; i++) {
            const struct fg_carbon_rolling_target *t = &w->out.targets[i];
            if (t->scored && now + t->horizon_h < w->out.hours) {
                collect(w, i, now);
            }
        }
    }
    return FG_OK;
}

static enum fg_status intervals(struct work *w, size_t target)
{
    struct fg_carbon_rolling_target *t = &w->out.targets[target];
    struct sums *s = &w->sums[target];
    size_t blocks = (t->points + w->out.block_h - 1) / w->out.block_h, columns = 2 * w->rows;
    struct fg_blocks b = {blocks, 1, columns, s->block, s->block_n};
    double *mean = fg_calloc((size_t)FG_REPLICATES * columns, sizeof *mean), v[FG_REPLICATES];
    enum fg_status st = mean != NULL ? FG_OK : FG_E_NOMEM;
    if (st == FG_OK && blocks > 1) {
        st = fg_blocks_draw(&b, w->spec->seed, 1000 + (uint32_t)target, mean);
        for (size_t k = 0; st == FG_OK && k <= w->rows; k++) {
            for (size_t i = 0; i < FG_REPLICATES; i++) {
                const double *row = mean + i * columns, *square = row + w->rows;
                v[i] = k < w->rows ? row[k] : fg_score_ratio(square[t->ensemble], square[t->best]);
            }
            fg_interval95(v, FG_REPLICATES, k < w->rows ? &t->rows[k].low : &t->ratio_low,
                          k < w->rows ? &t->rows[k].high : &t->ratio_high);
        }
    }
    if (!isfinite(t->ratio)) {
        t->ratio_low = t->ratio_high = NAN;
    }
    fg_free(mean);
    return st;
}

static enum fg_status score(struct work *w, size_t target)
{
    struct fg_carbon_rolling_target *t = &w->out.targets[target];
    const struct sums *s = &w->sums[target];
    size_t climatology = fg_carbon_predictor_find("climatology"),
           persistence = fg_carbon_predictor_find("persistence"), oracle = fg_carbon_predictor_find("oracle");
    double n = (double)t->points, ref = s->square[climatology];
    ref = s->square[persistence] < ref ? s->square[persistence] : ref;
    t->ensemble = fg_carbon_predictor_find("ensemble");
    for (size_t k = 0; k < w->rows; k++) {
        t->rows[k] = (struct fg_carbon_rolling_row){
            .predictor = k,
            .mae = s->abs[k] / n,
            .low = NAN,
            .high = NAN,
            .rmse = sqrt(s->square[k] / n),
            .bias = s->bias[k] / n,
            .pinball = s->pinball[k] / n,
            .coverage = 1.0 - (s->below[k] + s->above[k]) / n,
            .below = s->below[k] / n,
            .above = s->above[k] / n,
            .width = s->width[k] / n,
            .skill = ref > 0.0 ? 1.0 - s->square[k] / ref : NAN,
        };
        if (k != oracle && k != t->ensemble && s->square[k] < s->square[t->best]) {
            t->best = k;
        }
    }
    t->ratio = s->square[t->best] > 0.0 ? s->square[t->ensemble] / s->square[t->best] : NAN;
    t->ratio_low = t->ratio_high = NAN;
    return intervals(w, target);
}

static enum fg_status prepare_sums(struct work *w, struct sums *s)
{
    double **row[] = {&s->abs, &s->square, &s->bias, &s->pinball, &s->below, &s->above, &s->width};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        *row[i] = fg_calloc(w->rows, sizeof **row[i]);
        if (*row[i] == NULL) {
            return FG_E_NOMEM;
        }
    }
    s->block = fg_calloc(w->blocks * 2 * w->rows, sizeof *s->block);
    s->block_n = fg_calloc(w->blocks, sizeof *s->block_n);
    return s->block != NULL && s->block_n != NULL ? FG_OK : FG_E_NOMEM;
}

static enum fg_status prepare(struct work *w)
{
    struct fg_carbon_rolling *o = &w->out;
    uint32_t ahead = 1;
    o->hours = (int64_t)w->carbon->hours;
    o->warmup_h = o->hours / 3 < WARMUP_H ? o->hours / 3 : WARMUP_H;
    o->warmup_h = o->warmup_h > 0 ? o->warmup_h : 1;
    int64_t origins = o->hours - o->warmup_h;
    o->block_h = origins >= BLOCKS_MIN * BLOCK_H ? BLOCK_H : (uint32_t)(origins / BLOCKS_MIN);
    o->block_h = o->block_h > 0 ? o->block_h : 1;
    w->blocks = (size_t)(origins / o->block_h) + 1;
    w->rows = w->spec->oracle ? fg_carbon_predictors_n : fg_carbon_predictor_find("oracle");
    o->targets = fg_calloc(w->spec->horizons, sizeof *o->targets);
    w->sums = fg_calloc(w->spec->horizons, sizeof *w->sums);
    if (o->targets == NULL || w->sums == NULL) {
        return FG_E_NOMEM;
    }
    o->n_targets = w->spec->horizons;
    for (size_t i = 0; i < o->n_targets; i++) {
        struct fg_carbon_rolling_target *t = &o->targets[i];
        uint32_t h = w->spec->horizon_h[i];
        if (h >= FG_CARBON_AHEAD_MAX) {
            return FG_E_RANGE;
        }
        t->horizon_h = h;
        t->scored = origins - h >= (h > 3 ? (int64_t)h : 3);
        t->n_rows = w->rows;
        t->rows = fg_calloc(w->rows, sizeof *t->rows);
        ahead = h + 1 > ahead ? h + 1 : ahead;
        if (t->rows == NULL || prepare_sums(w, &w->sums[i]) != FG_OK) {
            return FG_E_NOMEM;
        }
    }
    return fg_carbon_forecaster_create(&w->forecaster, ahead, w->carbon->start_s, w->carbon, true);
}

static void release(struct work *w)
{
    for (size_t i = 0; w->sums != NULL && i < w->out.n_targets; i++) {
        struct sums *s = &w->sums[i];
        double *all[] = {s->abs,   s->square, s->bias,  s->pinball, s->below,
                         s->above, s->width,  s->block, s->block_n};
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
            fg_free(all[k]);
        }
    }
    fg_free(w->sums);
    fg_carbon_forecaster_destroy(w->forecaster);
}

enum fg_status fg_carbon_rolling_run(struct fg_carbon_rolling *out, const struct fg_carbon *c,
                                     const struct fg_carbon_rolling_spec *spec)
{
    struct work w = {.carbon = c, .spec = spec};
    enum fg_status st = prepare(&w);
    st = st == FG_OK ? roll(&w) : st;
    for (size_t i = 0; st == FG_OK && i < w.out.n_targets; i++) {
        st = w.out.targets[i].scored ? score(&w, i) : FG_OK;
    }
    release(&w);
    if (st == FG_OK) {
        *out = w.out;
    } else {
        fg_carbon_rolling_fini(&w.out);
    }
    return st;
}
