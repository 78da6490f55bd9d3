#include "src/planner/worth.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/forecast/carbon.h"
#include "src/forecast/score.h"
#include "src/planner/slots.h"
#include "src/planner/slots_impl.h"
#include "src/planner/worth_impl.h"

#define KWH 0.3 /* of an hour of training; the regret does not depend on it */
#define WARMUP_H 168
#define DAY_H 24 /* a schedule is of so many hours at most, so that days do not overlap */
#define ROWS_MAX 40

/* A pair of forecasts as indices into the registries; the true model is one beyond. */
struct pair {
    size_t availability, carbon;
    bool hourly; /* what is left of the day is planned again each hour, else the day is planned once */
};

/* What a day has come to so far. */
struct tally {
    double spent;
    double *gained; /* (nodes) */
};

struct work {
    const struct fg_worth_spec *spec;
    const struct fg_scene *scene;
    const struct fg_twin *twin; /* NULL: no true model is known */
    struct pair pair[ROWS_MAX];
    size_t pairs;
    int64_t warmup_h;
    size_t windows;
    double *value;                  /* (windows, pairs + 1) utilities; last the oracle's */
    double *p, *g;                  /* (nodes, slots), (zones, slots): the forecasts of one pair */
    double *grams;                  /* (nodes, slots) */
    double *gained;                 /* (pairs + 1, nodes) */
    struct tally day[ROWS_MAX + 1]; /* of each pair, last the oracle's */
    double grams_max;               /* of an hour, so far; */
    double day_max, budget;         /* when the day began, and for it */
    struct fg_forecaster *forecaster;
    struct fg_carbon_forecaster **carbon; /* (zones) */
    struct fg_seen *seen;
};

void fg_worth_defaults(struct fg_worth_spec *spec)
{
    *spec = (struct fg_worth_spec){32, 8 * 168, 24, 0.2, 0.5, 1};
}

void fg_worth_fini(struct fg_worth *w)
{
    fg_free(w->rows);
    *w = (struct fg_worth){0};
}

/* Play an hour, the k-th of a schedule of so many slots, as it really was. What was surely in vain (free, so
 * planned) is left out. */
static void play(const struct work *w, struct tally *y, const uint8_t *on, uint32_t slots, uint32_t k,
                 int64_t t)
{
    const struct fg_scene *s = w->scene;
    for (uint32_t i = 0; i < s->nodes; i++) {
        uint16_t up_s = s->up_s[(size_t)t * s->nodes + i];
        double grams = KWH * fg_scene_grams(s, s->zone[i])[t], cost = grams * up_s / 3600.0;
        if (!on[(size_t)i * slots + k] || !(w->p[(size_t)i * slots + k] > 0.0) ||
            y->spent + cost > w->budget * (1.0 + 1e-9)) {
            continue;
        }
        y->spent += cost;
        y->gained[i] += up_s == 3600 && grams < w->day_max ? w->day_max - grams : 0.0;
    }
}

static double utility(const struct work *w, const struct tally *y)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < w->scene->nodes; i++) {
        sum += fg_slots_utility(y->gained[i], w->spec->alpha);
    }
    return sum;
}

/* Plan so many slots from w->p and w->g with what is left of the day's budget, and play the first `hours` of
 * them. */
static enum fg_status plan_and_play(struct work *w, struct tally *y, int64_t t, uint32_t slots,
                                    uint32_t hours, struct fg_err *err)
{
    const struct fg_scene *s = w->scene;
    struct fg_slots_plan *plan = NULL;
    for (uint32_t i = 0; i < s->nodes; i++) {
        for (uint32_t k = 0; k < slots; k++) {
            w->grams[(size_t)i * slots + k] = KWH * w->g[(size_t)s->zone[i] * slots + k];
        }
    }
    double left = w->budget - y->spent;
    struct fg_slots_problem problem = {.clients = s->nodes,
                                       .slots = slots,
                                       .grams = w->grams,
                                       .chance = w->p,
                                       .base = y->gained,
                                       .budget_g = left > 0.0 ? left : 0.0,
                                       .alpha = w->spec->alpha,
                                       .grams_max = w->day_max};
    enum fg_status st = fg_slots_solve(&plan, &problem, err);
    for (uint32_t k = 0; st == FG_OK && k < hours; k++) {
        play(w, y, plan->on, slots, k, t + k);
    }
    fg_slots_plan_destroy(plan);
    return st;
}

