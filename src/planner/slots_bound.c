/* Bounds of the slot scheduler by Lagrangian relaxation, and branch and bound with them. */
#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

/* So many items are tried one by one: no dearer than searching a longer row. */
#define FEW 6

/* Worth taking to its end at this price, u being the value with all of it: f'(u) v >= price c. */
static bool pays(const struct fg_slots_item *it, double u, double alpha, double price)
{
    if (it->c <= 0) {
        return true;
    }
    return (alpha == 1 ? 1 : alpha * fg_pow(u, alpha - 1)) * it->ratio >= price;
}

/* Of the last few items every set: f (2^n) utilities with it; u of the row so far. A set is one without its
 * last item, and that. */
static void sets_of(double *f, const struct fg_slots_item *item, uint32_t n, double u, double alpha)
{
    f[0] = u;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t set = 0; set < 1U << i; set++) {
            f[(1U << i) + set] = f[set] + item[i].v;
        }
    }
    fg_slots_utilities(f, (size_t)1 << n, alpha);
}

/* The last few items one by one: no part of any is taken, so this is what integers can reach. Utilities of
 * sets are each `step` of f. */
static double few(const struct fg_slots_item *item, uint32_t n, const double *f, uint32_t step, double price,
                  double *grams)
{
    double most = -INFINITY, c[1U << FEW];
    c[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t set = 0; set < 1U << i; set++) {
            c[(1U << i) + set] = c[set] + item[i].c;
        }
    }
    for (uint32_t set = 0; set < 1U << n; set++) {
        double gain = f[(size_t)set * step] - price * c[set];
        if (gain > most) {
            most = gain;
            *grams = c[set];
        }
    }
    return most;
}

/* The relaxation of one row from item `from` on with u so far: no choice of items makes f(U) - price x grams
 * larger than this. *grams: what the relaxed choice spends (parts of items may be taken).
 * Cost: O(log slots). */
static double row_bound(const struct fg_slots_work *w, uint32_t r, uint32_t from, double u, double price,
                        double *grams)
{
    const struct fg_slots_item *row = w->item + fg_slots_first(w, r);
    double alpha = w->p->alpha, v0 = from > 0 ? row[from - 1].sum_v : 0,
           c0 = from > 0 ? row[from - 1].sum_c : 0;
    if (w->n[r] - from <= FEW && alpha < 1) {
        double f[1U << FEW];
        sets_of(f, row + from, w->n[r] - from, u, alpha);
        return few(row + from, w->n[r] - from, f, 1, price, grams);
    }
    uint32_t lo = from, hi = w->n[r]; /* items before lo pay, from hi on they do not */
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (pays(&row[mid], u + (row[mid].sum_v - v0), alpha, price)) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    double value = u, cost = 0;
    if (lo > from) {
        value += row[lo - 1].sum_v - v0;
        cost = row[lo - 1].sum_c - c0;
    }
    if (lo < w->n[r] && alpha < 1) { /* a part of the next, up to where f'(U) v/c = price */
        double most = value + row[lo].v, stop = fg_pow(alpha * row[lo].ratio / price, 1 / (1 - alpha));
        stop = stop < value ? value : stop < most ? stop : most;
        cost += (stop - value) / row[lo].ratio;
        value = stop;
    }
    *grams = cost;
    return fg_slots_utility(value, alpha) - price * cost;
}

/* The bound as a function of the price is convex; slope is what the relaxation leaves of the budget. */
struct tangent {
    double price, bound, slope;
};

static struct tangent at(const struct fg_slots_work *w, double price)
{
    double at_zero = w->relax != NULL ? fg_slots_relaxed_rounds(w) : 0;
    struct tangent t = {.price = price, .bound = at_zero + price * w->budget_g, .slope = w->budget_g};
    for (uint32_t r = 0; r < w->rows; r++) {
        double grams;
        t.bound += w->relax != NULL ? fg_slots_row_relaxed(w, r, price, &grams)
                                    : row_bound(w, r, 0, w->base[r], price, &grams);
        t.slope -= grams;
    }
    return t;
}

