/* What no schedule with rounds that are worth something can exceed, where data stay: the budget has a price,
 * rounds are replaced by sums over updates that are nowhere below them, and then rows are on their own.
 *
 * A round is at most either of two sums, and any mean of the two: its tangent at some load; and what each of
 * its updates would be worth alone (the worth of a set of updates is submodular). Where rounds have an update
 * or none only the second is tight. A row takes nothing, one item, or at least two: the first two are looked
 * at as they are, and only the third by tangents of the row's utility, of which u^alpha has steep ones near
 * 0. */
#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

enum { GRID = 32 /* tangents a row */ };

struct fg_slots_relax {
    double at_zero; /* the rounds without anybody */
    double *worth;  /* (clients, slots), as items are: what each adds to its round */
    double *alone;  /* the same: the row's utility with it alone */
    double *empty;  /* (rows) and with nothing */
    /* (rows, GRID) tangents of the row's utility from the left: slope, value at its base, where they touch */
    double *slope, *at_base, *touch;
    double *net;    /* (slots) of the row that is looked at: what items are worth beside its utility */
    uint8_t *taken; /* (clients, slots), as items are */
};

/* ---- rows ---- */

/* Tangents touch where the row has made from half of a mean item to everything. */
static void touch_row(struct fg_slots_relax *x, const struct fg_slots_work *w, uint32_t r, double at,
                      double step, double f, double step_f)
{
    double alpha = w->p->alpha, base = w->base[r];
    for (uint32_t g = 0; g < GRID; g++, at *= step, f *= step_f) {
        x->touch[(size_t)r * GRID + g] = at;
        x->slope[(size_t)r * GRID + g] = at > 0.0 ? alpha * f / at : 0.0;
        x->at_base[(size_t)r * GRID + g] = at > 0.0 ? f * (1.0 - alpha) + alpha * f / at * base : 0.0;
    }
}

/* Many rows at a time, for the sake of their powers. */
static void touch_rows(struct fg_slots_relax *x, const struct fg_slots_work *w)
{
    enum { BLOCK = 64 };
    double alpha = w->p->alpha, at[BLOCK], step[BLOCK], f[2 * BLOCK];
    memcpy(x->empty, w->base, w->rows * sizeof *x->empty);
    fg_slots_utilities(x->empty, w->rows, alpha);
    for (uint32_t from = 0; from < w->rows; from += BLOCK) {
        uint32_t n = w->rows - from < BLOCK ? w->rows - from : BLOCK;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t r = from + i;
            size_t first = fg_slots_first(w, r);
            double base = w->base[r], all = 0.0;
            for (uint32_t k = 0; k < w->n[r]; k++) {
                all += w->item[first + k].v;
                x->alone[first + k] = base + w->item[first + k].v;
            }
            fg_slots_utilities(x->alone + first, w->n[r], alpha);
            at[i] = base + 0.5 * all / (w->n[r] > 0 ? (double)w->n[r] : 1.0);
            step[i] = at[i] > 0.0 ? (base + all) / at[i] : 1.0;
        }
        fg_log_many(step, n);
        for (uint32_t i = 0; i < n; i++) {
            step[i] = step[i] / (GRID - 1);
        }
        fg_exp_many(step, n);
        for (uint32_t i = 0; i < n; i++) {
            step[i] = at[i] > 0.0 ? step[i] : 1.0;
            f[i] = at[i];
            f[n + i] = step[i];
        }
        fg_slots_utilities(f, 2 * (size_t)n, alpha);
        for (uint32_t i = 0; i < n; i++) {
            touch_row(x, w, from + i, at[i], step[i], f[i], f[n + i]);
        }
    }
}

/* What is taken of a row at a tangent: at least two items. */
struct several {
    double gain, value, grams;
};

/* The best of those that do not pay, and are not `but`. */
static uint32_t best_of_rest(const struct fg_slots_relax *x, const struct fg_slots_item *row, uint32_t n,
                             double slope, uint32_t but)
{
    double most = -INFINITY;
    uint32_t best = n;
    for (uint32_t k = 0; k < n; k++) {
        double gain = slope * row[k].v + x->net[k];
        if (k != but && gain <= 0.0 && gain > most) {
            most = gain;
            best = k;
        }
    }
    return best;
}

