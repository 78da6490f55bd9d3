/* Adding to exact sums: floats and bytes, block by block. */
#include <math.h>
#include <stdatomic.h>

#include "kernels/prefetch.h"
#include "src/aggregator/exact_internal.h"
#include "src/base/mem.h"

/* GROUP: blocks through which some terms go before the next ones follow, so that what they bring comes in
 * long stretches while the sum stays in the second cache. Where places are added anywhere in it, fewer, so
 * that it stays there beside what others have in that cache, and in the first table of pages. So many terms
 * of a kind at once: their blocks, and those ahead of them, share the first cache, also where all lie alike
 * on its lines, and bytes that are judged on the way are still there when they are added. Floats that are
 * judged on the way go one by one. */
enum { GROUP = 32, GROUP_OF_PLACES = 16, FLOATS_AT_ONCE = 2, BYTES_AT_ONCE = 8 };
enum { SPREAD_FROM = 1 << 20 }; /* chosen: values that take some times as long to add as threads to start */

_Static_assert((int)BLOCK == (int)FG_FOLD_BLOCK && (int)BLOCK == (int)FG_AWAY_BLOCK,
               "what is known of blocks of updates is of blocks of the sum");

/* ---- adding ---- */

struct fg_exact_term fg_exact_floats(double weight, const float *x)
{
    return (struct fg_exact_term){.weight = weight, .form = {.kind = FG_FORM_FLOATS, .x = x}};
}

/* Terms of one block, as they are added to a window: floats or bytes, each with a scale. */
struct row {
    enum { ROW_NOTHING, ROW_FLOATS, ROW_BYTES } kind;
    int level;
    const float *x;
    const int8_t *q;
    double scale;
};

/* largest: |x|, as fg_coders.largest. */
static enum fg_status row_of_floats(double weight, const float *x, float largest, struct row *out)
{
    double most = fabs(weight) * (double)largest;
    if (!isfinite(most)) {
        return FG_E_RANGE;
    }
    int level = most > 0.0 ? exact_level_of(most) : 0;
    *out = (struct row){.kind = most > 0.0 ? ROW_FLOATS : ROW_NOTHING,
                        .level = level,
                        .x = x,
                        .scale = weight * exact_unit_scale(level)};
    return FG_OK;
}

/* Bytes times weight * step, if that is what floats give: where all of the block has one step and nothing is
 * rounded. */
static bool row_of_bytes(double weight, float step, struct row *out)
{
    double by = weight * (double)step, most = 129.0 * fabs(by);
    if (!isfinite(most) || fma(weight, (double)step, -by) != 0.0) {
        return false;
    }
    if (most == 0.0) {
        *out = (struct row){.kind = ROW_NOTHING};
        return true;
    }
    int level = exact_level_of(most);
    double scale = by * exact_unit_scale(level);
    *out = (struct row){.kind = ROW_BYTES, .level = level, .scale = scale};
    return scale == (double)(int64_t)scale;
}

/* The same for the part in which the cursor is, worked out once. */
static bool row_of_part(const struct fg_exact_term *t, struct exact_cursor *c, const int8_t *q,
                        struct row *out)
{
    const struct fg_form_part *part = &t->form.part[c->part];
    if (c->known != part) {
        struct row row = {.kind = ROW_NOTHING};
        c->known = part;
        c->whole = row_of_bytes(t->weight, part->step, &row);
        c->level = row.level;
        c->value = c->whole && row.kind == ROW_BYTES ? (int64_t)row.scale : 0;
    }
    *out = (struct row){.kind = c->value != 0 ? ROW_BYTES : ROW_NOTHING,
                        .level = c->level,
                        .q = q,
                        .scale = (double)c->value};
    return c->whole;
}

/* The next block was judged. False: nothing of it is to be added. */
static bool found(struct exact_cursor *c, float largest)
{
    c->wrong = !isfinite(largest);
    c->blocks += !c->wrong;
    return !c->wrong;
}

