/* Partitions: every rule of partition.h, checked on a made-up data set against counts worked out here. */
#include "tests/lib/test.h"

#include "datasets/build.h"
#include "datasets/partition.h"
#include "src/base/mem.h"
#include "tests/lib/partitions.h"

enum { CLASSES = 10 };

/* n_train + n_test samples of one byte; labels i % 10, groups i % groups (test samples too when shared). */
static struct fg_dataset *made_up(size_t n_train, size_t n_test, uint32_t groups, int shared)
{
    struct fg_dataset layout = {.kind = FG_DATA_VECTOR,
                                .dtype = FG_U8,
                                .shape = {1, 1, 1},
                                .label_width = 1,
                                .classes = CLASSES,
                                .n = n_train + n_test,
                                .n_train = n_train,
                                .groups = groups};
    struct fg_dataset *ds;
    assert_int_equal(fg_dataset_create(&ds, &layout, "made-up", NULL), FG_OK);
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    for (size_t i = 0; i < ds->n; i++) {
        a->y[i] = (uint16_t)(i % CLASSES);
        ((uint8_t *)a->x)[i] = (uint8_t)i;
        if (groups != 0 && (i < n_train || shared)) {
            a->group[i] = (uint32_t)((i / CLASSES) % groups);
        }
    }
    for (uint32_t g = 0; g < groups; g++) {
        char name[16];
        snprintf(name, sizeof name, "g%u", g);
        ds->group_name[g] = fg_strdup(name);
    }
    return ds;
}

