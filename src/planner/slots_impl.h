/* Shared by the files of the slot scheduler: the open choices of each client in order, and the search.
 *
 * A row is what counts together: a client's slots of one stretch. Its items are sorted by value per gram,
 * best first, free ones at the very front. Then the marginal value per gram of the objective falls along the
 * row, whatever alpha. Items without value are left out. Where there is one stretch,
 * as always where data move, rows are clients.
 */
#ifndef FG_PLANNER_SLOTS_IMPL_H
#define FG_PLANNER_SLOTS_IMPL_H

#include <math.h>

#include "src/planner/slots.h"

struct fg_slots_item {
    double ratio; /* v / c; infinite when c = 0 */
    double v;     /* > 0 unless free */
    double c;
    double sum_v; /* of this and all before it in the row */
    double sum_c;
    uint32_t slot;
};

enum { FG_SLOTS_SIDES = 8 }; /* at most */

/* What the rounds are worth so far: nothing at first. */
struct fg_slots_load {
    const struct fg_slots_rounds *r;
    uint32_t slots;
    double *k;      /* (slots, groups) expected updates */
    double *i;      /* (slots) what they tell: I */
    double *others; /* (slots, groups) the same of the other groups alone */
    double *done;   /* (slots) signal I / (1 + signal I) */
};

/* No load makes the rounds worth more than this: their tangents at some load. */
struct fg_slots_tangent {
    double at_zero;
    double *slope; /* (slots, groups) of an expected update */
    double *most;  /* (slots) the largest of each */
    double *zero;  /* (slots) parts of at_zero */
};

struct fg_slots_relax; /* slots_rounds_bound.c */