/* What a pair says of hours t .. t + slots - 1. */
static void forecast(struct work *w, const struct pair *pair, int64_t t, uint32_t slots)
{
    const struct fg_scene *s = w->scene;
    size_t sure = fg_predictor_find("oracle"), known = fg_carbon_predictor_find("oracle");
    if (pair->availability == fg_predictors_n) {
        fg_twin_forecast(w->twin, s, t, slots, w->p, w->g);
        return;
    }
    for (uint32_t i = 0; i < s->nodes; i++) {
        for (uint32_t k = 0; k < slots; k++) {
            w->p[(size_t)i * slots + k] = pair->availability == sure
                                              ? (s->up_s[(size_t)(t + k) * s->nodes + i] == 3600 ? 1.0 : 0.0)
                                              : fg_forecaster_get(w->forecaster, k, pair->availability)[i];
        }
    }
    for (uint32_t z = 0; z < s->zones; z++) {
        const double *said = fg_carbon_forecaster_get(w->carbon[z], pair->carbon);
        memcpy(w->g + (size_t)z * slots, pair->carbon == known ? fg_scene_grams(s, z) + t : said,
               slots * sizeof *said);
    }
}

/* A day begins at t: its budget, and what was planned once for all of it. */
static enum fg_status begin_day(struct work *w, int64_t t, double *value, struct fg_err *err)
{
    const struct fg_scene *s = w->scene;
    const struct pair oracle = {fg_predictor_find("oracle"), fg_carbon_predictor_find("oracle"), false};
    uint32_t slots = w->spec->slots;
    double all = 0.0;
    for (uint32_t i = 0; i < s->nodes; i++) {
        for (uint32_t k = 0; k < slots; k++) {
            all += KWH * fg_scene_grams(s, s->zone[i])[t + k];
        }
    }
    w->budget = w->spec->share * all;
    w->day_max = w->grams_max;
    enum fg_status st = FG_OK;
    for (size_t r = 0; st == FG_OK && r <= w->pairs; r++) {
        const struct pair *pair = r < w->pairs ? &w->pair[r] : &oracle;
        w->day[r] = (struct tally){.gained = w->gained + r * s->nodes};
        memset(w->day[r].gained, 0, s->nodes * sizeof *w->gained);
        if (!pair->hourly) {
            forecast(w, pair, t, slots);
            st = plan_and_play(w, &w->day[r], t, slots, slots, err);
            value[r] = utility(w, &w->day[r]);
        }
    }
    return st;
}

/* An hour of a day with so many slots left. Who is down now is not asked. */
static enum fg_status next_hour(struct work *w, int64_t t, uint32_t slots, double *value, struct fg_err *err)
{
    const struct fg_scene *s = w->scene;
    enum fg_status st = FG_OK;
    for (size_t r = 0; st == FG_OK && r < w->pairs; r++) {
        if (w->pair[r].hourly) {
            forecast(w, &w->pair[r], t, slots);
            for (uint32_t i = 0; i < s->nodes; i++) {
                w->p[(size_t)i * slots] *= s->up[(size_t)t * s->nodes + i] != 0;
            }
            st = plan_and_play(w, &w->day[r], t, slots, 1, err);
            value[r] = utility(w, &w->day[r]);
        }
    }
    return st;
}

static enum fg_status one_hour(struct work *w, int64_t t, struct fg_err *err)
{
    size_t day = (size_t)((t - w->warmup_h) / DAY_H);
    uint32_t hour = (uint32_t)((t - w->warmup_h) % DAY_H), slots = w->spec->slots;
    double *value = w->value + day * (w->pairs + 1);
    enum fg_status st = hour == 0 ? begin_day(w, t, value, err) : FG_OK;
    return st == FG_OK && hour < slots ? next_hour(w, t, slots - hour, value, err) : st;
}

static enum fg_status roll(struct work *w, struct fg_err *err)
{
    const struct fg_scene *s = w->scene;
    int64_t end = w->warmup_h + (int64_t)w->windows * DAY_H;
    enum fg_status st = FG_OK;
    FG_ASSERT(w->carbon != NULL);
    for (int64_t t = 0; st == FG_OK && t < s->hours; t++) {
        fg_scene_see(s, t, w->seen);
        fg_forecaster_step(w->forecaster, w->seen);
        for (uint32_t z = 0; st == FG_OK && z < s->zones; z++) {
            const double *now = fg_scene_grams(s, z) + t - 1;
            for (int64_t h = t == 0 ? 1 - FG_WORTH_PAST_H : 0; st == FG_OK && h <= 0; h++) {
                w->grams_max = KWH * now[h] > w->grams_max ? KWH * now[h] : w->grams_max;
                st = fg_carbon_forecaster_step(w->carbon[z], now[h]);
            }
        }
        st = st == FG_OK && t >= w->warmup_h && t < end ? one_hour(w, t, err) : st;
    }
    return st;
}

