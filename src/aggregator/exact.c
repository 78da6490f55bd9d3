#include "src/aggregator/exact.h"

#include <math.h>
#include <string.h>

#include "kernels/coders.h"
#include "kernels/fold.h"
#include "src/base/fsum.h"
#include "src/base/mem.h"

/* LEVEL_BITS: units are powers of 2 to this. SUM_TERMS: so many fit a sum. SPILL_BITS: what a full sum passes on is counted in units
 * of so many bits more. */
enum { BLOCK = FG_EXACT_BLOCK, LEVEL_BITS = 8, SUM_TERMS = 500, SPILL_BITS = 40, LEVEL_MIN = -120 };

/* Whole multiples of 2^(LEVEL_BITS level - FG_FOLD_BITS). */
struct window {
    struct window *next;
    int64_t *sum;   /* (BLOCK) */
    uint32_t terms; /* that were added since it was last spilled; 0: nothing is in it */
    int level;
};

struct fg_exact {
    size_t n, blocks;
    const struct fg_coders *coders;
    const struct fg_folders *folders;
    struct window *first; /* (blocks) its windows from the second on are allocated */
    int64_t *sum;         /* (blocks, BLOCK) of the first windows */
};

enum fg_status fg_exact_create(struct fg_exact **out, size_t n)
{
    struct fg_exact *e = fg_calloc(1, sizeof *e);
    if (e == NULL) {
        return FG_E_NOMEM;
    }
    e->n = n;
    e->blocks = (n + BLOCK - 1) / BLOCK;
    e->coders = fg_coders_get("auto");
    e->folders = fg_folders_get("auto");
    e->first = fg_calloc(e->blocks, sizeof *e->first);
    e->sum = fg_calloc_aligned(e->blocks * BLOCK, sizeof *e->sum);
    if (e->first == NULL || e->sum == NULL) {
        fg_exact_destroy(e);
        return FG_E_NOMEM;
    }
    for (size_t b = 0; b < e->blocks; b++) {
        e->first[b].sum = e->sum + b * BLOCK;
    }
    *out = e;
    return FG_OK;
}

void fg_exact_destroy(struct fg_exact *e)
{
    if (e == NULL) {
        return;
    }
    for (size_t b = 0; e->first != NULL && b < e->blocks; b++) {
        for (struct window *w = e->first[b].next, *next; w != NULL; w = next) {
            next = w->next;
            fg_free(w->sum);
            fg_free(w);
        }
    }
    fg_free(e->first);
    fg_free(e->sum);
    fg_free(e);
}

