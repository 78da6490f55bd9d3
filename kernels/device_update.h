/* An update of weights while they are there: the product that makes the gradient of a dense layer's input has
 * all weights in shared memory, chunk by chunk, and each chunk is moved against its own gradient before the
 * next one: they are read once for both. For batches of one tile's rows. Included by device_tile.h only.
 *
 *     w (in, out) -= lr x^T (in, rows) d (rows, out)          d: the staged A, w: the staged B
 *
 * Sums have the order, and in FG_TF32 and FG_BF16 the fragments, of FG_OP_DENSE_DW. */

enum { FG_UPDATE_ITEMS = 32, FG_UPDATE_TERMS = 64 }; /* FG_SHAPE_FLAT's */

struct fg_update {
    float *w; /* NULL: none is wanted */
    const float *x;
    float lr;
    uint32_t ldx, ldw, rows, in; /* rows at most FG_WEIGHTS_ROWS */
};

FG_BOTH FG_INLINE struct fg_update update_of(const struct fg_op *op, const struct fg_at *at, float lr)
{
    struct fg_update u = {(op->flags & FG_OP_WEIGHTS) != 0 ? fg_at_own(at, op->w) : NULL,
                          fg_at_ref(at, op->x),
                          lr,
                          op->ldx,
                          op->np,
                          op->rows * at->n,
                          op->in};
    return u;
}

/* Of either staged side. */
FG_BOTH FG_INLINE uint32_t update_at(uint32_t item, uint32_t term)
{
    return near_at(1, item, term, FG_UPDATE_ITEMS, FG_UPDATE_TERMS);
}

FG_BOTH FG_INLINE struct fg_four near_update(const float *near, uint32_t item, uint32_t term)
{
    return four_at(near + update_at(item, term));
}

/* Four weights of one item by thread t, four times: x is read anew for every chunk, mostly from the first
 * cache. */
FG_BOTH FG_INLINE void update_exactly(const struct fg_update *u, const float *near_a, const float *near_b,
                                      uint32_t t, uint32_t item, uint32_t term, uint32_t count)
{
    const uint32_t i = t / 4;
    for (uint32_t k = t % 4 * 4; k < count && item + i < u->in; k += 16) {
        struct fg_four sum = {{0.0f, 0.0f, 0.0f, 0.0f}}, w = near_update(near_b, i, k);
        for (uint32_t r = 0; r < u->rows; r++) {
            add_products(&sum, u->x[r * u->ldx + item + i], near_update(near_a, r, k));
        }
        FG_UNROLL
        for (uint32_t c = 0; c < 4; c++) {
            w.v[c] = fmaf(-u->lr, sum.v[c], w.v[c]);
        }
        put_four(u->w + (size_t)(item + i) * u->ldw + term + k, w);
    }
}

/* Four rows of x, from the first on, of one item. */
FG_BOTH FG_INLINE struct fg_four update_x(const struct fg_update *u, uint32_t first, uint32_t item)
{
    struct fg_four x;
    FG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        x.v[i] = first + i < u->rows && item < u->in ? u->x[(first + i) * u->ldx + item] : 0.0f;
    }
    return x;
}

/* Warp w: 16 items of 32 columns, 8 at a time. */
FG_BOTH FG_INLINE void update_by_mma(const struct fg_update *u, uint32_t mode, const float *near_a,
                                     const float *near_b, uint32_t w, uint32_t item, uint32_t term,
                                     uint32_t count)
{
    const uint32_t i0 = w % 2 * FG_MMA_ROWS;
    for (uint32_t k = w / 2 * (FG_UPDATE_TERMS / 2), j = 0; j < 4 && k < count; j++, k += FG_MMA_COLUMNS) {
        struct fg_mma_a a[FG_HELD];
        struct fg_mma_b b[FG_HELD];
        struct fg_mma_c c[FG_HELD];
        for (uint32_t s = 0; s < FG_HELD; s++) {
            const uint32_t l = FG_LANE(s), first = l % 4 * 4, i = item + i0 + l / 4;
            const struct fg_mma_c none = {{0.0f, 0.0f, 0.0f, 0.0f}};
            a[s] = pack_a(mode, update_x(u, first, i), update_x(u, first, i + 8));
            struct fg_four d;
            FG_UNROLL
            for (uint32_t r = 0; r < 4; r++) {
                d.v[r] = near_a[update_at(first + r, k + l / 4)];
            }
            b[s] = pack_b(mode, d);
            c[s] = none;
        }
        mma(mode, c, a, b);
        for (uint32_t s = 0; s < FG_HELD; s++) {
            const uint32_t l = FG_LANE(s);
            FG_UNROLL
            for (uint32_t v = 0; v < 4; v += 2) {
                const uint32_t i = i0 + l / 4 + v / 2 * 8, o = k + l % 4 * 2;
                const float *old = near_b + update_at(i, o);
                if (item + i < u->in) {
                    put_two(u->w + (size_t)(item + i) * u->ldw + term + o, fmaf(-u->lr, c[s].v[v], old[0]),
                            fmaf(-u->lr, c[s].v[v + 1], old[1]));
                }
            }
        }
    }
}

/* The chunk of `count` columns from `term` on, of the items from `item` on: both multiples of what a chunk
 * has; count is one of 8. */
FG_BOTH FG_INLINE void update_chunk(const struct fg_update *u, uint32_t mode, const float *near_a,
                                    const float *near_b, uint32_t item, uint32_t term, uint32_t count)
{
    if (mode == FG_EXACT) {
        for (uint32_t s = 0; s < FG_BLOCK_HELD; s++) {
            update_exactly(u, near_a, near_b, FG_THREAD(s), item, term, count);
        }
    } else {
        for (uint32_t w = 0; w < FG_WARPS_HELD; w++) {
            update_by_mma(u, mode, near_a, near_b, FG_WARP_AT(w), item, term, count);
        }
    }
}
