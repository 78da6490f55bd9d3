/* The greedy schedule and its certificate. */
#include "src/planner/slots.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

enum { FEW_SLOTS = 4 /* a row, on average */ };

double fg_slots_utility(double u, double alpha)
{
    return u <= 0 ? 0 : alpha == 1 ? u : fg_pow(u, alpha);
}

void fg_slots_utilities(double *u, size_t n, double alpha)
{
    enum { BLOCK = 64, FEW = 4 };
    for (size_t i = 0; i < n && n <= FEW; i++) {
        u[i] = fg_slots_utility(u[i], alpha);
    }
    for (size_t from = 0; from < n && n > FEW && alpha != 1; from += BLOCK) {
        double x[BLOCK], *of = u + from;
        size_t m = n - from < BLOCK ? n - from : BLOCK;
        for (size_t i = 0; i < m; i++) {
            x[i] = of[i] > 0 ? of[i] : 1;
        }
        fg_log_many(x, m);
        for (size_t i = 0; i < m; i++) {
            x[i] = alpha * x[i];
        }
        fg_exp_many(x, m);
        for (size_t i = 0; i < m; i++) {
            of[i] = of[i] > 0 ? x[i] : 0;
        }
    }
    for (size_t i = 0; i < n && n > FEW && alpha == 1; i++) {
        u[i] = u[i] > 0 ? u[i] : 0;
    }
}

static bool good(double x)
{
    return isfinite(x) && x >= 0;
}

static enum fg_status check(const struct fg_slots_problem *p, struct fg_err *err)
{
    if (p->clients == 0 || p->slots == 0 || p->tune > p->slots || p->sides > FG_SLOTS_SIDES) {
        return fg_fail(
            err, FG_E_RANGE,
            "schedule: expected clients, slots, and a tuning window of at most all slots, found %" PRIu32
            ", %" PRIu32 " and %" PRIu32,
            p->clients, p->slots, p->tune);
    }
    if (!(p->alpha > 0 && p->alpha <= 1) || !good(p->budget_g) || !good(p->grams_max)) {
        return fg_fail(
            err, FG_E_RANGE,
            "schedule: expected 0 < alpha <= 1 and grams >= 0, found alpha %g, budget %g g, largest %g g",
            p->alpha, p->budget_g, p->grams_max);
    }
    for (uint32_t t = 0; t < p->slots; t++) {
        FG_ASSERT(p->effort == NULL || (good(p->effort[t]) && p->effort[t] > 0));
        FG_ASSERT(p->rounds == NULL || p->rounds->way == NULL || p->rounds->way[t].noise > 0);
    }
    FG_ASSERT(p->stretch == NULL || (p->ship == NULL && p->stretch[0] == 0));
    for (uint32_t t = 1; p->stretch != NULL && t < p->slots; t++) {
        FG_ASSERT(p->stretch[t] - p->stretch[t - 1] <= 1);
    }
    const struct fg_slots_rounds *r = p->rounds;
    if (r != NULL &&
        !(good(r->worth) && good(r->signal) && good(r->apart) && good(r->noise) && r->noise > 0)) {
        return fg_fail(
            err, FG_E_RANGE,
            "schedule: expected rounds of numbers >= 0 with noise, found worth %g, signal %g, noise %g, "
            "apart %g",
            r->worth, r->signal, r->noise, r->apart);
    }
    for (uint32_t c = 0; c < p->clients; c++) {
        FG_ASSERT(r == NULL || r->group[c] < r->groups);
        for (uint32_t t = 0; t < p->slots; t++) {
            size_t i = (size_t)c * p->slots + t;
            double q = p->chance == NULL ? 1 : p->chance[i];
            if (!good(p->grams[i]) || !(q >= 0 && q <= 1) || (p->expected != NULL && !good(p->expected[i]))) {
                return fg_fail(err, FG_E_RANGE,
                               "schedule: client %" PRIu32 ", slot %" PRIu32
                               ": expected grams >= 0 and a chance of 0 to 1, found %g g and %g",
                               c, t, p->grams[i], q);
            }
        }
    }
    return FG_OK;
}

double fg_slots_value(const struct fg_slots_work *w, size_t i)
{
    return fg_slots_worth(w->p, w->grams_max, i);
}

