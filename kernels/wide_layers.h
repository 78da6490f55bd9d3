/* Wide pooling, image copies, loss, embedding, LSTM cell. Included by wide.c only. */

static void image_clear(float *from, const float *to)
{
    memset(from, 0, (size_t)(to - from) * sizeof *from);
}

static void image_pad(const float *src, size_t batch, size_t h, size_t w, size_t cs, float *dst, size_t dh,
                      size_t dw, size_t top, size_t left, size_t dilate)
{
    float *done = dst; /* all before it is written */
    for (size_t p = 0; p < batch * h; p++) {
        size_t r = top + p % h * dilate;
        if (r >= dh || left >= dw) {
            continue;
        }
        size_t fit = (dw - left + dilate - 1) / dilate, columns = w < fit ? w : fit;
        float *to = dst + ((p / h * dh + r) * dw + left) * cs;
        const float *from = src + p * w * cs;
        for (size_t q = 0, run = dilate == 1 ? columns : 1; q < columns; q += run) {
            image_clear(done, to + q * dilate * cs);
            memcpy(to + q * dilate * cs, from + q * cs, run * cs * sizeof *to);
            done = to + (q * dilate + run) * cs;
        }
    }
    image_clear(done, dst + batch * dh * dw * cs);
}

/* One output pixel. k is a constant where this is inlined for the usual 2. */
static inline __attribute__((always_inline)) void pool_pixel(const struct fg_pool *s, size_t k,
                                                             const float *x, float *y, uint8_t *arg)
{
    for (size_t c = 0; c < s->cs; c += VL) {
        V best = v_load(x + c);
        VI at = vi_set(0);
        FG_UNROLL_SOME
        for (size_t t = 1; t < k * k; t++) {
            V v = v_load(x + (t / k * s->w + t % k) * s->cs + c);
            VM more = v_less(best, v);
            at = vi_select(more, vi_set((uint32_t)t), at);
            best = v_select(more, v, best);
        }
        v_store(y + c, best);
        v_store_u8(arg + c, at);
    }
}

static void maxpool_forward(const struct fg_pool *s, const float *x, float *y, uint8_t *arg)
{
    for (size_t row = 0; row < s->batch * s->oh; row++) {
        const float *xp = x + (row / s->oh * s->h + row % s->oh * s->stride) * s->w * s->cs;
        for (size_t q = 0; q < s->ow; q++, y += s->cs, arg += s->cs, xp += s->stride * s->cs) {
            if (s->k == 2) {
                pool_pixel(s, 2, xp, y, arg);
            } else {
                pool_pixel(s, s->k, xp, y, arg);
            }
        }
    }
}

/* apart: windows do not overlap, so store instead of add. k as above. */
static inline __attribute__((always_inline)) void unpool_pixel(const struct fg_pool *s, size_t k, int apart,
                                                               const float *d, const uint8_t *arg, float *dx)
{
    V zero = v_set(0.0f);
    for (size_t c = 0; c < s->cs; c += VL) {
        V v = v_load(d + c);
        VI at = v_load_u8(arg + c);
        FG_UNROLL_SOME
        for (size_t t = 0; t < k * k; t++) {
            float *to = dx + (t / k * s->w + t % k) * s->cs + c;
            V part = v_select(vi_equal(at, vi_set((uint32_t)t)), v, zero);
            v_store(to, v_add(apart ? zero : v_load(to), part)); /* 0 + v: never -0, as the sum */
        }
    }
}

static void maxpool_backward(const struct fg_pool *s, const float *d, const uint8_t *arg, float *dx)
{
    int apart = s->stride >= s->k;
    int covered = s->stride == s->k && s->oh * s->k == s->h && s->ow * s->k == s->w;
    if (!covered) {
        memset(dx, 0, s->batch * s->h * s->w * s->cs * sizeof *dx);
    }
    for (size_t row = 0; row < s->batch * s->oh; row++) {
        float *xp = dx + (row / s->oh * s->h + row % s->oh * s->stride) * s->w * s->cs;
        for (size_t q = 0; q < s->ow; q++, d += s->cs, arg += s->cs, xp += s->stride * s->cs) {
            if (s->k == 2 && apart) {
                unpool_pixel(s, 2, 1, d, arg, xp);
            } else {
                unpool_pixel(s, s->k, apart, d, arg, xp);
            }
        }
    }
}

/* A nan may be passed over: the row's sum of exponentials is nan all the same. */
static float row_max(const float *z, size_t n)
{
    V low = v_set(-INFINITY), top = low;
    for (size_t c = 0; c < n; c += VL) {
        V v = v_load(z + c);
        top = v_max(top, n - c < VL ? v_select(v_first(n - c), v, low) : v);
    }
    return v_most(top);
}

static int32_t row_first(const float *z, size_t n, float value)
{
    V want = v_set(value);
    for (size_t c = 0; c < n; c += VL) {
        unsigned hits = v_mask_bits(v_equal(v_load(z + c), want));
        if (hits) {
            return (int32_t)c + __builtin_ctz(hits);
        }
    }
    return -1;
}

