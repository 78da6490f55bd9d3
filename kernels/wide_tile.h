/* The register tile that dense and convolution layers are made of. Included by wide.c only.
 *
 * A tile is R rows x (1 or 2) vectors of outputs kept in registers while k runs:
 *     y[r, v] = start[r, v], or 0; for k ascending: y[r, v] = fma(x[r, k], w[k, v], y[r, v])
 * x is read one float at a time (broadcast), at x + r * xr + an offset that three nested loops over k walk;
 * w is read one row of the tile's width at a time, ldw floats apart. Lanes are outputs, so the order of each
 * sum is the order of k. Rows are samples (dense), pixels (conv) or input channels (weight gradients).
 */

struct tile {
    const float *x;
    size_t xr;                     /* floats from row to row of x */
    size_t n1, x1, n2, x2, n3, x3; /* loops over k, outermost first: count, floats from one to the next */
    const float *w;
    size_t ldw;
    ptrdiff_t w1, w2; /* added to w's walk at the end of each turn of the outer and the middle loop over k */
    const float *start; /* what the sums begin with; NULL: 0 */
    size_t lds;         /* floats from row to row of start; 0: the same for all */
    int sgd;            /* y = fma(a, sum, y) instead of y = sum */
    float a;
    float *y;
    size_t ldy;
    const char *walk; /* what the walk_ functions ask for, `pace` bytes further at each k */
    size_t pace;
    float *copy; /* where the pack_ functions leave w's rows side by side */
};

static inline __attribute__((always_inline)) void tile_begin(const struct tile *t, V acc[TILE_ROWS][2],
                                                             int rows, int vecs)
{
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            acc[r][v] = v_set(0.0f);
        }
    }
    if (t->start == NULL) {
        return;
    }
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            acc[r][v] = v_load(t->start + (size_t)r * t->lds + v * VL);
        }
    }
}

static inline __attribute__((always_inline)) void tile_end(const struct tile *t, V acc[TILE_ROWS][2],
                                                           int rows, int vecs)
{
    float *y = t->y;
    V a = v_set(t->a);
    if (t->sgd) {
        FG_UNROLL
        for (int r = 0; r < rows; r++) {
            FG_UNROLL
            for (int v = 0; v < vecs; v++) {
                acc[r][v] = v_fma(a, acc[r][v], v_load(y + (size_t)r * t->ldy + v * VL));
            }
        }
    }
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            v_store(y + (size_t)r * t->ldy + v * VL, acc[r][v]);
        }
    }
}

/* How many rows of w to prefetch ahead. Those that lie whole pages of 4 KB apart share one set of the
 * first-level cache, which holds 8 or 12 lines: with more, each prefetch drops the line needed next. */
enum { TILE_PAGE = 1024, AHEAD = 12, AHEAD_OF_PAGES = 6 };

/* What else is done with w: nothing; its rows are left side by side; what t->walk says is asked for. */
enum tile_way { TILE_PLAIN, TILE_PACK, TILE_WALK };

/* rows, vecs, unit (t->xr == 1) and way are constants where this is inlined. */
static inline __attribute__((always_inline)) void tile_run(const struct tile *t, int rows, int vecs, int unit,
                                                           enum tile_way way)
{
    enum { GROUP = 4 }; /* rows that share a pointer */
    V acc[TILE_ROWS][2];
    tile_begin(t, acc, rows, vecs);
    for (int r = 0; r < rows && t->sgd; r++) { /* y is read at the end */
        fg_prefetch(t->y + (size_t)r * t->ldy, 0, (size_t)vecs * VL * sizeof *t->y);
    }
    const float *w = t->w;
    float *copy = t->copy;
    const char *walk = t->walk;
    size_t xr = unit ? 1 : t->xr, ldw = t->ldw, x3 = t->x3;
    size_t ahead = (ldw % TILE_PAGE == 0 ? AHEAD_OF_PAGES : AHEAD) * ldw * sizeof *w;
    for (size_t k1 = 0; k1 < t->n1; k1++) {
        for (size_t k2 = 0; k2 < t->n2; k2++) {
            const float *x0 = t->x + k1 * t->x1 + k2 * t->x2, *x4 = x0, *x8 = x0, *x12 = x0;
            if (!unit) {
                x4 += GROUP * xr;
                x8 += 2 * GROUP * xr;
                x12 += 3 * GROUP * xr;
            }
            for (size_t k3 = t->n3; k3 > 0; k3--) {
                V w0 = v_load(w), w1 = vecs > 1 ? v_load(w + VL) : w0;
                if (way == TILE_WALK) {
                    __builtin_prefetch(walk);
                    walk += t->pace;
                }
                if (way == TILE_PACK && unit) { /* the panel packed next */
                    fg_prefetch_second(w, 2 * VL * sizeof *w, 2 * VL * sizeof *w);
                }
                if (vecs > 1 && (!unit || way == TILE_PACK)) { /* gradients are read from front to back */
                    fg_prefetch(w, ahead, 2 * VL * sizeof *w);
                }
                if (way == TILE_PACK) {
                    v_store(copy, w0);
                    v_store(copy + VL, w1);
                    copy += 2 * VL;
                }
                FG_UNROLL
                for (int r = 0; r < rows; r++) {
                    const float *xg = unit || r < 4 ? x0 : r < 8 ? x4 : r < 12 ? x8 : x12;
                    V x = v_set(xg[unit ? (size_t)r : (size_t)(r % GROUP) * xr]);
                    acc[r][0] = v_fma(x, w0, acc[r][0]);
                    if (vecs > 1) {
                        acc[r][1] = v_fma(x, w1, acc[r][1]);
                    }
                }
                w += ldw;
                x0 += x3;
                x4 += x3;
                x8 += x3;
                x12 += x3;
            }
            w += t->w2;
        }
        w += t->w1;
    }
    tile_end(t, acc, rows, vecs);
}