static size_t length(const struct fg_exact *e, size_t block)
{
    size_t left = e->n - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

/* ---- windows ---- */

/* The window of a block with that level: one that is there, an empty one or a new one. */
static struct window *window_of(struct window *first, int level)
{
    struct window *empty = NULL, *last = first;
    for (struct window *w = first; w != NULL; w = w->next) {
        if (w->terms > 0 && w->level == level) {
            return w;
        }
        empty = empty == NULL && w->terms == 0 ? w : empty;
        last = w;
    }
    if (empty == NULL) {
        empty = fg_calloc(1, sizeof *empty);
        if (empty == NULL || (empty->sum = fg_calloc_aligned(BLOCK, sizeof *empty->sum)) == NULL) {
            fg_free(empty);
            return NULL;
        }
        last->next = empty;
    }
    empty->level = level;
    return empty;
}

/* Room for so many terms more: most of what the sums hold goes to a window of a larger unit. */
static enum fg_status make_room(struct window *first, struct window *w, size_t terms)
{
    if (w->terms + terms <= SUM_TERMS) {
        return FG_OK;
    }
    struct window *up = window_of(first, w->level + SPILL_BITS / LEVEL_BITS);
    if (up == NULL) {
        return FG_E_NOMEM;
    }
    enum fg_status st = make_room(first, up, 1);
    for (size_t i = 0; i < BLOCK && st == FG_OK; i++) {
        int64_t low = w->sum[i] & (((int64_t)1 << SPILL_BITS) - 1);
        up->sum[i] += (w->sum[i] - low) >> SPILL_BITS;
        w->sum[i] = low;
    }
    up->terms += st == FG_OK;
    w->terms = st == FG_OK ? 1 : w->terms;
    return st;
}

/* Powers of 2 of normal doubles. */
static double power_of_2(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* The least level at which numbers up to `most` > 0 fit; below 2^-960 nobody looks. */
static int level_of(double most)
{
    uint64_t bits;
    memcpy(&bits, &most, sizeof bits);
    int e = (int)(bits >> 52) - 1022, level = e >= 0 ? (e + LEVEL_BITS - 1) / LEVEL_BITS : -(-e / LEVEL_BITS);
    return level > LEVEL_MIN ? level : LEVEL_MIN;
}

/* ---- adding ---- */

/* Terms of one block that share a window. */
struct group {
    const float *x[FG_EXACT_MOST];
    double scale[FG_EXACT_MOST];
    size_t m;
};

static enum fg_status add_group(struct fg_exact *e, size_t block, int level, const struct group *g)
{
    struct window *first = &e->first[block], *w = window_of(first, level);
    enum fg_status st = w != NULL ? make_room(first, w, g->m) : FG_E_NOMEM;
    if (st == FG_OK) {
        e->folders->floats(g->x, g->scale, g->m, w->sum, length(e, block));
        w->terms += (uint32_t)g->m;
    }
    return st;
}

static enum fg_status add_block(struct fg_exact *e, size_t block, const struct fg_exact_term *term, size_t m)
{
    enum { NOTHING = INT32_MAX };
    int level[FG_EXACT_MOST];
    size_t n = length(e, block), at = block * BLOCK;
    for (size_t k = 0; k < m; k++) {
        double most = fabs(term[k].weight) * (double)e->coders->largest(term[k].x + at, n);
        if (!isfinite(most)) {
            return FG_E_RANGE;
        }
        level[k] = most > 0.0 ? level_of(most) : NOTHING;
    }
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        struct group g = {.m = 0};
        int here = level[k];
        for (size_t i = k; i < m && here != NOTHING; i++) {
            if (level[i] == here) {
                g.x[g.m] = term[i].x + at;
                g.scale[g.m++] = term[i].weight * power_of_2(FG_FOLD_BITS - LEVEL_BITS * here);
                level[i] = NOTHING;
            }
        }
        st = g.m > 0 ? add_group(e, block, here, &g) : FG_OK;
    }
    return st;
}

enum fg_status fg_exact_add(struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    FG_ASSERT(m <= FG_EXACT_MOST);
    enum fg_status st = FG_OK;
    for (size_t b = 0; b < e->blocks && st == FG_OK; b++) {
        st = add_block(e, b, term, m);
    }
    return st;
}

/* ---- reading ---- */

enum {
    WINDOWS = 320
}; /* more than there are levels between the least and the largest term of floats and weights */

static int unit_of(const struct window *w)
{
    return LEVEL_BITS * w->level - FG_FOLD_BITS;
}

static void read_one(const struct window *w, double *out, size_t n)
{
    double unit = power_of_2(unit_of(w));
    for (size_t i = 0; i < n; i++) {
        out[i] = (double)w->sum[i] * unit;
    }
}

/* Two windows of neighbouring levels. From 2^54 on, a bit that says whether there is more below is all that rounding asks for. */
static void read_neighbours(const struct window *up, const struct window *low, double *out, size_t n)
{
    double unit = power_of_2(unit_of(low)), above = power_of_2(unit_of(up));
    for (size_t i = 0; i < n; i++) {
        int64_t rest = low->sum[i] & ((1 << LEVEL_BITS) - 1);
        int64_t high = up->sum[i] + ((low->sum[i] - rest) >> LEVEL_BITS);
        bool small = high > -((int64_t)1 << FG_FOLD_BITS) && high < (int64_t)1 << FG_FOLD_BITS;
        out[i] =
            small ? (double)(high * (1 << LEVEL_BITS) + rest) * unit : (double)(high | (rest != 0)) * above;
    }
}

static void read_many(const struct window *const *w, size_t m, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fg_fsum s = {.n = 0};
        for (size_t k = 0; k < m; k++) {
            int64_t low = w[k]->sum[i] & 0xffffffff;
            fg_fsum_add(&s, (double)low * power_of_2(unit_of(w[k])));
            fg_fsum_add(&s, (double)(w[k]->sum[i] - low) * power_of_2(unit_of(w[k])));
        }
        out[i] = fg_fsum_read(&s);
    }
}

void fg_exact_read(const struct fg_exact *e, double *out)
{
    for (size_t b = 0; b < e->blocks; b++) {
        const struct window *there[WINDOWS];
        size_t m = 0, n = length(e, b);
        for (const struct window *w = &e->first[b]; w != NULL; w = w->next) {
            if (w->terms > 0) {
                FG_ASSERT(m < WINDOWS);
                there[m++] = w;
            }
        }
        double *at = out + b * BLOCK;
        if (m == 0) {
            memset(at, 0, n * sizeof *at);
        } else if (m == 1) {
            read_one(there[0], at, n);
        } else if (m == 2 && there[0]->level == there[1]->level + 1) {
            read_neighbours(there[0], there[1], at, n);
        } else if (m == 2 && there[1]->level == there[0]->level + 1) {
            read_neighbours(there[1], there[0], at, n);
        } else {
            read_many(there, m, at, n);
        }
    }
}

void fg_exact_clear(struct fg_exact *e)
{
    for (size_t b = 0; b < e->blocks; b++) {
        for (struct window *w = &e->first[b]; w != NULL; w = w->next) {
            if (w->terms > 0) {
                memset(w->sum, 0, BLOCK * sizeof *w->sum);
                w->terms = 0;
            }
        }
    }
}
