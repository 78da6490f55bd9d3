/* Pooling as device operations, with a relu that comes before it and dropout that follows.
 * Included by device_ops.h only.
 *
 * What pooling keeps of a window is the place of its largest value, a byte. FG_POOL_NONE stands for a window
 * that passes no gradient: its largest is not positive, of a relu (FG_OP_MASK), or was dropped
 * (FG_OP_DROP). So going back reads gradients and places and nothing else. */
enum { FG_POOL_NONE = 255 };

/* Of four channels, moved as one. */
#ifdef __CUDACC__
struct __align__(4) fg_four_bytes
{
#else
struct fg_four_bytes {
#endif
    uint8_t v[4];
};

/* Philox words of elements 4 e .. + 3 of what a layer of `row` floats a sample makes. */
FG_BOTH static inline void dropout_words(uint32_t word[4], const struct fg_op *op, const struct fg_at *at,
                                         const struct fg_lane *lane, size_t row, size_t e)
{
    const uint64_t block =
        ((((uint64_t)at->step << 8) | op->number) << 28) + ((uint64_t)at->first * row + 3) / 4 + e;
    const uint32_t key[2] = {(uint32_t)lane->seed, (uint32_t)(lane->seed >> 32)};
    const uint32_t ctr[4] = {(uint32_t)block,
                             (uint32_t)FG_RNG_DROPOUT << 24 | (uint32_t)(block >> 32 & 0xFFFFFFu),
                             lane->shard, lane->number};
    fg_philox_block(word, ctr, key);
}

/* The largest of four windows side by side, and their places. */
struct fg_pooled {
    struct fg_four best;
    struct fg_four_bytes place;
};

FG_BOTH static inline void pool_one(struct fg_pooled *p, struct fg_four x, unsigned place)
{
    for (int c = 0; c < 4; c++) {
        p->place.v[c] = x.v[c] > p->best.v[c] ? (uint8_t)place : p->place.v[c];
        p->best.v[c] = x.v[c] > p->best.v[c] ? x.v[c] : p->best.v[c];
    }
}

/* Outputs 4 e .. + 3 of pooling op, whole windows given. */
FG_BOTH static inline void put_pooled(const struct fg_op *op, const struct fg_at *at,
                                      const struct fg_lane *lane, struct fg_pooled p, size_t e)
{
    const struct fg_window *s = &op->win;
    uint32_t word[4] = {0, 0, 0, 0};
    const int drops = (op->flags & FG_OP_DROP) != 0, masks = (op->flags & FG_OP_MASK) != 0;
    if (drops) {
        dropout_words(word, op, at, lane, (size_t)s->oh * s->ow * s->cs, e);
    }
    for (int c = 0; c < 4; c++) {
        const int kept = !drops || word[c] >= op->threshold;
        p.place.v[c] = kept && (!masks || p.best.v[c] > 0.0f) ? p.place.v[c] : (uint8_t)FG_POOL_NONE;
        p.best.v[c] = !drops ? p.best.v[c] : kept ? p.best.v[c] * op->f : 0.0f;
    }
    FG_ON(4, fg_at_ref(at, op->d));
    put_four(fg_at_ref(at, op->y) + 4 * e, p.best);
    ((struct fg_four_bytes *)(void *)fg_at_ref(at, op->d))[e] = p.place;
}

/* One thread four channels. */
FG_BOTH static inline void op_pool(const struct fg_op *op, const struct fg_at *at, const struct fg_lane *lane,
                                   size_t t, size_t nt)
{
    const struct fg_window *s = &op->win;
    const float *x = fg_at_ref(at, op->x);
    for (size_t e = t; 4 * e < (size_t)at->n * s->oh * s->ow * s->cs; e += nt) {
        const uint32_t first = (uint32_t)(4 * e);
        const float *xp = x + corner(s, first / s->cs) + first % s->cs;
        struct fg_pooled p = {four_at(xp), {{0, 0, 0, 0}}};
        for (unsigned k = 1; k < s->k * s->k; k++) {
            pool_one(&p, four_at(xp + (size_t)(k / s->k * s->w + k % s->k) * s->cs), k);
        }
        put_pooled(op, at, lane, p, e);
    }
}

/* One thread four channels of a window that shares no pixel with others, of windows that leave none out: it
 * writes all of them, and reads what it goes by once. */
FG_BOTH static inline void pool_dx_whole(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const struct fg_window *s = &op->win;
    const float *d = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    const struct fg_four_bytes *places = (const struct fg_four_bytes *)(const void *)fg_at_ref(at, op->d);
    for (size_t e = t; 4 * e < (size_t)at->n * s->oh * s->ow * s->cs; e += nt) {
        const uint32_t first = (uint32_t)(4 * e), window = first / s->cs;
        float *to = y + corner(s, window) + first % s->cs;
        const struct fg_four_bytes from = places[e];
        const struct fg_four dp = four_at(d + 4 * e);
        for (uint32_t u = 0, place = 0; u < s->k; u++) {
            for (uint32_t v = 0; v < s->k; v++, place++) {
                struct fg_four sum = {{0.0f, 0.0f, 0.0f, 0.0f}};
                for (int i = 0; i < 4; i++) {
                    sum.v[i] = from.v[i] == place ? sum.v[i] + dp.v[i] * op->f : sum.v[i];
                }
                put_four(to + (size_t)(u * s->w + v) * s->cs, sum);
            }
        }
    }
}

/* The first window along a side that contains place u. */
FG_BOTH static inline uint32_t first_window(const struct fg_window *s, uint32_t u)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): strides are at least 1 */
    return u < s->k ? 0 : (u - s->k) / s->stride + 1;
}

/* One thread four channels of an input: it looks at the windows that contain it, in the order of outputs.
 * f: what dropout scales by, or 1. */
FG_BOTH static inline void op_pool_dx(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    if (FG_POOL_IS_WHOLE(&op->win)) {
        pool_dx_whole(op, at, t, nt);
        return;
    }
    const struct fg_window *s = &op->win;
    const float *d = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    const struct fg_four_bytes *places = (const struct fg_four_bytes *)(const void *)fg_at_ref(at, op->d);
    for (size_t e = t; 4 * e < (size_t)at->n * s->h * s->w * s->cs; e += nt) {
        const uint32_t pixel = (uint32_t)(4 * e) / s->cs, c = (uint32_t)(4 * e) % s->cs, line = pixel / s->w,
                       v = pixel % s->w, u = line % s->h, b = line / s->h;
        const uint32_t r0 = first_window(s, u), q0 = first_window(s, v);
        struct fg_four sum = {{0.0f, 0.0f, 0.0f, 0.0f}};
        for (uint32_t r = r0; r < s->oh && r * s->stride <= u; r++) {
            for (uint32_t q = q0; q < s->ow && q * s->stride <= v; q++) {
                const size_t p = (size_t)((b * s->oh + r) * s->ow + q) * s->cs + c;
                const uint32_t place = (u - r * s->stride) * s->k + (v - q * s->stride);
                const struct fg_four_bytes from = places[p / 4];
                const struct fg_four dp = four_at(d + p);
                for (int i = 0; i < 4; i++) {
                    sum.v[i] = from.v[i] == place ? sum.v[i] + dp.v[i] * op->f : sum.v[i];
                }
            }
        }
        put_four(y + 4 * e, sum);
    }
}
