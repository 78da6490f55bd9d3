/* Reference: dense, convolution, pooling, embedding. Included by reference.c only. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

static void dense_accumulate(const float *x, size_t ldx, const float *w, float *y, size_t batch, size_t in,
                             size_t np)
{
    for (size_t b = 0; b < batch; b++) {
        for (size_t i = 0; i < in; i++) {
            for (size_t j = 0; j < np; j++) {
                y[b * np + j] = fmaf(x[b * ldx + i], w[i * np + j], y[b * np + j]);
            }
        }
    }
}

static void dense_accumulate_kept(const float *x, size_t ldx, const float *w, float *y, size_t batch,
                                  size_t in, size_t np, float *kept, int first)
{
    (void)kept;
    (void)first;
    dense_accumulate(x, ldx, w, y, batch, in, np);
}

static void set_rows(float *y, const float *bias, size_t rows, size_t np)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < np; j++) {
            y[r * np + j] = bias ? bias[j] : 0.0f;
        }
    }
}

static void dense_forward(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                          size_t batch, size_t in, size_t np)
{
    set_rows(y, bias, batch, np);
    dense_accumulate(x, ldx, w, y, batch, in, np);
}

static void dense_forward_live(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                               size_t batch, size_t in, size_t np, struct fg_live_inputs *live)
{
    (void)live;
    dense_forward(x, ldx, w, bias, y, batch, in, np);
}

static void dense_backward_input(const float *d, const float *w, float *dx, size_t lddx, size_t batch,
                                 size_t in, size_t np, size_t n)
{
    for (size_t b = 0; b < batch; b++) {
        for (size_t i = 0; i < fg_kernel_pad(in); i++) {
            float s = 0.0f;
            for (size_t j = 0; j < n; j++) {
                s = fmaf(d[b * np + j], i < in ? w[i * np + j] : 0.0f, s);
            }
            dx[b * lddx + i] = s;
        }
    }
}

static void dense_backward_kept(const float *d, const float *w, float *dx, size_t batch, size_t in, size_t np,
                                float *kept, int first, const struct fg_soon soon[2])
{
    (void)kept;
    (void)first;
    (void)soon;
    for (size_t b = 0; b < batch; b++) {
        for (size_t i = 0; i < fg_kernel_pad(in); i++) {
            float s = 0.0f;
            for (size_t j = 0; j < np; j++) {
                s = fmaf(d[b * np + j], i < in ? w[i * np + j] : 0.0f, s);
            }
            dx[b * fg_kernel_pad(in) + i] += s;
        }
    }
}

/* The two weight gradients, w = dw or (with sgd) w = fma(a, dw, w). */
static float finish(int sgd, float a, float sum, float w)
{
    return sgd ? fmaf(a, sum, w) : sum;
}

static void dense_weights(const float *x, size_t ldx, const float *d, int sgd, float a, float *w,
                          size_t batch, size_t in, size_t np)
{
    for (size_t i = 0; i < in; i++) {
        for (size_t j = 0; j < np; j++) {
            float s = 0.0f;
            for (size_t b = 0; b < batch; b++) {
                s = fmaf(x[b * ldx + i], d[b * np + j], s);
            }
            w[i * np + j] = finish(sgd, a, s, w[i * np + j]);
        }
    }
}

static void dense_backward_weights(const float *x, size_t ldx, const float *d, float *dw, size_t batch,
                                   size_t in, size_t np)
{
    dense_weights(x, ldx, d, 0, 0.0f, dw, batch, in, np);
}

static void dense_sgd(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch, size_t in,
                      size_t np)
{
    dense_weights(x, ldx, d, 1, a, w, batch, in, np);
}

static void dense_sgd_live(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch,
                           size_t in, size_t np, struct fg_live_inputs *live)
{
    (void)live;
    dense_sgd(x, ldx, d, a, w, batch, in, np);
}

static void dense_backward_sgd(const float *x, size_t ldx, const float *d, float a, float *w, float *dx,
                               size_t lddx, size_t batch, size_t in, size_t np, size_t n)
{
    dense_backward_input(d, w, dx, lddx, batch, in, np, n);
    dense_sgd(x, ldx, d, a, w, batch, in, np);
}

static float sum_of_column(const float *d, size_t rows, size_t np, size_t j)
{
    float s = 0.0f;
    for (size_t r = 0; r < rows; r++) {
        s += d[r * np + j];
    }
    return s;
}

static void column_sum(const float *d, size_t rows, size_t np, float *db)
{
    for (size_t j = 0; j < np; j++) {
        db[j] = sum_of_column(d, rows, np, j);
    }
}

