/* Pooling of a tile of a convolution (FG_OP_CONV_POOL), whose rows are pixels window by window: the tile's
 * sums go into shared memory, where its chunks were, and windows are looked through there. What the
 * convolution gives is never written. Traffic: what pooling gives and its places.
 * Included by device_tile.h only. */

/* Floats of a row of the tile there: four more than needed, so that rows lie in other banks. */
#define FG_KEPT_LINE(shape) (FG_SHAPE_COLUMNS(shape) + 4u)

FG_BOTH FG_INLINE void keep_exact(uint32_t flags, const struct fg_four *sum, float *near, uint32_t t,
                                  const enum fg_tile_shape shape)
{
    const uint32_t columns = FG_SHAPE_COLUMNS(shape),
                   each = FG_SHAPE_ROWS(shape) * columns / 4 / FG_TILE_THREADS;
    FG_UNROLL
    for (uint32_t i = 0; i < each; i++) {
        put_rectified(flags, sum[i], NULL, near,
                      my_row(t, i, columns, each) * FG_KEPT_LINE(shape) + my_column(t, columns));
    }
}

FG_BOTH FG_INLINE void keep_mma(uint32_t flags, struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD],
                                float *near, uint32_t w, const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   down = FG_SHAPE_DOWN(shape), high = rows / down / FG_MMA_ROWS,
                   wide = columns / (FG_TILE_THREADS / 32 / down) / FG_MMA_COLUMNS;
    for (uint32_t s = 0; s < FG_HELD; s++) {
        const uint32_t l = FG_LANE(s);
        FG_UNROLL
        for (uint32_t i = 0; i < high; i++) {
            FG_UNROLL
            for (uint32_t j = 0; j < wide; j++) {
                float *to = near + (warp_row(w, rows, down) + i * FG_MMA_ROWS + l / 4) * FG_KEPT_LINE(shape) +
                            warp_column(w, columns, down) + j * FG_MMA_COLUMNS + l % 4 * 2;
                FG_UNROLL
                for (uint32_t v = 0; v < 4; v++) {
                    to[v / 2 * 8 * FG_KEPT_LINE(shape) + v % 2] = rectify(flags, c[i][j][s].v[v], NULL, 0);
                }
            }
        }
    }
}

FG_BOTH FG_INLINE void keep_tile(const struct fg_product *p, uint32_t mode, const struct fg_exact_sums *exact,
                                 struct fg_mma_sums *by_mma, float *near, const enum fg_tile_shape shape)
{
    const uint32_t flags = p->out.flags & (uint32_t)FG_OP_RECTIFY;
    if (mode == FG_EXACT) {
        for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
            keep_exact(flags, exact->of[s], near, FG_THREAD(s), shape);
        }
    } else {
        for (uint32_t w = 0; w < FG_WARPS_HELD; w++) {
            keep_mma(flags, by_mma->of[w], near, FG_WARP_AT(w), shape);
        }
    }
}

/* Thread by thread four channels of a window. */
FG_BOTH FG_INLINE void pool_tile(const struct fg_product *p, const struct fg_job_of_tiles *j,
                                 const float *near, uint32_t row, uint32_t column,
                                 const enum fg_tile_shape shape)
{
    const struct fg_op *pool = j->op + 1;
    const uint32_t fours = FG_SHAPE_COLUMNS(shape) / 4, places = pool->win.k * pool->win.k,
                   all = FG_SHAPE_ROWS(shape) / places * fours;
    for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
        for (uint32_t e = FG_THREAD(s); e < all; e += FG_TILE_THREADS) {
            const uint32_t window = e / fours, c = e % fours * 4;
            if (row + window * places >= p->g.m || column + c >= p->g.n) {
                continue;
            }
            const float *from = near + window * places * FG_KEPT_LINE(shape) + c;
            struct fg_pooled best = {four_at(from), {{0, 0, 0, 0}}};
            for (uint32_t k = 1; k < places; k++) {
                pool_one(&best, four_at(from + k * FG_KEPT_LINE(shape)), k);
            }
            put_pooled(pool, j->at, j->lane, best,
                       ((size_t)(row / places + window) * p->g.n + column + c) / 4);
        }
    }
}
