/* The slot plan where data move: who trains when on whose data, shipping paid for. */
#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

enum { NEEDIEST = 4 /* shards that a client is offered to be sent, those with the least value so far */ };

/* The greedy's state. */
struct crew {
    const struct fg_slots_work *w;
    const struct fg_slots_ship *s;
    struct fg_slots_plan *plan;
    double *u, *f;  /* (shards) value so far, its utility */
    double *lost;   /* (shards, slots) chance that no update of those on it comes */
    uint8_t *busy;  /* (shards, slots) how many are on it */
    uint8_t *has;   /* (clients, shards) has it, or is sent it */
    uint8_t *holds; /* (clients) has any */
    uint8_t *shut;  /* (clients) nothing more can be sent to it */
    uint32_t *next; /* (clients) first item of its row that is not decided */
    double left, side[FG_SLOTS_SIDES];
    bool own; /* nobody is sent another's data */
};

/* What a client does next. */
struct offer {
    double ratio; /* utility won for each gram */
    uint32_t client, shard;
    bool ship;
};

static const struct fg_slots_item *item_of(const struct crew *k, uint32_t c)
{
    return &k->w->item[(size_t)c * k->plan->slots + k->next[c]];
}

static bool open_to(const struct crew *k, uint32_t c, uint32_t j, uint32_t slot)
{
    size_t at = (size_t)c * k->plan->clients + j;
    bool reach = k->has[at] || (k->s->bytes[at] < INFINITY && !k->shut[c] && (!k->own || c == j));
    return reach && k->busy[(size_t)j * k->plan->slots + slot] < k->s->copies;
}

static void propose(struct offer *best, double gain, double cost, uint32_t shard, bool ship)
{
    double ratio = cost > 0.0 ? gain / cost : gain > 0.0 ? INFINITY : 0.0;
    if (gain > 0.0 && ratio > best->ratio) {
        best->ratio = ratio;
        best->shard = shard;
        best->ship = ship;
    }
}

/* A shard that it has, in its next slot. */
static void propose_held(struct offer *best, const struct crew *k, uint32_t c, uint32_t j)
{
    const struct fg_slots_item *it = item_of(k, c);
    double v = it->v * k->lost[(size_t)j * k->plan->slots + it->slot];
    propose(best, fg_slots_utility(k->u[j] + v, k->w->p->alpha) - k->f[j], it->c, j, false);
}

/* A shard that it would be sent, for its next slot and some more after it: as many as pay best. */
static void propose_sent(struct offer *best, const struct crew *k, uint32_t c, uint32_t j)
{
    const struct fg_slots_item *it = item_of(k, c);
    double ship = k->s->bytes[(size_t)c * k->plan->clients + j] * k->s->per_byte[c];
    double v0 = it->sum_v - it->v, c0 = it->sum_c - it->c, alpha = k->w->p->alpha;
    double from = k->u[j] + (k->holds[c] ? k->s->margin * it->v : 0.0), f0 = fg_slots_utility(from, alpha);
    uint32_t n = k->w->n[c] - k->next[c];
    for (uint32_t m = 1;; m = 2 * m < n ? 2 * m : n) {
        double gain = fg_slots_utility(from + it[m - 1].sum_v - v0, alpha) - f0;
        propose(best, gain, it[m - 1].sum_c - c0 + ship, j, true);
        if (m == n) {
            return;
        }
    }
}

/* The best use of the client's next slot: of what it has the shard with the least value so far (as the only
 * one on it, and as a copy), of what it might be sent those with the least. */
static struct offer look(const struct crew *k, uint32_t c)
{
    struct offer best = {.client = c};
    uint32_t n = k->plan->clients, slot = item_of(k, c)->slot, held[2] = {n, n}, sent[NEEDIEST], n_sent = 0;
    for (uint32_t j = 0; j < n; j++) {
        if (!open_to(k, c, j, slot)) {
            continue;
        }
        if (k->has[(size_t)c * n + j]) {
            uint32_t *least = &held[k->busy[(size_t)j * k->plan->slots + slot] > 0];
            *least = *least == n || k->u[j] < k->u[*least] ? j : *least;
            continue;
        }
        uint32_t at = n_sent < NEEDIEST ? n_sent++ : NEEDIEST;
        for (; at > 0 && k->u[j] < k->u[sent[at - 1]]; at--) {
            if (at < NEEDIEST) {
                sent[at] = sent[at - 1];
            }
        }
        if (at < NEEDIEST) {
            sent[at] = j;
        }
    }
    for (int i = 0; i < 2; i++) {
        if (held[i] < n) {
            propose_held(&best, k, c, held[i]);
        }
    }
    for (uint32_t i = 0; i < n_sent; i++) {
        propose_sent(&best, k, c, sent[i]);
    }
    return best;
}

