/* Dense layers and convolutions as device operations; orders of sums as kernels.h states them.
 * Included by device_ops.h only.
 *
 * Threads t, t + nt, ... make the outputs in memory order, so that neighbours write neighbours and read
 * neighbouring weights; a thread makes up to FG_TILE rows of four columns at once, which lie on a 16-byte
 * boundary: a weight is read once for them, four at a time. Sums stay one thread's, each in its own order. */
#define FG_TILE 5

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

FG_BOTH static inline void op_dense(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *bias = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, tiles = (rows + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        size_t j = e % (np / 4) * 4, r = e / (np / 4) * FG_TILE,
               some = rows - r < FG_TILE ? rows - r : FG_TILE;
        struct fg_four sum[FG_TILE];
        const float *row[FG_TILE];
        for (size_t k = 0; k < FG_TILE; k++) {
            size_t here = r + (k < some ? k : 0);
            row[k] = x + here * op->ldx;
            sum[k] = begin_four(op, bias + j, y + here * np + j);
        }
        for (size_t i = 0; i < op->in; i++) {
            struct fg_four wi = four_at(w + i * np + j);
            for (size_t k = 0; k < FG_TILE; k++) {
                add_products(&sum[k], row[k][i], wi);
            }
        }
        for (size_t k = 0; k < some; k++) {
            put_rectified(op->flags, sum[k], bias, y, (r + k) * np + j);
        }
    }
}

/* Threads read along rows of w, four outputs at a time. */
FG_BOTH static inline void op_dense_dx(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *d = fg_at_ref(at, op->d), *w = fg_at_ref(at, op->w), *gave = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, ld = op->ldy, tiles = (rows + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < tiles * ld; e += nt) {
        size_t i = e % ld, r = e / ld * FG_TILE, some = rows - r < FG_TILE ? rows - r : FG_TILE;
        size_t out = i < op->in ? op->out : 0, j = 0;
        const float *wi = w + i * np;
        float sum[FG_TILE] = {0.0f};
        const float *row[FG_TILE];
        for (size_t k = 0; k < FG_TILE; k++) {
            row[k] = d + (r + (k < some ? k : 0)) * np;
        }
        for (; j + 4 <= out; j += 4) {
            struct fg_four four = four_at(wi + j);
            for (size_t k = 0; k < FG_TILE; k++) {
                struct fg_four dk = four_at(row[k] + j);
                for (int c = 0; c < 4; c++) {
                    sum[k] = fmaf(dk.v[c], four.v[c], sum[k]);
                }
            }
        }
        for (; j < out; j++) {
            for (size_t k = 0; k < FG_TILE; k++) {
                sum[k] = fmaf(row[k][j], wi[j], sum[k]);
            }
        }
        for (size_t k = 0; k < some; k++) {
            y[(r + k) * ld + i] = rectify(op->flags, sum[k], gave, (r + k) * ld + i);
        }
    }
}

FG_BOTH static inline void op_dense_dw(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                       size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *d = fg_at_ref(at, op->d);
    const float *old = fg_at_ref(at, op->y);
    float *y = fg_at_own(at, op->y);
    size_t rows = (size_t)op->rows * at->n, np = op->np, tiles = (op->in + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        size_t j = e % (np / 4) * 4, i = e / (np / 4) * FG_TILE,
               some = op->in - i < FG_TILE ? op->in - i : FG_TILE;
        struct fg_four sum[FG_TILE] = {{{0.0f}}};
        for (size_t r = 0; r < rows; r++) {
            struct fg_four dr = four_at(d + r * np + j);
            const float *xr = x + r * op->ldx + i;
            for (size_t k = 0; k < FG_TILE; k++) {
                add_products(&sum[k], xr[k < some ? k : 0], dr);
            }
        }
        for (size_t k = 0; k < some; k++) {
            size_t to = (i + k) * np + j;
            put_four(y + to, finish_four(op, lr, sum[k], old + to));
        }
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
FG_BOTH static inline size_t corner(const struct fg_window *s, size_t p)
{
    size_t b = p / ((size_t)s->oh * s->ow), r = p / s->ow % s->oh, q = p % s->ow;
    return ((b * s->h + r * s->stride) * s->w + q * s->stride) * s->cs;
}

FG_BOTH static inline void op_conv(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const struct fg_window *s = &op->win;
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *bias = fg_at_ref(at, op->aux);
    float *y = fg_at_ref(at, op->y);
    size_t np = s->np, pixels = (size_t)at->n * s->oh * s->ow, tiles = (pixels + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < tiles * (np / 4); e += nt) {
        size_t o = e % (np / 4) * 4, p = e / (np / 4) * FG_TILE,
               some = pixels - p < FG_TILE ? pixels - p : FG_TILE;
        struct fg_four sum[FG_TILE];
        const float *from[FG_TILE];
        for (size_t k = 0; k < FG_TILE; k++) {
            size_t here = p + (k < some ? k : 0);
            from[k] = x + corner(s, here);
            sum[k] = begin_four(op, bias + o, y + here * np + o);
        }
        for (size_t tap = 0; tap < (size_t)s->k * s->k; tap++) {
            size_t off = (tap / s->k * s->w + tap % s->k) * s->cs;
            const float *wt = w + tap * s->cin * np + o;
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
    size_t np = s->np, tiles = (s->cin + FG_TILE - 1) / FG_TILE;
    for (size_t e = t; e < (size_t)s->k * s->k * tiles * (np / 4); e += nt) {
        size_t o = e % (np / 4) * 4, i = e / (np / 4) % tiles * FG_TILE, tap = e / (np / 4) / tiles;
        size_t some = s->cin - i < FG_TILE ? s->cin - i : FG_TILE, p = 0;
        const float *from = x + (tap / s->k * s->w + tap % s->k) * s->cs + i;
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
            size_t to = (tap * s->cin + i + k) * np + o;
            put_four(y + to, finish_four(op, lr, sum[k], old + to));
        }
    }
}

FG_BOTH static inline void op_conv_flip(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *w = fg_at_ref(at, op->w);
    float *y = fg_at_ref(at, op->y);
    size_t cp = op->ldy, taps = (size_t)op->win.k * op->win.k, cout = op->out;
    for (size_t e = t; e < taps * cout * cp; e += nt) {
        size_t i = e % cp, o = e / cp % cout, tap = e / cp / cout;
        y[e] = i < op->in ? w[((taps - 1 - tap) * op->in + i) * op->np + o] : 0.0f;
    }
}

/* Whether place v of a bordered image holds pixel *from of n of the source. */
FG_BOTH static inline int inside(size_t v, size_t before, size_t dilate, size_t n, size_t *from)
{
    *from = (v - before) / dilate;
    return v >= before && (v - before) % dilate == 0 && *from < n;
}

FG_BOTH static inline void op_image_pad(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    size_t cs = op->win.cs, h = op->win.h, w = op->win.w;
    for (size_t e = t; e < (size_t)at->n * op->dh * op->dw * cs; e += nt) {
        size_t c = e % cs, v = e / cs % op->dw, u = e / cs / op->dw % op->dh, b = e / cs / op->dw / op->dh, r,
               q;
        int in = inside(u, op->top, op->dilate, h, &r) & inside(v, op->left, op->dilate, w, &q);
        y[e] = in ? x[((b * h + r) * w + q) * cs + c] : 0.0f;
    }
}
