/* Numeric kernels: one table of functions, several implementations, the same bits from each.
 *
 * `reference` is plain C (fmaf; a second build with -mfma is used when the CPU has it), `avx2` and `avx512`
 * are one source over a thin vector layer. Every output is summed in one fixed order stated here, one fused
 * multiply-add a term; wide code puts different outputs into different lanes and never splits a sum. So all
 * implementations agree bit for bit on every shape (NaN payloads excepted), tests/unit/test_kernels*.c.
 *
 * Packed layout. pad(n) = n rounded up to 16. All padding is zero and stays zero.
 *   dense weights  (in, np) row-major, np = pad(outputs);            bias (np)
 *   conv weights   (kh, kw, cin, np), cin not padded, np = pad(cout); bias (np)
 *   activations    (B, ld), ld a multiple of 16 (a layer's output has ld = np)
 *   images         NHWC (B, h, w, cs): cs floats a pixel. A conv's output has cs = np; a raw input image has
 *                  cs = its channels (1, 3), its rows need no alignment. A conv reads the first cin of cs.
 *   A padded image flattens to (B, h * w * cs): the following dense layer has in = h * w * cs rows; the
 *   rows of padding channels are zero and, since their inputs are zero, stay zero.
 * Buffers should start at 64-byte boundaries (speed only). Nothing allocates. Shapes are at least 1 in every
 * direction; "n" counts floats of a vector, any n.
 * In-place use (output = input) is allowed only where said. a = -learning rate in the _sgd functions.
 *
 * Thread safety: pure functions; the tables are const.
 */
#ifndef FG_KERNELS_KERNELS_H
#define FG_KERNELS_KERNELS_H

#include "kernels/live.h"

enum { FG_KERNEL_PAD = 16 };

static inline size_t fg_kernel_pad(size_t n)
{
    return (n + FG_KERNEL_PAD - 1) / FG_KERNEL_PAD * FG_KERNEL_PAD;
}

/* A convolution over an image that already contains its zero border (image_pad makes it). */
struct fg_conv {
    size_t batch;
    size_t h, w;           /* rows and columns of the bordered input */
    size_t cs;             /* floats a pixel of the input */
    size_t cin;            /* channels read, <= cs */
    size_t kh, kw, stride; /* stride >= 1 */
    size_t oh, ow;         /* outputs: at most (h - kh) / stride + 1 and (w - kw) / stride + 1 */
    size_t np;             /* padded output channels = floats a pixel of the output */
    size_t cout;           /* those of them that are no padding; 0: not told, which costs speed where few */
    void *work;            /* fg_conv_work() bytes, on a 64-byte boundary; only FG_BF16 uses them */
};

/* Windows of size k x k. Windows past the edge are not allowed: oh <= (h - k) / stride + 1. */
struct fg_pool {
    size_t batch;
    size_t h, w, cs;  /* input; cs a multiple of 16 */
    size_t k, stride; /* 1 <= k <= 15 */
    size_t oh, ow;
};

/* A dropout mask. Element e of a buffer uses word e % 4 of Philox block ctr + e / 4 (ctr[0], ctr[1] are one
 * 64-bit number, see fg_rng_counter); it is kept when the word is >= threshold = p * 2^32. */
struct fg_dropout {
    uint32_t key[2], ctr[4];
    uint32_t threshold;
    float scale; /* 1 / (1 - p) */
};

/* Memory that the caller needs next. */
struct fg_soon {
    const void *from;
    size_t bytes;
};

struct fg_kernels {
    const char *name; /* "reference", "avx2", "avx512" */

    /* ---- dense: x (B, ldx), w (in, np), d and y (B, np) ---- */

