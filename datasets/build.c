#include "datasets/build.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

struct fg_dataset_arrays *fg_dataset_edit(struct fg_dataset *ds)
{
    return ds->owner;
}

static enum fg_status allocate_samples(struct fg_dataset *ds)
{
    struct fg_dataset_arrays *a = ds->owner;
    a->x = fg_calloc(ds->n, fg_dataset_sample_bytes(ds));
    a->y = fg_calloc(ds->n, ds->label_width * sizeof *a->y);
    a->group = ds->groups != 0 ? fg_calloc(ds->n, sizeof *a->group) : NULL;
    if (a->x == NULL || a->y == NULL || (ds->groups != 0 && a->group == NULL)) {
        return FG_E_NOMEM;
    }
    if (a->group != NULL) {
        memset(a->group, 0xff, ds->n * sizeof *a->group);
    }
    ds->x = a->x;
    ds->y = a->y;
    ds->group = a->group;
    return FG_OK;
}

/* What is small beside the samples. */
static enum fg_status allocate(struct fg_dataset *ds, const char *name)
{
    struct fg_dataset_arrays *a = fg_calloc(1, sizeof *a);
    ds->owner = a;
    ds->name = fg_strdup(name);
    if (a == NULL || ds->name == NULL) {
        return FG_E_NOMEM;
    }
    a->scale = fg_calloc(ds->channels, sizeof *a->scale);
    a->shift = fg_calloc(ds->channels, sizeof *a->shift);
    if (a->scale == NULL || a->shift == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t c = 0; c < ds->channels; c++) {
        a->scale[c] = 1.0f;
    }
    if (ds->groups != 0) {
        ds->group_name = fg_calloc(ds->groups, sizeof *ds->group_name);
        if (ds->group_name == NULL) {
            return FG_E_NOMEM;
        }
    }
    if (ds->kind == FG_DATA_TOKENS) {
        a->vocab = fg_calloc(ds->classes, 1);
        if (a->vocab == NULL) {
            return FG_E_NOMEM;
        }
    }
    ds->scale = a->scale;
    ds->shift = a->shift;
    ds->vocab = a->vocab;
    return FG_OK;
}

enum fg_status fg_dataset_create(struct fg_dataset **out, const struct fg_dataset *layout, const char *name,
                                 struct fg_err *err)
{
    struct fg_dataset *ds = NULL;
    enum fg_status st = fg_dataset_create_empty(&ds, layout, name, err);
    if (st != FG_OK) {
        return st;
    }
    FG_ASSERT(ds != NULL);
    if (allocate_samples(ds) != FG_OK) {
        size_t bytes = ds->width * (layout->dtype == FG_U8 ? 1 : sizeof(float));
        fg_dataset_destroy(ds);
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory for %zu samples of %zu bytes", name, layout->n,
                       bytes);
    }
    *out = ds;
    return FG_OK;
}

enum fg_status fg_dataset_create_empty(struct fg_dataset **out, const struct fg_dataset *layout,
                                       const char *name, struct fg_err *err)
{
    const uint32_t *shape = layout->shape;
    size_t width, bytes, size = layout->dtype == FG_U8 ? 1 : sizeof(float);
    if (layout->n == 0 || layout->n >= UINT32_MAX || shape[0] == 0 || shape[1] == 0 || shape[2] == 0) {
        return fg_fail(err, FG_E_INPUT,
                       "%s: expected 1 to 4294967294 samples of at least one value, "
                       "found %zu of %u x %u x %u",
                       name, layout->n, shape[0], shape[1], shape[2]);
    }
    if (__builtin_mul_overflow((size_t)shape[0] * shape[1], (size_t)shape[2], &width) ||
        __builtin_mul_overflow(width, layout->n * size, &bytes) || bytes > SIZE_MAX / 4) {
        return fg_fail(err, FG_E_INPUT, "%s: %zu samples of %u x %u x %u values are too large", name,
                       layout->n, shape[0], shape[1], shape[2]);
    }
    if (layout->classes == 0 || layout->classes > UINT16_MAX || layout->label_width == 0) {
        return fg_fail(err, FG_E_INPUT, "%s: expected 1 to 65535 classes, found %u", name, layout->classes);
    }
    struct fg_dataset *ds = fg_calloc(1, sizeof *ds);
    if (ds == NULL) {
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", name);
    }
    ds->kind = layout->kind;
    ds->dtype = layout->dtype;
    memcpy(ds->shape, shape, sizeof ds->shape);
    ds->width = width;
    ds->label_width = layout->label_width;
    ds->classes = layout->classes;
    ds->n = layout->n;
    ds->n_train = layout->n_train;
    ds->groups = layout->groups;
    ds->channels = ds->kind == FG_DATA_IMAGE ? shape[2] : ds->kind == FG_DATA_VECTOR ? shape[0] : 1;
    if (allocate(ds, name) != FG_OK) {
        fg_dataset_destroy(ds);
        return fg_fail(err, FG_E_NOMEM, "%s: out of memory", name);
    }
    *out = ds;
    return FG_OK;
}

