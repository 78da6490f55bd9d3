#include "datasets/deal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

void fg_deal_by_label(uint32_t *order, size_t *first, const struct fg_dataset *ds, size_t from, size_t to)
{
    memset(first, 0, ((size_t)ds->classes + 1) * sizeof *first);
    for (size_t i = from; i < to; i++) {
        first[fg_deal_label(ds, i)]++;
    }
    size_t end = 0;
    for (uint32_t c = 0; c <= ds->classes; c++) {
        size_t count = first[c];
        end += c < ds->classes ? count : 0;
        first[c] = end; /* the end of class c; filled from behind below */
    }
    for (size_t i = to; i-- > from;) {
        order[--first[fg_deal_label(ds, i)]] = (uint32_t)i;
    }
}

/* A class and how often it occurs: all that the comparison needs. */
struct counted {
    size_t count;
    uint32_t class;
};

static int rarer_first(const void *a, const void *b)
{
    const struct counted *p = a, *q = b;
    if (p->count != q->count) {
        return p->count < q->count ? -1 : 1;
    }
    return p->class > q->class ? -1 : p->class < q->class;
}

uint32_t fg_deal_rare(uint8_t *rare, uint32_t *order, const struct fg_dataset *ds, const size_t *first)
{
    uint32_t n = ds->classes / 5 > 0 ? ds->classes / 5 : 1, at = 0;
    struct counted *all = fg_calloc(ds->classes, sizeof *all);
    if (all == NULL) {
        return 0;
    }
    for (uint32_t c = 0; c < ds->classes; c++) {
        all[c] = (struct counted){first[c + 1] - first[c], c};
    }
    qsort(all, ds->classes, sizeof *all, rarer_first);
    memset(rare, 0, ds->classes);
    for (; at < n; at++) {
        rare[all[at].class] = 1;
        order[at] = all[at].class;
    }
    for (uint32_t c = 0; c < ds->classes; c++) {
        if (!rare[c]) {
            order[at++] = c;
        }
    }
    fg_free(all);
    return n;
}

/* Samples in the order in which they are dealt. `sorted` keeps the common classes sorted by label as well. */
static enum fg_status sequence(uint32_t *out, size_t *rare_samples, const struct fg_dataset *ds,
                               const struct fg_partition_spec *spec, int sorted)
{
    size_t *first = fg_calloc((size_t)ds->classes + 1, sizeof *first);
    uint32_t *order = fg_calloc(ds->n_train, sizeof *order), *class = fg_calloc(ds->classes, sizeof *class);
    uint8_t *rare = fg_calloc(ds->classes, 1);
    enum fg_status st = FG_E_NOMEM;
    uint32_t rares = 0;
    size_t at = 0;
    if (first == NULL || order == NULL || class == NULL || rare == NULL) {
        goto cleanup;
    }
    fg_deal_by_label(order, first, ds, 0, ds->n_train);
    if (spec->coupling == FG_COUPLING_RARE_CARBON) {
        rares = fg_deal_rare(rare, class, ds, first);
        if (rares == 0) {
            goto cleanup;
        }
    } else {
        for (uint32_t c = 0; c < ds->classes; c++) {
            class[c] = c;
        }
    }
    *rare_samples = 0;
    for (uint32_t c = 0; c < ds->classes; c++) {
        struct fg_rng r;
        size_t n = first[class[c] + 1] - first[class[c]];
        memcpy(out + at, order + first[class[c]], n * sizeof *out);
        fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, class[c], FG_DEAL_CLASS);
        fg_rng_shuffle(&r, out + at, n);
        at += n;
        *rare_samples += c < rares ? n : 0;
    }
    if (!sorted && spec->coupling != FG_COUPLING_LABELS_AVAILABILITY) {
        struct fg_rng r;
        fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, 0, FG_DEAL_SHUFFLE);
        fg_rng_shuffle(&r, out + *rare_samples, ds->n_train - *rare_samples);
    }
    st = FG_OK;
