#include "src/aggregator/select_plan.h"

#include <math.h>
#include <string.h>

#include "src/aggregator/select_weight.h"
#include "src/base/mem.h"
#include "src/planner/budgets.h"
#include "src/planner/error.h"

enum { LENGTHS = 12 }; /* that are tried */

/* The model orders ways roughly: one that promises this much less error than what is set is taken. */
#define WORTH_IT 0.25

double fg_ahead_dearest(const struct fg_ahead *a)
{
    double most = 0.0;
    for (size_t i = 0; i < (size_t)a->clients * a->slots; i++) {
        most = a->grams[i] > most ? a->grams[i] : most;
    }
    return most;
}

double fg_ahead_left(const struct fg_ahead *a, const struct fg_select_config *cfg,
                     const struct fg_select_view *view)
{
    double all = 1.0, spent = view->spent[FG_LIMIT_CARBON_G];
    if (cfg->budget_g > 0.0) {
        return cfg->budget_g > spent ? cfg->budget_g - spent : 0.0;
    }
    for (size_t i = 0; i < (size_t)a->clients * a->slots; i++) {
        all += a->grams[i];
    }
    return all;
}

uint32_t fg_ahead_window(const struct fg_ahead *a, uint32_t slots, uint32_t tune, double left_g)
{
    double window_g = 0.0, window[FG_LIMITS] = {0.0};
    for (uint32_t c = 0; c < a->clients && a->bytes != NULL; c++) { /* its data are sent to who has none */
        double bytes = fg_slots_window_bytes(a->bytes, a->clients, c);
        window_g += bytes * a->per_byte[FG_LIMIT_CARBON_G][c];
        for (int r = 0; r < FG_LIMITS; r++) {
            window[r] += a->cost[r] != NULL ? bytes * a->per_byte[r][c] : 0.0;
        }
    }
    tune = tune < slots ? tune : slots;
    tune = a->rounds_left > 0 && tune > a->rounds_left ? a->rounds_left : tune;
    for (uint32_t n = 0; n < tune; n++) {
        for (uint32_t c = 0; c < a->clients; c++) {
            size_t i = (size_t)c * a->slots + (slots - 1 - n);
            window_g += a->chance[i] * a->grams[i];
            for (int r = 0; r < FG_LIMITS; r++) {
                window[r] += a->cost[r] != NULL ? a->cost[r][i] : 0.0;
            }
        }
        for (int r = 0; r < FG_LIMITS; r++) {
            if (window_g > left_g || (a->cost[r] != NULL && window[r] > a->left[r] / 2.0)) {
                return n;
            }
        }
    }
    return tune;
}

/* ---- plans ---- */

/* The first `slots` of each client's a->slots, to the end of `to`. */
static const double *cut(double *to, const double *from, const struct fg_ahead *a, uint32_t slots)
{
    for (size_t c = 0; c < a->clients; c++) {
        memcpy(to + c * slots, from + c * a->slots, slots * sizeof *to);
    }
    return to;
}

/* Beside carbon. */
static uint32_t budgets_of(const struct fg_ahead *a)
{
    uint32_t n = 0;
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        n += a->cost[r] != NULL;
    }
    return n;
}

/* Under carbon and whatever else there is; rows (budgets + 1, clients, slots) holds the costs. */
static enum fg_status solve_all(struct fg_slots_plan **out, const struct fg_slots_problem *p,
                                const struct fg_ahead *a, double *rows, double *price)
{
    size_t cells = (size_t)p->clients * p->slots;
    struct fg_slots_side budget[FG_LIMITS];
    struct fg_budgets_problem all = {
        .slots = *p, .budget = budget, .n = 1, .rounds = a->rounds_left, .price_round = price != NULL};
    int which[FG_LIMITS] = {FG_LIMIT_CARBON_G};
    struct fg_budgets_plan plan;
    struct fg_err err;
    for (size_t i = 0; i < cells; i++) {
        rows[i] = p->chance[i] * p->grams[i];
    }
    budget[0] = (struct fg_slots_side){rows, p->budget_g, a->per_byte[FG_LIMIT_CARBON_G]};
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        if (a->cost[r] != NULL) {
            const double *cost = cut(rows + all.n * cells, a->cost[r], a, p->slots);
            which[all.n] = r;
            budget[all.n++] = (struct fg_slots_side){cost, a->left[r], a->per_byte[r]};
        }
    }
    enum fg_status st = fg_budgets_solve(&plan, &all, &err);
    if (st != FG_OK) {
        return st;
    }
    for (uint32_t r = 0; r < all.n && price != NULL; r++) {
        price[which[r]] = plan.price[r];
    }
    if (price != NULL) {
        price[FG_LIMIT_ROUNDS] = plan.price_round;
    }
    plan.slots->spent_g = plan.spent[0];
    plan.slots->price_per_g = plan.price[0];
    *out = plan.slots;
    return FG_OK;
}

