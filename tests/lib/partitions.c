#include "tests/lib/partitions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"

static int by_size(const void *a, const void *b)
{
    size_t p, q;
    memcpy(&p, a, sizeof p);
    memcpy(&q, b, sizeof q);
    return p < q ? -1 : p > q;
}

/* Add the labels of samples list[0..n) to count (classes); returns how many labels that were. */
static size_t count_labels(size_t *count, const struct fg_dataset *ds, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t *y = ds->y + (size_t)list[i] * ds->label_width;
        for (uint32_t j = 0; j < ds->label_width; j++) {
            count[y[j]]++;
        }
    }
    return n * ds->label_width;
}

static void add_client(struct partition_stats *s, const size_t *mine, size_t n, const size_t *all,
                       size_t total, uint32_t classes)
{
    double distance = 0.0;
    for (uint32_t c = 0; c < classes; c++) {
        distance += fabs((double)mine[c] / (double)n - (double)all[c] / (double)total);
    }
    distance /= 2.0;
    s->mean_label_distance += distance;
    s->max_label_distance = distance > s->max_label_distance ? distance : s->max_label_distance;
}

enum fg_status partition_stats(struct partition_stats *out, const struct fg_partition *p,
                               const struct fg_dataset *ds)
{
    struct partition_stats s = {.train_samples = p->train_first[p->clients],
                                .test_samples = p->test_first[p->clients]};
    size_t *size = fg_calloc(p->clients, sizeof *size), *all = fg_calloc(ds->classes, sizeof *all);
    size_t *mine = fg_calloc(ds->classes, sizeof *mine);
    enum fg_status st = FG_E_NOMEM;
    if (size == NULL || all == NULL || mine == NULL) {
        goto cleanup;
    }
    size_t total = count_labels(all, ds, p->train, s.train_samples);
    for (uint32_t k = 0; k < p->clients; k++) {
        size[k] = p->train_first[k + 1] - p->train_first[k];
        memset(mine, 0, ds->classes * sizeof *mine);
        size_t n = count_labels(mine, ds, p->train + p->train_first[k], size[k]);
        if (n > 0) {
            add_client(&s, mine, n, all, total, ds->classes);
        }
    }
    qsort(size, p->clients, sizeof *size, by_size);
    s.min_samples = size[0];
    s.median_samples = size[p->clients / 2];
    s.max_samples = size[p->clients - 1];
    s.mean_label_distance /= p->clients;
    *out = s;
    st = FG_OK;
cleanup:
    fg_free(size);
    fg_free(all);
    fg_free(mine);
    return st;
}

/* mark: 1 = some client trains on it, 2 = some client tests on it. */
static enum fg_status check_lists(const size_t *first, const uint32_t *list, uint32_t clients, size_t limit,
                                  uint8_t *mark, uint8_t bit, const char *what, struct fg_err *err)
{
    for (uint32_t k = 0; k < clients; k++) {
        if (first[0] != 0 || first[k + 1] < first[k]) {
            return fg_fail(err, FG_E_INTERNAL, "partition: %s offsets of client %u do not ascend", what, k);
        }
        for (size_t i = first[k]; i < first[k + 1]; i++) {
            if (list[i] >= limit || (i > first[k] && list[i] <= list[i - 1])) {
                return fg_fail(err, FG_E_INTERNAL, "partition: %s list of client %u is out of order or range",
                               what, k);
            }
            if ((bit == 1 && mark[list[i]] != 0) || (mark[list[i]] & 1u) != 0) {
                return fg_fail(err, FG_E_INTERNAL, "partition: sample %u is dealt twice", list[i]);
            }
            mark[list[i]] |= bit;
        }
    }
    return FG_OK;
}

enum fg_status partition_check(const struct fg_partition *p, const struct fg_dataset *ds, struct fg_err *err)
{
    uint8_t *mark = fg_calloc(ds->n, 1);
    if (mark == NULL) {
        return fg_fail(err, FG_E_NOMEM, "partition: out of memory");
    }
    enum fg_status st =
        check_lists(p->train_first, p->train, p->clients, ds->n_train, mark, 1, "training", err);
    if (st == FG_OK) {
        st = check_lists(p->test_first, p->test, p->clients, ds->n, mark, 2, "test", err);
    }
    fg_free(mark);
    return st;
}
