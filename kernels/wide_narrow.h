/* Convolutions with few outputs (LeNet's first layer; the input gradient of its second), where lanes of
 * output channels would mostly hold padding: forward, lanes are places of an image; for the weight gradient,
 * lanes are the inputs of a window's row. The order of each sum stays. Included by wide.c only.
 */
enum {
    NARROW = TILE_ROWS < 8 ? TILE_ROWS : 8, /* outputs at most */
    PLANES = 8192,                          /* floats of one image, channel after channel */
    WINDOW = 16                             /* inputs of a window's row at most */
};

static size_t round_up(size_t n)
{
    return (n + VL - 1) / VL * VL;
}

/* One image (area, cs) to planes (cin, round_up(area)). */
static void to_planes(const float *x, size_t area, size_t cs, size_t cin, float *plane)
{
    size_t ld = round_up(area);
    for (size_t c = 0; cs % VL == 0 && c < cin; c += VL) {
        for (size_t p = 0; p < area; p += VL) {
            V v[VL];
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                v[r] = p + r < area ? v_load(x + (p + r) * cs + c) : v_set(0.0f);
            }
            v_transpose(v);
            FG_UNROLL
            for (size_t r = 0; r < VL; r++) {
                if (c + r < cin) {
                    v_store(plane + (c + r) * ld + p, v[r]);
                }
            }
        }
    }
    for (size_t c = 0; cs % VL != 0 && c < cin; c++) {
        for (size_t p = 0; p < area; p++) {
            plane[c * ld + p] = x[p * cs + c];
        }
    }
}

static int narrow_forward_fits(const struct fg_conv *s)
{
    return s->cout > 0 && s->cout <= NARROW && s->np == FG_KERNEL_PAD && s->stride == 1 &&
           s->cin * round_up(s->h * s->w) + 2 * VL <= PLANES && s->kh * s->kw * s->cin >= 2 * VL &&
           s->oh > 0 && s->cout * round_up(s->oh * s->w) < s->np * s->oh * s->ow;
}

/* `count` neighbouring places of an image w wide, from (row, *column) on, of all outputs (NARROW, 2 VL):
 * those that are pixels of an output ow wide go to y (pixels, 16), padding 0;
 * returns where the next pixel goes. */
static float *narrow_store(float from[NARROW][2 * VL], size_t cout, size_t count, size_t *column, size_t w,
                           size_t ow, float *y)
{
    const size_t pad = FG_KERNEL_PAD;
    for (size_t p = 0; p < count; p += VL) {
        V v[VL];
        FG_UNROLL
        for (size_t r = 0; r < VL; r++) {
            v[r] = r < NARROW && r < cout ? v_load(from[r < NARROW ? r : 0] + p) : v_set(0.0f);
        }
        v_transpose(v);
        FG_UNROLL
        for (size_t r = 0; r < VL; r++) {
            if (p + r < count && *column < ow) {
                v_store(y, v[r]);
                if (pad > VL) {
                    v_store(y + pad - VL, v_set(0.0f));
                }
                y += pad;
            }
            *column = *column + 1 < w ? *column + 1 : 0;
        }
    }
    return y;
}

/* Windows of one place and the next are one float apart, over the ends of rows as well: so lanes are all
 * places of the image in a row, and those in which no window begins are left out at the end. */
static void narrow_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias,
                           float *y)
{
    _Alignas(64) float plane[PLANES], out[NARROW][2 * VL];
    size_t ld = round_up(s->h * s->w), places = (s->oh - 1) * s->w + s->ow;
    struct tile t = {.xr = 1, .n1 = s->kh, .n2 = s->kw, .n3 = s->cin, .x3 = s->np, .ldw = ld};
    t.x2 = s->cin * s->np;
    t.x1 = s->kw * t.x2;
    t.w2 = 1 - (ptrdiff_t)(s->cin * ld);
    t.w1 = (ptrdiff_t)s->w - (ptrdiff_t)s->kw;
    t.ldy = t.lds = 2 * VL;
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs) {
        size_t column = 0;
        to_planes(x, s->h * s->w, s->cs, s->cin, plane);
        for (size_t f = 0, vecs; f < places; f += vecs * VL) {
            vecs = tile_vecs(round_up(places - f));
            for (size_t o = 0; o < s->cout; o++) {
                v_store(out[o], v_set(bias ? bias[o] : 0.0f));
                v_store(out[o] + VL, v_set(bias ? bias[o] : 0.0f));
            }
            t.x = w;
            t.w = plane + f;
            t.y = out[0];
            t.start = t.y;
            tile_rows(&t, s->cout, vecs);
            size_t left = places - f;
            y = narrow_store(out, s->cout, left < vecs * VL ? left : vecs * VL, &column, s->w, s->ow, y);
        }
    }
}

static int narrow_weights_fit(const struct fg_conv *s)
{
    size_t row = s->kw * s->cin;
    return s->cout > 0 && s->cout <= NARROW && s->cout < row && s->cs == s->cin && s->kh > 1 &&
           row <= WINDOW && 2 * row >= WINDOW;
}

static void narrow_weights(const struct fg_conv *s, const float *x, const float *d, int sgd, float a,
                           float *w)
{
    _Alignas(64) float sum[NARROW * WINDOW];
    size_t row = s->kw * s->cin, line = s->w * s->cs;
    for (size_t kh = 0; kh < s->kh; kh++) {
        /* Lanes past the window read the next image row; in the last row, those before the window do. */
        size_t before = kh + 1 < s->kh ? 0 : WINDOW - row;
        struct tile t = {
            .xr = 1, .n1 = s->batch, .n2 = s->oh, .n3 = s->ow, .x3 = s->np, .y = sum, .ldy = WINDOW};
        t.x = d;
        t.x2 = s->ow * s->np;
        t.x1 = s->oh * t.x2;
        t.w = x + kh * line - before;
        t.ldw = s->stride * s->cs;
        t.w2 = (ptrdiff_t)(s->stride * line) - (ptrdiff_t)(s->ow * t.ldw);
        t.w1 = (ptrdiff_t)(s->h * line) - (ptrdiff_t)(s->oh * s->stride * line);
        tile_rows(&t, s->cout, WINDOW / VL);
        for (size_t i = 0; i < row; i++, w += s->np) {
            for (size_t o = 0; o < s->np; o++) {
                float dw = o < s->cout ? sum[o * WINDOW + before + i] : 0.0f;
                w[o] = sgd ? fmaf(a, dw, w[o]) : dw;
            }
        }
    }
}
