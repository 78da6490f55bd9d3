/* What no levels and no schedule can exceed, by prices: budgets have one each, clients' gains and rounds are
 * replaced by sums over tasks that are nowhere below them, and then every slot is on its own: which level,
 * and who pays there. The sums are means of tangents and of what each task would be worth alone, as in
 * slots_rounds_bound.c; where data move, tangents. */
#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/planner/levels_impl.h"
#include "src/planner/slots_impl.h"

struct dual {
    const struct fg_levels_problem *p;
    const struct fg_slots_problem *s;
    bool rounds; /* are worth something */
    uint32_t stretches, rows, groups, open;
    double *base, *x, *slope, *u; /* (rows) gained before; where the tangent touches; its slope; taken */
    double *top;                  /* (clients) the largest slope of the rows that it may serve */
    double *k, *next;             /* (levels, groups, slots) where tangents of rounds touch; as taken */
    double *of_group;             /* (groups, slots) slopes at the level that is looked at */
    double *rate, *alone_rate;    /* (rows) of a task's value, and of what it adds alone */
    double *green;                /* (clients, slots) grams less than a worthless slot costs, or 0 */
    double *alone,
        *round_alone; /* (levels, clients, slots) what a task alone adds to its row; to its round */
    uint8_t *pays;    /* (levels, clients, slots) at these prices */
    double *at_zero, *round_rate, *sum, *most, *gain; /* (slots) of the level that is looked at */
    double *row_n, *row_next;                         /* (rows) tasks, mean over the tries; as taken */
    double *round_n, *round_next;                     /* (levels, slots) */
    double *value;                                    /* (slots) of each at its best level */
    uint8_t *level;                                   /* (slots) that */
    double price[FG_BUDGETS], left[FG_BUDGETS], spent[FG_BUDGETS];
};

static void free_dual(struct dual *d)
{
    fg_free(d->base);
    fg_free(d->level);
    fg_free(d->pays);
}

static enum fg_status make_dual(struct dual *d, const struct fg_levels_problem *p)
{
    const struct fg_slots_problem *s = &p->base.slots;
    *d = (struct dual){.p = p,
                       .s = s,
                       .rounds = fg_slots_has_rounds(s),
                       .stretches = s->stretch != NULL ? s->stretch[s->slots - 1] + 1 : 1,
                       .open = s->slots - s->tune};
    d->rows = s->clients * d->stretches;
    d->groups = d->rounds ? s->rounds->groups : 1;
    size_t loads = (size_t)p->levels * s->slots * d->groups;
    size_t cells = (size_t)p->levels * s->slots * s->clients, rounds = (size_t)p->levels * s->slots;
    d->base = fg_calloc(8 * (size_t)d->rows + s->clients + 2 * loads + (d->groups + 6) * (size_t)s->slots +
                            2 * cells + (size_t)s->slots * s->clients + 2 * rounds,
                        sizeof *d->base);
    d->level = fg_calloc(s->slots, 1);
    d->pays = fg_calloc(cells, 1);
    if (d->base == NULL || d->level == NULL || d->pays == NULL) {
        free_dual(d);
        return FG_E_NOMEM;
    }
    d->x = d->base + d->rows;
    d->slope = d->x + d->rows;
    d->u = d->slope + d->rows;
    d->top = d->u + d->rows;
    d->k = d->top + s->clients;
    d->next = d->k + loads;
    d->of_group = d->next + loads;
    d->value = d->of_group + (size_t)d->groups * s->slots;
    d->at_zero = d->value + s->slots;
    d->round_rate = d->at_zero + s->slots;
    d->sum = d->round_rate + s->slots;
    d->most = d->sum + s->slots;
    d->gain = d->most + s->slots;
    d->alone = d->gain + s->slots;
    d->round_alone = d->alone + cells;
    d->green = d->round_alone + cells;
    d->rate = d->green + (size_t)s->slots * s->clients;
    d->alone_rate = d->rate + d->rows;
    d->row_n = d->alone_rate + d->rows;
    d->row_next = d->row_n + d->rows;
    d->round_n = d->row_next + d->rows;
    d->round_next = d->round_n + rounds;
    double most = fg_levels_dearest(s);
    for (size_t i = 0; i < (size_t)s->slots * s->clients; i++) {
        d->green[i] = fmax(0.0, most - s->grams[i]);
    }
    return FG_OK;
}

