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

/* The last few items one by one: no part of any is taken, so this is what integers can reach. A set is one
 * without its last item, and that. */
static double few(const struct fg_slots_item *item, uint32_t n, double u, double alpha, double price,
                  double *grams)
{
    double most = -INFINITY, v[1U << FEW], c[1U << FEW];
    v[0] = u;
    c[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t set = 0; set < 1U << i; set++) {
            v[(1U << i) + set] = v[set] + item[i].v;
            c[(1U << i) + set] = c[set] + item[i].c;
        }
    }
    fg_slots_utilities(v, 1U << n, alpha);
    for (uint32_t set = 0; set < 1U << n; set++) {
        double gain = v[set] - price * c[set];
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
        return few(row + from, w->n[r] - from, u, alpha, price, grams);
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
};

/* Decide item i of the row and all after it; u is the row's value so far, done the utility of the rows
 * before, left the grams. Depth: at most one call for each item and row with items. */
static void branch(struct search *s, uint32_t row, uint32_t i, double u, double done, double left)
{
    const struct fg_slots_work *w = s->w;
    double g;
    while (row < w->rows && i == w->n[row]) {
        done += fg_slots_utility(u, w->p->alpha);
        row++;
        i = 0;
        u = row < w->rows ? w->base[row] : 0;
    }
    if (row == w->rows) {
        if (done > s->value) {
            s->value = done;
            memcpy(s->best, s->on, (size_t)w->p->clients * w->p->slots);
        }
        return;
    }
    if (++s->nodes > w->p->nodes) {
        return;
    }
    double bound = done + s->rest[row + 1] + s->price * left + row_bound(w, row, i, u, s->price, &g);
    if (bound <= s->value * (1 + 1e-12)) {
        return;
    }
    const struct fg_slots_item *it = &w->item[fg_slots_first(w, row) + i];
    size_t cell = fg_slots_cell(w, row, it);
    bool sides = w->p->sides > 0;
    if (it->c <= left && fg_slots_fits(w->p, s->side, cell)) {
        s->on[cell] = 1;
        fg_slots_spend(w->p, s->side, cell, 1.0);
        branch(s, row, i + 1, u + it->v, done, left - it->c);
        fg_slots_spend(w->p, s->side, cell, -1.0);
        s->on[cell] = 0;
    }
    if (it->c > 0 || sides) { /* what is free is always taken; without this item a nested row ends */
        branch(s, row, w->nested && !sides ? w->n[row] : i + 1, u, done, left);
    }
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
    if (s.rest == NULL || s.on == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (uint32_t c = 0; c < clients; c++) {
        memset(s.on + (size_t)c * plan->slots + open, 1, plan->slots - open);
    }
    for (uint32_t r = w->rows; r-- > 0;) {
        s.rest[r] = s.rest[r + 1] + row_bound(w, r, 0, w->base[r], price, &g);
    }
    branch(&s, 0, 0, w->base[0], 0, w->budget_g);
    plan->exact = s.nodes <= w->p->nodes;
cleanup:
    fg_free(s.on);
    fg_free(s.rest);
    return st;
}