    /* y[b,j] = bias[j] (0 if bias is NULL), then fma(x[b,i], w[i,j], y) for i ascending. */
    void (*dense_forward)(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                          size_t batch, size_t in, size_t np);
    /* The same, starting from the y that is there (no bias). */
    void (*dense_accumulate)(const float *x, size_t ldx, const float *w, float *y, size_t batch, size_t in,
                             size_t np);
    /* The same, for a w that several calls in a row share: the one with `first` also leaves it in kept,
     * (in, np) floats in an order of the implementation's own, and the others read it there (speed only). */
    void (*dense_accumulate_kept)(const float *x, size_t ldx, const float *w, float *y, size_t batch,
                                  size_t in, size_t np, float *kept, int first);
    /* dx[b,i] = 0, then fma(d[b,j], w[i,j], dx) for j = 0..n-1 ascending; n = outputs without padding.
     * Shapes: dx (B, lddx), lddx >= pad(in); columns in..pad(in)-1 are of rows of zeros: 0 of a finite d. */
    void (*dense_backward_input)(const float *d, const float *w, float *dx, size_t lddx, size_t batch,
                                 size_t in, size_t np, size_t n);
    /* dx[b,i] += the sum over all np of dense_backward_input, dx (B, pad(in)), for a w that several calls
     * share as above, kept having (pad(in), np) floats. Meanwhile memory is asked for `soon` (speed only). */
    void (*dense_backward_kept)(const float *d, const float *w, float *dx, size_t batch, size_t in, size_t np,
                                float *kept, int first, const struct fg_soon soon[2]);
    /* dw[i,j] = 0, then fma(x[b,i], d[b,j], dw) for b ascending. */
    void (*dense_backward_weights)(const float *x, size_t ldx, const float *d, float *dw, size_t batch,
                                   size_t in, size_t np);
    /* Fused: w[i,j] = fma(a, dw[i,j], w[i,j]) with dw as above (the bits of the two steps apart). */
    void (*dense_sgd)(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch, size_t in,
                      size_t np);
    /* dense_forward and then dense_sgd of the same x, which need not be looked through twice for inputs that
     * are zero in all of the batch. Both ask for lines of live->line by the way, or do not. */
    void (*dense_forward_live)(const float *x, size_t ldx, const float *w, const float *bias, float *y,
                               size_t batch, size_t in, size_t np, struct fg_live_inputs *live);
    void (*dense_sgd_live)(const float *x, size_t ldx, const float *d, float a, float *w, size_t batch,
                           size_t in, size_t np, struct fg_live_inputs *live);
    /* Both at once, so that w passes by once: dx as dense_backward_input of the w that is there, then w as
     * dense_sgd (the bits of the two calls). x and dx may not overlap. */
    void (*dense_backward_sgd)(const float *x, size_t ldx, const float *d, float a, float *w, float *dx,
                               size_t lddx, size_t batch, size_t in, size_t np, size_t n);
    /* db[j] = 0, then db[j] + d[r,j] for r ascending; d (rows, np). For a conv rows = B * oh * ow. */
    void (*column_sum)(const float *d, size_t rows, size_t np, float *db);
    /* Fused: bias[j] = fma(a, db[j], bias[j]). */
    void (*column_sum_sgd)(const float *d, size_t rows, size_t np, float a, float *bias);

    /* ---- convolution, NHWC: x (B, h, w, cs), w (kh, kw, cin, np), y and d (B, oh, ow, np) ---- */

    /* y[b,r,q,o] = bias[o] (0 if NULL), then fma(x[b, r*stride+kh, q*stride+kw, i], w[kh,kw,i,o], y) for
     * kh, kw, i ascending, i the fastest. */
    void (*conv_forward)(const struct fg_conv *s, const float *x, const float *w, const float *bias,
                         float *y);
    /* dw[kh,kw,i,o] = 0, then fma(x[...], d[b,r,q,o], dw) for b, r, q ascending, q the fastest. */
    void (*conv_backward_weights)(const struct fg_conv *s, const float *x, const float *d, float *dw);
    /* Fused: w = fma(a, dw, w). */
    void (*conv_sgd)(const struct fg_conv *s, const float *x, const float *d, float a, float *w);
    /* Backward input is three calls: image_pad(d) with `dilate` = stride and border top = kh - 1 - pad_top,
     * left = kw - 1 - pad_left into (B, H + kh - 1, W + kw - 1, np), H x W the input without its border;
     * conv_flip(w); conv_forward of that with cs = np, cin = cout, stride 1, np = pad(cin), no bias, into
     * dx (B, H, W, pad(cin)). So dx sums over flipped kh, kw, then cout, ascending.
     *
     * wt[kh,kw,o,i] = w[K-1-kh, L-1-kw, i, o] for o < cout; wt (kh, kw, cout, pad(cin)), padding set to 0. */
    void (*conv_flip)(const float *w, size_t kh, size_t kw, size_t cin, size_t np, size_t cout, float *wt);
    /* Copy images (B, h, w, cs) into zeroed ones (B, dh, dw, cs): pixel (r, q) goes to (top + r * dilate,
     * left + q * dilate); what falls outside is dropped. cs of any size. */
    void (*image_pad)(const float *src, size_t batch, size_t h, size_t w, size_t cs, float *dst, size_t dh,
                      size_t dw, size_t top, size_t left, size_t dilate);

