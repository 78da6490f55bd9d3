/* Dense layers, convolutions and column sums as products of matrices by blocks of threads, in every
 * arithmetic. Included by device_ops.h only.
 *
 *     y (m, n) = begin + A (m, terms) B (terms, n)          as device_gemm.h has it
 *
 * A block makes a tile (device_shape.h): chunks of terms of its rows and columns come into shared memory,
 * three chunks going round, so that the next two are on their way while one is multiplied. In FG_EXACT a
 * thread makes up to eight rows of four columns in registers and adds terms one by one in ascending order,
 * with fmaf: an output's bits are those of the definition, whatever the tile. Else four warps share the tile,
 * 16 terms at a time, with the same fragments as device_gemm.h: its bits. Traffic:
 * a tile reads its rows of A and its columns of B once.
 *
 * Off the device the threads of a block are loops between the places where they wait for each other. */
#include "kernels/device_shape.h"
#include "kernels/device_stage.h"

#ifdef __CUDA_ARCH__
#define FG_WARPS_HELD 1
#define FG_WARP_AT(w) (threadIdx.x / 32u + (w))
#else
#define FG_WARPS_HELD (FG_TILE_THREADS / 32)
#define FG_WARP_AT(w) (w)
#endif

#include "kernels/device_update.h"

enum { FG_TILE_MOST_ROWS = 8 }; /* of a thread */

struct fg_product {
    struct fg_gemm g;
    struct fg_side a, b;
    struct fg_output out;
    struct fg_output
        sums; /* of the columns of B, by the tiles of the first rows; y NULL: nobody wants them */
    struct fg_update update;
};

/* What a product is of. */
struct fg_job_of_tiles {
    uint32_t kind, mode;
    const struct fg_op *op;
    const struct fg_at *at;
    const struct fg_lane *lane;
};

/* The tile's sums: those of one arithmetic. */
struct fg_exact_sums {
    struct fg_four of[FG_BLOCK_HELD][FG_TILE_MOST_ROWS];
};
struct fg_mma_sums {
    struct fg_mma_c of[FG_WARPS_HELD][FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD];
};

FG_BOTH FG_INLINE struct fg_side side_of(const float *p, struct fg_walk item, struct fg_walk term,
                                         uint32_t items, uint32_t terms, int along)
{
    struct fg_side s = {p, item, term, items, terms, along, 0, 0, 0, 0, 0, 0, NULL};
    s.four = along ? by_four(p, terms, &item, &term) : by_four(p, items, &term, &item);
    return s;
}

/* Column sums: a row of ones times the columns. */
FG_BOTH FG_INLINE struct fg_product sums_of(const struct fg_op *op, const struct fg_at *at, float lr)
{
    struct fg_product p;
    p.g.m = 1;
    p.g.n = p.g.columns = op->np;
    p.g.terms = op->rows * at->n;
    p.a = side_of(NULL, straight(0), straight(0), 1, p.g.terms, 1);
    p.a.ones = 1;
    p.sums.y = NULL;
    p.b = side_of(fg_at_ref(at, op->d), straight(1), straight(op->np), op->np, p.g.terms, 0);
    p.out = output_of(FG_OP_COLUMN_SUM, op, at, lr);
    return p;
}

/* Pixels of an image in a border that is not there, by a window. */
FG_BOTH FG_INLINE struct fg_side bordered(const struct fg_op *op, const struct fg_at *at, uint32_t items,
                                          uint32_t terms)
{
    struct fg_window image = op->win;
    image.h = op->dh;
    image.w = op->dw;
    struct fg_side s =
        side_of(fg_at_ref(at, op->d), over_corners(&image), over_window(&image), items, terms, 1);
    s.h = image.h;
    s.w = image.w;
    s.top = op->top;
    s.left = op->left;
    return s;
}

