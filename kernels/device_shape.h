/* The tiles that a block of threads makes of a product of matrices (m rows, n columns) on a device. Which one
 * is a matter of the product's shape alone; results do not depend on it. */
#ifndef FG_KERNELS_DEVICE_SHAPE_H
#define FG_KERNELS_DEVICE_SHAPE_H

#include <stdint.h>

#include "src/base/both.h"

/* Threads of a block; chunks of terms that are there or on their way; floats of shared memory for them:
 * at most 48 KB. */
enum { FG_TILE_THREADS = 128, FG_TILE_STAGES = 3, FG_TILE_STAGE = 3888 };

enum fg_tile_shape { FG_SHAPE_FLAT, FG_SHAPE_SMALL, FG_SHAPE_TALL, FG_SHAPE_LARGE };

/* Rows, columns and terms of each; chosen for a batch of 10 through a dense layer, a first convolution's
 * weights, convolutions with up to 32 outputs, all else. */
#define FG_SHAPE_ROWS(shape) \
    ((shape) == FG_SHAPE_FLAT ? 16u : (shape) == FG_SHAPE_SMALL ? 32u : (shape) == FG_SHAPE_TALL ? 128u : 64u)
#define FG_SHAPE_COLUMNS(shape) ((shape) == FG_SHAPE_LARGE ? 64u : 32u)
#define FG_SHAPE_TERMS(shape) ((shape) == FG_SHAPE_FLAT ? 64u : (shape) == FG_SHAPE_SMALL ? 32u : 16u)

/* Floats from one item to the next of a staged chunk (device_stage.h), and of such a chunk of A, either way
 * round; B lies behind it. */
#define FG_NEAR_LINE(terms) ((terms) > 16u ? (terms) + 16u : (terms))
#define FG_SHAPE_A(shape) (FG_SHAPE_ROWS(shape) * (FG_NEAR_LINE(FG_SHAPE_TERMS(shape)) + 1u))

FG_BOTH static inline enum fg_tile_shape fg_shape_of(uint32_t m, uint32_t n)
{
    return m <= 16              ? FG_SHAPE_FLAT
           : m <= 32            ? FG_SHAPE_SMALL
           : n > 32             ? FG_SHAPE_LARGE
           : m <= 64 && n <= 32 ? FG_SHAPE_SMALL
                                : FG_SHAPE_TALL;
}

/* How many tiles. */
FG_BOTH static inline uint32_t fg_shape_tiles(uint32_t m, uint32_t n)
{
    enum fg_tile_shape s = fg_shape_of(m, n);
    return ((m - 1) / FG_SHAPE_ROWS(s) + 1) * ((n - 1) / FG_SHAPE_COLUMNS(s) + 1);
}

#endif
