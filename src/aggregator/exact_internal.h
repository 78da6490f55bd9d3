/* Inside of exact sums: exact.c (life, windows, reading), exact_add.c (floats, bytes), exact_away.c,
 * exact_far.c (with other processes, and packing), exact_places.c. */
#ifndef FG_AGGREGATOR_EXACT_INTERNAL_H
#define FG_AGGREGATOR_EXACT_INTERNAL_H

#include <string.h>

#include "kernels/coders.h"
#include "kernels/fold.h"
#include "src/aggregator/exact.h"

/* LEVEL_BITS: units are powers of 2 to this. SUM_TERMS: so many fit a sum. SPILL_BITS: what a full sum passes
 * on is counted in units of so many bits more. */
enum { BLOCK = FG_EXACT_BLOCK, LEVEL_BITS = 8, SUM_TERMS = 500, SPILL_BITS = 40, LEVEL_MIN = -120 };

/* Whole multiples of 2^(LEVEL_BITS level - FG_FOLD_BITS). */
struct exact_window {
    struct exact_window *next;
    int64_t *sum;   /* (BLOCK) of any content while there are no terms */
    uint32_t terms; /* that were added since it was last spilled; 0: nothing is in it */
    int level;
};

/* A window of which nothing is in use is to have this level. It is wiped only now, when it is about to be in
 * the cache anyway. */
static inline void exact_wipe(struct exact_window *w, int level)
{
    w->level = level;
    memset(w->sum, 0, BLOCK * sizeof *w->sum);
}

struct fg_exact {
    size_t n, blocks;
    size_t hands; /* that add, by: NULL: one */
    fg_spread_fn *spread;
    const struct fg_coders *coders;
    const struct fg_folders *folders;
    struct exact_window *first; /* (blocks) its windows from the second on are allocated */
    int64_t *sum;               /* (blocks, BLOCK) of the first windows */
    int64_t *away;              /* (cap_away, BLOCK) windows that came from a device */
    size_t cap_away;
    struct fg_far **far; /* (n_far) who adds up far from here since the sum was gathered or cleared */
    size_t n_far, cap_far;
    float *floats; /* scratch for bytes that cannot be added as they are, a block of each; NULL before */
};

static inline size_t exact_length(const struct fg_exact *e, size_t block)
{
    size_t left = e->n - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

/* Powers of 2 of normal doubles. */
static inline double exact_power_of_2(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* The least level at which numbers up to `most` > 0 fit; below 2^-960 nobody looks. */
static inline int exact_level_of(double most)
{
    uint64_t bits;
    memcpy(&bits, &most, sizeof bits);
    int e = (int)(bits >> 52) - 1022, level = e >= 0 ? (e + LEVEL_BITS - 1) / LEVEL_BITS : -(-e / LEVEL_BITS);
    return level > LEVEL_MIN ? level : LEVEL_MIN;
}

static inline double exact_unit_scale(int level)
{
    return exact_power_of_2(FG_FOLD_BITS - LEVEL_BITS * level);
}

/* How far a term has come: how many of its first blocks were right, if not all; its part, and the next of its
 * places; what a place, or a byte of 1, of that part adds where all blocks are its. */
struct exact_cursor {
    size_t blocks; /* unjudged: that are right so far */
    bool wrong;    /* unjudged: one is not */
    size_t part, place;
    const struct fg_form_part *known; /* of which these are known, or NULL */
    bool whole;                       /* bytes: its terms are whole multiples of the unit */
    int level;
    int64_t value;
};

/* The places of a term in blocks from..end - 1, in which the cursor is. Errors: as fg_exact_add(). */
enum fg_status exact_add_places(struct fg_exact *e, const struct fg_exact_term *t, struct exact_cursor *c,
                                size_t from, size_t end) FG_NODISCARD;

/* Terms (m) that are on one device. Errors: as fg_exact_add(), FG_E_IO if the device fails. */
enum fg_status exact_add_away(struct fg_exact *e, const struct fg_exact_term *term, size_t m) FG_NODISCARD;

/* A term that another process keeps. Errors: FG_E_NOMEM, FG_E_RANGE. */
enum fg_status exact_add_far(struct fg_exact *e, const struct fg_exact_term *t) FG_NODISCARD;

/* The window of a block with that level: one that is there, an empty one or a new one. NULL: out of
 * memory. */
struct exact_window *exact_window_of(struct exact_window *first, int level);

/* Room for so many terms more: most of what the sums hold goes to a window of a larger unit.
 * Errors: FG_E_NOMEM. */
enum fg_status exact_make_room(struct exact_window *first, struct exact_window *w, size_t terms) FG_NODISCARD;

#endif
