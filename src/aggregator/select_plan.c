#include "src/aggregator/select_plan.h"

#include <string.h>

#include "src/base/mem.h"
#include "src/planner/budgets.h"

enum { LENGTHS = 12 }; /* that are tried */

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
    return cfg->plan_steps ? FG_AHEAD_LONGEST * all : all;
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
            window_g += a->expected[i];
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

struct fg_slots_problem fg_ahead_problem(const struct fg_ahead *a, const struct fg_select_config *cfg,
                                         struct fg_slots_ship *ship)
{
    *ship = (struct fg_slots_ship){.bytes = a->bytes,
                                   .per_byte = a->per_byte[FG_LIMIT_CARBON_G],
                                   .copies = a->copies,
                                   .margin = a->margin};
    return (struct fg_slots_problem){.clients = a->clients,
                                     .slots = a->slots,
                                     .grams = a->grams,
                                     .stretch = a->stretch,
                                     .alpha = cfg->alpha,
                                     .ship = a->bytes != NULL ? ship : NULL,
                                     .nodes = FG_SLOTS_NODES};
}

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
    struct fg_budgets_problem all = {.slots = *p,
                                     .budget = budget,
                                     .n = 1,
                                     .rounds = a->rounds_left,
                                     .price_round = price != NULL,
                                     .certify = price != NULL};
    int which[FG_LIMITS + 1] = {FG_LIMIT_CARBON_G};
    struct fg_budgets_plan plan;
    struct fg_err err;
    double weight[FG_LIMITS + 1] = {0.0};
    all.near = price != NULL ? 1e-4 : 1e-3;
    for (size_t i = 0; i < cells; i++) {
        rows[i] = p->expected[i];
    }
    budget[0] = (struct fg_slots_side){rows, p->budget_g, a->per_byte[FG_LIMIT_CARBON_G]};
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        if (a->cost[r] != NULL) {
            const double *cost = cut(rows + all.n * cells, a->cost[r], a, p->slots);
            which[all.n] = r;
            budget[all.n++] = (struct fg_slots_side){cost, a->left[r], a->per_byte[r]};
        }
    }
    which[all.n] = FG_LIMIT_ROUNDS;
    for (uint32_t r = 0; r <= all.n && a->weight != NULL; r++) {
        weight[r] = a->weight[which[r]];
    }
    all.weight = weight;
    enum fg_status st = fg_budgets_solve(&plan, &all, &err);
    if (st != FG_OK) {
        return st;
    }
    for (uint32_t r = 0; r <= all.n && a->weight != NULL; r++) {
        a->weight[which[r]] = weight[r];
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

enum fg_status fg_ahead_weigh_rounds(double *worth, const struct fg_slots_problem *p)
{
    struct fg_slots_problem without = *p;
    struct fg_slots_rounds nothing = *p->rounds;
    struct fg_slots_plan *plan = NULL;
    struct fg_err err;
    nothing.worth = 0.0;
    without.rounds = &nothing;
    without.ship = NULL; /* who has what makes little difference to how much there is */
    without.quick = true;
    without.nodes = 0;
    enum fg_status st = fg_slots_solve(&plan, &without, &err);
    *worth = st == FG_OK && plan->rounds > 0.0 ? p->alpha * plan->fair / plan->rounds : 0.0;
    fg_slots_plan_destroy(plan);
    return st;
}

enum fg_status fg_ahead_solve(struct fg_slots_plan **out, const struct fg_ahead *a,
                              const struct fg_select_config *cfg, uint32_t slots, uint32_t tune,
                              const double *base, double left_g, double grams_max, double *price)
{
    size_t cells = (size_t)a->clients * slots;
    uint32_t budgets = budgets_of(a);
    bool whole = slots == a->slots, alone = budgets == 0 && a->rounds_left == 0;
    double *rows = fg_calloc((whole ? 0 : 3) * cells + (alone ? 0 : (budgets + 1) * cells) + 1, sizeof *rows);
    if (rows == NULL) {
        return FG_E_NOMEM;
    }
    double *costs = rows + (whole ? 0 : 3 * cells);
    struct fg_slots_ship ship;
    struct fg_slots_problem p = fg_ahead_problem(a, cfg, &ship);
    p.slots = slots;
    p.grams = whole ? a->grams : cut(rows, a->grams, a, slots);
    p.chance = whole ? a->chance : cut(rows + cells, a->chance, a, slots);
    p.expected = whole ? a->expected : cut(rows + 2 * cells, a->expected, a, slots);
    p.base = base;
    p.budget_g = left_g;
    p.grams_max = grams_max;
    p.tune = tune;
    p.effort = a->levels != NULL ? a->levels->effort : NULL;
    p.quick = price == NULL;
    p.turns = FG_SLOTS_TURNS;
    struct fg_err err;
    struct fg_slots_rounds rounds = a->rounds;
    enum fg_status st = FG_OK;
    if (a->group != NULL) {
        p.rounds = &rounds;
        rounds.way = a->levels != NULL ? a->levels->way : NULL; /* and then their worth is known */
        st = a->levels == NULL ? fg_ahead_weigh_rounds(&rounds.worth, &p) : FG_OK;
    }
    if (st != FG_OK) {
        fg_free(rows);
        return st;
    }
    st = alone ? fg_slots_solve(out, &p, &err) : solve_all(out, &p, a, costs, price);
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
    double ignored[FG_LIMITS];
    *price = 0.0;
    if (plan->slots <= tune + 1) {
        return FG_OK;
    }
    enum fg_status st =
        fg_ahead_solve(&shorter, a, cfg, plan->slots - 1, tune, base, left_g, grams_max, ignored);
    if (st == FG_E_RANGE) { /* its window would cost more than there is */
        return FG_OK;
    }
    if (st == FG_OK && plan->bound > shorter->bound) {
        *price = plan->bound - shorter->bound;
    }
    fg_slots_plan_destroy(shorter);
    return st;
}

/* What each shard's chance of an update in a slot is by the plan; where data stay each client's.
 * Shapes: chance, lost (clients). */
static void chances_of(const struct fg_ahead *a, const struct fg_slots_plan *plan, double *chance,
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

/* The planning model's error of the plan, with nothing known of the problem. */
static double predicted(const struct fg_ahead *a, const struct fg_select_config *cfg,
                        const struct fg_slots_plan *plan, double *chance)
{
    struct fg_error_terms e;
    fg_error_defaults(&e);
    e.mean_steps = 0.0;
    chances_of(a, plan, chance, chance + a->clients);
    for (uint32_t c = 0; c < a->clients; c++) {
        e.mean_steps += (double)cfg->steps[c] / (double)a->clients;
    }
    e.clients = a->clients;
    e.chance = chance;
    e.rounds = (double)plan->slots;
    e.lr = cfg->lr;
    e.curvature = cfg->curvature;
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
