#include "datasets/shard.h"

#include <string.h>

#include "datasets/build.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

enum { HEAD = 8 + 8 * 4 + 8, TRAILER = 8 };
static const char magic[8] = {'F', 'G', 'S', 'H', 'A', 'R', 'D', '1'};

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        *p++ = (uint8_t)(v >> 8 * i);
    }
    return p;
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_head(uint8_t head[HEAD], const struct fg_dataset *ds, size_t n)
{
    uint32_t v[10] = {
        (uint32_t)ds->kind, (uint32_t)ds->dtype, ds->shape[0], ds->shape[1], ds->shape[2],
        ds->label_width,    ds->classes,         ds->channels, (uint32_t)n,  (uint32_t)((uint64_t)n >> 32)};
    memcpy(head, magic, sizeof magic);
    uint8_t *p = head + sizeof magic;
    for (int i = 0; i < 10; i++) {
        p = put32(p, v[i]);
    }
}

size_t fg_shard_bytes(const struct fg_dataset *ds, size_t n)
{
    return HEAD + 2 * sizeof(float) * ds->channels +
           n * (fg_dataset_sample_bytes(ds) + ds->label_width * sizeof *ds->y) + TRAILER;
}

static enum fg_status write_to(struct fg_str *out, const struct fg_dataset *ds, const uint32_t *index,
                               size_t n)
{
    uint8_t head[HEAD];
    size_t size = fg_dataset_sample_bytes(ds), labels = ds->label_width * sizeof *ds->y;
    enum fg_status st;
    put_head(head, ds, n);
    FG_TRY(fg_str_add(out, head, sizeof head));
    FG_TRY(fg_str_add(out, ds->scale, ds->channels * sizeof *ds->scale));
    FG_TRY(fg_str_add(out, ds->shift, ds->channels * sizeof *ds->shift));
    for (size_t i = 0; i < n; i++) {
        FG_TRY(fg_str_add(out, (const uint8_t *)ds->x + index[i] * size, size));
    }
    for (size_t i = 0; i < n; i++) {
        FG_TRY(fg_str_add(out, ds->y + (size_t)index[i] * ds->label_width, labels));
    }
cleanup:
    return st;
}

enum fg_status fg_shard_encode(struct fg_str *out, const struct fg_dataset *ds, const uint32_t *index,
                               size_t n)
{
    size_t start = out->len;
    enum fg_status st = write_to(out, ds, index, n);
    if (st == FG_OK) {
        uint64_t sum = fg_xxh64(out->data + start, out->len - start);
        uint8_t trailer[TRAILER];
        put32(put32(trailer, (uint32_t)sum), (uint32_t)(sum >> 32));
        st = fg_str_add(out, trailer, sizeof trailer);
    }
    return st;
}

enum fg_status fg_shard_name(uint8_t digest[32], const void *bytes, size_t len)
{
    return fg_sha256(digest, bytes, len);
}

static enum fg_status get_layout(struct fg_dataset *l, const struct fg_blob *blob, struct fg_err *err)
{
    const uint8_t *p = blob->data;
    if (blob->len < HEAD + TRAILER || memcmp(p, magic, sizeof magic) != 0) {
        return fg_fail(err, FG_E_CORRUPT,
                       "%s: expected a shard (FGSHARD1), found something else in %zu bytes", blob->name,
                       blob->len);
    }
    uint32_t v[10];
    for (int i = 0; i < 10; i++) {
        v[i] = get32(p + sizeof magic + 4 * i);
    }
    int tokens = v[0] == FG_DATA_TOKENS, vector = v[0] == FG_DATA_VECTOR, image = v[0] == FG_DATA_IMAGE;
    if (!(tokens || vector || image) || (v[1] != FG_U8 && v[1] != FG_F32) || (tokens && v[1] != FG_U8) ||
        (!image && (v[3] != 1 || v[4] != 1)) || v[5] != (tokens ? v[2] : 1) ||
        v[7] != (image    ? v[4]
                 : vector ? v[2]
                          : 1) ||
        v[9] != 0) {
        return fg_fail(err, FG_E_CORRUPT, "%s: the shard's header contradicts itself", blob->name);
    }
    l->kind = image ? FG_DATA_IMAGE : vector ? FG_DATA_VECTOR : FG_DATA_TOKENS;
    l->dtype = v[1] == FG_U8 ? FG_U8 : FG_F32;
    memcpy(l->shape, v + 2, sizeof l->shape);
    l->label_width = v[5];
    l->classes = v[6];
    l->channels = v[7];
    l->n = l->n_train = v[8];
    return FG_OK;
}

