/* Adding to exact sums: floats, bytes and places, block by block. */
#include <math.h>

#include "src/aggregator/exact_internal.h"
#include "src/base/mem.h"

/* The least level at which numbers up to `most` > 0 fit; below 2^-960 nobody looks. */
static int level_of(double most)
{
    uint64_t bits;
    memcpy(&bits, &most, sizeof bits);
    int e = (int)(bits >> 52) - 1022, level = e >= 0 ? (e + LEVEL_BITS - 1) / LEVEL_BITS : -(-e / LEVEL_BITS);
    return level > LEVEL_MIN ? level : LEVEL_MIN;
}

/* ---- adding ---- */

struct fg_exact_term fg_exact_floats(double weight, const float *x)
{
    return (struct fg_exact_term){.weight = weight, .form = {.kind = FG_FORM_FLOATS, .x = x}};
}

/* How far a term has come: its part, and the next of its places; what a place of that part adds where the whole block is its. */
struct cursor {
    size_t part, place;
    const struct fg_form_part *known; /* of which these are known, or NULL */
    int level;
    int64_t value;
};

/* Terms of one block, as they are added to a window: floats or bytes, each with a scale. */
struct row {
    enum { ROW_NOTHING, ROW_FLOATS, ROW_BYTES } kind;
    int level;
    const float *x;
    const int8_t *q;
    double scale;
};

static int64_t nearest(double v)
{
    double big = v < 0.0 ? -0x1p52 : 0x1p52;
    return (int64_t)(fabs(v) < 0x1p52 ? (v + big) - big : v);
}

static double unit_scale(int level)
{
    return exact_power_of_2(FG_FOLD_BITS - LEVEL_BITS * level);
}

static enum fg_status row_of_floats(struct fg_exact *e, double weight, const float *x, size_t n,
                                    struct row *out)
{
    double most = fabs(weight) * (double)e->coders->largest(x, n);
    if (!isfinite(most)) {
        return FG_E_RANGE;
    }
    int level = most > 0.0 ? level_of(most) : 0;
    *out = (struct row){.kind = most > 0.0 ? ROW_FLOATS : ROW_NOTHING,
                        .level = level,
                        .x = x,
                        .scale = weight * unit_scale(level)};
    return FG_OK;
}

/* Bytes times weight * step, if that is what floats give: where all of the block has one step and nothing is rounded. */
static bool row_of_bytes(double weight, float step, const int8_t *q, struct row *out)
{
    double by = weight * (double)step, most = 129.0 * fabs(by);
    if (!isfinite(most) || fma(weight, (double)step, -by) != 0.0) {
        return false;
    }
    if (most == 0.0) {
        *out = (struct row){.kind = ROW_NOTHING};
        return true;
    }
    int level = level_of(most);
    double scale = by * unit_scale(level);
    *out = (struct row){.kind = ROW_BYTES, .level = level, .q = q, .scale = scale};
    return scale == (double)(int64_t)scale;
}

/* The row of a term of bytes in the block of n values from `at` on. `floats` (BLOCK) is where they are made. */
static enum fg_status open_bytes(struct fg_exact *e, const struct fg_exact_term *t, struct cursor *c,
                                 size_t at, size_t n, float *floats, struct row *out)
{
    const struct fg_form *f = &t->form;
    while (f->part[c->part].end <= at) {
        c->part++;
    }
    if (f->part[c->part].end >= at + n && row_of_bytes(t->weight, f->part[c->part].step, f->q + at, out)) {
        return FG_OK;
    }
    for (size_t p = c->part, i = 0; i < n; p++) {
        size_t end = f->part[p].end < at + n ? f->part[p].end - at : n;
        e->coders->scale(f->q + at + i, f->part[p].step, floats + i, end - i);
        i = end;
    }
    return row_of_floats(e, t->weight, floats, n, out);
}

/* Ask memory for what comes next, so that it is on its way meanwhile; that is no access. */
static void ahead(const void *next, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) {
        __builtin_prefetch((const char *)next + i, 0, 2);
    }
}

static enum fg_status add_rows(struct fg_exact *e, size_t block, struct row *row, size_t m)
{
    const float *x[FG_EXACT_MOST];
    const int8_t *q[FG_EXACT_MOST];
    double scale[FG_EXACT_MOST];
    int64_t whole[FG_EXACT_MOST];
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        if (row[k].kind == ROW_NOTHING) {
            continue;
        }
        size_t floats = 0, bytes = 0;
        int level = row[k].level;
        for (size_t i = k; i < m; i++) {
            if (row[i].kind == ROW_FLOATS && row[i].level == level) {
                x[floats] = row[i].x;
                scale[floats++] = row[i].scale;
                row[i].kind = ROW_NOTHING;
            } else if (row[i].kind == ROW_BYTES && row[i].level == level) {
                q[bytes] = row[i].q;
                whole[bytes++] = (int64_t)row[i].scale;
                row[i].kind = ROW_NOTHING;
            }
        }
        struct exact_window *w = exact_window_of(&e->first[block], level);
        st = w != NULL ? exact_make_room(&e->first[block], w, floats + bytes) : FG_E_NOMEM;
        if (st == FG_OK && floats > 0) {
            e->folders->floats(x, scale, floats, w->sum, exact_length(e, block));
        }
        if (st == FG_OK && bytes > 0) {
            e->folders->bytes(q, whole, bytes, w->sum, exact_length(e, block));
        }
        w = st == FG_OK ? w : NULL;
        if (w != NULL) {
            w->terms += (uint32_t)(floats + bytes);
        }
    }
    return st;
}