cleanup:
    fg_free(first);
    fg_free(order);
    fg_free(class);
    fg_free(rare);
    return st;
}

static double size_weight(const struct fg_partition_spec *spec, uint32_t client)
{
    struct fg_rng r;
    if (!(spec->size_sigma > 0.0)) {
        return 1.0;
    }
    fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, client, FG_DEAL_SIZE);
    return fg_exp(spec->size_sigma * fg_rng_normal(&r));
}

enum fg_status fg_deal_iid(uint32_t *client, const struct fg_dataset *ds,
                           const struct fg_partition_spec *spec, const uint32_t *rank)
{
    uint32_t *order = fg_calloc(ds->n_train, sizeof *order);
    double *weight = fg_calloc(spec->clients, sizeof *weight), total = 0.0, sum = 0.0;
    size_t rare, at = 0, floor_samples = spec->min_samples,
                 rest = ds->n_train - floor_samples * spec->clients;
    enum fg_status st = order == NULL || weight == NULL ? FG_E_NOMEM : sequence(order, &rare, ds, spec, 0);
    if (st == FG_OK) {
        for (uint32_t k = 0; k < spec->clients; k++) {
            weight[k] = size_weight(spec, k);
            total += weight[k];
        }
        for (uint32_t r = 0; r < spec->clients; r++) {
            sum += weight[rank[r]];
            size_t end = (size_t)floor((double)rest * (sum / total) + 0.5);
            end = (r + 1 == spec->clients || end > rest ? rest : end) + floor_samples * (r + 1);
            while (at < end) {
                client[order[at++]] = rank[r];
            }
        }
    }
    fg_free(order);
    fg_free(weight);
    return st;
}

enum fg_status fg_deal_shards(uint32_t *client, const struct fg_dataset *ds,
                              const struct fg_partition_spec *spec, const uint32_t *rank)
{
    uint32_t per = spec->shards_per_client;
    size_t shards = (size_t)spec->clients * per, n = ds->n_train, fixed = 0, rare;
    uint32_t *order = fg_calloc(n, sizeof *order), *shard = fg_calloc(shards, sizeof *shard);
    enum fg_status st = order == NULL || shard == NULL ? FG_E_NOMEM : sequence(order, &rare, ds, spec, 1);
    if (st == FG_OK) {
        for (size_t s = 0; s < shards; s++) {
            shard[s] = (uint32_t)s;
        }
        if (spec->coupling == FG_COUPLING_LABELS_AVAILABILITY) {
            fixed = shards;
        } else if (spec->coupling == FG_COUPLING_RARE_CARBON) {
            while (fixed < shards && n * fixed / shards < rare) {
                fixed++;
            }
        }
        struct fg_rng r;
        fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, 0, FG_DEAL_SHARD);
        fg_rng_shuffle(&r, shard + fixed, shards - fixed);
        for (size_t s = 0; s < shards; s++) {
            for (size_t i = n * shard[s] / shards; i < n * (shard[s] + 1) / shards; i++) {
                client[order[i]] = rank[s / per];
            }
        }
    }
    fg_free(order);
    fg_free(shard);
    return st;
}

/* ---- dirichlet ---- */

/* Proportions of one class over the clients: independent gammas, as their sum's shares are Dirichlet. With a
 * tiny alpha all may underflow to 0; the class then goes to one client drawn at random. */
static double proportions(double *share, const struct fg_partition_spec *spec, const double *weight,
                          uint32_t class)
{
    struct fg_rng r;
    double total = 0.0;
    fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, class, FG_DEAL_PROPORTION);
    for (uint32_t k = 0; k < spec->clients; k++) {
        share[k] = weight[k] * fg_rng_gamma(&r, spec->alpha);
        total += share[k];
    }
    if (!(total > 0.0)) {
        share[fg_rng_below(&r, spec->clients)] = total = 1.0;
    }
    return total;
}