/* Judge the next block of an unjudged term. *largest: where its values are floats. False: nothing of it
 * is to be added. */
static bool judge_block(const struct fg_exact *e, const struct fg_form *f, struct exact_cursor *c,
                        float *largest)
{
    bool floats = f->kind == FG_FORM_FLOATS;
    if (c->wrong) {
        return false;
    }
    *largest = 0.f;
    e->folders->scan_on(&f->unjudged->scan, BLOCK * (floats ? sizeof *f->x : sizeof *f->q),
                        floats ? largest : NULL);
    return found(c, *largest);
}

/* The row of a term of bytes in the block of n values from `at` on. `floats` (BLOCK) is where they are
 * made. */
static enum fg_status open_bytes(struct fg_exact *e, const struct fg_exact_term *t, struct exact_cursor *c,
                                 size_t at, size_t n, float *floats, struct row *out)
{
    const struct fg_form *f = &t->form;
    while (f->part[c->part].end <= at) {
        c->part++;
    }
    if (f->part[c->part].end >= at + n && row_of_part(t, c, f->q + at, out)) {
        return FG_OK;
    }
    for (size_t p = c->part, i = 0; i < n; p++) {
        size_t end = f->part[p].end < at + n ? f->part[p].end - at : n;
        e->coders->scale(f->q + at + i, f->part[p].step, floats + i, end - i);
        i = end;
    }
    return row_of_floats(t->weight, floats, e->coders->largest(floats, n), out);
}

/* A window of a block with room for so many terms more, which it counts. Errors: FG_E_NOMEM. */
static enum fg_status open_window(struct fg_exact *e, size_t block, int level, size_t terms,
                                  struct exact_window **out)
{
    struct exact_window *w = exact_window_of(&e->first[block], level);
    enum fg_status st = w != NULL ? exact_make_room(&e->first[block], w, terms) : FG_E_NOMEM;
    if (st == FG_OK) {
        w->terms += (uint32_t)terms;
        *out = w;
    }
    return st;
}

static enum fg_status add_rows(struct fg_exact *e, size_t block, struct row *row, size_t m)
{
    const float *x[BYTES_AT_ONCE];
    const int8_t *q[BYTES_AT_ONCE];
    double scale[BYTES_AT_ONCE];
    int64_t whole[BYTES_AT_ONCE];
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
        struct exact_window *w;
        st = open_window(e, block, level, floats + bytes, &w);
        if (st == FG_OK && floats > 0) {
            e->folders->floats(x, scale, floats, w->sum, exact_length(e, block));
        }
        if (st == FG_OK && bytes > 0) {
            e->folders->bytes(q, whole, bytes, w->sum, exact_length(e, block));
        }
    }
    return st;
}

/* Blocks of a term of floats that nobody judged: the next one is judged while one is added. */
static enum fg_status add_judging(struct fg_exact *e, size_t from, size_t end, const struct fg_exact_term *t,
                                  struct exact_cursor *c)
{
    const struct fg_form *f = &t->form;
    enum fg_status st = FG_OK;
    float largest = 0.f;
    bool right = judge_block(e, f, c, &largest);
    for (size_t b = from; b < end && right && st == FG_OK; b++) {
        struct row row;
        struct exact_window *w;
        st = row_of_floats(t->weight, f->x + b * BLOCK, largest, &row);
        if (st != FG_OK) {
            break;
        }
        if (row.kind == ROW_NOTHING || b + 1 == end) {
            st = add_rows(e, b, &row, 1);
            right = b + 1 < end && judge_block(e, f, c, &largest);
        } else if ((st = open_window(e, b, row.level, 1, &w)) == FG_OK) {
            largest = e->folders->floats_and_scan(row.x, row.scale, w->sum, BLOCK, &f->unjudged->scan);
            right = found(c, largest);
        }
    }
    return st;
}

static size_t group_of(const struct fg_exact_term *t, size_t m)
{
    for (size_t k = 0; k < m; k++) {
        if (t[k].form.kind == FG_FORM_PLACES) {
            return GROUP_OF_PLACES;
        }
    }
    return GROUP;
}

