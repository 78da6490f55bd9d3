/* Adding updates that are on a device: which terms of a block share a unit is found here,
 * the sums are made there. */
#include <math.h>

#include "src/aggregator/exact_internal.h"
#include "src/base/mem.h"

_Static_assert((int)BLOCK == (int)FG_AWAY_BLOCK, "blocks of a sum are scaled as one");

_Static_assert((int)FG_EXACT_MOST <= (int)FG_AWAY_TERMS, "terms that are added at once");

/* What is asked for. */
struct request {
    struct fg_away_window *window; /* (n) */
    int *level;                    /* (n) of each window */
    uint8_t *which;                /* (places) */
    size_t n, cap_window, cap_level, places, cap_which;
    struct fg_away_term term[FG_AWAY_TERMS];
    struct fg_away_sum sum; /* all of it */
};

/* Room for the windows of one more block of m terms, and for its places and one behind them. */
static enum fg_status make_room(struct request *q, size_t m)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && q->n + m > q->cap_window) {
        st = fg_grow(&q->window, &q->cap_window, sizeof *q->window);
    }
    while (st == FG_OK && q->n + m > q->cap_level) {
        st = fg_grow(&q->level, &q->cap_level, sizeof *q->level);
    }
    while (st == FG_OK && q->places + m >= q->cap_which) {
        st = fg_grow(&q->which, &q->cap_which, sizeof *q->which);
    }
    return st;
}

/* The level of each term of a block, NONE if it is all 0. Errors: FG_E_RANGE. */
enum { NONE = INT32_MIN };
static enum fg_status find_levels(int level[FG_EXACT_MOST], size_t block, const struct fg_exact_term *term,
                                  size_t m)
{
    bool finite = true;
    for (size_t k = 0; k < m; k++) {
        double most = fabs(term[k].weight) * (double)term[k].form.largest[block];
        finite = finite && isfinite(most);
        level[k] = most > 0.0 ? exact_level_of(most) : NONE;
    }
    return finite ? FG_OK : FG_E_RANGE;
}

/* The terms of a block, level by level: by that of the first that is left. */
static enum fg_status ask_block(struct request *q, size_t block, const struct fg_exact_term *term, size_t m)
{
    int level[FG_EXACT_MOST];
    enum fg_status st = find_levels(level, block, term, m);
    st = st == FG_OK ? make_room(q, m) : st;
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        const int this = level[k];
        if (this == NONE) {
            continue;
        }
        const size_t first = q->places;
        for (size_t i = k; i < m; i++) { /* written in any case: no guess of what follows */
            const bool same = level[i] == this;
            q->which[q->places] = (uint8_t)i;
            q->places += same;
            level[i] = same ? NONE : level[i];
        }
        q->window[q->n] = (struct fg_away_window){
            .block = block, .first = first, .n = q->places - first, .unit = LEVEL_BITS * this - FG_FOLD_BITS};
        q->level[q->n++] = this;
    }
    return st;
}

static void close_request(struct request *q)
{
    fg_free(q->window);
    fg_free(q->level);
    fg_free(q->which);
}

/* Terms (m) of a sum of so many blocks. Owner: the caller, close_request(), also on failure. */
static enum fg_status ask(struct request *q, size_t blocks, const struct fg_exact_term *term, size_t m)
{
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < m; k++) {
        q->term[k] = (struct fg_away_term){.x = term[k].form.x, .weight = term[k].weight};
    }
    for (size_t b = 0; b < blocks && st == FG_OK; b++) {
        st = ask_block(q, b, term, m);
    }
    q->sum = (struct fg_away_sum){.window = q->window,
                                  .which = q->which,
                                  .term = q->term,
                                  .windows = q->n,
                                  .places = q->places,
                                  .terms = m};
    return st;
}

static enum fg_status add_windows(struct fg_exact *e, const struct request *q, const int64_t *sum)
{
    for (size_t k = 0; k < q->n; k++) {
        struct exact_window *first = &e->first[q->window[k].block], *w = exact_window_of(first, q->level[k]);
        enum fg_status st = w != NULL ? exact_make_room(first, w, q->window[k].n) : FG_E_NOMEM;
        if (st != FG_OK) {
            return st;
        }
        for (size_t i = 0; i < BLOCK; i++) {
            w->sum[i] += sum[k * BLOCK + i];
        }
        w->terms += (uint32_t)q->window[k].n;
    }
    return FG_OK;
}

enum fg_status exact_add_away(struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    struct fg_away *away = term[0].form.away;
    struct request q = {0};
    enum fg_status st;
    FG_TRY(ask(&q, e->blocks, term, m));
    if (q.n > e->cap_away) {
        FG_TRY(fg_realloc(&e->away, q.n * BLOCK, sizeof *e->away));
        e->cap_away = q.n;
    }
    if (q.n > 0) {
        FG_TRY(away->sum(away, &q.sum, e->away));
        st = add_windows(e, &q, e->away);
    }
cleanup:
    close_request(&q);
    return st;
}

bool fg_exact_all_away(const struct fg_exact_term *term, size_t m)
{
    bool all = m > 0;
    for (size_t k = 0; k < m && all; k++) {
        all = term[k].form.kind == FG_FORM_AWAY && term[k].form.away == term[0].form.away;
    }
    return all;
}

enum fg_status fg_exact_step_away(const struct fg_exact_term *term, size_t m, size_t n, double divisor,
                                  double lr, const float *x, uint64_t *number)
{
    struct fg_away *away = term[0].form.away;
    struct request q = {0};
    enum fg_status st = ask(&q, (n + BLOCK - 1) / BLOCK, term, m);
    if (st == FG_OK) {
        st = away->step(away, &q.sum, divisor, lr, x, number);
    }
    close_request(&q);
    return st;
}
