/* Dense layers and convolutions as products of matrices by single warps, for FG_TF32 and FG_BF16 where a lane
 * has one block (else device_tile.h). Included by device_ops.h only.
 *
 *     y (m, n) = begin + A (m, terms) B (terms, n)
 *
 * None of the matrices is made: an element of A is where its row and its term lead to from x (of a
 * convolution: a pixel's corner and a place of the window), one of B is a weight or a gradient. A warp makes
 * a tile of up to 32 rows and 32 columns; terms are added in ascending order, 8 or 16 at a time, each output
 * by one warp: so results depend on the shape alone, not on how many warps there are. Traffic: a tile reads
 * its rows of A and its columns of B once, through the caches; nothing is kept in shared memory. */
#include "kernels/device_mma.h"

enum { FG_GEMM_HIGH = FG_WARP_ROWS / FG_MMA_ROWS, FG_GEMM_WIDE = FG_WARP_COLUMNS / FG_MMA_COLUMNS };

/* Where index (c2, c1, c0) in digits of base n0, n1 leads: a sum of strides. */
struct fg_walk {
    uint32_t n0, n1, s0, s1, s2;
};

struct fg_stop {
    uint32_t c0, c1, c2, at; /* digits, and floats from the beginning */
};

struct fg_gemm {
    uint32_t m, n, terms;
    const float *a, *b;
    struct fg_walk row, term; /* of A */
    uint32_t bt, bn, columns; /* strides of B; columns that B has: those from there to n become 0 */
    uint32_t wide;            /* mma tiles a warp */
    int four_a, four_b;       /* four terms lie side by side, on 16 bytes */
};

FG_BOTH static inline struct fg_walk straight(uint32_t stride)
{
    struct fg_walk w = {UINT32_MAX, UINT32_MAX, stride, 0, 0};
    return w;
}

FG_BOTH static inline struct fg_stop stop_at(const struct fg_walk *w, uint32_t i)
{
    uint32_t c1 = i / w->n0, c2 = c1 / w->n1;
    struct fg_stop s = {i % w->n0, c1 % w->n1, c2, 0};
    s.at = s.c0 * w->s0 + s.c1 * w->s1 + c2 * w->s2;
    return s;
}

FG_BOTH static inline void walk_on(const struct fg_walk *w, struct fg_stop *s, uint32_t by)
{
    s->c0 += by;
    s->at += by * w->s0;
    while (s->c0 >= w->n0) {
        s->c0 -= w->n0;
        s->at += w->s1 - w->n0 * w->s0;
        if (++s->c1 == w->n1) {
            s->c1 = 0;
            s->c2++;
            s->at += w->s2 - w->n1 * w->s1;
        }
    }
}

/* Whether four terms from every fourth one on can be read at once. */
FG_BOTH static inline int by_four(const float *p, uint32_t terms, const struct fg_walk *row,
                                  const struct fg_walk *term)
{
    uint32_t odd = terms | row->s0 | row->s1 | row->s2 | term->s1 | term->s2;
    odd |= term->n0 == UINT32_MAX ? 0 : term->n0;
    return term->s0 == 1 && odd % 4 == 0 && (uintptr_t)p % 16 == 0;
}

/* ---- one tile ---- */

/* Of a lane: where its rows begin (UINT32_MAX: there is none) and where its next term is. */
struct fg_mine {
    uint32_t row[FG_GEMM_HIGH][2];
    struct fg_stop next;
};

FG_BOTH static inline struct fg_four read_a(const struct fg_gemm *g, const struct fg_mine *my, uint32_t row,
                                            uint32_t term)
{
    struct fg_four x = {{0.0f, 0.0f, 0.0f, 0.0f}};
    if (row == UINT32_MAX || term >= g->terms) {
        return x;
    }
    if (g->four_a) {
        return four_at(g->a + row + my->next.at);
    }
    struct fg_stop s = my->next;
    FG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        x.v[i] = term + i < g->terms ? g->a[row + s.at] : 0.0f;
        walk_on(&g->term, &s, 1);
    }
    return x;
}

FG_BOTH static inline struct fg_four read_b(const struct fg_gemm *g, uint32_t term, uint32_t column)
{
    struct fg_four x = {{0.0f, 0.0f, 0.0f, 0.0f}};
    if (column >= g->columns || term >= g->terms) {
        return x;
    }
    const float *p = g->b + term * g->bt + column * g->bn;
    if (g->four_b) {
        return four_at(p);
    }
    FG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        x.v[i] = term + i < g->terms ? p[i * g->bt] : 0.0f;
    }
    return x;
}

FG_BOTH static inline void find_rows(const struct fg_gemm *g, struct fg_mine *my, uint32_t l, uint32_t row)
{
    FG_UNROLL
    for (uint32_t i = 0; i < FG_GEMM_HIGH; i++) {
        for (uint32_t h = 0; h < 2; h++) {
            uint32_t r = row + i * FG_MMA_ROWS + h * 8 + l / 4;
            my->row[i][h] = r < g->m ? stop_at(&g->row, r).at : UINT32_MAX;
        }
    }
    my->next = stop_at(&g->term, l % 4 * 4);
}

