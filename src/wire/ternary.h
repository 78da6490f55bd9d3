/* What the codecs share that send 0 or plus or minus a scale: the scale of a layer, and what it costs.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_TERNARY_H
#define FG_WIRE_TERNARY_H

#include <stdbool.h>
#include <stddef.h>

#include "src/wire/codec.h"

/* A layer of an update, drawn: its scale, and how many values are not 0. */
struct fg_ternary_layer {
    float s;
    uint32_t count;
};

/* What was drawn as bytes; returns how many. out has room for them. Shapes: layer (layers); code: of all that
 * are sent, layer by layer, twice their places in their layers, plus 1 if negative (gaps.h). */
typedef size_t fg_ternary_put(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                              uint8_t *out, size_t cap);

/* Those of `ternary`. */
fg_ternary_put fg_ternary_put_rice;

/* encode() of a codec that writes so: drawn with the density and clip of ws->opts. Errors: FG_E_NOMEM. */
enum fg_status fg_ternary_encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                 const float *x, size_t n, fg_ternary_put *put) FG_NODISCARD;

/* pack() of one: drawn elsewhere. Errors: FG_E_NOMEM. */
enum fg_status fg_ternary_pack(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                               const uint8_t *codes, size_t n, fg_ternary_put *put) FG_NODISCARD;

/* noise() of the codecs that draw so. */
double fg_ternary_noise(const struct fg_codec_opts *opts);

/* Bytes of n places of which a share p is sent, with signs: the entropy and what Rice codes are above it. */
double fg_ternary_bytes(double n, double p);

#endif
