#include "src/worker/kept.h"

#include <stdbool.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"

/* Of one client: the state that its last task began with, and the one after it, by name; 0 = none. */
struct held {
    uint64_t from, to;
    float *before, *after; /* (P) before: NULL where it lies in a row */
};

struct fg_kept {
    size_t params;
    struct fg_kept_rows rows;
    struct held *held; /* (n) by client */
    size_t n, cap;
};

static float *before_of(const struct fg_kept *k, uint32_t client)
{
    return k->rows.row != NULL ? k->rows.row + (size_t)client * k->params : k->held[client].before;
}

static enum fg_status reach(struct fg_kept *k, uint32_t client)
{
    while (k->n <= client) {
        enum fg_status st = FG_GROW(k->held, k->n, k->cap);
        if (st != FG_OK) {
            return st;
        }
        k->held[k->n++] = (struct held){0};
    }
    return FG_OK;
}

/* The state after the last task is now what the next one begins with. */
static void promote(struct fg_kept *k, uint32_t client)
{
    struct held *h = &k->held[client];
    if (k->rows.row != NULL) {
        memcpy(before_of(k, client), h->after, k->params * sizeof(float));
        k->rows.changed[client] = 1;
        fg_free(h->after);
    } else {
        fg_free(h->before);
        h->before = h->after;
    }
    h->from = h->to;
    h->to = 0;
    h->after = NULL;
}

enum fg_status fg_kept_begin(struct fg_kept *k, uint32_t client, uint64_t kept, float *out, uint32_t *reset)
{
    enum fg_status st = reach(k, client);
    if (st != FG_OK) {
        return st;
    }
    struct held *h = &k->held[client];
    if (kept != 0 && h->to == kept) {
        promote(k, client);
    }
    bool here = kept != 0 && h->from == kept;
    if (here) {
        memcpy(out, before_of(k, client), k->params * sizeof *out);
    } else {
        memset(out, 0, k->params * sizeof *out);
    }
    *reset = kept != 0 && !here;
    return FG_OK;
}

enum fg_status fg_kept_end(struct fg_kept *k, uint32_t client, const float *state, uint64_t *name)
{
    enum fg_status st = reach(k, client);
    struct held *h = st == FG_OK ? &k->held[client] : NULL;
    if (st == FG_OK && h->after == NULL) {
        h->after = fg_calloc_aligned(k->params, sizeof *h->after);
        st = h->after != NULL ? FG_OK : FG_E_NOMEM;
    }
    if (st == FG_OK) {
        memcpy(h->after, state, k->params * sizeof *state);
        uint64_t hash = fg_xxh64(state, k->params * sizeof *state);
        h->to = *name = hash != 0 ? hash : 1;
    }
    return st;
}

void fg_kept_settle(struct fg_kept *k, const uint64_t *counted)
{
    for (uint32_t c = 0; c < k->n; c++) {
        struct held *h = &k->held[c];
        if (h->to != 0 && h->to == counted[c]) {
            promote(k, c);
        }
    }
}

void fg_kept_restore(struct fg_kept *k, const uint64_t *counted)
{
    FG_ASSERT(k->rows.row != NULL);
    for (uint32_t c = 0; c < k->n; c++) {
        fg_free(k->held[c].after);
        k->held[c] = (struct held){.from = counted[c]};
    }
}

void fg_kept_destroy(struct fg_kept *k)
{
    for (size_t i = 0; k != NULL && i < k->n; i++) {
        fg_free(k->held[i].before);
        fg_free(k->held[i].after);
    }
    if (k != NULL) {
        fg_free(k->held);
    }
    fg_free(k);
}

enum fg_status fg_kept_create(struct fg_kept **out, size_t params, uint32_t clients, struct fg_kept_rows rows)
{
    struct fg_kept *k = fg_calloc(1, sizeof *k);
    if (k == NULL) {
        return FG_E_NOMEM;
    }
    *k = (struct fg_kept){.params = params, .rows = rows};
    enum fg_status st = clients > 0 ? reach(k, clients - 1) : FG_OK;
    if (st != FG_OK) {
        fg_kept_destroy(k);
        return st;
    }
    *out = k;
    return FG_OK;
}