enum fg_status fg_ahead_solve(struct fg_slots_plan **out, const struct fg_ahead *a,
                              const struct fg_select_config *cfg, uint32_t slots, uint32_t tune,
                              const double *base, double left_g, double grams_max, double *price)
{
    size_t cells = (size_t)a->clients * slots;
    uint32_t budgets = budgets_of(a);
    bool whole = slots == a->slots, alone = budgets == 0 && a->rounds_left == 0;
    double *rows = fg_calloc((whole ? 0 : 2) * cells + (alone ? 0 : (budgets + 1) * cells) + 1, sizeof *rows);
    if (rows == NULL) {
        return FG_E_NOMEM;
    }
    double *costs = rows + (whole ? 0 : 2 * cells);
    struct fg_slots_ship ship = {.bytes = a->bytes,
                                 .per_byte = a->per_byte[FG_LIMIT_CARBON_G],
                                 .copies = a->copies,
                                 .margin = a->margin};
    struct fg_slots_problem p = {.clients = a->clients,
                                 .slots = slots,
                                 .grams = whole ? a->grams : cut(rows, a->grams, a, slots),
                                 .chance = whole ? a->chance : cut(rows + cells, a->chance, a, slots),
                                 .base = base,
                                 .budget_g = left_g,
                                 .alpha = cfg->alpha,
                                 .grams_max = grams_max,
                                 .tune = tune,
                                 .ship = a->bytes != NULL ? &ship : NULL,
                                 .nodes = FG_SLOTS_NODES};
    struct fg_err err;
    enum fg_status st = alone ? fg_slots_solve(out, &p, &err) : solve_all(out, &p, a, costs, price);
    if (st == FG_OK && alone && price != NULL) {
        price[FG_LIMIT_CARBON_G] = (*out)->price_per_g;
    }
    fg_free(rows);
    return st;
}

enum fg_status fg_ahead_price_slot(double *price, const struct fg_slots_plan *plan, const struct fg_ahead *a,
                                   const struct fg_select_config *cfg, uint32_t tune, const double *base,
                                   double left_g, double grams_max)
{
    struct fg_slots_plan *shorter = NULL;
    *price = 0.0;
    if (plan->slots <= tune + 1) {
        return FG_OK;
    }
    enum fg_status st =
        fg_ahead_solve(&shorter, a, cfg, plan->slots - 1, tune, base, left_g, grams_max, NULL);
    if (st == FG_E_RANGE) { /* its window would cost more than there is */
        return FG_OK;
    }
    if (st == FG_OK && plan->bound > shorter->bound) {
        *price = plan->bound - shorter->bound;
    }
    fg_slots_plan_destroy(shorter);
    return st;
}

double fg_ahead_memory(const uint8_t *on, uint32_t slots)
{
    double n = 0.0, stay = 0.0, on_before = 0.0;
    for (uint32_t t = 1; t < slots; t++) {
        n += on[t];
        on_before += on[t - 1];
        stay += on[t] && on[t - 1];
    }
    double off_before = (double)slots - 1.0 - on_before;
    if (!(on_before > 0.0 && off_before > 0.0)) {
        return 0.0;
    }
    double l = stay / on_before - (n - stay) / off_before;
    return l < -0.9 ? -0.9 : l > 0.9 ? 0.9 : l;
}

