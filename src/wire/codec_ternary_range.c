/* The values of `ternary`, drawn alike, their places and signs in a range coder that learns how they lie:
 * where they come in clusters (rows of a dead input, filters) that is less than Rice codes take,
 * which know one mean distance a layer.
 *
 * Bytes: u8 1, u32 bytes of the code, then for each layer f32 s, u32 how many are not 0, then one range code
 * (range.h): of each of these its distance from the one before it (from -1 at first), as the number of its
 * bits (5 binary choices, given half the number of the one before), the bits below the highest (two learned,
 * given that number, the others even), then 1 if negative, given the sign before. Or u8 2 and the bytes of
 * `ternary`, where those are not more.
 */
#include <math.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"
#include "src/wire/range.h"
#include "src/wire/ternary.h"

enum { FRONT = 4, HEAD = 8, CLASSES = 32, LEARNED = 2 };
enum { RANGE = 1, RICE = 2 };

/* What was learned of gaps and signs. */
struct model {
    struct fg_chance size[CLASSES / 2][CLASSES], fine[CLASSES][1 << LEARNED], sign[2];
    unsigned before, sign_before;
};

static void begin(struct model *m)
{
    struct fg_chance *all[] = {&m->size[0][0], &m->fine[0][0], m->sign};
    const size_t n[] = {CLASSES / 2 * CLASSES, CLASSES << LEARNED, 2};
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < n[k]; i++) {
            all[k][i] = (struct fg_chance){32768, 32768};
        }
    }
    m->before = m->sign_before = 0;
}

static size_t bound(const struct fg_codec_opts *opts, size_t n)
{
    return 1 + fg_codec_ternary.bound(opts, n);
}

static size_t expected(const struct fg_codec_opts *opts, size_t n)
{
    return 1 + fg_codec_ternary.expected(opts, n);
}

static unsigned bits_of(uint32_t v)
{
    return v == 0 ? 0 : 32u - (unsigned)__builtin_clz(v);
}

/* gap >= 1 */
static void put(struct fg_range_writer *w, struct model *m, uint32_t gap, unsigned negative)
{
    unsigned size = bits_of(gap) - 1, node = 1;
    for (unsigned i = 5; i-- > 0;) {
        unsigned bit = size >> i & 1;
        fg_range_put(w, &m->size[m->before / 2][node], bit);
        node = node << 1 | bit;
    }
    unsigned left = size;
    node = 1;
    for (unsigned i = 0; i < LEARNED && left > 0; i++) {
        unsigned bit = gap >> --left & 1;
        fg_range_put(w, &m->fine[size][node], bit);
        node = node << 1 | bit;
    }
    fg_range_put_even(w, gap & ((1u << left) - 1), left);
    fg_range_put(w, &m->sign[m->sign_before], negative);
    m->before = size;
    m->sign_before = negative;
}

static uint32_t get(struct fg_range_reader *r, struct model *m, unsigned *negative)
{
    unsigned node = 1;
    for (unsigned i = 0; i < 5; i++) {
        node = node << 1 | fg_range_get(r, &m->size[m->before / 2][node]);
    }
    unsigned size = node - CLASSES, left = size;
    uint32_t gap = 1;
    node = 1;
    for (unsigned i = 0; i < LEARNED && left > 0; i++, left--) {
        unsigned bit = fg_range_get(r, &m->fine[size][node]);
        node = node << 1 | bit;
        gap = gap << 1 | bit;
    }
    gap = left < 32 ? gap << left | fg_range_get_even(r, left) : 0;
    *negative = fg_range_get(r, &m->sign[m->sign_before]);
    m->before = size;
    m->sign_before = *negative;
    return gap;
}