double fg_slots_cost(const struct fg_slots_work *w, size_t i)
{
    const struct fg_slots_problem *p = w->p;
    return p->expected != NULL ? p->expected[i]
           : p->chance != NULL ? p->chance[i] * p->grams[i]
                               : p->grams[i];
}

static bool before_by_ratio(const struct fg_slots_item *x, const struct fg_slots_item *y)
{
    if (x->ratio != y->ratio) {
        return x->ratio > y->ratio;
    }
    return x->c != y->c ? x->c < y->c : x->slot < y->slot;
}

/* By merging: a third of the time of qsort, in which plans that are made again and again
 * spent much of theirs.
 * Shapes: row, spare (n). */
static void sort_by_ratio(struct fg_slots_item *row, struct fg_slots_item *spare, uint32_t n)
{
    struct fg_slots_item *from = row, *to = spare;
    for (uint64_t width = 1; width < n; width *= 2) {
        for (uint64_t lo = 0; lo < n; lo += 2 * width) {
            uint64_t mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
            uint64_t i = lo, j = mid;
            for (uint64_t k = lo; k < hi; k++) {
                bool left = j == hi || (i < mid && before_by_ratio(&from[i], &from[j]));
                to[k] = from[left ? i++ : j++];
            }
        }
        struct fg_slots_item *was = from;
        from = to;
        to = was;
    }
    if (from != row) {
        memcpy(row, from, n * sizeof *row);
    }
}

/* Sort one row and add up; says whether its best sets are prefixes. */
static bool sort_row(struct fg_slots_item *row, struct fg_slots_item *spare, uint32_t n)
{
    double v = 0, c = 0;
    bool nested = true;
    sort_by_ratio(row, spare, n);
    for (uint32_t k = 0; k < n; k++) {
        if (k > 0 && (row[k].c < row[k - 1].c || (row[k - 1].c > 0 && row[k].v > row[k - 1].v))) {
            nested = false;
        }
        row[k].sum_v = v += row[k].v;
        row[k].sum_c = c += row[k].c;
    }
    return nested;
}

/* The items of a row, in order; says whether its best sets are prefixes. */
static bool fill_row(struct fg_slots_work *w, uint32_t r, uint32_t to)
{
    const struct fg_slots_problem *p = w->p;
    struct fg_slots_item *row = w->item + fg_slots_first(w, r);
    size_t first = (size_t)fg_slots_client(w, r) * p->slots;
    uint32_t n = 0;
    for (uint32_t t = w->begin[r % w->stretches]; t < to; t++) {
        double v = fg_slots_value(w, first + t), g = fg_slots_cost(w, first + t);
        bool comes = p->chance == NULL || p->chance[first + t] > 0; /* else it is nothing, not a gift */
        if (comes && (v > 0 || g == 0 || fg_slots_has_rounds(p))) {
            row[n++] = (struct fg_slots_item){.ratio = g > 0 ? v / g : INFINITY, .v = v, .c = g, .slot = t};
        }
    }
    w->n[r] = n;
    w->items += n;
    /* with rounds all cells are looked at, whatever their order */
    return p->ship != NULL || !fg_slots_has_rounds(p)
               ? sort_row(row, w->item + (size_t)p->clients * p->slots, n)
               : true;
}

static void fill(struct fg_slots_work *w, double *window_g)
{
    const struct fg_slots_problem *p = w->p;
    uint32_t open = p->slots - p->tune;
    w->nested = true;
    for (uint32_t r = 0; r < w->rows; r++) {
        uint32_t next = r % w->stretches + 1, to = next < w->stretches ? w->begin[next] : p->slots;
        w->nested = fill_row(w, r, to < open ? to : open) && w->nested;
    }
    for (uint32_t c = 0; c < p->clients; c++) {
        size_t first = (size_t)c * p->slots;
        w->base[fg_slots_row_at(w, c, 0)] += p->base != NULL ? p->base[c] : 0;
        for (uint32_t t = open; t < p->slots; t++) {
            w->base[fg_slots_row_at(w, c, t)] += fg_slots_value(w, first + t);
            *window_g += fg_slots_cost(w, first + t);
            fg_slots_spend(p, w->side, first + t, 1.0);
        }
    }
    for (uint32_t c = 0; c < p->clients && p->tune > 0 && p->ship != NULL; c++) {
        double bytes = fg_slots_window_bytes(p->ship->bytes, p->clients, c);
        *window_g += bytes * p->ship->per_byte[c];
        fg_slots_spend_bytes(p, w->side, c, bytes);
    }
}

