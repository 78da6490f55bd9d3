/* Levels of local work for the slots ahead: what each would cost and come to, and which are the best. */
#include <math.h>
#include <string.h>

#include "src/aggregator/select_plan.h"
#include "src/base/mem.h"
#include "src/planner/levels.h"

static const double parts[] = {0.25, 0.5, 1.0, FG_AHEAD_LONGEST};
enum {
    PARTS = sizeof parts / sizeof *parts,
    TRIES_AGAIN = 1 /* of budgets' weights, by level, when planning again */
};

/* How much shorter the common gradient is taken to be after a round before any was seen. With it and parts of
 * equal size the configured work is the best where transfers cost little: whoever configured it is believed
 * until updates say otherwise (tests/unit/test_levels.c). */
#define GONE 0.3

/* The levels that there are, each with the slots ahead as they are at it. */
struct choice {
    struct fg_level level[PARTS];
    struct fg_ahead ahead[PARTS]; /* that of level 1 is empty: it is the caller's */
    uint32_t n, normal;
    struct fg_levels_known known;
    uint32_t *steps;                        /* (clients) of the level that is looked at */
    struct fg_slots_side budget[FG_LIMITS]; /* (budgets) */
    int which[FG_LIMITS];                   /* (budgets) of enum fg_limit */
    uint32_t budgets;
};

static double mean_steps(const struct fg_select_config *cfg)
{
    double sum = 0.0;
    for (uint32_t c = 0; c < cfg->clients; c++) {
        sum += (double)cfg->steps[c] / (double)cfg->clients;
    }
    return sum;
}

/* ---- what a level costs ---- */

/* Tasks that outlast the round come to nothing, and are not given: who is too slow for long ones is left out
 * of slots that have them. */
static void leave_out_slow(struct fg_ahead *a, const struct fg_select_config *cfg)
{
    double limit = fg_seconds(cfg->deadline);
    for (uint32_t c = 0; c < cfg->clients && limit > 0.0; c++) {
        if (fg_select_cost(cfg, c, cfg->steps[c]).seconds > limit) {
            memset(a->chance + (size_t)c * a->slots, 0, a->slots * sizeof *a->chance);
        }
    }
}

static enum fg_status look_at_level(struct choice *x, double part, const struct fg_ahead *a,
                                    const struct fg_select_config *cfg, const struct fg_select_view *view)
{
    struct fg_select_config at = *cfg;
    bool any = fg_ahead_ships(cfg) && cfg->move.others; /* who gets which shard is not known */
    uint32_t mean = (uint32_t)(mean_steps(cfg) + 0.5);
    for (uint32_t c = 0; c < cfg->clients; c++) {
        x->steps[c] = fg_level_steps(part, any ? mean : cfg->steps[c]);
    }
    at.steps = x->steps;
    at.move.bytes = NULL; /* what is sent, and where to, does not change */
    enum fg_status st = fg_ahead_look(&x->ahead[x->n], &at, view, a->slots);
    if (st == FG_OK && part > 1.0) {
        leave_out_slow(&x->ahead[x->n], &at);
    }
    return st;
}

/* Carbon first, then what other budgets there are. */
static void find_budgets(struct choice *x, const struct fg_ahead *a, double left_g)
{
    x->budget[0] = (struct fg_slots_side){a->expected, left_g, a->per_byte[FG_LIMIT_CARBON_G]};
    x->which[0] = FG_LIMIT_CARBON_G;
    x->budgets = 1;
    for (int r = 0; r < FG_LIMITS_SPENT; r++) {
        if (a->cost[r] != NULL) {
            x->which[x->budgets] = r;
            x->budget[x->budgets++] = (struct fg_slots_side){a->cost[r], a->left[r], a->per_byte[r]};
        }
    }
}

static void point_at(struct choice *x, uint32_t k, const struct fg_ahead *a)
{
    x->level[k].chance = a->chance;
    x->level[k].cost[0] = a->expected;
    for (uint32_t r = 1; r < x->budgets; r++) {
        x->level[k].cost[r] = a->cost[x->which[r]];
    }
}

