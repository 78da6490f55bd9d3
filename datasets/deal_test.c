/* Test samples of each client. */
#include <math.h>
#include <string.h>

#include "datasets/deal.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/sort.h"

/* Test samples by the group they belong to: counted, then filled in order. */
static enum fg_status by_group(struct fg_partition *p, const struct fg_dataset *ds)
{
    uint32_t *client_of = fg_calloc(ds->groups, sizeof *client_of);
    size_t *fill = fg_calloc((size_t)p->clients + 1, sizeof *fill);
    enum fg_status st = FG_E_NOMEM;
    if (client_of == NULL || fill == NULL) {
        goto cleanup;
    }
    memset(client_of, 0xff, ds->groups * sizeof *client_of);
    for (uint32_t k = 0; k < p->clients; k++) {
        client_of[p->group[k]] = k;
    }
    for (size_t i = ds->n_train; i < ds->n; i++) {
        if (ds->group[i] != FG_NO_GROUP && client_of[ds->group[i]] != FG_NO_GROUP) {
            p->test_first[client_of[ds->group[i]] + 1]++;
        }
    }
    for (uint32_t k = 0; k < p->clients; k++) {
        fill[k] = p->test_first[k];
        p->test_first[k + 1] += p->test_first[k];
    }
    p->test = fg_calloc(p->test_first[p->clients], sizeof *p->test);
    if (p->test == NULL) {
        goto cleanup;
    }
    for (size_t i = ds->n_train; i < ds->n; i++) {
        if (ds->group[i] != FG_NO_GROUP && client_of[ds->group[i]] != FG_NO_GROUP) {
            p->test[fill[client_of[ds->group[i]]]++] = (uint32_t)i;
        }
    }
    st = FG_OK;
cleanup:
    fg_free(client_of);
    fg_free(fill);
    return st;
}

/* Room for the mirror rule: the test part by label, shuffled within. */
struct mirror {
    const struct fg_dataset *ds;
    uint32_t classes; /* 1 for tokens */
    uint32_t *order;  /* (n - n_train) */
    size_t *first;    /* (classes + 1) */
    size_t *count;    /* (classes) of one client */
    uint64_t seed;
};

static size_t mirror_size(const struct mirror *m, size_t n_client)
{
    double want = (double)n_client * (double)(m->ds->n - m->ds->n_train) / (double)m->ds->n_train;
    size_t size = (size_t)floor(want + 0.5);
    return size > 0 ? size : 1;
}

/* One client's test samples, to out (or only counted when NULL). */
static size_t mirror_client(const struct mirror *m, const struct fg_partition *p, uint32_t k, uint32_t *out)
{
    size_t n = p->train_first[k + 1] - p->train_first[k], at = 0, sum = 0, before = 0;
    size_t size = n > 0 ? mirror_size(m, n) : 0;
    struct fg_rng r;
    memset(m->count, 0, m->classes * sizeof *m->count);
    for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
        m->count[m->classes == 1 ? 0 : fg_deal_label(m->ds, p->train[i])]++;
    }
    fg_rng_init(&r, m->seed, FG_RNG_SPLIT, k, 1);
    for (uint32_t c = 0; c < m->classes && size > 0; c++) {
        size_t have = m->first[c + 1] - m->first[c];
        sum += m->count[c];
        size_t end = (size_t)floor((double)size * ((double)sum / (double)n) + 0.5), take = end - before;
        before = end;
        take = take > have ? have : take;
        if (take == 0) {
            continue;
        }
        /* A run of the shuffled samples from a random place on, going round. */
        size_t start = fg_rng_below(&r, (uint32_t)have);
        for (size_t i = 0; i < take && out != NULL; i++) {
            out[at + i] = m->order[m->first[c] + (start + i) % have];
        }
        at += take;
    }
    if (out != NULL) {
        fg_sort_u32(out, at);
    }
    return at;
}

