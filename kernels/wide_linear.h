/* Wide dense and convolution layers: loops over register tiles. Included by wide.c only. */

/* Weights that no second-level cache holds (floats), and how many of their rows are then walked in step, so
 * that the memory is read as that many streams from front to back. */
enum { LARGE = 1 << 18, STREAMS = 64 };

enum {
    PANEL = 256, /* rows: 32 KB at most */
    PANELS = 4,  /* side by side, for the second-level cache */
    PANEL_FLOATS = PANEL * 2 * VL,
    PANELS_WIDE = PANELS * 2 * VL /* columns */
};

/* Whether packing pays for panels of a matrix with rows of np floats that are used by so many rows of the
 * other: rows a multiple of 1 KB apart meet in a sixteenth of the first-level cache's sets or less. */
static int pack_pays(size_t np, size_t uses)
{
    return np % 256 == 0 && uses >= 4 * TILE_ROWS;
}

/* Panels of w are packed by their first use and used by all rows of x, a few rows by all panels so that they
 * stay, too. */
static void dense_run_packed(const float *x, size_t ldx, const float *w, const float *start, size_t lds,
                             float *y, size_t batch, size_t in, size_t np)
{
    _Alignas(64) float panel[PANELS][PANEL_FLOATS];
    for (size_t j = 0; j < np; j += PANELS_WIDE) {
        for (size_t i = 0; i < in; i += PANEL) {
            struct tile t = {.xr = ldx, .n1 = 1, .n2 = 1, .x3 = 1, .ldy = np};
            t.n3 = in - i < PANEL ? in - i : PANEL;
            t.lds = i > 0 ? np : lds;
            for (size_t b = 0, rows; b < batch; b += rows) {
                rows = tile_next(batch - b);
                for (size_t p = 0; p < PANELS; p++) {
                    size_t at = j + p * 2 * VL;
                    t.x = x + b * ldx + i;
                    t.copy = panel[p];
                    t.w = b == 0 ? w + i * np + at : t.copy;
                    t.ldw = b == 0 ? np : 2 * VL;
                    t.y = y + b * np + at;
                    t.start = i > 0 ? t.y : start != NULL ? start + b * lds + at : NULL;
                    (b == 0 ? PACKS[rows - 1][0] : TILES[rows - 1][0][1])(&t);
                }
            }
        }
    }
}

static void dense_run(const float *x, size_t ldx, const float *w, const float *start, size_t lds, float *y,
                      size_t batch, size_t in, size_t np)
{
    if (pack_pays(np, batch)) {
        dense_run_packed(x, ldx, w, start, lds, y, batch, in, np);
        return;
    }
    size_t step = in * np > LARGE && batch <= TILE_ROWS ? STREAMS : in;
    for (size_t i = 0; i < in; i += step) {
        struct tile t = {.xr = ldx, .n1 = 1, .n2 = 1, .x3 = 1, .ldw = np, .ldy = np};
        t.n3 = in - i < step ? in - i : step;
        t.lds = i > 0 ? np : lds;
        for (size_t j = 0, vecs; j < np; j += vecs * VL) {
            vecs = tile_vecs(np - j);
            t.x = x + i;
            t.w = w + i * np + j;
            t.y = y + j;
            t.start = i > 0 ? t.y : start != NULL ? start + j : NULL;
            tile_rows(&t, batch, vecs);
        }
    }
}

static void dense_forward_live(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                               size_t batch, size_t in, size_t np, struct fg_live_inputs *live)
{
    if (!live_forward(x, ldx, w, bias, y, batch, in, np, live)) {
        dense_run(x, ldx, w, bias, 0, y, batch, in, np);
    }
}

static void dense_forward(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                          size_t batch, size_t in, size_t np)
{
    struct fg_live_inputs live;
    live.lines = live.asked = 0;
    dense_forward_live(x, ldx, w, bias, y, batch, in, np, &live);
}

static void dense_accumulate(const float *x, size_t ldx, const float *w, float *y, size_t batch, size_t in,
                             size_t np)
{
    dense_run(x, ldx, w, y, np, y, batch, in, np);
}

/* Panels of all rows, one after another: a narrow one at the end. */
static void dense_accumulate_kept(const float *x, size_t ldx, const float *w, float *y, size_t batch,
                                  size_t in, size_t np, float *kept, int first)
{
    for (size_t j = 0, vecs; j < np; j += vecs * VL) {
        vecs = tile_vecs(np - j);
        struct tile t = {.x = x, .xr = ldx, .n1 = 1, .n2 = 1, .n3 = in, .x3 = 1, .lds = np, .ldy = np};
        t.copy = kept + in * j;
        t.w = first || vecs < 2 ? w + j : t.copy;
        t.ldw = first || vecs < 2 ? np : 2 * VL;
        t.start = t.y = y + j;
        (first && vecs == 2 ? tile_rows_packing(&t, batch) : tile_rows(&t, batch, vecs));
    }
}