void fg_ahead_chances(const struct fg_ahead *a, const struct fg_slots_plan *plan, double *chance,
                      double *lost)
{
    memset(chance, 0, a->clients * sizeof *chance);
    for (uint32_t t = 0; t < plan->slots; t++) {
        for (uint32_t j = 0; j < a->clients; j++) {
            lost[j] = 1.0;
        }
        for (uint32_t c = 0; c < a->clients; c++) {
            size_t i = (size_t)c * plan->slots + t;
            uint32_t j = plan->shard != NULL ? plan->shard[i] : c;
            double p = plan->on[i] ? a->chance[(size_t)c * a->slots + t] : 0.0;
            chance[j] += lost[j] * p;
            lost[j] *= 1.0 - p;
        }
    }
    for (uint32_t j = 0; j < a->clients; j++) {
        chance[j] /= (double)plan->slots;
    }
}

/* With the chances of a plan, how often each shard takes part, and the mean of the local steps. Shapes: chance,
 * scratch (clients). */
static void imply(struct fg_error_terms *e, const struct fg_ahead *a, const struct fg_select_config *cfg,
                  const struct fg_slots_plan *plan, double *chance, double *scratch)
{
    fg_error_defaults(e);
    e->mean_steps = 0.0;
    fg_ahead_chances(a, plan, chance, scratch);
    for (uint32_t c = 0; c < a->clients; c++) {
        e->mean_steps += (double)cfg->steps[c] / (double)a->clients;
    }
    e->clients = a->clients;
    e->chance = chance;
    e->rounds = (double)plan->slots;
    e->lr = cfg->lr;
    e->curvature = cfg->curvature;
}

static double predicted(const struct fg_ahead *a, const struct fg_select_config *cfg,
                        const struct fg_slots_plan *plan, double *chance)
{
    struct fg_error_terms e;
    imply(&e, a, cfg, plan, chance, chance + a->clients);
    return fg_error_predict(&e).all;
}

enum fg_status fg_ahead_length(uint32_t *slots, const struct fg_ahead *a, const struct fg_select_config *cfg,
                               double left_g, double grams_max)
{
    uint32_t shortest = cfg->rounds - cfg->slack, tries = cfg->slack < LENGTHS ? cfg->slack + 1 : LENGTHS;
    double best = 0.0, *chance = fg_calloc(2 * (size_t)cfg->clients, sizeof *chance);
    enum fg_status st = chance != NULL ? FG_OK : FG_E_NOMEM;
    for (uint32_t k = 0; k < tries && st == FG_OK; k++) {
        uint32_t n = shortest + (uint32_t)((uint64_t)cfg->slack * k / (tries > 1 ? tries - 1 : 1));
        struct fg_slots_plan *plan = NULL;
        st = fg_ahead_solve(&plan, a, cfg, n, fg_ahead_window(a, n, cfg->tune, left_g / 2.0), NULL, left_g,
                            grams_max, NULL);
        if (st == FG_OK) {
            double e = predicted(a, cfg, plan, chance);
            if (k == 0 || e < best) {
                best = e;
                *slots = n;
            }
        }
        fg_slots_plan_destroy(plan);
    }
    fg_free(chance);
    return st;
}

/* ---- ways ---- */

/* Rows of work for one search. Shapes: (clients). */
struct search {
    const struct fg_ahead *a;
    const struct fg_select_config *cfg;
    double *target, *chance, *chance1, *memory, *runs, *weight, *scratch;
    uint8_t *row; /* (slots) */
    const double *base;
    double unlike; /* the clients, as seen so far */
    double left_g, grams_max;
};

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

/* The predicted error of a plan whose weights are capped: the clients' differences shrink with the
 * gradient, so what they cost is in proportion to what is left to do. */
