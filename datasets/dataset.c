#include "datasets/dataset.h"

#include <math.h>
#include <string.h>

#include "datasets/build.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "hashes and shards take arrays as they lie in memory");

size_t fg_dataset_sample_bytes(const struct fg_dataset *ds)
{
    return ds->width * (ds->dtype == FG_U8 ? 1 : sizeof(float));
}

const char *fg_dataset_kind_name(enum fg_dataset_kind kind)
{
    return kind == FG_DATA_IMAGE ? "image" : kind == FG_DATA_VECTOR ? "vector" : "tokens";
}

/* A byte has 256 values: a table a channel replaces the fused multiply-add, which is a library call on
 * machines without the instruction; the bits are the same. */
enum { TABLES = 4 };

static void fill_tables(float table[TABLES][256], const struct fg_dataset *ds)
{
    for (uint32_t c = 0; c < ds->channels; c++) {
        for (int v = 0; v < 256; v++) {
            table[c][v] = ds->kind == FG_DATA_TOKENS ? (float)v : fmaf(ds->scale[c], (float)v, ds->shift[c]);
        }
    }
}

/* The channel of value j is j mod channels (images are stored H, W, C). */
static void gather_table(float *out, const uint8_t *raw, const struct fg_dataset *ds,
                         const float table[TABLES][256])
{
    uint32_t channels = ds->channels;
    if (channels == 1) {
        for (size_t j = 0; j < ds->width; j++) {
            out[j] = table[0][raw[j]];
        }
        return;
    }
    for (size_t j = 0; j < ds->width; j += channels) {
        for (uint32_t c = 0; c < channels; c++) {
            out[j + c] = table[c][raw[j + c]];
        }
    }
}

static void gather_u8(float *out, const uint8_t *raw, const struct fg_dataset *ds)
{
    for (size_t j = 0; j < ds->width; j += ds->channels) {
        for (uint32_t c = 0; c < ds->channels; c++) {
            out[j + c] = fmaf(ds->scale[c], (float)raw[j + c], ds->shift[c]);
        }
    }
}

static void gather_f32(float *out, const float *raw, const struct fg_dataset *ds)
{
    for (size_t j = 0; j < ds->width; j += ds->channels) {
        for (uint32_t c = 0; c < ds->channels; c++) {
            out[j + c] = fmaf(ds->scale[c], raw[j + c], ds->shift[c]);
        }
    }
}

void fg_dataset_gather(const struct fg_dataset *ds, const uint32_t *index, size_t n, float *x, size_t ldx,
                       uint16_t *y)
{
    float table[TABLES][256];
    int tables = ds->dtype == FG_U8 && ds->channels <= TABLES;
    if (tables) {
        fill_tables(table, ds);
    }
    for (size_t i = 0; i < n; i++) {
        float *row = x + i * ldx;
        size_t at = (size_t)index[i] * ds->width;
        if (tables) {
            gather_table(row, (const uint8_t *)ds->x + at, ds, (const float(*)[256])table);
        } else if (ds->dtype == FG_U8) {
            gather_u8(row, (const uint8_t *)ds->x + at, ds);
        } else {
            gather_f32(row, (const float *)ds->x + at, ds);
        }
        if (ldx > ds->width) {
            memset(row + ds->width, 0, (ldx - ds->width) * sizeof *row);
        }
        memcpy(y + i * ds->label_width, ds->y + (size_t)index[i] * ds->label_width,
               ds->label_width * sizeof *y);
    }
}

const char *fg_dataset_class_name(const struct fg_dataset *ds, uint32_t c, size_t *len)
{
    const char *at = ds->class_names;
    if (at == NULL || *at == '\0') {
        return NULL;
    }
    for (; c > 0 && at != NULL; c--) {
        at = strchr(at, '\n');
        at = at != NULL ? at + 1 : NULL;
    }
    *len = at != NULL ? strcspn(at, "\n") : 0;
    return at;
}

static enum fg_status check_layout(const struct fg_dataset *ds, struct fg_err *err)
{
    const char *name = ds->name;
    if (ds->n == 0 || ds->n_train == 0 || ds->n_train > ds->n || ds->n >= UINT32_MAX) {
        return fg_fail(err, FG_E_INPUT, "%s: expected 1 to %zu training samples, found %zu", name, ds->n,
                       ds->n_train);
    }
    uint32_t channels = ds->kind == FG_DATA_IMAGE    ? ds->shape[2]
                        : ds->kind == FG_DATA_VECTOR ? ds->shape[0]
                                                     : 1;
    uint32_t labels = ds->kind == FG_DATA_TOKENS ? ds->shape[0] : 1;
    if (ds->channels != channels || ds->label_width != labels ||
        ds->width != (size_t)ds->shape[0] * ds->shape[1] * ds->shape[2] || ds->width == 0) {
        return fg_fail(err, FG_E_INPUT, "%s: shape %u x %u x %u does not fit kind %s with %u labels a sample",
                       name, ds->shape[0], ds->shape[1], ds->shape[2], fg_dataset_kind_name(ds->kind),
                       ds->label_width);
    }
    if (ds->classes == 0 || ds->classes > UINT16_MAX) {
        return fg_fail(err, FG_E_INPUT, "%s: expected 1 to 65535 classes, found %u", name, ds->classes);
    }
    size_t names = 1;
    for (const char *at = ds->class_names; at != NULL && (at = strchr(at, '\n')) != NULL; at++) {
        names++;
    }
    if (ds->class_names != NULL && *ds->class_names != '\0' && names != ds->classes) {
        return fg_fail(err, FG_E_INPUT, "%s: expected names of %u classes, found %zu", name, ds->classes,
                       names);
    }
    return FG_OK;
}