static bool judges_floats(const struct fg_form *f)
{
    return f->kind == FG_FORM_FLOATS && f->unjudged != NULL;
}

/* How many of these are added together: of one kind; add_judging() takes one. */
static size_t at_once(const struct fg_exact_term *t, size_t m)
{
    static const size_t most[] = {
        [FG_FORM_FLOATS] = FLOATS_AT_ONCE,
        [FG_FORM_BYTES] = BYTES_AT_ONCE,
        [FG_FORM_PLACES] = 1,
        [FG_FORM_AWAY] =
            FG_EXACT_MOST, /* those of one device: there is one in a run that leaves them there */
        [FG_FORM_FAR] = 1};
    size_t n = 1;
    while (!judges_floats(&t->form) && n < m && n < most[t->form.kind] && t[n].form.kind == t->form.kind &&
           !judges_floats(&t[n].form)) {
        n++;
    }
    return n;
}

/* Floats or bytes, at_once(). */
static enum fg_status add_block(struct fg_exact *e, size_t block, const struct fg_exact_term *term, size_t m,
                                struct exact_cursor *cursor)
{
    struct row row[BYTES_AT_ONCE];
    size_t n = exact_length(e, block), at = block * BLOCK;
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        const struct fg_form *f = &term[k].form;
        float largest;
        if (f->unjudged != NULL && !judge_block(e, f, &cursor[k], &largest)) {
            row[k].kind = ROW_NOTHING;
        } else if (f->kind == FG_FORM_FLOATS) {
            largest = f->largest != NULL ? f->largest[block] : e->coders->largest(f->x + at, n);
            st = row_of_floats(term[k].weight, f->x + at, largest, &row[k]);
        } else {
            st = open_bytes(e, &term[k], &cursor[k], at, n, e->floats + k * BLOCK, &row[k]);
        }
    }
    return st == FG_OK ? add_rows(e, block, row, m) : st;
}

static enum fg_status add_blocks(struct fg_exact *e, size_t from, size_t end, const struct fg_exact_term *t,
                                 size_t m, struct exact_cursor *cursor)
{
    if (t->form.kind == FG_FORM_AWAY || t->form.kind == FG_FORM_FAR) {
        return FG_OK; /* added before */
    }
    if (t->form.kind == FG_FORM_PLACES) {
        return exact_add_places(e, t, cursor, from, end);
    }
    if (judges_floats(&t->form)) {
        return add_judging(e, from, end, t, cursor);
    }
    enum fg_status st = FG_OK;
    for (size_t b = from; b < end && st == FG_OK; b++) {
        st = add_block(e, b, t, m, cursor);
    }
    return st;
}

/* Ask for the sums of so many blocks from `from` on, of which terms k..k + now - 1 have a share. */
static void ask_ahead(const struct fg_exact *e, size_t from, size_t group, size_t k, size_t now, size_t m)
{
    size_t blocks = from + group < e->blocks ? group : e->blocks - from,
           bytes = blocks * BLOCK * sizeof *e->sum;
    size_t at = k * bytes / m, end = (k + now) * bytes / m;
    fg_prefetch(e->sum + from * BLOCK, at, end - at);
}

/* What was added of a term that turned out to be wrong, with the sign changed: the same whole numbers. */
static enum fg_status take_out(struct fg_exact *e, const struct fg_exact_term *t, size_t blocks)
{
    struct fg_exact_term minus = {.weight = -t->weight, .form = t->form};
    struct exact_cursor cursor = {0};
    minus.form.unjudged = NULL;
    return blocks > 0 ? add_blocks(e, 0, blocks, &minus, 1, &cursor) : FG_OK;
}

