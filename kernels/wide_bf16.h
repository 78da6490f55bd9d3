/* Wide convolutions in bfloat16: operands are rounded and packed (bf16.h), then multiplied in blocks of up to
 * 2 x 2 tiles by an engine. Included by wide.c only.
 */
#include "kernels/bf16.h"

/* A block: C (16 us, 16 vs) += sum over n1 x n2 x n3 steps of A B,
 * in the order of bf16_step() of ref_bf16.h. */
struct bf16_block {
    const uint16_t *a;
    size_t lda; /* from row to row of A */
    size_t n1, a1, n2, a2, n3,
        a3; /* loops over the steps, outermost first: count, from one to the next in A */
    const uint16_t *b;
    size_t ldb; /* from step to step of B; the tiles of a step are neighbours */
    float *c;
    size_t ldc;
};

struct bf16_engine {
    unsigned (*begin)(void); /* what end() takes */
    void (*run)(const struct bf16_block *t, size_t us, size_t vs);
    void (*end)(unsigned before);
};

/* ---- without the instruction: one tile, four rows at a time ---- */

static unsigned emulate_begin(void)
{
    enum { FLUSH_AND_ZEROS = 0x8040 };
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_AND_ZEROS);
    return before;
}

static void emulate_end(unsigned before)
{
    _mm_setcsr(before);
}

static inline __attribute__((always_inline)) void emulate_step(const uint16_t *a, size_t lda,
                                                               const uint16_t *b, V sum[4])
{
    V even[4], odd[4];
    FG_UNROLL
    for (int r = 0; r < 4; r++) {
        even[r] = odd[r] = v_set(0.0f);
    }
    for (size_t k = 0; k < BF16_TERMS; k += 2, b += 2 * BF16_SIDE) {
        VI w = vi_load_pairs(b);
        V w0 = v_float(vi_shl16(w)), w1 = v_float(vi_and(w, vi_set(0xFFFF0000u)));
        FG_UNROLL
        for (int r = 0; r < 4; r++) {
            uint32_t x;
            memcpy(&x, a + (size_t)r * lda + k, sizeof x);
            even[r] = v_fma(v_float(vi_set(x << 16)), w0, even[r]);
            odd[r] = v_fma(v_float(vi_set(x & 0xFFFF0000u)), w1, odd[r]);
        }
    }
    FG_UNROLL
    for (int r = 0; r < 4; r++) {
        sum[r] = v_add(sum[r], v_add(even[r], odd[r]));
    }
}

static void emulate_rows(const struct bf16_block *t, const uint16_t *a, const uint16_t *b, float *c)
{
    V sum[4];
    FG_UNROLL
    for (int r = 0; r < 4; r++) {
        sum[r] = v_load(c + (size_t)r * t->ldc);
    }
    for (size_t k1 = 0; k1 < t->n1; k1++) {
        for (size_t k2 = 0; k2 < t->n2; k2++) {
            for (size_t k3 = 0; k3 < t->n3; k3++, b += t->ldb) {
                emulate_step(a + k1 * t->a1 + k2 * t->a2 + k3 * t->a3, t->lda, b, sum);
            }
        }
    }
    FG_UNROLL
    for (int r = 0; r < 4; r++) {
        v_store(c + (size_t)r * t->ldc, sum[r]);
    }
}

static void emulate_run(const struct bf16_block *t, size_t us, size_t vs)
{
    for (size_t r = 0; r < us * BF16_SIDE; r += 4) {
        for (size_t j = 0; j < vs * BF16_SIDE; j += VL) {
            const uint16_t *b = t->b + j / BF16_SIDE * BF16_TILE + j % BF16_SIDE * 2;
            emulate_rows(t, t->a + r * t->lda, b, t->c + r * t->ldc + j);
        }
    }
}

static const struct bf16_engine BF16_EMULATE = {emulate_begin, emulate_run, emulate_end};

/* ---- packing ---- */

/* The first n lanes that are there, the others 0; n may be anything. */
static inline V bf16_get(const float *p, size_t n)
{
    return n >= VL ? v_load(p) : n > 0 ? v_load_part(p, n) : v_set(0.0f);
}

/* To the nearest bfloat16 in the upper half of each lane, the lower half 0. */
static inline VI bf16_round(V x)
{
    VI u = v_bits(x), odd = vi_and(vi_shr16(u), vi_set(1));
    VI r = vi_add(u, vi_add(vi_set(0x7FFF), odd));
    r = vi_select(v_equal(x, x), r, vi_or(u, vi_set(0x400000)));
    r = vi_select(vi_equal(vi_and(u, vi_set(0x7F800000)), vi_set(0)), vi_and(u, vi_set(0x80000000u)), r);
    return vi_and(r, vi_set(0xFFFF0000u));
}

/* Two rows of np floats to one row of pairs in each of the np / 16 tiles from `to` on. */
static void bf16_pairs(const float *even, const float *odd, size_t np, uint16_t *to)
{
    for (size_t j = 0; j < np; j += VL) {
        VI e = even ? bf16_round(v_load(even + j)) : vi_set(0),
           o = odd ? bf16_round(v_load(odd + j)) : vi_set(0);
        vi_store_pairs(to + j / BF16_SIDE * BF16_TILE + j % BF16_SIDE * 2, vi_or(vi_shr16(e), o));
    }
}

