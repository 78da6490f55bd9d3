/* The form of an update: how its values are written down before anybody turns them into floats. A codec's
 * bytes, an update that still lies on a GPU, or one that its worker keeps, can be added to a sum as they are.
 * A form stands for its floats exactly: the sum has the same bits either way.
 */
#ifndef FG_PLAN_FORM_H
#define FG_PLAN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum fg_form_kind {
    FG_FORM_FLOATS, /* the floats themselves, x */
    FG_FORM_BYTES, /* value i is (float)q[i] * step, exactly: a step has at most 16 bits and is below 2^120 */
    FG_FORM_PLACES, /* every value is 0, but step or -step at some places; steps are finite and >= 0 */
    FG_FORM_AWAY,   /* the values are on a device, which adds them up there: x and largest */
    FG_FORM_FAR     /* the values are with another process, which adds them up there: far and id */
};

enum { FG_AWAY_BLOCK = 1024 }; /* values in a block: they share a unit, and their largest |x| is known */

enum { FG_AWAY_TERMS = 256 }; /* at most in one sum: a byte tells them apart */

/* What a device is asked to add up in one block: the n terms named by which[first], which[first + 1], ...,
 * each value rounded to the nearest whole multiple of 2^unit. */
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

/* A device that holds updates, and one model. Errors: FG_E_NOMEM, FG_E_IO. */
struct fg_away {
    /* The sums of all windows, in their units. Shapes: sum (windows, FG_AWAY_BLOCK) out. */
    enum fg_status (*sum)(struct fg_away *away, const struct fg_away_sum *s, int64_t *sum);
    /* The model becomes model - lr * mean; mean: the sum over divisor, rounded to double. If the device has
     * no model *number, it takes x (P) first (NULL: FG_E_STALE). *number out: that of the new model. */
    enum fg_status (*step)(struct fg_away *away, const struct fg_away_sum *s, double divisor, double lr,
                           const float *x, uint64_t *number);
    /* Copy the model of this number to the host. Errors: FG_E_STALE if the device holds another one by now.
     * Shapes: x (P) out. */
    enum fg_status (*fetch)(struct fg_away *away, uint64_t number, float *x);
};

/* Where a model lies beside the host's floats. All zero: nowhere else. */
struct fg_there {
    struct fg_away *away; /* the device that holds it; NULL: none */
    uint64_t number;      /* its number on that device, from 1; no other model there ever gets the same */
    bool only;            /* the device alone has it: the host's floats are older, or there are none */
};

/* A run of values that share a step, from where the part before it ends. */
struct fg_form_part {
    size_t end, places_end; /* where its values end; PLACES: where its entries of `place` end */
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
    struct fg_far *far;   /* FAR (src/aggregator/exact.h) */
    uint64_t id;          /* FAR: under which it is kept there */
    struct fg_unjudged
        *unjudged;        /* FLOATS, BYTES: the values may be wrong (src/aggregator/exact.h), or NULL */
    const float *largest; /* (blocks) the largest |x| of each; finite if AWAY; FLOATS: NULL = not known */
};

/* The memory behind a form, with a count of its users: the last one to drop it calls `free`. */
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
