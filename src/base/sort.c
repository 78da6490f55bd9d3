#include "src/base/sort.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/status.h"

static int by_u32(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static int by_f64(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

void fg_sort_u32(uint32_t *a, size_t n)
{
    if (n > 1) {
        qsort(a, n, sizeof *a, by_u32);
    }
}

void fg_sort_f64(double *a, size_t n)
{
    if (n > 1) {
        qsort(a, n, sizeof *a, by_f64);
    }
}

static uint64_t key(const void *record)
{
    uint64_t k;
    memcpy(&k, record, sizeof k);
    return k;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = key(a), y = key(b);
    FG_ASSERT(x != y || a == b);
    return (x > y) - (x < y);
}

void fg_sort_appended(void *records, size_t n, size_t from, size_t bytes)
{
    const uint8_t *r = records;
    uint64_t least = UINT64_MAX;
    bool ascend = true;
    for (size_t i = from; i < n; i++) {
        uint64_t k = key(r + i * bytes);
        ascend = ascend && (i == 0 || key(r + (i - 1) * bytes) < k);
        least = k < least ? k : least;
    }
    if (!ascend) {
        while (from > 0 && key(r + (from - 1) * bytes) >= least) {
            from--;
        }
        qsort((uint8_t *)records + from * bytes, n - from, bytes, by_key);
    }
}

size_t fg_sort_find(const void *records, size_t n, size_t bytes, uint64_t wanted)
{
    const uint8_t *r = records;
    size_t low = 0, high = n;
    uint64_t at = n > 0 ? wanted - key(r) : 0;
    if (at < n && key(r + at * bytes) == wanted) {
        return (size_t)at;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key(r + middle * bytes) < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && key(r + low * bytes) == wanted ? low : n;
}

static int by_score(const void *a, const void *b)
{
    const struct fg_ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score)
                                : (x->number > y->number) - (x->number < y->number);
}

void fg_sort_ranked(struct fg_ranked *a, size_t n)
{
    if (n > 1) {
        qsort(a, n, sizeof *a, by_score);
    }
}
