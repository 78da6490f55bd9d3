/* A plan as a policy keeps it: who trains in which slot, on whose data, and what the first plan promised.
 *
 * Thread safety: one caller.
 */
#ifndef FG_AGGREGATOR_SELECT_AGENDA_H
#define FG_AGGREGATOR_SELECT_AGENDA_H

#include "src/aggregator/select_plan.h"

/* A plan from slot `from` on. What the first one settles goes on from plan to plan. */
struct fg_agenda {
    uint32_t from, tune;
    uint8_t *on;     /* (clients, rounds) */
    uint32_t *shard; /* (clients, rounds) on whose data; NULL where plans do not ship */
    double *part;    /* (rounds) of the configured steps that tasks do, 1 unless steps are planned; */
    double *effort;  /* and how far they go for that; of past rounds as it was then */
    double weight[FG_LIMITS]; /* of the budgets against each other */
    double *expected;         /* (clients) effort of its updates that will count from `from` on, on average */
    struct {
        uint32_t slots; /* that are used at all, of the whole run */
        double grams_max;
        struct fg_promise promise;
    } first;
};

/* An empty one: all rounds, as configured. Errors: FG_E_NOMEM. Owner: the caller, fg_agenda_fini(). */
enum fg_status fg_agenda_init(struct fg_agenda *a, const struct fg_select_config *cfg) FG_NODISCARD;
void fg_agenda_fini(struct fg_agenda *a);

/* Keep a plan made in this round; in round 0 its certificate, with these prices (FG_LIMITS), too. Errors:
 * FG_E_NOMEM. */
enum fg_status fg_agenda_adopt(struct fg_agenda *a, const struct fg_select_config *cfg,
                               const struct fg_slots_plan *plan, const struct fg_ahead *ahead, uint32_t round,
                               const double *price) FG_NODISCARD;

/* Whether from `round` on the client is to train on the shard. Cost: O(rounds). */
bool fg_agenda_sends(const struct fg_agenda *a, const struct fg_select_config *cfg, uint32_t round,
                     uint32_t client, uint32_t shard);

/* Load judges its input by the reader. */
enum fg_status fg_agenda_save(const struct fg_agenda *a, const struct fg_select_config *cfg,
                              struct fg_str *out) FG_NODISCARD;
void fg_agenda_load(struct fg_agenda *a, const struct fg_select_config *cfg, struct fg_reader *in);

#endif