double fg_slots_lagrange(const struct fg_slots_work *w, double *price)
{
    struct tangent lo = at(w, *price), hi = lo, best = lo;
    double step = 1.1;
    while (step < 1e30 &&
           (lo.slope >= 0) == (hi.slope >= 0)) { /* find a price on the other side of the least */
        struct tangent t = at(w, lo.slope >= 0 ? lo.price / step : hi.price * step);
        if (lo.slope >= 0) {
            hi = lo;
            lo = t;
        } else {
            lo = hi;
            hi = t;
        }
        best = t.bound < best.bound ? t : best;
        step *= step;
    }
    for (int i = 0; i < 40 && lo.slope < 0 && hi.slope > 0; i++) { /* where the tangents meet is below all */
        double x = (hi.bound - hi.slope * hi.price - lo.bound + lo.slope * lo.price) / (lo.slope - hi.slope);
        double least = lo.bound + lo.slope * (x - lo.price);
        if (best.bound - least <= 1e-6 * best.bound || !(x > lo.price && x < hi.price)) {
            break;
        }
        struct tangent t = at(w, x);
        best = t.bound < best.bound ? t : best;
        if (t.slope < 0) {
            lo = t;
        } else {
            hi = t;
        }
    }
    *price = best.price;
    return best.bound;
}

struct search {
    const struct fg_slots_work *w;
    double price;
    double *rest;                /* (rows + 1) sum of their bounds from this one on */
    uint8_t *on;                 /* (clients, slots) the branch under way */
    uint8_t *best;               /* (clients, slots) the plan's */
    double value;                /* of the best so far */
    double side[FG_SLOTS_SIDES]; /* left of each */
    uint32_t nodes;
    double *empty; /* (rows) utility of nothing */
    /* (those with a few items, 2^FEW) utilities of their sets; (rows) which of them, UINT32_MAX: none */
    double *sets;
    uint32_t *at;
};

/* Where a search is in its row: before item i, with a value of u so far. */
struct spot {
    uint32_t row, i;
    double u;
    const double
        *f; /* utilities of the sets of items from here on, each `step`; NULL: too many, or unknown */
    uint32_t step;
};

/* A row from its begin. */
static struct spot row_spot(const struct search *s, uint32_t row)
{
    bool known = row < s->w->rows && s->at[row] != UINT32_MAX;
    return (struct spot){.row = row,
                         .u = row < s->w->rows ? s->w->base[row] : 0,
                         .f = known ? s->sets + ((size_t)s->at[row] << FEW) : NULL,
                         .step = 1};
}

/* Behind the next item, with it or without: sets that have it are every second. */
static struct spot next_spot(const struct spot *x, const struct fg_slots_item *it, bool with)
{
    return (struct spot){.row = x->row,
                         .i = x->i + 1,
                         .u = with ? x->u + it->v : x->u,
                         .f = x->f != NULL && with ? x->f + x->step : x->f,
                         .step = 2 * x->step};
}

/* Decide the spot's item and all after it; done is the utility of the rows before, left the grams. Depth: at
 * most one call for each item and row with items. */
