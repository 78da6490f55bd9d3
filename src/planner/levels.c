#include "src/planner/levels.h"

#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/levels_impl.h"

enum { TRIES = 300, TRIES_QUICK = 12 }; /* of the bound; of the search for levels alone */

/* ---- what a level is ---- */

static double reach_of(const struct fg_levels_known *k, double part)
{
    return 1.0 - fg_pow(fmax(1e-9, 1.0 - k->gone), part / k->length);
}

void fg_level_describe(struct fg_level *l, const struct fg_levels_known *k)
{
    FG_ASSERT(k->gone >= 0.0 && k->gone <= 1.0 && k->length > 0.0 && k->steps >= 1.0);
    double x = reach_of(k, l->part), one = reach_of(k, 1.0), step = reach_of(k, 1.0 / k->steps);
    double far = k->noise * k->gone, spread = k->client + k->zone;
    double drift = x > step ? (x - step) * (far + x * spread) : 0.0;
    double straight = k->lambda > 0.0 ? 1.0 - drift / (2.0 * k->lambda) : 0.0;
    double share = x > 0.0 ? k->gone / x : k->length / l->part;
    l->drift = drift;
    l->effort = one > 0.0 ? x / one : l->part;
    l->way = (struct fg_slots_way){
        .reach = x, .straight = fmax(0.0, straight), .noise = fmax(1e-300, k->noise * share + k->client)};
}

uint32_t fg_level_steps(double part, uint32_t steps)
{
    double x = floor(part * (double)steps + 0.5);
    return part == 1.0 ? steps : x < 1.0 ? 1 : x < 1e9 ? (uint32_t)x : 1000000000;
}

double fg_levels_dearest(const struct fg_slots_problem *s)
{
    double most = s->grams_max;
    for (size_t i = 0; s->grams_max == 0.0 && i < (size_t)s->clients * s->slots; i++) {
        most = fmax(most, s->grams[i]);
    }
    return most;
}

/* ---- one choice of levels ---- */

/* The problem with every slot at its level. */
struct mixed {
    struct fg_budgets_problem p;
    struct fg_slots_rounds rounds;
    struct fg_slots_side budget[FG_BUDGETS];
    double *chance, *cost[FG_BUDGETS]; /* (clients, slots) */
    double *effort;                    /* (slots) */
    struct fg_slots_way *way;          /* (slots) */
    double weight[FG_BUDGETS + 1];
};

static void free_mixed(struct mixed *m)
{
    fg_free(m->chance);
    fg_free(m->way);
}

static enum fg_status make_mixed(struct mixed *m, const struct fg_levels_problem *p)
{
    const struct fg_slots_problem *s = &p->base.slots;
    size_t cells = (size_t)s->clients * s->slots;
    *m = (struct mixed){.p = p->base,
                        .chance = fg_calloc((1 + p->base.n) * cells + s->slots, sizeof *m->chance),
                        .way = fg_calloc(s->slots, sizeof *m->way)};
    if (m->chance == NULL || m->way == NULL) {
        free_mixed(m);
        return FG_E_NOMEM;
    }
    for (uint32_t r = 0; r < p->base.n; r++) {
        m->cost[r] = m->chance + (1 + r) * cells;
        m->budget[r] = p->base.budget[r];
        m->budget[r].cost = m->cost[r];
    }
    m->effort = m->chance + (1 + p->base.n) * cells;
    m->p.budget = m->budget;
    for (uint32_t r = 0; r <= p->base.n && p->base.weight != NULL; r++) {
        m->weight[r] = p->base.weight[r];
    }
    m->p.weight = m->weight;
    m->p.slots.chance = m->chance;
    m->p.slots.effort = m->effort;
    m->p.slots.grams_max = fg_levels_dearest(s);
    if (s->rounds != NULL) {
        m->rounds = *s->rounds;
        m->rounds.way = m->way;
        m->p.slots.rounds = &m->rounds;
    }
    return FG_OK;
}

static void mix(struct mixed *m, const struct fg_levels_problem *p, const uint8_t *level)
{
    const struct fg_slots_problem *s = &p->base.slots;
    for (uint32_t t = 0; t < s->slots; t++) {
        const struct fg_level *l = &p->level[level[t]];
        m->effort[t] = l->effort;
        m->way[t] = l->way;
        for (uint32_t c = 0; c < s->clients; c++) {
            size_t i = (size_t)c * s->slots + t;
            m->chance[i] = l->chance[i];
            for (uint32_t r = 0; r < p->base.n; r++) {
                m->cost[r][i] = l->cost[r][i];
            }
        }
    }
}

