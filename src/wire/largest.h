/* What codecs with error feedback share that send the values largest in size.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_LARGEST_H
#define FG_WIRE_LARGEST_H

#include "src/wire/codec.h"
#include "src/wire/feedback.h"

/* k = ceil(wire.density n), a hundredth of n where the density is 1. */
size_t fg_largest_count(const struct fg_codec_opts *opts, size_t n);

/* Bytes of the entropy of where they are, with what Rice codes are above it. */
size_t fg_largest_place_bytes(const struct fg_codec_opts *opts, size_t n);

/* sent() of a codec of these. */
double fg_largest_sent(enum fg_feedback how, const struct fg_codec_opts *opts, size_t n, double updates);

/* Values and their places, in the order of the places. */
struct fg_largest {
    float *value;
    uint32_t *place;
    uint32_t count;
};

/* Bring what is kept forward, ws->kept += x, and take its fg_largest_count() largest values out; they are 0
 * in ws->kept then. Of values of the same size the earlier ones; zeros are not taken.
 *
 * Shapes: ws->kept, x (n), n < 2^31. Errors: FG_E_NOMEM.
 * Owner:  *out lies in the scratch of ws.
 * Cost:   a pass, and what remembers up to 2 k + 8,192 candidates; each of these is looked at five times,
 *         those that stay again for as many that come. */
enum fg_status fg_largest_take(struct fg_largest *out, struct fg_codec_ws *ws, const float *x,
                               size_t n) FG_NODISCARD;

#endif
