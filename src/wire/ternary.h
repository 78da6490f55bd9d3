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

/* Draw an update with the density and clip of ws->opts. Shapes: layer (layers); code: of all that are sent,
 * layer by layer, twice their places in their layers, plus 1 if negative (gaps.h);
 * both lie in ws->buf. Errors: FG_E_NOMEM. */
enum fg_status fg_ternary_choose(struct fg_codec_ws *ws, const float *x, size_t n,
                                 struct fg_ternary_layer **layer, uint32_t **code) FG_NODISCARD;

/* The same of what was drawn elsewhere: codes as pack() of a codec takes them. Errors: FG_E_NOMEM. */
enum fg_status fg_ternary_gather(struct fg_codec_ws *ws, const uint8_t *codes, size_t n,
                                 struct fg_ternary_layer **layer, uint32_t **code) FG_NODISCARD;

/* These as the bytes of `ternary`; returns how many. out has room for them. */
size_t fg_ternary_pack(const struct fg_ternary_layer *layer, size_t layers, const uint32_t *code,
                       uint8_t *out, size_t cap);

/* noise() of the codecs that draw so. */
double fg_ternary_noise(const struct fg_codec_opts *opts);

/* Bytes of n places of which a share p is sent, with signs: the entropy and what Rice codes are above it. */
double fg_ternary_bytes(double n, double p);

#endif
