/* The slot plan with rounds: slots are worth more than their updates, the first of them most.
 *
 * The objective is a sum of concave functions, one a client and one a slot, and what an update adds falls
 * with every other one: the greedy looks at each client's best slot, and those that wait may have got worse,
 * never better. The bound is in slots_rounds_bound.c. */
#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

/* ---- what rounds are worth ---- */

enum fg_status fg_slots_load_init(struct fg_slots_load *l, const struct fg_slots_rounds *r, uint32_t slots)
{
    *l = (struct fg_slots_load){.r = r, .slots = slots};
    if (r == NULL) {
        return FG_OK;
    }
    size_t cells = (size_t)slots * r->groups;
    l->k = fg_calloc(2 * cells + 2 * (size_t)slots, sizeof *l->k);
    if (l->k == NULL) {
        return FG_E_NOMEM;
    }
    l->others = l->k + cells;
    l->i = l->others + cells;
    l->done = l->i + slots;
    return FG_OK;
}

void fg_slots_load_fini(struct fg_slots_load *l)
{
    fg_free(l->k);
    *l = (struct fg_slots_load){0};
}

void fg_slots_load_add(struct fg_slots_load *l, uint32_t slot, uint32_t group, double k)
{
    if (l->r == NULL) {
        return;
    }
    size_t first = (size_t)slot * l->r->groups;
    l->i[slot] = fg_slots_load_more(l, slot, first + group, k);
    l->k[first + group] += k;
    l->done[slot] = fg_slots_progress(l->r, slot, l->i[slot]);
    for (size_t cell = first; cell < first + l->r->groups; cell++) {
        l->others[cell] = l->i[slot] - fg_slots_told(l->r, slot, l->k[cell]);
    }
}

double fg_slots_load_rounds(const struct fg_slots_load *l)
{
    double sum = 0.0;
    for (uint32_t t = 0; l->r != NULL && t < l->slots; t++) {
        sum += fg_slots_progress(l->r, t, l->i[t]);
    }
    return sum;
}

/* ---- the greedy ---- */

/* A client's best cell. */
struct offer {
    double ratio;
    uint32_t client, row, item;
};

FG_SLOTS_HEAP(offer, struct offer, client)

struct even {
    const struct fg_slots_work *w;
    struct fg_slots_plan *plan;
    struct fg_slots_load load;
    double *u, *slope; /* (rows) value so far; what a little more of it adds */
    double *most;      /* (rows) the largest value of an item */
    /* (clients, slots) what each would add to its round, when its slot had been added to so often */
    double *gain;
    uint32_t *stamp;
    uint32_t *added; /* (slots) so often, from 1 on */
    double left, side[FG_SLOTS_SIDES];
    double price; /* what a gram was worth when the first did not fit, else 0 */
};

static bool fits(struct even *e, const struct fg_slots_item *it, size_t cell, double ratio)
{
    bool fit = it->c <= e->left && fg_slots_fits(e->w->p, e->side, cell);
    if (!fit && ratio > e->price && ratio < INFINITY) {
        e->price = ratio;
    }
    return fit;
}

/* What a gram's worth of a cell adds to its row's utility is taken by the chord to the row's largest value:
 * within a slot's worth the curve is nearly straight. */
static double slope_of(const struct even *e, uint32_t r)
{
    double most = e->most[r], u = e->u[r], alpha = e->w->p->alpha;
    return most > 0.0 ? (fg_slots_utility(u + most, alpha) - fg_slots_utility(u, alpha)) / most : 0.0;
}

/* Utility and worth of the row's item for each gram, now. */
static inline double ratio_of(struct even *e, uint32_t r, const struct fg_slots_item *it)
{
    const struct fg_slots_problem *p = e->w->p;
    size_t cell = fg_slots_cell(e->w, r, it);
    if (e->stamp[cell] != e->added[it->slot]) {
        e->gain[cell] = fg_slots_load_gain(&e->load, it->slot, p->rounds->group[fg_slots_client(e->w, r)],
                                           fg_slots_chance(p, cell));
        e->stamp[cell] = e->added[it->slot];
    }
    double gain = e->slope[r] * it->v + e->gain[cell];
    return it->c > 0.0 ? gain / it->c : INFINITY;
}

/* The client's best cell that is not taken and fits; none: a ratio of 0. */
static void look(struct even *e, struct offer *x)
{
    const struct fg_slots_work *w = e->w;
    x->ratio = 0.0;
    for (uint32_t r = x->client * w->stretches; r < (x->client + 1) * w->stretches; r++) {
        const struct fg_slots_item *row = w->item + fg_slots_first(w, r);
        for (uint32_t k = 0; k < w->n[r]; k++) {
            size_t cell = fg_slots_cell(w, r, &row[k]);
            double ratio = e->plan->on[cell] ? 0.0 : ratio_of(e, r, &row[k]);
            if (ratio > x->ratio && fits(e, &row[k], cell, ratio)) {
                *x = (struct offer){.ratio = ratio, .client = x->client, .row = r, .item = k};
            }
        }
    }
}

static const struct fg_slots_item *item_of(const struct even *e, const struct offer *x)
{
    return &e->w->item[fg_slots_first(e->w, x->row) + x->item];
}

/* Whether the offer is what it was when it was looked for: then it still is the client's best,
 * for no other got better. */
static bool stands(struct even *e, const struct offer *x)
{
    const struct fg_slots_item *it = item_of(e, x);
    return ratio_of(e, x->row, it) == x->ratio && fits(e, it, fg_slots_cell(e->w, x->row, it), x->ratio);
}