struct fg_slots_work {
    const struct fg_slots_problem *p;
    double grams_max;
    double budget_g; /* what the tuning window leaves */
    uint32_t stretches, rows;
    uint32_t *begin;            /* (stretches) slots */
    struct fg_slots_item *item; /* (clients, slots), each row from its first cell on */
    uint32_t *n;                /* (rows) items in each */
    double *base;               /* (rows) sum of v gained before, and inside the window */
    size_t items;
    double side[FG_SLOTS_SIDES];            /* what the tuning window leaves of each */
    const struct fg_slots_tangent *tangent; /* in the bound where data move; NULL = none */
    const struct fg_slots_relax *relax;     /* in the bound with rounds where data stay; NULL = none */
    /* along every row c grows and v falls: then the best set is a prefix (no other row beats it) */
    bool nested;
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_slots_load_fini(). r NULL: an empty one. */
enum fg_status fg_slots_load_init(struct fg_slots_load *l, const struct fg_slots_rounds *r,
                                  uint32_t slots) FG_NODISCARD;
void fg_slots_load_fini(struct fg_slots_load *l);

static inline double fg_slots_noise(const struct fg_slots_rounds *r, uint32_t slot)
{
    return r->way != NULL ? r->way[slot].noise : r->noise;
}

/* What k updates of one group tell; and how far a round comes that is told I. */
static inline double fg_slots_told(const struct fg_slots_rounds *r, uint32_t slot, double k)
{
    return k / (r->apart * k + fg_slots_noise(r, slot));
}

static inline double fg_slots_progress(const struct fg_slots_rounds *r, uint32_t slot, double i)
{
    double z = r->signal * i / (1.0 + r->signal * i);
    if (r->way == NULL) {
        return z;
    }
    double x = r->way[slot].reach, straight = r->way[slot].straight;
    return x >= straight * z ? straight * straight * z : 2.0 * straight * x - x * x / z;
}

/* Its slope by z where way is not NULL: falls as z grows. */
static inline double fg_slots_way_slope(const struct fg_slots_way *w, double z)
{
    return w->reach >= w->straight * z ? w->straight * w->straight : w->reach * w->reach / (z * z);
}

/* I with k more of the cell's group. */
static inline double fg_slots_load_more(const struct fg_slots_load *l, uint32_t slot, size_t cell, double k)
{
    return l->others[cell] + fg_slots_told(l->r, slot, l->k[cell] + k);
}

/* `k` more expected updates of the group: what they would add to the objective, and that they come. 0 and
 * nothing where rounds are worth nothing. Cost: O(1) and O(groups). */
static inline double fg_slots_load_gain(const struct fg_slots_load *l, uint32_t slot, uint32_t group,
                                        double k)
{
    if (l->r == NULL || l->r->worth == 0.0) {
        return 0.0;
    }
    double i = fg_slots_load_more(l, slot, (size_t)slot * l->r->groups + group, k);
    double gain = fg_slots_progress(l->r, slot, i) - l->done[slot];
    return gain > 0.0 ? l->r->worth * gain : 0.0;
}

void fg_slots_load_add(struct fg_slots_load *l, uint32_t slot, uint32_t group, double k);
double fg_slots_load_rounds(const struct fg_slots_load *l); /* fg_slots_plan.rounds */

enum fg_status fg_slots_tangent_init(struct fg_slots_tangent *t, const struct fg_slots_load *l) FG_NODISCARD;
void fg_slots_tangent_fini(struct fg_slots_tangent *t);

/* With rounds that are worth something: the greedy over all cells, booked; its bound and price unless quick.
 * Rows may be in any order. Errors: FG_E_NOMEM. */
enum fg_status fg_slots_even(struct fg_slots_plan *plan, struct fg_slots_work *w) FG_NODISCARD;

/* Count, add up the value in slot order, and the grams. Errors: FG_E_NOMEM. */
enum fg_status fg_slots_book(struct fg_slots_plan *plan, const struct fg_slots_work *w) FG_NODISCARD;

static inline bool fg_slots_has_rounds(const struct fg_slots_problem *p)
{
    return p->rounds != NULL && p->rounds->worth > 0.0 && p->rounds->signal > 0.0;
}

static inline double fg_slots_chance(const struct fg_slots_problem *p, size_t cell)
{
    return p->chance != NULL ? p->chance[cell] : 1.0;
}

/* v of cell i where a worthless slot costs grams_max. */
static inline double fg_slots_worth(const struct fg_slots_problem *p, double grams_max, size_t i)
{
    double v = fg_slots_chance(p, i) * fmax(0.0, grams_max - p->grams[i]);
    return p->effort != NULL ? v * p->effort[i % p->slots] : v;
}

/* Whether cell i fits into what is left of the sides; and take it from there. */
static inline bool fg_slots_fits(const struct fg_slots_problem *p, const double *left, size_t i)
{
    for (uint32_t r = 0; r < p->sides; r++) {
        if (p->side[r].cost[i] > left[r]) {
            return false;
        }
    }
    return true;
}

static inline void fg_slots_spend(const struct fg_slots_problem *p, double *left, size_t i, double sign)
{
    for (uint32_t r = 0; r < p->sides; r++) {
        left[r] -= sign * p->side[r].cost[i];
    }
}

static inline void fg_slots_spend_bytes(const struct fg_slots_problem *p, double *left, uint32_t client,
                                        double bytes)
{
    for (uint32_t r = 0; r < p->sides; r++) {
        left[r] -= bytes * p->side[r].per_byte[client];
    }
}

/* Rows, client by client: a row's client; its first cell; the row that a cell's slot is in. */
static inline uint32_t fg_slots_client(const struct fg_slots_work *w, uint32_t row)
{
    return row / w->stretches;
}

static inline size_t fg_slots_first(const struct fg_slots_work *w, uint32_t row)
{
    return (size_t)fg_slots_client(w, row) * w->p->slots + w->begin[row % w->stretches];
}

static inline uint32_t fg_slots_row_at(const struct fg_slots_work *w, uint32_t client, uint32_t slot)
{
    return client * w->stretches + (w->p->stretch != NULL ? w->p->stretch[slot] : 0);
}

/* The cell of a row's item. */
static inline size_t fg_slots_cell(const struct fg_slots_work *w, uint32_t row,
                                   const struct fg_slots_item *it)
{
    return (size_t)fg_slots_client(w, row) * w->p->slots + it->slot;
}

/* Value and cost of a cell. */
double fg_slots_value(const struct fg_slots_work *w, size_t i);
double fg_slots_cost(const struct fg_slots_work *w, size_t i);

/* Where data move: the schedule, its bound and price, booked. Errors: FG_E_NOMEM. */
enum fg_status fg_slots_ship(struct fg_slots_plan *plan, struct fg_slots_work *w) FG_NODISCARD;

/* The least bound by prices of grams and of each shard's value; *price in: where to begin, > 0; u (shards):
 * the value that a schedule gives to each, where the shards' prices begin. Errors: FG_E_NOMEM. */
enum fg_status fg_slots_ship_bound(double *bound, double *price, const struct fg_slots_work *w,
                                   const double *u) FG_NODISCARD;

/* u^alpha, 0 at 0; and of each u (n), in place: the same bits, several times as fast. */
double fg_slots_utility(double u, double alpha);
void fg_slots_utilities(double *u, size_t n, double alpha);

/* The relaxation (w->relax) of a whole row: no choice of its items makes f(U) - price x grams larger. *grams:
 * what the relaxed choice spends. And what the relaxation adds to the rows. Cost: O(slots). */
double fg_slots_row_relaxed(const struct fg_slots_work *w, uint32_t row, double price, double *grams);
double fg_slots_relaxed_rounds(const struct fg_slots_work *w);

/* The bound of a plan with rounds where data stay, and its price; price_per_g in: where to begin. Rows may be
 * in any order. Errors: FG_E_NOMEM. */
enum fg_status fg_slots_rounds_bound(struct fg_slots_plan *plan, struct fg_slots_work *w) FG_NODISCARD;

/* The least Lagrangian bound, to 1e-6 of itself, and its price; *price in: where to begin, > 0. */
double fg_slots_lagrange(const struct fg_slots_work *w, double *price);

/* Improve plan by branch and bound with this price; plan->exact says whether the search came to its end. */
enum fg_status fg_slots_search(struct fg_slots_plan *plan, const struct fg_slots_work *w,
                               double price) FG_NODISCARD;

/* A max-heap of T, which has `ratio` (utility for each gram) and the number KEY: NAME_before(), and
 * NAME_sink(), which puts heap[i] of n where it belongs below. */
#define FG_SLOTS_HEAP(NAME, T, KEY)                                              \
    static inline bool NAME##_before(const T *a, const T *b)                     \
    {                                                                            \
        return a->ratio > b->ratio || (a->ratio == b->ratio && a->KEY < b->KEY); \
    }                                                                            \
    static inline void NAME##_sink(T *heap, uint32_t n, uint32_t i)              \
    {                                                                            \
        T x = heap[i];                                                           \
        for (;;) {                                                               \
            uint32_t kid = 2 * i + 1;                                            \
            if (kid >= n) {                                                      \
                break;                                                           \
            }                                                                    \
            kid += kid + 1 < n && NAME##_before(&heap[kid + 1], &heap[kid]);     \
            if (!NAME##_before(&heap[kid], &x)) {                                \
                break;                                                           \
            }                                                                    \
            heap[i] = heap[kid];                                                 \
            i = kid;                                                             \
        }                                                                        \
        heap[i] = x;                                                             \
    }                                                                            \
    static inline void NAME##_heapify(T *heap, uint32_t n)                       \
    {                                                                            \
        for (uint32_t i = n; i-- > 0;) {                                         \
            NAME##_sink(heap, n, i);                                             \
        }                                                                        \
    }

/* With rounds no cell ever offers more than when it was last looked at: a client's cells in a heap by
 * that. */
struct fg_slots_hope {
    double ratio; /* > 0 */
    uint32_t item;
};

FG_SLOTS_HEAP(fg_slots_hope, struct fg_slots_hope, item)

/* The top now offers so much. Returns how many are left. */
static inline uint32_t fg_slots_hope_now(struct fg_slots_hope *heap, uint32_t n, double ratio)
{
    if (ratio > 0.0) {
        heap[0].ratio = ratio;
    } else {
        heap[0] = heap[--n];
    }
    if (n > 0) {
        fg_slots_hope_sink(heap, n, 0);
    }
    return n;
}

#endif
