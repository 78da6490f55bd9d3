#include "src/base/sort.h"

#include <stdlib.h>
#include <string.h>

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