static uint32_t row_at(const struct dual *d, uint32_t client, uint32_t slot)
{
    return client * d->stretches + (d->s->stretch != NULL ? d->s->stretch[slot] : 0);
}

static double value_of(const struct dual *d, uint32_t level, size_t cell)
{
    const struct fg_level *l = &d->p->level[level];
    return l->effort * l->chance[cell] * d->green[cell];
}

/* (groups, slots) of a level. */
static double *load_at(const struct dual *d, double *loads, uint32_t level)
{
    return loads + (size_t)level * d->groups * d->s->slots;
}

/* An update on the client's data; where data move any group may get it, and the bound is least if all do. */
static void add_load(const struct dual *d, double *load, uint32_t client, uint32_t slot, double q)
{
    if (d->rounds && d->s->ship == NULL) {
        load[(size_t)d->s->rounds->group[client] * d->s->slots + slot] += q;
    }
    for (uint32_t g = 0; d->rounds && d->s->ship != NULL && g < d->groups; g++) {
        load[(size_t)g * d->s->slots + slot] += q / (double)d->groups;
    }
}

/* ---- where the search begins ---- */

/* What the window takes and gives. */
static void pay_window(struct dual *d)
{
    const struct fg_slots_problem *s = d->s;
    uint32_t normal = d->p->normal;
    for (uint32_t r = 0; r < d->p->base.n; r++) {
        d->left[r] = d->p->base.budget[r].budget;
    }
    for (uint32_t c = 0; c < s->clients; c++) {
        double bytes =
            s->ship != NULL && s->tune > 0 ? fg_slots_window_bytes(s->ship->bytes, s->clients, c) : 0.0;
        d->base[row_at(d, c, 0)] += s->base != NULL ? s->base[c] : 0.0;
        for (uint32_t t = d->open; t < s->slots; t++) {
            d->base[row_at(d, c, t)] += value_of(d, normal, (size_t)c * s->slots + t);
        }
        for (uint32_t r = 0; r < d->p->base.n; r++) {
            d->left[r] -= bytes > 0.0 ? bytes * d->p->base.budget[r].per_byte[c] : 0.0;
            for (uint32_t t = d->open; t < s->slots; t++) {
                d->left[r] -= d->p->level[normal].cost[r][(size_t)c * s->slots + t];
            }
        }
    }
}

/* What each task would add alone; where data move nothing is told apart. */
static void look_alone(struct dual *d)
{
    const struct fg_slots_problem *s = d->s;
    for (uint32_t r = 0; r < d->rows; r++) {
        d->u[r] = d->base[r];
    }
    fg_slots_utilities(d->u, d->rows, s->alpha);
    for (uint32_t l = 0; l < d->p->levels && s->ship == NULL; l++) {
        struct fg_slots_rounds r = d->rounds ? *s->rounds : (struct fg_slots_rounds){0};
        r.way = &d->p->level[l].way;
        for (uint32_t c = 0; c < s->clients; c++) {
            size_t first = (size_t)c * s->slots, at = (size_t)l * s->clients * s->slots + first;
            for (uint32_t t = 0; t < s->slots; t++) {
                d->alone[at + t] = d->base[row_at(d, c, t)] + value_of(d, l, first + t);
            }
            fg_slots_utilities(d->alone + at, s->slots, s->alpha);
            for (uint32_t t = 0; t < s->slots; t++) {
                double q = d->p->level[l].chance[first + t];
                d->alone[at + t] -= d->u[row_at(d, c, t)];
                d->round_alone[at + t] =
                    d->rounds ? r.worth * fmax(0.0, fg_slots_progress(&r, 0, fg_slots_told(&r, 0, q))) : 0.0;
            }
        }
    }
    memset(d->u, 0, d->rows * sizeof *d->u);
}

/* How much of a sum is that of tasks alone: all where there is one or none. */
static double alone_of(const struct dual *d, double n)
{
    return d->s->ship == NULL ? fmin(1.0, fmax(0.0, 1.5 - n)) : 0.0;
}

/* The plan's prices, gains and rounds: the tangents touch there. A row that gains nothing begins with the
 * best of its slots. */