/* 16 terms onto the tile. */
FG_BOTH static inline void add_terms(const struct fg_gemm *g, uint32_t mode, struct fg_mine *my,
                                     struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD], uint32_t row,
                                     uint32_t column, uint32_t first)
{
    struct fg_mma_a a[FG_GEMM_HIGH][FG_HELD];
    struct fg_mma_b b[FG_GEMM_WIDE][FG_HELD];
    for (uint32_t s = 0; s < FG_HELD; s++) {
        uint32_t l = FG_LANE(s), term = first + l % 4 * 4;
        FG_UNROLL
        for (uint32_t i = 0; i < FG_GEMM_HIGH; i++) {
            a[i][s] = pack_a(mode, read_a(g, &my[s], my[s].row[i][0], term),
                             read_a(g, &my[s], my[s].row[i][1], term));
        }
        FG_UNROLL
        for (uint32_t j = 0; j < FG_GEMM_WIDE; j++) {
            if (j < g->wide) {
                b[j][s] = pack_b(mode, read_b(g, term, column + j * FG_MMA_COLUMNS + l / 4));
            }
        }
        walk_on(&g->term, &my[s].next, FG_MMA_TERMS);
    }
    FG_UNROLL
    for (uint32_t i = 0; i < FG_GEMM_HIGH; i++) {
        FG_UNROLL
        for (uint32_t j = 0; j < FG_GEMM_WIDE; j++) {
            if (j < g->wide && column + j * FG_MMA_COLUMNS < g->n && row + i * FG_MMA_ROWS < g->m) {
                mma(mode, c[i][j], a[i], b[j]);
            }
        }
    }
}

/* Where outputs begin and how they end, as the flags of the operation say. */
struct fg_output {
    float *y;
    const float *old; /* what an update begins with, mostly y */
    const float *aux;
    uint32_t flags;
    float lr;
    uint8_t *signs; /* two columns a byte: of FG_OP_CONV written, of FG_OP_CONV_BACK read; NULL: neither */
};

/* Two outputs of a row, the first one in an even column, whose signs are kept or go by. */
FG_BOTH static inline void keep_signs(const struct fg_output *o, size_t at, float first, float second)
{
    o->signs[at / 2] = (uint8_t)((first > 0.0f ? 1 : 0) | (second > 0.0f ? 2 : 0));
}

FG_BOTH static inline float by_sign(const struct fg_output *o, size_t at, float sum)
{
    return (o->signs[at / 2] >> at % 2 & 1) != 0 ? sum : 0.0f;
}

FG_BOTH static inline float begin_one(const struct fg_output *o, size_t at, uint32_t column)
{
    return (o->flags & FG_OP_ONTO) != 0 ? o->y[at] : (o->flags & FG_OP_BIAS) != 0 ? o->aux[column] : 0.0f;
}

/* The outputs of a lane begin (`ends` 0) or end; pairs of neighbours lie on 8 bytes, n is a multiple of
 * 16. */
FG_BOTH static inline void at_outputs(uint32_t kind, const struct fg_gemm *g, const struct fg_output *o,
                                      struct fg_mma_c *c, uint32_t l, uint32_t row, uint32_t column, int ends)
{
    FG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t r = row + l / 4 + i / 2 * 8, k = column + l % 4 * 2 + i % 2;
        size_t at = (size_t)r * g->n + k;
        if (r >= g->m || k >= g->n) {
            c->v[i] = 0.0f;
        } else if (ends) {
            c->v[i] = (o->flags & FG_OP_UPDATE) != 0        ? fmaf(-o->lr, c->v[i], o->old[at])
                      : kind == FG_OP_CONV_BACK && o->signs ? by_sign(o, at, c->v[i])
                                                            : rectify(o->flags, c->v[i], o->aux, at);
            if (i % 2 == 1) {
                put_two(o->y + at - 1, c->v[i - 1], c->v[i]);
            }
            if (i % 2 == 1 && kind == FG_OP_CONV && o->signs) {
                keep_signs(o, at - 1, c->v[i - 1], c->v[i]);
            }
        } else {
            c->v[i] = begin_one(o, at, k);
        }
    }
}

FG_BOTH static inline void all_outputs(uint32_t kind, const struct fg_gemm *g, const struct fg_output *o,
                                       struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD], uint32_t row,
                                       uint32_t column, int ends)
{
    for (uint32_t s = 0; s < FG_HELD; s++) {
        FG_UNROLL
        for (uint32_t i = 0; i < FG_GEMM_HIGH; i++) {
            FG_UNROLL
            for (uint32_t j = 0; j < FG_GEMM_WIDE; j++) {
                if (j < g->wide) {
                    at_outputs(kind, g, o, &c[i][j][s], FG_LANE(s), row + i * FG_MMA_ROWS,
                               column + j * FG_MMA_COLUMNS, ends);
                }
            }
        }
    }
}

