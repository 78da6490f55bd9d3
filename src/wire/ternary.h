/* What the codecs share that send 0 or plus or minus a scale: the scale of a layer, and what it costs.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_TERNARY_H
#define FG_WIRE_TERNARY_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/coders.h"

/* What is known of a layer. */
struct fg_layer_view {
    size_t n;
    double largest; /* |x|; NAN if a value is not finite */
    struct fg_coder_sums sums;
};
struct fg_layer_view fg_layer_see(const struct fg_coders *c, const float *x, size_t n);

/* A layer's scale: NAN if a value is not finite, 0 if nothing can be sent. density, clip: as of fg_codec_opts. */
float fg_ternary_scale(const struct fg_layer_view *v, double density, double clip);

/* Bytes of n places of which a share p is sent, with signs: the entropy and what Rice codes are above it. */
double fg_ternary_bytes(double n, double p);

#endif