static void branch(struct search *s, struct spot x, double done, double left)
{
    const struct fg_slots_work *w = s->w;
    double g, f[1U << FEW], alpha = w->p->alpha;
    while (x.row < w->rows && x.i == w->n[x.row]) {
        done += x.i == 0 ? s->empty[x.row] : x.f != NULL ? x.f[0] : fg_slots_utility(x.u, alpha);
        x = row_spot(s, x.row + 1);
    }
    if (x.row == w->rows) {
        if (done > s->value) {
            s->value = done;
            memcpy(s->best, s->on, (size_t)w->p->clients * w->p->slots);
        }
        return;
    }
    if (++s->nodes > w->p->nodes) {
        return;
    }
    const struct fg_slots_item *it = &w->item[fg_slots_first(w, x.row) + x.i];
    uint32_t n = w->n[x.row] - x.i;
    if (x.f == NULL && n <= FEW && alpha < 1) {
        sets_of(f, it, n, x.u, alpha);
        x.f = f;
        x.step = 1;
    }
    double rest =
        x.f != NULL ? few(it, n, x.f, x.step, s->price, &g) : row_bound(w, x.row, x.i, x.u, s->price, &g);
    double bound = done + s->rest[x.row + 1] + s->price * left + rest;
    if (bound <= s->value * (1 + 1e-12)) {
        return;
    }
    size_t cell = fg_slots_cell(w, x.row, it);
    bool sides = w->p->sides > 0;
    if (it->c <= left && fg_slots_fits(w->p, s->side, cell)) {
        s->on[cell] = 1;
        fg_slots_spend(w->p, s->side, cell, 1.0);
        branch(s, next_spot(&x, it, true), done, left - it->c);
        fg_slots_spend(w->p, s->side, cell, -1.0);
        s->on[cell] = 0;
    }
    if (it->c > 0 || sides) { /* what is free is always taken; without this item a nested row ends */
        struct spot next = next_spot(&x, it, false);
        if (w->nested && !sides) {
            next = (struct spot){.row = x.row, .i = w->n[x.row], .u = x.u, .f = x.f, .step = x.step};
        }
        branch(s, next, done, left);
    }
}

/* What rows without decisions, and with a few, are worth. Errors: FG_E_NOMEM. */
static enum fg_status look_at_rows(struct search *s)
{
    const struct fg_slots_work *w = s->w;
    uint32_t n = 0;
    s->empty = fg_calloc(w->rows, sizeof *s->empty);
    s->at = fg_calloc(w->rows, sizeof *s->at);
    s->sets =
        fg_calloc((size_t)FG_SLOTS_SMALL << FEW, sizeof *s->sets); /* a row with items has one at least */
    if (s->empty == NULL || s->at == NULL || s->sets == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(s->empty, w->base, w->rows * sizeof *s->empty);
    fg_slots_utilities(s->empty, w->rows, w->p->alpha);
    for (uint32_t r = 0; r < w->rows; r++) {
        s->at[r] = UINT32_MAX;
        if (w->n[r] > 0 && w->n[r] <= FEW && w->p->alpha < 1) {
            s->at[r] = n++;
            sets_of(s->sets + ((size_t)s->at[r] << FEW), w->item + fg_slots_first(w, r), w->n[r], w->base[r],
                    w->p->alpha);
        }
    }
    return FG_OK;
}

enum fg_status fg_slots_search(struct fg_slots_plan *plan, const struct fg_slots_work *w, double price)
{
    if (w->p->nodes == 0 || w->items > FG_SLOTS_SMALL) {
        return FG_OK;
    }
    uint32_t clients = plan->clients, open = plan->slots - w->p->tune;
    struct search s = {.w = w, .price = price, .best = plan->on, .value = plan->value};
    memcpy(s.side, w->side, sizeof s.side);
    enum fg_status st = FG_OK;
    double g;
    s.rest = fg_calloc((size_t)w->rows + 1, sizeof *s.rest);
    s.on = fg_calloc(clients, plan->slots);
    st = s.rest != NULL && s.on != NULL ? look_at_rows(&s) : FG_E_NOMEM;
    if (st != FG_OK) {
        goto cleanup;
    }
    for (uint32_t c = 0; c < clients; c++) {
        memset(s.on + (size_t)c * plan->slots + open, 1, plan->slots - open);
    }
    for (uint32_t r = w->rows; r-- > 0;) {
        s.rest[r] = s.rest[r + 1] + row_bound(w, r, 0, w->base[r], price, &g);
    }
    branch(&s, row_spot(&s, 0), 0, w->budget_g);
    plan->exact = s.nodes <= w->p->nodes;
cleanup:
    fg_free(s.empty);
    fg_free(s.at);
    fg_free(s.sets);
    fg_free(s.on);
    fg_free(s.rest);
    return st;
}
