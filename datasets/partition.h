/* Who trains on what: the samples of a data set dealt out to clients, for training and for local testing.
 *
 * A partition is a pure function of (data set, spec): streams FG_RNG_PARTITION and FG_RNG_SPLIT keyed by the
 * seed. Each training sample goes to at most one client; a client's lists are in ascending order.
 *
 *   train:        0 ......... n_train            test: n_train ......... n
 *   client 0      [ 3 17 40 ]                          [ n_train+5 ]
 *   client 1      [ 0 5 ]                              [ n_train+2 n_train+9 ]
 *
 * Thread safety: immutable once created.
 */
#ifndef FG_DATASETS_PARTITION_H
#define FG_DATASETS_PARTITION_H

#include "datasets/dataset.h"

enum fg_partition_kind {
    FG_PARTITION_IID = 0,       /* a shuffle, cut into the clients' sizes */
    FG_PARTITION_DIRICHLET = 1, /* each class is cut by Dirichlet(alpha) proportions over the clients */
    FG_PARTITION_SHARDS = 2,    /* sorted by label, cut into clients * k shards, k a client */
    FG_PARTITION_GROUPS = 3     /* natural clients: the data set's groups */
};

/* How data and availability (or carbon) hang together. `score` has one number a client; clients are ranked by
 * it, highest first, ties by number.
 *
 * labels_availability  score = availability. iid and shards: samples (shards) in the order of their labels
 *                      are dealt to the clients in rank order, so the most available holds the lowest labels.
 *                      dirichlet and groups: finished lists, by mean label ascending, go to clients in rank
 *                      order.
 * rare_carbon          score = mean carbon intensity of the client's zone. Rare classes are the fifth of the
 *                      classes (at least one) with the fewest training samples, ties to the higher label. iid
 *                      and shards: samples (shards) of the rare classes, rarest first, are dealt first, in
 *                      rank order; the others are shuffled. dirichlet and groups: finished lists, by share of
 *                      rare samples descending, go to clients in rank order.
 */
enum fg_coupling {
    FG_COUPLING_INDEPENDENT = 0,
    FG_COUPLING_LABELS_AVAILABILITY = 1,
    FG_COUPLING_RARE_CARBON = 2
};

/* Where a client's own test samples come from.
 *
 * auto     group, when clients are groups and at least one has test samples in the data set; else mirror,
 *          when clients are not groups and the data set has a test part; else holdout.
 * none     no client has any.
 * group    the data set's test samples of the client's group (possibly none).
 * mirror   from the data set's test part, with the client's distribution of training labels: nearest whole
 *          number of n_client * n_test / n_train samples, at least one, divided over the labels by cumulative
 *          rounding, at most what a label has; clients may share test samples. Tokens: whatever the labels.
 * holdout  test_fraction of the client's own samples, rounded to the nearest, at least one of two, taken out
 *          of its training list at random; for tokens the last ones.
 */
enum fg_client_test {
    FG_CLIENT_TEST_AUTO = 0,
    FG_CLIENT_TEST_NONE = 1,
    FG_CLIENT_TEST_GROUP = 2,
    FG_CLIENT_TEST_MIRROR = 3,
    FG_CLIENT_TEST_HOLDOUT = 4
};

struct fg_partition_spec {
    enum fg_partition_kind kind;
    uint64_t seed;
    uint32_t clients;           /* groups: 0 = every group that has min_samples */
    double alpha;               /* dirichlet, > 0 */
    uint32_t shards_per_client; /* shards, 0 = 2 */
    double size_sigma;          /* iid, dirichlet: sizes in proportion to lognormal(0, sigma); 0 = equal */
    uint32_t min_samples;       /* training samples of every client before holdout; 0 = 1 */
    int random_groups;          /* groups: which `clients` of them: 0 = the first, 1 = drawn at random */
    int refuse_small; /* groups: 0 = pass over groups with fewer than min_samples, 1 = that is an error */
    enum fg_coupling coupling;
    const double *score; /* (clients), for couplings; see fg_partition_clients() */
    enum fg_client_test test;
    double test_fraction; /* holdout, 0..0.9 */
};

struct fg_partition {
    uint32_t clients;
    size_t *train_first; /* (clients + 1): client k has train[train_first[k] .. train_first[k + 1]) */
    uint32_t *train;     /* sample numbers below n_train */
    size_t *test_first;  /* (clients + 1) */
    uint32_t *test;      /* sample numbers; below n_train only under holdout */
    uint32_t *group;     /* (clients) the natural group, FG_NO_GROUP where clients are not groups */
};

/* Deal out a data set.
 *
 * dirichlet: a client left with fewer than min_samples is filled up, lowest number first, each time by the
 * last sample of whoever has most (ties: lowest number); nothing is drawn again.
 * Sizes (iid) are min_samples each and the rest in proportion, by cumulative rounding.
 *
 * Cost:    O(n + clients * classes).
 * Errors:  FG_E_CONFIG: the message names the value; e.g. more clients than samples or groups, no groups in
 *          the data set, a score missing or not finite. FG_E_INPUT: a group with no data under refuse_small.
 *          FG_E_NOMEM.
 * Owner:   the caller, fg_partition_destroy().
 * Source:  McMahan et al., AISTATS 2017, section 3 (shards).
 * Source:  Yurochkin et al., ICML 2019, section 4 (dirichlet: per class over clients), alpha as in Hsu et
 *          al., arXiv:1909.06335; differs: the rule for small clients.
 */
enum fg_status fg_partition_create(struct fg_partition **out, const struct fg_dataset *ds,
                                   const struct fg_partition_spec *spec, struct fg_err *err) FG_NODISCARD;
void fg_partition_destroy(struct fg_partition *p);

/* The number of clients that fg_partition_create() will give (score is not looked at). Errors: as there. */
enum fg_status fg_partition_clients(uint32_t *clients, const struct fg_dataset *ds,
                                    const struct fg_partition_spec *spec, struct fg_err *err) FG_NODISCARD;

/* SHA-256 of all offsets and lists: what a run stores to know that it resumes with the same partition. */
enum fg_status fg_partition_hash(uint8_t digest[32], const struct fg_partition *p) FG_NODISCARD;

#endif