/* The end of terms (m) that were added unjudged. */
static enum fg_status end_judging(struct fg_exact *e, const struct fg_exact_term *term, size_t m,
                                  const struct exact_cursor *cursor)
{
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < m && st == FG_OK; k++) {
        struct fg_unjudged *u = term[k].form.unjudged;
        if (u == NULL || (!cursor[k].wrong && e->folders->scan_end(&u->scan).hash == u->checksum)) {
            continue;
        }
        st = take_out(e, &term[k], cursor[k].blocks);
        st = st == FG_OK ? u->mend(u, term[k].weight, e) : st;
    }
    return st;
}

/* ---- by several hands ---- */

/* Floats that were judged already: each block is a matter of its own. */
static bool can_spread(const struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    bool can = e->spread != NULL && e->hands > 1 && m * e->n >= SPREAD_FROM;
    for (size_t k = 0; k < m && can; k++) {
        can = term[k].form.kind == FG_FORM_FLOATS && term[k].form.unjudged == NULL;
    }
    return can;
}

struct spread {
    struct fg_exact *e;
    const struct fg_exact_term *term;
    size_t m, group; /* terms; blocks of an item */
    atomic_int st;   /* of one that failed, or FG_OK */
};

static void add_group(void *arg, size_t hand, size_t i)
{
    struct spread *s = arg;
    struct fg_exact *e = s->e;
    size_t from = i * s->group, end = from + s->group < e->blocks ? from + s->group : e->blocks;
    enum fg_status st = FG_OK;
    (void)hand;
    for (size_t k = 0, now; k < s->m && st == FG_OK; k += now) {
        now = at_once(s->term + k, s->m - k);
        st = add_blocks(e, from, end, s->term + k, now, NULL);
    }
    if (st != FG_OK) {
        atomic_store(&s->st, (int)st);
    }
}

static enum fg_status add_spread(struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    size_t parts = 4 * e->hands, group = (e->blocks + parts - 1) / parts;
    struct spread s = {.e = e, .term = term, .m = m, .group = group < GROUP ? group : GROUP};
    enum fg_status st = e->spread(e->hands, (e->blocks + s.group - 1) / s.group, add_group, &s);
    return st == FG_OK ? (enum fg_status)atomic_load(&s.st) : st;
}

void fg_exact_spread(struct fg_exact *e, size_t hands, fg_spread_fn *spread)
{
    e->hands = hands;
    e->spread = spread;
}

enum fg_status fg_exact_add(struct fg_exact *e, const struct fg_exact_term *term, size_t m)
{
    if (can_spread(e, term, m)) {
        return add_spread(e, term, m);
    }
    struct exact_cursor cursor[FG_EXACT_MOST]; /* (m): of one term not all is to be set */
    FG_ASSERT(m <= FG_EXACT_MOST);
    for (size_t k = 0; k < m; k++) {
        cursor[k] = (struct exact_cursor){0};
        if (e->floats == NULL && term[k].form.kind == FG_FORM_BYTES &&
            (e->floats = fg_calloc_aligned(BYTES_AT_ONCE * (size_t)BLOCK, sizeof *e->floats)) == NULL) {
            return FG_E_NOMEM;
        }
    }
    enum fg_status st = FG_OK;
    size_t elsewhere = 0;
    for (size_t k = 0, now; k < m && st == FG_OK; k += now) {
        now = at_once(term + k, m - k);
        bool away = term[k].form.kind == FG_FORM_AWAY, far = term[k].form.kind == FG_FORM_FAR;
        st = away ? exact_add_away(e, term + k, now) : far ? exact_add_far(e, term + k) : FG_OK;
        elsewhere += away || far ? now : 0;
    }
    if (elsewhere == m) {
        return st;
    }
    const size_t group = group_of(term, m);
    for (size_t b = 0; b < e->blocks; b += group) {
        size_t end = b + group < e->blocks ? b + group : e->blocks;
        for (size_t k = 0, now; k < m && st == FG_OK; k += now) {
            now = at_once(term + k, m - k);
            ask_ahead(e, end, group, k, now, m);
            st = add_blocks(e, b, end, term + k, now, cursor + k);
        }
    }
    return st == FG_OK ? end_judging(e, term, m, cursor) : st;
}
