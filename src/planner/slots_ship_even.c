/* Where data move and rounds are worth something: what a client offers next, of all its slots.
 *
 * What others take makes no slot of a client better, so each client keeps what its slots offered when they
 * were last looked at, and looks at the best of these again until one is what it was (a lazy greedy: Minoux
 * 1978). With copies a slot can get a little better all the same, when another shard becomes its likeliest:
 * that is seen when its turn comes. */
#include "src/planner/slots_ship_impl.h"

double fg_slots_chord(const struct fg_slots_crew *k, double u)
{
    double alpha = k->w->p->alpha;
    return k->most > 0.0 ? (fg_slots_utility(u + k->most, alpha) - fg_slots_utility(u, alpha)) / k->most
                         : 0.0;
}

/* What an update on the shard in the item's slot adds. slope: of the shard's utility. */
static inline double gain_of(const struct fg_slots_crew *k, uint32_t c, uint32_t j, uint32_t item,
                             double slope)
{
    const struct fg_slots_item *it = fg_slots_row(k, c) + item;
    double lost = k->lost[(size_t)j * k->plan->slots + it->slot];
    double q = lost * fg_slots_chance(k->w->p, (size_t)c * k->plan->slots + it->slot);
    return slope * it->v * lost + fg_slots_load_gain(&k->load, it->slot, k->w->p->rounds->group[j], q);
}

/* Propose it where it can be paid; else it says what a gram is worth. */
static void propose(struct fg_slots_offer *best, struct fg_slots_crew *k, double gain, double cost,
                    const struct fg_slots_offer *what)
{
    double ratio = cost > 0.0 ? gain / cost : INFINITY;
    if (!(gain > 0.0) || !(ratio > best->ratio)) {
        return;
    }
    if (fg_slots_pays(k, best->client, what->shard, what->item, what->ship)) {
        fg_slots_propose(best, gain, cost, what->shard, what->item, what->ship);
    } else if (ratio < INFINITY && ratio > k->price) {
        k->price = ratio;
    }
}

static inline double ratio_of(const struct fg_slots_crew *k, uint32_t c, uint32_t j, uint32_t item)
{
    const struct fg_slots_item *it = fg_slots_row(k, c) + item;
    double gain = gain_of(k, c, j, item, k->slope[j]);
    return it->c > 0.0 ? gain / it->c : INFINITY;
}

double fg_slots_ratio_held(const struct fg_slots_crew *k, uint32_t c, uint32_t j, uint32_t item)
{
    return ratio_of(k, c, j, item);
}

void fg_slots_hold_even(struct fg_slots_crew *k, uint32_t c, uint32_t j)
{
    struct fg_slots_hope *hope = k->hope + (size_t)c * k->plan->slots;
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->w->n[c]; i++) {
        uint32_t slot = fg_slots_row(k, c)[i].slot;
        bool open = !k->plan->on[(size_t)c * k->plan->slots + slot] && fg_slots_room(k, j, slot);
        k->raised[i] = open ? ratio_of(k, c, j, i) : 0.0;
    }
    for (uint32_t h = 0; h < k->hopes[c]; h++) {
        k->raised[hope[h].item] = fmax(k->raised[hope[h].item], hope[h].ratio);
    }
    for (uint32_t i = 0; i < k->w->n[c]; i++) {
        hope[n] = (struct fg_slots_hope){.ratio = k->raised[i], .item = i};
        n += k->raised[i] > 0.0;
    }
    fg_slots_hope_heapify(hope, n);
    k->hopes[c] = n;
}

void fg_slots_begin_even(struct fg_slots_crew *k)
{
    const struct fg_slots_rounds *r = k->w->p->rounds;
    uint32_t n = 0;
    for (uint32_t g = 0; g < r->groups; g++) {
        for (uint32_t j = 0; j < k->plan->clients; j++) {
            if (r->group[j] == g) {
                k->order[n++] = j;
            }
        }
    }
    for (size_t i = 0; i < (size_t)k->plan->clients * k->plan->clients; i++) {
        if (k->has[i]) {
            fg_slots_hold_even(k, (uint32_t)(i / k->plan->clients), (uint32_t)(i % k->plan->clients));
        }
    }
}