    /* ---- max pooling ---- */

    /* y (B, oh, ow, cs) = the largest of each window; arg (same shape) = its place row * k + column, the
     * first in row-major order if several are equal. */
    void (*maxpool_forward)(const struct fg_pool *s, const float *x, float *y, uint8_t *arg);
    /* dx (B, h, w, cs) = 0, then dx[place] + d for output pixels ascending. */
    void (*maxpool_backward)(const struct fg_pool *s, const float *d, const uint8_t *arg, float *dx);

    /* ---- elementwise; may be in place ---- */

    void (*relu_forward)(const float *x, float *y, size_t n);                   /* x < 0 ? 0 : x */
    void (*relu_backward)(const float *y, const float *d, float *dx, size_t n); /* y > 0 ? d : 0 */
    void (*tanh_forward)(const float *x, float *y, size_t n);
    void (*tanh_backward)(const float *y, const float *d, float *dx, size_t n); /* d * fma(-y, y, 1) */
    void (*sigmoid_forward)(const float *x, float *y, size_t n); /* padding becomes 0.5: zero it yourself */
    void (*sigmoid_backward)(const float *y, const float *d, float *dx, size_t n); /* d * (y * (1 - y)) */
    /* Errors in units in the last place, over all finite floats (tested): exp < 2, log < 2, tanh < 4,
     * sigmoid < 4 where the result is a normal number. exp: inf above 88.73, 0 below -103.98;
     * log: -inf at 0, nan below. */
    void (*exp)(const float *x, float *y, size_t n);
    void (*log)(const float *x, float *y, size_t n);
    /* y = kept ? x * scale : 0. The same call with the same mask is the backward pass. */
    void (*dropout)(const struct fg_dropout *m, const float *x, float *y, size_t n);

    /* ---- softmax cross-entropy: z, d (B, np), n classes of np ---- */

    /* A row: m = max z; e_c = exp(z_c - m); s = sum e_c for c ascending; loss = log(s) - (z_label - m);
     * d_c = (e_c / s - (c == label)) * scale, padding 0; pred = the first c with z_c = m.
     * pred = -1 when s is not a number. label < 0: the row does not count: loss 0, d 0. d may be NULL or z;
     * pred may be NULL. */
    void (*softmax_xent)(const float *z, const int32_t *label, size_t batch, size_t n, size_t np, float scale,
                         float *d, float *loss /* (B) */, int32_t *pred /* (B) */);

    /* ---- embedding: table (V, np), index (rows) in 0..V-1 ---- */

    void (*gather)(const float *table, const int32_t *index, size_t rows, size_t np,
                   float *y /* (rows, np) */);
    /* g[index[r],j] = g + d[r,j] for r ascending; g (V, np) is the caller's to zero. */
    void (*scatter_add)(const float *d, const int32_t *index, size_t rows, size_t np, float *g);

    /* ---- LSTM cell: gates (B, 4 * hp) = i | f | g | o, each hp = pad(hidden) wide; others (B, hp) ---- */