/* Rows and columns of transposed panels, 256 KB at most, which are read from front to back from the
 * second-level cache. Rows of d that lie whole pages apart share one set of the first-level cache, which
 * panels need. */
enum { FLIPPED = 1024, FLIPPED_WIDE = 2 * 2 * VL, ROWS_OF_PAGES = 8 };

/* panel[j][i] = w[i][j] for i < width (a multiple of VL; rows past `rows` read as 0), j < columns. */
static void transpose_panel(const float *w, size_t np, size_t rows, size_t width, size_t columns,
                            float *panel)
{
    for (size_t i = 0; i < width; i += VL) {
        for (size_t j = 0; j < columns; j += VL) {
            V v[VL];
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                v[r] = i + r < rows ? v_load(w + (i + r) * np + j) : v_set(0.0f);
            }
            v_transpose(v);
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                v_store(panel + (j + r) * width + i, v[r]);
            }
        }
    }
}

static void dense_backward_input(const float *d, const float *w, float *dx, size_t lddx, size_t batch,
                                 size_t in, size_t np, size_t n)
{
    if (batch <= BACKWARD_BATCH && batch > 0) {
        struct backward u = {.d = d, .w = w, .dx = dx, .in = in, .np = np, .n = n, .lddx = lddx};
        BACKWARDS[batch - 1](&u);
        return;
    }
    _Alignas(64) float panel[FLIPPED_WIDE / (2 * VL)][FLIPPED * 2 * VL];
    size_t at_once = np % TILE_PAGE == 0 ? ROWS_OF_PAGES : batch, all = fg_kernel_pad(in);
    for (size_t i = 0; i < all; i += FLIPPED_WIDE) {
        size_t width = all - i < FLIPPED_WIDE ? all - i : FLIPPED_WIDE;
        for (size_t j = 0; j < n; j += FLIPPED) {
            size_t columns = n - j < FLIPPED ? n - j : FLIPPED;
            for (size_t p = 0; p < width; p += 2 * VL) {
                size_t vecs = tile_vecs(width - p), left = in > i + p ? in - i - p : 0;
                transpose_panel(w + (i + p) * np + j, np, left < vecs * VL ? left : vecs * VL, vecs * VL,
                                columns, panel[p / (2 * VL)]);
            }
            for (size_t b = 0; b < batch; b += at_once) {
                for (size_t p = 0; p < width; p += 2 * VL) {
                    size_t vecs = tile_vecs(width - p);
                    struct tile t = {.x = d + b * np + j, .xr = np, .n1 = 1, .n2 = 1, .n3 = columns, .x3 = 1};
                    t.w = panel[p / (2 * VL)];
                    t.ldw = vecs * VL;
                    t.y = dx + b * lddx + i + p;
                    t.ldy = t.lds = lddx;
                    t.start = j > 0 ? t.y : NULL;
                    tile_rows(&t, batch - b < at_once ? batch - b : at_once, vecs);
                }
            }
        }
    }
}

/* Panels of all inputs, one after another: a narrow one at the end. Every other one walks through soon[0],
 * the others through soon[1], a little further at each turn of the loop over k. */
static void dense_backward_kept(const float *d, const float *w, float *dx, size_t batch, size_t in, size_t np,
                                float *kept, int first, const struct fg_soon soon[2])
{
    size_t all = fg_kernel_pad(in), turns = (all / (4 * VL) + 1) * tile_blocks(batch) * np, which = 0;
    const char *walk[2] = {soon[0].from, soon[1].from};
    for (size_t i = 0, vecs; i < all; i += vecs * VL, which = 1 - which) {
        vecs = tile_vecs(all - i);
        struct tile t = {.x = d, .xr = np, .n1 = 1, .n2 = 1, .n3 = np, .x3 = 1, .sgd = 1, .a = 1.0f};
        size_t left = in > i ? in - i : 0;
        if (first) {
            transpose_panel(w + i * np, np, left < vecs * VL ? left : vecs * VL, vecs * VL, np,
                            kept + np * i);
        }
        t.w = kept + np * i;
        t.ldw = vecs * VL;
        t.y = dx + i;
        t.ldy = all;
        t.pace = soon[which].bytes / turns + 1;
        for (size_t b = 0, rows; b < batch; b += rows, walk[which] += t.pace * np) {
            rows = tile_next(batch - b);
            t.walk = walk[which];
            (vecs == 2 ? WALKS[rows - 1] : TILES[rows - 1][0][0])(&t);
            tile_move(&t, rows);
        }
    }
}