static void bf16_pack_weights(const struct fg_conv *s, const struct bf16_layout *l, const float *w,
                              uint16_t *to)
{
    for (size_t tap = 0; tap < s->kh * s->kw; tap++, w += s->cin * s->np) {
        for (size_t i = 0; i < l->cin; i += 2) {
            const float *even = i < s->cin ? w + i * s->np : NULL,
                        *odd = i + 1 < s->cin ? even + s->np : NULL;
            bf16_pairs(even, odd, s->np, to + i % BF16_TERMS * BF16_SIDE);
            to += i % BF16_TERMS == BF16_TERMS - 2 ? BF16_TERMS * s->np : 0;
        }
    }
}

/* One image to (pixels, l->cin). */
static void bf16_pack_image(const struct fg_conv *s, const struct bf16_layout *l, const float *x,
                            uint16_t *to)
{
    for (size_t p = 0; p < s->h * s->w; p++, x += s->cs) {
        for (size_t i = 0; i < l->cin; i += VL, to += VL) {
            V v = bf16_get(x + i, s->cin > i ? s->cin - i : 0);
            v_store_u16(to, vi_shr16(bf16_round(v)));
        }
    }
}

/* One image to planes (l->rows, l->line). */
static void bf16_pack_planes(const struct fg_conv *s, const struct bf16_layout *l, const float *x,
                             uint16_t *to)
{
    for (size_t i = 0; i < l->rows; i += VL) {
        for (size_t p = 0; p < l->line; p += VL) {
            V v[VL];
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                size_t n = p + r < s->h * s->w && s->cin > i ? s->cin - i : 0;
                v[r] = bf16_get(x + (p + r) * s->cs + i, n);
            }
            v_transpose(v);
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                v_store_u16(to + (i + r) * l->line + p, vi_shr16(bf16_round(v[r])));
            }
        }
    }
}

/* The gradients of one image to pairs of places; places past the end of a row hold 0. */
static void bf16_pack_gradients(const struct fg_conv *s, const struct bf16_layout *l, const float *d,
                                uint16_t *to)
{
    size_t q = 0, end = s->oh * s->ow * s->np;
    const float *row[2], *last = d + end;
    for (size_t p = 0; p < l->steps * BF16_TERMS; p++) {
        row[p % 2] = q < s->ow && d < last ? d : NULL;
        d += q < s->ow ? s->np : 0;
        q = q + 1 < s->w ? q + 1 : 0;
        if (p % 2 == 1) {
            bf16_pairs(row[0], row[1], s->np, to + p % BF16_TERMS / 2 * 2 * BF16_SIDE);
        }
        to += p % BF16_TERMS == BF16_TERMS - 1 ? BF16_TERMS * s->np : 0;
    }
}

/* ---- the two convolutions ---- */

static size_t bf16_tiles(size_t left)
{
    return left > BF16_SIDE ? 2 : 1;
}

/* What the places of a block start from. */
static void bf16_start(const float *bias, size_t count, size_t width, float *c)
{
    for (size_t n = 0; n < count; n++, c += 2 * BF16_SIDE) {
        for (size_t o = 0; o < width; o += VL) {
            v_store(c + o, bias ? v_load(bias + o) : v_set(0.0f));
        }
    }
}

/* From place p on, `count` places of `width` outputs; those within a row go to y. */
static void bf16_store(const struct fg_conv *s, const float *c, size_t p, size_t count, size_t width,
                       float *y)
{
    size_t r = p / s->w, q = p % s->w;
    y += (r * s->ow + (q < s->ow ? q : s->ow)) * s->np;
    for (size_t n = 0; n < count && r < s->oh; n++, c += 2 * BF16_SIDE) {
        for (size_t o = 0; q < s->ow && o < width; o += VL) {
            v_store(y + o, v_load(c + o));
        }
        y += q < s->ow ? s->np : 0;
        r += q + 1 < s->w ? 0 : 1;
        q = q + 1 < s->w ? q + 1 : 0;
    }
}

static void tiles_forward(const struct bf16_engine *e, const struct fg_conv *s, const float *x,
                          const float *w, const float *bias, float *y)
{
    struct bf16_layout l = bf16_layout(s);
    uint16_t *packed = s->work, *image = packed + s->kh * s->kw * l.cin * s->np;
    _Alignas(64) float c[4 * BF16_SIDE * BF16_SIDE];
    bf16_pack_weights(s, &l, w, packed);
    memset(image + s->h * s->w * l.cin, 0, (l.pixels - s->h * s->w) * l.cin * sizeof *image);
    unsigned before = e->begin();
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs, y += s->oh * s->ow * s->np) {
        bf16_pack_image(s, &l, x, image);
        for (size_t j = 0, vs; j < s->np; j += vs * BF16_SIDE) {
            vs = bf16_tiles(s->np - j);
            for (size_t p = 0, us; p < l.places; p += us * BF16_SIDE) {
                us = bf16_tiles(l.places - p);
                bf16_start(bias ? bias + j : NULL, us * BF16_SIDE, vs * BF16_SIDE, c);
                struct bf16_block t = {.a = image + p * l.cin, .lda = l.cin, .n1 = s->kh, .n2 = s->kw};
                t.a1 = s->w * l.cin;
                t.a2 = l.cin;
                t.n3 = l.cin / BF16_TERMS;
                t.a3 = BF16_TERMS;
                t.b = packed + j * BF16_TERMS;
                t.ldb = s->np * BF16_TERMS;
                t.c = c;
                t.ldc = 2 * BF16_SIDE;
                e->run(&t, us, vs);
                bf16_store(s, c, p, us * BF16_SIDE, vs * BF16_SIDE, y + j);
            }
        }
    }
    e->end(before);
}