/* The window for one more term. NULL: out of memory. */
static struct exact_window *place_window(struct fg_exact *e, size_t block, int level)
{
    struct exact_window *first = &e->first[block], *w = first;
    if (first->terms == 0 || first->level != level) {
        w = exact_window_of(first, level);
    }
    return w != NULL && exact_make_room(first, w, 1) == FG_OK ? w : NULL;
}

static inline void add_place(int64_t *sum, uint32_t code, uint32_t first, int64_t value)
{
    int64_t negative = -(int64_t)(code & 1);
    sum[(code >> 1) - first] += (value ^ negative) - negative;
}

/* The places of a term in a block that is all of one part. */
static enum fg_status add_places_of_one(struct fg_exact *e, const struct fg_exact_term *t, struct cursor *c,
                                        size_t block, size_t end)
{
    const struct fg_form *f = &t->form;
    const struct fg_form_part *part = &f->part[c->part];
    const uint32_t *place = f->place + c->place, *last = f->place + part->places_end;
    const uint64_t beyond = 2 * (uint64_t)end;
    if (c->known != part) {
        double most = fabs(t->weight) * (double)part->step;
        if (!isfinite(most)) {
            return FG_E_RANGE;
        }
        c->known = part;
        c->level = most > 0.0 ? level_of(most) : 0;
        c->value = nearest(t->weight * unit_scale(c->level) * (double)part->step);
    }
    if (place == last || *place >= beyond) {
        return FG_OK;
    }
    struct exact_window *w = place_window(e, block, c->level);
    if (w == NULL) {
        return FG_E_NOMEM;
    }
    do {
        add_place(w->sum, *place++, (uint32_t)(block * BLOCK), c->value);
    } while (place < last && *place < beyond);
    c->place = (size_t)(place - f->place);
    w->terms++;
    return FG_OK;
}

/* The places of a term in the block up to value `end`: one window, chosen by the largest step among them. */
static enum fg_status add_places(struct fg_exact *e, const struct fg_exact_term *t, struct cursor *c,
                                 size_t block, size_t end)
{
    const struct fg_form *f = &t->form;
    size_t at = block * BLOCK;
    while (c->part < f->parts && f->part[c->part].end <= at) {
        c->part++;
    }
    if (c->part < f->parts && f->part[c->part].end >= end) {
        return add_places_of_one(e, t, c, block, end);
    }
    size_t places = f->parts > 0 ? f->part[f->parts - 1].places_end : 0, stop = c->place, part = c->part;
    const uint64_t beyond = 2 * (uint64_t)end;
    float step = 0.f;
    while (stop < places &&
           f->place[stop] < beyond) { /* part by part, in steps to the last of its places here */
        while (f->part[part].places_end <= stop) {
            part++;
        }
        step = f->part[part].step > step ? f->part[part].step : step;
        size_t last = f->part[part].places_end;
        while (stop < last && f->place[stop] < beyond) {
            stop++;
        }
    }
    double most = fabs(t->weight) * (double)step;
    size_t i = c->place;
    c->place = stop;
    if (!isfinite(most) || i == stop || most == 0.0) {
        return isfinite(most) ? FG_OK : FG_E_RANGE;
    }
    int level = level_of(most);
    struct exact_window *w = place_window(e, block, level);
    double scale = t->weight * unit_scale(level);
    for (part = c->part; w != NULL && i < stop; part++) {
        size_t last = f->part[part].places_end < stop ? f->part[part].places_end : stop;
        int64_t value =
            i < last ? nearest(scale * (double)f->part[part].step) : 0; /* none here: of any size */
        for (; i < last; i++) {
            add_place(w->sum, f->place[i], (uint32_t)at, value);
        }
    }
    if (w == NULL) {
        return FG_E_NOMEM;
    }
    w->terms++;
    return FG_OK;
}

static enum fg_status add_block(struct fg_exact *e, size_t block, const struct fg_exact_term *term, size_t m,
                                struct cursor *cursor)
{
    struct row row[FG_EXACT_MOST];
    size_t n = exact_length(e, block), at = block * BLOCK, rows = 0;
    enum fg_status st = FG_OK;
    if (block + 1 < e->blocks && term[0].form.kind == FG_FORM_PLACES) {
        ahead(e->first[block + 1].sum, BLOCK * sizeof *e->sum);
    }
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        switch (term[k].form.kind) {
        case FG_FORM_FLOATS:
            st = row_of_floats(e, term[k].weight, term[k].form.x + at, n, &row[rows++]);
            break;
        case FG_FORM_BYTES:
            st = open_bytes(e, &term[k], &cursor[k], at, n, e->floats + rows * BLOCK, &row[rows]);
            rows++;
            break;
        case FG_FORM_PLACES:
            st = add_places(e, &term[k], &cursor[k], block, at + n);
            break;
        }
    }
    return st == FG_OK ? add_rows(e, block, row, rows) : st;
}

enum fg_status fg_exact_add(struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    struct cursor cursor[FG_EXACT_MOST] = {{.part = 0}};
    FG_ASSERT(m <= FG_EXACT_MOST);
    for (size_t k = 0; k < m && e->floats == NULL; k++) {
        if (term[k].form.kind == FG_FORM_BYTES &&
            (e->floats = fg_calloc_aligned(FG_EXACT_MOST * (size_t)BLOCK, sizeof *e->floats)) == NULL) {
            return FG_E_NOMEM;
        }
    }
    enum fg_status st = FG_OK;
    for (size_t b = 0; b < e->blocks && st == FG_OK; b++) {
        st = add_block(e, b, term, m, cursor);
    }
    return st;
}