FG_BOTH FG_INLINE struct fg_product product_of(uint32_t kind, const struct fg_op *op, const struct fg_at *at,
                                               float lr)
{
    struct fg_product p;
    if (kind == FG_OP_COLUMN_SUM) {
        return sums_of(op, at, lr);
    }
    p.g = gemm_of(kind, op, at);
    p.a =
        side_of(p.g.a, p.g.row, p.g.term, p.g.m, p.g.terms, kind != FG_OP_DENSE_DW && kind != FG_OP_CONV_DW);
    if (kind == FG_OP_CONV_BACK && (op->flags & FG_OP_BORDER) != 0) {
        p.a = bordered(op, at, p.g.m, p.g.terms);
    }
    if (kind == FG_OP_CONV_POOL) {
        p.a.pool = &op[1].win;
        p.a.items = p.g.m = at->n * op[1].win.oh * op[1].win.ow * op[1].win.k * op[1].win.k;
    }
    p.b = side_of(p.g.b, straight(p.g.bn), straight(p.g.bt), p.g.columns, p.g.terms, kind == FG_OP_DENSE_DX);
    p.out = output_of(kind, op, at, lr);
    if ((kind == FG_OP_CONV || kind == FG_OP_CONV_BACK) && (op->flags & FG_OP_SIGNS) != 0) {
        p.out.signs = (uint8_t *)fg_at_own(at, op->signs);
    }
    p.sums = p.out;
    p.sums.y = (op->flags & FG_OP_SUMS) != 0 ? fg_at_own(at, op->aux) : NULL;
    p.sums.old = p.out.aux;
    p.update = update_of(op, at, lr);
    return p;
}

/* ---- sums of columns by the way ---- */

/* Whether thread t of the tile adds up a column. */
FG_BOTH FG_INLINE int sums_column(const struct fg_product *p, uint32_t kind, uint32_t t, uint32_t row,
                                  uint32_t column, const enum fg_tile_shape shape)
{
    return (kind == FG_OP_DENSE_DW || kind == FG_OP_CONV_DW) && p->sums.y && row == 0 &&
           t < FG_SHAPE_COLUMNS(shape) && column + t < p->g.n;
}

/* `count` terms of a staged chunk, in ascending order as ever. */
FG_BOTH FG_INLINE float add_column(float sum, const float *near_b, uint32_t t, uint32_t count,
                                   const enum fg_tile_shape shape)
{
    for (uint32_t u = 0; u < count; u++) {
        sum += near_b[near_at(0, t, u, FG_SHAPE_COLUMNS(shape), FG_SHAPE_TERMS(shape))];
    }
    return sum;
}

FG_BOTH FG_INLINE void put_column(const struct fg_output *o, float sum, uint32_t column)
{
    o->y[column] = (o->flags & FG_OP_UPDATE) != 0 ? fmaf(-o->lr, sum, o->old[column]) : sum;
}

/* ---- exact ---- */

/* The first of four columns of thread t, and its i-th row of `each`. */
FG_BOTH FG_INLINE uint32_t my_column(uint32_t t, const uint32_t columns)
{
    return t % (columns / 4) * 4;
}

FG_BOTH FG_INLINE uint32_t my_row(uint32_t t, uint32_t i, const uint32_t columns, const uint32_t each)
{
    const uint32_t groups = FG_TILE_THREADS / (columns / 4), run = each < 4 ? each : 4;
    return i / run * (groups * run) + t / (columns / 4) * run + i % run;
}

/* Four terms, or those of them that there are, of thread t onto its sums. Places are taken apart once for all
 * of them: rows and columns of a thread are as far from its first ones as those of thread 0. */
FG_BOTH FG_INLINE void add_four_terms(const struct fg_product *p, const float *near_a, const float *near_b,
                                      struct fg_four *sum, uint32_t t, uint32_t term, uint32_t count,
                                      const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   terms = FG_SHAPE_TERMS(shape), each = rows * columns / 4 / FG_TILE_THREADS;
    struct fg_four a[FG_TILE_MOST_ROWS], b[4];
    near_a += near_at(p->a.along, my_row(t, 0, columns, each), term, rows, terms);
    near_b += near_at(p->b.along, my_column(t, columns), term, columns, terms);
    if (p->a.along || each < 4) {
        FG_UNROLL
        for (uint32_t i = 0; i < each; i++) {
            a[i] = near_terms(near_a, p->a.along, my_row(0, i, columns, each), rows, terms);
        }
    } else {
        FG_UNROLL
        for (uint32_t i = 0; i < each; i += 4) {
            FG_UNROLL
            for (uint32_t u = 0; u < 4; u++) {
                struct fg_four four = near_items(near_a, my_row(0, i, columns, each), u, rows, terms);
                FG_UNROLL
                for (uint32_t k = 0; k < 4; k++) {
                    a[i + k].v[u] = four.v[k];
                }
            }
        }
    }
    FG_UNROLL
    for (uint32_t u = 0; u < 4; u++) {
        if (!p->b.along) {
            b[u] = near_items(near_b, 0, u, columns, terms);
            continue;
        }
        struct fg_four four = near_terms(near_b, 1, u, columns, terms);
        FG_UNROLL
        for (uint32_t k = 0; k < 4; k++) {
            b[k].v[u] = four.v[k];
        }
    }
    FG_UNROLL
    for (uint32_t u = 0; u < 4; u++) {
        if (u < count) {
            FG_UNROLL
            for (uint32_t i = 0; i < each; i++) {
                add_products(&sum[i], a[i].v[u], b[u]);
            }
        }
    }
}