/* The weight gradients (taps, l->rows, np) at the start of s->work. */
static void tiles_gradients(const struct bf16_engine *e, const struct fg_conv *s, const struct bf16_layout *l,
                            const float *x, const float *d)
{
    float *sum = s->work;
    uint16_t *planes = (uint16_t *)(void *)(sum + s->kh * s->kw * l->rows * s->np);
    uint16_t *pairs = planes + l->rows * l->line;
    struct bf16_block t = {.lda = l->line, .n1 = 1, .n2 = 1, .n3 = l->steps, .a3 = BF16_TERMS, .ldc = s->np};
    t.ldb = s->np * BF16_TERMS;
    memset(sum, 0, s->kh * s->kw * l->rows * s->np * sizeof *sum);
    unsigned before = e->begin();
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs, d += s->oh * s->ow * s->np) {
        bf16_pack_planes(s, l, x, planes);
        bf16_pack_gradients(s, l, d, pairs);
        for (size_t tap = 0; tap < s->kh * s->kw; tap++) {
            for (size_t i = 0, us; i < l->rows; i += us * BF16_SIDE) {
                us = bf16_tiles(l->rows - i);
                for (size_t j = 0, vs; j < s->np; j += vs * BF16_SIDE) {
                    vs = bf16_tiles(s->np - j);
                    t.a = planes + i * l->line + tap / s->kw * s->w + tap % s->kw;
                    t.b = pairs + j * BF16_TERMS;
                    t.c = sum + (tap * l->rows + i) * s->np + j;
                    e->run(&t, us, vs);
                }
            }
        }
    }
    e->end(before);
}

/* How the bits are made: all give the same. */
typedef void (*bf16_gradients)(const struct fg_conv *s, const struct bf16_layout *l, const float *x,
                               const float *d);

static void bf16_weights(bf16_gradients gradients, const struct fg_conv *s, const float *x, const float *d,
                         int sgd, float a, float *w)
{
    struct bf16_layout l = bf16_layout(s);
    const float *sum = s->work;
    gradients(s, &l, x, d);
    for (size_t tap = 0; tap < s->kh * s->kw; tap++, sum += l.rows * s->np, w += s->cin * s->np) {
        if (sgd) {
            axpy(a, sum, w, s->cin * s->np);
        } else {
            memcpy(w, sum, s->cin * s->np * sizeof *w);
        }
    }
}

/* The three functions of a table. */
#define BF16_CONV(prefix, forward, gradients)                                                                \
    static void prefix##_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias, \
                                 float *y)                                                                   \
    {                                                                                                        \
        (bf16_takes(s) ? forward : conv_forward)(s, x, w, bias, y);                                          \
    }                                                                                                        \
    static void prefix##_backward_weights(const struct fg_conv *s, const float *x, const float *d,           \
                                          float *dw)                                                         \
    {                                                                                                        \
        if (bf16_takes(s)) {                                                                                 \
            bf16_weights(gradients, s, x, d, 0, 0.0f, dw);                                                   \
        } else {                                                                                             \
            conv_backward_weights(s, x, d, dw);                                                              \
        }                                                                                                    \
    }                                                                                                        \
    static void prefix##_sgd(const struct fg_conv *s, const float *x, const float *d, float a, float *w)     \
    {                                                                                                        \
        if (bf16_takes(s)) {                                                                                 \
            bf16_weights(gradients, s, x, d, 1, a, w);                                                       \
        } else {                                                                                             \
            conv_sgd(s, x, d, a, w);                                                                         \
        }                                                                                                    \
    }

/* forward and gradients of an engine. */
#define BF16_ENGINE(prefix, engine)                                                                          \
    static void prefix##_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias, \
                                 float *y)                                                                   \
    {                                                                                                        \
        tiles_forward(&(engine), s, x, w, bias, y);                                                          \
    }                                                                                                        \
    static void prefix##_gradients(const struct fg_conv *s, const struct bf16_layout *l, const float *x,     \
                                   const float *d)                                                           \
    {                                                                                                        \
        tiles_gradients(&(engine), s, l, x, d);                                                              \
    }

BF16_ENGINE(emulate, BF16_EMULATE)
BF16_CONV(bf16_conv, emulate_forward, emulate_gradients)