    /* gates in: sums before activation; out: i, f, o = sigmoid, g = tanh. c = fma(f, c_prev, i * g);
     * tc = tanh(c); h = o * tc. c may be c_prev. */
    void (*lstm_forward)(float *gates, const float *c_prev, float *c, float *tc, float *h, size_t batch,
                         size_t hp);
    /* dc in: gradient of c from the next step; out: of c_prev. t = fma(dh * o, fma(-tc, tc, 1), dc);
     * dgates i: (t*g) * (i * (1-i)); f: (t*c_prev) * (f * (1-f)); g: (t*i) * fma(-g, g, 1);
     * o: (dh*tc) * (o * (1-o)); dc = t * f. dgates may be gates. */
    void (*lstm_backward)(const float *gates, const float *c_prev, const float *tc, const float *dh,
                          float *dc, float *dgates, size_t batch, size_t hp);

    /* ---- samples ---- */

    /* y[e] = fma(scale[e % c], x[e], shift[e % c]) of bytes x (n); scale, shift (c), c >= 1. */
    void (*from_bytes)(const uint8_t *x, const float *scale, const float *shift, size_t c, float *y,
                       size_t n);

    /* ---- vectors of parameters; any n, any alignment; y may be x ---- */

    void (*axpy)(float a, const float *x, float *y, size_t n);                   /* y = fma(a, x, y) */
    void (*scale)(float a, const float *x, float *y, size_t n);                  /* y = a * x */
    void (*prox)(float mu, const float *w, const float *w0, float *g, size_t n); /* g = fma(mu, w - w0, g) */
    /* g' = fma(wd, w, g); v = fma(m, v, g'); w = fma(a, v, w). g is not changed. */
    void (*sgd_momentum)(float a, float m, float wd, const float *g, float *v, float *w, size_t n);
    /* w = fma(a, fma(wd, w, g), w). */
    void (*sgd_decay)(float a, float wd, const float *g, float *w, size_t n);
    /* s[e % 16] += x[e] * x[e] in double (the product is exact) for e ascending; then s[0] + ... + s[15]. */
    double (*sum_squares)(const float *x, size_t n);
    /* Rows of n floats, side by side and pad(n) apart: y (rows, pad(n)) = x (rows, n), the padding 0;
     * y (rows, n) = x (rows, n) - z (rows, pad(n)). y is neither x nor z. */
    void (*pad_rows)(const float *x, float *y, size_t rows, size_t n);
    void (*subtract_rows)(const float *x, const float *z, float *y, size_t rows, size_t n);
    /* x = x - lr * (sum / by), in double and without fusing. */
    void (*step_mean)(const double *sum, double by, double lr, float *x, size_t n);
};

/* How products are made.
 *   FG_EXACT  in float, as said above.
 *   FG_BF16   convolutions of stride 1 over 16 or more channels round both operands to bfloat16 (8 bits of
 *             precision) and add in float; all else stays exact. Every implementation gives the same bits,
 *             but only where fg_kernels_bf16_by() names an instruction are they faster. Its order: terms go
 *             in steps of 32, even + odd part of a step (one fma a term, from 0) is added to what was there;
 *             a step holds 32 channels of one window pixel (forward, kh, kw and channels ascending) or 32
 *             places r * w + q of one image (weights), those with q >= ow having d = 0.
 *             Numbers below 2^-126 are 0.
 *   FG_TF32  on devices only: both operands of dense layers and convolutions are rounded to 10 bits and added
 *             in float by tensor cores; FG_BF16 does so there with 8 bits, and has no order that CPUs repeat.
 */
enum fg_arithmetic { FG_EXACT, FG_BF16, FG_TF32 };

/* Bytes of fg_conv.work for any of the functions above. */
size_t fg_conv_work(const struct fg_conv *s);

/* The implementation of that name ("auto", "avx512", "avx2", "reference"), auto being the fastest one.
 * Returns NULL if there is none of that name or the CPU or the build lacks it; CPUs have no FG_TF32. */
const struct fg_kernels *fg_kernels_get(const char *name, enum fg_arithmetic arithmetic);

/* What the fastest implementation of FG_BF16 multiplies by on this CPU: "AMX" (Intel, 4th generation Xeon and
 * later), "AVX512_BF16" (AMD Zen 4 and later, some Intel), or NULL: it is slower than FG_EXACT here. */
const char *fg_kernels_bf16_by(void);

#endif
