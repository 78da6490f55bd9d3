/* What the files of the greedy share where data move. */
#ifndef FG_PLANNER_SLOTS_SHIP_IMPL_H
#define FG_PLANNER_SLOTS_SHIP_IMPL_H

#include <math.h>

#include "src/planner/slots_impl.h"

enum {
    FG_SLOTS_NEEDIEST = 4 /* shards that a client is offered to be sent, those with the least value so far */
};

/* The greedy's state. */
struct fg_slots_crew {
    const struct fg_slots_work *w;
    const struct fg_slots_ship *s;
    struct fg_slots_plan *plan;
    struct fg_slots_load load;
    double *u, *f;              /* (shards) value so far, its utility */
    double *slope;              /* (shards) with rounds: what a little more value adds */
    double most;                /* the largest value of a cell */
    struct fg_slots_hope *hope; /* (clients, slots) with rounds: heaps */
    uint32_t *hopes;            /* (clients) cells in each */
    double *raised;             /* (slots) scratch */
    uint32_t *order;            /* (shards) by group; without rounds nothing */
    uint32_t *mine;             /* (shards) scratch */
    double *lost;               /* (shards, slots) chance that no update of those on it comes */
    uint8_t *busy;              /* (shards, slots) how many are on it */
    uint8_t *has;               /* (clients, shards) has it, or is sent it */
    uint8_t *holds;             /* (clients) has any */
    uint8_t *shut;              /* (clients) nothing more can be sent to it */
    /* (clients) first item of its row that is not decided; with rounds all that are not taken are open */
    uint32_t *next;
    double left, side[FG_SLOTS_SIDES];
    double price; /* what a gram was worth when the first did not fit, else 0 */
    bool own;     /* nobody is sent another's data */
};

/* What a client does next. */
struct fg_slots_offer {
    double ratio; /* utility won for each gram */
    uint32_t client, shard, item;
    bool ship;
};

static inline void fg_slots_propose(struct fg_slots_offer *best, double gain, double cost, uint32_t shard,
                                    uint32_t item, bool ship)
{
    double ratio = cost > 0.0 ? gain / cost : gain > 0.0 ? INFINITY : 0.0;
    if (gain > 0.0 && ratio > best->ratio) {
        best->ratio = ratio;
        best->shard = shard;
        best->item = item;
        best->ship = ship;
    }
}

static inline const struct fg_slots_item *fg_slots_row(const struct fg_slots_crew *k, uint32_t client)
{
    return k->w->item + (size_t)client * k->plan->slots;
}

/* Whether the client has the shard, or may be sent it; and nobody too many is on it in the slot. */
static inline bool fg_slots_reach(const struct fg_slots_crew *k, uint32_t c, uint32_t j)
{
    size_t at = (size_t)c * k->plan->clients + j;
    return k->has[at] || (k->s->bytes[at] < INFINITY && !k->shut[c] && (!k->own || c == j));
}

/* The least valuable so far of what a client might be sent, in order, and how many there are. */
struct fg_slots_needy {
    uint32_t shard[FG_SLOTS_NEEDIEST], n;
};

static inline void fg_slots_need(struct fg_slots_needy *needy, const struct fg_slots_crew *k, uint32_t j)
{
    uint32_t at = needy->n < FG_SLOTS_NEEDIEST ? needy->n++ : FG_SLOTS_NEEDIEST;
    for (; at > 0 && k->u[j] < k->u[needy->shard[at - 1]]; at--) {
        if (at < FG_SLOTS_NEEDIEST) {
            needy->shard[at] = needy->shard[at - 1];
        }
    }
    if (at < FG_SLOTS_NEEDIEST) {
        needy->shard[at] = j;
    }
}

static inline bool fg_slots_room(const struct fg_slots_crew *k, uint32_t j, uint32_t slot)
{
    return k->busy[(size_t)j * k->plan->slots + slot] < k->s->copies;
}

/* Whether the item and, if it is to be sent, the shard can be paid. */
bool fg_slots_pays(const struct fg_slots_crew *k, uint32_t client, uint32_t shard, uint32_t item, bool ship);

/* What a little more value adds to a utility, by the chord to the largest value of a cell: within a slot's
 * worth the curve is nearly straight. */
double fg_slots_chord(const struct fg_slots_crew *k, double u);

/* With rounds: utility won for each gram by the item on a shard that the client has. */
double fg_slots_ratio_held(const struct fg_slots_crew *k, uint32_t c, uint32_t j, uint32_t item);

/* With rounds: where nobody looked yet; and the client has the shard from now on. */
void fg_slots_begin_even(struct fg_slots_crew *k);
void fg_slots_hold_even(struct fg_slots_crew *k, uint32_t c, uint32_t j);

/* With rounds: the best of all the client's slots that are not taken. No offer: a ratio of 0. */
struct fg_slots_offer fg_slots_look_even(struct fg_slots_crew *k, uint32_t c);

#endif
