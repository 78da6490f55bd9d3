/* What codecs with error feedback share that send the values largest in size.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_LARGEST_H
#define FG_WIRE_LARGEST_H

#include "src/wire/codec.h"

/* k = ceil(wire.density n), a hundredth of n where the density is 1. */
size_t fg_largest_count(const struct fg_codec_opts *opts, size_t n);

/* Bytes of the entropy of where they are, with what Rice codes are above it. */
size_t fg_largest_place_bytes(const struct fg_codec_opts *opts, size_t n);

/* Floats and places of scratch for fg_largest_take(). */
size_t fg_largest_scratch(size_t k);

/* Bring what is kept forward, kept += x, and take the k largest of it out: in the order of their places,
 * their values and places; they are 0 in `kept` then. Of values of the same size the earlier ones;
 * zeros are not taken. Returns how many.
 *
 * Shapes:  kept, x (n); value and place (k at most) lie in scratch (fg_largest_scratch(k) bytes,
 *          aligned for floats).
 * Cost:    five passes.
 */
size_t fg_largest_take(float *kept, const float *x, size_t n, size_t k, void *scratch, float **value,
                       uint32_t **place);

#endif
