#include "src/aggregator/select_way.h"

#include <math.h>
#include <string.h>

#include "src/aggregator/select_weight.h"
#include "src/base/mem.h"

/* The model orders ways roughly: one that promises this much less error than what is set is taken. */
#define WORTH_IT 0.25

/* Room for the planning model's terms. Shapes: (clients; where data move: shards), but for zones. */
struct work {
    const struct fg_select_config *cfg;
    struct fg_gauge_parts parts;
    double steps; /* that count, of a round */
    double gone;  /* of the gradient after a round */
    double *target, *chance, *memory, *weight, *caps;
    uint32_t *zone;
    double *zones; /* (zones) */
    uint8_t *row;  /* (slots) of one shard */
};

static void free_work(struct work *w)
{
    fg_free(w->target);
    fg_free(w->zone);
    fg_free(w->row);
}

static enum fg_status make_work(struct work *w, const struct fg_select_config *cfg,
                                const struct fg_select_view *view)
{
    size_t n = cfg->clients, zones = fg_fleet_zones(cfg->fleet);
    *w = (struct work){.cfg = cfg,
                       .parts = fg_gauge_parts(view->gauge),
                       .target = fg_calloc(5 * n + zones, sizeof *w->target),
                       .zone = fg_calloc(n, sizeof *w->zone),
                       .row = fg_calloc(cfg->rounds, 1)};
    if (w->target == NULL || w->zone == NULL || w->row == NULL) {
        free_work(w);
        return FG_E_NOMEM;
    }
    w->chance = w->target + n;
    w->memory = w->target + 2 * n;
    w->weight = w->target + 3 * n;
    w->caps = w->target + 4 * n;
    w->zones = w->target + 5 * n;
    for (uint32_t c = 0; c < cfg->clients; c++) {
        w->steps += (double)cfg->steps[c] / (double)n;
        w->target[c] = fg_select_target(cfg, c);
        w->zone[c] = fg_fleet_zone(cfg->fleet, c);
    }
    w->steps = fg_effective_steps(w->steps, cfg->lr, cfg->curvature);
    w->gone = cfg->curvature > 0.0 ? fg_gauge_gone(view->gauge, cfg->lr * cfg->curvature * w->steps) : 0.0;
    return FG_OK;
}

/* ---- weights ---- */

static void weigh(const struct work *w, const double *chance, double cap)
{
    double z = 0.0, all = 0.0;
    for (uint32_t c = 0; c < w->cfg->clients; c++) {
        double inverse = chance[c] > 1e-6 ? 1.0 / chance[c] : 1e6;
        w->weight[c] = inverse < cap ? inverse : cap;
        z += w->target[c] * w->weight[c] * chance[c];
        all += w->target[c];
    }
    for (uint32_t c = 0; c < w->cfg->clients && z > 0.0 && !w->cfg->over_all; c++) {
        w->weight[c] *= all / z; /* the mean of those who come */
    }
}

/* The error of the rest of a run in which clients take part as *e says. What clients and zones are apart costs
 * in proportion to what is left to do, because it shrinks with the gradient. Drift is the same whoever
 * trains. */
static double error_of(const struct work *w, struct fg_error_terms *e)
{
    e->lr = w->cfg->lr;
    e->mean_steps = w->steps;
    e->curvature = w->gone / (e->lr * w->steps);
    e->target = w->target;
    e->weight = w->weight;
    e->memory = w->memory;
    e->noise = w->parts.noise * e->mean_steps; /* of an update, not of a step */
    e->spread = w->parts.client;
    e->zone = w->zone;
    e->zones = fg_fleet_zones(w->cfg->fleet);
    e->zone_spread = w->parts.zone;
    e->scratch = w->zones;
    struct fg_error x = fg_error_predict(e);
    /* where data move all shards count alike, whoever trains */
    double bias = w->cfg->moves ? 0.0 : x.bias;
    return x.progress * (w->parts.common + x.variance + bias);
}

/* The least error over the caps, and the cap. Everyone's chance is at least a millionth here. */
static double best_cap(double *cap, const struct work *w, struct fg_error_terms *e)
{
    double least = INFINITY;
    *cap = INFINITY;
    for (uint32_t c = 0; c < e->clients; c++) {
        w->weight[c] = e->chance[c] > 1e-6 ? e->chance[c] : 1e-6;
    }
    uint32_t tries = fg_weight_caps(w->caps, w->weight, e->clients);
    for (uint32_t k = 0; k < tries; k++) {
        weigh(w, e->chance, w->caps[k]);
        double error = error_of(w, e);
        if (error < least) {
            least = error;
            *cap = w->caps[k];
        }
    }
    return least;
}

