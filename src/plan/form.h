/* An update as it came, before it is made floats: what a sum can take in without them.
 *
 * Whoever sums must get the bits that the floats would have given: a form stands for them exactly.
 */
#ifndef FG_PLAN_FORM_H
#define FG_PLAN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum fg_form_kind {
    FG_FORM_FLOATS, /* x */
    FG_FORM_BYTES,  /* (float)q * step, which is exact: steps of at most 16 bits, less than 2^120 */
    FG_FORM_PLACES, /* 0, but step or -step at some places; steps are finite and not less than 0 */
    FG_FORM_AWAY    /* on a device, which only adds them up: x and largest */
};

enum { FG_AWAY_BLOCK = 1024 }; /* values that are scaled alike, and whose largest is told */

enum { FG_AWAY_TERMS = 64 }; /* in one sum */

/* In whole multiples of 2^unit: of the values of a block, n terms, which[first..],
 * each rounded to the nearest. */
struct fg_away_window {
    size_t block, first, n;
    int unit;
};
struct fg_away_term {
    const float *x;
    double weight;
};
struct fg_away_sum {
    const struct fg_away_window *window; /* (windows) blocks ascending */
    const uint8_t *which;                /* (places) of the terms */
    const struct fg_away_term *term;     /* (terms) at most FG_AWAY_TERMS */
    size_t windows, places, terms;
};

/* Who has updates that are away, and one model. Errors: FG_E_NOMEM, FG_E_IO. */
struct fg_away {
    /* Shapes: sum (windows, FG_AWAY_BLOCK) out. */
    enum fg_status (*sum)(struct fg_away *away, const struct fg_away_sum *s, int64_t *sum);
    /* A model moves there against the mean, the sum over divisor, rounded to double: x - lr mean. It is the
     * one that has *number there, or else x (P; NULL: FG_E_STALE then). *number: what it becomes. */
    enum fg_status (*step)(struct fg_away *away, const struct fg_away_sum *s, double divisor, double lr,
                           const float *x, uint64_t *number);
    /* The floats of the model that has this number. Errors: FG_E_STALE if it is another one by now.
     * Shapes: x (P) out. */
    enum fg_status (*fetch)(struct fg_away *away, uint64_t number, float *x);
};

/* Where a model is beside its floats. All zero: nowhere. */
struct fg_there {
    struct fg_away *away; /* who has it; NULL: nobody */
    uint64_t number;      /* under which; no other model of theirs ever has it; from 1 */
    bool only;            /* the floats here are older, or none */
};

/* Values that share a step: those from the end of the part before it on. */
struct fg_form_part {
    size_t end, places_end; /* of the values; PLACES: of the codes */
    float step;
};

struct fg_form {
    enum fg_form_kind kind;
    const float *x;        /* FLOATS: (n); AWAY: the device's address of them */
    const int8_t *q;       /* BYTES: (n) */
    const uint32_t *place; /* PLACES: (places_end of the last part) 2 i, plus 1 where negative, i ascending */
    struct fg_form_part *part; /* (parts) */
    size_t parts;
    struct fg_away *away; /* AWAY */
    const float *largest; /* AWAY: (blocks) |x|, all finite; FLOATS: the same, or NULL: not looked at */
};

/* What keeps a form's memory: counted, freed by its owner's function when nobody uses it any more. */
struct fg_hold {
    unsigned users;
    void (*free)(struct fg_hold *hold);
};

static inline struct fg_hold *fg_hold_use(struct fg_hold *hold)
{
    if (hold != NULL) {
        hold->users++;
    }
    return hold;
}

static inline void fg_hold_drop(struct fg_hold *hold)
{
    if (hold != NULL && --hold->users == 0) {
        hold->free(hold);
    }
}

#endif
