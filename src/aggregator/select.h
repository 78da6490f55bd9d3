/* Selection: which of the available clients get a task this round.
 *
 * A policy is a const struct of functions in a file of its own and one line in the registry (select.c).
 * Policies see only what an aggregator knows now: who is up, how often each was asked, what it last reported.
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AGGREGATOR_SELECT_H
#define FG_AGGREGATOR_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/time.h"

struct fg_select_config {
    uint64_t seed;
    uint32_t clients; /* in the study */
    uint32_t want;    /* updates wanted a round: select.clients */
    double over;      /* over-selection factor >= 1: ceil(want * over) clients are asked */
    uint32_t groups;  /* cyclic: number of groups, 0 for policies without */
};

/* What a policy may look at. Arrays over clients are indexed by client number. */
struct fg_select_view {
    uint32_t round; /* from 0 */
    fg_time_t now;
    const uint32_t *available; /* (n_available) clients that are up, ascending */
    size_t n_available;
    const uint32_t *tasks;  /* (clients) tasks given to each so far */
    const float *last_loss; /* (clients) loss last reported, < 0 = never */
};

struct fg_select_ops {
    const char *name;
    const char *doc;    /* one line, for `forage options` and error messages */
    const char *source; /* paper, or "" */
    /* Refuse settings that cannot work (FG_E_CONFIG, message naming the key); NULL = nothing to check. */
    enum fg_status (*check)(const struct fg_select_config *cfg, struct fg_err *err);
    /* Write the chosen clients to out, return how many. out has room for n_available; scratch likewise.
     * Cost: at most O(n_available log n_available). */
    size_t (*pick)(const struct fg_select_config *cfg, const struct fg_select_view *view, uint32_t *out,
                   uint32_t *scratch);
};

/* The policy of that name, or NULL; names in a NULL-terminated list for messages. */
const struct fg_select_ops *fg_select_find(const char *name);
const struct fg_select_ops *const *fg_select_list(void);

/* How many clients to ask for `want` updates with the over-selection factor; shared by policies. */
size_t fg_select_count(const struct fg_select_config *cfg, size_t n_available);

/* Choose m of n without replacement by partial Fisher-Yates, ascending result; pool (n) is permuted. */
void fg_select_sample(uint32_t *out, size_t m, uint32_t *pool, size_t n, uint64_t seed, uint32_t round);

#endif
