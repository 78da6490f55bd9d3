/* An update as it came, before it is made floats: what a sum can take in without them.
 *
 * Whoever sums must get the bits that the floats would have given: a form stands for them exactly.
 */
#ifndef FG_PLAN_FORM_H
#define FG_PLAN_FORM_H

#include <stddef.h>
#include <stdint.h>

enum fg_form_kind {
    FG_FORM_FLOATS, /* x */
    FG_FORM_BYTES,  /* (float)q * step, which is exact: steps of at most 16 bits, less than 2^120 */
    FG_FORM_PLACES  /* 0, but step or -step at some places; steps are finite and not less than 0 */
};

/* Values that share a step: those from the end of the part before it on. */
struct fg_form_part {
    size_t end, places_end; /* of the values; PLACES: of the codes */
    float step;
};

struct fg_form {
    enum fg_form_kind kind;
    const float *x;        /* FLOATS: (n) */
    const int8_t *q;       /* BYTES: (n) */
    const uint32_t *place; /* PLACES: (places_end of the last part) 2 i, plus 1 where negative, i ascending */
    struct fg_form_part *part; /* (parts) */
    size_t parts;
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