static enum fg_status names_rehash(struct fg_names *names)
{
    size_t slots = names->slots < 64 ? 64 : names->slots * 2;
    uint32_t *slot = fg_calloc(slots, sizeof *slot);
    if (slot == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < names->n; i++) {
        size_t at = fg_xxh64(names->name[i], strlen(names->name[i])) & (slots - 1);
        while (slot[at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        slot[at] = (uint32_t)i + 1;
    }
    fg_free(names->slot);
    names->slot = slot;
    names->slots = slots;
    return FG_OK;
}

enum fg_status fg_names_number(struct fg_names *names, uint32_t *number, const char *text, size_t len)
{
    enum fg_status st;
    if (2 * (names->n + 1) > names->slots && (st = names_rehash(names)) != FG_OK) {
        return st;
    }
    len = strnlen(text, len);
    size_t at = fg_xxh64(text, len) & (names->slots - 1);
    while (names->slot[at] != 0) {
        const char *have = names->name[names->slot[at] - 1];
        if (strlen(have) == len && memcmp(have, text, len) == 0) {
            *number = names->slot[at] - 1;
            return FG_OK;
        }
        at = (at + 1) & (names->slots - 1);
    }
    if ((st = FG_GROW(names->name, names->n, names->cap)) != FG_OK) {
        return st;
    }
    char *copy = fg_strndup(text, len);
    if (copy == NULL) {
        return FG_E_NOMEM;
    }
    names->name[names->n] = copy;
    *number = (uint32_t)names->n;
    names->slot[at] = (uint32_t)++names->n;
    return FG_OK;
}

void fg_names_fini(struct fg_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        fg_free(names->name[i]);
    }
    fg_free(names->name);
    fg_free(names->slot);
    memset(names, 0, sizeof *names);
}

/* Mark the test samples of one group, whose members are member[0..n). */
static size_t mark_test(uint8_t *test, uint32_t *member, size_t n, double fraction, int tail, uint64_t seed,
                        uint32_t group)
{
    size_t take = (size_t)floor((double)n * fraction + 0.5);
    if (take == 0 && n >= 2) {
        take = 1;
    }
    if (take >= n) {
        take = n - 1;
    }
    if (!tail) {
        struct fg_rng r;
        fg_rng_init(&r, seed, FG_RNG_SPLIT, group, 0);
        fg_rng_shuffle(&r, member, n);
    }
    for (size_t i = n - take; i < n; i++) {
        test[member[i]] = 1;
    }
    return take;
}

/* Rows of `size` bytes: those not marked first, then the marked, both in order. */
static void reorder(void *out, const void *in, size_t n, size_t size, const uint8_t *test)
{
    uint8_t *to = out;
    for (int part = 0; part < 2; part++) {
        for (size_t i = 0; i < n; i++) {
            if (test[i] == part) {
                memcpy(to, (const uint8_t *)in + i * size, size);
                to += size;
            }
        }
    }
}

/* Members of each group in order: counting sort; ungrouped samples make a last group of their own. */
static void by_group(const struct fg_dataset *ds, size_t *first, uint32_t *member)
{
    size_t buckets = (size_t)ds->groups + 1;
    for (size_t i = 0; i < ds->n; i++) {
        size_t g = ds->group != NULL && ds->group[i] != FG_NO_GROUP ? ds->group[i] : ds->groups;
        first[g + 1]++;
    }
    for (size_t g = 0; g < buckets; g++) {
        first[g + 1] += first[g];
    }
    for (size_t i = ds->n; i-- > 0;) {
        size_t g = ds->group != NULL && ds->group[i] != FG_NO_GROUP ? ds->group[i] : ds->groups;
        member[--first[g + 1]] = (uint32_t)i;
    }
    /* first[g + 1] is now the start of bucket g: shift down and close the end. */
    memmove(first, first + 1, buckets * sizeof *first);
    first[buckets] = ds->n;
}

enum fg_status fg_dataset_split(struct fg_dataset *ds, double fraction, uint64_t seed)
{
    if (ds->n_train < ds->n || !(fraction > 0.0)) {
        return FG_OK;
    }
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    size_t size = fg_dataset_sample_bytes(ds), ysize = ds->label_width * sizeof *a->y, tests = 0;
    uint8_t *test = fg_calloc(ds->n, 1);
    uint32_t *member = fg_calloc(ds->n, sizeof *member);
    size_t *first = fg_calloc((size_t)ds->groups + 2, sizeof *first);
    void *x = fg_calloc(ds->n, size);
    uint16_t *y = fg_calloc(ds->n, ysize);
    uint32_t *group = ds->group != NULL ? fg_calloc(ds->n, sizeof *group) : NULL;
    enum fg_status st = FG_E_NOMEM;
    if (test == NULL || member == NULL || first == NULL || x == NULL || y == NULL ||
        (ds->group != NULL && group == NULL)) {
        goto cleanup;
    }
    by_group(ds, first, member);
    for (size_t g = 0; g <= ds->groups; g++) {
        if (first[g + 1] > first[g]) {
            tests += mark_test(test, member + first[g], first[g + 1] - first[g], fraction,
                               ds->kind == FG_DATA_TOKENS, seed, (uint32_t)g);
        }
    }
    reorder(x, ds->x, ds->n, size, test);
    reorder(y, ds->y, ds->n, ysize, test);
    ds->summed = false;
    void *old_x = a->x;
    uint16_t *old_y = a->y;
    ds->x = a->x = x;
    ds->y = a->y = y;
    x = old_x;
    y = old_y;
    if (group != NULL) {
        uint32_t *old = a->group;
        reorder(group, ds->group, ds->n, sizeof *group, test);
        ds->group = a->group = group;
        group = old;
    }
    ds->n_train = ds->n - tests;
    st = FG_OK;
cleanup:
    fg_free(test);
    fg_free(member);
    fg_free(first);
    fg_free(x);
    fg_free(y);
    fg_free(group);
    return st;
}

/* Sums over the training part, each channel in sample order: mean and std become sum and sum of squares, then
 * what their names say. Bytes are summed exactly; floats are shifted by their first value, so that the
 * variance does not cancel. */
static void sum_bytes(const struct fg_dataset *ds, double *sum, double *square)
{
    const uint8_t *x = ds->x;
    for (uint32_t c = 0; c < ds->channels; c++) {
        uint64_t s = 0, q = 0;
        for (size_t i = c; i < ds->n_train * ds->width; i += ds->channels) {
            s += x[i];
            q += (uint64_t)x[i] * x[i];
        }
        sum[c] = (double)s;
        square[c] = (double)q;
    }
}

static void sum_floats(const struct fg_dataset *ds, double *sum, double *square)
{
    const float *x = ds->x;
    for (size_t i = 0; i < ds->n_train * ds->width; i += ds->channels) {
        for (uint32_t c = 0; c < ds->channels; c++) {
            double v = (double)x[i + c] - (double)x[c];
            sum[c] += v;
            square[c] += v * v;
        }
    }
}

static void channel_moments(const struct fg_dataset *ds, double *mean, double *std)
{
    size_t per = ds->width / ds->channels;
    double count = (double)ds->n_train * (double)per;
    int bytes = ds->dtype == FG_U8;
    if (bytes) {
        sum_bytes(ds, mean, std);
    } else {
        sum_floats(ds, mean, std);
    }
    for (uint32_t c = 0; c < ds->channels; c++) {
        double m = mean[c] / count, v = std[c] / count - m * m;
        mean[c] = (bytes ? 0.0 : (double)((const float *)ds->x)[c]) + m;
        std[c] = v > 0.0 ? sqrt(v) : 0.0;
    }
}

enum fg_status fg_dataset_set_scaling(struct fg_dataset *ds, enum fg_scaling scale, int normalise)
{
    if (ds->kind == FG_DATA_TOKENS) {
        return FG_OK;
    }
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    bool bytes = ds->dtype == FG_U8 && scale != FG_SCALE_NONE;
    double *mean = NULL, *std = NULL;
    if (normalise) {
        mean = fg_calloc(ds->channels, sizeof *mean);
        std = fg_calloc(ds->channels, sizeof *std);
        if (mean == NULL || std == NULL) {
            fg_free(mean);
            fg_free(std);
            return FG_E_NOMEM;
        }
        channel_moments(ds, mean, std);
    }
    for (uint32_t c = 0; c < ds->channels; c++) {
        double s = bytes ? 1.0 / 255.0 : 1.0, t = bytes && scale == FG_SCALE_CENTRED ? -0.5 : 0.0;
        if (normalise) {
            /* A channel whose deviation is rounding noise of its mean is constant. */
            s = std[c] > 1e-7 * fabs(mean[c]) && std[c] > 1e-30 ? 1.0 / std[c] : 0.0;
            t = -mean[c] * s;
        }
        a->scale[c] = (float)s;
        a->shift[c] = (float)t;
    }
    fg_free(mean);
    fg_free(std);
    return FG_OK;
}
