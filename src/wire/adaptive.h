/* How rough an update may be: rougher ones are smaller and sooner there, but make more rounds.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_ADAPTIVE_H
#define FG_WIRE_ADAPTIVE_H

#include "src/wire/codec.h"

struct fg_adaptive {
    double most;   /* variance of each layer, in its square, at most (wire.variance) */
    double rounds; /* rounds more, as a share, for a variance of 1 of a round's mean (wire.variance_rounds) */
    double updates; /* of a round */
};

/* The variance for which rounds take the least time in all: of a client whose task takes other_s but for the
 * upload, at uplink_bps bytes a second.
 *
 *   min over v <= most of (other_s + bytes(v) / uplink_bps) (1 + rounds v / updates),
 *   v a power of sqrt(2) */
double fg_adaptive_variance(const struct fg_adaptive *a, const struct fg_codec_opts *opts, size_t n,
                            double other_s, double uplink_bps);

#endif
