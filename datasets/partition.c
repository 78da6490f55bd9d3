#include "datasets/partition.h"

#include <math.h>
#include <string.h>

#include "datasets/deal.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/base/sort.h"

/* ---- natural groups ---- */

struct groups {
    uint32_t *group; /* (n) chosen groups, ascending */
    uint32_t n;
};

static enum fg_status choose_groups(struct groups *out, const struct fg_dataset *ds,
                                    const struct fg_partition_spec *spec, struct fg_err *err)
{
    if (ds->group == NULL) {
        return fg_fail(err, FG_E_CONFIG, "%s: expected groups (natural clients), the data set has none",
                       ds->name);
    }
    size_t least = spec->min_samples > 0 ? spec->min_samples : 1;
    size_t *count = fg_calloc(ds->groups, sizeof *count);
    uint32_t *group = fg_calloc(ds->groups, sizeof *group), n = 0;
    enum fg_status st = FG_OK;
    if (count == NULL || group == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory", ds->name);
        goto cleanup;
    }
    for (size_t i = 0; i < ds->n_train; i++) {
        if (ds->group[i] != FG_NO_GROUP) {
            count[ds->group[i]]++;
        }
    }
    for (uint32_t g = 0; g < ds->groups; g++) {
        if (count[g] >= least) {
            group[n++] = g;
        } else if (spec->refuse_small) {
            st = fg_fail(err, FG_E_INPUT,
                         "%s: group '%s' has %s: expected at least %zu training samples, found %zu", ds->name,
                         ds->group_name[g], count[g] == 0 ? "no data" : "too little data", least, count[g]);
            goto cleanup;
        }
    }
    if (n == 0 || spec->clients > n) {
        st = fg_fail(err, FG_E_CONFIG,
                     "%s: expected at least %u groups of %zu training samples or more, found %u", ds->name,
                     spec->clients > 0 ? spec->clients : 1, least, n);
        goto cleanup;
    }
    if (spec->clients != 0 && spec->clients < n) {
        if (spec->random_groups) {
            struct fg_rng r;
            fg_rng_init(&r, spec->seed, FG_RNG_PARTITION, 0, FG_DEAL_GROUP);
            fg_rng_shuffle(&r, group, n);
            fg_sort_u32(group, spec->clients);
        }
        n = spec->clients;
    }
    *out = (struct groups){group, n};
    group = NULL;
cleanup:
    fg_free(count);
    fg_free(group);
    return st;
}

/* ---- checks ---- */

static enum fg_status check_spec(const struct fg_dataset *ds, const struct fg_partition_spec *spec,
                                 struct fg_err *err)
{
    size_t least = spec->min_samples > 0 ? spec->min_samples : 1, need;
    size_t per =
        spec->kind == FG_PARTITION_SHARDS ? (spec->shards_per_client > 0 ? spec->shards_per_client : 2) : 1;
    if ((unsigned)spec->kind > FG_PARTITION_GROUPS || (unsigned)spec->coupling > FG_COUPLING_RARE_CARBON ||
        (unsigned)spec->test > FG_CLIENT_TEST_HOLDOUT) {
        return fg_fail(err, FG_E_CONFIG, "partition: unknown kind, coupling or test rule");
    }
    if (spec->kind == FG_PARTITION_DIRICHLET && !(spec->alpha > 0.0 && spec->alpha <= 1e9)) {
        return fg_fail(err, FG_E_CONFIG, "partition: expected alpha > 0, found %g", spec->alpha);
    }
    if (!(spec->size_sigma >= 0.0 && spec->size_sigma <= 10.0)) {
        return fg_fail(err, FG_E_CONFIG, "partition: expected a size sigma 0..10, found %g",
                       spec->size_sigma);
    }
    if (spec->size_sigma > 0.0 && (spec->kind == FG_PARTITION_SHARDS || spec->kind == FG_PARTITION_GROUPS)) {
        return fg_fail(err, FG_E_CONFIG, "partition: unbalanced sizes go with iid and dirichlet only");
    }
    if (!(spec->test_fraction >= 0.0 && spec->test_fraction <= 0.9)) {
        return fg_fail(err, FG_E_CONFIG, "partition: expected a test fraction 0..0.9, found %g",
                       spec->test_fraction);
    }
    if (spec->test == FG_CLIENT_TEST_MIRROR && ds->n == ds->n_train) {
        return fg_fail(err, FG_E_CONFIG,
                       "%s: expected a test part to draw the clients' tests from, found none", ds->name);
    }
    if (spec->test == FG_CLIENT_TEST_GROUP && spec->kind != FG_PARTITION_GROUPS) {
        return fg_fail(err, FG_E_CONFIG, "partition: tests by group go with clients that are groups");
    }
    if (spec->kind == FG_PARTITION_GROUPS) {
        return FG_OK;
    }
    if (spec->clients == 0) {
        return fg_fail(err, FG_E_CONFIG, "partition: expected at least one client, found 0");
    }
    if (__builtin_mul_overflow((size_t)spec->clients, per > least ? per : least, &need) ||
        need > ds->n_train) {
        return fg_fail(err, FG_E_CONFIG,
                       "%s: %u clients need at least %zu training samples each, found %zu in all", ds->name,
                       spec->clients, per > least ? per : least, ds->n_train);
    }
    return FG_OK;
}