/* Levels of less than a step are none. */
static enum fg_status make_choice(struct choice *x, const struct fg_ahead *a,
                                  const struct fg_select_config *cfg, const struct fg_select_view *view,
                                  const struct fg_levels_past *past)
{
    struct fg_gauge_parts told = fg_gauge_parts(view->gauge);
    double steps = mean_steps(cfg);
    steps = steps >= 1.0 ? steps : 1.0;
    struct fg_levels_known known = {
        .gone = fg_gauge_gone(view->gauge, GONE),
        .length = past->length,
        .steps = steps,
        .common = told.common,
        .noise = told.noise,
        .client = told.client,
        .zone = told.zone,
        .lambda = past->lambda > 0.0 && past->lambda < 1.0 ? past->lambda * told.common : told.common};
    x->known = known;
    for (int i = 0; i < PARTS; i++) {
        bool normal = parts[i] == 1.0;
        if (!normal && parts[i] * steps < 1.0) {
            continue;
        }
        enum fg_status st = normal ? FG_OK : look_at_level(x, parts[i], a, cfg, view);
        if (st != FG_OK) {
            return st;
        }
        x->normal = normal ? x->n : x->normal;
        x->level[x->n].part = parts[i];
        point_at(x, x->n, normal ? a : &x->ahead[x->n]);
        fg_level_describe(&x->level[x->n++], &known);
    }
    return FG_OK;
}

static void free_choice(struct choice *x)
{
    for (uint32_t k = 0; k < PARTS; k++) {
        fg_ahead_fini(&x->ahead[k]);
    }
    fg_free(x->steps);
}

/* ---- the choice ---- */

/* What rounds are worth with every slot at level k, the window's as configured. Shapes: rows (2, clients,
 * slots) scratch. */
static enum fg_status weigh_at(double *worth, const struct choice *x, uint32_t k,
                               const struct fg_slots_problem *s, struct fg_ahead_levels *l, double *rows)
{
    struct fg_slots_problem p = *s;
    struct fg_slots_rounds rounds = *s->rounds;
    size_t cells = (size_t)p.clients * p.slots;
    for (uint32_t t = 0; t < p.slots; t++) {
        const struct fg_level *at = &x->level[t + p.tune < p.slots ? k : x->normal];
        l->effort[t] = at->effort;
        l->way[t] = at->way;
        for (uint32_t c = 0; c < p.clients; c++) {
            size_t i = (size_t)c * p.slots + t;
            rows[i] = at->chance[i];
            rows[cells + i] = at->cost[0][i];
        }
    }
    rounds.way = l->way;
    p.rounds = &rounds;
    p.effort = l->effort;
    p.chance = rows;
    p.expected = rows + cells;
    return fg_ahead_weigh_rounds(worth, &p);
}

/* The least that rounds are worth at any level: where one level goes hardly anywhere, they would be worth the
 * more for that. */
static enum fg_status weigh(double *worth, const struct choice *x, const struct fg_slots_problem *s,
                            struct fg_ahead_levels *l)
{
    double *rows = fg_calloc(2 * (size_t)s->clients * s->slots, sizeof *rows), at;
    enum fg_status st = rows != NULL ? FG_OK : FG_E_NOMEM;
    *worth = INFINITY;
    for (uint32_t k = 0; k < x->n && st == FG_OK; k++) {
        st = weigh_at(&at, x, k, s, l, rows);
        *worth = st == FG_OK && at > 0.0 && at < *worth ? at : *worth;
    }
    *worth = *worth < INFINITY ? *worth : 0.0;
    fg_free(rows);
    return st;
}

/* Everything that is known of the slots is from here on at their levels. */
static void settle(struct fg_ahead *a, const struct choice *x, const uint8_t *level)
{
    for (uint32_t t = 0; t < a->slots; t++) {
        const struct fg_level *l = &x->level[level[t]];
        a->levels->part[t] = l->part;
        a->levels->effort[t] = l->effort;
        a->levels->way[t] = l->way;
        for (uint32_t c = 0; c < a->clients; c++) {
            size_t i = (size_t)c * a->slots + t;
            a->chance[i] = l->chance[i];
            a->expected[i] = l->cost[0][i];
            for (uint32_t r = 1; r < x->budgets; r++) {
                a->cost[x->which[r]][i] = l->cost[r][i];
            }
        }
    }
}

