/* Reference: convolutions in bfloat16. Included by reference.c only. */
#include "kernels/bf16.h"

/* Numbers below the normal ones are zero, as operands and as results. */
static float flushed(float x)
{
    return fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}

/* To the nearest bfloat16, ties to even. */
static float bf16(float x)
{
    uint32_t u = float_bits(flushed(x));
    return x != x ? x : bits_float((u + 0x7FFFu + (u >> 16 & 1u)) & 0xFFFF0000u);
}

/* a b + c rounded once. What rounds up to the least normal number counts as below it if it is with an
 * unbounded exponent (halfway is not: ties go to the even one); a double holds such a sum exactly. */
static float flushed_fma(float a, float b, float c)
{
    float r = fmaf(a, b, c);
    if (fabsf(r) == 0x1p-126f && fabs((double)a * (double)b + (double)c) < 0x1p-126 - 0x1p-151) {
        return copysignf(0.0f, r);
    }
    return flushed(r);
}

/* The sums of a step: terms of even and of odd number, and what they are added to. */
struct bf16_sum {
    float part[2], all;
};

static void bf16_term(struct bf16_sum *s, size_t number, float x, float w)
{
    s->part[number % 2] = flushed_fma(bf16(x), bf16(w), s->part[number % 2]);
}

static void bf16_step(struct bf16_sum *s)
{
    s->all = flushed(flushed(s->all) + flushed(s->part[0] + s->part[1]));
    s->part[0] = s->part[1] = 0.0f;
}

static float bf16_output(const struct fg_conv *s, const float *xp, const float *w, float bias)
{
    struct bf16_sum sum = {.all = bias};
    for (size_t tap = 0; tap < s->kh * s->kw; tap++, w += s->cin * s->np) {
        const float *xt = xp + (tap / s->kw * s->w + tap % s->kw) * s->cs;
        for (size_t i = 0; i < s->cin; i++) {
            bf16_term(&sum, i, xt[i], w[i * s->np]);
            if (i % BF16_TERMS == BF16_TERMS - 1 || i == s->cin - 1) {
                bf16_step(&sum);
            }
        }
    }
    return sum.all;
}

static void bf16_conv_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias,
                              float *y)
{
    if (!bf16_takes(s)) {
        conv_forward(s, x, w, bias, y);
        return;
    }
    for (size_t p = 0; p < s->batch * s->oh * s->ow; p++) {
        const float *xp = window(s, x, p / (s->oh * s->ow), p / s->ow % s->oh, p % s->ow);
        for (size_t o = 0; o < s->np; o++) {
            y[p * s->np + o] = bf16_output(s, xp, w + o, bias ? bias[o] : 0.0f);
        }
    }
}

/* x and d from the first weight's input and from the output channel on. */
static float bf16_weight(const struct fg_conv *s, const float *x, const float *d)
{
    struct bf16_sum sum = {.all = 0.0f};
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs, d += s->oh * s->ow * s->np) {
        size_t places = s->oh * s->w;
        for (size_t p = 0; p < places; p++) {
            if (p % s->w < s->ow) {
                bf16_term(&sum, p, x[p * s->cs], d[(p / s->w * s->ow + p % s->w) * s->np]);
            }
            if (p % BF16_TERMS == BF16_TERMS - 1 || p == places - 1) {
                bf16_step(&sum);
            }
        }
    }
    return sum.all;
}

static void bf16_weights(const struct fg_conv *s, const float *x, const float *d, int sgd, float a, float *w)
{
    if (!bf16_takes(s)) {
        conv_weights(s, x, d, sgd, a, w);
        return;
    }
    for (size_t k = 0; k < s->kh * s->kw * s->cin; k++) {
        size_t at = (k / s->cin / s->kw * s->w + k / s->cin % s->kw) * s->cs + k % s->cin;
        for (size_t o = 0; o < s->np; o++) {
            w[k * s->np + o] = finish(sgd, a, bf16_weight(s, x + at, d + o), w[k * s->np + o]);
        }
    }
}

static void bf16_conv_backward_weights(const struct fg_conv *s, const float *x, const float *d, float *dw)
{
    bf16_weights(s, x, d, 0, 0.0f, dw);
}

static void bf16_conv_sgd(const struct fg_conv *s, const float *x, const float *d, float a, float *w)
{
    bf16_weights(s, x, d, 1, a, w);
}