static enum fg_status prepare(struct work *w, struct fg_err *err)
{
    const struct fg_scene *s = w->scene;
    struct fg_target targets[DAY_H];
    uint32_t slots = w->spec->slots;
    w->warmup_h = s->hours / 3 < WARMUP_H ? s->hours / 3 : WARMUP_H;
    int64_t left = s->hours - w->warmup_h - slots;
    if (left < 0) {
        return fg_fail(err, FG_E_INPUT,
                       "the trace is too short to schedule: %lld hours, %lld of them warm-up, slots %u",
                       (long long)s->hours, (long long)w->warmup_h, slots);
    }
    w->windows = (size_t)(left / DAY_H) + 1;
    size_t cells = (size_t)s->nodes * slots;
    w->value = fg_calloc(w->windows * (w->pairs + 1), sizeof *w->value);
    w->p = fg_calloc(cells, sizeof *w->p);
    w->g = fg_calloc((size_t)s->zones * slots, sizeof *w->g);
    w->grams = fg_calloc(cells, sizeof *w->grams);
    w->gained = fg_calloc((w->pairs + 1) * s->nodes, sizeof *w->gained);
    w->seen = fg_calloc(s->nodes, sizeof *w->seen);
    w->carbon = fg_calloc(s->zones, sizeof(struct fg_carbon_forecaster *));
    if (w->value == NULL || w->p == NULL || w->g == NULL || w->grams == NULL || w->gained == NULL ||
        w->seen == NULL || w->carbon == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t k = 0; k < slots; k++) {
        targets[k] = (struct fg_target){FG_EVENT_SLOT, k};
    }
    enum fg_status st =
        fg_forecaster_create(&w->forecaster, s->nodes, targets, slots, s->start_s, 1, NULL, NULL);
    for (uint32_t z = 0; st == FG_OK && z < s->zones; z++) {
        st = fg_carbon_forecaster_create(&w->carbon[z], slots, s->start_s - FG_WORTH_PAST_H * 3600, NULL,
                                         false);
    }
    return st;
}

static void release(struct work *w)
{
    for (uint32_t z = 0; w->carbon != NULL && z < w->scene->zones; z++) {
        fg_carbon_forecaster_destroy(w->carbon[z]);
    }
    fg_free(w->carbon);
    fg_forecaster_destroy(w->forecaster);
    fg_free(w->value);
    fg_free(w->p);
    fg_free(w->g);
    fg_free(w->grams);
    fg_free(w->gained);
    fg_free(w->seen);
}

/* Regrets of all pairs with intervals, from the utilities of the windows. */
static enum fg_status regrets(struct work *w, struct fg_worth_row *rows, uint32_t stream)
{
    size_t columns = w->pairs + 1;
    double *n = fg_calloc(w->windows, sizeof *n), v[FG_REPLICATES], oracle = 0.0,
           *mean = fg_calloc((size_t)FG_REPLICATES * columns, sizeof *mean);
    enum fg_status st = n != NULL && mean != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t i = 0; st == FG_OK && i < w->windows; i++) {
        n[i] = 1.0;
        oracle += w->value[i * columns + w->pairs];
    }
    struct fg_blocks b = {w->windows, 1, columns, w->value, n};
    st = st == FG_OK ? fg_blocks_draw(&b, w->spec->seed, stream, mean) : st;
    for (size_t r = 0; st == FG_OK && r < w->pairs; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < w->windows; i++) {
            sum += w->value[i * columns + r];
        }
        rows[r].regret = oracle > 0.0 ? 1.0 - sum / oracle : NAN;
        rows[r].low = rows[r].high = NAN;
        for (size_t i = 0; i < FG_REPLICATES; i++) {
            double best = mean[i * columns + w->pairs];
            v[i] = best > 0.0 ? 1.0 - mean[i * columns + r] / best : 0.0;
        }
        if (w->windows > 1 && oracle > 0.0) {
            fg_interval95(v, FG_REPLICATES, &rows[r].low, &rows[r].high);
        }
    }
    fg_free(n);
    fg_free(mean);
    return st;
}

static enum fg_status score(struct work *w, struct fg_worth_row *rows, uint32_t stream, struct fg_err *err)
{
    enum fg_status st = prepare(w, err);
    st = st == FG_OK ? roll(w, err) : st;
    st = st == FG_OK ? regrets(w, rows, stream) : st;
    release(w);
    return st;
}