/* The greedy's front: the next item of each row, a max-heap by marginal value per gram, then by row. */
struct front {
    double ratio;
    double u;      /* value of what is taken so far */
    double f;      /* its utility */
    double f_next; /* that with the next item */
    uint32_t row, next;
};

FG_SLOTS_HEAP(front, struct front, row)

static const struct fg_slots_item *next_of(const struct fg_slots_work *w, const struct front *x)
{
    return &w->item[fg_slots_first(w, x->row) + x->next];
}

/* Look at the row's next item: what it would add for each gram. */
static void look(const struct fg_slots_work *w, struct front *x)
{
    const struct fg_slots_item *it = next_of(w, x);
    x->f_next = fg_slots_utility(x->u + it->v, w->p->alpha);
    x->ratio = it->c > 0 ? (x->f_next - x->f) / it->c : INFINITY;
}

/* Go on to the next item that still fits; false: none does. */
static bool advance(struct front *x, const struct fg_slots_work *w, double left, const double *side)
{
    while (x->next < w->n[x->row]) {
        const struct fg_slots_item *it = next_of(w, x);
        if (it->c <= left && fg_slots_fits(w->p, side, fg_slots_cell(w, x->row, it))) {
            return true;
        }
        x->next++;
    }
    return false;
}

/* Take what is best for each gram until the budget is gone, then go on with what still fits. plan->bound:
 * the chord through the first item that does not fit; plan->price_per_g its slope, 0 if all fits. With sides
 * the chord is no bound. */
static void greedy(struct fg_slots_plan *plan, const struct fg_slots_work *w, struct front *heap)
{
    const struct fg_slots_problem *p = w->p;
    double left = w->budget_g, value = 0, side[FG_SLOTS_SIDES];
    memcpy(side, w->side, sizeof side);
    uint32_t n = 0;
    for (uint32_t r = 0; r < w->rows; r++) {
        struct front x = {.u = w->base[r], .f = fg_slots_utility(w->base[r], p->alpha), .row = r};
        value += x.f;
        if (w->n[r] > 0) {
            look(w, &x);
            heap[n++] = x;
        }
    }
    front_heapify(heap, n);
    while (n > 0) {
        struct front *x = &heap[0];
        const struct fg_slots_item *it = next_of(w, x);
        size_t cell = fg_slots_cell(w, x->row, it);
        bool fits = it->c <= left && fg_slots_fits(p, side, cell);
        if (fits) {
            plan->on[cell] = 1;
            fg_slots_spend(p, side, cell, 1.0);
            value += x->f_next - x->f;
            left -= it->c;
            x->u += it->v;
            x->f = x->f_next;
        } else if (plan->price_per_g == 0 && x->ratio > 0 && x->ratio < INFINITY) {
            plan->bound = value + x->ratio * left;
            plan->price_per_g = x->ratio;
        }
        plan->exact = plan->exact && fits;
        x->next++;
        bool more = plan->price_per_g > 0 ? advance(x, w, left, side) : x->next < w->n[x->row];
        if (!more || (!fits && w->nested && p->sides == 0)) {
            heap[0] = heap[--n];
        } else {
            look(w, x);
        }
        if (n > 0) {
            front_sink(heap, n, 0);
        }
    }
}