static void column_sum_sgd(const float *d, size_t rows, size_t np, float a, float *bias)
{
    for (size_t j = 0; j < np; j++) {
        bias[j] = fmaf(a, sum_of_column(d, rows, np, j), bias[j]);
    }
}

/* Where the window of output pixel (b, r, q) begins in the bordered input. */
static const float *window(const struct fg_conv *s, const float *x, size_t b, size_t r, size_t q)
{
    return x + ((b * s->h + r * s->stride) * s->w + q * s->stride) * s->cs;
}

static void conv_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias, float *y)
{
    for (size_t p = 0; p < s->batch * s->oh * s->ow; p++) {
        const float *xp = window(s, x, p / (s->oh * s->ow), p / s->ow % s->oh, p % s->ow);
        const float *wp = w;
        float *yp = y + p * s->np;
        set_rows(yp, bias, 1, s->np);
        for (size_t kh = 0; kh < s->kh; kh++) {
            for (size_t kw = 0; kw < s->kw; kw++, wp += s->cin * s->np) {
                dense_accumulate(xp + (kh * s->w + kw) * s->cs, 0, wp, yp, 1, s->cin, s->np);
            }
        }
    }
}

static void conv_weights(const struct fg_conv *s, const float *x, const float *d, int sgd, float a, float *w)
{
    for (size_t k = 0; k < s->kh * s->kw * s->cin; k++) {
        size_t at = (k / s->cin / s->kw * s->w + k / s->cin % s->kw) * s->cs + k % s->cin;
        for (size_t o = 0; o < s->np; o++) {
            float sum = 0.0f;
            for (size_t p = 0; p < s->batch * s->oh * s->ow; p++) {
                const float *xp = window(s, x, p / (s->oh * s->ow), p / s->ow % s->oh, p % s->ow);
                sum = fmaf(xp[at], d[p * s->np + o], sum);
            }
            w[k * s->np + o] = finish(sgd, a, sum, w[k * s->np + o]);
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
    for (size_t t = 0; t < taps; t++) {
        for (size_t o = 0; o < cout; o++) {
            for (size_t i = 0; i < cp; i++) {
                wt[(t * cout + o) * cp + i] = i < cin ? w[((taps - 1 - t) * cin + i) * np + o] : 0.0f;
            }
        }
    }
}

static void image_pad(const float *src, size_t batch, size_t h, size_t w, size_t cs, float *dst, size_t dh,
                      size_t dw, size_t top, size_t left, size_t dilate)
{
    memset(dst, 0, batch * dh * dw * cs * sizeof *dst);
    for (size_t p = 0; p < batch * h * w; p++) {
        size_t r = top + p / w % h * dilate, q = left + p % w * dilate;
        if (r < dh && q < dw) {
            memcpy(dst + ((p / (h * w) * dh + r) * dw + q) * cs, src + p * cs, cs * sizeof *dst);
        }
    }
}

/* The input pixel at the corner of output pixel p's window. */
static size_t pool_corner(const struct fg_pool *s, size_t p)
{
    size_t b = p / (s->oh * s->ow), r = p / s->ow % s->oh, q = p % s->ow;
    return ((b * s->h + r * s->stride) * s->w + q * s->stride) * s->cs;
}

static void maxpool_forward(const struct fg_pool *s, const float *x, float *y, uint8_t *arg)
{
    for (size_t p = 0; p < s->batch * s->oh * s->ow; p++) {
        const float *xp = x + pool_corner(s, p);
        for (size_t c = 0; c < s->cs; c++) {
            float best = xp[c];
            unsigned at = 0;
            for (unsigned t = 1; t < s->k * s->k; t++) {
                float v = xp[(t / s->k * s->w + t % s->k) * s->cs + c];
                at = v > best ? t : at;
                best = v > best ? v : best;
            }
            y[p * s->cs + c] = best;
            arg[p * s->cs + c] = (uint8_t)at;
        }
    }
}

static void maxpool_backward(const struct fg_pool *s, const float *d, const uint8_t *arg, float *dx)
{
    memset(dx, 0, s->batch * s->h * s->w * s->cs * sizeof *dx);
    for (size_t p = 0; p < s->batch * s->oh * s->ow; p++) {
        float *xp = dx + pool_corner(s, p);
        for (size_t c = 0; c < s->cs; c++) {
            size_t t = arg[p * s->cs + c];
            xp[(t / s->k * s->w + t % s->k) * s->cs + c] += d[p * s->cs + c];
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
        float *gr = g + (size_t)index[r] * np;
        for (size_t j = 0; j < np; j++) {
            gr[j] += d[r * np + j];
        }
    }
}
