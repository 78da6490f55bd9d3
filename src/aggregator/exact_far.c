/* Sums of sums: what other processes add up, and sums as bytes. */
#include <math.h>

#include "src/aggregator/exact_internal.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"

/* ---- who adds up far from here ---- */

enum fg_status exact_add_far(struct fg_exact *e, const struct fg_exact_term *t)
{
    struct fg_far *far = t->form.far;
    size_t k = 0;
    if (!isfinite(t->weight)) {
        return FG_E_RANGE;
    }
    while (k < e->n_far && e->far[k] != far) {
        k++;
    }
    enum fg_status st = k == e->cap_far ? fg_grow(&e->far, &e->cap_far, sizeof(struct fg_far *)) : FG_OK;
    if (st == FG_OK && k == e->n_far) {
        e->far[e->n_far++] = far;
    }
    return st == FG_OK ? far->add(far, t->form.id, t->weight) : st;
}

enum fg_status fg_exact_gather(struct fg_exact *e)
{
    enum fg_status st = FG_OK;
    for (size_t k = 0; k < e->n_far && st == FG_OK; k++) {
        st = e->far[k]->ask(e->far[k]);
    }
    while (e->n_far > 0 && st == FG_OK) {
        struct fg_far *far = e->far[e->n_far - 1];
        st = far->sum(far, e);
        e->n_far -= st == FG_OK;
    }
    return st;
}

/* ---- sums as bytes ---- */

/* The last one whose unit is a double. */
enum { LEVEL_MOST = (1023 + FG_FOLD_BITS) / LEVEL_BITS };

/* The machine's order is that of the wire, as in base/bytes.c. */
static enum fg_status pack_window(const struct exact_window *w, size_t n, struct fg_str *out)
{
    enum fg_status st = fg_put_u32(out, (uint32_t)w->level);
    st = st == FG_OK ? fg_put_u32(out, w->terms) : st;
    return st == FG_OK ? fg_str_add(out, w->sum, n * sizeof *w->sum) : st;
}

enum fg_status fg_exact_pack(const struct fg_exact *e, struct fg_str *out)
{
    FG_ASSERT(e->n_far == 0);
    enum fg_status st = fg_put_u64(out, e->n);
    for (size_t b = 0; b < e->blocks && st == FG_OK; b++) {
        uint32_t windows = 0;
        for (const struct exact_window *w = &e->first[b]; w != NULL; w = w->next) {
            windows += w->terms > 0;
        }
        st = fg_put_u32(out, windows);
        for (const struct exact_window *w = &e->first[b]; w != NULL && st == FG_OK; w = w->next) {
            st = w->terms > 0 ? pack_window(w, exact_length(e, b), out) : FG_OK;
        }
    }
    return st;
}

/* A window as it was packed. */
struct packed {
    int level;
    uint32_t terms;
    const uint8_t *sum; /* (n) little-endian, as they lie */
};

static int64_t value_of(const struct packed *p, size_t i)
{
    int64_t v;
    memcpy(&v, p->sum + i * sizeof v, sizeof v);
    return v;
}

/* The next window; false: it is none that so many terms make. */
static bool get_window(struct fg_reader *r, size_t n, struct packed *out)
{
    out->level = (int)fg_get_u32(r);
    out->terms = fg_get_u32(r);
    out->sum = fg_get_bytes(r, n * sizeof(int64_t));
    if (out->sum == NULL || out->level < LEVEL_MIN || out->level > LEVEL_MOST || out->terms == 0 ||
        out->terms > SUM_TERMS) {
        return false;
    }
    const int64_t most = (int64_t)out->terms << FG_FOLD_BITS;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        int64_t v = value_of(out, i);
        fits = fits && v >= -most && v <= most;
    }
    return fits;
}

static bool is_sum(const struct fg_exact *e, struct fg_reader r)
{
    bool good = fg_get_u64(&r) == e->n;
    for (size_t b = 0; b < e->blocks && good; b++) {
        uint32_t windows = fg_get_u32(&r);
        struct packed p;
        for (uint32_t k = 0; k < windows && good; k++) {
            good = get_window(&r, exact_length(e, b), &p);
        }
    }
    return good && fg_reader_done(&r);
}

/* The window of a level, with room for so many terms, which then are in it. NULL: out of memory. */
static struct exact_window *book(struct exact_window *first, int level, uint32_t terms)
{
    struct exact_window *w = exact_window_of(first, level);
    if (w == NULL || exact_make_room(first, w, terms) != FG_OK) {
        return NULL;
    }
    w->terms += terms;
    return w;
}

/* One that many terms made goes in as exact_make_room() would have left it: room for as many more may not be
 * there. */
static enum fg_status add_window(struct exact_window *first, const struct packed *p, size_t n)
{
    bool many = p->terms > SUM_TERMS / 2;
    struct exact_window *w = book(first, p->level, many ? 1 : p->terms);
    struct exact_window *up = w != NULL && many ? book(first, p->level + SPILL_BITS / LEVEL_BITS, 1) : NULL;
    if (w == NULL || (many && up == NULL)) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t v = value_of(p, i), low = many ? v & (((int64_t)1 << SPILL_BITS) - 1) : v;
        w->sum[i] += low;
        if (many) {
            up->sum[i] += (v - low) >> SPILL_BITS;
        }
    }
    return FG_OK;
}

enum fg_status fg_exact_take(struct fg_exact *e, const uint8_t *bytes, size_t len)
{
    struct fg_reader r = fg_reader_of(bytes, len);
    enum fg_status st = is_sum(e, r) ? FG_OK : FG_E_CORRUPT;
    (void)fg_get_u64(&r);
    for (size_t b = 0; b < e->blocks && st == FG_OK; b++) {
        uint32_t windows = fg_get_u32(&r);
        for (uint32_t k = 0; k < windows && st == FG_OK; k++) {
            struct packed p;
            (void)get_window(&r, exact_length(e, b), &p);
            st = add_window(&e->first[b], &p, exact_length(e, b));
        }
    }
    return st;
}