enum fg_status fg_slots_book(struct fg_slots_plan *plan, const struct fg_slots_work *w)
{
    struct fg_slots_load load;
    uint32_t open = plan->slots - w->p->tune;
    enum fg_status st = fg_slots_load_init(&load, w->p->rounds, plan->slots);
    if (st != FG_OK) {
        return st;
    }
    plan->value = plan->fair = plan->spent_g = 0;
    for (uint32_t c = 0; c < plan->clients; c++) {
        plan->count[c] = 0;
        for (uint32_t t = 0; t < plan->slots;) {
            uint32_t r = fg_slots_row_at(w, c, t);
            double u = t == 0 && w->p->base != NULL ? w->p->base[c] : 0;
            for (; t < plan->slots && fg_slots_row_at(w, c, t) == r; t++) {
                size_t i = (size_t)c * plan->slots + t;
                if (plan->on[i]) {
                    plan->count[c]++;
                    u += fg_slots_value(w, i);
                    plan->spent_g += fg_slots_cost(w, i);
                    if (w->p->rounds != NULL && t < open) {
                        fg_slots_load_add(&load, t, w->p->rounds->group[c], fg_slots_chance(w->p, i));
                    }
                }
            }
            double f = fg_slots_utility(u, w->p->alpha);
            plan->value += f;
            plan->fair += f - fg_slots_utility(w->base[r], w->p->alpha);
        }
    }
    plan->rounds = fg_slots_load_rounds(&load);
    plan->value += w->p->rounds != NULL ? w->p->rounds->worth * plan->rounds : 0;
    fg_slots_load_fini(&load);
    return FG_OK;
}

