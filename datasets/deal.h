/* The ways to deal samples to clients, behind partition.h: each fills client (n_train) with a client number,
 * or FG_NO_GROUP for samples that nobody gets. `rank` (clients) lists clients by score, highest first (their
 * numbers in order without a coupling).
 *
 * Thread safety: no shared state.
 */
#ifndef FG_DATASETS_DEAL_H
#define FG_DATASETS_DEAL_H

#include "datasets/partition.h"

/* Streams of FG_RNG_PARTITION, told apart by their task number; client = class, client or 0. */
enum {
    FG_DEAL_SHUFFLE = 0,
    FG_DEAL_CLASS = 1,
    FG_DEAL_PROPORTION = 2,
    FG_DEAL_SIZE = 3,
    FG_DEAL_SHARD = 4,
    FG_DEAL_GROUP = 5,
    FG_DEAL_TEST = 6
};

/* The label that partitions go by: the sample's own; for tokens the first position's. */
static inline uint32_t fg_deal_label(const struct fg_dataset *ds, size_t i)
{
    return ds->y[i * ds->label_width];
}

enum fg_status fg_deal_iid(uint32_t *client, const struct fg_dataset *ds,
                           const struct fg_partition_spec *spec, const uint32_t *rank) FG_NODISCARD;
enum fg_status fg_deal_shards(uint32_t *client, const struct fg_dataset *ds,
                              const struct fg_partition_spec *spec, const uint32_t *rank) FG_NODISCARD;
enum fg_status fg_deal_dirichlet(uint32_t *client, const struct fg_dataset *ds,
                                 const struct fg_partition_spec *spec) FG_NODISCARD;

/* Samples `from` to `to` sorted by label; first (classes + 1) are the ends of the labels' runs. Stable. */
void fg_deal_by_label(uint32_t *order, size_t *first, const struct fg_dataset *ds, size_t from, size_t to);

/* rare (classes): 1 for the classes that count as rare; order (classes): classes, rare ones first, rarest
 * first, then the others ascending; returns how many are rare. */
uint32_t fg_deal_rare(uint8_t *rare, uint32_t *order, const struct fg_dataset *ds, const size_t *first);

/* Test lists (deal_test.c): fills p->test_first and p->test; holdout moves samples out of p->train. */
enum fg_status fg_deal_tests(struct fg_partition *p, const struct fg_dataset *ds,
                             const struct fg_partition_spec *spec) FG_NODISCARD;

#endif