static void begin(struct dual *d, const struct fg_levels_plan *plan)
{
    const struct fg_slots_problem *s = d->s;
    memcpy(d->x, d->base, d->rows * sizeof *d->x);
    for (uint32_t c = 0; c < s->clients; c++) {
        for (uint32_t t = 0; t < d->open; t++) {
            size_t i = (size_t)c * s->slots + t;
            uint32_t level = plan->level[t], row = row_at(d, c, t);
            double v = value_of(d, level, i);
            d->u[row] = fmax(d->u[row], v);
            if (plan->plan.slots->on[i]) {
                d->x[s->ship != NULL ? plan->plan.slots->shard[i] : row] += v;
                d->row_n[row] += 1.0;
                for (uint32_t l = 0; l < d->p->levels; l++) {
                    add_load(d, load_at(d, d->k, l), c, t, d->p->level[l].chance[i]);
                    d->round_n[(size_t)l * s->slots + t] += 1.0;
                }
            }
        }
    }
    for (uint32_t r = 0; r < d->rows; r++) {
        d->x[r] = d->x[r] > 0.0 ? d->x[r] : d->u[r];
    }
    for (uint32_t r = 0; r < d->p->base.n; r++) {
        double all = d->p->base.budget[r].budget;
        d->price[r] = fmax(plan->plan.price[r], all > 0.0 ? 1e-3 * plan->plan.slots->value / all : 0.0);
    }
}

/* ---- one bound ---- */

/* The largest slope of the rows that each client may serve where data move. */
static void find_tops(struct dual *d)
{
    uint32_t n = d->s->clients;
    for (uint32_t c = 0; c < n && d->s->ship != NULL; c++) {
        d->top[c] = 0.0;
        for (uint32_t j = 0; j < n; j++) {
            d->top[c] =
                d->s->ship->bytes[(size_t)c * n + j] < INFINITY ? fmax(d->top[c], d->slope[j]) : d->top[c];
        }
    }
}

/* Tangents of the rows' utilities: their sum where nothing is taken. Shapes: d->u is scratch. */
static double touch_rows(struct dual *d)
{
    double sum = 0.0, alpha = d->s->alpha;
    memcpy(d->u, d->x, d->rows * sizeof *d->u);
    memcpy(d->rate, d->base, d->rows * sizeof *d->rate);
    fg_slots_utilities(d->u, d->rows, alpha);
    fg_slots_utilities(d->rate, d->rows, alpha);
    for (uint32_t r = 0; r < d->rows; r++) {
        double x = d->x[r], f = d->u[r], empty = d->rate[r];
        d->slope[r] = x > 0.0 ? alpha * f / x : alpha == 1.0 ? 1.0 : 0.0;
        double alone = alone_of(d, d->row_n[r]);
        sum += (1.0 - alone) * (f + d->slope[r] * (d->base[r] - x));
        sum += alone > 0.0 ? alone * empty : 0.0;
        d->rate[r] = (1.0 - alone) * d->slope[r];
        d->alone_rate[r] = alone;
    }
    find_tops(d);
    return sum;
}

/* The tangent of a round's worth: slopes by group, and what it is without updates. */
static double touch_round(struct dual *d, uint32_t level, uint32_t slot)
{
    size_t slots = d->s->slots;
    if (!d->rounds) {
        d->of_group[slot] = 0.0;
        return 0.0;
    }
    struct fg_slots_rounds r = *d->s->rounds;
    const double *k = load_at(d, d->k, level) + slot;
    double i = 0.0, most = 0.0, *of_group = d->of_group + slot;
    r.way = &d->p->level[level].way;
    for (uint32_t g = 0; g < d->groups; g++) {
        i += fg_slots_told(&r, 0, k[g * slots]);
    }
    double flat = 1.0 + r.signal * i, z = r.signal * i / flat;
    double at_zero = r.worth * fg_slots_progress(&r, 0, i);
    for (uint32_t g = 0; g < d->groups; g++) {
        double own = r.apart * k[g * slots] + r.way->noise;
        of_group[g * slots] =
            r.worth * fg_slots_way_slope(r.way, z) * r.signal * r.way->noise / (own * own) / (flat * flat);
        at_zero -= of_group[g * slots] * k[g * slots];
        most = fmax(most, of_group[g * slots]);
    }
    for (uint32_t g = 0; g < d->groups && d->s->ship != NULL; g++) {
        of_group[g * slots] = most;
    }
    return at_zero;
}