/* Of what it has, the shard with the most to gain in the item's slot: the likeliest of each group. */
static struct fg_slots_offer look_at(const struct fg_slots_crew *k, uint32_t c, uint32_t item,
                                     uint32_t n_mine)
{
    struct fg_slots_offer best = {.client = c};
    const struct fg_slots_item *it = fg_slots_row(k, c) + item;
    const uint32_t *group = k->w->p->rounds->group;
    for (uint32_t h = 0; h < n_mine && !k->plan->on[(size_t)c * k->plan->slots + it->slot];) {
        uint32_t g = group[k->mine[h]], first = k->plan->clients;
        double most = 0.0;
        for (; h < n_mine && group[k->mine[h]] == g; h++) {
            uint32_t j = k->mine[h];
            double x = k->slope[j] * k->lost[(size_t)j * k->plan->slots + it->slot];
            if (fg_slots_room(k, j, it->slot) && (first == k->plan->clients || x > most)) {
                first = j;
                most = x;
            }
        }
        if (first < k->plan->clients) {
            fg_slots_propose(&best, gain_of(k, c, first, item, k->slope[first]), it->c, first, item, false);
        }
    }
    return best;
}

/* Of what it has, the best in all its open slots: no slot offers more than when it was last looked at. */
static struct fg_slots_offer look_held(struct fg_slots_crew *k, uint32_t c)
{
    uint32_t n_mine = 0;
    struct fg_slots_hope *hope = k->hope + (size_t)c * k->plan->slots;
    struct fg_slots_offer best = {.client = c};
    for (uint32_t h = 0; h < k->plan->clients; h++) {
        k->mine[n_mine] = k->order[h];
        n_mine += k->has[(size_t)c * k->plan->clients + k->order[h]];
    }
    uint32_t n = k->hopes[c];
    while (n > 0 && best.ratio == 0.0) {
        struct fg_slots_offer now = look_at(k, c, hope[0].item, n_mine);
        if (now.ratio != hope[0].ratio) {
            n = fg_slots_hope_now(hope, n, now.ratio);
        } else if (fg_slots_pays(k, c, now.shard, now.item, false)) {
            best = now;
        } else {
            k->price = now.ratio < INFINITY ? fmax(k->price, now.ratio) : k->price;
            n = fg_slots_hope_now(hope, n, 0.0);
        }
    }
    k->hopes[c] = n;
    return best;
}

/* A shard that it would be sent, for its best open slot and some more, as long as those pay better. */
static void propose_sent(struct fg_slots_offer *best, struct fg_slots_crew *k, uint32_t j)
{
    uint32_t c = best->client, n = 0, first = 0;
    const struct fg_slots_item *row = fg_slots_row(k, c);
    double ship = k->s->bytes[(size_t)c * k->plan->clients + j] * k->s->per_byte[c];
    double from = k->u[j] + (k->holds[c] ? k->s->margin * k->most : 0.0);
    double top = 0.0, value = 0.0, rounds = 0.0, cost = ship, f0 = fg_slots_utility(from, k->w->p->alpha);
    for (uint32_t i = 0; i < k->w->n[c]; i++) {
        if (!k->plan->on[(size_t)c * k->plan->slots + row[i].slot] && fg_slots_room(k, j, row[i].slot)) {
            double ratio = ratio_of(k, c, j, i);
            first = ratio > top ? i : first;
            top = ratio > top ? ratio : top;
        }
    }
    const struct fg_slots_offer what = {.shard = j, .item = first, .ship = true};
    double last = 0.0;
    for (uint32_t i = 0; top > 0.0 && i <= k->w->n[c]; i++) { /* the best one, then the others as they come */
        uint32_t at = i == 0 ? first : i - 1;
        bool open =
            !k->plan->on[(size_t)c * k->plan->slots + row[at].slot] && fg_slots_room(k, j, row[at].slot);
        if (!open || (i > 0 && at == first)) {
            continue;
        }
        value += row[at].v;
        rounds += gain_of(k, c, j, at, 0.0);
        cost += row[at].c;
        n++;
        if ((n & (n - 1)) == 0) { /* 1, 2, 4, ... */
            double gain = fg_slots_utility(from + value, k->w->p->alpha) - f0 + rounds;
            propose(best, k, gain, cost, &what);
            if (gain <= last * cost) {
                return;
            }
            last = cost > 0.0 ? gain / cost : INFINITY;
        }
    }
}

struct fg_slots_offer fg_slots_look_even(struct fg_slots_crew *k, uint32_t c)
{
    struct fg_slots_offer best = look_held(k, c);
    struct fg_slots_needy needy = {.n = 0};
    for (uint32_t j = 0; j < k->plan->clients; j++) {
        if (!k->has[(size_t)c * k->plan->clients + j] && fg_slots_reach(k, c, j)) {
            fg_slots_need(&needy, k, j);
        }
    }
    for (uint32_t i = 0; i < needy.n; i++) {
        propose_sent(&best, k, needy.shard[i]);
    }
    return best;
}