/* The length must be what the header says, before memory is asked for. */
static enum fg_status check_length(struct fg_dataset *l, const struct fg_blob *blob, struct fg_err *err)
{
    size_t width, sample, total;
    if (__builtin_mul_overflow((size_t)l->shape[0] * l->shape[1], (size_t)l->shape[2], &width) ||
        __builtin_mul_overflow(width, l->dtype == FG_U8 ? (size_t)1 : sizeof(float), &sample) ||
        __builtin_add_overflow(sample, (size_t)l->label_width * 2, &sample) ||
        __builtin_mul_overflow(sample, l->n, &total) ||
        __builtin_add_overflow(total, HEAD + TRAILER + (size_t)l->channels * 8, &total) ||
        total != blob->len) {
        return fg_fail(err, FG_E_CORRUPT, "%s: %zu bytes are not what the shard's header says", blob->name,
                       blob->len);
    }
    return FG_OK;
}

static enum fg_status check_sum(const struct fg_blob *blob, const uint8_t digest[32], struct fg_err *err)
{
    const uint8_t *t = blob->data + blob->len - TRAILER;
    uint64_t sum = get32(t) | (uint64_t)get32(t + 4) << 32;
    if (fg_xxh64(blob->data, blob->len - TRAILER) != sum) {
        return fg_fail(err, FG_E_CORRUPT, "%s: the shard does not match its checksum", blob->name);
    }
    if (digest != NULL) {
        uint8_t have[32];
        if (fg_shard_name(have, blob->data, blob->len) != FG_OK) {
            return fg_fail(err, FG_E_NOMEM, "%s: out of memory", blob->name);
        }
        if (memcmp(have, digest, sizeof have) != 0) {
            return fg_fail(err, FG_E_CORRUPT, "%s: this is not the shard that was asked for", blob->name);
        }
    }
    return FG_OK;
}

enum fg_status fg_shard_decode(struct fg_dataset **out, const struct fg_blob *blob, const uint8_t digest[32],
                               struct fg_err *err)
{
    struct fg_dataset layout = {.n = 0}, *ds = NULL;
    enum fg_status st = get_layout(&layout, blob, err);
    if (st != FG_OK || (st = check_length(&layout, blob, err)) != FG_OK ||
        (st = check_sum(blob, digest, err)) != FG_OK) {
        return st;
    }
    st = fg_dataset_create(&ds, &layout, blob->name, err);
    if (st == FG_OK) {
        struct fg_dataset_arrays *a = fg_dataset_edit(ds);
        const uint8_t *p = blob->data + HEAD;
        size_t channels = ds->channels * sizeof(float), x = ds->n * fg_dataset_sample_bytes(ds);
        memcpy(a->scale, p, channels);
        memcpy(a->shift, p + channels, channels);
        memcpy(a->x, p + 2 * channels, x);
        memcpy(a->y, p + 2 * channels + x, ds->n * ds->label_width * sizeof *a->y);
        st = fg_dataset_check(ds, err);
    }
    if (st != FG_OK) {
        fg_dataset_destroy(ds);
        return st == FG_E_NOMEM ? st : FG_E_CORRUPT;
    }
    *out = ds;
    return FG_OK;
}