/* Each predictor of the one with the ensemble of the other, and what either oracle would win. */
static void list_pairs(struct work *w, struct fg_worth *out)
{
    size_t a = fg_predictor_find("ensemble"), c = fg_carbon_predictor_find("ensemble");
    FG_ASSERT(fg_predictors_n + fg_carbon_predictors_n + 1 <= ROWS_MAX);
    for (size_t i = 0; i < fg_predictors_n; i++) {
        out->ensemble = i == a ? w->pairs : out->ensemble;
        w->pair[w->pairs++] = (struct pair){i, c, false};
    }
    for (size_t i = 0; i < fg_carbon_predictors_n; i++) {
        if (i != c) {
            w->pair[w->pairs++] = (struct pair){a, i, false};
        }
    }
    w->pair[w->pairs++] = (struct pair){a, c, true};
    for (size_t i = 0; i < w->pairs; i++) {
        out->rows[i].availability = fg_predictors[w->pair[i].availability]->name;
        out->rows[i].carbon = fg_carbon_predictors[w->pair[i].carbon]->name;
    }
    out->n_rows = w->pairs - 1; /* the last is told apart */
}

static enum fg_status on_twin(struct fg_worth *out, const struct fg_scene *real,
                              const struct fg_worth_spec *spec, struct fg_err *err)
{
    struct fg_twin twin;
    struct fg_scene scene = {0};
    struct fg_worth_row rows[4] = {{"true model", "true model", NAN, NAN, NAN},
                                   {"ensemble", "ensemble", NAN, NAN, NAN}};
    rows[2] = rows[0];
    rows[3] = rows[1];
    enum fg_status st = fg_twin_draw(&twin, &scene, real, spec->seed, err);
    struct work w = {.spec = spec, .scene = &scene, .twin = &twin, .pairs = 4};
    for (size_t r = 0; r < w.pairs; r++) {
        w.pair[r] = r % 2 == 0 ? (struct pair){fg_predictors_n, fg_carbon_predictors_n, r >= 2}
                               : (struct pair){fg_predictor_find("ensemble"),
                                               fg_carbon_predictor_find("ensemble"), r >= 2};
    }
    st = st == FG_OK ? score(&w, rows, 2001, err) : st;
    out->irreducible = rows[0];
    out->twin_ensemble = rows[1];
    out->hourly_irreducible = rows[2];
    out->hourly_twin = rows[3];
    fg_twin_fini(&twin);
    fg_scene_fini(&scene);
    return st;
}

static enum fg_status make_scene(struct fg_scene *scene, const struct fg_trace *t,
                                 const struct fg_zone_carbon *zones, size_t n_zones,
                                 const struct fg_worth_spec *spec, struct fg_err *err)
{
    struct fg_fleet_spec who;
    struct fg_fleet *f = NULL;
    fg_fleet_spec_defaults(&who);
    who.clients = t->nodes < spec->nodes_max ? t->nodes : spec->nodes_max;
    who.seed = spec->seed;
    who.wrap = true;
    int64_t hours = t->span_s / 3600;
    hours = hours < spec->hours_max ? hours : spec->hours_max;
    enum fg_status st = fg_fleet_create(&f, &who, t, zones, n_zones, err);
    st = st == FG_OK ? fg_scene_of_fleet(scene, f, hours) : st;
    fg_fleet_destroy(f);
    return st;
}

enum fg_status fg_worth_run(struct fg_worth *out, const struct fg_trace *t,
                            const struct fg_zone_carbon *zones, size_t n_zones,
                            const struct fg_worth_spec *spec, struct fg_err *err)
{
    if (spec->slots < 1 || spec->slots > DAY_H || spec->nodes_max < 1 || spec->hours_max < 3 ||
        !(spec->share > 0.0 && spec->share <= 1.0) || !(spec->alpha > 0.0 && spec->alpha <= 1.0)) {
        return fg_fail(err, FG_E_RANGE,
                       "worth: expected 1 to %d slots, nodes, hours, a share and alpha in (0, 1]", DAY_H);
    }
    struct fg_worth o = {0};
    struct fg_scene scene = {0};
    struct work w = {.spec = spec, .scene = &scene};
    o.rows = fg_calloc(ROWS_MAX, sizeof *o.rows);
    enum fg_status st = o.rows != NULL ? make_scene(&scene, t, zones, n_zones, spec, err) : FG_E_NOMEM;
    if (st == FG_OK) {
        list_pairs(&w, &o);
        st = score(&w, o.rows, 2000, err);
        o.hourly = o.rows[o.n_rows];
    }
    st = st == FG_OK ? on_twin(&o, &scene, spec, err) : st;
    o.nodes = scene.nodes;
    o.hours = scene.hours;
    o.warmup_h = w.warmup_h;
    o.windows = (uint32_t)w.windows;
    fg_scene_fini(&scene);
    if (st == FG_OK) {
        *out = o;
    } else {
        fg_worth_fini(&o);
    }
    return st;
}
