#include "src/store/export.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "src/base/bytes.h"

enum {
    DOS_DATE = 0x0021, /* 1980-01-01: the same parameters give the same bytes */
    ZIP_LOCAL = 0x04034b50,
    ZIP_CENTRAL = 0x02014b50,
    ZIP_END = 0x06054b50,
    ZIP_VERSION = 20
};

/* "(2, 3)", "(5,)". */
static enum fg_status add_shape(struct fg_str *s, const struct fg_layer_info *t)
{
    enum fg_status st = fg_str_addf(s, "(");
    for (unsigned i = 0; st == FG_OK && i < t->ndim; i++) {
        st = fg_str_addf(s, i == 0 ? "%u" : ", %u", (unsigned)t->dims[i]);
    }
    return st == FG_OK ? fg_str_addf(s, t->ndim == 1 ? ",)" : ")") : st;
}

/* One .npy: magic, version 1.0, u16 length of the header, the header padded so that data start at 64 k. */
static enum fg_status add_npy(struct fg_str *s, const struct fg_run_params *p, const struct fg_layer_info *t)
{
    struct fg_str dict = {0};
    enum fg_status st = FG_OK;
    FG_TRY(fg_str_addf(&dict, "{'descr': '<f4', 'fortran_order': False, 'shape': "));
    FG_TRY(add_shape(&dict, t));
    FG_TRY(fg_str_addf(&dict, ", }"));
    while ((10 + dict.len + 1) % 64 != 0) {
        FG_TRY(fg_str_add(&dict, " ", 1));
    }
    FG_TRY(fg_str_add(&dict, "\n", 1));
    FG_TRY(fg_str_add(s, "\x93NUMPY\x01\x00", 8));
    FG_TRY(fg_put_u8(s, (uint8_t)(dict.len & 255)));
    FG_TRY(fg_put_u8(s, (uint8_t)(dict.len >> 8)));
    FG_TRY(fg_str_add(s, dict.data, dict.len));
    FG_TRY(fg_put_f32s(s, p->values + t->offset, t->size));
cleanup:
    fg_str_fini(&dict);
    return st;
}

static enum fg_status put_u16(struct fg_str *s, unsigned v)
{
    enum fg_status st = fg_put_u8(s, (uint8_t)(v & 255));
    return st == FG_OK ? fg_put_u8(s, (uint8_t)(v >> 8 & 255)) : st;
}

struct entry {
    const char *name;
    uint32_t crc, size, offset;
};

/* The fields that local and central header share: version needed up to the length of the extra field. */
static enum fg_status put_common(struct fg_str *s, const struct entry *e)
{
    enum fg_status st = FG_OK;
    FG_TRY(put_u16(s, ZIP_VERSION));
    FG_TRY(put_u16(s, 0)); /* flags */
    FG_TRY(put_u16(s, 0)); /* stored */
    FG_TRY(put_u16(s, 0)); /* time */
    FG_TRY(put_u16(s, DOS_DATE));
    FG_TRY(fg_put_u32(s, e->crc));
    FG_TRY(fg_put_u32(s, e->size));
    FG_TRY(fg_put_u32(s, e->size));
    FG_TRY(put_u16(s, (unsigned)strlen(e->name) + 4));
    FG_TRY(put_u16(s, 0));
cleanup:
    return st;
}

static enum fg_status put_central(struct fg_str *s, const struct entry *e)
{
    enum fg_status st = FG_OK;
    FG_TRY(fg_put_u32(s, ZIP_CENTRAL));
    FG_TRY(put_u16(s, ZIP_VERSION));
    FG_TRY(put_common(s, e));
    FG_TRY(put_u16(s, 0));    /* comment */
    FG_TRY(put_u16(s, 0));    /* disk */
    FG_TRY(put_u16(s, 0));    /* internal attributes */
    FG_TRY(fg_put_u32(s, 0)); /* external attributes */
    FG_TRY(fg_put_u32(s, e->offset));
    FG_TRY(fg_str_addf(s, "%s.npy", e->name));
cleanup:
    return st;
}