/* The layers in a range code; false: there is not enough room. */
static bool put_layers(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                       uint8_t *out, size_t room, size_t *len)
{
    struct model m;
    begin(&m);
    if (room < FRONT + HEAD * layers) {
        return false;
    }
    struct fg_packer front = {.p = out, .left = FRONT}, head = {.p = out + FRONT, .left = HEAD * layers};
    uint8_t *first = head.p + HEAD * layers;
    struct fg_range_writer w = fg_range_writer_of(first, room - FRONT - HEAD * layers);
    for (size_t l = 0; l < layers; l++) {
        uint32_t next = 0;
        fg_pack_f32(&head, layer[l].s);
        fg_pack_le(&head, layer[l].count, 4);
        for (uint32_t i = 0; i < layer[l].count; i++, code++) {
            put(&w, &m, (*code >> 1) - next + 1, *code & 1);
            next = (*code >> 1) + 1;
        }
    }
    fg_range_close(&w, first);
    fg_pack_le(&front, (uint64_t)(w.p - first), FRONT);
    *len = (size_t)(w.p - out);
    return !w.full;
}

/* The shorter of both; returns how many bytes. */
static size_t put_shorter(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                          uint8_t *out, size_t cap)
{
    size_t len;
    out[0] = put_layers(layer, layers, code, out + 1, cap - 1, &len) ? RANGE : RICE;
    return 1 + (out[0] == RANGE ? len : fg_ternary_put_rice(layer, layers, code, out + 1, cap - 1));
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    FG_ASSERT(cap >= bound(&ws->opts, n));
    return fg_ternary_encode(ws, out, cap, len, x, n, put_shorter);
}

static enum fg_status pack(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                           const uint8_t *codes, size_t n)
{
    FG_ASSERT(cap >= bound(&ws->opts, n));
    return fg_ternary_pack(ws, out, cap, len, codes, n, put_shorter);
}

/* A layer of m values from the next `count` of the code. */
static bool get_layer(struct fg_range_reader *r, struct model *model, uint32_t count, float s, float *x,
                      size_t m)
{
    uint64_t next = 0;
    for (size_t i = 0; i < m; i++) {
        x[i] = isfinite(s) ? 0.f : NAN;
    }
    for (uint32_t i = 0; i < count; i++) {
        unsigned negative;
        uint32_t gap = get(r, model, &negative);
        if (gap == 0 || next + gap > m) {
            return false;
        }
        next += gap;
        x[next - 1] = negative ? -s : s;
    }
    return true;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    size_t layers = fg_codec_layers(&ws->opts), at = 0;
    struct model model;
    if (len == 0 || (bytes[0] != RANGE && bytes[0] != RICE)) {
        return FG_E_CORRUPT;
    }
    if (bytes[0] == RICE) {
        return fg_codec_ternary.decode(ws, x, n, bytes + 1, len - 1);
    }
    if (len - 1 < FRONT + HEAD * layers) {
        return FG_E_CORRUPT;
    }
    size_t code = len - 1 - FRONT - HEAD * layers;
    struct fg_reader head = fg_reader_of(bytes + 1, FRONT + HEAD * layers);
    if (fg_get_u32(&head) != code) {
        return FG_E_CORRUPT;
    }
    begin(&model);
    struct fg_range_reader r = fg_range_reader_of(bytes + (len - code), code);
    for (size_t l = 0; l < layers; l++) {
        size_t m = fg_codec_layer(&ws->opts, l, n);
        float s;
        fg_get_f32s(&head, &s, 1);
        uint32_t count = fg_get_u32(&head);
        if (count > m || !get_layer(&r, &model, count, s, x + at, m)) {
            return FG_E_CORRUPT;
        }
        at += m;
    }
    return fg_range_done(&r) ? FG_OK : FG_E_CORRUPT;
}

const struct fg_codec fg_codec_ternary_range = {
    .name = "ternary-range",
    .doc =
        "as ternary, gaps and signs in a range coder that learns how they lie: fewer bytes where they come "
        "in clusters",
    .id = 14,
    .levels = 1,
    .ternary = 1,
    .bound = bound,
    .expected = expected,
    .noise = fg_ternary_noise,
    .encode = encode,
    .pack = pack,
    .decode = decode,
};