/* The outputs of thread t begin (`ends` 0) or end. */
FG_BOTH FG_INLINE void exact_outputs(const struct fg_product *p, uint32_t kind, struct fg_four *sum,
                                     uint32_t t, uint32_t row, uint32_t column, int ends,
                                     const enum fg_tile_shape shape)
{
    const uint32_t columns = FG_SHAPE_COLUMNS(shape),
                   each = FG_SHAPE_ROWS(shape) * columns / 4 / FG_TILE_THREADS;
    const struct fg_output *o = &p->out;
    FG_UNROLL
    for (uint32_t i = 0; i < each; i++) {
        uint32_t r = row + my_row(t, i, columns, each), k = column + my_column(t, columns);
        size_t at = (size_t)r * p->g.n + k;
        int there = r < p->g.m && k < p->g.n;
        for (uint32_t c = 0; c < 4; c++) {
            if (!ends) {
                sum[i].v[c] = there ? begin_one(o, at + c, k + c) : 0.0f;
            } else if (k + c >= p->g.columns) {
                sum[i].v[c] = 0.0f;
            } else if (there && (o->flags & FG_OP_UPDATE) != 0) {
                sum[i].v[c] = fmaf(-o->lr, sum[i].v[c], o->old[at + c]);
            }
        }
        if (ends && there && kind == FG_OP_CONV_BACK && o->signs) {
            for (uint32_t c = 0; c < 4; c++) {
                sum[i].v[c] = by_sign(o, at + c, sum[i].v[c]);
            }
            put_four(o->y + at, sum[i]);
        } else if (ends && there) {
            put_rectified(o->flags, sum[i], o->aux, o->y, at);
        }
        if (ends && there && kind == FG_OP_CONV && o->signs) { /* relu leaves them */
            keep_signs(o, at, sum[i].v[0], sum[i].v[1]);
            keep_signs(o, at + 2, sum[i].v[2], sum[i].v[3]);
        }
    }
}

/* ---- tensor cores ---- */

/* Where warp w's part of the tile begins. */
FG_BOTH FG_INLINE uint32_t warp_row(uint32_t w, const uint32_t rows, const uint32_t down)
{
    return w % down * (rows / down);
}

FG_BOTH FG_INLINE uint32_t warp_column(uint32_t w, const uint32_t columns, const uint32_t down)
{
    return w / down * (columns / (FG_TILE_THREADS / 32 / down));
}

/* Warps one below the other. */
#define FG_SHAPE_DOWN(shape) ((shape) == FG_SHAPE_FLAT ? 1u : (shape) == FG_SHAPE_TALL ? 4u : 2u)

/* 16 terms of a staged chunk onto a warp's part of the tile; of what is not there, too, which is zeros: the
 * loop is bound by the number of its instructions. */
FG_BOTH FG_INLINE void add_near_terms(const struct fg_product *p, uint32_t mode, const float *near_a,
                                      const float *near_b,
                                      struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD], uint32_t w,
                                      uint32_t first, const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   terms = FG_SHAPE_TERMS(shape), down = FG_SHAPE_DOWN(shape),
                   high = rows / down / FG_MMA_ROWS,
                   wide = columns / (FG_TILE_THREADS / 32 / down) / FG_MMA_COLUMNS;
    const uint32_t r0 = warp_row(w, rows, down), c0 = warp_column(w, columns, down);
    struct fg_mma_a a[FG_GEMM_HIGH][FG_HELD];
    struct fg_mma_b b[FG_GEMM_WIDE][FG_HELD];
    for (uint32_t s = 0; s < FG_HELD; s++) {
        const uint32_t l = FG_LANE(s), term = first + l % 4 * 4;
        const float *my_a = near_a + near_at(p->a.along, r0 + l / 4, term, rows, terms),
                    *my_b = near_b + near_at(p->b.along, c0 + l / 4, term, columns, terms);
        FG_UNROLL
        for (uint32_t i = 0; i < high; i++) {
            a[i][s] = pack_a(mode, near_terms(my_a, p->a.along, i * FG_MMA_ROWS, rows, terms),
                             near_terms(my_a, p->a.along, i * FG_MMA_ROWS + 8, rows, terms));
        }
        FG_UNROLL
        for (uint32_t j = 0; j < wide; j++) {
            b[j][s] = pack_b(mode, near_terms(my_b, p->b.along, j * FG_MMA_COLUMNS, columns, terms));
        }
    }
    FG_UNROLL
    for (uint32_t i = 0; i < high; i++) {
        FG_UNROLL
        for (uint32_t j = 0; j < wide; j++) {
            mma(mode, c[i][j], a[i], b[j]);
        }
    }
}