enum fg_status fg_way_cap(double *cap, const struct fg_select_config *cfg, const struct fg_select_view *view,
                          const double *chance)
{
    struct work w;
    struct fg_error_terms e;
    enum fg_status st = make_work(&w, cfg, view);
    if (st != FG_OK) {
        return st;
    }
    fg_error_defaults(&e);
    for (uint32_t c = 0; c < cfg->clients; c++) {
        double l = fg_watch_memory(view->watch, c);
        w.memory[c] = l < -0.99 ? -0.99 : l > 0.99 ? 0.99 : l;
    }
    e.clients = cfg->clients;
    e.chance = chance;
    (void)best_cap(cap, &w, &e);
    free_work(&w);
    return FG_OK;
}

/* ---- ways ---- */

/* Slots in which somebody is expected to train. */
static double busy(const struct fg_ahead *a, const struct fg_slots_plan *plan)
{
    double sum = 0.0;
    for (uint32_t t = 0; t < plan->slots; t++) {
        double nobody = 1.0;
        for (uint32_t c = 0; c < a->clients; c++) {
            nobody *= plan->on[(size_t)c * plan->slots + t] ? 1.0 - a->chance[(size_t)c * a->slots + t] : 1.0;
        }
        sum += 1.0 - nobody;
    }
    return sum;
}

/* The slots in which somebody trains on the shard. Shapes: row (slots) scratch. */
static const uint8_t *row_of(const struct fg_slots_plan *plan, uint32_t shard, uint8_t *row)
{
    if (plan->shard == NULL) {
        return plan->on + (size_t)shard * plan->slots;
    }
    memset(row, 0, plan->slots);
    for (size_t i = 0; i < (size_t)plan->clients * plan->slots; i++) {
        if (plan->on[i] && plan->shard[i] == shard) {
            row[i % plan->slots] = 1;
        }
    }
    return row;
}

/* The predicted error of a plan with the best cap. A mean over those who came makes a whole step of a round,
 * but of no round in which nobody came: it has fewer rounds with larger chances. */
static double plan_error(const struct work *w, const struct fg_ahead *a, const struct fg_slots_plan *plan)
{
    struct fg_error_terms e;
    double cap;
    fg_ahead_imply(&e, a, w->cfg, plan, w->chance, w->caps);
    double rounds = w->cfg->over_all ? e.rounds : busy(a, plan);
    for (uint32_t c = 0; c < a->clients; c++) { /* who trains when is the plan's doing now */
        double s = rounds > 0.0 ? w->chance[c] * e.rounds / rounds : 0.0;
        w->chance[c] = s < 1.0 ? s : 1.0;
        w->memory[c] = fg_ahead_memory(row_of(plan, c, w->row), plan->slots);
    }
    e.rounds = rounds;
    return best_cap(&cap, w, &e);
}

struct search {
    const struct fg_ahead *a;
    const struct work *work;
    const double *base;
    double left_g, grams_max;
    uint32_t gone; /* slots before the outlook's */
};

static enum fg_status try_way(double *error, const struct search *s, const struct fg_way *way)
{
    struct fg_select_config cfg = *s->work->cfg;
    struct fg_slots_plan *plan = NULL;
    uint32_t slots = way->slots - s->gone;
    cfg.alpha = way->alpha;
    enum fg_status st =
        fg_ahead_solve(&plan, s->a, &cfg, slots, fg_ahead_window(s->a, slots, cfg.tune, s->left_g / 2.0),
                       s->base, s->left_g, s->grams_max, NULL);
    if (st == FG_OK) {
        *error = plan_error(s->work, s->a, plan);
    }
    fg_slots_plan_destroy(plan);
    return st;
}

static enum fg_status try_all(struct fg_way *best, const struct search *s)
{
    static const double alphas[] = {0.1, 0.3, 0.6, 1.0};
    enum { SEARCHED = 5, ALPHAS = 4 };
    const struct fg_select_config *cfg = s->work->cfg;
    uint32_t shortest = cfg->rounds - cfg->slack, longest = best->slots;
    shortest = shortest > s->gone ? shortest : s->gone + 1;
    shortest = shortest < longest ? shortest : longest;
    uint32_t slack = longest - shortest, lengths = slack < SEARCHED ? slack + 1 : SEARCHED;
    double least = 0.0;
    enum fg_status st = try_way(&least, s, best);
    least *= 1.0 - WORTH_IT;
    for (size_t k = 0; k < (size_t)lengths * ALPHAS && st == FG_OK; k++) {
        double error = 0.0;
        struct fg_way way = {
            .slots = shortest + (uint32_t)((uint64_t)slack * (k / ALPHAS) / (lengths > 1 ? lengths - 1 : 1)),
            .alpha = alphas[k % ALPHAS]};
        st = try_way(&error, s, &way);
        if (st == FG_OK && error < least) {
            least = error;
            *best = way;
        }
    }
    return st;
}

enum fg_status fg_way_search(struct fg_way *way, const struct fg_ahead *a, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, const double *base, double left_g,
                             double grams_max)
{
    struct work w;
    enum fg_status st = make_work(&w, cfg, view);
    if (st != FG_OK) {
        return st;
    }
    struct search s = {
        .a = a, .work = &w, .base = base, .left_g = left_g, .grams_max = grams_max, .gone = view->round};
    st = try_all(way, &s);
    free_work(&w);
    return st;
}