/* What the client's tasks of slots from to end - 1, which are of one row, would win at the level: d->gain. */
static void gains_of(struct dual *d, uint32_t level, uint32_t client, uint32_t from, uint32_t end)
{
    const struct fg_level *l = &d->p->level[level];
    const struct fg_slots_problem *s = d->s;
    bool moves = s->ship != NULL;
    size_t first = (size_t)client * s->slots, at = (size_t)level * s->clients * s->slots + first;
    uint32_t row = row_at(d, client, from);
    double rate = moves ? d->top[client] : d->rate[row], alone = moves ? 0.0 : d->alone_rate[row];
    const double *q = l->chance + first, *green = d->green + first, *of_alone = d->alone + at;
    double *gain = d->gain;
    for (uint32_t t = from; t < end; t++) {
        gain[t] = rate * (l->effort * q[t] * green[t]) + alone * of_alone[t];
    }
    if (d->rounds) {
        const double *slope = d->of_group + (size_t)(moves ? 0 : s->rounds->group[client]) * s->slots;
        const double *of_round = d->round_alone + at;
        for (uint32_t t = from; t < end; t++) {
            gain[t] += (1.0 - d->round_rate[t]) * q[t] * slope[t] + d->round_rate[t] * of_round[t];
        }
    }
    for (uint32_t r = 0; r < d->p->base.n; r++) {
        const double *cost = l->cost[r] + first;
        for (uint32_t t = from; t < end; t++) {
            gain[t] -= d->price[r] * cost[t];
        }
    }
}

/* What the client brings to the slots at the level at these prices. */
static void look_at_client(struct dual *d, uint32_t level, uint32_t client)
{
    const struct fg_slots_problem *s = d->s;
    size_t first = (size_t)client * s->slots, at = (size_t)level * s->clients * s->slots + first;
    double *next = d->round_next + (size_t)level * s->slots, *load = load_at(d, d->next, level);
    const double *q = d->p->level[level].chance + first;
    for (uint32_t from = 0, end; from < d->open; from = end) {
        end = from + 1;
        while (end < d->open && row_at(d, client, end) == row_at(d, client, from)) {
            end++;
        }
        gains_of(d, level, client, from, end);
    }
    for (uint32_t t = 0; t < d->open; t++) {
        double gain = d->gain[t];
        bool pays = gain > 0.0;
        d->most[t] = gain > d->most[t] ? gain : d->most[t];
        d->sum[t] += pays ? gain : 0.0;
        next[t] += pays ? 1.0 : 0.0;
        d->pays[at + t] = pays;
    }
    if (d->rounds && s->ship == NULL) {
        double *own = load + (size_t)s->rounds->group[client] * s->slots;
        for (uint32_t t = 0; t < d->open; t++) {
            own[t] += d->pays[at + t] ? q[t] : 0.0;
        }
        return;
    }
    for (uint32_t t = 0; t < d->open; t++) {
        if (d->pays[at + t]) {
            add_load(d, load, client, t, q[t]);
        }
    }
}

/* What the slots are worth at the level at these prices: somebody must pay, or one is not used. A level
 * before it that is worth as much stays. */
static void look(struct dual *d, uint32_t level)
{
    const struct fg_slots_problem *s = d->s;
    double *load = load_at(d, d->next, level);
    memset(load, 0, (size_t)d->groups * s->slots * sizeof *load);
    for (uint32_t t = 0; t < d->open; t++) {
        size_t round = (size_t)level * s->slots + t;
        d->round_next[round] = d->sum[t] = 0.0;
        d->most[t] = -INFINITY;
        d->at_zero[t] = touch_round(d, level, t);
        d->round_rate[t] = alone_of(d, d->round_n[round]);
    }
    for (uint32_t c = 0; c < s->clients; c++) {
        look_at_client(d, level, c);
    }
    for (uint32_t t = 0; t < d->open; t++) {
        double value = (1.0 - d->round_rate[t]) * d->at_zero[t] + (d->most[t] > 0.0 ? d->sum[t] : d->most[t]);
        if (value > d->value[t]) {
            d->value[t] = value;
            d->level[t] = (uint8_t)level;
        }
    }
}

