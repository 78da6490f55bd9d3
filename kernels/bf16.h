/* Convolutions in bfloat16 (FG_BF16): which of them, and how the operands lie packed in fg_conv.work.
 *
 * Products are made of tiles: A (16 rows, 32 terms) times B (32 terms, 16 columns) is added to C (16, 16). B
 * holds its terms in pairs, (16, 16, 2). This is what Intel's AMX multiplies in one instruction; CPUs with
 * AVX512_BF16 do the same operations two at a time on a packing of their own (wide_dot.h), others one by one.
 */
#ifndef FG_KERNELS_BF16_H
#define FG_KERNELS_BF16_H

#include "kernels/kernels.h"

enum { BF16_SIDE = 16, BF16_TERMS = 32, BF16_TILE = BF16_SIDE * BF16_TERMS };

/* Sizes of what is packed: of one image, and of all weights. */
struct bf16_layout {
    size_t cin;    /* channels rounded up to 32 */
    size_t rows;   /* channels rounded up to 16 */
    size_t places; /* oh * w: output pixels, those past the end of a row too, as rows of the input lie */
    size_t steps;  /* places / 32, rounded up */
    size_t line;   /* places of a channel's plane of the input, a multiple of 32 */
    size_t pixels; /* of the input, with what a tile reads past the end */
};

static inline struct bf16_layout bf16_layout(const struct fg_conv *s)
{
    struct bf16_layout l = {.cin = (s->cin + BF16_TERMS - 1) / BF16_TERMS * BF16_TERMS,
                            .rows = fg_kernel_pad(s->cin),
                            .places = s->oh * s->w};
    l.steps = (l.places + BF16_TERMS - 1) / BF16_TERMS;
    l.pixels = l.steps * BF16_TERMS + (s->kh - 1) * s->w + s->kw - 1;
    l.pixels = l.pixels < s->h * s->w ? s->h * s->w : l.pixels;
    l.line = (l.pixels + BF16_TERMS - 1) / BF16_TERMS * BF16_TERMS;
    return l;
}

/* Others stay exact. */
static inline int bf16_takes(const struct fg_conv *s)
{
    return s->stride == 1 && s->cin >= BF16_SIDE;
}

#endif
