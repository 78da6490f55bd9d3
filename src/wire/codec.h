/* How a vector of floats (an update) becomes bytes on the wire, and back.
 *
 * A codec is a const struct of functions and one line in the registry of codec.c. Decoding takes any bytes
 * from anywhere: it gives exactly n floats or an error, never writes outside, never crashes. The same floats
 * give the same bytes on every machine with the same version of the codec's library.
 *
 * Thread safety: codecs are const; a workspace belongs to one thread at a time.
 */
#ifndef FG_WIRE_CODEC_H
#define FG_WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum { FG_CODEC_LEVEL_DEFAULT = 3 };

/* Scratch memory and library contexts, kept between calls. Zero-initialise; fg_codec_ws_fini(). */
struct fg_codec_ws {
    uint8_t *buf;
    size_t cap;
    void *compressor;   /* ZSTD_CCtx */
    void *decompressor; /* ZSTD_DCtx */
    int level;          /* of the compressor; 0 = FG_CODEC_LEVEL_DEFAULT */
};

struct fg_codec {
    const char *name; /* as in wire.codec */
    const char *doc;
    uint32_t id; /* on the wire; append only */
    /* Clients keep state of it from update to update (what was rounded off, say): a task that is repeated elsewhere then
     * gives other bytes. */
    int clients_keep_state;

    /* Most bytes that n floats can take. */
    size_t (*bound)(size_t n);

    /* Encode x into out. Shapes: x (n); out has cap >= bound(n) bytes. Errors: FG_E_NOMEM, FG_E_INTERNAL. */
    enum fg_status (*encode)(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n);

    /* Decode bytes into exactly n floats. Errors: FG_E_CORRUPT (x may be partly written), FG_E_NOMEM. */
    enum fg_status (*decode)(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len);
};

/* All codecs, NULL-terminated. */
extern const struct fg_codec *const fg_codecs[];

extern const struct fg_codec fg_codec_none;
extern const struct fg_codec fg_codec_zstd;

/* By name or by id; NULL when there is none. */
const struct fg_codec *fg_codec_find(const char *name);
const struct fg_codec *fg_codec_by_id(uint32_t id);

/* Bytes of scratch, grown to at least `size`. Errors: FG_E_NOMEM. */
enum fg_status fg_codec_ws_reserve(struct fg_codec_ws *ws, size_t size) FG_NODISCARD;

void fg_codec_ws_fini(struct fg_codec_ws *ws);

#endif
