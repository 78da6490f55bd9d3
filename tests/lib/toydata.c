#include "tests/lib/toydata.h"

#include <stdlib.h>

#include "src/base/rng.h"

static const float one[1] = {1.0f}, zero[1] = {0.0f}, byte_scale[1] = {1.0f / 255};

static struct fg_dataset *toy_new(size_t n, size_t width, size_t value_size, uint32_t label_width)
{
    struct fg_dataset *d = calloc(1, sizeof *d);
    if (d == NULL || (d->x = calloc(n * width, value_size)) == NULL ||
        (d->y = calloc(n * label_width, sizeof *d->y)) == NULL) {
        abort();
    }
    d->n = d->n_train = n;
    d->width = width;
    d->label_width = label_width;
    d->channels = 1;
    d->scale = one;
    d->shift = zero;
    return d;
}

struct fg_dataset *toy_vectors(size_t n, uint32_t features, uint32_t classes)
{
    struct fg_dataset *d = toy_new(n, features, sizeof(float), 1);
    float *x = (float *)(uintptr_t)d->x, *scale = calloc(2 * (size_t)features, sizeof *scale);
    uint16_t *y = (uint16_t *)(uintptr_t)d->y;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 1, 0);
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint16_t)fg_rng_below(&r, classes);
        for (size_t j = 0; j < features; j++) {
            x[i * features + j] = (float)(0.5 * fg_rng_normal(&r) + (j == y[i] ? 3 : 0));
        }
    }
    for (size_t j = 0; scale != NULL && j < features; j++) {
        scale[j] = 1.0f;
    }
    d->kind = FG_DATA_VECTOR;
    d->dtype = FG_F32;
    d->shape[0] = features;
    d->shape[1] = d->shape[2] = 1;
    d->channels = features;
    d->classes = classes;
    d->scale = scale;
    d->shift = scale + features;
    d->owner = scale;
    return d;
}

struct fg_dataset *toy_images(size_t n)
{
    struct fg_dataset *d = toy_new(n, 64, 1, 1);
    uint8_t *x = (uint8_t *)(uintptr_t)d->x;
    uint16_t *y = (uint16_t *)(uintptr_t)d->y;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 2, 0);
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint16_t)fg_rng_below(&r, 4);
        for (size_t j = 0; j < 64; j++) {
            unsigned quadrant = (unsigned)(j / 32 * 2 + j % 8 / 4);
            x[i * 64 + j] = (uint8_t)(fg_rng_below(&r, 80) + (quadrant == y[i] ? 150 : 0));
        }
    }
    d->kind = FG_DATA_IMAGE;
    d->dtype = FG_U8;
    d->shape[0] = d->shape[1] = 8;
    d->shape[2] = 1;
    d->classes = 4;
    d->scale = byte_scale;
    return d;
}

struct fg_dataset *toy_texts(size_t n, uint32_t length, uint32_t vocabulary)
{
    struct fg_dataset *d = toy_new(n, length, 1, length);
    uint8_t *x = (uint8_t *)(uintptr_t)d->x;
    uint16_t *y = (uint16_t *)(uintptr_t)d->y;
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 3, 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t start = fg_rng_below(&r, vocabulary);
        for (uint32_t j = 0; j < length; j++) {
            x[i * length + j] = (uint8_t)((start + j) % vocabulary);
            y[i * length + j] = (uint16_t)((start + j + 1) % vocabulary);
        }
    }
    d->kind = FG_DATA_TOKENS;
    d->dtype = FG_U8;
    d->shape[0] = length;
    d->shape[1] = d->shape[2] = 1;
    d->classes = vocabulary;
    return d;
}

void toy_destroy(struct fg_dataset *d)
{
    free((void *)(uintptr_t)d->x);
    free((void *)(uintptr_t)d->y);
    free(d->owner);
    free(d);
}