/* ---- couplings ---- */

/* Numbers by score, highest first; ties by number. */
static enum fg_status rank_by(uint32_t *rank, const double *score, uint32_t n)
{
    struct fg_ranked *all = fg_calloc(n, sizeof *all);
    if (all == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t k = 0; k < n; k++) {
        all[k] = (struct fg_ranked){score[k], k};
    }
    fg_sort_ranked(all, n);
    for (uint32_t k = 0; k < n; k++) {
        rank[k] = all[k].number;
    }
    fg_free(all);
    return FG_OK;
}

static enum fg_status rank_clients(uint32_t *rank, const struct fg_partition_spec *spec, uint32_t clients,
                                   struct fg_err *err)
{
    if (spec->coupling == FG_COUPLING_INDEPENDENT) {
        for (uint32_t k = 0; k < clients; k++) {
            rank[k] = k;
        }
        return FG_OK;
    }
    for (uint32_t k = 0; k < clients; k++) {
        if (spec->score == NULL || !isfinite(spec->score[k])) {
            return fg_fail(err, FG_E_CONFIG,
                           "partition: this coupling needs a finite score of every client; "
                           "client %u has none",
                           k);
        }
    }
    return rank_by(rank, spec->score, clients);
}

/* What finished lists are sorted by: minus the mean label, or the share of rare labels. */
static enum fg_status list_keys(double *key, const uint32_t *client, const struct fg_dataset *ds,
                                const struct fg_partition_spec *spec, uint32_t clients)
{
    size_t *first = fg_calloc((size_t)ds->classes + 1, sizeof *first),
           *size = fg_calloc(clients, sizeof *size);
    uint32_t *order = fg_calloc(ds->n_train > ds->classes ? ds->n_train : ds->classes, sizeof *order);
    uint8_t *rare = fg_calloc(ds->classes, 1);
    enum fg_status st = FG_E_NOMEM;
    if (first == NULL || order == NULL || rare == NULL || size == NULL) {
        goto cleanup;
    }
    int by_rarity = spec->coupling == FG_COUPLING_RARE_CARBON;
    if (by_rarity) {
        fg_deal_by_label(order, first, ds, 0, ds->n_train);
        if (fg_deal_rare(rare, order, ds, first) == 0) {
            goto cleanup;
        }
    }
    memset(key, 0, clients * sizeof *key);
    for (size_t i = 0; i < ds->n_train; i++) {
        if (client[i] != FG_NO_GROUP) {
            uint32_t label = fg_deal_label(ds, i);
            key[client[i]] += by_rarity ? rare[label] : -(double)label;
            size[client[i]]++;
        }
    }
    for (uint32_t k = 0; k < clients; k++) {
        key[k] = size[k] > 0 ? key[k] / (double)size[k] : -1e300;
    }
    st = FG_OK;
cleanup:
    fg_free(first);
    fg_free(order);
    fg_free(rare);
    fg_free(size);
    return st;
}

