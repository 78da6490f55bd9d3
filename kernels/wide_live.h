/* Dense layers on small batches whose samples are zero in the same places, as pictures with a border are:
 * inputs that are zero in all of the batch, dead ones, are passed over, and the bits stay those of all terms.
 * Included by wide.c only.
 *
 * Forward, a dead input adds w * 0. If its weights are finite that is a zero, which changes a sum only where
 * it is -0 and the zero +0. A sum of the live terms that ends as anything but -0 is therefore the one of all
 * terms; where one ends as -0, or a dead input's weight is not finite, nothing is passed over.
 *
 * The weight gradient of a dead input is a sum of zeros that begins with +0, so it is +0 if d is finite, and
 * a step with a < 0 (or a = -0) adds -0 to the weight: that is the weight.
 */
enum {
    LIVE_BATCH = UPDATE_BATCH,
    LIVE_INPUTS = FG_LIVE_INPUTS,
    LIVE_LOOK = 64,        /* inputs looked at first: where none of them is dead, few others are */
    LIVE_FLOATS = 1 << 18, /* of w, at most: larger ones are walked in other ways */
    LIVE_AHEAD = 12        /* rows of w to prefetch ahead */
};

static const unsigned ALL_LANES = (unsigned)((UINT64_C(1) << VL) - 1);

/* The lanes of each of four vectors of inputs, from x on, that are zero in all of the batch, as bits. */
static inline __attribute__((always_inline)) void dead_lanes(const float *x, size_t ldx, size_t batch,
                                                             unsigned dead[4])
{
    VI any[4];
    FG_UNROLL
    for (int v = 0; v < 4; v++) {
        any[v] = v_bits(v_load(x + v * VL));
    }
    for (size_t b = 1; b < batch; b++) {
        x += ldx;
        FG_UNROLL
        for (int v = 0; v < 4; v++) {
            any[v] = vi_or(any[v], v_bits(v_load(x + v * VL)));
        }
    }
    FG_UNROLL
    for (int v = 0; v < 4; v++) {
        dead[v] = v_mask_bits(vi_equal(vi_shl1(any[v]), vi_set(0))); /* without the sign */
    }
}

/* False where it would not pay to know. */
static inline __attribute__((always_inline)) int live_find(struct fg_live_inputs *l, const float *x,
                                                           size_t ldx, size_t batch, size_t in, size_t np)
{
    static const uint32_t first[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    size_t live = 0, off = 0; /* not in *l, which the stores below might change */
    l->n = l->dead = 0;
    if (batch > LIVE_BATCH || in < 2 * LIVE_LOOK || in > LIVE_INPUTS || in * np > LIVE_FLOATS) {
        return 0;
    }
    VI number = vi_load(first);
    size_t i = 0;
    for (; i + 4 * VL <= in && (i != LIVE_LOOK || off > 0); i += 4 * VL) {
        unsigned dead[4];
        dead_lanes(x + i, ldx, batch, dead);
        for (int v = 0; v < 4; v++, number = vi_add(number, vi_set(VL))) {
            size_t n = (size_t)__builtin_popcount(dead[v]);
            vi_store_some(l->off + off, v_mask_of(dead[v]), number);
            vi_store_some(l->at + live, v_mask_of(ALL_LANES & ~dead[v]), number);
            off += n;
            live += VL - n;
        }
    }
    if (off * 8 < in) {
        return 0;
    }
    for (; i < in; i++) {
        l->at[live++] = (uint32_t)i;
    }
    l->n = live;
    l->dead = off;
    return 1;
}

static int all_finite(const float *m, size_t n)
{
    V zero = v_set(0.0f), s = zero;
    for (size_t i = 0; i < n; i += VL) {
        s = v_fma(v_load(m + i), zero, s); /* infinity and nan give nan, which stays */
    }
    return v_mask_bits(v_equal(s, s)) == ALL_LANES;
}

/* Lines of what comes after the batch, one every few inputs. */
struct live_ask {
    const void *const *next, *const *end;
    size_t due, every;
};

/* So that a share 1 / `parts` of what is left is asked for in one pass. */
static inline __attribute__((always_inline)) struct live_ask live_ask_begin(const struct fg_live_inputs *l,
                                                                            size_t parts)
{
    size_t left = l->lines - l->asked, each = left > 0 ? l->n * parts / left : 0;
    return (struct live_ask){l->line + l->asked, l->line + l->lines, 0, each > 0 ? each : 1};
}

static inline __attribute__((always_inline)) void live_ask(struct live_ask *a, size_t k)
{
    if (k == a->due) {
        a->due += a->every;
        if (a->next < a->end) {
            __builtin_prefetch(*a->next++);
        }
    }
}

/* One live input, whose weights begin at w. */
static inline __attribute__((always_inline)) void
live_term(const float *x, size_t xr, const float *w, size_t ldw, V acc[TILE_ROWS][2], int rows, int vecs)
{
    const float *x4 = x + 4 * xr, *x8 = x + 8 * xr, *x12 = x + 12 * xr;
    V w0 = v_load(w), w1 = vecs > 1 ? v_load(w + VL) : w0;
    fg_prefetch(w, LIVE_AHEAD * ldw * sizeof *w, (size_t)vecs * VL * sizeof *w);
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        V xr_ = v_set((r < 4 ? x : r < 8 ? x4 : r < 12 ? x8 : x12)[(size_t)(r % 4) * xr]);
        acc[r][0] = v_fma(xr_, w0, acc[r][0]);
        if (vecs > 1) {
            acc[r][1] = v_fma(xr_, w1, acc[r][1]);
        }
    }
}

