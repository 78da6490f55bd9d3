#include "src/base/fsum.h"
#include "src/base/mem.h"

#include "src/aggregator/exact_internal.h"

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
    e->sum = fg_alloc_aligned(e->blocks * BLOCK, sizeof *e->sum);
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
        for (struct exact_window *w = e->first[b].next, *next; w != NULL; w = next) {
            next = w->next;
            fg_free(w->sum);
            fg_free(w);
        }
    }
    fg_free(e->first);
    fg_free(e->sum);
    fg_free(e->floats);
    fg_free(e->away);
    fg_free(e->far);
    fg_free(e);
}

/* ---- windows ---- */

struct exact_window *exact_window_of(struct exact_window *first, int level)
{
    struct exact_window *empty = NULL, *last = first;
    FG_ASSERT(first != NULL);
    for (struct exact_window *w = first; w != NULL; w = w->next) {
        if (w->terms > 0 && w->level == level) {
            return w;
        }
        empty = empty == NULL && w->terms == 0 ? w : empty;
        last = w;
    }
    if (empty == NULL) {
        empty = fg_calloc(1, sizeof *empty);
        if (empty == NULL || (empty->sum = fg_alloc_aligned(BLOCK, sizeof *empty->sum)) == NULL) {
            fg_free(empty);
            return NULL;
        }
        last->next = empty;
    }
    exact_wipe(empty, level);
    return empty;
}

enum fg_status exact_make_room(struct exact_window *first, struct exact_window *w, size_t terms)
{
    if (w->terms + terms <= SUM_TERMS) {
        return FG_OK;
    }
    struct exact_window *up = exact_window_of(first, w->level + SPILL_BITS / LEVEL_BITS);
    if (up == NULL) {
        return FG_E_NOMEM;
    }
    enum fg_status st = exact_make_room(first, up, 1);
    for (size_t i = 0; i < BLOCK && st == FG_OK; i++) {
        int64_t low = w->sum[i] & (((int64_t)1 << SPILL_BITS) - 1);
        up->sum[i] += (w->sum[i] - low) >> SPILL_BITS;
        w->sum[i] = low;
    }
    up->terms += st == FG_OK;
    w->terms = st == FG_OK ? 1 : w->terms;
    return st;
}

void fg_exact_expand(const struct fg_form *form, float *out, size_t n)
{
    const struct fg_coders *coders = fg_coders_get("auto");
    FG_ASSERT(form->kind != FG_FORM_AWAY && form->kind != FG_FORM_FAR);
    if (form->kind == FG_FORM_FLOATS) {
        memcpy(out, form->x, n * sizeof *out);
        return;
    }
    memset(out, 0, n * sizeof *out);
    for (size_t p = 0, at = 0, i = 0; p < form->parts; at = form->part[p++].end) {
        float step = form->part[p].step;
        if (form->kind == FG_FORM_BYTES) {
            coders->scale(form->q + at, step, out + at, form->part[p].end - at);
        }
        for (; form->kind == FG_FORM_PLACES && i < form->part[p].places_end; i++) {
            out[form->place[i] >> 1] = (form->place[i] & 1) != 0 ? -step : step;
        }
    }
}

/* ---- reading ---- */

enum {
    WINDOWS = 320
}; /* more than there are levels between the least and the largest term of floats and weights */

static int unit_of(const struct exact_window *w)
{
    return LEVEL_BITS * w->level - FG_FOLD_BITS;
}

static void read_one(const struct exact_window *w, double *out, size_t n)
{
    double unit = exact_power_of_2(unit_of(w));
    for (size_t i = 0; i < n; i++) {
        out[i] = (double)w->sum[i] * unit;
    }
}

/* Two windows of neighbouring levels. From 2^54 on, a bit that says whether there is more
 * below is all that rounding asks for. */
static void read_neighbours(const struct exact_window *up, const struct exact_window *low, double *out,
                            size_t n)
{
    double unit = exact_power_of_2(unit_of(low)), above = exact_power_of_2(unit_of(up));
    for (size_t i = 0; i < n; i++) {
        int64_t rest = low->sum[i] & ((1 << LEVEL_BITS) - 1);
        int64_t high = up->sum[i] + ((low->sum[i] - rest) >> LEVEL_BITS);
        bool small = high > -((int64_t)1 << FG_FOLD_BITS) && high < (int64_t)1 << FG_FOLD_BITS;
        out[i] =
            small ? (double)(high * (1 << LEVEL_BITS) + rest) * unit : (double)(high | (rest != 0)) * above;
    }
}

static void read_many(const struct exact_window *const *w, size_t m, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fg_fsum s = {.n = 0};
        for (size_t k = 0; k < m; k++) {
            int64_t low = w[k]->sum[i] & 0xffffffff;
            fg_fsum_add(&s, (double)low * exact_power_of_2(unit_of(w[k])));
            fg_fsum_add(&s, (double)(w[k]->sum[i] - low) * exact_power_of_2(unit_of(w[k])));
        }
        out[i] = fg_fsum_read(&s);
    }
}

void fg_exact_read(const struct fg_exact *e, double *out)
{
    FG_ASSERT(e->n_far == 0);
    for (size_t b = 0; b < e->blocks; b++) {
        const struct exact_window *there[WINDOWS];
        size_t m = 0, n = exact_length(e, b);
        for (const struct exact_window *w = &e->first[b]; w != NULL; w = w->next) {
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
    while (e->n_far > 0) {
        struct fg_far *far = e->far[--e->n_far];
        far->drop(far);
    }
    for (size_t b = 0; b < e->blocks; b++) {
        for (struct exact_window *w = &e->first[b]; w != NULL; w = w->next) {
            w->terms = 0;
        }
    }
}