enum fg_status fg_export_npz(struct fg_str *out, const struct fg_run_params *p, struct fg_err *err)
{
    struct fg_str zip = {0}, npy = {0}, central = {0};
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < p->n_tensors; i++) {
        struct entry e = {.name = p->tensor[i].name, .offset = (uint32_t)zip.len};
        npy.len = 0;
        FG_TRY(add_npy(&npy, p, &p->tensor[i]));
        if (zip.len + npy.len > UINT32_MAX - 65536 || p->n_tensors > UINT16_MAX) {
            st = fg_fail(err, FG_E_RANGE,
                         "npz: expected at most 4 GiB of parameters, found more (use safetensors)");
            goto cleanup;
        }
        e.size = (uint32_t)npy.len;
        e.crc = (uint32_t)crc32_z(0, (const Bytef *)npy.data, npy.len);
        FG_TRY(fg_put_u32(&zip, ZIP_LOCAL));
        FG_TRY(put_common(&zip, &e));
        FG_TRY(fg_str_addf(&zip, "%s.npy", e.name));
        FG_TRY(fg_str_add(&zip, npy.data, npy.len));
        FG_TRY(put_central(&central, &e));
    }
    uint32_t start = (uint32_t)zip.len;
    FG_TRY(fg_str_add(&zip, central.data, central.len));
    FG_TRY(fg_put_u32(&zip, ZIP_END));
    FG_TRY(fg_put_u32(&zip, 0)); /* disks */
    FG_TRY(put_u16(&zip, (unsigned)p->n_tensors));
    FG_TRY(put_u16(&zip, (unsigned)p->n_tensors));
    FG_TRY(fg_put_u32(&zip, (uint32_t)central.len));
    FG_TRY(fg_put_u32(&zip, start));
    FG_TRY(put_u16(&zip, 0));
    FG_TRY(fg_str_add(out, zip.data, zip.len));
cleanup:
    fg_str_fini(&zip);
    fg_str_fini(&npy);
    fg_str_fini(&central);
    return st;
}

/* The JSON header, or NULL when out of memory. */
static char *safetensors_header(const struct fg_run_params *p)
{
    json_t *top = json_pack("{s{ssssss}}", "__metadata__", "format", "forage", "layers", p->layers,
                            "params_sha256", p->sha256);
    for (size_t i = 0; top != NULL && i < p->n_tensors; i++) {
        const struct fg_layer_info *t = &p->tensor[i];
        json_t *shape = json_array();
        for (unsigned k = 0; k < t->ndim; k++) {
            json_array_append_new(shape, json_integer((json_int_t)t->dims[k]));
        }
        json_t *row = json_pack("{sssos[II]}", "dtype", "F32", "shape", shape, "data_offsets",
                                (json_int_t)t->offset * 4, ((json_int_t)t->offset + (json_int_t)t->size) * 4);
        if (row == NULL || json_array_size(shape) != t->ndim || json_object_set_new(top, t->name, row) != 0) {
            json_decref(top);
            top = NULL;
        }
    }
    char *text = json_dumps(top, JSON_COMPACT);
    json_decref(top);
    return text;
}

enum fg_status fg_export_safetensors(struct fg_str *out, const struct fg_run_params *p, struct fg_err *err)
{
    struct fg_str file = {0};
    char *header = safetensors_header(p);
    if (header == NULL) {
        return fg_fail(err, FG_E_NOMEM, "safetensors: out of memory");
    }
    enum fg_status st = FG_OK;
    size_t len = strlen(header), padded = (len + 7) / 8 * 8;
    FG_TRY(fg_put_u64(&file, padded));
    FG_TRY(fg_str_add(&file, header, len));
    FG_TRY(fg_str_add(&file, "       ", padded - len));
    FG_TRY(fg_put_f32s(&file, p->values, p->n));
    FG_TRY(fg_str_add(out, file.data, file.len));
cleanup:
    free(header);
    fg_str_fini(&file);
    return st;
}