/* A heap of clients, the largest on top; ties: the lowest number. */
static int bigger(const size_t *size, uint32_t a, uint32_t b)
{
    return size[a] > size[b] || (size[a] == size[b] && a < b);
}

static void sift(uint32_t *heap, size_t n, const size_t *size, size_t at)
{
    for (;;) {
        size_t top = at, left = 2 * at + 1, right = left + 1;
        if (left < n && bigger(size, heap[left], heap[top])) {
            top = left;
        }
        if (right < n && bigger(size, heap[right], heap[top])) {
            top = right;
        }
        if (top == at) {
            return;
        }
        uint32_t t = heap[at];
        heap[at] = heap[top];
        heap[top] = t;
        at = top;
    }
}

/* Fill up clients below min_samples. There are at least clients * min_samples samples, so whoever has most
 * has more than min_samples while somebody has fewer. */
static enum fg_status fill_up(uint32_t *client, size_t n, const struct fg_partition_spec *spec)
{
    size_t K = spec->clients;
    size_t *size = fg_calloc(K, sizeof *size), *first = fg_calloc(K + 1, sizeof *first);
    uint32_t *heap = fg_calloc(K, sizeof *heap), *member = fg_calloc(n, sizeof *member);
    enum fg_status st = FG_E_NOMEM;
    if (size == NULL || first == NULL || heap == NULL || member == NULL) {
        goto cleanup;
    }
    for (size_t i = 0; i < n; i++) {
        size[client[i]]++;
    }
    for (size_t k = 0; k < K; k++) {
        heap[k] = (uint32_t)k;
        first[k + 1] = first[k] + size[k];
        size[k] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t k = client[i];
        member[first[k] + size[k]++] = (uint32_t)i;
    }
    for (size_t k = K; k-- > 0;) {
        sift(heap, K, size, k);
    }
    for (uint32_t k = 0; k < K; k++) {
        size_t need = size[k] < spec->min_samples ? spec->min_samples - size[k] : 0;
        for (; need > 0; need--) {
            uint32_t donor = heap[0];
            client[member[first[donor] + --size[donor]]] = k;
            sift(heap, K, size, 0);
        }
    }
    st = FG_OK;
cleanup:
    fg_free(size);
    fg_free(first);
    fg_free(heap);
    fg_free(member);
    return st;
}

enum fg_status fg_deal_dirichlet(uint32_t *client, const struct fg_dataset *ds,
                                 const struct fg_partition_spec *spec)
{
    size_t *first = fg_calloc((size_t)ds->classes + 1, sizeof *first);
    uint32_t *order = fg_calloc(ds->n_train, sizeof *order);
    double *share = fg_calloc(spec->clients, sizeof *share),
           *weight = fg_calloc(spec->clients, sizeof *weight);
    enum fg_status st = FG_E_NOMEM;
    if (first == NULL || order == NULL || share == NULL || weight == NULL) {
        goto cleanup;
    }
    for (uint32_t k = 0; k < spec->clients; k++) {
        weight[k] = size_weight(spec, k);
    }
    fg_deal_by_label(order, first, ds, 0, ds->n_train);
    for (uint32_t c = 0; c < ds->classes; c++) {
        size_t n = first[c + 1] - first[c], at = 0;
        uint32_t *member = order + first[c];
        struct fg_rng r;
        fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, c, FG_DEAL_CLASS);
        fg_rng_shuffle(&r, member, n);
        double total = proportions(share, spec, weight, c), sum = 0.0;
        for (uint32_t k = 0; k < spec->clients; k++) {
            sum += share[k];
            size_t end = (size_t)floor((double)n * (sum / total) + 0.5);
            end = k + 1 == spec->clients || end > n ? n : end;
            while (at < end) {
                client[member[at++]] = k;
            }
        }
    }
    st = fill_up(client, ds->n_train, spec);
cleanup:
    fg_free(first);
    fg_free(order);
    fg_free(share);
    fg_free(weight);
    return st;
}