static enum fg_status mirror_all(struct fg_partition *p, const struct fg_dataset *ds, uint64_t seed)
{
    struct mirror m = {.ds = ds, .classes = ds->kind == FG_DATA_TOKENS ? 1 : ds->classes, .seed = seed};
    size_t tests = ds->n - ds->n_train;
    m.order = fg_calloc(tests, sizeof *m.order);
    m.first = fg_calloc((size_t)ds->classes + 1, sizeof *m.first);
    m.count = fg_calloc(m.classes, sizeof *m.count);
    enum fg_status st = FG_E_NOMEM;
    if (m.order == NULL || m.first == NULL || m.count == NULL) {
        goto cleanup;
    }
    fg_deal_by_label(m.order, m.first, ds, ds->n_train, ds->n);
    if (m.classes == 1) {
        m.first[0] = 0;
        m.first[1] = tests;
    }
    for (uint32_t c = 0; c < m.classes; c++) {
        struct fg_rng r;
        fg_rng_init(&r, seed, FG_RNG_PARTITION, c, FG_DEAL_TEST);
        fg_rng_shuffle(&r, m.order + m.first[c], m.first[c + 1] - m.first[c]);
    }
    for (uint32_t k = 0; k < p->clients; k++) {
        p->test_first[k + 1] = p->test_first[k] + mirror_client(&m, p, k, NULL);
    }
    p->test = fg_calloc(p->test_first[p->clients], sizeof *p->test);
    if (p->test == NULL) {
        goto cleanup;
    }
    for (uint32_t k = 0; k < p->clients; k++) {
        (void)mirror_client(&m, p, k, p->test + p->test_first[k]);
    }
    st = FG_OK;
cleanup:
    fg_free(m.order);
    fg_free(m.first);
    fg_free(m.count);
    return st;
}

static size_t held_out(size_t n, double fraction)
{
    size_t take = (size_t)floor((double)n * fraction + 0.5);
    take = take == 0 && n >= 2 ? 1 : take;
    return take >= n ? (n > 0 ? n - 1 : 0) : take;
}

/* Move part of every training list to the test list; training lists close up. */
static enum fg_status hold_out(struct fg_partition *p, const struct fg_dataset *ds, double fraction,
                               uint64_t seed)
{
    if (!(fraction > 0.0)) {
        p->test = fg_calloc(1, sizeof *p->test);
        return p->test != NULL ? FG_OK : FG_E_NOMEM;
    }
    size_t total = 0, to = 0;
    for (uint32_t k = 0; k < p->clients; k++) {
        total += held_out(p->train_first[k + 1] - p->train_first[k], fraction);
    }
    p->test = fg_calloc(total, sizeof *p->test);
    if (p->test == NULL) {
        return FG_E_NOMEM;
    }
    size_t from = p->train_first[0];
    for (uint32_t k = 0; k < p->clients; k++) {
        size_t n = p->train_first[k + 1] - from, take = held_out(n, fraction), at = p->test_first[k];
        uint32_t *list = p->train + from;
        if (ds->kind != FG_DATA_TOKENS) {
            struct fg_rng r;
            fg_rng_init(&r, seed, FG_RNG_SPLIT, k, 2);
            fg_rng_shuffle(&r, list, n);
            fg_sort_u32(list, n - take);
            fg_sort_u32(list + n - take, take);
        }
        memcpy(p->test + at, list + n - take, take * sizeof *list);
        memmove(p->train + to, list, (n - take) * sizeof *list);
        from = p->train_first[k + 1];
        to += n - take;
        p->train_first[k + 1] = to;
        p->test_first[k + 1] = at + take;
    }
    return FG_OK;
}

static int any_group_test(const struct fg_partition *p, const struct fg_dataset *ds)
{
    uint8_t *mine = fg_calloc((size_t)ds->groups + 1, 1);
    int any = mine == NULL ? -1 : 0;
    for (uint32_t k = 0; mine != NULL && k < p->clients; k++) {
        mine[p->group[k]] = 1;
    }
    for (size_t i = ds->n_train; any == 0 && i < ds->n; i++) {
        any = ds->group[i] != FG_NO_GROUP && mine[ds->group[i]];
    }
    fg_free(mine);
    return any;
}

enum fg_status fg_deal_tests(struct fg_partition *p, const struct fg_dataset *ds,
                             const struct fg_partition_spec *spec)
{
    enum fg_client_test how = spec->test;
    if (how == FG_CLIENT_TEST_AUTO) {
        int groups = spec->kind == FG_PARTITION_GROUPS, any = groups ? any_group_test(p, ds) : 0;
        if (any < 0) {
            return FG_E_NOMEM;
        }
        how = any                              ? FG_CLIENT_TEST_GROUP
              : !groups && ds->n > ds->n_train ? FG_CLIENT_TEST_MIRROR
                                               : FG_CLIENT_TEST_HOLDOUT;
    }
    if (how == FG_CLIENT_TEST_GROUP) {
        return by_group(p, ds);
    }
    if (how == FG_CLIENT_TEST_MIRROR) {
        return mirror_all(p, ds, spec->seed);
    }
    return hold_out(p, ds, how == FG_CLIENT_TEST_HOLDOUT ? spec->test_fraction : 0.0, spec->seed);
}
