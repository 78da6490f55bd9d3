/* Dense weight gradients of small batches: sums of few terms, so a tile would spend its time on entering and
 * leaving. Here d of the whole batch stays in registers while the rows of w pass by once. Included by wide.c
 * only.
 */
enum {
    UPDATE_BATCH = 12,
    UPDATE_VECS = VL == 16 ? 2 : 1, /* d takes up to 24 of 32, or 12 of 16 registers */
    UPDATE_ROWS =
        VL == 16 ? 8 : 2 /* of w at a time where one vector is left, half of it where there are two */
};

struct update {
    const float *x; /* (batch, ldx) */
    size_t ldx;
    const float *d; /* (batch, np), from the first of the columns on */
    float *w;       /* (in, np), likewise */
    size_t in, np;
    int sgd; /* w = fma(a, sum, w) instead of w = sum */
    float a;
};

struct update_at {
    const float *x0, *x4, *x8; /* rows that share a pointer */
    float *w;
};

/* d of the whole batch, for vecs vectors of columns. */
static inline __attribute__((always_inline)) void
update_load(const struct update *u, V d[UPDATE_BATCH][UPDATE_VECS], int batch, int vecs)
{
    FG_UNROLL
    for (int b = 0; b < batch; b++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            d[b][v] = v_load(u->d + (size_t)b * u->np + v * VL);
        }
    }
}

/* `rows` rows of w side by side: as many independent chains of sums. All but u and at are constants where
 * this is inlined. */
static inline __attribute__((always_inline)) void update_rows(const struct update *u, struct update_at *at,
                                                              V d[UPDATE_BATCH][UPDATE_VECS], int batch,
                                                              int vecs, int rows)
{
    V s[UPDATE_ROWS][UPDATE_VECS], a = v_set(u->a);
    size_t ldx = u->ldx, np = u->np;
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            s[r][v] = v_set(0.0f);
        }
    }
    FG_UNROLL
    for (int b = 0; b < batch; b++) {
        const float *xb = (b < 4 ? at->x0 : b < 8 ? at->x4 : at->x8) + (size_t)(b % 4) * ldx;
        FG_UNROLL
        for (int r = 0; r < rows; r++) {
            V x = v_set(xb[r]);
            FG_UNROLL
            for (int v = 0; v < vecs; v++) {
                s[r][v] = v_fma(x, d[b][v], s[r][v]);
            }
        }
    }
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            float *w = at->w + (size_t)r * np + v * VL;
            v_store(w, u->sgd ? v_fma(a, s[r][v], v_load(w)) : s[r][v]);
        }
    }
    at->w += (size_t)rows * np;
    at->x0 += rows;
    at->x4 += rows;
    at->x8 += rows;
}

static inline __attribute__((always_inline)) void update_run(const struct update *u, int batch, int vecs)
{
    V d[UPDATE_BATCH][UPDATE_VECS];
    int rows = vecs > 1 ? UPDATE_ROWS / 2 : UPDATE_ROWS;
    size_t ldx = u->ldx, i = u->in;
    update_load(u, d, batch, vecs);
    struct update_at at = {u->x, batch > 4 ? u->x + 4 * ldx : u->x, batch > 8 ? u->x + 8 * ldx : u->x, u->w};
    for (; i >= (size_t)rows; i -= (size_t)rows) {
        update_rows(u, &at, d, batch, vecs, rows);
    }
    for (; i > 0; i--) {
        update_rows(u, &at, d, batch, vecs, 1);
    }
}

typedef void (*update_function)(const struct update *u);

#define UPDATE_DEFINE(B)                               \
    static void update_##B##_1(const struct update *u) \
    {                                                  \
        update_run(u, B, 1);                           \
    }                                                  \
    static void update_##B##_2(const struct update *u) \
    {                                                  \
        update_run(u, B, UPDATE_VECS);                 \
    }
#define UPDATE_ENTRY(B) {update_##B##_1, update_##B##_2},
#define UPDATE_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
UPDATE_LIST(UPDATE_DEFINE)
static const update_function UPDATES[UPDATE_BATCH][2] = {
    UPDATE_LIST(UPDATE_ENTRY)}; /* batch - 1, wide or not */

static void update_small_batch(struct update u, size_t batch)
{
    enum {
        LARGE = 1 << 18,
        BLOCK = 16
    }; /* floats that no second-level cache holds; rows to walk in step then */
    struct update part = u;
    size_t block = u.in * u.np > LARGE ? BLOCK : u.in;
    for (size_t i = 0; i < u.in; i += block) {
        part.in = u.in - i < block ? u.in - i : block;
        part.x = u.x + i;
        for (size_t j = 0, vecs; j < u.np; j += vecs * VL) {
            vecs = u.np - j >= UPDATE_VECS * VL ? UPDATE_VECS : 1;
            part.d = u.d + j;
            part.w = u.w + i * u.np + j;
            UPDATES[batch - 1][vecs == UPDATE_VECS](&part);
        }
    }
}
