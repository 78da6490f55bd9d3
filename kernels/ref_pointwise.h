/* Reference: activations, dropout, loss, LSTM cell, parameter vectors. Included by reference.c only. */
#include "kernels/kernels.h"
#include "kernels/scalar.h"
#include "src/base/rng.h"

static void relu_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] < 0.0f ? 0.0f : x[i];
    }
}

static void relu_backward(const float *y, const float *d, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dx[i] = y[i] > 0.0f ? d[i] : 0.0f;
    }
}

static void tanh_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = scalar_tanh(x[i]);
    }
}

static void tanh_backward(const float *y, const float *d, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dx[i] = d[i] * fmaf(-y[i], y[i], 1.0f);
    }
}

static void sigmoid_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = scalar_sigmoid(x[i]);
    }
}

static void sigmoid_backward(const float *y, const float *d, float *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dx[i] = d[i] * (y[i] * (1.0f - y[i]));
    }
}

static void exp_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = scalar_exp(x[i]);
    }
}

static void log_forward(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = scalar_log(x[i]);
    }
}

static void dropout(const struct fg_dropout *m, const float *x, float *y, size_t n)
{
    uint64_t base = m->ctr[0] | (uint64_t)m->ctr[1] << 32;
    uint32_t word[4] = {0, 0, 0, 0};
    for (size_t e = 0; e < n; e++) {
        if (e % 4 == 0) {
            uint64_t at = base + e / 4;
            uint32_t ctr[4] = {(uint32_t)at, (uint32_t)(at >> 32), m->ctr[2], m->ctr[3]};
            fg_philox(word, ctr, m->key);
        }
        y[e] = word[e % 4] >= m->threshold ? x[e] * m->scale : 0.0f;
    }
}

/* One row of softmax_xent. The exponentials are made twice so that d may be NULL and no buffer is needed. */
static void xent_row(const float *z, int32_t label, size_t n, size_t np, float scale, float *d, float *loss,
                     int32_t *pred)
{
    float top = z[0], s = 0.0f, zl = label < 0 ? 0.0f : z[label];
    int32_t first = 0;
    for (size_t c = 1; c < n; c++) {
        first = z[c] > top ? (int32_t)c : first;
        top = z[c] > top ? z[c] : top;
    }
    for (size_t c = 0; c < n; c++) {
        s += scalar_exp(z[c] - top);
    }
    for (size_t c = 0; d && c < np; c++) {
        float p = c < n ? scalar_exp(z[c] - top) / s : 0.0f;
        d[c] = label < 0 || c >= n ? 0.0f : (p - ((size_t)label == c ? 1.0f : 0.0f)) * scale;
    }
    *loss = label < 0 ? 0.0f : scalar_log(s) - (zl - top);
    if (pred) {
        *pred = s == s ? first : -1;
    }
}

static void softmax_xent(const float *z, const int32_t *label, size_t batch, size_t n, size_t np, float scale,
                         float *d, float *loss, int32_t *pred)
{
    for (size_t b = 0; b < batch; b++) {
        xent_row(z + b * np, label[b], n, np, scale, d ? d + b * np : NULL, loss + b, pred ? pred + b : NULL);
    }
}

static void lstm_forward(float *gates, const float *c_prev, float *c, float *tc, float *h, size_t batch,
                         size_t hp)
{
    for (size_t b = 0; b < batch; b++) {
        float *i = gates + b * 4 * hp, *f = i + hp, *g = f + hp, *o = g + hp;
        for (size_t j = 0; j < hp; j++) {
            size_t e = b * hp + j;
            i[j] = scalar_sigmoid(i[j]);
            f[j] = scalar_sigmoid(f[j]);
            g[j] = scalar_tanh(g[j]);
            o[j] = scalar_sigmoid(o[j]);
            c[e] = fmaf(f[j], c_prev[e], i[j] * g[j]);
            tc[e] = scalar_tanh(c[e]);
            h[e] = o[j] * tc[e];
        }
    }
}

static void lstm_backward(const float *gates, const float *c_prev, const float *tc, const float *dh,
                          float *dc, float *dgates, size_t batch, size_t hp)
{
    for (size_t b = 0; b < batch; b++) {
        const float *gb = gates + b * 4 * hp;
        float *db = dgates + b * 4 * hp;
        for (size_t j = 0; j < hp; j++) {
            size_t e = b * hp + j;
            float i = gb[j], f = gb[hp + j], g = gb[2 * hp + j], o = gb[3 * hp + j];
            float t = fmaf(dh[e] * o, fmaf(-tc[e], tc[e], 1.0f), dc[e]);
            db[j] = (t * g) * (i * (1.0f - i));
            db[hp + j] = (t * c_prev[e]) * (f * (1.0f - f));
            db[2 * hp + j] = (t * i) * fmaf(-g, g, 1.0f);
            db[3 * hp + j] = (dh[e] * tc[e]) * (o * (1.0f - o));
            dc[e] = t * f;
        }
    }
}

static void from_bytes(const uint8_t *x, const float *scales, const float *shift, size_t c, float *y,
                       size_t n)
{
    for (size_t e = 0; e < n; e++) {
        y[e] = fmaf(scales[e % c], (float)x[e], shift[e % c]);
    }
}

static void axpy(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = fmaf(a, x[i], y[i]);
    }
}

static void scale(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = a * x[i];
    }
}

static void pad_rows(const float *x, float *y, size_t rows, size_t n)
{
    size_t np = fg_kernel_pad(n);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < np; j++) {
            y[r * np + j] = j < n ? x[r * n + j] : 0.0f;
        }
    }
}

static void subtract_rows(const float *x, const float *z, float *y, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < n; j++) {
            y[r * n + j] = x[r * n + j] - z[r * fg_kernel_pad(n) + j];
        }
    }
}

static void step_mean(const double *sum, double by, double lr, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)((double)x[i] - lr * (sum[i] / by));
    }
}

static void prox(float mu, const float *w, const float *w0, float *g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g[i] = fmaf(mu, w[i] - w0[i], g[i]);
    }
}

static void sgd_momentum(float a, float m, float wd, const float *g, float *v, float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = fmaf(m, v[i], fmaf(wd, w[i], g[i]));
        w[i] = fmaf(a, v[i], w[i]);
    }
}

static void sgd_decay(float a, float wd, const float *g, float *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w[i] = fmaf(a, fmaf(wd, w[i], g[i]), w[i]);
    }
}

static double sum_squares(const float *x, size_t n)
{
    double s[16] = {0.0}, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        s[i % 16] += (double)x[i] * (double)x[i];
    }
    for (size_t i = 0; i < 16; i++) {
        sum += s[i];
    }
    return sum;
}
