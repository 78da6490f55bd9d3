#include "src/store/export.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
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

/* The head of a .npy: magic, version 1.0, u16 length of the header, padded so that data start at 64 k. */
static enum fg_status add_npy(struct fg_str *s, const char *type, size_t chars, const struct fg_layer_info *t)
{
    struct fg_str dict = {0};
    enum fg_status st = FG_OK;
    FG_TRY(fg_str_addf(&dict, "{'descr': '<%s%zu', 'fortran_order': False, 'shape': ", type, chars));
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
cleanup:
    fg_str_fini(&dict);
    return st;
}

/* A character of valid UTF-8. */
static uint32_t take_char(const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    unsigned more = s[0] < 0x80 ? 0 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? s[0] : s[0] & (0x3fu >> more);
    for (unsigned i = 1; i <= more && (s[i] & 0xc0) == 0x80; i++) {
        c = c << 6 | (s[i] & 0x3fu);
        (*at)++;
    }
    (*at)++;
    return c;
}

/* Names, one a line, as NumPy's text: each as many characters of 32 bits as the longest has. */
static enum fg_status add_names(struct fg_str *s, const char *names)
{
    struct fg_layer_info t = {.ndim = 1, .dims = {1, 1, 1, 1}};
    size_t longest = 1, len = 0;
    enum fg_status st = FG_OK;
    for (const char *at = names; *at != '\0';) {
        bool ends = take_char(&at) == '\n';
        t.dims[0] += ends;
        len = ends ? 0 : len + 1;
        longest = len > longest ? len : longest;
    }
    FG_TRY(add_npy(s, "U", longest, &t));
    for (uint32_t i = 0; i < t.dims[0]; i++) {
        for (len = 0; *names != '\0' && *names != '\n'; len++) {
            FG_TRY(fg_put_u32(s, take_char(&names)));
        }
        names += *names == '\n';
        for (; len < longest; len++) {
            FG_TRY(fg_put_u32(s, 0));
        }
    }
cleanup:
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

/* A zip that grows. */
struct archive {
    struct fg_str zip, npy, central; /* files, the next one, the directory at the end */
    unsigned files;
};

/* What stands in `npy` becomes the next file. */
static enum fg_status add_file(struct archive *a, const char *name, struct fg_err *err)
{
    struct entry e = {.name = name, .offset = (uint32_t)a->zip.len, .size = (uint32_t)a->npy.len};
    enum fg_status st = FG_OK;
    if (a->zip.len + a->npy.len > UINT32_MAX - 65536 || a->files == UINT16_MAX) {
        return fg_fail(err, FG_E_RANGE,
                       "npz: expected at most 4 GiB of parameters, found more (use safetensors)");
    }
    e.crc = (uint32_t)crc32_z(0, (const Bytef *)a->npy.data, a->npy.len);
    FG_TRY(fg_put_u32(&a->zip, ZIP_LOCAL));
    FG_TRY(put_common(&a->zip, &e));
    FG_TRY(fg_str_addf(&a->zip, "%s.npy", e.name));
    FG_TRY(fg_str_add(&a->zip, a->npy.data, a->npy.len));
    FG_TRY(put_central(&a->central, &e));
    a->npy.len = 0;
    a->files++;
cleanup:
    return st;
}

static enum fg_status add_floats(struct archive *a, const struct fg_layer_info *t, const float *values,
                                 struct fg_err *err)
{
    enum fg_status st = add_npy(&a->npy, "f", sizeof *values, t);
    st = st == FG_OK ? fg_put_f32s(&a->npy, values, t->size) : st;
    return st == FG_OK ? add_file(a, t->name, err) : st;
}

static struct fg_layer_info input_info(const char *name, const struct fg_run_params *p)
{
    struct fg_layer_info t = {.ndim = 1, .dims = {(uint32_t)p->channels, 1, 1, 1}, .size = p->channels};
    snprintf(t.name, sizeof t.name, "%s", name);
    return t;
}

enum fg_status fg_export_npz(struct fg_str *out, const struct fg_run_params *p, struct fg_err *err)
{
    struct archive a = {.files = 0};
    struct fg_layer_info scale = input_info("input.scale", p), shift = input_info("input.shift", p);
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < p->n_tensors; i++) {
        FG_TRY(add_floats(&a, &p->tensor[i], p->values + p->tensor[i].offset, err));
    }
    if (p->scale != NULL) {
        FG_TRY(add_floats(&a, &scale, p->scale, err));
        FG_TRY(add_floats(&a, &shift, p->shift, err));
    }
    if (p->class_names != NULL) {
        FG_TRY(add_names(&a.npy, p->class_names));
        FG_TRY(add_file(&a, "input.classes", err));
    }
    uint32_t start = (uint32_t)a.zip.len;
    FG_TRY(fg_str_add(&a.zip, a.central.data, a.central.len));
    FG_TRY(fg_put_u32(&a.zip, ZIP_END));
    FG_TRY(fg_put_u32(&a.zip, 0)); /* disks */
    FG_TRY(put_u16(&a.zip, a.files));
    FG_TRY(put_u16(&a.zip, a.files));
    FG_TRY(fg_put_u32(&a.zip, (uint32_t)a.central.len));
    FG_TRY(fg_put_u32(&a.zip, start));
    FG_TRY(put_u16(&a.zip, 0));
    FG_TRY(fg_str_add(out, a.zip.data, a.zip.len));
cleanup:
    fg_str_fini(&a.zip);
    fg_str_fini(&a.npy);
    fg_str_fini(&a.central);
    return st;
}

/* Numbers as text, parted by blanks. */
static enum fg_status add_numbers(struct fg_str *s, const float *values, size_t n)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        st = fg_str_addf(s, "%s%.9g", i > 0 ? " " : "", (double)values[i]);
    }
    return st;
}

/* What is no tensor is in the metadata, so that the data are the parameters alone and have their hash. */
static json_t *metadata(const struct fg_run_params *p)
{
    struct fg_str scale = {0}, shift = {0};
    json_t *about = NULL;
    if (p->scale == NULL || (add_numbers(&scale, p->scale, p->channels) == FG_OK &&
                             add_numbers(&shift, p->shift, p->channels) == FG_OK)) {
        about = json_pack("{ss ss ss ss* ss* ss*}", "format", "forage", "layers", p->layers, "params_sha256",
                          p->sha256, "input.scale", scale.data, "input.shift", shift.data, "input.classes",
                          p->class_names);
    }
    fg_str_fini(&scale);
    fg_str_fini(&shift);
    return about;
}

/* The JSON header, or NULL when out of memory. */
static char *safetensors_header(const struct fg_run_params *p)
{
    json_t *top = json_pack("{so}", "__metadata__", metadata(p));
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
