#include "src/base/rng.h"

#include <math.h>

#include "src/base/fmath.h"
#include "src/base/philox.h"

void fg_philox(uint32_t out[4], const uint32_t ctr[4], const uint32_t key[2])
{
    fg_philox_block(out, ctr, key);
}

void fg_rng_counter(uint32_t ctr[4], enum fg_purpose purpose, uint32_t client, uint32_t task, uint64_t block)
{
    ctr[0] = (uint32_t)block;
    ctr[1] = (uint32_t)purpose << 24 | (uint32_t)(block >> 32 & 0xFFFFFFu);
    ctr[2] = client;
    ctr[3] = task;
}

void fg_rng_init(struct fg_rng *r, uint64_t seed, enum fg_purpose purpose, uint32_t client, uint32_t task)
{
    r->key[0] = (uint32_t)seed;
    r->key[1] = (uint32_t)(seed >> 32);
    fg_rng_counter(r->ctr, purpose, client, task, 0);
    r->used = 4;
}

uint32_t fg_rng_u32(struct fg_rng *r)
{
    if (r->used == 4) {
        fg_philox(r->out, r->ctr, r->key);
        if (++r->ctr[0] == 0) {
            r->ctr[1]++;
        }
        r->used = 0;
    }
    return r->out[r->used++];
}

uint64_t fg_rng_u64(struct fg_rng *r)
{
    uint64_t low = fg_rng_u32(r);
    return low | (uint64_t)fg_rng_u32(r) << 32;
}

uint32_t fg_rng_below(struct fg_rng *r, uint32_t n)
{
    uint32_t floor = (0u - n) % n; /* Lemire 2019: reject the short first interval */
    for (;;) {
        uint64_t m = (uint64_t)fg_rng_u32(r) * n;
        if ((uint32_t)m >= floor) {
            return (uint32_t)(m >> 32);
        }
    }
}

double fg_rng_uniform(struct fg_rng *r)
{
    return (double)(fg_rng_u64(r) >> 11) * 0x1p-53;
}

double fg_rng_normal(struct fg_rng *r)
{
    double u = 1.0 - fg_rng_uniform(r); /* (0, 1] */
    return sqrt(-2.0 * fg_log(u)) * fg_cos2pi(fg_rng_uniform(r));
}

double fg_rng_gamma(struct fg_rng *r, double shape)
{
    if (shape < 1.0) {
        double u = 1.0 - fg_rng_uniform(r);
        return fg_rng_gamma(r, shape + 1.0) * fg_exp(fg_log(u) / shape);
    }
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        double x = fg_rng_normal(r), v = 1.0 + c * x;
        if (v <= 0.0) {
            continue;
        }
        v = v * v * v;
        double u = 1.0 - fg_rng_uniform(r);
        if (fg_log(u) < 0.5 * x * x + d - d * v + d * fg_log(v)) {
            return d * v;
        }
    }
}

void fg_rng_shuffle(struct fg_rng *r, uint32_t *a, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        uint32_t j = fg_rng_below(r, (uint32_t)i);
        uint32_t t = a[i - 1];
        a[i - 1] = a[j];
        a[j] = t;
    }
}
