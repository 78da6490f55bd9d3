/* Dense layers and convolutions as device operations; orders of sums as kernels.h states them.
 * Included by device_ops.h only.
 *
 * Threads t, t + nt, ... make the outputs in memory order, so that neighbours write neighbours and read
 * neighbouring weights; a thread makes up to FG_TILE rows of four columns at once, which lie on a 16-byte
 * boundary: a weight is read once for them, four at a time. Where that leaves threads without work (a small
 * layer in a block of its own) it makes a row of four columns, or a single output. Sums stay one thread's,
 * each in its own order, so bits do not depend on it. Places within a lane are less than 2^32: they are
 * taken apart in 32 bits, in which a device divides fastest. */
#define FG_TILE 5

#ifdef __CUDACC__
#define FG_INLINE static __forceinline__
#else
#define FG_INLINE static inline
#endif
#ifdef __CUDA_ARCH__
#define FG_UNROLL_MORE _Pragma("unroll 4")
#define FG_UNROLL_MOST _Pragma("unroll 32")
#else
#define FG_UNROLL_MORE
#define FG_UNROLL_MOST
#endif

#ifdef __CUDACC__
struct __align__(16) fg_four
{
#else
struct fg_four {
#endif
    float v[4];
};

/* A device loads and stores four floats at once only on 16 bytes, two on 8; the host's processor does not
 * mind, so it is told here. */
#ifdef __CUDACC__
#define FG_ON(bytes, p) (void)0
#else
#define FG_ON(bytes, p) FG_ASSERT((uintptr_t)(p) % (bytes) == 0)
#endif

FG_BOTH static inline struct fg_four four_at(const float *p)
{
    FG_ON(16, p);
    return *(const struct fg_four *)(const void *)p;
}

FG_BOTH static inline void put_four(float *p, struct fg_four x)
{
    FG_ON(16, p);
    *(struct fg_four *)(void *)p = x;
}

/* Two on 8 bytes, written at once. */
#ifdef __CUDACC__
struct __align__(8) fg_two
{
#else
struct fg_two {
#endif
    float v[2];
};

FG_BOTH static inline void put_two(float *p, float first, float second)
{
    FG_ON(8, p);
    const struct fg_two x = {{first, second}};
    *(struct fg_two *)(void *)p = x;
}

FG_BOTH static inline float finish(const struct fg_op *op, float lr, float sum, float w)
{
    return (op->flags & FG_OP_UPDATE) != 0 ? fmaf(-lr, sum, w) : sum;
}

FG_BOTH static inline struct fg_four finish_four(const struct fg_op *op, float lr, struct fg_four sum,
                                                 const float *w)
{
    struct fg_four old = four_at(w);
    for (int c = 0; c < 4; c++) {
        sum.v[c] = finish(op, lr, sum.v[c], old.v[c]);
    }
    return sum;
}

/* What becomes of a whole sum. */
FG_BOTH static inline float rectify(uint32_t flags, float sum, const float *gave, size_t at)
{
    sum = (flags & FG_OP_RECTIFY) != 0 && sum < 0.0f ? 0.0f : sum;
    return (flags & FG_OP_MASK) != 0 && !(gave[at] > 0.0f) ? 0.0f : sum;
}

FG_BOTH static inline void put_rectified(uint32_t flags, struct fg_four sum, const float *gave, float *y,
                                         size_t at)
{
    for (uint32_t c = 0; c < 4; c++) {
        sum.v[c] = rectify(flags, sum.v[c], gave, at + c);
    }
    put_four(y + at, sum);
}

/* What sums of four columns begin with. */
FG_BOTH static inline struct fg_four begin_four(const struct fg_op *op, const float *bias, const float *y)
{
    const struct fg_four zero = {{0.0f, 0.0f, 0.0f, 0.0f}};
    return (op->flags & FG_OP_ONTO) != 0 ? four_at(y) : (op->flags & FG_OP_BIAS) != 0 ? four_at(bias) : zero;
}

FG_BOTH static inline void add_products(struct fg_four *sum, float x, struct fg_four w)
{
    for (int c = 0; c < 4; c++) {
        sum->v[c] = fmaf(x, w.v[c], sum->v[c]);
    }
}

/* Rows of a tile: one where there are threads enough for that. */
FG_BOTH static inline uint32_t tile_rows(size_t rows, size_t across, size_t nt)
{
    return rows * across <= nt ? 1 : FG_TILE;
}

FG_BOTH FG_INLINE void dense_by(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt,
                                const uint32_t tile)
{
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *bias = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, tiles = (rows + tile - 1) / tile;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        const uint32_t across = op->np / 4, j = (uint32_t)e % across * 4;
        size_t r = (size_t)((uint32_t)e / across) * tile, some = rows - r < tile ? rows - r : tile;
        struct fg_four sum[FG_TILE];
        const float *row[FG_TILE];
        for (size_t k = 0; k < tile; k++) {
            size_t here = r + (k < some ? k : 0);
            row[k] = x + here * op->ldx;
            sum[k] = begin_four(op, bias + j, y + here * np + j);
        }
        for (size_t i = 0; i < op->in; i++) {
            struct fg_four wi = four_at(w + i * np + j);
            for (size_t k = 0; k < tile; k++) {
                add_products(&sum[k], row[k][i], wi);
            }
        }
        for (size_t k = 0; k < some; k++) {
            put_rectified(op->flags, sum[k], bias, y, (r + k) * np + j);
        }
    }
}

/* An output a thread: four terms of its row are read at once where they lie so. */
FG_BOTH FG_INLINE void dense_one_by_one(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *bias = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    const uint32_t np = op->np, in = op->in, fours = op->ldx % 4 == 0 && (uintptr_t)x % 16 == 0 ? in / 4 : 0;
    for (size_t e = t; e < (size_t)op->rows * at->n * np; e += nt) {
        const uint32_t r = (uint32_t)e / np, j = (uint32_t)e % np;
        const float *row = x + (size_t)r * op->ldx, *wj = w + j;
        float sum = (op->flags & FG_OP_ONTO) != 0 ? y[e] : (op->flags & FG_OP_BIAS) != 0 ? bias[j] : 0.0f;
        FG_UNROLL_MORE
        for (uint32_t i = 0; i < fours; i++, wj += 4 * np) {
            const struct fg_four four = four_at(row + 4 * i);
            for (uint32_t u = 0; u < 4; u++) {
                sum = fmaf(four.v[u], wj[u * np], sum);
            }
        }
        for (uint32_t i = 4 * fours; i < in; i++, wj += np) {
            sum = fmaf(row[i], *wj, sum);
        }
        y[e] = rectify(op->flags, sum, bias, e);
    }
}

FG_BOTH static inline void op_dense(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const size_t rows = (size_t)op->rows * at->n;
    if (rows * op->np <= nt) {
        dense_one_by_one(op, at, t, nt);
    } else if (tile_rows(rows, op->np / 4, nt) == 1) {
        dense_by(op, at, t, nt, 1);
    } else {
        dense_by(op, at, t, nt, FG_TILE);
    }
}

/* Threads read along rows of w, four outputs at a time. */
FG_BOTH FG_INLINE void dense_dx_by(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt,
                                   const uint32_t tile)
{
    const float *d = fg_at_ref(at, op->d), *w = fg_at_ref(at, op->w), *gave = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, ld = op->ldy, tiles = (rows + tile - 1) / tile;
    for (size_t e = t; e < tiles * ld; e += nt) {
        const uint32_t i = (uint32_t)e % op->ldy, out = i < op->in ? op->out : 0;
        size_t r = (size_t)((uint32_t)e / op->ldy) * tile, some = rows - r < tile ? rows - r : tile;
        uint32_t j = 0;
        const float *wi = w + i * np;
        float sum[FG_TILE] = {0.0f};
        const float *row[FG_TILE];
        for (size_t k = 0; k < tile; k++) {
            row[k] = d + (r + (k < some ? k : 0)) * np;
        }
        for (; j + 4 <= out; j += 4) {
            struct fg_four four = four_at(wi + j);
            for (size_t k = 0; k < tile; k++) {
                struct fg_four dk = four_at(row[k] + j);
                for (int c = 0; c < 4; c++) {
                    sum[k] = fmaf(dk.v[c], four.v[c], sum[k]);
                }
            }
        }
        for (; j < out; j++) {
            for (size_t k = 0; k < tile; k++) {
                sum[k] = fmaf(row[k][j], wi[j], sum[k]);
            }
        }
        for (size_t k = 0; k < some; k++) {
            y[(r + k) * ld + i] = rectify(op->flags, sum[k], gave, (r + k) * ld + i);
        }
    }
}

FG_BOTH static inline void op_dense_dx(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    if (tile_rows((size_t)op->rows * at->n, op->ldy, nt) == 1) {
        dense_dx_by(op, at, t, nt, 1);
    } else {
        dense_dx_by(op, at, t, nt, FG_TILE);
    }
}

FG_BOTH FG_INLINE void dense_dw_by(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                   size_t nt, const uint32_t tile)
{
    const float *x = fg_at_ref(at, op->x), *d = fg_at_ref(at, op->d);
    const float *old = fg_at_ref(at, op->y);
    float *y = fg_at_own(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, tiles = (op->in + tile - 1) / tile;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        const uint32_t across = op->np / 4, j = (uint32_t)e % across * 4, i = (uint32_t)e / across * tile,
                       some = op->in - i < tile ? op->in - i : tile;
        struct fg_four sum[FG_TILE] = {{{0.0f}}};
        for (size_t r = 0; r < rows; r++) {
            struct fg_four dr = four_at(d + r * np + j);
            const float *xr = x + r * op->ldx + i;
            for (size_t k = 0; k < tile; k++) {
                add_products(&sum[k], xr[k < some ? k : 0], dr);
            }
        }
        for (size_t k = 0; k < some; k++) {
            size_t to = (i + k) * np + j;
            put_four(y + to, finish_four(op, lr, sum[k], old + to));
        }
    }
}

FG_BOTH static inline void op_dense_dw(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                       size_t nt)
{
    if (tile_rows(op->in, op->np / 4, nt) == 1) {
        dense_dw_by(op, at, lr, t, nt, 1);
    } else {
        dense_dw_by(op, at, lr, t, nt, FG_TILE);
    }
}

FG_BOTH static inline void op_column_sum(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                         size_t nt)
{
    const float *d = fg_at_ref(at, op->d);
    const float *old = fg_at_ref(at, op->y);
    float *y = fg_at_own(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np;
    for (size_t j = t; j < np; j += nt) {
        float sum = 0.0f;
        for (size_t r = 0; r < rows; r++) {
            sum += d[r * np + j];
        }
        y[j] = finish(op, lr, sum, old[j]);
    }
}

/* Where the window of output pixel p of the batch begins. */
FG_BOTH static inline size_t corner(const struct fg_window *s, uint32_t p)
{
    const uint32_t line = p / s->ow, q = p % s->ow, b = line / s->oh, r = line % s->oh;
    return (size_t)((b * s->h + r * s->stride) * s->w + q * s->stride) * s->cs;
}

FG_BOTH static inline void op_conv(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const struct fg_window *s = &op->win;
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *bias = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t np = s->np, pixels = (size_t)at->n * s->oh * s->ow, tiles = (pixels + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        const uint32_t across = s->np / 4, o = (uint32_t)e % across * 4;
        size_t p = (size_t)((uint32_t)e / across) * FG_TILE,
               some = pixels - p < FG_TILE ? pixels - p : FG_TILE;
        struct fg_four sum[FG_TILE];
        const float *from[FG_TILE];
        for (size_t k = 0; k < FG_TILE; k++) {
            size_t here = p + (k < some ? k : 0);
            from[k] = x + corner(s, (uint32_t)here);
            sum[k] = begin_four(op, bias + o, y + here * np + o);
        }
        for (uint32_t tap = 0; tap < s->k * s->k; tap++) {
            size_t off = (size_t)(tap / s->k * s->w + tap % s->k) * s->cs;
            const float *wt = w + (size_t)tap * s->cin * np + o;
            for (size_t i = 0; i < s->cin; i++) {
                struct fg_four wi = four_at(wt + i * np);
                for (size_t k = 0; k < FG_TILE; k++) {
                    add_products(&sum[k], from[k][off + i], wi);
                }
            }
        }
        for (size_t k = 0; k < some; k++) {
            put_rectified(op->flags, sum[k], bias, y, (p + k) * np + o);
        }
    }
}

/* Input channels of one tap in tiles: a gradient is read once for them. */
FG_BOTH static inline void op_conv_dw(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                      size_t nt)
{
    const struct fg_window *s = &op->win;
    const float *x = fg_at_ref(at, op->x), *d = fg_at_ref(at, op->d);
    const float *old = fg_at_ref(at, op->y);
    float *y = fg_at_own(at, op->y);
    const uint32_t tiles = (s->cin + FG_TILE - 1) / FG_TILE, across = s->np / 4;
    size_t np = s->np;
    for (size_t e = t; e < (size_t)s->k * s->k * tiles * across; e += nt) {
        const uint32_t o = (uint32_t)e % across * 4, tile = (uint32_t)e / across, i = tile % tiles * FG_TILE,
                       tap = tile / tiles, some = s->cin - i < FG_TILE ? s->cin - i : FG_TILE;
        size_t p = 0;
        const float *from = x + (size_t)(tap / s->k * s->w + tap % s->k) * s->cs + i;
        struct fg_four sum[FG_TILE] = {{{0.0f}}};
        for (size_t b = 0; b < at->n; b++) {
            for (size_t r = 0; r < s->oh; r++) {
                const float *xp = from + (b * s->h + r * s->stride) * s->w * s->cs;
                for (size_t q = 0; q < s->ow; q++, p++, xp += s->stride * s->cs) {
                    struct fg_four dp = four_at(d + p * np + o);
                    for (size_t k = 0; k < FG_TILE; k++) {
                        add_products(&sum[k], xp[k < some ? k : 0], dp);
                    }
                }
            }
        }
        for (size_t k = 0; k < some; k++) {
            size_t to = (size_t)(tap * s->cin + i + k) * np + o;
            put_four(y + to, finish_four(op, lr, sum[k], old + to));
        }
    }
}

FG_BOTH static inline void op_conv_flip(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *w = fg_at_ref(at, op->w);
    float *y = fg_at_ref(at, op->y);
    size_t taps = (size_t)op->win.k * op->win.k;
    for (size_t e = t; e < taps * op->out * op->ldy; e += nt) {
        const uint32_t i = (uint32_t)e % op->ldy, line = (uint32_t)e / op->ldy;
        size_t o = line % op->out, tap = line / op->out;
        y[e] = i < op->in ? w[((taps - 1 - tap) * op->in + i) * op->np + o] : 0.0f;
    }
}

/* Whether place v of a bordered image holds pixel *from of n of the source. */
FG_BOTH static inline int inside(uint32_t v, uint32_t before, uint32_t dilate, uint32_t n, uint32_t *from)
{
    *from = (v - before) / dilate;
    return v >= before && *from * dilate == v - before && *from < n;
}

FG_BOTH static inline void op_image_pad(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    const uint32_t cs = op->win.cs, h = op->win.h, w = op->win.w;
    for (size_t e = t; e < (size_t)at->n * op->dh * op->dw * cs; e += nt) {
        const uint32_t pixel = (uint32_t)e / cs, c = (uint32_t)e % cs, line = pixel / op->dw,
                       v = pixel % op->dw, u = line % op->dh, b = line / op->dh;
        uint32_t r, q;
        int in = inside(u, op->top, op->dilate, h, &r) & inside(v, op->left, op->dilate, w, &q);
        y[e] = in ? x[(size_t)((b * h + r) * w + q) * cs + c] : 0.0f;
    }
}