/* Shapes: taken, x->net (items of the row); taken may be NULL. Adding 0 changes no bits and is no branch. */
static struct several several_at(const struct fg_slots_relax *x, const struct fg_slots_work *w, uint32_t r,
                                 double slope, uint8_t *taken)
{
    const struct fg_slots_item *row = w->item + fg_slots_first(w, r);
    struct several s = {0};
    uint32_t n = 0, last = w->n[r];
    for (uint32_t k = 0; k < w->n[r]; k++) {
        double gain = slope * row[k].v + x->net[k];
        bool pays = gain > 0.0;
        s.gain += pays ? gain : 0.0;
        s.value += pays ? row[k].v : 0.0;
        s.grams += pays ? row[k].c : 0.0;
        n += pays;
    }
    for (uint32_t k = 0; k < w->n[r] && taken != NULL; k++) {
        taken[k] = slope * row[k].v + x->net[k] > 0.0;
    }
    for (; n < 2; n++) {
        last = best_of_rest(x, row, w->n[r], slope, last);
        s.gain += slope * row[last].v + x->net[last];
        s.value += row[last].v;
        s.grams += row[last].c;
        if (taken != NULL) {
            taken[last] = 1;
        }
    }
    return s;
}

/* The tangent at which at least two are worth least: more is taken where it is steeper. Where they are worth
 * no more than `most` it does not matter which. */
static uint32_t tangent_of(const struct fg_slots_relax *x, const struct fg_slots_work *w, uint32_t r,
                           double most, double *least, double *grams)
{
    size_t first = (size_t)r * GRID;
    uint32_t lo = 0, hi = GRID, best = 0;
    *least = INFINITY;
    while (lo<hi && * least> most) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct several s = several_at(x, w, r, x->slope[first + mid], NULL);
        double bound = x->at_base[first + mid] + s.gain;
        if (bound < *least) {
            *least = bound;
            *grams = s.grams;
            best = mid;
        }
        if (w->base[r] + s.value > x->touch[first + mid]) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return best;
}

static double row_at(const struct fg_slots_relax *x, const struct fg_slots_work *w, uint32_t r, double price,
                     double *grams, uint8_t *taken)
{
    size_t first = fg_slots_first(w, r);
    const struct fg_slots_item *row = w->item + first;
    double most = x->empty[r], least = -INFINITY, g = 0.0;
    uint32_t one = w->n[r];
    *grams = 0.0;
    for (uint32_t k = 0; k < w->n[r]; k++) {
        x->net[k] = x->worth[first + k] - price * row[k].c;
        double gain = x->alone[first + k] + x->net[k];
        if (gain > most) {
            most = gain;
            *grams = row[k].c;
            one = k;
        }
    }
    uint32_t best = w->n[r] >= 2 ? tangent_of(x, w, r, most, &least, &g) : 0;
    bool several = least > most;
    if (taken != NULL) {
        memset(taken + first, 0, w->n[r]);
        if (several) {
            (void)several_at(x, w, r, x->slope[(size_t)r * GRID + best], taken + first);
        } else if (one < w->n[r]) {
            taken[first + one] = 1;
        }
    }
    *grams = several ? g : *grams;
    return several ? least : most;
}

double fg_slots_row_relaxed(const struct fg_slots_work *w, uint32_t r, double price, double *grams)
{
    return row_at(w->relax, w, r, price, grams, NULL);
}

double fg_slots_relaxed_rounds(const struct fg_slots_work *w)
{
    return w->relax->at_zero;
}

/* ---- rounds ---- */

/* How rounds are replaced: a mean of their tangent at a load and of updates alone; n: updates, on average.
 * Shapes: alone, n (slots). */
struct touch {
    struct fg_slots_load at;
    double *alone, *n;
};

static enum fg_status touch_rounds(struct fg_slots_relax *x, const struct fg_slots_work *w,
                                   const struct touch *t)
{
    const struct fg_slots_problem *p = w->p;
    const struct fg_slots_rounds *rounds = p->rounds;
    struct fg_slots_tangent tangent;
    enum fg_status st = fg_slots_tangent_init(&tangent, &t->at);
    if (st != FG_OK) {
        return st;
    }
    x->at_zero = 0.0;
    for (uint32_t s = 0; s < p->slots; s++) {
        x->at_zero += (1.0 - t->alone[s]) * tangent.zero[s];
    }
    for (uint32_t r = 0; r < w->rows; r++) {
        size_t first = fg_slots_first(w, r);
        uint32_t group = rounds->group[fg_slots_client(w, r)];
        for (uint32_t k = 0; k < w->n[r]; k++) {
            const struct fg_slots_item *it = &w->item[first + k];
            double q = fg_slots_chance(p, fg_slots_cell(w, r, it));
            double alone =
                rounds->worth * fg_slots_progress(rounds, it->slot, fg_slots_told(rounds, it->slot, q));
            double slope = tangent.slope[(size_t)it->slot * rounds->groups + group];
            x->worth[first + k] =
                t->alone[it->slot] * fmax(0.0, alone) + (1.0 - t->alone[it->slot]) * q * slope;
        }
    }
    fg_slots_tangent_fini(&tangent);
    return FG_OK;
}

/* Rounds with an update or none are best replaced by updates alone, those with more by their tangents. */
static double alone_of(double n)
{
    return fmin(1.0, fmax(0.0, 1.5 - n));
}

