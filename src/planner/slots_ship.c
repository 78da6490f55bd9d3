/* The slot plan where data move: who trains when on whose data, shipping paid for. */
#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/planner/slots_ship_impl.h"

static const struct fg_slots_item *item_of(const struct fg_slots_crew *k, uint32_t c)
{
    return fg_slots_row(k, c) + k->next[c];
}

/* A shard that it has, in its next slot. */
static void propose_held(struct fg_slots_offer *best, const struct fg_slots_crew *k, uint32_t c, uint32_t j)
{
    const struct fg_slots_item *it = item_of(k, c);
    double v = it->v * k->lost[(size_t)j * k->plan->slots + it->slot];
    fg_slots_propose(best, fg_slots_utility(k->u[j] + v, k->w->p->alpha) - k->f[j], it->c, j, k->next[c],
                     false);
}

/* A shard that it would be sent, for its next slot and some more after it: as many as pay best. */
static void propose_sent(struct fg_slots_offer *best, const struct fg_slots_crew *k, uint32_t c, uint32_t j)
{
    const struct fg_slots_item *it = item_of(k, c);
    double ship = k->s->bytes[(size_t)c * k->plan->clients + j] * k->s->per_byte[c];
    double v0 = it->sum_v - it->v, c0 = it->sum_c - it->c, alpha = k->w->p->alpha;
    double from = k->u[j] + (k->holds[c] ? k->s->margin * it->v : 0.0), f0 = fg_slots_utility(from, alpha);
    uint32_t n = k->w->n[c] - k->next[c];
    for (uint32_t m = 1;; m = 2 * m < n ? 2 * m : n) {
        double gain = fg_slots_utility(from + it[m - 1].sum_v - v0, alpha) - f0;
        fg_slots_propose(best, gain, it[m - 1].sum_c - c0 + ship, j, k->next[c], true);
        if (m == n) {
            return;
        }
    }
}

/* The best use of the client's next slot: of what it has the shard with the least value so far (as the only
 * one on it, and as a copy), of what it might be sent those with the least. */
static struct fg_slots_offer look_next(const struct fg_slots_crew *k, uint32_t c)
{
    struct fg_slots_offer best = {.client = c};
    struct fg_slots_needy needy = {.n = 0};
    uint32_t n = k->plan->clients, slot = item_of(k, c)->slot, held[2] = {n, n};
    for (uint32_t j = 0; j < n; j++) {
        if (!fg_slots_reach(k, c, j) || !fg_slots_room(k, j, slot)) {
            continue;
        }
        if (k->has[(size_t)c * n + j]) {
            uint32_t *least = &held[k->busy[(size_t)j * k->plan->slots + slot] > 0];
            *least = *least == n || k->u[j] < k->u[*least] ? j : *least;
        } else {
            fg_slots_need(&needy, k, j);
        }
    }
    for (int i = 0; i < 2; i++) {
        if (held[i] < n) {
            propose_held(&best, k, c, held[i]);
        }
    }
    for (uint32_t i = 0; i < needy.n; i++) {
        propose_sent(&best, k, c, needy.shard[i]);
    }
    return best;
}

static struct fg_slots_offer look(struct fg_slots_crew *k, uint32_t c)
{
    return fg_slots_has_rounds(k->w->p) ? fg_slots_look_even(k, c) : look_next(k, c);
}

/* ---- the heap of offers: those that wait may have got worse since, never better ---- */

FG_SLOTS_HEAP(offer, struct fg_slots_offer, client)

/* ---- taking ---- */

bool fg_slots_pays(const struct fg_slots_crew *k, uint32_t client, uint32_t shard, uint32_t item, bool ship)
{
    const struct fg_slots_problem *p = k->w->p;
    const struct fg_slots_item *it = fg_slots_row(k, client) + item;
    size_t cell = (size_t)client * p->slots + it->slot;
    double bytes = ship ? k->s->bytes[(size_t)client * p->clients + shard] : 0.0;
    bool all = it->c + bytes * k->s->per_byte[client] <= k->left;
    for (uint32_t r = 0; r < p->sides; r++) {
        all = all && p->side[r].cost[cell] + bytes * p->side[r].per_byte[client] <= k->side[r];
    }
    return all;
}

static void take(struct fg_slots_crew *k, const struct fg_slots_offer *o)
{
    const struct fg_slots_problem *p = k->w->p;
    const struct fg_slots_item *it = fg_slots_row(k, o->client) + o->item;
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
    k->slope[o->shard] = fg_slots_has_rounds(p) ? fg_slots_chord(k, k->u[o->shard]) : 0.0;
    if (p->rounds != NULL) {
        fg_slots_load_add(&k->load, it->slot, p->rounds->group[o->shard],
                          k->lost[work] * fg_slots_chance(p, cell));
    }
    k->lost[work] *= 1.0 - fg_slots_chance(p, cell);
    k->busy[work]++;
    k->next[o->client]++;
    if (o->ship && fg_slots_has_rounds(p)) {
        fg_slots_hold_even(k, o->client, o->shard);
    }
}