/* Hand finished lists to clients in rank order; group (clients) moves with its list. */
static enum fg_status couple_lists(uint32_t *client, uint32_t *group, const struct fg_dataset *ds,
                                   const struct fg_partition_spec *spec, uint32_t clients,
                                   const uint32_t *rank)
{
    double *key = fg_calloc(clients, sizeof *key);
    uint32_t *list = fg_calloc(clients, sizeof *list), *to = fg_calloc(clients, sizeof *to);
    uint32_t *moved = fg_calloc(clients, sizeof *moved);
    enum fg_status st = FG_E_NOMEM;
    if (key == NULL || list == NULL || to == NULL || moved == NULL) {
        goto cleanup;
    }
    FG_TRY(list_keys(key, client, ds, spec, clients));
    FG_TRY(rank_by(list, key, clients));
    for (uint32_t r = 0; r < clients; r++) {
        to[list[r]] = rank[r];
        moved[rank[r]] = group[list[r]];
    }
    memcpy(group, moved, clients * sizeof *group);
    for (size_t i = 0; i < ds->n_train; i++) {
        client[i] = client[i] != FG_NO_GROUP ? to[client[i]] : FG_NO_GROUP;
    }
    st = FG_OK;
cleanup:
    fg_free(key);
    fg_free(list);
    fg_free(to);
    fg_free(moved);
    return st;
}

/* ---- lists ---- */

static enum fg_status deal_groups(uint32_t *client, const struct fg_dataset *ds, const struct groups *groups)
{
    FG_ASSERT(ds->group != NULL && groups->group != NULL);
    uint32_t *client_of = fg_calloc(ds->groups, sizeof *client_of);
    if (client_of == NULL) {
        return FG_E_NOMEM;
    }
    memset(client_of, 0xff, ds->groups * sizeof *client_of);
    for (uint32_t k = 0; k < groups->n; k++) {
        client_of[groups->group[k]] = k;
    }
    for (size_t i = 0; i < ds->n_train; i++) {
        client[i] = ds->group[i] != FG_NO_GROUP ? client_of[ds->group[i]] : FG_NO_GROUP;
    }
    fg_free(client_of);
    return FG_OK;
}

/* Turn "sample i belongs to client c" into lists. */
static enum fg_status make_lists(struct fg_partition *p, const uint32_t *client, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (client[i] != FG_NO_GROUP) {
            p->train_first[client[i] + 1]++;
        }
    }
    for (uint32_t k = 0; k < p->clients; k++) {
        p->train_first[k + 1] += p->train_first[k];
    }
    size_t *fill = fg_calloc(p->clients, sizeof *fill);
    p->train = fg_calloc(p->train_first[p->clients], sizeof *p->train);
    if (fill == NULL || p->train == NULL) {
        fg_free(fill);
        return FG_E_NOMEM;
    }
    memcpy(fill, p->train_first, p->clients * sizeof *fill);
    for (size_t i = 0; i < n; i++) {
        if (client[i] != FG_NO_GROUP) {
            p->train[fill[client[i]]++] = (uint32_t)i;
        }
    }
    fg_free(fill);
    return FG_OK;
}

static enum fg_status deal(uint32_t *client, const struct fg_dataset *ds,
                           const struct fg_partition_spec *spec, const struct groups *groups,
                           const uint32_t *rank)
{
    switch (spec->kind) {
    case FG_PARTITION_IID:
        return fg_deal_iid(client, ds, spec, rank);
    case FG_PARTITION_SHARDS:
        return fg_deal_shards(client, ds, spec, rank);
    case FG_PARTITION_DIRICHLET:
        return fg_deal_dirichlet(client, ds, spec);
    default:
        return deal_groups(client, ds, groups);
    }
}

