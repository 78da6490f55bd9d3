/* The real data sets, where they are: counts and histograms as published. Looks in $FORAGE_DATA and in
 * ../shared/data beside the source folder; a set that is not there is skipped. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "datasets/load.h"
#include "datasets/partition.h"
#include "src/base/mem.h"
#include "tests/lib/partitions.h"
#include "tests/lib/tmpdir.h"

/* NULL when absent (the test is then skipped). */
static struct fg_dataset *load(const char *name, struct fg_dataset_spec spec)
{
    char path[2048];
    const char *source = getenv("FG_SRCDIR");
    struct fg_err err = {""};
    struct fg_dataset *ds = NULL;
    const char *data = getenv("FORAGE_DATA");
    if (data != NULL) {
        snprintf(path, sizeof path, "%s/%s", data, name);
    } else {
        snprintf(path, sizeof path, "%s/../shared/data/%s", source != NULL ? source : ".", name);
    }
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there; set FORAGE_DATA to the folder that holds %s\n", path, name);
        return NULL;
    }
    spec.path = path;
    spec.cache = fg_tmpdir;
    for (int again = 0; again < 2; again++) { /* imported, then from the cache */
        fg_dataset_destroy(ds);
        ds = NULL;
        if (fg_dataset_load(&ds, &spec, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
    }
    return ds;
}

static void check_labels(const struct fg_dataset *ds, size_t from, size_t to, const size_t *want)
{
    for (uint32_t c = 0; c < ds->classes; c++) {
        size_t n = 0;
        for (size_t i = from; i < to; i++) {
            n += ds->y[i] == c;
        }
        assert_int_equal(n, want[c]);
    }
}

static size_t groups_in(const struct fg_dataset *ds, size_t from, size_t to, size_t least, size_t *min,
                        size_t *max)
{
    size_t *count = calloc(ds->groups, sizeof *count), n = 0;
    for (size_t i = from; i < to; i++) {
        count[ds->group[i]]++;
    }
    *min = SIZE_MAX;
    *max = 0;
    for (uint32_t g = 0; g < ds->groups; g++) {
        if (count[g] >= least) {
            n++;
            *min = count[g] < *min ? count[g] : *min;
            *max = count[g] > *max ? count[g] : *max;
        }
    }
    free(count);
    return n;
}

static void mnist_is_as_published(void **state)
{
    (void)state;
    static const size_t train[] = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949};
    static const size_t test[] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    spec.normalise = FG_NORMALISE_CHANNEL;
    struct fg_dataset *ds = load("mnist", spec);
    if (ds == NULL) {
        skip();
    }
    assert_int_equal(ds->n, 70000);
    assert_int_equal(ds->n_train, 60000);
    check_labels(ds, 0, 60000, train);
    check_labels(ds, 60000, 70000, test);
    size_t min, max;
    assert_int_equal(ds->groups, 539 + 297);
    assert_int_equal(groups_in(ds, 0, 60000, 1, &min, &max), 539);
    assert_true(min == 19 && max == 131);
    assert_int_equal(groups_in(ds, 60000, 70000, 1, &min, &max), 297);
    assert_true(min == 8 && max == 130);
    /* scale = 1 / (255 std), shift = -mean / std with the published mean and deviation */
    fg_assert_close((double)ds->scale[0], 1.0 / (255.0 * 0.308108), 2e-7);
    fg_assert_close((double)ds->shift[0], -0.130660 / 0.308108, 1e-5);
    struct fg_partition_spec part = {.kind = FG_PARTITION_GROUPS, .test_fraction = 0.1};
    struct fg_partition *p = NULL;
    struct partition_stats s;
    assert_int_equal(fg_partition_create(&p, ds, &part, NULL), FG_OK);
    assert_int_equal(p->clients, 539);
    assert_int_equal(partition_check(p, ds, NULL), FG_OK);
    assert_int_equal(partition_stats(&s, p, ds), FG_OK);
    assert_int_equal(s.train_samples + s.test_samples, 60000);
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void fashion_mnist_is_as_published(void **state)
{
    (void)state;
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    struct fg_dataset *ds = load("fashion-mnist", spec);
    if (ds == NULL) {
        skip();
    }
    size_t train[10], test[10];
    for (int c = 0; c < 10; c++) {
        train[c] = 6000;
        test[c] = 1000;
    }
    check_labels(ds, 0, ds->n_train, train);
    check_labels(ds, ds->n_train, ds->n, test);
    assert_int_equal(ds->n, 70000);
    assert_int_equal(ds->groups, 0);
    fg_dataset_destroy(ds);
}

static void cifar_parts_are_as_described(void **state)
{
    (void)state;
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    spec.normalise = FG_NORMALISE_CHANNEL;
    struct fg_dataset *ds = load("cifar-10", spec);
    if (ds == NULL) {
        skip();
    }
    assert_int_equal(ds->n_train, 10000);
    assert_int_equal(ds->n, 12000);
    assert_true(ds->shape[0] == 32 && ds->shape[1] == 32 && ds->shape[2] == 3 && ds->channels == 3);
    /* of one batch of five: near the means of all */
    fg_assert_close(-(double)ds->shift[0] / (double)ds->scale[0] / 255.0, 0.4913, 0.006);
    fg_assert_close(-(double)ds->shift[1] / (double)ds->scale[1] / 255.0, 0.4821, 0.006);
    fg_assert_close(-(double)ds->shift[2] / (double)ds->scale[2] / 255.0, 0.4465, 0.006);
    fg_dataset_destroy(ds);
}

static void shakespeare_has_its_roles(void **state)
{
    (void)state;
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    struct fg_dataset *ds = load("text", spec);
    if (ds == NULL) {
        skip();
    }
    assert_int_equal(ds->classes, 65);
    assert_int_equal(ds->groups, 303);
    assert_int_equal(ds->width, 80);
    assert_int_equal(ds->label_width, 80);
    assert_string_equal(ds->group_name[0], "First Citizen");
    /* First Citizen's first speech, and the label of each place is the next character */
    static const char speech[] = "Before we proceed any further, hear me speak.\n";
    const uint8_t *x = ds->x;
    for (size_t j = 0; j < sizeof speech - 1; j++) {
        assert_int_equal(ds->vocab[x[j]], speech[j]);
        assert_int_equal(ds->y[j], x[j + 1]);
    }
    struct fg_partition_spec part = {.kind = FG_PARTITION_GROUPS, .min_samples = 2};
    struct fg_partition *p = NULL;
    assert_int_equal(fg_partition_create(&p, ds, &part, NULL), FG_OK);
    assert_int_equal(partition_check(p, ds, NULL), FG_OK);
    assert_true(p->clients > 99 && p->clients < 303);
    fg_partition_destroy(p);
    fg_dataset_destroy(ds);
}

static void extrasensory_has_its_people(void **state)
{
    (void)state;
    static const size_t all[] = {29578, 47471, 11269, 7336, 188, 1581};
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    spec.normalise = FG_NORMALISE_CHANNEL;
    struct fg_dataset *ds = load("extrasensory", spec);
    if (ds == NULL) {
        skip();
    }
    size_t min, max;
    assert_int_equal(ds->n, 97423);
    assert_int_equal(ds->width, 52);
    assert_int_equal(ds->classes, 6);
    check_labels(ds, 0, ds->n, all);
    assert_int_equal(ds->groups, 27);
    assert_int_equal(groups_in(ds, 0, ds->n, 1, &min, &max), 27);
    assert_true(min == 684 && max == 6426);
    assert_int_equal(groups_in(ds, ds->n_train, ds->n, 1, &min, &max), 27);
    fg_assert_close((double)(ds->n - ds->n_train) / (double)ds->n, 0.1, 0.001);
    fg_dataset_destroy(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mnist_is_as_published),        cmocka_unit_test(fashion_mnist_is_as_published),
        cmocka_unit_test(cifar_parts_are_as_described), cmocka_unit_test(shakespeare_has_its_roles),
        cmocka_unit_test(extrasensory_has_its_people),
    };
    return cmocka_run_group_tests(tests, fg_tmpdir_set_up, fg_tmpdir_tear_down);
}