/* With rounds nothing gets better: an offer that is what it was still is the client's best. */
static bool stands(const struct fg_slots_crew *k, const struct fg_slots_offer *o)
{
    return fg_slots_has_rounds(k->w->p) && o->ratio > 0.0 && !o->ship &&
           fg_slots_room(k, o->shard, fg_slots_row(k, o->client)[o->item].slot) &&
           fg_slots_ratio_held(k, o->client, o->shard, o->item) == o->ratio &&
           fg_slots_pays(k, o->client, o->shard, o->item, false);
}

/* Take the offer, or what is behind it. False: the client has no other. */
static bool settle(struct fg_slots_crew *k, const struct fg_slots_offer *o)
{
    if (o->ratio > 0.0 && fg_slots_pays(k, o->client, o->shard, o->item, o->ship)) {
        take(k, o);
    } else {
        k->price = k->price == 0.0 && o->ratio < INFINITY ? o->ratio : k->price;
        k->shut[o->client] |= o->ship;
        k->next[o->client] += !o->ship;
    }
    return fg_slots_has_rounds(k->w->p) ? o->ratio > 0.0 : k->next[o->client] < k->w->n[o->client];
}

/* Take the best offer until nothing is left to take. */
static void greedy(struct fg_slots_crew *k, struct fg_slots_offer *heap)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < k->plan->clients; c++) {
        if (k->w->n[c] > 0) {
            heap[n++] = look(k, c);
        }
    }
    offer_heapify(heap, n);
    while (n > 0) {
        uint32_t c = heap[0].client;
        struct fg_slots_offer now = stands(k, &heap[0]) ? heap[0] : look(k, c);
        bool worse = now.ratio < heap[0].ratio;
        heap[0] = now;
        if (worse) {
            offer_sink(heap, n, 0);
            if (heap[0].client != c) {
                continue;
            }
        }
        bool last = !settle(k, &heap[0]);
        heap[0] = last ? heap[--n] : look(k, c);
        offer_sink(heap, n, 0);
    }
}

/* ---- life ---- */

static void free_crew(struct fg_slots_crew *k)
{
    fg_free(k->u);
    fg_free(k->f);
    fg_free(k->slope);
    fg_free(k->mine);
    fg_free(k->hope);
    fg_free(k->hopes);
    fg_free(k->raised);
    fg_free(k->order);
    fg_free(k->lost);
    fg_free(k->busy);
    fg_free(k->has);
    fg_free(k->holds);
    fg_free(k->shut);
    fg_free(k->next);
    fg_slots_load_fini(&k->load);
}

/* The tuning window is everyone's, on its own data. */
static void begin(struct fg_slots_crew *k)
{
    const struct fg_slots_problem *p = k->w->p;
    uint32_t n = p->clients;
    for (size_t i = 0; fg_slots_has_rounds(p) && i < (size_t)n * p->slots; i++) {
        k->most = fmax(k->most, fg_slots_value(k->w, i));
    }
    for (uint32_t c = 0; c < n; c++) {
        double window = p->tune > 0 ? fg_slots_window_bytes(k->s->bytes, n, c) : 0.0;
        k->u[c] = k->w->base[c];
        k->f[c] = fg_slots_utility(k->u[c], p->alpha);
        k->slope[c] = fg_slots_chord(k, k->u[c]);
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
    if (fg_slots_has_rounds(p)) {
        fg_slots_begin_even(k);
    }
}

static enum fg_status make_crew(struct fg_slots_crew *k)
{
    size_t n = k->plan->clients, cells = n * k->plan->slots;
    k->u = fg_calloc(n, sizeof *k->u);
    k->f = fg_calloc(n, sizeof *k->f);
    k->slope = fg_calloc(n, sizeof *k->slope);
    k->hope = fg_calloc(fg_slots_has_rounds(k->w->p) ? cells : 1, sizeof *k->hope);
    k->hopes = fg_calloc(n, sizeof *k->hopes);
    k->raised = fg_calloc(k->plan->slots, sizeof *k->raised);
    k->order = fg_calloc(n, sizeof *k->order);
    k->mine = fg_calloc(n, sizeof *k->mine);
    k->lost = fg_calloc(cells, sizeof *k->lost);
    k->busy = fg_calloc(cells, 1);
    k->has = fg_calloc(n * n, 1);
    k->holds = fg_calloc(n, 1);
    k->shut = fg_calloc(n, 1);
    k->next = fg_calloc(n, sizeof *k->next);
    return k->u != NULL && k->f != NULL && k->slope != NULL && k->hope != NULL && k->hopes != NULL &&
                   k->raised != NULL && k->order != NULL && k->mine != NULL && k->lost != NULL &&
                   k->busy != NULL && k->has != NULL && k->holds != NULL && k->shut != NULL && k->next != NULL
               ? fg_slots_load_init(&k->load, k->w->p->rounds, k->plan->slots)
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

/* Count, value and grams. Of clients on one shard in a slot the first that comes counts. Shapes: u, lost
 * (shards); load: empty, and then the plan's. */
static void book(struct fg_slots_plan *plan, const struct fg_slots_work *w, double *u, double *lost,
                 struct fg_slots_load *load)
{
    const struct fg_slots_problem *p = w->p;
    uint32_t open = p->slots - p->tune;
    plan->value = plan->fair = plan->spent_g = 0.0;
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
                if (p->rounds != NULL && t < open) {
                    fg_slots_load_add(load, t, p->rounds->group[j], lost[j] * fg_slots_chance(p, i));
                }
                lost[j] *= 1.0 - fg_slots_chance(p, i);
            }
        }
    }
    for (uint32_t j = 0; j < p->clients; j++) {
        plan->fair += fg_slots_utility(u[j], p->alpha) - fg_slots_utility(w->base[j], p->alpha);
        plan->value += fg_slots_utility(u[j], p->alpha);
    }
    plan->rounds = fg_slots_load_rounds(load);
    plan->value += p->rounds != NULL ? p->rounds->worth * plan->rounds : 0.0;
}