typedef void (*tile_function)(const struct tile *t);

#define TILE_DEFINE(R)                                  \
    static void tile_##R##_1(const struct tile *t)      \
    {                                                   \
        tile_run(t, R, 1, 0, TILE_PLAIN);               \
    }                                                   \
    static void tile_##R##_2(const struct tile *t)      \
    {                                                   \
        tile_run(t, R, 2, 0, TILE_PLAIN);               \
    }                                                   \
    static void tile_##R##_1_unit(const struct tile *t) \
    {                                                   \
        tile_run(t, R, 1, 1, TILE_PLAIN);               \
    }                                                   \
    static void tile_##R##_2_unit(const struct tile *t) \
    {                                                   \
        tile_run(t, R, 2, 1, TILE_PLAIN);               \
    }                                                   \
    static void pack_##R(const struct tile *t)          \
    {                                                   \
        tile_run(t, R, 2, 0, TILE_PACK);                \
    }                                                   \
    static void pack_##R##_unit(const struct tile *t)   \
    {                                                   \
        tile_run(t, R, 2, 1, TILE_PACK);                \
    }                                                   \
    static void walk_##R(const struct tile *t)          \
    {                                                   \
        tile_run(t, R, 2, 0, TILE_WALK);                \
    }
#define TILE_ENTRY(R) {{tile_##R##_1, tile_##R##_2}, {tile_##R##_1_unit, tile_##R##_2_unit}},
#define PACK_ENTRY(R) {pack_##R, pack_##R##_unit},
#define WALK_ENTRY(R) walk_##R,

#ifdef FG_WIDE_AVX512
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#else
#define TILE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
TILE_LIST(TILE_DEFINE)
static const tile_function TILES[TILE_ROWS][2][2] = {TILE_LIST(TILE_ENTRY)}; /* rows - 1, unit, vecs - 1 */
static const tile_function PACKS[TILE_ROWS][2] = {TILE_LIST(PACK_ENTRY)};    /* rows - 1, unit */
static const tile_function WALKS[TILE_ROWS] = {TILE_LIST(WALK_ENTRY)};       /* rows - 1 */

/* As few blocks as there can be, of nearly equal size; rows of the next one where `rows` are left. */
static size_t tile_blocks(size_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

static size_t tile_next(size_t rows)
{
    size_t blocks = tile_blocks(rows);
    return blocks > 1 ? (rows + blocks - 1) / blocks : rows;
}

static void tile_move(struct tile *t, size_t rows)
{
    t->x += rows * t->xr;
    t->y += rows * t->ldy;
    t->start = t->start != NULL ? t->start + rows * t->lds : NULL;
}

/* Run a tile over `rows` rows of any number, in blocks of nearly equal size, `vecs` vectors wide. Moves t->x,
 * t->y and t->start past the rows. It is changed in place:
 * a copy would be read before its stores can forward. */
static void tile_rows(struct tile *t, size_t rows, size_t vecs)
{
    int unit = t->xr == 1;
    for (size_t r; rows > 0; rows -= r) {
        r = tile_next(rows);
        TILES[r - 1][unit][vecs - 1](t);
        tile_move(t, r);
    }
}

/* The same, two vectors wide; the first block leaves w's n3 rows at t->copy side by side, and the others read
 * them there (n1 = n2 = 1). */
static void tile_rows_packing(struct tile *t, size_t rows)
{
    size_t r = tile_next(rows);
    PACKS[r - 1][t->xr == 1](t);
    tile_move(t, r);
    t->w = t->copy;
    t->ldw = 2 * VL;
    tile_rows(t, rows - r, 2);
}

/* Vectors of the next block of columns: 2, or 1 if only one is left. */
static size_t tile_vecs(size_t columns_left)
{
    return columns_left >= 2 * VL ? 2 : 1;
}