/* What is taken in the slot. */
static void take(struct dual *d, uint32_t slot)
{
    uint32_t level = d->level[slot];
    const uint8_t *pays = d->pays + (size_t)level * d->s->clients * d->s->slots;
    for (uint32_t c = 0; c < d->s->clients; c++) {
        size_t i = (size_t)c * d->s->slots + slot;
        if (pays[i]) {
            d->u[row_at(d, c, slot)] += value_of(d, level, i);
            d->row_next[row_at(d, c, slot)] += 1.0;
            for (uint32_t r = 0; r < d->p->base.n; r++) {
                d->spent[r] += d->p->level[level].cost[r][i];
            }
        }
    }
}

/* The least value of a slot that is used, where only so many rounds may be. */
static double cutoff(struct dual *d, double *sorted)
{
    uint32_t rounds = d->p->base.rounds, most = rounds > d->s->tune ? rounds - d->s->tune : 0;
    if (rounds == 0 || most >= d->open) {
        return 0.0;
    }
    memcpy(sorted, d->value, d->open * sizeof *sorted);
    fg_sort_f64(sorted, d->open);
    return most > 0 ? fmax(0.0, sorted[d->open - most]) : INFINITY;
}

static double bound_now(struct dual *d, double *scratch)
{
    double bound = touch_rows(d);
    memset(d->spent, 0, sizeof d->spent);
    memcpy(d->u, d->base, d->rows * sizeof *d->u);
    memset(d->row_next, 0, d->rows * sizeof *d->row_next);
    for (uint32_t r = 0; r < d->p->base.n; r++) {
        bound += d->price[r] * fmax(0.0, d->left[r]);
    }
    for (uint32_t t = 0; t < d->open; t++) {
        d->value[t] = -INFINITY;
    }
    for (uint32_t l = 0; l < d->p->levels; l++) {
        look(d, l);
    }
    double least = cutoff(d, scratch);
    for (uint32_t t = 0; t < d->open; t++) {
        if (d->value[t] > 0.0 && d->value[t] >= least) {
            bound += d->value[t];
            take(d, t);
        }
    }
    return bound;
}

/* ---- the search ---- */

/* Prices grow where too much is spent; tangents go towards what was taken. */
static void adjust(struct dual *d, uint32_t round)
{
    double step = 1.0 / (1.0 + 0.5 * (double)round), near = 0.5 / ((double)round + 5.0);
    for (uint32_t r = 0; r < d->p->base.n; r++) {
        double over = d->left[r] > 0.0 ? d->spent[r] / d->left[r] - 1.0 : d->spent[r] > 0.0 ? 2.0 : -1.0;
        d->price[r] *= fg_exp(step * fmax(-2.0, fmin(2.0, over)));
    }
    for (uint32_t r = 0; r < d->rows && d->s->ship == NULL; r++) {
        d->x[r] += near * (d->u[r] - d->x[r]);
        d->row_n[r] += near * (d->row_next[r] - d->row_n[r]);
    }
    for (size_t i = 0; i < (size_t)d->p->levels * d->s->slots; i++) {
        d->round_n[i] += near * (d->round_next[i] - d->round_n[i]);
    }
    for (size_t i = 0; i < (size_t)d->p->levels * d->s->slots * d->groups; i++) {
        d->k[i] += near * (d->next[i] - d->k[i]);
    }
}

enum fg_status fg_levels_bound(struct fg_levels_plan *plan, uint8_t *level, const struct fg_levels_problem *p,
                               uint32_t tries)
{
    struct dual d;
    enum fg_status st = make_dual(&d, p);
    if (st != FG_OK) {
        return st;
    }
    double *scratch = fg_calloc(p->base.slots.slots, sizeof *scratch);
    st = scratch != NULL ? FG_OK : FG_E_NOMEM;
    pay_window(&d);
    look_alone(&d);
    begin(&d, plan);
    plan->bound = INFINITY;
    memcpy(level, plan->level, p->base.slots.slots);
    for (uint32_t i = 0; i < tries && st == FG_OK; i++) {
        double now = bound_now(&d, scratch);
        if (now < plan->bound) {
            plan->bound = now;
            memcpy(plan->price, d.price, sizeof d.price);
            memcpy(level, d.level, d.open);
        }
        adjust(&d, i);
    }
    fg_free(scratch);
    free_dual(&d);
    return st;
}
