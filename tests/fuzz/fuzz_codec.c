/* Any bytes as an encoded update of two layers: first byte the codec, second the number of floats. Where a
 * codec can say what they are without decoding them, that is what decoding gives. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/aggregator/exact.h"
#include "src/base/mem.h"
#include "src/wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct fg_codec_ws *ws, const struct fg_codec *codec, const uint8_t *data, size_t size,
                    enum fg_status decoded, const float *x)
{
    struct fg_form form;
    void *own = NULL;
    float again[256];
    enum fg_status st = codec->open(ws, &form, &own, data[1], data + 2, size - 2);
    FG_ASSERT(st == FG_OK || st == FG_E_RANGE || st == FG_E_CORRUPT);
    FG_ASSERT(st == FG_E_RANGE || st == decoded);
    if (st == FG_OK) {
        fg_exact_expand(&form, again, data[1]);
        FG_ASSERT(memcmp(x, again, data[1] * sizeof *x) == 0);
        fg_free(own);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_codec_ws ws;
    float x[256];
    for (size_t i = 0; i < 256; i++) {
        x[i] = 12345.f;
    }
    const struct fg_codec *codec = size >= 2 ? fg_codec_by_id(data[0]) : NULL;
    if (codec != NULL) {
        const size_t layer[2] = {data[1] / 3, data[1] - data[1] / 3u};
        ws.opts.layer = layer;
        const size_t rows[2] = {1, layer[1] % 4 == 0 ? layer[1] / 4 : 3};
        ws.opts.layers = 2;
        ws.opts.rows = rows;
        ws.opts.rank = 1;
        enum fg_status st = codec->decode(&ws, x, data[1], data + 2, size - 2);
        FG_ASSERT(st == FG_OK || st == FG_E_CORRUPT);
        for (size_t i = data[1]; i < 256; i++) {
            FG_ASSERT(x[i] == 12345.f);
        }
        if (codec->open != NULL) {
            compare(&ws, codec, data, size, st, x);
        }
    }
    return 0;
}