/* Shapes: u (shards), what the plan gives to each; load: it is the plan's then. */
static enum fg_status try_greedy(struct fg_slots_plan *plan, const struct fg_slots_work *w, bool own,
                                 double *u, struct fg_slots_load *load, double *price)
{
    struct fg_slots_crew k = {.w = w, .s = w->p->ship, .plan = plan, .own = own};
    struct fg_slots_offer *heap = fg_calloc(plan->clients, sizeof *heap);
    enum fg_status st = heap != NULL ? make_crew(&k) : FG_E_NOMEM;
    fg_slots_load_fini(load);
    st = st == FG_OK ? fg_slots_load_init(load, w->p->rounds, plan->slots) : st;
    if (st == FG_OK) {
        begin(&k);
        greedy(&k, heap);
        *price = k.price;
        book(plan, w, u, k.f, load);
    }
    free_crew(&k);
    fg_free(heap);
    return st;
}

/* The tangents where each slot's load is shared evenly by the groups: a client's slot is worth about the same
 * on whichever shard, as the bound wants it. */
static enum fg_status lean(struct fg_slots_tangent *t, const struct fg_slots_load *load)
{
    struct fg_slots_load even;
    uint32_t groups = load->r->groups;
    enum fg_status st;
    FG_TRY(fg_slots_load_init(&even, load->r, load->slots));
    for (size_t i = 0; i < (size_t)load->slots * groups * groups; i++) {
        size_t slot = i / groups / groups, from = i / groups % groups;
        fg_slots_load_add(&even, (uint32_t)slot, (uint32_t)(i % groups),
                          load->k[slot * groups + from] / (double)groups);
    }
    FG_TRY(fg_slots_tangent_init(t, &even));
cleanup:
    fg_slots_load_fini(&even);
    return st;
}

/* Shapes: u, load: the plan's. */
static enum fg_status bound(struct fg_slots_plan *plan, struct fg_slots_work *w, const double *u,
                            const struct fg_slots_load *load)
{
    struct fg_slots_tangent tangent = {0};
    enum fg_status st;
    if (fg_slots_has_rounds(w->p)) {
        FG_TRY(lean(&tangent, load));
        w->tangent = &tangent;
    }
    FG_TRY(fg_slots_ship_bound(&plan->bound, &plan->price_per_g, w, u));
    plan->exact = plan->bound <= plan->value * (1.0 + 1e-12);
    plan->bound = fmax(plan->bound, plan->value);
cleanup:
    w->tangent = NULL;
    fg_slots_tangent_fini(&tangent);
    return st;
}

enum fg_status fg_slots_ship(struct fg_slots_plan *plan, struct fg_slots_work *w)
{
    double *u = fg_calloc(plan->clients, sizeof *u), price = 0.0, price_own = 0.0;
    struct fg_slots_load load = {0};
    enum fg_status st = u != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    bool compete = !w->p->quick || !fg_slots_has_rounds(w->p);
    if (compete) {
        FG_TRY(try_greedy(plan, w, true, u, &load, &price_own));
    }
    double own = plan->value;
    FG_TRY(try_greedy(plan, w, false, u, &load, &price));
    if (compete && plan->value < own) {
        FG_TRY(try_greedy(plan, w, true, u, &load, &price));
    }
    if (w->p->quick) {
        plan->exact = false;
        plan->bound = INFINITY;
        goto cleanup;
    }
    plan->price_per_g = price > 0.0 ? price : price_own > 0.0 ? price_own : 1.0;
    FG_TRY(bound(plan, w, u, &load));
cleanup:
    fg_slots_load_fini(&load);
    fg_free(u);
    return st;
}