static int by_cost(const void *a, const void *b)
{
    const struct fg_slots_item *x = a, *y = b;
    if (x->c != y->c) {
        return x->c < y->c ? -1 : 1;
    }
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* Where clients get few slots and alpha is small the first slot is worth nearly the same whichever it is: the
 * greedy over each row's cheapest slots competes. The rows are in another order then. */
static enum fg_status try_cheapest(struct fg_slots_plan *plan, struct fg_slots_work *w, struct front *heap)
{
    struct fg_slots_plan was = *plan;
    size_t cells = (size_t)plan->clients * plan->slots, n = 0;
    for (uint32_t c = 0; c < plan->clients; c++) {
        n += plan->count[c] - w->p->tune;
    }
    if (plan->exact || w->nested || w->p->alpha == 1 || n > (size_t)FEW_SLOTS * w->rows) {
        return FG_OK;
    }
    uint8_t *on = fg_calloc(cells, 1);
    if (on == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(on, plan->on, cells);
    for (uint32_t c = 0; c < plan->clients; c++) {
        memset(plan->on + (size_t)c * plan->slots, 0, plan->slots - w->p->tune);
    }
    for (uint32_t r = 0; r < w->rows; r++) {
        qsort(w->item + fg_slots_first(w, r), w->n[r], sizeof *w->item, by_cost);
    }
    greedy(plan, w, heap);
    enum fg_status st = fg_slots_book(plan, w);
    double value = plan->value;
    if (st == FG_OK && value <= was.value) {
        memcpy(plan->on, on, cells);
        st = fg_slots_book(plan, w);
    }
    plan->bound = was.bound;
    plan->price_per_g = was.price_per_g;
    plan->exact = false;
    fg_free(on);
    return st;
}

static enum fg_status decide(struct fg_slots_plan *plan, struct fg_slots_work *w, struct front *heap)
{
    if (w->p->ship != NULL) {
        return fg_slots_ship(plan, w);
    }
    if (fg_slots_has_rounds(w->p)) {
        return fg_slots_even(plan, w);
    }
    enum fg_status st;
    plan->exact = true;
    greedy(plan, w, heap);
    FG_TRY(fg_slots_book(plan, w));
    plan->exact = w->p->sides == 0 ? plan->price_per_g == 0 : plan->exact;
    bool small = w->p->nodes > 0 && w->items <= FG_SLOTS_SMALL;
    if (!plan->exact && w->p->quick && !small) {
        plan->bound = INFINITY;
    } else if (!plan->exact) {
        if (w->p->sides > 0 || (!w->nested && w->p->alpha < 1)) { /* the chord: for prefixes and sums only */
            plan->price_per_g = plan->price_per_g > 0 ? plan->price_per_g : 1;
            plan->bound = fg_slots_lagrange(w, &plan->price_per_g);
        }
        FG_TRY(fg_slots_search(plan, w, plan->price_per_g));
        FG_TRY(fg_slots_book(plan, w));
    }
    FG_TRY(try_cheapest(plan, w, heap));
    plan->bound = plan->exact ? plan->value : fmax(plan->bound, plan->value);
cleanup:
    return st;
}

static enum fg_status make_plan(struct fg_slots_plan **out, const struct fg_slots_problem *p)
{
    struct fg_slots_plan *plan = fg_calloc(1, sizeof *plan);
    if (plan == NULL) {
        return FG_E_NOMEM;
    }
    plan->clients = p->clients;
    plan->slots = p->slots;
    plan->on = fg_calloc(p->clients, p->slots);
    plan->count = fg_calloc(p->clients, sizeof *plan->count);
    bool moves = p->ship != NULL;
    plan->shard = moves ? fg_calloc((size_t)p->clients * p->slots, sizeof *plan->shard) : NULL;
    plan->sent = moves ? fg_calloc(p->clients, sizeof *plan->sent) : NULL;
    if (plan->on == NULL || plan->count == NULL || (moves && (plan->shard == NULL || plan->sent == NULL))) {
        fg_slots_plan_destroy(plan);
        return FG_E_NOMEM;
    }
    for (uint32_t c = 0; c < p->clients; c++) {
        memset(plan->on + (size_t)(c + 1) * p->slots - p->tune, 1, p->tune);
    }
    *out = plan;
    return FG_OK;
}

static enum fg_status make_rows(struct fg_slots_work *w)
{
    const struct fg_slots_problem *p = w->p;
    w->stretches = p->stretch != NULL ? p->stretch[p->slots - 1] + 1 : 1;
    w->rows = p->clients * w->stretches;
    w->begin = fg_calloc(w->stretches, sizeof *w->begin);
    w->item =
        fg_calloc((size_t)p->clients * p->slots + p->slots, sizeof *w->item); /* a row to sort in besides */
    w->n = fg_calloc(w->rows, sizeof *w->n);
    w->base = fg_calloc(w->rows, sizeof *w->base);
    if (w->begin == NULL || w->item == NULL || w->n == NULL || w->base == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t t = p->slots; p->stretch != NULL && t-- > 0;) {
        w->begin[p->stretch[t]] = t;
    }
    return FG_OK;
}

enum fg_status fg_slots_solve(struct fg_slots_plan **out, const struct fg_slots_problem *p,
                              struct fg_err *err)
{
    enum fg_status st;
    struct fg_slots_plan *plan = NULL;
    struct fg_slots_work w = {.p = p, .grams_max = p->grams_max};
    struct front *heap = NULL;
    double window_g = 0;
    FG_TRY(check(p, err));
    size_t cells = (size_t)p->clients * p->slots;
    for (size_t i = 0; p->grams_max == 0 && i < cells; i++) {
        w.grams_max = fmax(w.grams_max, p->grams[i]);
    }
    FG_TRY(make_plan(&plan, p));
    FG_TRY(make_rows(&w));
    heap = fg_calloc(w.rows, sizeof *heap);
    if (heap == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (uint32_t r = 0; r < p->sides; r++) {
        w.side[r] = p->side[r].budget;
    }
    fill(&w, &window_g);
    w.budget_g = p->budget_g - window_g;
    for (uint32_t r = 0; r < p->sides; r++) {
        w.budget_g = w.side[r] < 0 ? -1 : w.budget_g;
    }
    if (w.budget_g < 0) {
        st = fg_fail(err, FG_E_RANGE,
                     "schedule: the tuning window of %" PRIu32
                     " slots needs %g g or more of something else than there is, the budget is %g g",
                     p->tune, window_g, p->budget_g);
        goto cleanup;
    }
    FG_TRY(decide(plan, &w, heap));
    *out = plan;
    plan = NULL;
cleanup:
    fg_free(heap);
    fg_free(w.begin);
    fg_free(w.base);
    fg_free(w.n);
    fg_free(w.item);
    fg_slots_plan_destroy(plan);
    return st;
}

void fg_slots_plan_destroy(struct fg_slots_plan *plan)
{
    if (plan != NULL) {
        fg_free(plan->count);
        fg_free(plan->on);
        fg_free(plan->shard);
        fg_free(plan->sent);
        fg_free(plan);
    }
}

double fg_slots_gap(const struct fg_slots_plan *plan)
{
    return plan->value > 0 ? plan->bound / plan->value - 1 : plan->bound > 0 ? INFINITY : 0;
}