static void take(struct even *e, const struct offer *x)
{
    const struct fg_slots_problem *p = e->w->p;
    const struct fg_slots_item *it = item_of(e, x);
    size_t cell = fg_slots_cell(e->w, x->row, it);
    e->plan->on[cell] = 1;
    e->left -= it->c;
    fg_slots_spend(p, e->side, cell, 1.0);
    e->u[x->row] += it->v;
    e->slope[x->row] = slope_of(e, x->row);
    fg_slots_load_add(&e->load, it->slot, p->rounds->group[x->client], fg_slots_chance(p, cell));
    e->added[it->slot]++;
}

static void begin(struct even *e)
{
    const struct fg_slots_work *w = e->w;
    for (uint32_t r = 0; r < w->rows; r++) {
        const struct fg_slots_item *row = w->item + fg_slots_first(w, r);
        for (uint32_t k = 0; k < w->n[r]; k++) {
            e->most[r] = row[k].v > e->most[r] ? row[k].v : e->most[r];
        }
        e->slope[r] = slope_of(e, r);
    }
    for (uint32_t t = 0; t < e->plan->slots; t++) {
        e->added[t] = 1;
    }
}

static void greedy(struct even *e, struct offer *heap)
{
    uint32_t n = 0;
    begin(e);
    for (uint32_t c = 0; c < e->plan->clients; c++) {
        heap[n].client = c;
        look(e, &heap[n]);
        n += heap[n].ratio > 0.0;
    }
    offer_heapify(heap, n);
    while (n > 0) {
        if (stands(e, &heap[0])) {
            take(e, &heap[0]);
        }
        look(e, &heap[0]);
        if (heap[0].ratio == 0.0) {
            heap[0] = heap[--n];
        }
        if (n > 0) {
            offer_sink(heap, n, 0);
        }
    }
}

static enum fg_status try_even(struct fg_slots_plan *plan, const struct fg_slots_work *w, double *price)
{
    struct even e = {.w = w, .plan = plan, .left = w->budget_g};
    struct offer *heap = fg_calloc(plan->clients, sizeof *heap);
    size_t cells = (size_t)plan->clients * plan->slots;
    e.u = fg_calloc(3 * (size_t)w->rows + cells, sizeof *e.u);
    e.stamp = fg_calloc(cells + plan->slots, sizeof *e.stamp);
    enum fg_status st = fg_slots_load_init(&e.load, w->p->rounds, plan->slots);
    if (st == FG_OK && heap != NULL && e.u != NULL && e.stamp != NULL) {
        e.slope = e.u + w->rows;
        e.most = e.slope + w->rows;
        e.gain = e.most + w->rows;
        e.added = e.stamp + cells;
        memcpy(e.u, w->base, w->rows * sizeof *e.u);
        memcpy(e.side, w->side, sizeof e.side);
        for (uint32_t c = 0; c < plan->clients; c++) {
            memset(plan->on + (size_t)c * plan->slots, 0, plan->slots - w->p->tune);
        }
        greedy(&e, heap);
        *price = e.price;
    } else {
        st = FG_E_NOMEM;
    }
    fg_slots_load_fini(&e.load);
    fg_free(e.u);
    fg_free(e.stamp);
    fg_free(heap);
    return st;
}

/* ---- tangents ---- */

enum fg_status fg_slots_tangent_init(struct fg_slots_tangent *t, const struct fg_slots_load *l)
{
    const struct fg_slots_rounds *r = l->r;
    *t = (struct fg_slots_tangent){.slope = fg_calloc((size_t)l->slots * (r->groups + 2), sizeof *t->slope)};
    if (t->slope == NULL) {
        return FG_E_NOMEM;
    }
    t->most = t->slope + (size_t)l->slots * r->groups;
    t->zero = t->most + l->slots;
    for (uint32_t s = 0; s < l->slots; s++) {
        double flat = 1.0 + r->signal * l->i[s], noise = fg_slots_noise(r, s), worth = r->worth;
        worth *= r->way != NULL ? fg_slots_way_slope(&r->way[s], r->signal * l->i[s] / flat) : 1.0;
        t->zero[s] = r->worth * fg_slots_progress(r, s, l->i[s]);
        t->at_zero += t->zero[s];
        for (uint32_t g = 0; g < r->groups; g++) {
            size_t at = (size_t)s * r->groups + g;
            double own = r->apart * l->k[at] + noise;
            t->slope[at] = worth * r->signal * noise / (own * own) / (flat * flat);
            t->at_zero -= t->slope[at] * l->k[at];
            t->zero[s] -= t->slope[at] * l->k[at];
            t->most[s] = fmax(t->most[s], t->slope[at]);
        }
    }
    return FG_OK;
}

void fg_slots_tangent_fini(struct fg_slots_tangent *t)
{
    fg_free(t->slope);
    *t = (struct fg_slots_tangent){0};
}

/* ---- the plan ---- */

static bool takes_all(const struct fg_slots_plan *plan, const struct fg_slots_work *w)
{
    size_t taken = 0;
    for (uint32_t r = 0; r < w->rows; r++) {
        const struct fg_slots_item *row = w->item + fg_slots_first(w, r);
        for (uint32_t k = 0; k < w->n[r]; k++) {
            taken += plan->on[fg_slots_cell(w, r, &row[k])];
        }
    }
    return taken == w->items;
}

enum fg_status fg_slots_even(struct fg_slots_plan *plan, struct fg_slots_work *w)
{
    enum fg_status st;
    FG_TRY(try_even(plan, w, &plan->price_per_g));
    FG_TRY(fg_slots_book(plan, w));
    plan->exact = takes_all(plan, w);
    plan->bound = plan->exact ? plan->value : INFINITY;
    if (!plan->exact && !w->p->quick) {
        FG_TRY(fg_slots_rounds_bound(plan, w));
        plan->bound = fmax(plan->bound, plan->value);
    }
cleanup:
    return st;
}