/* Infinity and nan in the weights of a dead input give nan, which stays. */
static inline __attribute__((always_inline)) void dead_term(const float *w, V check[2], int vecs)
{
    FG_UNROLL
    for (int v = 0; v < vecs; v++) {
        check[v] = v_fma(v_load(w + v * VL), v_set(0.0f), check[v]);
    }
}

/* As tile_run(), over the live inputs; returns lanes where a sum is -0 or a dead input's weight is not
 * finite. rows and vecs are constants where this is inlined. */
static inline __attribute__((always_inline)) unsigned live_run(const struct tile *t, struct fg_live_inputs *l,
                                                               int rows, int vecs)
{
    V acc[TILE_ROWS][2], zero = v_set(0.0f), check[2] = {zero, zero};
    const float *x = t->x, *w = t->w;
    size_t xr = t->xr, ldw = t->ldw, n = l->n, dead = l->dead, k = 0;
    struct live_ask ask = live_ask_begin(l, 2);
    tile_begin(t, acc, rows, vecs);
    for (; k < n && k < dead; k++) { /* beside each other: the dead ones mostly wait for the second cache */
        live_ask(&ask, k);
        dead_term(w + l->off[k] * ldw, check, vecs);
        live_term(x + l->at[k], xr, w + l->at[k] * ldw, ldw, acc, rows, vecs);
    }
    for (; k < n; k++) {
        live_ask(&ask, k);
        live_term(x + l->at[k], xr, w + l->at[k] * ldw, ldw, acc, rows, vecs);
    }
    for (; k < dead; k++) {
        dead_term(w + l->off[k] * ldw, check, vecs);
    }
    tile_end(t, acc, rows, vecs);
    l->asked = (size_t)(ask.next - l->line);
    unsigned bad = 0;
    FG_UNROLL
    for (int v = 0; v < vecs; v++) {
        bad |= ALL_LANES & ~v_mask_bits(v_equal(check[v], check[v]));
        FG_UNROLL
        for (int r = 0; r < rows; r++) {
            bad |= v_mask_bits(vi_equal(v_bits(acc[r][v]), vi_set(UINT32_C(1) << 31)));
        }
    }
    return bad;
}

typedef unsigned (*live_function)(const struct tile *t, struct fg_live_inputs *l);

#define LIVE_DEFINE(R)                                                           \
    static unsigned live_##R##_1(const struct tile *t, struct fg_live_inputs *l) \
    {                                                                            \
        return live_run(t, l, R, 1);                                             \
    }                                                                            \
    static unsigned live_##R##_2(const struct tile *t, struct fg_live_inputs *l) \
    {                                                                            \
        return live_run(t, l, R, 2);                                             \
    }