static enum fg_status fill(struct fg_partition *p, const struct fg_dataset *ds,
                           const struct fg_partition_spec *spec, const struct groups *groups,
                           struct fg_err *err)
{
    uint32_t *client = fg_calloc(ds->n_train, sizeof *client), *rank = fg_calloc(p->clients, sizeof *rank);
    enum fg_status st = FG_E_NOMEM;
    if (client == NULL || rank == NULL) {
        goto cleanup;
    }
    FG_TRY(rank_clients(rank, spec, p->clients, err));
    FG_TRY(deal(client, ds, spec, groups, rank));
    int whole_lists = spec->kind == FG_PARTITION_DIRICHLET || spec->kind == FG_PARTITION_GROUPS;
    if (spec->coupling != FG_COUPLING_INDEPENDENT && whole_lists) {
        FG_TRY(couple_lists(client, p->group, ds, spec, p->clients, rank));
    }
    FG_TRY(make_lists(p, client, ds->n_train));
    FG_TRY(fg_deal_tests(p, ds, spec));
cleanup:
    if (st == FG_E_NOMEM) {
        st = fg_fail(err, st, "%s: out of memory for %u clients", ds->name, p->clients);
    }
    fg_free(client);
    fg_free(rank);
    return st;
}

enum fg_status fg_partition_create(struct fg_partition **out, const struct fg_dataset *ds,
                                   const struct fg_partition_spec *spec, struct fg_err *err)
{
    struct fg_partition_spec full = *spec; /* defaults filled in */
    struct groups groups = {NULL, 0};
    struct fg_partition *p = NULL;
    enum fg_status st;
    FG_TRY(check_spec(ds, &full, err));
    full.min_samples = full.min_samples > 0 ? full.min_samples : 1;
    full.shards_per_client = full.shards_per_client > 0 ? full.shards_per_client : 2;
    if (full.kind == FG_PARTITION_GROUPS) {
        FG_TRY(choose_groups(&groups, ds, &full, err));
        full.clients = groups.n;
    }
    p = fg_calloc(1, sizeof *p);
    if (p != NULL) {
        p->clients = full.clients;
        p->train_first = fg_calloc((size_t)full.clients + 1, sizeof *p->train_first);
        p->test_first = fg_calloc((size_t)full.clients + 1, sizeof *p->test_first);
        p->group = fg_calloc(full.clients, sizeof *p->group);
    }
    if (p == NULL || p->train_first == NULL || p->test_first == NULL || p->group == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "%s: out of memory for %u clients", ds->name, full.clients);
        goto cleanup;
    }
    for (uint32_t k = 0; k < full.clients; k++) {
        p->group[k] = groups.group != NULL ? groups.group[k] : FG_NO_GROUP;
    }
    FG_TRY(fill(p, ds, &full, &groups, err));
    *out = p;
    p = NULL;
cleanup:
    fg_partition_destroy(p);
    fg_free(groups.group);
    return st;
}

enum fg_status fg_partition_clients(uint32_t *clients, const struct fg_dataset *ds,
                                    const struct fg_partition_spec *spec, struct fg_err *err)
{
    struct groups groups = {NULL, spec->clients};
    enum fg_status st = check_spec(ds, spec, err);
    if (st == FG_OK && spec->kind == FG_PARTITION_GROUPS) {
        st = choose_groups(&groups, ds, spec, err);
    }
    if (st == FG_OK) {
        *clients = groups.n;
    }
    fg_free(groups.group);
    return st;
}

void fg_partition_destroy(struct fg_partition *p)
{
    if (p != NULL) {
        fg_free(p->train_first);
        fg_free(p->train);
        fg_free(p->test_first);
        fg_free(p->test);
        fg_free(p->group);
        fg_free(p);
    }
}

enum fg_status fg_partition_hash(uint8_t digest[32], const struct fg_partition *p)
{
    struct fg_sha256 h;
    enum fg_status st = fg_sha256_init(&h);
    if (st != FG_OK) {
        return st;
    }
    size_t ends = (size_t)p->clients + 1;
    fg_sha256_add(&h, &p->clients, sizeof p->clients);
    fg_sha256_add(&h, p->train_first, ends * sizeof *p->train_first);
    fg_sha256_add(&h, p->train, p->train_first[p->clients] * sizeof *p->train);
    fg_sha256_add(&h, p->test_first, ends * sizeof *p->test_first);
    fg_sha256_add(&h, p->test, p->test_first[p->clients] * sizeof *p->test);
    fg_sha256_end(&h, digest);
    return FG_OK;
}