/* Panels of d are packed, and the sums of some inputs stay in a block while panels pass. */
static void dense_weights_packed(const float *x, size_t ldx, const float *d, int sgd, float a, float *w,
                                 size_t batch, size_t in, size_t np)
{
    enum { INPUTS = 20 * TILE_ROWS, SAMPLES = 2 * PANEL };
    _Alignas(64) float panel[SAMPLES * 2 * VL], sum[PANELS][INPUTS * 2 * VL];
    size_t parts = (batch + SAMPLES - 1) / SAMPLES, step = (batch + parts - 1) / parts;
    for (size_t i = 0; i < in; i += INPUTS) {
        size_t rows = in - i < INPUTS ? in - i : INPUTS;
        for (size_t j = 0; j < np; j += PANELS_WIDE) {
            for (size_t b = 0; b < batch; b += step) {
                struct tile t = {.xr = 1, .n1 = 1, .n2 = 1, .x3 = ldx, .a = a, .copy = panel};
                int last = b + step >= batch;
                t.n3 = last ? batch - b : step;
                t.lds = 2 * VL;
                t.ldy = last ? np : 2 * VL;
                t.sgd = sgd && last;
                for (size_t p = 0; p < PANELS; p++) {
                    t.x = x + b * ldx + i;
                    t.w = d + b * np + j + p * 2 * VL;
                    t.ldw = np;
                    t.start = b > 0 ? sum[p] : NULL;
                    t.y = last ? w + i * np + j + p * 2 * VL : sum[p];
                    tile_rows_packing(&t, rows);
                }
            }
        }
    }
}

/* Rows are inputs, k runs over the batch; inputs outermost, so that w is walked once from front to back. */
static void dense_weights(const float *x, size_t ldx, const float *d, int sgd, float a, float *w,
                          size_t batch, size_t in, size_t np)
{
    if (batch <= UPDATE_BATCH && batch > 0) {
        struct update u = {.x = x, .ldx = ldx, .d = d, .w = w, .in = in, .np = np, .sgd = sgd, .a = a};
        update_small_batch(u, batch);
        return;
    }
    if (pack_pays(np, in)) {
        dense_weights_packed(x, ldx, d, sgd, a, w, batch, in, np);
        return;
    }
    struct tile t = {
        .xr = 1, .n1 = 1, .n2 = 1, .n3 = batch, .x3 = ldx, .ldw = np, .sgd = sgd, .a = a, .ldy = np};
    for (size_t i = 0; i < in; i += TILE_ROWS) {
        size_t rows = in - i < TILE_ROWS ? in - i : TILE_ROWS;
        for (size_t j = 0, vecs; j < np; j += vecs * VL) {
            vecs = tile_vecs(np - j);
            t.x = x + i;
            t.w = d + j;
            t.y = w + i * np + j;
            TILES[rows - 1][1][vecs - 1](&t);
        }
    }
}

static void dense_backward_weights(const float *x, size_t ldx, const float *d, float *dw, size_t batch,
                                   size_t in, size_t np)
{
    dense_weights(x, ldx, d, 0, 0.0f, dw, batch, in, np);
}

static void dense_sgd_live(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch,
                           size_t in, size_t np, struct fg_live_inputs *live)
{
    struct update u = {.x = x, .ldx = ldx, .d = d, .w = w, .in = in, .np = np, .sgd = 1, .a = a};
    if (!live_sgd(u, batch, live)) {
        dense_weights(x, ldx, d, 1, a, w, batch, in, np);
    }
}

static void dense_sgd(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch, size_t in,
                      size_t np)
{
    struct fg_live_inputs live;
    live.lines = live.asked = 0;
    (void)live_find(&live, x, ldx, batch, in, np);
    dense_sgd_live(x, ldx, d, a, w, batch, in, np, &live);
}

/* A few rows of w at a time, so that the second pass finds them in the first-level cache. */
static void dense_backward_sgd(const float *x, size_t ldx, const float *d, float a, float *w, float *dx,
                               size_t lddx, size_t batch, size_t in, size_t np, size_t n)
{
    enum { BLOCK = 16 };
    size_t step = batch <= BACKWARD_BATCH ? BLOCK : in;
    for (size_t i = 0; i < in; i += step) {
        size_t rows = in - i < step ? in - i : step;
        dense_backward_input(d, w + i * np, dx + i, lddx, batch, rows, np, n);
        dense_sgd(x + i, ldx, d, a, w + i * np, batch, rows, np);
    }
}