static enum fg_status choose(struct fg_ahead *a, const struct choice *x, const struct fg_slots_problem *s,
                             bool quick)
{
    struct fg_slots_rounds rounds = a->rounds;
    double weight[FG_LIMITS + 1] = {0.0};
    struct fg_levels_problem p = {.base = {.slots = *s,
                                           .budget = x->budget,
                                           .n = x->budgets,
                                           .rounds = a->rounds_left,
                                           .weight = weight,
                                           .near = 1e-3,
                                           .tries = quick ? TRIES_AGAIN : 0},
                                  .level = x->level,
                                  .levels = x->n,
                                  .normal = x->normal,
                                  .quick = quick};
    struct fg_levels_plan plan;
    struct fg_err err;
    enum fg_status st = FG_OK;
    for (uint32_t r = 0; r <= x->budgets && a->weight != NULL; r++) {
        weight[r] = a->weight[r < x->budgets ? x->which[r] : FG_LIMIT_ROUNDS];
    }
    if (a->group != NULL) {
        rounds.signal = a->rounds.signal = x->known.lambda;
        p.base.slots.rounds = &rounds;
        st = weigh(&rounds.worth, x, &p.base.slots, a->levels);
        a->rounds.worth = rounds.worth;
    }
    p.base.slots.quick = x->budgets == 1 && a->rounds_left == 0; /* prices need bounds */
    st = st == FG_OK ? fg_levels_solve(&plan, &p, &err) : st;
    if (st != FG_OK) {
        return st;
    }
    if (a->group != NULL) {
        st = fg_levels_error(&a->levels->error, &p, &plan, &x->known);
        a->levels->error /= x->known.common;
    }
    settle(a, x, plan.level);
    a->levels->bound = plan.bound;
    for (uint32_t r = 0; r < x->budgets; r++) {
        a->levels->price[x->which[r]] = plan.price[r];
    }
    fg_levels_plan_fini(&plan);
    return st;
}

static void free_levels(struct fg_ahead *a)
{
    fg_free(a->levels->part);
    fg_free(a->levels->way);
    fg_free(a->levels);
    a->levels = NULL;
}

static enum fg_status make_levels(struct fg_ahead *a)
{
    a->levels = fg_calloc(1, sizeof *a->levels);
    if (a->levels == NULL) {
        return FG_E_NOMEM;
    }
    a->levels->part = fg_calloc(2 * (size_t)a->slots, sizeof(double));
    a->levels->way = fg_calloc(a->slots, sizeof *a->levels->way);
    a->levels->effort = a->levels->part != NULL ? a->levels->part + a->slots : NULL;
    return a->levels->part != NULL && a->levels->way != NULL ? FG_OK : FG_E_NOMEM;
}

enum fg_status fg_ahead_choose_levels(struct fg_ahead *a, const struct fg_select_config *cfg,
                                      const struct fg_select_view *view, const struct fg_levels_past *past,
                                      uint32_t tune, const double *base, double left_g, double grams_max,
                                      bool quick)
{
    struct choice x = {.steps = fg_calloc(cfg->clients, sizeof *x.steps)};
    struct fg_slots_ship ship;
    struct fg_slots_problem s = fg_ahead_problem(a, cfg, &ship);
    struct fg_slots_rounds rounds = a->rounds;
    bool have = left_g > 0.0;
    enum fg_status st = x.steps != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    find_budgets(&x, a, left_g);
    for (uint32_t r = 0; r < x.budgets; r++) {
        have = have && x.budget[r].budget > 0.0;
    }
    if (!have) {
        goto cleanup;
    }
    FG_TRY(make_choice(&x, a, cfg, view, past));
    FG_TRY(make_levels(a));
    s.base = base;
    s.budget_g = left_g;
    s.grams_max = grams_max;
    s.tune = tune;
    s.rounds = a->group != NULL ? &rounds : NULL;
    st = choose(a, &x, &s, quick);
    if (st == FG_E_RANGE) { /* to the last bit the window costs all that is left */
        free_levels(a);
        st = FG_OK;
    }
cleanup:
    free_choice(&x);
    return st;
}
