#include "tests/lib/refnet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/rng.h"

/* Values (n, t, h, w, c). */
struct act {
    size_t n, t, h, w, c;
    double *v;
};

static struct act act_new(size_t n, size_t t, size_t h, size_t w, size_t c)
{
    struct act a = {n, t, h, w, c, calloc(n * t * h * w * c, sizeof(double))};
    if (a.v == NULL) {
        abort();
    }
    return a;
}

static double *at(const struct act *a, size_t b, size_t t, size_t r, size_t q)
{
    return a->v + (((b * a->t + t) * a->h + r) * a->w + q) * a->c;
}

static double number_after(const char *layer, const char *key, double otherwise)
{
    const char *p = strstr(layer, key);
    return p != NULL ? strtod(p + strlen(key), NULL) : otherwise;
}

static struct act dense(const struct act *x, size_t units, const double **w)
{
    struct act y = act_new(x->n, x->t, 1, 1, units);
    const double *bias = *w + x->c * units;
    for (size_t r = 0; r < x->n * x->t; r++) {
        for (size_t j = 0; j < units; j++) {
            double s = bias[j];
            for (size_t i = 0; i < x->c; i++) {
                s += x->v[r * x->c + i] * (*w)[i * units + j];
            }
            y.v[r * units + j] = s;
        }
    }
    *w = bias + units;
    return y;
}

static struct act conv(const struct act *x, const char *layer, size_t filters, const double **w)
{
    size_t k = (size_t)number_after(layer, "kernel=", 3), s = (size_t)number_after(layer, "stride=", 1);
    int same = strstr(layer, "same") != NULL;
    size_t oh = same ? (x->h + s - 1) / s : (x->h - k) / s + 1,
           ow = same ? (x->w + s - 1) / s : (x->w - k) / s + 1;
    long th = (long)((oh - 1) * s + k) - (long)x->h, tw = (long)((ow - 1) * s + k) - (long)x->w;
    long top = th > 0 ? th / 2 : 0, left = tw > 0 ? tw / 2 : 0;
    struct act y = act_new(x->n, 1, oh, ow, filters);
    const double *bias = *w + k * k * x->c * filters;
    for (size_t b = 0; b < x->n; b++) {
        for (size_t r = 0; r < oh; r++) {
            for (size_t q = 0; q < ow; q++) {
                for (size_t o = 0; o < filters; o++) {
                    double sum = bias[o];
                    for (size_t i = 0; i < k * k * x->c; i++) {
                        long yy = (long)(r * s + i / (k * x->c)) - top;
                        long xx = (long)(q * s + i / x->c % k) - left;
                        if (yy >= 0 && xx >= 0 && yy < (long)x->h && xx < (long)x->w) {
                            sum += at(x, b, 0, (size_t)yy, (size_t)xx)[i % x->c] * (*w)[i * filters + o];
                        }
                    }
                    at(&y, b, 0, r, q)[o] = sum;
                }
            }
        }
    }
    *w = bias + filters;
    return y;
}

static struct act maxpool(const struct act *x, size_t k, size_t s)
{
    struct act y = act_new(x->n, 1, (x->h - k) / s + 1, (x->w - k) / s + 1, x->c);
    for (size_t i = 0; i < y.n * y.h * y.w * y.c; i++) {
        size_t c = i % y.c, q = i / y.c % y.w, r = i / y.c / y.w % y.h, b = i / y.c / y.w / y.h;
        double best = -INFINITY;
        for (size_t j = 0; j < k * k; j++) {
            best = fmax(best, at(x, b, 0, r * s + j / k, q * s + j % k)[c]);
        }
        y.v[i] = best;
    }
    return y;
}

