/* What the codecs share that send whole multiples of a step for each layer, in codes of -most..most.
 *
 * Thread safety: a workspace belongs to one thread at a time.
 */
#ifndef FG_WIRE_CODEC_LEVELS_H
#define FG_WIRE_CODEC_LEVELS_H

#include "src/wire/codec.h"

/* Draw: a float of each layer's step into `steps`, codes into q. */
void fg_codec_levels_round(struct fg_codec_ws *ws, uint8_t *steps, int8_t *q /* (n) */, const float *x,
                           size_t n, int32_t most);

/* encode() of one: draw, then pack. */
enum fg_status fg_codec_levels_encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len,
                                      const float *x, size_t n, const struct fg_codec *codec) FG_NODISCARD;

/* x = code times its layer's step. */
void fg_codec_levels_scale(struct fg_codec_ws *ws, float *x, size_t n, const int8_t *q /* (n) */,
                           const uint8_t *steps);

/* noise() of the codecs of these. */
double fg_codec_levels_noise_int8(const struct fg_codec_opts *opts);
double fg_codec_levels_noise_int4(const struct fg_codec_opts *opts);

/* open() of one but for out->q: parts by layer in *own, with room for `more` bytes behind them.
 * Errors: FG_E_NOMEM; FG_E_RANGE: steps that make no such form. */
enum fg_status fg_codec_levels_open(struct fg_codec_ws *ws, struct fg_form *out, void **own, size_t n,
                                    const uint8_t *steps, size_t more);

#endif