static struct fg_partition *make(const struct fg_dataset *ds, const struct fg_partition_spec *spec)
{
    struct fg_partition *p = NULL;
    struct fg_err err = {""};
    if (fg_partition_create(&p, ds, spec, &err) != FG_OK || partition_check(p, ds, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    uint32_t clients = 0;
    assert_int_equal(fg_partition_clients(&clients, ds, spec, NULL), FG_OK);
    assert_int_equal(clients, p->clients);
    return p;
}

static size_t size_of(const struct fg_partition *p, uint32_t k)
{
    return p->train_first[k + 1] - p->train_first[k];
}

static unsigned labels_of(const struct fg_partition *p, const struct fg_dataset *ds, uint32_t k)
{
    unsigned seen = 0, n = 0;
    for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
        seen |= 1u << ds->y[p->train[i]];
    }
    for (; seen != 0; seen &= seen - 1) {
        n++;
    }
    return n;
}

static void iid_deals_everything_evenly(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(1003, 100, 0, 0);
    struct fg_partition_spec spec = {.kind = FG_PARTITION_IID, .seed = 5, .clients = 10};
    struct fg_partition *p = make(ds, &spec);
    assert_int_equal(p->train_first[10], 1003);
    for (uint32_t k = 0; k < 10; k++) {
        assert_in_range(size_of(p, k), 100, 101);
        assert_in_range(labels_of(p, ds, k), 9, 10);
        assert_in_range(p->test_first[k + 1] - p->test_first[k], 10, 10);
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void seed_decides_the_partition(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(500, 50, 0, 0);
    for (int kind = FG_PARTITION_IID; kind <= FG_PARTITION_SHARDS; kind++) {
        struct fg_partition_spec spec = {
            .kind = (enum fg_partition_kind)kind, .seed = 1, .clients = 7, .alpha = 0.5};
        uint8_t hash[3][32];
        for (int i = 0; i < 3; i++) {
            spec.seed = i == 2 ? 2 : 1;
            struct fg_partition *p = make(ds, &spec);
            assert_int_equal(fg_partition_hash(hash[i], p), FG_OK);
            fg_partition_destroy(p);
        }
        assert_memory_equal(hash[0], hash[1], 32);
        assert_memory_not_equal(hash[0], hash[2], 32);
    }
    fg_dataset_destroy(ds);
}

static void unbalanced_sizes_spread_and_keep_the_minimum(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(5000, 0, 0, 0);
    struct fg_partition_spec spec = {
        .kind = FG_PARTITION_IID, .clients = 100, .size_sigma = 2.0, .min_samples = 3};
    struct fg_partition *p = make(ds, &spec);
    struct partition_stats s;
    assert_int_equal(partition_stats(&s, p, ds), FG_OK);
    assert_int_equal(s.train_samples, 5000);
    assert_true(s.min_samples >= 3 && s.max_samples > 10 * s.median_samples);
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void dirichlet_skew_follows_alpha(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(10000, 1000, 0, 0);
    double distance[3], alpha[3] = {0.05, 1.0, 1000.0};
    for (int i = 0; i < 3; i++) {
        struct fg_partition_spec spec = {
            .kind = FG_PARTITION_DIRICHLET, .seed = 3, .clients = 50, .alpha = alpha[i], .min_samples = 10};
        struct fg_partition *p = make(ds, &spec);
        struct partition_stats s;
        assert_int_equal(partition_stats(&s, p, ds), FG_OK);
        assert_int_equal(s.train_samples, 10000);
        assert_true(s.min_samples >= 10);
        distance[i] = s.mean_label_distance;
        fg_partition_destroy(p);
    }
    assert_true(distance[0] > 0.6);
    assert_true(distance[1] > 0.2 && distance[1] < 0.6);
    assert_true(distance[2] < 0.1);
    fg_dataset_destroy(ds);
}

static void dirichlet_with_tiny_alpha_still_fills_everybody(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(100, 0, 0, 0);
    struct fg_partition_spec spec = {
        .kind = FG_PARTITION_DIRICHLET, .seed = 1, .clients = 50, .alpha = 1e-6, .min_samples = 2};
    struct fg_partition *p = make(ds, &spec);
    for (uint32_t k = 0; k < 50; k++) {
        assert_int_equal(size_of(p, k), 2);
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void shards_give_few_labels_each(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(6000, 0, 0, 0);
    struct fg_partition_spec spec = {.kind = FG_PARTITION_SHARDS, .seed = 9, .clients = 100};
    struct fg_partition *p = make(ds, &spec);
    for (uint32_t k = 0; k < 100; k++) {
        assert_int_equal(size_of(p, k), 60);
        assert_in_range(labels_of(p, ds, k), 1, 2); /* 20 shards a class: none spans two */
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void groups_are_clients_with_their_own_tests(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(400, 40, 4, 1);
    struct fg_partition_spec spec = {.kind = FG_PARTITION_GROUPS, .test_fraction = 0.1};
    struct fg_partition *p = make(ds, &spec);
    assert_int_equal(p->clients, 4);
    for (uint32_t k = 0; k < 4; k++) {
        assert_int_equal(p->group[k], k);
        assert_int_equal(size_of(p, k), 100);
        assert_int_equal(p->test_first[k + 1] - p->test_first[k], 10);
        for (size_t i = p->test_first[k]; i < p->test_first[k + 1]; i++) {
            assert_true(p->test[i] >= 400);
            assert_int_equal(ds->group[p->test[i]], k);
        }
        for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
            assert_int_equal(ds->group[p->train[i]], k);
        }
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void groups_without_tests_hold_out_their_own(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(400, 40, 4, 0);
    struct fg_partition_spec spec = {
        .kind = FG_PARTITION_GROUPS, .clients = 2, .random_groups = 1, .seed = 4, .test_fraction = 0.25};
    struct fg_partition *p = make(ds, &spec);
    assert_int_equal(p->clients, 2);
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(size_of(p, k), 75);
        assert_int_equal(p->test_first[k + 1] - p->test_first[k], 25);
        assert_int_equal(ds->group[p->test[p->test_first[k]]], p->group[k]);
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void small_groups_are_passed_over_or_refused(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(25, 0, 4, 0); /* groups of 10, 10, 5, 0 */
    struct fg_partition_spec spec = {.kind = FG_PARTITION_GROUPS};
    struct fg_err err;
    struct fg_partition *p = make(ds, &spec);
    assert_int_equal(p->clients, 3);
    fg_partition_destroy(p);
    spec.min_samples = 6;
    p = make(ds, &spec);
    assert_int_equal(p->clients, 2);
    fg_partition_destroy(p);
    spec.min_samples = 0;
    spec.refuse_small = 1;
    assert_int_equal(fg_partition_create(&p, ds, &spec, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "group 'g3' has no data"));
    fg_dataset_destroy(ds);
}

static void mirror_tests_have_the_clients_labels(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(6000, 1000, 0, 0);
    struct fg_partition_spec spec = {.kind = FG_PARTITION_SHARDS, .seed = 2, .clients = 30};
    struct fg_partition *p = make(ds, &spec);
    for (uint32_t k = 0; k < 30; k++) {
        unsigned train = 0, test = 0;
        for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
            train |= 1u << ds->y[p->train[i]];
        }
        for (size_t i = p->test_first[k]; i < p->test_first[k + 1]; i++) {
            test |= 1u << ds->y[p->test[i]];
        }
        assert_int_equal(test & ~train, 0);
        assert_in_range(p->test_first[k + 1] - p->test_first[k], 32, 34); /* 200 * 1000 / 6000 */
    }
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static double mean_label(const struct fg_partition *p, const struct fg_dataset *ds, uint32_t k)
{
    double sum = 0.0;
    for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
        sum += ds->y[p->train[i]];
    }
    return sum / (double)size_of(p, k);
}

static void labels_follow_availability(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(1000, 0, 10, 0);
    double score[10] = {0.3, 0.9, 0.1, 0.5, 0.7, 0.2, 0.8, 0.4, 0.6, 0.0};
    uint32_t order[10] = {1, 6, 4, 8, 3, 7, 0, 5, 2, 9};
    for (int kind = FG_PARTITION_IID; kind <= FG_PARTITION_GROUPS; kind++) {
        struct fg_partition_spec spec = {.kind = (enum fg_partition_kind)kind,
                                         .seed = 1,
                                         .clients = 10,
                                         .alpha = 0.3,
                                         .coupling = FG_COUPLING_LABELS_AVAILABILITY,
                                         .score = score};
        struct fg_partition *p = make(ds, &spec);
        for (int r = 1; r < 10; r++) {
            assert_true(mean_label(p, ds, order[r - 1]) <= mean_label(p, ds, order[r]));
        }
        fg_partition_destroy(p);
    }
    fg_dataset_destroy(ds);
}

static void rare_labels_go_to_high_carbon(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(1000, 0, 0, 0);
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    for (size_t i = 0; i < 1000; i++) { /* labels 4 and 7 become rare: 20 and 10 samples */
        uint16_t y = a->y[i];
        a->y[i] = (y == 4 && i >= 200) || (y == 7 && i >= 100) ? 0 : y;
    }
    double score[5] = {100, 700, 300, 50, 400};
    for (int kind = FG_PARTITION_IID; kind <= FG_PARTITION_SHARDS; kind++) {
        struct fg_partition_spec spec = {.kind = (enum fg_partition_kind)kind,
                                         .seed = 1,
                                         .clients = 5,
                                         .alpha = 0.3,
                                         .coupling = FG_COUPLING_RARE_CARBON,
                                         .score = score};
        struct fg_partition *p = make(ds, &spec);
        double share[5] = {0};
        for (uint32_t k = 0; k < 5; k++) {
            for (size_t i = p->train_first[k]; i < p->train_first[k + 1]; i++) {
                uint16_t y = ds->y[p->train[i]];
                share[k] += (y == 4 || y == 7) / (double)size_of(p, k);
            }
        }
        assert_true(share[1] > 0.0 && share[1] >= share[4] && share[4] >= share[2] && share[2] >= share[0] &&
                    share[0] >= share[3]);
        if (kind != FG_PARTITION_DIRICHLET) {
            fg_assert_close(share[1], 30.0 / 200.0, 1e-12);
        }
        fg_partition_destroy(p);
    }
    fg_dataset_destroy(ds);
}

static void impossible_requests_are_refused(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(20, 0, 0, 0);
    static const struct {
        struct fg_partition_spec spec;
        const char *says;
    } bad[] = {
        {{.kind = FG_PARTITION_IID}, "at least one client"},
        {{.kind = FG_PARTITION_IID, .clients = 21}, "21 clients"},
        {{.kind = FG_PARTITION_IID, .clients = 5, .min_samples = 5}, "at least 5"},
        {{.kind = FG_PARTITION_SHARDS, .clients = 11}, "at least 2"},
        {{.kind = FG_PARTITION_DIRICHLET, .clients = 2}, "alpha"},
        {{.kind = FG_PARTITION_GROUPS}, "groups"},
        {{.kind = FG_PARTITION_IID, .clients = 2, .size_sigma = -1}, "sigma"},
        {{.kind = FG_PARTITION_SHARDS, .clients = 2, .size_sigma = 1}, "unbalanced"},
        {{.kind = FG_PARTITION_IID, .clients = 2, .test_fraction = 1}, "fraction"},
        {{.kind = FG_PARTITION_IID, .clients = 2, .test = FG_CLIENT_TEST_MIRROR}, "test part"},
        {{.kind = FG_PARTITION_IID, .clients = 2, .coupling = FG_COUPLING_RARE_CARBON}, "score"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_partition *p = NULL;
        struct fg_err err = {""};
        assert_int_equal(fg_partition_create(&p, ds, &bad[i].spec, &err), FG_E_CONFIG);
        assert_null(p);
        if (strstr(err.text, bad[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", err.text, bad[i].says);
        }
    }
    fg_dataset_destroy(ds);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    struct fg_dataset *ds = made_up(300, 30, 3, 0);
    double score[3] = {1, 2, 3};
    for (int kind = FG_PARTITION_IID; kind <= FG_PARTITION_GROUPS; kind++) {
        struct fg_partition_spec spec = {.kind = (enum fg_partition_kind)kind,
                                         .clients = 3,
                                         .alpha = 1.0,
                                         .test_fraction = 0.2,
                                         .coupling = FG_COUPLING_RARE_CARBON,
                                         .score = score};
        enum fg_status st = FG_E_NOMEM;
        int n = 0;
        for (; st != FG_OK; n++) {
            struct fg_partition *p = NULL;
            long left = n;
            fg_mem_set_hook(fg_fail_nth, &left);
            st = fg_partition_create(&p, ds, &spec, NULL);
            fg_mem_set_hook(NULL, NULL);
            assert_true(st == FG_E_NOMEM || st == FG_OK);
            assert_true((st == FG_OK) == (p != NULL));
            fg_partition_destroy(p);
        }
        assert_true(n > 8);
    }
    fg_dataset_destroy(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iid_deals_everything_evenly),
        cmocka_unit_test(seed_decides_the_partition),
        cmocka_unit_test(unbalanced_sizes_spread_and_keep_the_minimum),
        cmocka_unit_test(dirichlet_skew_follows_alpha),
        cmocka_unit_test(dirichlet_with_tiny_alpha_still_fills_everybody),
        cmocka_unit_test(shards_give_few_labels_each),
        cmocka_unit_test(groups_are_clients_with_their_own_tests),
        cmocka_unit_test(groups_without_tests_hold_out_their_own),
        cmocka_unit_test(small_groups_are_passed_over_or_refused),
        cmocka_unit_test(mirror_tests_have_the_clients_labels),
        cmocka_unit_test(labels_follow_availability),
        cmocka_unit_test(rare_labels_go_to_high_carbon),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
