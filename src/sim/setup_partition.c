/* How the data set is split among the clients, and what the global test set is. */
#include "src/base/mem.h"
#include "src/sim/setup_impl.h"

enum { DEFAULT_CLIENTS = 100 }; /* without groups, trace or data.clients */

static struct fg_partition_spec partition_spec(const struct fg_setup *s)
{
    static const enum fg_partition_kind kinds[] = {FG_PARTITION_IID, FG_PARTITION_DIRICHLET,
                                                   FG_PARTITION_SHARDS, FG_PARTITION_GROUPS};
    static const enum fg_coupling couplings[] = {FG_COUPLING_INDEPENDENT, FG_COUPLING_LABELS_AVAILABILITY,
                                                 FG_COUPLING_RARE_CARBON};
    const struct fg_config *c = s->cfg;
    uint32_t clients = c->data.clients;
    if (clients == 0 && c->data.partition != FG_OPT_PARTITION_GROUPS) {
        clients = s->trace != NULL ? s->trace->nodes : DEFAULT_CLIENTS;
    }
    return (struct fg_partition_spec){.kind = kinds[c->data.partition],
                                      .seed = c->run.seed,
                                      .clients = clients,
                                      .alpha = c->data.alpha,
                                      .shards_per_client = c->data.shards_per_client,
                                      .size_sigma = c->data.imbalance,
                                      .min_samples = c->data.min_samples,
                                      .coupling = couplings[c->data.coupling],
                                      .test_fraction = c->data.test_fraction};
}

static enum fg_status split(struct fg_setup *s, struct fg_partition_spec *spec, struct fg_err *err)
{
    double *score = NULL;
    if (spec->coupling != FG_COUPLING_INDEPENDENT) {
        score = fg_calloc(s->clients, sizeof *score);
        if (score == NULL) {
            return fg_fail(err, FG_E_NOMEM, "out of memory for %u clients", s->clients);
        }
        for (uint32_t i = 0; i < s->clients; i++) {
            score[i] = spec->coupling == FG_COUPLING_RARE_CARBON ? fg_fleet_mean_carbon(s->fleet, i)
                                                                 : fg_fleet_availability(s->fleet, i);
        }
        spec->score = score;
    }
    enum fg_status st = fg_partition_create(&s->part, s->data, spec, err);
    fg_free(score);
    return st;
}

/* A failure, put down to the key that most likely asks for too much. */
static enum fg_status blame_partition(const struct fg_config *c, enum fg_status st, struct fg_err *err)
{
    const char *key = c->data.clients != 0 ? "data.clients" : "data.partition";
    return st == FG_OK ? st : fg_fail_prefix(err, st, "%s: %s", fg_config_where(c, key), key);
}

enum fg_status fg_setup_count_clients(struct fg_setup *s, struct fg_err *err)
{
    struct fg_partition_spec spec = partition_spec(s);
    if (s->data == NULL) {
        s->clients = spec.clients;
        return FG_OK;
    }
    return blame_partition(s->cfg, fg_partition_clients(&s->clients, s->data, &spec, err), err);
}

enum fg_status fg_setup_make_partition(struct fg_setup *s, struct fg_err *err)
{
    struct fg_partition_spec spec = partition_spec(s);
    return blame_partition(s->cfg, split(s, &spec, err), err);
}

static void list_of(const uint32_t *list, const size_t *first, uint32_t client, const uint32_t **index,
                    uint32_t *n)
{
    *index = list + first[client];
    *n = (uint32_t)(first[client + 1] - first[client]);
}

void fg_setup_shard(const struct fg_setup *s, uint32_t client, const uint32_t **index, uint32_t *n)
{
    list_of(s->part->train, s->part->train_first, client, index, n);
}

enum fg_status fg_setup_task_shard(void *setup, const struct fg_task *task, struct fg_shard *out,
                                   struct fg_err *err)
{
    (void)err;
    const struct fg_setup *s = setup;
    out->data = s->data;
    fg_setup_shard(s, task->shard, &out->index, &out->n);
    return FG_OK;
}

void fg_setup_test_shard(const struct fg_setup *s, uint32_t client, const uint32_t **index, uint32_t *n)
{
    list_of(s->part->test, s->part->test_first, client, index, n);
}

/* The global test set: the data set's test part, or all clients' held-out samples. */
enum fg_status fg_setup_make_test_set(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_partition *p = s->part;
    size_t part = s->data->n - s->data->n_train, held = p->test_first[s->clients];
    size_t n = part > 0 ? part : held;
    s->test_index = fg_calloc(n, sizeof *s->test_index);
    if (s->test_index == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for %zu test samples", n);
    }
    for (size_t i = 0; i < n; i++) {
        s->test_index[i] = part > 0 ? (uint32_t)(s->data->n_train + i) : p->test[i];
    }
    s->n_test = n;
    return FG_OK;
}