/* Sums of `vecs` <= 8 vectors of neighbouring columns: as many independent chains of additions. */
static inline __attribute__((always_inline)) void columns_run(const float *d, size_t rows, size_t np, int sgd,
                                                              float a, float *y, int vecs)
{
    V s[8];
    FG_UNROLL
    for (int v = 0; v < vecs; v++) {
        s[v] = v_set(0.0f);
    }
    for (size_t r = 0; r < rows; r++) {
        FG_UNROLL
        for (int v = 0; v < vecs; v++) {
            s[v] = v_add(s[v], v_load(d + r * np + v * VL));
        }
    }
    FG_UNROLL
    for (int v = 0; v < vecs; v++) {
        v_store(y + v * VL, sgd ? v_fma(v_set(a), s[v], v_load(y + v * VL)) : s[v]);
    }
}

static void columns(const float *d, size_t rows, size_t np, int sgd, float a, float *y)
{
    size_t j = 0;
    for (; j + 8 * VL <= np; j += 8 * VL) {
        columns_run(d + j, rows, np, sgd, a, y + j, 8);
    }
    for (; j + 2 * VL <= np; j += 2 * VL) {
        columns_run(d + j, rows, np, sgd, a, y + j, 2);
    }
    for (; j < np; j += VL) {
        columns_run(d + j, rows, np, sgd, a, y + j, 1);
    }
}

static void column_sum(const float *d, size_t rows, size_t np, float *db)
{
    columns(d, rows, np, 0, 0.0f, db);
}

static void column_sum_sgd(const float *d, size_t rows, size_t np, float a, float *bias)
{
    columns(d, rows, np, 1, a, bias);
}

/* Rows are the pixels of an output row, k runs over the window. */
static void conv_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias, float *y)
{
    if (narrow_forward_fits(s)) {
        narrow_forward(s, x, w, bias, y);
        return;
    }
    int merge = s->cs == s->cin; /* then a window's row is contiguous */
    for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
        vecs = tile_vecs(s->np - j);
        struct tile t = {.xr = s->stride * s->cs, .n1 = s->kh, .x1 = s->w * s->cs, .x2 = s->cs, .x3 = 1};
        t.n2 = merge ? 1 : s->kw;
        t.n3 = merge ? s->kw * s->cin : s->cin;
        t.w = w + j;
        t.ldw = s->np;
        t.ldy = s->np;
        for (size_t p = 0; p < s->batch * s->oh; p++) {
            t.start = bias ? bias + j : NULL;
            t.x = x + (p / s->oh * s->h + p % s->oh * s->stride) * s->w * s->cs;
            t.y = y + p * s->ow * s->np + j;
            tile_rows(&t, s->ow, vecs);
        }
    }
}

/* Rows are the weights' inputs, k runs over all output pixels. */
static void conv_weights(const struct fg_conv *s, const float *x, const float *d, int sgd, float a, float *w)
{
    if (narrow_weights_fit(s)) {
        narrow_weights(s, x, d, sgd, a, w);
        return;
    }
    int merge = s->cs == s->cin;
    size_t taps = merge ? s->kh : s->kh * s->kw, across = merge ? 1 : s->kw;
    size_t rows = merge ? s->kw * s->cin : s->cin;
    struct tile t = {.xr = 1, .n1 = s->batch, .x1 = s->h * s->w * s->cs, .n2 = s->oh, .n3 = s->ow};
    t.x2 = s->stride * s->w * s->cs;
    t.x3 = s->stride * s->cs;
    t.ldw = s->np;
    t.sgd = sgd;
    t.a = a;
    t.ldy = s->np;
    for (size_t tap = 0; tap < taps; tap++) {
        for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
            vecs = tile_vecs(s->np - j);
            t.x = x + (tap / across * s->w + tap % across) * s->cs;
            t.w = d + j;
            t.y = w + tap * rows * s->np + j;
            tile_rows(&t, rows, vecs);
        }
    }
}

static void conv_backward_weights(const struct fg_conv *s, const float *x, const float *d, float *dw)
{
    conv_weights(s, x, d, 0, 0.0f, dw);
}

static void conv_sgd(const struct fg_conv *s, const float *x, const float *d, float a, float *w)
{
    conv_weights(s, x, d, 1, a, w);
}

static void conv_flip(const float *w, size_t kh, size_t kw, size_t cin, size_t np, size_t cout, float *wt)
{
    size_t cp = fg_kernel_pad(cin), taps = kh * kw;
    for (size_t tap = 0; tap < taps; tap++) {
        const float *from = w + (taps - 1 - tap) * cin * np;
        for (size_t i = 0; i < cp; i += VL) {
            for (size_t o = 0; o < cout; o += VL) {
                V v[VL];
                FG_UNROLL
                for (size_t r = 0; r < VL; r++) {
                    v[r] = i + r < cin ? v_load(from + (i + r) * np + o) : v_set(0.0f);
                }
                v_transpose(v);
                for (size_t r = 0; r < VL && o + r < cout; r++) {
                    v_store(wt + (tap * cout + o + r) * cp + i, v[r]);
                }
            }
        }
    }
}
