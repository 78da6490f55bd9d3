/* Any bytes as an encoded update: first byte the codec, second the number of floats. */
#include <stddef.h>
#include <stdint.h>

#include "src/wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fg_codec_ws ws;
    float x[256];
    const struct fg_codec *codec = size >= 2 ? fg_codec_by_id(data[0]) : NULL;
    if (codec != NULL) {
        enum fg_status st = codec->decode(&ws, x, data[1], data + 2, size - 2);
        FG_ASSERT(st == FG_OK || st == FG_E_CORRUPT);
    }
    return 0;
}