/* The plan with these levels; kept if it is the best so far. */
static enum fg_status try_levels(struct fg_levels_plan *best, struct mixed *m,
                                 const struct fg_levels_problem *p, const uint8_t *level, struct fg_err *err)
{
    struct fg_budgets_plan plan;
    mix(m, p, level);
    enum fg_status st = fg_budgets_solve(&plan, &m->p, err);
    if (st != FG_OK) {
        return st;
    }
    if (best->plan.slots == NULL || plan.slots->value > best->plan.slots->value) {
        fg_budgets_plan_fini(&best->plan);
        best->plan = plan;
        memcpy(best->level, level, p->base.slots.slots);
    } else {
        fg_budgets_plan_fini(&plan);
    }
    return FG_OK;
}

/* ---- all ---- */

/* The window's slots, and those in which nobody trains, do what is configured. */
static void settle(uint8_t *level, const struct fg_levels_problem *p, const struct fg_slots_plan *plan)
{
    const struct fg_slots_problem *s = &p->base.slots;
    for (uint32_t t = 0; t < s->slots; t++) {
        bool any = plan == NULL;
        for (uint32_t c = 0; c < s->clients && !any; c++) {
            any = plan->on[(size_t)c * s->slots + t] != 0;
        }
        if (!any || t + s->tune >= s->slots) {
            level[t] = (uint8_t)p->normal;
        }
    }
}

static enum fg_status search(struct fg_levels_plan *best, struct mixed *m, const struct fg_levels_problem *p,
                             uint8_t *level, struct fg_err *err)
{
    enum fg_status st;
    for (uint32_t k = 0; k < p->levels; k++) {
        memset(level, (int)k, p->base.slots.slots);
        settle(level, p, NULL);
        FG_TRY(try_levels(best, m, p, level, err));
    }
    FG_TRY(fg_levels_bound(best, level, p, p->quick ? TRIES_QUICK : TRIES));
    settle(level, p, NULL);
    FG_TRY(try_levels(best, m, p, level, err));
    settle(best->level, p, best->plan.slots);
    best->bound = p->quick ? INFINITY : fmax(best->bound, best->plan.slots->value);
cleanup:
    return st;
}

enum fg_status fg_levels_solve(struct fg_levels_plan *out, const struct fg_levels_problem *p,
                               struct fg_err *err)
{
    struct mixed m;
    struct fg_levels_plan best = {0};
    uint32_t slots = p->base.slots.slots;
    FG_ASSERT(p->levels >= 1 && p->levels <= FG_LEVELS && p->normal < p->levels && p->base.n >= 1);
    enum fg_status st = make_mixed(&m, p);
    if (st != FG_OK) {
        return st;
    }
    uint8_t *level = fg_calloc(slots, 1);
    best.level = fg_calloc(slots, 1);
    st = level != NULL && best.level != NULL ? search(&best, &m, p, level, err) : FG_E_NOMEM;
    fg_free(level);
    free_mixed(&m);
    if (st != FG_OK) {
        fg_levels_plan_fini(&best);
        return st;
    }
    *out = best;
    return FG_OK;
}

enum fg_status fg_levels_error(double *error, const struct fg_levels_problem *p,
                               const struct fg_levels_plan *plan, const struct fg_levels_known *known)
{
    const struct fg_slots_problem *s = &p->base.slots;
    const struct fg_slots_rounds *r = s->rounds;
    const struct fg_slots_plan *slots = plan->plan.slots;
    double sum = 0.5 * known->common, far = 0.0, *k = fg_calloc(r->groups, sizeof *k);
    if (k == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t t = 0; t + s->tune < s->slots; t++) {
        const struct fg_level *l = &p->level[plan->level[t]];
        double told = 0.0;
        memset(k, 0, r->groups * sizeof *k);
        for (uint32_t c = 0; c < s->clients; c++) {
            size_t i = (size_t)c * s->slots + t;
            k[r->group[slots->shard != NULL ? slots->shard[i] : c]] += slots->on[i] ? l->chance[i] : 0.0;
        }
        for (uint32_t g = 0; g < r->groups; g++) {
            told += k[g] / (r->apart * k[g] + l->way.noise);
        }
        if (told > 0.0) {
            sum += l->way.reach * (l->way.reach / told + l->drift);
            far += l->way.reach;
        }
    }
    *error = far > 0.0 ? sum / far : INFINITY;
    fg_free(k);
    return FG_OK;
}

void fg_levels_plan_fini(struct fg_levels_plan *plan)
{
    if (plan->plan.slots != NULL) {
        fg_budgets_plan_fini(&plan->plan);
    }
    fg_free(plan->level);
    *plan = (struct fg_levels_plan){0};
}