static double capped_error(struct search *s, const struct fg_slots_plan *plan)
{
    struct fg_error_terms e;
    double z = 0.0, all = 0.0;
    imply(&e, s->a, s->cfg, plan, s->chance, s->scratch);
    double tau = e.mean_steps;
    e.mean_steps = fg_effective_steps(tau, e.lr, e.curvature);
    e.noise = 0.0; /* it is in the spread as measured */
    for (uint32_t c = 0; c < s->a->clients; c++) {
        s->chance1[c] = s->chance[c] > 1e-6 ? s->chance[c] : 1e-6;
    }
    struct fg_weighting_problem p = {.n = s->a->clients,
                                     .target = s->target,
                                     .chance = s->chance1,
                                     .memory = s->memory,
                                     .noise = e.curvature * e.lr * tau};
    double cap = fg_weight_cap(&p, s->scratch);
    for (uint32_t c = 0; c < s->a->clients; c++) {
        s->weight[c] = 1.0 / s->chance1[c] < cap ? 1.0 / s->chance1[c] : cap;
        z += s->target[c] * s->weight[c] * s->chance[c];
        all += s->target[c];
    }
    for (uint32_t c = 0; c < s->a->clients && z > 0.0 && !s->cfg->over_all; c++) {
        s->weight[c] *= all / z;
    }
    e.target = s->target;
    e.weight = s->weight;
    for (uint32_t j = 0; j < s->a->clients; j++) { /* who trains when is the plan's doing now */
        s->runs[j] = fg_ahead_memory(row_of(plan, j, s->row), plan->slots);
    }
    e.memory = s->runs;
    struct fg_error x = fg_error_predict(&e);
    return x.progress * (1.0 + s->unlike * (x.variance + x.drift + x.bias));
}

static enum fg_status try_way(double *error, struct search *s, const struct fg_way *way)
{
    struct fg_select_config cfg = *s->cfg;
    struct fg_slots_plan *plan = NULL;
    uint32_t slots = way->slots - (s->cfg->rounds - s->a->slots);
    cfg.alpha = way->alpha;
    enum fg_status st =
        fg_ahead_solve(&plan, s->a, &cfg, slots, fg_ahead_window(s->a, slots, cfg.tune, s->left_g / 2.0),
                       s->base, s->left_g, s->grams_max, NULL);
    if (st == FG_OK) {
        *error = capped_error(s, plan);
    }
    fg_slots_plan_destroy(plan);
    return st;
}

static enum fg_status try_all(struct fg_way *best, struct search *s)
{
    static const double alphas[] = {0.1, 0.3, 0.6, 1.0};
    enum { SEARCHED = 5, ALPHAS = 4 };
    uint32_t gone = s->cfg->rounds - s->a->slots, shortest = s->cfg->rounds - s->cfg->slack;
    shortest = shortest > gone ? shortest : gone + 1;
    uint32_t slack = s->cfg->rounds - shortest, lengths = slack < SEARCHED ? slack + 1 : SEARCHED;
    struct fg_way as_set = {.slots = s->cfg->rounds, .alpha = s->cfg->alpha};
    double least = 0.0;
    enum fg_status st = try_way(&least, s, &as_set);
    *best = as_set;
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

enum fg_status fg_ahead_search(struct fg_way *way, const struct fg_ahead *a,
                               const struct fg_select_config *cfg, const struct fg_select_view *view,
                               const double *base, double left_g, double grams_max)
{
    size_t n = cfg->clients;
    double *rows = fg_calloc(7 * n, sizeof *rows);
    struct search s = {.a = a,
                       .row = fg_calloc(a->slots, 1),
                       .cfg = cfg,
                       .base = base,
                       .unlike = fg_gauge_unlike(view->gauge),
                       .left_g = left_g,
                       .grams_max = grams_max};
    if (rows == NULL || s.row == NULL) {
        fg_free(rows);
        fg_free(s.row);
        return FG_E_NOMEM;
    }
    s.target = rows;
    s.chance = rows + n;
    s.chance1 = rows + 2 * n;
    s.memory = rows + 3 * n;
    s.weight = rows + 4 * n;
    s.scratch = rows + 5 * n;
    s.runs = rows + 6 * n;
    for (uint32_t c = 0; c < cfg->clients; c++) {
        double l = fg_watch_memory(view->watch, c);
        s.target[c] = fg_select_target(cfg, c);
        s.memory[c] = l < -0.99 ? -0.99 : l > 0.99 ? 0.99 : l;
    }
    enum fg_status st = try_all(way, &s);
    fg_free(rows);
    fg_free(s.row);
    return st;
}
