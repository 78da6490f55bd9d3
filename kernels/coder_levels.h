/* Whole multiples of a step, rounded at random so that the mean is right: one value's part of it, for codecs
 * (src/wire/codec_levels.c) and for updates that are rounded where they are, on a device. */
#ifndef FG_KERNELS_CODER_LEVELS_H
#define FG_KERNELS_CODER_LEVELS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels/coders.h"
#include "src/base/both.h"

/* In (0, 1) from a random word, see coders.h. */
FG_BOTH static inline float fg_coder_uniform(uint32_t word)
{
    return ((float)(int32_t)(word >> 9) + 0.5f) * 0x1p-23f;
}

/* The next float of 16 bits, so that multiples up to 128 are floats, too. */
FG_BOTH static inline float fg_coder_short(float step)
{
    uint32_t bits;
    memcpy(&bits, &step, sizeof bits);
    bits = (bits + 0xff) & ~(uint32_t)0xff;
    memcpy(&step, &bits, sizeof step);
    return step;
}

/* The step of a layer whose largest |x| is so much, in `most` levels. Below the normal floats it counts as 0,
 * as would all multiples. Not finite if the largest is not. */
FG_BOTH static inline float fg_coder_step(float largest, int32_t most)
{
    float step = largest / (float)most;
    return step < 0x1p-126f ? 0.0f : fg_coder_short(step);
}

/* The level of x, in -most..most. inverse: 1 / step of a step above 0. */
FG_BOTH static inline int32_t fg_coder_level(float x, float inverse, int32_t most, uint32_t word)
{
    float a = fabsf(x) * inverse;
    if (!(a < (float)most)) {
        return x < 0.0f ? -most : most;
    }
    int32_t k = (int32_t)a;
    k += fg_coder_uniform(word) < a - (float)k;
    return x < 0.0f ? -k : k;
}

/* So many sums, a power of two, become one, in x[0], see struct fg_coder_sums. */
FG_BOTH static inline void fg_coder_halve(double *x, unsigned sums)
{
    for (unsigned half = sums / 2; half > 0; half /= 2) {
        for (unsigned l = 0; l < half; l++) {
            x[l] += x[l + half];
        }
    }
}

enum fg_coder_half { FG_HALF_NONE, FG_HALF_FP16, FG_HALF_BF16 }; /* see kernels/coder_halves.h */

/* What values become: levels, and how the step of a layer follows from them; or 16 bits each. */
struct fg_coder_rule {
    int32_t most; /* levels; 0: there are none */
    /* One level, of a step that is not shortened: the largest |x|, or less where values are cut at `clip`
     * root mean squares (above 0), and so much that on average a share `density` (in (0, 1)) at most is not
     * 0. */
    bool ternary;
    double density, clip;
    enum fg_coder_half half; /* most is 0 then */
};

/* Whether values do not stay as they are. */
FG_BOTH static inline bool fg_coder_rounds(const struct fg_coder_rule *rule)
{
    return rule->most > 0 || rule->half != FG_HALF_NONE;
}

/* Whether it asks for sums. */
FG_BOTH static inline bool fg_coder_sums_wanted(const struct fg_coder_rule *rule)
{
    return rule->ternary && (rule->clip > 0.0 || (rule->density > 0.0 && rule->density < 1.0));
}

/* The step of n > 0 values; largest: |x|. Not finite if that is not, 0 if nothing can be sent. */
FG_BOTH static inline float fg_coder_step_of(const struct fg_coder_rule *rule, float largest,
                                             struct fg_coder_sums sums, double n)
{
    if (!rule->ternary) {
        return fg_coder_step(largest, rule->most);
    }
    double s = (double)largest;
    if (rule->clip > 0.0) {
        double cut = rule->clip * sqrt(sums.square / n);
        s = cut < s ? cut : s;
    }
    if (rule->density > 0.0 && rule->density < 1.0) {
        double sparse = sums.sum / (rule->density * n);
        s = sparse > s ? sparse : s;
    }
    return s > 0x1p127 ? NAN : s < 0x1p-126 ? 0.0f : (float)s;
}

/* Where the values of a layer lie that are not 0, as far as the bytes of a Rice code ask for it: how many
 * there are, and for each k the sum of gap >> k, a gap being the distance from the one before, less 1
 * (src/wire/gaps.h). */
enum { FG_CODER_RICE = 32 };
struct fg_coder_gap_sums {
    uint64_t count, over[FG_CODER_RICE];
};

#endif