/* ---- the heap of offers: those that wait may have got worse since, never better ---- */

FG_SLOTS_HEAP(struct offer)

/* ---- taking ---- */

static bool fits(const struct crew *k, const struct offer *o)
{
    const struct fg_slots_problem *p = k->w->p;
    const struct fg_slots_item *it = item_of(k, o->client);
    size_t cell = (size_t)o->client * p->slots + it->slot;
    double bytes = o->ship ? k->s->bytes[(size_t)o->client * p->clients + o->shard] : 0.0;
    bool all = it->c + bytes * k->s->per_byte[o->client] <= k->left;
    for (uint32_t r = 0; r < p->sides; r++) {
        all = all && p->side[r].cost[cell] + bytes * p->side[r].per_byte[o->client] <= k->side[r];
    }
    return all;
}

static void take(struct crew *k, const struct offer *o)
{
    const struct fg_slots_problem *p = k->w->p;
    const struct fg_slots_item *it = item_of(k, o->client);
    size_t cell = (size_t)o->client * p->slots + it->slot, work = (size_t)o->shard * p->slots + it->slot;
    k->plan->on[cell] = 1;
    k->plan->shard[cell] = o->shard;
    k->left -= it->c;
    fg_slots_spend(p, k->side, cell, 1.0);
    if (o->ship) {
        double bytes = k->s->bytes[(size_t)o->client * p->clients + o->shard];
        k->left -= bytes * k->s->per_byte[o->client];
        fg_slots_spend_bytes(p, k->side, o->client, bytes);
        k->plan->sent[o->client] += bytes;
        k->has[(size_t)o->client * p->clients + o->shard] = k->holds[o->client] = 1;
    }
    k->u[o->shard] += it->v * k->lost[work];
    k->f[o->shard] = fg_slots_utility(k->u[o->shard], p->alpha);
    k->lost[work] *= 1.0 - (p->chance != NULL ? p->chance[cell] : 1.0);
    k->busy[work]++;
    k->next[o->client]++;
}

/* Take the best offer until nothing is left to take. price: what a gram was worth when the first did not fit,
 * else 0. */
static void greedy(struct crew *k, struct offer *heap, double *price)
{
    uint32_t n = 0;
    *price = 0.0;
    for (uint32_t c = 0; c < k->plan->clients; c++) {
        if (k->w->n[c] > 0) {
            heap[n++] = look(k, c);
        }
    }
    for (uint32_t i = n; i-- > 0;) {
        sink(heap, n, i);
    }
    while (n > 0) {
        uint32_t c = heap[0].client;
        struct offer now = look(k, c);
        bool worse = now.ratio < heap[0].ratio;
        heap[0] = now;
        if (worse) {
            sink(heap, n, 0);
            if (heap[0].client != c) {
                continue;
            }
        }
        if (now.ratio > 0.0 && fits(k, &now)) {
            take(k, &now);
        } else {
            *price = *price == 0.0 && now.ratio < INFINITY ? now.ratio : *price;
            k->shut[c] |= now.ship;
            k->next[c] += !now.ship;
        }
        if (k->next[c] == k->w->n[c]) {
            heap[0] = heap[--n];
        } else {
            heap[0] = look(k, c);
        }
        sink(heap, n, 0);
    }
}

/* ---- life ---- */

static void free_crew(struct crew *k)
{
    fg_free(k->u);
    fg_free(k->f);
    fg_free(k->lost);
    fg_free(k->busy);
    fg_free(k->has);
    fg_free(k->holds);
    fg_free(k->shut);
    fg_free(k->next);
}

/* The tuning window is everyone's, on its own data. */
static void begin(struct crew *k)
{
    const struct fg_slots_problem *p = k->w->p;
    uint32_t n = p->clients;
    for (uint32_t c = 0; c < n; c++) {
        double window = p->tune > 0 ? fg_slots_window_bytes(k->s->bytes, n, c) : 0.0;
        k->u[c] = k->w->base[c];
        k->f[c] = fg_slots_utility(k->u[c], p->alpha);
        k->plan->sent[c] = window;
        for (uint32_t j = 0; j < n; j++) {
            size_t at = (size_t)c * n + j;
            k->has[at] = k->s->bytes[at] == 0.0 || (c == j && window > 0.0);
            k->holds[c] |= k->has[at];
        }
        for (uint32_t t = 0; t < p->slots; t++) {
            k->lost[(size_t)c * p->slots + t] = 1.0;
            k->plan->shard[(size_t)c * p->slots + t] = c;
        }
        memset(k->plan->on + (size_t)c * p->slots, 0, p->slots - p->tune);
    }
    k->left = k->w->budget_g;
    memcpy(k->side, k->w->side, sizeof k->side);
}

