/* Where a lane stands: the samples of one part of one step, and the addresses of operands. For
 * device_ops.h. */
#ifndef FG_KERNELS_DEVICE_AT_H
#define FG_KERNELS_DEVICE_AT_H

#include "kernels/device.h"
#include "src/base/both.h"

/* One part of one step of one lane. */
struct fg_at {
    float *memory; /* the lane's */
    float *hot;    /* the first `hot_floats` of it, elsewhere */
    size_t hot_floats;
    const float *params; /* to be read; NULL: in memory */
    size_t grad;         /* where FG_SPACE_GRAD begins in memory */
    uint32_t n;          /* samples in flight */
    uint32_t whole;      /* samples of the step */
    uint32_t first;      /* samples of the step that went before */
    uint32_t step;
    const uint32_t *index; /* (n) */
    size_t place;          /* of index in the lane's order */
    int last;              /* the step's last part */
};

/* False when the lane has no such step or the step no such part. */
FG_BOTH static inline int fg_at_find(struct fg_at *at, const struct fg_lane *lane, size_t grad,
                                     size_t part_grad, uint32_t step, uint32_t part)
{
    if (step < lane->start || step >= lane->end) {
        return 0;
    }
    uint32_t per_epoch = (lane->n - 1) / lane->batch + 1;
    uint32_t epoch = step / per_epoch - lane->start / per_epoch, place = step % per_epoch;
    size_t from = (size_t)place * lane->batch;
    uint32_t left = (uint32_t)(lane->n - from), whole = left < lane->batch ? left : lane->batch;
    uint32_t first = part * FG_DEVICE_PART;
    if (first >= whole) {
        return 0;
    }
    at->memory = lane->memory;
    at->hot = lane->memory;
    at->hot_floats = 0;
    at->params = lane->params == NULL && step == lane->start ? lane->begin : lane->params;
    at->grad = part == 0 ? grad : part_grad;
    at->n = whole - first < (uint32_t)FG_DEVICE_PART ? whole - first : (uint32_t)FG_DEVICE_PART;
    at->whole = whole;
    at->first = first;
    at->step = step;
    at->place = (size_t)epoch * lane->n + from + first;
    at->index = lane->order + at->place;
    at->last = first + at->n == whole;
    return 1;
}

/* How many floats of a lane, from its beginning on, a resident block keeps where there is room for so many:
 * all of them, the parameters, none. */
FG_BOTH static inline size_t fg_at_hot(const struct fg_program *p, size_t room)
{
    return p->floats <= room ? p->floats : p->packed <= room ? p->packed : 0;
}

/* Steps of one launch: lanes that a block keeps as a whole are small, and so are their steps (chosen, not
 * measured). */
FG_BOTH static inline uint32_t fg_at_steps(const struct fg_program *p, size_t hot)
{
    return hot == p->floats ? 64 : 8;
}

/* For how many lanes the operations of a run are launched: those that are through have nothing to do, and a
 * few numbers of lanes make the same launches again and again. */
FG_BOTH static inline size_t fg_at_lanes(const struct fg_device_run *r)
{
    size_t n = 1;
    while (n < r->n) {
        n *= 2;
    }
    return r->all <= r->n ? r->n : n < r->all ? n : r->all;
}

/* Where parameters and their gradients are written. An operand lies as a whole in front of or behind
 * hot_floats. */
FG_BOTH static inline float *fg_at_own(const struct fg_at *at, struct fg_ref r)
{
    size_t i = r.at + (size_t)r.per * at->n + (r.space == FG_SPACE_GRAD ? at->grad : 0);
    return i < at->hot_floats ? at->hot + i : at->memory + i;
}

/* Where an operand is read; and written, if it is not a parameter of a program that updates in place. */
FG_BOTH static inline float *fg_at_ref(const struct fg_at *at, struct fg_ref r)
{
    if (r.space == FG_SPACE_PARAMS && at->params) {
        return (float *)(uintptr_t)(at->params + r.at + (size_t)r.per * at->n);
    }
    return fg_at_own(at, r);
}

FG_BOTH static inline int fg_at_happens(const struct fg_at *at, const struct fg_op *op)
{
    return op->when == FG_WHEN_ALWAYS || (op->when == FG_WHEN_LATER && at->first > 0) ||
           (op->when == FG_WHEN_LAST && at->last);
}

#endif
