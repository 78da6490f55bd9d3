/* Any bytes as the step to a model and as a saved sequence: first byte the codec,
 * second the number of floats. */
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/wire/down.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_codec_ws ws;
    static float q[256], scratch[256];
    const struct fg_codec *codec = size >= 2 ? fg_codec_by_id(data[0]) : NULL;
    if (codec == NULL) {
        return 0;
    }
    size_t n = data[1], layers[2] = {n / 3, n - n / 3};
    ws.opts = (struct fg_codec_opts){.layer = layers, .layers = 2};
    enum fg_status st = fg_down_apply(&ws, codec, 1, q, scratch, n, data + 2, size - 2);
    FG_ASSERT(st == FG_OK || st == FG_E_CORRUPT);
    struct fg_down_config cfg = {.codec = codec, .coding = ws.opts, .params = n};
    struct fg_down *d;
    if (fg_down_create(&d, &cfg, q) == FG_OK) {
        struct fg_reader in = fg_reader_of(data + 2, size - 2);
        if (fg_down_load(d, 40, &in) == FG_OK && !in.bad) {
            FG_ASSERT(fg_down_due(d, 40) == 0 && fg_down_due(d, 0) <= 4 * n + 40 * 2000);
            st = fg_down_advance(d, scratch);
            FG_ASSERT(st == FG_OK || st == FG_E_NOMEM);
        }
        fg_down_destroy(d);
    }
    return 0;
}