FG_BOTH static inline void gemm_tile(uint32_t kind, const struct fg_gemm *g, uint32_t mode,
                                     const struct fg_output *o, uint32_t row, uint32_t column)
{
    struct fg_mma_c c[FG_GEMM_HIGH][FG_GEMM_WIDE][FG_HELD];
    struct fg_mine my[FG_HELD];
    for (uint32_t s = 0; s < FG_HELD; s++) {
        find_rows(g, &my[s], FG_LANE(s), row);
    }
    all_outputs(kind, g, o, c, row, column, 0);
    for (uint32_t k = 0; k < g->terms; k += FG_MMA_TERMS) {
        add_terms(g, mode, my, c, row, column, k);
    }
    all_outputs(kind, g, o, c, row, column, 1);
}

/* ---- the operations ---- */

FG_BOTH static inline struct fg_walk over_corners(const struct fg_window *s)
{
    struct fg_walk w = {s->ow, s->oh, s->stride * s->cs, s->stride * s->w * s->cs, s->h * s->w * s->cs};
    return w;
}

FG_BOTH static inline struct fg_walk over_window(const struct fg_window *s)
{
    struct fg_walk w = {s->cin, s->k, 1, s->cs, s->w * s->cs};
    return w;
}

/* kind: one that FG_OP_MULTIPLIES. */
FG_BOTH static inline struct fg_gemm gemm_of(uint32_t kind, const struct fg_op *op, const struct fg_at *at)
{
    const struct fg_window *s = &op->win;
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w), *d = fg_at_ref(at, op->d);
    uint32_t rows = op->rows * at->n, pixels = at->n * s->oh * s->ow, taps = s->k * s->k * s->cin;
    struct fg_gemm g;
    g.a = kind == FG_OP_DENSE_DX ? d : x;
    g.b = kind == FG_OP_DENSE_DW || kind == FG_OP_CONV_DW ? d : w;
    g.n = FG_OP_CONVOLVES(kind) || kind == FG_OP_CONV_DW ? s->np : kind == FG_OP_DENSE_DX ? op->ldy : op->np;
    g.columns = kind == FG_OP_DENSE_DX ? op->in : g.n;
    g.bt = kind == FG_OP_DENSE_DX ? 1 : g.n;
    g.bn = kind == FG_OP_DENSE_DX ? op->np : 1;
    switch (kind) {
    case FG_OP_DENSE:
        g.m = rows, g.terms = op->in;
        g.row = straight(op->ldx), g.term = straight(1);
        break;
    case FG_OP_DENSE_DX:
        g.m = rows, g.terms = op->out;
        g.row = straight(op->np), g.term = straight(1);
        break;
    case FG_OP_DENSE_DW:
        g.m = op->in, g.terms = rows;
        g.row = straight(1), g.term = straight(op->ldx);
        break;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
        g.m = pixels, g.terms = taps;
        g.row = over_corners(s), g.term = over_window(s);
        break;
    default: /* FG_OP_CONV_DW */
        g.m = taps, g.terms = pixels;
        g.row = over_window(s), g.term = over_corners(s);
    }
    g.four_a = by_four(g.a, g.terms, &g.row, &g.term);
    g.four_b = g.bt == 1 && (g.terms | g.bn) % 4 == 0 && (uintptr_t)g.b % 16 == 0;
    uint32_t tiles = ((g.m - 1) / FG_WARP_ROWS + 1) * ((g.n - 1) / FG_WARP_COLUMNS + 1);
    g.wide = tiles < (uint32_t)FG_WARP_FEW ? FG_WARP_NARROW / FG_MMA_COLUMNS : FG_GEMM_WIDE;
    return g;
}

FG_BOTH static inline struct fg_output output_of(uint32_t kind, const struct fg_op *op,
                                                 const struct fg_at *at, float lr)
{
    struct fg_output o = {fg_at_own(at, op->y),
                          fg_at_ref(at, op->y),
                          fg_at_ref(at, op->aux),
                          kind == FG_OP_DENSE_DX ? op->flags & (uint32_t)FG_OP_MASK : op->flags,
                          lr,
                          NULL}; /* which has those of its weights */
    return o;
}

FG_BOTH static inline void op_gemm(uint32_t kind, uint32_t mode, const struct fg_op *op,
                                   const struct fg_at *at, float lr, size_t t, size_t nt)
{
    const struct fg_gemm g = gemm_of(kind, op, at);
    const struct fg_output o = output_of(kind, op, at, lr);
    const uint32_t wide = g.wide * FG_MMA_COLUMNS, across = (g.n - 1) / wide + 1;
    const uint32_t tiles = ((g.m - 1) / FG_WARP_ROWS + 1) * across;
    for (size_t e = t / FG_WARP; e < tiles; e += nt / FG_WARP) {
        gemm_tile(kind, &g, mode, &o, (uint32_t)e / across * FG_WARP_ROWS, (uint32_t)e % across * wide);
    }
}