#define LIVE_ENTRY(R) {live_##R##_1, live_##R##_2},
TILE_LIST(LIVE_DEFINE)
static const live_function LIVES[TILE_ROWS][2] = {TILE_LIST(LIVE_ENTRY)}; /* rows - 1, vecs - 1 */

/* y = bias + x w; false: it is to be done with all terms. */
static int live_forward(const float *x, size_t ldx, const float *w, const float *bias, float *y, size_t batch,
                        size_t in, size_t np, struct fg_live_inputs *l)
{
    if (!live_find(l, x, ldx, batch, in, np)) {
        return 0;
    }
    size_t rows = 0, blocks = (batch + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t j = 0, vecs; j < np; j += vecs * VL) {
        vecs = tile_vecs(np - j);
        for (size_t b = 0, left = blocks; b < batch; b += rows, left--) {
            rows = (batch - b + left - 1) / left;
            struct tile t = {.x = x + b * ldx, .xr = ldx, .w = w + j, .ldw = np, .ldy = np};
            t.start = bias != NULL ? bias + j : NULL;
            t.y = y + b * np + j;
            if (LIVES[rows - 1][vecs - 1](&t, l) != 0) {
                return 0;
            }
        }
    }
    return 1;
}

static inline __attribute__((always_inline)) void live_step(const struct update *u, struct fg_live_inputs *l,
                                                            int batch, int vecs)
{
    V d[UPDATE_BATCH][UPDATE_VECS], a = v_set(u->a);
    const float *x = u->x;
    float *first = u->w;
    size_t ldx = u->ldx, np = u->np;
    struct live_ask ask = live_ask_begin(l, 1);
    update_load(u, d, batch, vecs);
    for (size_t k = 0, n = l->n; k < n; k++) {
        const float *x0 = x + l->at[n - 1 - k], *x4 = x0 + 4 * ldx, *x8 = x0 + 8 * ldx;
        float *w = first + l->at[n - 1 - k] * np;
        V s[UPDATE_VECS];
        live_ask(&ask, k);
        fg_prefetch(w, (size_t)0 - LIVE_AHEAD * np * sizeof *w, (size_t)vecs * VL * sizeof *w);
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            s[v] = v_set(0.0f);
        }
        FG_UNROLL
        for (int b = 0; b < batch; b++) {
            V xb = v_set((b < 4 ? x0 : b < 8 ? x4 : x8)[(size_t)(b % 4) * ldx]);
            FG_UNROLL
            for (int v = 0; v < vecs; v++) {
                s[v] = v_fma(xb, d[b][v], s[v]);
            }
        }
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            v_store(w + v * VL, v_fma(a, s[v], v_load(w + v * VL)));
        }
    }
    l->asked = (size_t)(ask.next - l->line);
}

typedef void (*live_step_function)(const struct update *u, struct fg_live_inputs *l);

#define LIVE_STEP_DEFINE(B)                                                         \
    static void live_step_##B##_1(const struct update *u, struct fg_live_inputs *l) \
    {                                                                               \
        live_step(u, l, B, 1);                                                      \
    }                                                                               \
    static void live_step_##B##_2(const struct update *u, struct fg_live_inputs *l) \
    {                                                                               \
        live_step(u, l, B, UPDATE_VECS);                                            \
    }
#define LIVE_STEP_ENTRY(B) {live_step_##B##_1, live_step_##B##_2},
UPDATE_LIST(LIVE_STEP_DEFINE)
static const live_step_function LIVE_STEPS[UPDATE_BATCH][2] = {
    UPDATE_LIST(LIVE_STEP_ENTRY)}; /* batch - 1, wide or not */

/* w = fma(a, dw, w) over the live inputs that were found; false: it is to be done with all terms. */
static int live_sgd(struct update u, size_t batch, struct fg_live_inputs *l)
{
    if (l->n == 0 || !signbit(u.a) || !isfinite(u.a) || !all_finite(u.d, batch * u.np)) {
        return 0;
    }
    for (size_t j = 0, vecs; j < u.np; j += vecs * VL, u.d += vecs * VL, u.w += vecs * VL) {
        vecs = u.np - j >= UPDATE_VECS * VL ? UPDATE_VECS : 1;
        LIVE_STEPS[batch - 1][vecs == UPDATE_VECS](&u, l);
    }
    return 1;
}