static enum fg_status make_crew(struct crew *k)
{
    size_t n = k->plan->clients, cells = n * k->plan->slots;
    k->u = fg_calloc(n, sizeof *k->u);
    k->f = fg_calloc(n, sizeof *k->f);
    k->lost = fg_calloc(cells, sizeof *k->lost);
    k->busy = fg_calloc(cells, 1);
    k->has = fg_calloc(n * n, 1);
    k->holds = fg_calloc(n, 1);
    k->shut = fg_calloc(n, 1);
    k->next = fg_calloc(n, sizeof *k->next);
    return k->u != NULL && k->f != NULL && k->lost != NULL && k->busy != NULL && k->has != NULL &&
                   k->holds != NULL && k->shut != NULL && k->next != NULL
               ? FG_OK
               : FG_E_NOMEM;
}

/* ---- the plan ---- */

double fg_slots_window_bytes(const double *bytes, uint32_t clients, uint32_t c)
{
    const double *row = bytes + (size_t)c * clients;
    for (uint32_t j = 0; j < clients; j++) {
        if (row[j] == 0.0) {
            return 0.0;
        }
    }
    return row[c];
}

/* Count, value and grams. Of clients on one shard in a slot the first that comes counts. Shapes: u, lost (shards). */
static void book(struct fg_slots_plan *plan, const struct fg_slots_work *w, double *u, double *lost)
{
    const struct fg_slots_problem *p = w->p;
    uint32_t open = p->slots - p->tune;
    plan->value = plan->spent_g = 0.0;
    memcpy(u, w->base, p->clients * sizeof *u);
    for (uint32_t c = 0; c < p->clients; c++) {
        plan->count[c] = 0;
        plan->spent_g += plan->sent[c] * p->ship->per_byte[c];
    }
    for (uint32_t t = 0; t < p->slots; t++) {
        for (uint32_t j = 0; j < p->clients; j++) {
            lost[j] = 1.0;
        }
        for (uint32_t c = 0; c < p->clients; c++) {
            size_t i = (size_t)c * p->slots + t;
            if (plan->on[i]) {
                uint32_t j = plan->shard[i];
                plan->count[c]++;
                plan->spent_g += fg_slots_cost(w, i);
                u[j] += t < open ? lost[j] * fg_slots_value(w, i) : 0.0;
                lost[j] *= 1.0 - (p->chance != NULL ? p->chance[i] : 1.0);
            }
        }
    }
    for (uint32_t j = 0; j < p->clients; j++) {
        plan->value += fg_slots_utility(u[j], p->alpha);
    }
}

static enum fg_status try_greedy(struct fg_slots_plan *plan, const struct fg_slots_work *w, bool own,
                                 double *u, double *price)
{
    struct crew k = {.w = w, .s = w->p->ship, .plan = plan, .own = own};
    struct offer *heap = fg_calloc(plan->clients, sizeof *heap);
    enum fg_status st = heap != NULL ? make_crew(&k) : FG_E_NOMEM;
    if (st == FG_OK) {
        begin(&k);
        greedy(&k, heap, price);
        book(plan, w, u, k.f);
    }
    free_crew(&k);
    fg_free(heap);
    return st;
}

enum fg_status fg_slots_ship(struct fg_slots_plan *plan, const struct fg_slots_work *w)
{
    double *u = fg_calloc(plan->clients, sizeof *u), price = 0.0, price_own = 0.0;
    enum fg_status st = u != NULL ? try_greedy(plan, w, true, u, &price_own) : FG_E_NOMEM;
    double own = plan->value;
    st = st == FG_OK ? try_greedy(plan, w, false, u, &price) : st;
    if (st == FG_OK && plan->value < own) {
        st = try_greedy(plan, w, true, u, &price);
    }
    if (w->p->quick) {
        plan->exact = false;
        plan->bound = INFINITY;
        fg_free(u);
        return st;
    }
    plan->price_per_g = price > 0.0 ? price : price_own > 0.0 ? price_own : 1.0;
    st = st == FG_OK ? fg_slots_ship_bound(&plan->bound, &plan->price_per_g, w, u) : st;
    plan->exact = plan->bound <= plan->value * (1.0 + 1e-12);
    plan->bound = fmax(plan->bound, plan->value);
    fg_free(u);
    return st;
}