/* d = exp(z - top) where d is wanted; the sum of the n of them, in order. */
static float row_exp(const float *z, size_t n, float top, float *d)
{
    float s = 0.0f, t[VL];
    V shift = v_set(top);
    for (size_t c = 0; c < n; c += VL) {
        V e = wide_exp(v_sub(v_load(z + c), shift));
        v_store(t, e);
        for (size_t l = 0; l < VL && c + l < n; l++) {
            s += t[l];
        }
        if (d) {
            v_store(d + c, e);
        }
    }
    return s;
}

static void row_gradient(float *d, size_t n, size_t np, float s, size_t label, float factor)
{
    V sum = v_set(s), f = v_set(factor), zero = v_set(0.0f);
    float at_label = (d[label] / s - 1.0f) * factor;
    for (size_t c = 0; c < np; c += VL) {
        size_t left = n > c ? n - c : 0;
        V g = v_mul(v_div(v_load(d + c), sum), f);
        v_store(d + c, left >= VL ? g : v_select(v_first(left), g, zero));
    }
    d[label] = at_label;
}

/* One sample; its sum of exponentials is returned, *above is how far its label is from the largest. */
static float softmax_row(const float *z, int32_t label, size_t n, size_t np, float factor, float *d,
                         float *above, int32_t *pred)
{
    float top = row_max(z, n);
    int32_t first = pred ? row_first(z, n, top) : 0;
    *above = label < 0 ? 0.0f : z[label] - top;
    float s = row_exp(z, n, top, d);
    if (pred) {
        *pred = s == s ? first : -1;
    }
    if (d && label < 0) {
        memset(d, 0, np * sizeof *d);
    } else if (d) {
        row_gradient(d, n, np, s, (size_t)label, factor);
    }
    return s;
}

static void softmax_xent(const float *z, const int32_t *label, size_t batch, size_t n, size_t np,
                         float factor, float *d, float *loss, int32_t *pred)
{
    float sum[VL], part[VL], above[VL];
    for (size_t b = 0; b < batch; b += VL) {
        size_t rows = batch - b < VL ? batch - b : VL; /* whose logarithms are taken at once */
        for (size_t r = 0; r < rows; r++) {
            size_t at = b + r;
            sum[r] = softmax_row(z + at * np, label[at], n, np, factor, d ? d + at * np : NULL, &above[r],
                                 pred ? pred + at : NULL);
        }
        log_forward(sum, part, rows);
        for (size_t r = 0; r < rows; r++) {
            loss[b + r] = label[b + r] < 0 ? 0.0f : part[r] - above[r];
        }
    }
}

static void gather(const float *table, const int32_t *index, size_t rows, size_t np, float *y)
{
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * np, table + (size_t)index[r] * np, np * sizeof *y);
    }
}

static void scatter_add(const float *d, const int32_t *index, size_t rows, size_t np, float *g)
{
    for (size_t r = 0; r < rows; r++) {
        float *to = g + (size_t)index[r] * np;
        for (size_t j = 0; j < np; j += VL) {
            v_store(to + j, v_add(v_load(to + j), v_load(d + r * np + j)));
        }
    }
}

/* Cells first, then their hidden states, of one sample: a tanh behind a tanh would wait for it. */
static void lstm_forward(float *gates, const float *c_prev, float *c, float *tc, float *h, size_t batch,
                         size_t hp)
{
    for (size_t b = 0; b < batch; b++, gates += 4 * hp, c_prev += hp, c += hp, tc += hp, h += hp) {
        for (size_t j = 0; j < hp; j += VL) {
            float *gj = gates + j;
            V i = wide_sigmoid(v_load(gj)), f = wide_sigmoid(v_load(gj + hp));
            V g = wide_tanh(v_load(gj + 2 * hp)), o = wide_sigmoid(v_load(gj + 3 * hp));
            v_store(gj, i);
            v_store(gj + hp, f);
            v_store(gj + 2 * hp, g);
            v_store(gj + 3 * hp, o);
            v_store(c + j, v_fma(f, v_load(c_prev + j), v_mul(i, g)));
        }
        for (size_t j = 0; j < hp; j += VL) {
            V t = wide_tanh(v_load(c + j));
            v_store(tc + j, t);
            v_store(h + j, v_mul(v_load(gates + 3 * hp + j), t));
        }
    }
}

static void lstm_backward(const float *gates, const float *c_prev, const float *tc, const float *dh,
                          float *dc, float *dgates, size_t batch, size_t hp)
{
    for (size_t b = 0; b < batch; b++) {
        const float *gb = gates + b * 4 * hp;
        float *to = dgates + b * 4 * hp;
        for (size_t j = 0; j < hp; j += VL) {
            size_t e = b * hp + j;
            V i = v_load(gb + j), f = v_load(gb + hp + j), g = v_load(gb + 2 * hp + j);
            V o = v_load(gb + 3 * hp + j), y = v_load(tc + e), dy = v_load(dh + e);
            V t = v_fma(v_mul(dy, o), tanh_slope(y), v_load(dc + e));
            v_store(to + j, v_mul(v_mul(t, g), sigmoid_slope(i)));
            v_store(to + hp + j, v_mul(v_mul(t, v_load(c_prev + e)), sigmoid_slope(f)));
            v_store(to + 2 * hp + j, v_mul(v_mul(t, i), tanh_slope(g)));
            v_store(to + 3 * hp + j, v_mul(v_mul(dy, y), sigmoid_slope(o)));
            v_store(dc + e, v_mul(t, f));
        }
    }
}