static struct act embed(const struct act *x, size_t size, size_t vocabulary, const double **w)
{
    struct act y = act_new(x->n, x->t, 1, 1, size);
    for (size_t r = 0; r < x->n * x->t; r++) {
        memcpy(y.v + r * size, *w + (size_t)x->v[r] * size, size * sizeof *y.v);
    }
    *w += vocabulary * size;
    return y;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static struct act lstm(const struct act *x, size_t u, const double **w)
{
    struct act y = act_new(x->n, x->t, 1, 1, u);
    const double *ih = *w, *hh = ih + x->c * 4 * u, *bias = hh + u * 4 * u;
    double *c = calloc(u, sizeof *c), *z = calloc(4 * u, sizeof *z);
    for (size_t b = 0; b < x->n; b++) {
        memset(c, 0, u * sizeof *c);
        for (size_t t = 0; t < x->t; t++) {
            for (size_t j = 0; j < 4 * u; j++) {
                z[j] = bias[j];
                for (size_t i = 0; i < x->c; i++) {
                    z[j] += at(x, b, t, 0, 0)[i] * ih[i * 4 * u + j];
                }
                for (size_t i = 0; t > 0 && i < u; i++) {
                    z[j] += at(&y, b, t - 1, 0, 0)[i] * hh[i * 4 * u + j];
                }
            }
            for (size_t j = 0; j < u; j++) {
                c[j] = sigmoid(z[u + j]) * c[j] + sigmoid(z[j]) * tanh(z[2 * u + j]);
                at(&y, b, t, 0, 0)[j] = sigmoid(z[3 * u + j]) * tanh(c[j]);
            }
        }
    }
    free(c);
    free(z);
    *w = bias + 4 * u;
    return y;
}

/* Masks are drawn over the padded layout: rows position by position, each pixel padded to 16 values. */
static void dropout(struct act *x, double p, unsigned number, const struct ref_key *k)
{
    size_t ld = (x->c + 15) / 16 * 16;
    uint32_t threshold = (uint32_t)(p * 4294967296.0),
             key[2] = {(uint32_t)k->seed, (uint32_t)(k->seed >> 32)};
    for (size_t i = 0; i < x->n * x->t * x->h * x->w * x->c; i++) {
        size_t c = i % x->c, pixel = i / x->c % (x->h * x->w), row = i / x->c / (x->h * x->w);
        size_t b = row / x->t, t = row % x->t;
        size_t e = ((t * x->n + b) * x->h * x->w + pixel) * ld + c;
        uint32_t ctr[4], out[4];
        fg_rng_counter(ctr, FG_RNG_DROPOUT, k->client, k->number,
                       ((uint64_t)k->step * 256 + number) * ((uint64_t)1 << 28) + e / 4);
        fg_philox(out, ctr, key);
        x->v[i] = out[e % 4] >= threshold ? x->v[i] / (1 - p) : 0;
    }
}

static void activate(struct act *x, int is_tanh)
{
    for (size_t i = 0; i < x->n * x->t * x->h * x->w * x->c; i++) {
        x->v[i] = is_tanh ? tanh(x->v[i]) : fmax(x->v[i], 0);
    }
}

/* One layer; the input's values are freed when a new array takes their place. */
static void apply(struct act *x, const char *layer, unsigned number, uint32_t classes, const double **w,
                  const struct ref_key *key)
{
    char name[32];
    double first = 0;
    struct act y = *x;
    layer += strspn(layer, " ");
    size_t len = strcspn(layer, " ");
    if (len >= sizeof name) {
        abort();
    }
    memcpy(name, layer, len);
    name[len] = '\0';
    first = strtod(layer + len, NULL);
    size_t n = (size_t)first;
    if (strcmp(name, "dense") == 0) {
        y = dense(x, n > 0 ? n : classes, w);
    } else if (strcmp(name, "conv2d") == 0) {
        y = conv(x, layer, n, w);
    } else if (strcmp(name, "maxpool") == 0) {
        size_t k = (size_t)number_after(layer, "size=", n > 0 ? first : 2);
        y = maxpool(x, k, (size_t)number_after(layer, "stride=", (double)k));
    } else if (strcmp(name, "embedding") == 0) {
        y = embed(x, n, classes, w);
    } else if (strcmp(name, "lstm") == 0) {
        y = lstm(x, n, w);
    } else if (strcmp(name, "flatten") == 0) {
        x->c *= x->h * x->w;
        x->h = x->w = 1;
    } else if (strcmp(name, "dropout") == 0) {
        if (key != NULL) {
            dropout(x, first, number, key);
        }
    } else {
        activate(x, strcmp(name, "tanh") == 0);
    }
    if (y.v != x->v) {
        free(x->v);
        *x = y;
    }
}

double ref_loss(const char *layers, const struct fg_model_input *in, const double *params, const double *x,
                const uint16_t *y, size_t n, const struct ref_key *key, uint32_t *correct)
{
    int tokens = in->kind == FG_INPUT_TOKENS;
    struct act a =
        tokens ? act_new(n, in->shape[0], 1, 1, 1) : act_new(n, 1, in->shape[0], in->shape[1], in->shape[2]);
    if (in->kind == FG_INPUT_VECTOR) {
        a.h = 1;
        a.c = in->shape[0];
    }
    memcpy(a.v, x, n * in->shape[0] * in->shape[1] * in->shape[2] * sizeof *x);
    char *list = strdup(layers), *rest = NULL;
    unsigned number = 0;
    for (char *l = strtok_r(list, ";", &rest); l != NULL; l = strtok_r(NULL, ";", &rest)) {
        apply(&a, l, ++number, in->classes, &params, key);
    }
    free(list);
    double sum = 0;
    for (size_t r = 0; r < n * a.t; r++) {
        const double *z = a.v + r * a.c;
        size_t best = 0;
        double s = 0;
        for (size_t c = 0; c < a.c; c++) {
            s += exp(z[c]);
            best = z[c] > z[best] ? c : best;
        }
        sum += log(s) - z[y[r]];
        if (correct != NULL) {
            *correct += best == y[r];
        }
    }
    free(a.v);
    return sum / (double)(n * a.t);
}