/* The tangents go towards what is taken at the price. */
static enum fg_status follow(struct touch *t, struct fg_slots_relax *x, const struct fg_slots_work *w,
                             double price, double near)
{
    const struct fg_slots_problem *p = w->p;
    struct fg_slots_load now;
    double grams;
    enum fg_status st = fg_slots_load_init(&now, p->rounds, p->slots);
    if (st != FG_OK) {
        return st;
    }
    for (uint32_t s = 0; s < p->slots; s++) {
        t->n[s] *= 1.0 - near;
    }
    for (uint32_t r = 0; r < w->rows; r++) {
        size_t first = fg_slots_first(w, r);
        (void)row_at(x, w, r, price, &grams, x->taken);
        for (uint32_t k = 0; k < w->n[r]; k++) {
            const struct fg_slots_item *it = &w->item[first + k];
            if (x->taken[first + k]) {
                t->n[it->slot] += near;
                now.k[(size_t)it->slot * p->rounds->groups + p->rounds->group[fg_slots_client(w, r)]] +=
                    fg_slots_chance(p, fg_slots_cell(w, r, it));
            }
        }
    }
    for (uint32_t s = 0; s < p->slots; s++) {
        t->alone[s] = alone_of(t->n[s]);
        t->at.i[s] = 0.0;
        for (uint32_t g = 0; g < p->rounds->groups; g++) {
            size_t i = (size_t)s * p->rounds->groups + g;
            t->at.k[i] += near * (now.k[i] - t->at.k[i]);
            t->at.i[s] += fg_slots_told(p->rounds, s, t->at.k[i]);
        }
    }
    fg_slots_load_fini(&now);
    return FG_OK;
}

/* At first as the plan has them. */
static void touch_plan(struct touch *t, const struct fg_slots_plan *plan, const struct fg_slots_work *w)
{
    for (uint32_t c = 0; c < plan->clients; c++) {
        for (uint32_t s = 0; s < plan->slots - w->p->tune; s++) {
            size_t cell = (size_t)c * plan->slots + s;
            if (plan->on[cell]) {
                t->n[s] += 1.0;
                fg_slots_load_add(&t->at, s, w->p->rounds->group[c], fg_slots_chance(w->p, cell));
            }
        }
    }
    for (uint32_t s = 0; s < plan->slots; s++) {
        t->alone[s] = alone_of(t->n[s]);
    }
}

/* ---- all ---- */

static enum fg_status search(struct fg_slots_plan *plan, struct fg_slots_work *w, struct fg_slots_relax *x,
                             struct touch *t)
{
    enum fg_status st = FG_OK;
    double price = plan->price_per_g > 0.0 ? plan->price_per_g : 1.0;
    uint32_t turns = w->p->turns > 0 ? w->p->turns : 1;
    plan->bound = INFINITY;
    for (uint32_t i = 0; i < turns && st == FG_OK; i++) {
        st = touch_rounds(x, w, t);
        double bound = st == FG_OK ? fg_slots_lagrange(w, &price) : INFINITY;
        if (bound < plan->bound) {
            plan->bound = bound;
            plan->price_per_g = price;
        }
        if (st == FG_OK && i + 1 < turns) {
            st = follow(t, x, w, price, 0.3 / (3.0 + (double)i));
        }
    }
    return st;
}

enum fg_status fg_slots_rounds_bound(struct fg_slots_plan *plan, struct fg_slots_work *w)
{
    size_t cells = (size_t)plan->clients * plan->slots;
    struct fg_slots_relax x = {
        .worth = fg_calloc(2 * cells + (1 + 3 * (size_t)GRID) * w->rows + plan->slots, sizeof(double)),
        .taken = fg_calloc(cells, 1)};
    struct touch t = {.alone = fg_calloc(2 * (size_t)plan->slots, sizeof(double))};
    enum fg_status st = fg_slots_load_init(&t.at, w->p->rounds, plan->slots);
    st = x.worth != NULL && x.taken != NULL && t.alone != NULL ? st : FG_E_NOMEM;
    if (st == FG_OK) {
        x.alone = x.worth + cells;
        x.empty = x.alone + cells;
        x.slope = x.empty + w->rows;
        x.at_base = x.slope + (size_t)GRID * w->rows;
        x.touch = x.at_base + (size_t)GRID * w->rows;
        x.net = x.touch + (size_t)GRID * w->rows;
        t.n = t.alone + plan->slots;
        touch_rows(&x, w);
        touch_plan(&t, plan, w);
        w->relax = &x;
        st = search(plan, w, &x, &t);
        w->relax = NULL;
    }
    fg_slots_load_fini(&t.at);
    fg_free(t.alone);
    fg_free(x.taken);
    fg_free(x.worth);
    return st;
}
