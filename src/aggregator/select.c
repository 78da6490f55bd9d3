#include "src/aggregator/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

extern const struct fg_select_ops fg_select_all, fg_select_uniform, fg_select_cyclic;

static const struct fg_select_ops *const registry[] = {
    &fg_select_uniform,
    &fg_select_all,
    &fg_select_cyclic,
    NULL,
};

const struct fg_select_ops *const *fg_select_list(void)
{
    return registry;
}

const struct fg_select_ops *fg_select_find(const char *name)
{
    for (size_t i = 0; registry[i] != NULL; i++) {
        if (strcmp(registry[i]->name, name) == 0) {
            return registry[i];
        }
    }
    return NULL;
}

size_t fg_select_count(const struct fg_select_config *cfg, size_t n_available)
{
    double ask = ceil((double)cfg->want * cfg->over - 1e-9);
    return ask >= (double)n_available ? n_available : (size_t)ask;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

void fg_select_sample(uint32_t *out, size_t m, uint32_t *pool, size_t n, uint64_t seed, uint32_t round)
{
    FG_ASSERT(m <= n && n <= UINT32_MAX);
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_SELECT, 0, round);
    for (size_t i = 0; i < m; i++) {
        size_t j = i + fg_rng_below(&r, (uint32_t)(n - i));
        uint32_t t = pool[i];
        pool[i] = pool[j];
        pool[j] = t;
        out[i] = pool[i];
    }
    qsort(out, m, sizeof *out, by_number);
}
