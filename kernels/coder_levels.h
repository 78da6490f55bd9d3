/* Whole multiples of a step, rounded at random so that the mean is right: one value's part of it, for codecs
 * (src/wire/codec_levels.c) and for updates that are rounded where they are, on a device. */
#ifndef FG_KERNELS_CODER_LEVELS_H
#define FG_KERNELS_CODER_LEVELS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

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
    int32_t k = (int32_t)a;
    k += fg_coder_uniform(word) < a - (float)k;
    k = k > most ? most : k;
    return x < 0.0f ? -k : k;
}

#endif