FG_BOTH FG_INLINE void mma_outputs(const struct fg_product *p, uint32_t kind,
                                   struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD], uint32_t w,
                                   uint32_t row, uint32_t column, int ends, const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   down = FG_SHAPE_DOWN(shape), high = rows / down / FG_MMA_ROWS,
                   wide = columns / (FG_TILE_THREADS / 32 / down) / FG_MMA_COLUMNS;
    for (uint32_t s = 0; s < FG_HELD; s++) {
        FG_UNROLL
        for (uint32_t i = 0; i < high; i++) {
            FG_UNROLL
            for (uint32_t j = 0; j < wide; j++) {
                at_outputs(kind, &p->g, &p->out, &c[i][j][s], FG_LANE(s),
                           row + warp_row(w, rows, down) + i * FG_MMA_ROWS,
                           column + warp_column(w, columns, down) + j * FG_MMA_COLUMNS, ends);
            }
        }
    }
}

#include "kernels/device_tile_pool.h"

/* ---- a tile ---- */

FG_BOTH FG_INLINE void tile_outputs(const struct fg_product *p, uint32_t kind, uint32_t mode,
                                    struct fg_exact_sums *exact, struct fg_mma_sums *by_mma, uint32_t row,
                                    uint32_t column, int ends, const enum fg_tile_shape shape)
{
    if (mode == FG_EXACT) {
        for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
            exact_outputs(p, kind, exact->of[s], FG_THREAD(s), row, column, ends, shape);
        }
    } else {
        for (uint32_t w = 0; w < FG_WARPS_HELD; w++) {
            mma_outputs(p, kind, by_mma->of[w], FG_WARP_AT(w), row, column, ends, shape);
        }
    }
}

/* `count` terms of a staged chunk onto the tile. */
FG_BOTH FG_INLINE void multiply(const struct fg_product *p, uint32_t mode, const float *near, uint32_t count,
                                struct fg_exact_sums *exact, struct fg_mma_sums *by_mma,
                                const enum fg_tile_shape shape)
{
    const float *near_b = near + FG_SHAPE_A(shape);
    if (mode == FG_EXACT) {
        for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
            uint32_t k = 0;
            for (; k + 4 <= count; k += 4) {
                add_four_terms(p, near, near_b, exact->of[s], FG_THREAD(s), k, 4, shape);
            }
            if (k < count) {
                add_four_terms(p, near, near_b, exact->of[s], FG_THREAD(s), k, count - k, shape);
            }
        }
    } else {
        for (uint32_t k = 0; k < count; k += FG_MMA_TERMS) {
            for (uint32_t w = 0; w < FG_WARPS_HELD; w++) {
                add_near_terms(p, mode, near, near_b, by_mma->of[w], FG_WARP_AT(w), k, shape);
            }
        }
    }
}

/* All threads ask for their shares of chunk `number`, if there is one. */
FG_BOTH FG_INLINE void stage_chunk(const struct fg_product *p, float *near, struct fg_carry *a,
                                   struct fg_carry *b, uint32_t number, const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   terms = FG_SHAPE_TERMS(shape);
    float *to = near + number % FG_TILE_STAGES * FG_TILE_STAGE;
    for (uint32_t s = 0; s < FG_BLOCK_HELD && number * terms < p->g.terms; s++) {
        stage(&a[s], &p->a, to, FG_THREAD(s), rows, terms);
        stage(&b[s], &p->b, to + FG_SHAPE_A(shape), FG_THREAD(s), columns, terms);
    }
    close_group();
}

