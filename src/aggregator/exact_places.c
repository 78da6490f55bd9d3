/* Adding to exact sums: places, many blocks at a time where they are all of one part. */
#include <math.h>

#include "kernels/prefetch.h"
#include "src/aggregator/exact_internal.h"

static int64_t nearest(double v)
{
    double big = v < 0.0 ? -0x1p52 : 0x1p52;
    return (int64_t)(fabs(v) < 0x1p52 ? (v + big) - big : v);
}

static inline void add_code(int64_t *sum, uint32_t first, uint32_t code, const int64_t value[2])
{
    sum[(code >> 1) - first] += value[code & 1];
}

/* The codes below `beyond`, to sums whose first is value `first`; returns the next one. */
static const uint32_t *add_codes(int64_t *sum, uint32_t first, const uint32_t *code, const uint32_t *last,
                                 uint64_t beyond, int64_t value)
{
    const int64_t by_sign[2] = {value, -value};
    for (; last - code >= 4 && code[3] < beyond; code += 4) {
        add_code(sum, first, code[0], by_sign);
        add_code(sum, first, code[1], by_sign);
        add_code(sum, first, code[2], by_sign);
        add_code(sum, first, code[3], by_sign);
    }
    for (; code < last && *code < beyond; code++) {
        add_code(sum, first, *code, by_sign);
    }
    return code;
}

/* ---- one part ---- */

/* What a place of a part adds. */
static enum fg_status know(struct exact_cursor *c, const struct fg_exact_term *t,
                           const struct fg_form_part *part)
{
    double most = fabs(t->weight) * (double)part->step;
    if (!isfinite(most)) {
        return FG_E_RANGE;
    }
    c->known = part;
    c->level = most > 0.0 ? exact_level_of(most) : 0;
    c->value = nearest(t->weight * exact_unit_scale(c->level) * (double)part->step);
    return FG_OK;
}

/* Whether the first windows of all these blocks can take a term of that level, and that they do:
 * theirs are one array. */
static bool enter_first(struct fg_exact *e, size_t from, size_t end, int level)
{
    for (size_t b = from; b < end; b++) {
        const struct exact_window *w = &e->first[b];
        if (w->terms >= SUM_TERMS || (w->terms > 0 && w->level != level)) {
            return false;
        }
    }
    for (size_t b = from; b < end; b++) {
        if (e->first[b].terms == 0) {
            exact_wipe(&e->first[b], level);
        }
        e->first[b].terms++;
    }
    return true;
}

/* ---- one block ---- */

/* The window for one more term. NULL: out of memory. */
static struct exact_window *window_of(struct fg_exact *e, size_t block, int level)
{
    struct exact_window *first = &e->first[block], *w = exact_window_of(first, level);
    return w != NULL && exact_make_room(first, w, 1) == FG_OK ? w : NULL;
}

/* The largest step among the codes below `beyond`; *stop: the next one. */
static float largest_step(const struct fg_form *f, const struct exact_cursor *c, uint64_t beyond,
                          size_t *stop)
{
    size_t i = c->place, part = c->part, all = f->parts > 0 ? f->part[f->parts - 1].places_end : 0;
    float step = 0.f;
    while (i < all && f->place[i] < beyond) { /* part by part, in steps to the last of its places here */
        while (f->part[part].places_end <= i) {
            part++;
        }
        step = f->part[part].step > step ? f->part[part].step : step;
        size_t last = f->part[part].places_end;
        while (i < last && f->place[i] < beyond) {
            i++;
        }
    }
    *stop = i;
    return step;
}

/* The places of a term in a block: one window, chosen by the largest step among them. */
static enum fg_status add_to_block(struct fg_exact *e, const struct fg_exact_term *t, struct exact_cursor *c,
                                   size_t block, size_t end)
{
    const struct fg_form *f = &t->form;
    size_t stop, i = c->place, at = block * BLOCK;
    while (c->part < f->parts && f->part[c->part].end <= at) {
        c->part++;
    }
    double most = fabs(t->weight) * (double)largest_step(f, c, 2 * (uint64_t)end, &stop);
    c->place = stop;
    if (!isfinite(most) || i == stop || most == 0.0) {
        return isfinite(most) ? FG_OK : FG_E_RANGE;
    }
    int level = exact_level_of(most);
    struct exact_window *w = window_of(e, block, level);
    if (w == NULL) {
        return FG_E_NOMEM;
    }
    double scale = t->weight * exact_unit_scale(level);
    for (size_t part = c->part; i < stop; part++) {
        size_t last = f->part[part].places_end < stop ? f->part[part].places_end : stop;
        if (i < last) { /* else the step may be of any size */
            (void)add_codes(w->sum, (uint32_t)at, f->place + i, f->place + last, UINT64_MAX,
                            nearest(scale * (double)f->part[part].step));
            i = last;
        }
    }
    w->terms++;
    return FG_OK;
}

enum fg_status exact_add_places(struct fg_exact *e, const struct fg_exact_term *t, struct exact_cursor *c,
                                size_t from, size_t end)
{
    const struct fg_form *f = &t->form;
    size_t at = from * BLOCK, stop = (end - 1) * BLOCK + exact_length(e, end - 1);
    while (c->part < f->parts && f->part[c->part].end <= at) {
        c->part++;
    }
    enum fg_status st = FG_OK;
    if (c->part < f->parts && f->part[c->part].end >= stop) {
        const struct fg_form_part *part = &f->part[c->part];
        const uint32_t *code = f->place + c->place, *last = f->place + part->places_end;
        st = c->known == part ? FG_OK : know(c, t, part);
        if (st != FG_OK || code == last || *code >= 2 * (uint64_t)stop) {
            return st;
        }
        if (enter_first(e, from, end, c->level)) {
            const uint32_t *next =
                add_codes(e->first[from].sum, (uint32_t)at, code, last, 2 * (uint64_t)stop, c->value);
            fg_prefetch(next, 0,
                        (size_t)(next - code) * sizeof *code); /* as many, for the blocks that follow */
            c->place = (size_t)(next - f->place);
            return FG_OK;
        }
    }
    for (size_t b = from; b < end && st == FG_OK; b++) {
        st = add_to_block(e, t, c, b, b * BLOCK + exact_length(e, b));
    }
    return st;
}
