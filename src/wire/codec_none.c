/* Floats as they are: little-endian binary32, in order. */
#include <stdbool.h>

#include "src/base/bytes.h"
#include "src/wire/codec.h"
#include "src/wire/pack.h"

static size_t bytes_of(const struct fg_codec_opts *opts, size_t n)
{
    (void)opts;
    return 4 * n;
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    (void)ws;
    FG_ASSERT(cap >= 4 * n);
    struct fg_packer w = {.p = out, .left = cap};
    fg_pack_f32s(&w, x, n);
    *len = 4 * n;
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    (void)ws;
    if (len != 4 * n) {
        return FG_E_CORRUPT;
    }
    struct fg_reader r = fg_reader_of(bytes, len);
    fg_get_f32s(&r, x, n);
    return FG_OK;
}

/* As they lie, where they are what this machine's floats are. */
static enum fg_status open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                           const uint8_t *bytes, size_t len)
{
    const uint16_t one = 1;
    bool little = *(const uint8_t *)&one == 1, aligned = (uintptr_t)bytes % _Alignof(float) == 0;
    (void)ws;
    if (len != 4 * n) {
        return FG_E_CORRUPT;
    }
    if (!little || !aligned) {
        return FG_E_RANGE;
    }
    *out = (struct fg_form){.kind = FG_FORM_FLOATS, .x = (const float *)(const void *)bytes};
    *own = NULL;
    return FG_OK;
}

const struct fg_codec fg_codec_none = {
    .name = "none",
    .doc = "32-bit floats as they are",
    .id = 1,
    .plain = sizeof(float),
    .bound = bytes_of,
    .expected = bytes_of,
    .encode = encode,
    .decode = decode,
    .open = open,
};