FG_BOTH FG_INLINE void make_tile(const struct fg_product *p, const struct fg_job_of_tiles *j, float *near,
                                 uint32_t row, uint32_t column, const enum fg_tile_shape shape)
{
    const uint32_t kind = j->kind, mode = j->mode;
    const uint32_t terms = FG_SHAPE_TERMS(shape), all = p->g.terms;
    float sum[FG_BLOCK_HELD];
    struct fg_carry a[FG_BLOCK_HELD], b[FG_BLOCK_HELD];
    struct fg_exact_sums exact;
    struct fg_mma_sums by_mma;
    for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
        carry_to(&a[s], &p->a, FG_THREAD(s), row, FG_SHAPE_ROWS(shape), terms);
        carry_to(&b[s], &p->b, FG_THREAD(s), column, FG_SHAPE_COLUMNS(shape), terms);
        sum[s] = 0.0f;
    }
    FG_UNROLL
    for (uint32_t i = 0; i + 1 < FG_TILE_STAGES; i++) {
        stage_chunk(p, near, a, b, i, shape);
    }
    tile_outputs(p, kind, mode, &exact, &by_mma, row, column, 0, shape);
    for (uint32_t i = 0; i * terms < all; i++) {
        wait_for_group();
        FG_TOGETHER(); /* chunk i is there; all are through with the one before, whose place is free */
        stage_chunk(p, near, a, b, i + FG_TILE_STAGES - 1, shape);
        const float *chunk = near + i % FG_TILE_STAGES * FG_TILE_STAGE;
        const uint32_t count = all - i * terms < terms ? all - i * terms : terms;
        multiply(p, mode, chunk, count, &exact, &by_mma, shape);
        if (kind == FG_OP_DENSE_DX && shape == FG_SHAPE_FLAT && p->update.w) {
            update_chunk(&p->update, mode, chunk, chunk + FG_SHAPE_A(shape), column, i * terms, count);
        }
        for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
            if (sums_column(p, kind, FG_THREAD(s), row, column, shape)) {
                sum[s] = add_column(sum[s], chunk + FG_SHAPE_A(shape), FG_THREAD(s), count, shape);
            }
        }
    }
    if (kind == FG_OP_CONV_POOL) {
        FG_TOGETHER(); /* all are through with the last chunk */
        keep_tile(p, mode, &exact, &by_mma, near, shape);
        FG_TOGETHER();
        pool_tile(p, j, near, row, column, shape);
    } else {
        tile_outputs(p, kind, mode, &exact, &by_mma, row, column, 1, shape);
    }
    for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
        if (sums_column(p, kind, FG_THREAD(s), row, column, shape)) {
            put_column(&p->sums, sum[s], column + FG_THREAD(s));
        }
    }
    FG_TOGETHER(); /* before the next tile's chunks come */
}

FG_BOTH FG_INLINE void make_tiles(const struct fg_product *p, const struct fg_job_of_tiles *j, float *near,
                                  uint32_t block, uint32_t blocks, const enum fg_tile_shape shape)
{
    const uint32_t rows = FG_SHAPE_ROWS(shape), columns = FG_SHAPE_COLUMNS(shape),
                   across = (p->g.n - 1) / columns + 1, tiles = ((p->g.m - 1) / rows + 1) * across;
    for (uint32_t e = block; e < tiles; e += blocks) {
        make_tile(p, j, near, e / across * rows, e % across * columns, shape);
    }
}

/* An operation that goes FG_OP_BY_TILES, by block `block` of `blocks`; near (FG_TILE_STAGES,
 * FG_TILE_STAGE) is the block's own. */
FG_BOTH FG_INLINE void fg_op_tiles(uint32_t kind, uint32_t mode, const struct fg_op *op,
                                   const struct fg_at *at, const struct fg_lane *lane, float *near,
                                   uint32_t block, uint32_t blocks)
{
    const struct fg_product p = product_of(kind, op, at, lane->lr);
    const struct fg_job_of_tiles j = {kind, kind == FG_OP_COLUMN_SUM ? (uint32_t)FG_EXACT : mode, op, at,
                                      lane};
    switch (kind == FG_OP_COLUMN_SUM ? FG_SHAPE_FLAT : fg_shape_of(p.g.m, p.g.n)) {
    case FG_SHAPE_FLAT:
        make_tiles(&p, &j, near, block, blocks, FG_SHAPE_FLAT);
        break;
    case FG_SHAPE_SMALL:
        make_tiles(&p, &j, near, block, blocks, FG_SHAPE_SMALL);
        break;
    case FG_SHAPE_TALL:
        make_tiles(&p, &j, near, block, blocks, FG_SHAPE_TALL);
        break;
    default:
        make_tiles(&p, &j, near, block, blocks, FG_SHAPE_LARGE);
    }
}
