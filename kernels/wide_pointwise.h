/* Wide elementwise functions and parameter vectors. Included by wide.c only. */

/* VL floats at p + i, or as many as are left of n. */
static inline V get(const float *p, size_t i, size_t n)
{
    return n - i >= VL ? v_load(p + i) : v_load_part(p + i, n - i);
}

static inline void put(float *p, size_t i, size_t n, V v)
{
    if (n - i >= VL) {
        v_store(p + i, v);
    } else {
        v_store_part(p + i, v, n - i);
    }
}

static void relu_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, v_max(v_set(0.0f), get(x, i, n)));
    }
}

static void relu_backward(const float *y, const float *d, float *dx, size_t n)
{
    V zero = v_set(0.0f);
    for (size_t i = 0; i < n; i += VL) {
        put(dx, i, n, v_select(v_less(zero, get(y, i, n)), get(d, i, n), zero));
    }
}

static void tanh_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, wide_tanh(get(x, i, n)));
    }
}

static inline V tanh_slope(V y) /* 1 - y^2 */
{
    return v_fnma(y, y, v_set(1.0f));
}

static inline V sigmoid_slope(V y) /* y (1 - y) */
{
    return v_mul(y, v_sub(v_set(1.0f), y));
}

static void tanh_backward(const float *y, const float *d, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(dx, i, n, v_mul(get(d, i, n), tanh_slope(get(y, i, n))));
    }
}

static void sigmoid_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, wide_sigmoid(get(x, i, n)));
    }
}

static void sigmoid_backward(const float *y, const float *d, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(dx, i, n, v_mul(get(d, i, n), sigmoid_slope(get(y, i, n))));
    }
}

static void exp_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, wide_exp(get(x, i, n)));
    }
}

static void log_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, wide_log(get(x, i, n)));
    }
}

static void dropout(const struct fg_dropout *m, const float *x, float *y, size_t n)
{
    struct philox_keys key = philox_keys_of(m->key);
    VI threshold = vi_set(m->threshold), word[4];
    V factor = v_set(m->scale), zero = v_set(0.0f);
    for (size_t e = 0; e < n; e += 4 * VL) {
        philox_words(&key, m->ctr, e / 4, word);
        for (size_t v = 0; v < 4 && e + v * VL < n; v++) {
            size_t i = e + v * VL;
            put(y, i, n, v_select(vi_below(word[v], threshold), zero, v_mul(get(x, i, n), factor)));
        }
    }
}

/* Channels repeat every c vectors; c is a constant where this is inlined. Returns how many floats were
 * done. */
static inline __attribute__((always_inline)) size_t
bytes_run(const uint8_t *x, const float *scales, const float *shift, size_t c, float *y, size_t n)
{
    V a[4], b[4];
    FG_UNROLL
    for (size_t v = 0; v < c; v++) {
        float la[VL], lb[VL];
        for (size_t l = 0; l < VL; l++) {
            la[l] = scales[(v * VL + l) % c];
            lb[l] = shift[(v * VL + l) % c];
        }
        a[v] = c > 1 ? v_load(la) : v_set(scales[0]);
        b[v] = c > 1 ? v_load(lb) : v_set(shift[0]);
    }
    size_t e = 0;
    for (; e + c * VL <= n; e += c * VL) {
        FG_UNROLL
        for (size_t v = 0; v < c; v++) {
            v_store(y + e + v * VL, v_fma(a[v], v_from_int(v_load_u8(x + e + v * VL)), b[v]));
        }
    }
    return e;
}

static void from_bytes(const uint8_t *x, const float *scales, const float *shift, size_t c, float *y,
                       size_t n)
{
    size_t e = c == 1   ? bytes_run(x, scales, shift, 1, y, n)
               : c == 3 ? bytes_run(x, scales, shift, 3, y, n)
                        : 0;
    for (size_t i = e % c; e < n; e++, i = i + 1 < c ? i + 1 : 0) {
        y[e] = fmaf(scales[i], (float)x[e], shift[i]);
    }
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    V va = v_set(a);
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, v_fma(va, get(x, i, n), get(y, i, n)));
    }
}

static void scale(float a, const float *x, float *y, size_t n)
{
    V va = v_set(a);
    for (size_t i = 0; i < n; i += VL) {
        put(y, i, n, v_mul(va, get(x, i, n)));
    }
}

static void pad_rows(const float *x, float *y, size_t rows, size_t n)
{
    for (size_t r = 0, np = fg_kernel_pad(n); r < rows; r++, x += n, y += np) {
        for (size_t j = 0; j < np; j += VL) {
            v_store(y + j, j < n ? get(x, j, n) : v_set(0.0f));
        }
    }
}

static void subtract_rows(const float *x, const float *z, float *y, size_t rows, size_t n)
{
    for (size_t r = 0, np = fg_kernel_pad(n); r < rows; r++, x += n, z += np, y += n) {
        for (size_t j = 0; j < n; j += VL) {
            put(y, j, n, v_sub(get(x, j, n), v_load(z + j)));
        }
    }
}

static void step_mean(const double *sum, double by, double lr, float *x, size_t n)
{
    VD divisor = vd_set(by), rate = vd_set(-lr);
    size_t i = 0;
    for (; i + VL / 2 <= n; i += VL / 2) {
        VD mean = vd_div(vd_load(sum + i), divisor);
        vd_store_float(x + i, vd_add(vd_load_float(x + i), vd_mul(rate, mean)));
    }
    for (; i < n; i++) {
        x[i] = (float)((double)x[i] - lr * (sum[i] / by));
    }
}

static void prox(float mu, const float *w, const float *w0, float *g, size_t n)
{
    V vm = v_set(mu);
    for (size_t i = 0; i < n; i += VL) {
        put(g, i, n, v_fma(vm, v_sub(get(w, i, n), get(w0, i, n)), get(g, i, n)));
    }
}

static void sgd_momentum(float a, float m, float wd, const float *g, float *v, float *w, size_t n)
{
    V va = v_set(a), vm = v_set(m), vw = v_set(wd);
    for (size_t i = 0; i < n; i += VL) {
        V old = get(w, i, n), speed = v_fma(vm, get(v, i, n), v_fma(vw, old, get(g, i, n)));
        put(v, i, n, speed);
        put(w, i, n, v_fma(va, speed, old));
    }
}

static void sgd_decay(float a, float wd, const float *g, float *w, size_t n)
{
    V va = v_set(a), vw = v_set(wd);
    for (size_t i = 0; i < n; i += VL) {
        V old = get(w, i, n);
        put(w, i, n, v_fma(va, v_fma(vw, old, get(g, i, n)), old));
    }
}

static double sum_squares(const float *x, size_t n)
{
    enum { LANES = 16, STEP = VL / 2, PARTS = LANES / STEP };
    double s[LANES], sum = 0.0;
    VD part[PARTS];
    for (int v = 0; v < PARTS; v++) {
        part[v] = vd_set(0.0);
    }
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t v = 0; v < PARTS; v++) {
            VD f = vd_load_float(x + i + v * STEP);
            part[v] = vd_fma(f, f, part[v]); /* the product is exact: one rounding either way */
        }
    }
    for (size_t v = 0; v < PARTS; v++) {
        vd_store(s + v * STEP, part[v]);
    }
    for (; i < n; i++) {
        s[i % LANES] += (double)x[i] * (double)x[i];
    }
    for (i = 0; i < LANES; i++) {
        sum += s[i];
    }
    return sum;
}