enum fg_status fg_dataset_check(const struct fg_dataset *ds, struct fg_err *err)
{
    enum fg_status st = check_layout(ds, err);
    if (st != FG_OK) {
        return st;
    }
    for (size_t i = 0; i < ds->n * ds->label_width; i++) {
        if (ds->y[i] >= ds->classes) {
            return fg_fail(err, FG_E_INPUT, "%s: sample %zu: expected a label below %u, found %u", ds->name,
                           i / ds->label_width, ds->classes, ds->y[i]);
        }
    }
    for (size_t i = 0; ds->group != NULL && i < ds->n; i++) {
        if (ds->group[i] >= ds->groups && ds->group[i] != FG_NO_GROUP) {
            return fg_fail(err, FG_E_INPUT, "%s: sample %zu: expected a group below %u, found %u", ds->name,
                           i, ds->groups, ds->group[i]);
        }
    }
    const uint8_t *u = ds->x;
    const float *f = ds->x;
    for (size_t i = 0; ds->kind == FG_DATA_TOKENS && i < ds->n * ds->width; i++) {
        if (u[i] >= ds->classes) {
            return fg_fail(err, FG_E_INPUT, "%s: sample %zu: expected a token below %u, found %u", ds->name,
                           i / ds->width, ds->classes, u[i]);
        }
    }
    for (size_t i = 0; ds->dtype == FG_F32 && i < ds->n * ds->width; i++) {
        if (!isfinite(f[i])) {
            return fg_fail(err, FG_E_INPUT, "%s: sample %zu: value %zu is not a finite number", ds->name,
                           i / ds->width, i % ds->width);
        }
    }
    for (uint32_t c = 0; c < ds->channels; c++) {
        if (!isfinite(ds->scale[c]) || !isfinite(ds->shift[c])) {
            return fg_fail(err, FG_E_INPUT, "%s: scale or shift of channel %u is not a finite number",
                           ds->name, c);
        }
    }
    return FG_OK;
}

void fg_dataset_sums(uint64_t out[3], const struct fg_dataset *ds)
{
    if (ds->summed) {
        memcpy(out, ds->sums, sizeof ds->sums);
        return;
    }
    out[0] = fg_xxh64(ds->x, ds->n * fg_dataset_sample_bytes(ds));
    out[1] = fg_xxh64(ds->y, ds->n * ds->label_width * sizeof *ds->y);
    out[2] = ds->group != NULL ? fg_xxh64(ds->group, ds->n * sizeof *ds->group) : 0;
}

enum fg_status fg_dataset_hash(uint8_t digest[32], const struct fg_dataset *ds)
{
    struct fg_sha256 h;
    enum fg_status st = fg_sha256_init(&h);
    if (st != FG_OK) {
        return st;
    }
    uint64_t head[11] = {(uint64_t)ds->kind, (uint64_t)ds->dtype, ds->shape[0], ds->shape[1], ds->shape[2],
                         ds->label_width,    ds->classes,         ds->channels, ds->n,        ds->n_train,
                         ds->groups};
    fg_sha256_add(&h, head, sizeof head);
    fg_sha256_add(&h, ds->scale, ds->channels * sizeof *ds->scale);
    fg_sha256_add(&h, ds->shift, ds->channels * sizeof *ds->shift);
    fg_sha256_add(&h, ds->x, ds->n * fg_dataset_sample_bytes(ds));
    fg_sha256_add(&h, ds->y, ds->n * ds->label_width * sizeof *ds->y);
    if (ds->group != NULL) {
        fg_sha256_add(&h, ds->group, ds->n * sizeof *ds->group);
    }
    if (ds->class_names != NULL) {
        fg_sha256_add(&h, ds->class_names, strlen(ds->class_names));
    }
    fg_sha256_end(&h, digest);
    return FG_OK;
}

void fg_dataset_destroy(struct fg_dataset *ds)
{
    if (ds == NULL) {
        return;
    }
    struct fg_dataset_arrays *a = ds->owner;
    if (a != NULL) {
        fg_free(a->x);
        fg_free(a->y);
        fg_free(a->group);
        fg_free(a->scale);
        fg_free(a->shift);
        fg_free(a->vocab);
        fg_file_unmap(&a->file);
        fg_free(a);
    }
    for (uint32_t g = 0; ds->group_name != NULL && g < ds->groups; g++) {
        fg_free(ds->group_name[g]);
    }
    fg_free(ds->group_name);
    fg_free(ds->name);
    fg_free(ds->origin);
    fg_free(ds->options);
    fg_free(ds->class_names);
    fg_free(ds);
}
