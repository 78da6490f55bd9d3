/* How fast the dense and convolution kernels are on one core,
 * against the limits of the machine in the same run.
 *
 *     make bench/bench_kernels && bench/bench_kernels [avx512|avx2|reference|auto] [batch] [exact|bf16]
 *
 * GFLOP/s count useful work (2 operations a term, no padding), CPU time, the best of several repetitions. The
 * first share is that of the multiply-add peak, the second that of the roofline that binds, which is named:
 * the peak, or the operands' way (each read, each result written once) through the level of memory that holds
 * them all. The last lines are whole SGD steps of the softmax and 2NN models, in samples a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/limits.h"
#include "kernels/kernels.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

static const struct fg_kernels *K;
static size_t B = 10;
static struct bench_limits LIMITS;
static struct fg_rng RNG;

static float *floats(size_t n)
{
    float *p = fg_calloc_aligned(n, sizeof *p);
    if (!p) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)fg_rng_uniform(&RNG) - 0.5f;
    }
    return p;
}

static double TOTAL_S; /* best times since the last total() */

/* `floats` are read or written. */
static void report(const char *what, const char *op, double flop, size_t floats, double best_s)
{
    const char *binds = "";
    LIMITS.flops = bench_peak(K, 3); /* again: the clock moves with the load of the machine */
    double least = bench_least_s(&LIMITS, flop, 4.0 * (double)floats, 4 * floats, &binds);
    TOTAL_S += best_s;
    printf("%-34s %-10s %8.2f MFLOP %9.1f us %8.1f GFLOP/s %5.1f%% %8s %5.1f%%\n", what, op, flop * 1e-6,
           best_s * 1e6, flop / best_s * 1e-9,
           LIMITS.flops > 0.0 ? 100.0 * flop / best_s / LIMITS.flops : 0.0, binds, 100.0 * least / best_s);
}

/* The least CPU time of a statement, over at least 5 repetitions and 20 ms. */
#define BEST(best, statement)                                   \
    do {                                                        \
        double spent_ = 0.0;                                    \
        (best) = 1e9;                                           \
        for (int rep_ = 0; rep_ < 5 || spent_ < 0.02; rep_++) { \
            double t_ = bench_now_s();                          \
            statement;                                          \
            t_ = bench_now_s() - t_;                            \
            spent_ += t_;                                       \
            (best) = t_ < (best) ? t_ : (best);                 \
        }                                                       \
    } while (0)

static void dense(const char *name, size_t in, size_t n, int first)
{
    size_t np = fg_kernel_pad(n), ld = fg_kernel_pad(in);
    float *x = floats(B * ld), *w = floats(in * np), *bias = floats(np), *y = floats(B * np),
          *dx = floats(B * ld);
    double flop = 2.0 * (double)(B * in * n), best;
    size_t nx = B * ld, nw = in * np, ny = B * np;
    BEST(best, K->dense_forward(x, ld, w, bias, y, B, in, np));
    report(name, "forward", flop, nx + nw + ny, best);
    if (!first) {
        BEST(best, K->dense_backward_input(y, w, dx, ld, B, in, np, n));
        report(name, "dX", flop, nx + nw + ny, best);
    }
    BEST(best, K->dense_sgd(x, ld, y, -1e-9f, w, B, in, np));
    report(name, "dW + SGD", flop, nx + 2 * nw + ny, best);
    fg_free(x);
    fg_free(w);
    fg_free(bias);
    fg_free(y);
    fg_free(dx);
}

/* k x k convolution of an h x h image, `border` on each side. */
static void conv(const char *name, size_t h, size_t border, size_t cin, size_t cout, size_t k, int first)
{
    size_t p = h + 2 * border, o = p - k + 1, np = fg_kernel_pad(cout), cp = fg_kernel_pad(cin);
    struct fg_conv s = {B, p, p, first ? cin : cp, cin, k, k, 1, o, o, np, cout, NULL};
    struct fg_conv back = {B, h + k - 1, h + k - 1, np, cout, k, k, 1, h, h, cp, cin, NULL};
    float *x = floats(B * p * p * s.cs), *w = floats(k * k * cin * np), *bias = floats(np);
    float *y = floats(B * o * o * np), *wt = floats(k * k * cout * cp),
          *dp = floats(B * back.h * back.w * np);
    float *dx = floats(B * h * h * cp);
    s.work = floats(fg_conv_work(&s) / sizeof(float));
    back.work = floats(fg_conv_work(&back) / sizeof(float));
    double flop = 2.0 * (double)(B * o * o * k * k * cin * cout), best;
    size_t nx = B * p * p * s.cs, nw = k * k * cin * np, ny = B * o * o * np;
    BEST(best, K->conv_forward(&s, x, w, bias, y));
    report(name, "forward", flop, nx + nw + ny, best);
    if (!first) {
        BEST(best, (K->conv_flip(w, k, k, cin, np, cout, wt),
                    K->image_pad(y, B, o, o, np, dp, back.h, back.w, k - 1 - border, k - 1 - border, 1),
                    K->conv_forward(&back, dp, wt, NULL, dx)));
        report(name, "dX", flop, nx + nw + ny, best);
    }
    BEST(best, K->conv_sgd(&s, x, y, -1e-9f, w));
    report(name, "dW + SGD", flop, nx + 2 * nw + ny, best);
    BEST(best, K->column_sum_sgd(y, B * o * o, np, -1e-9f, bias));
    report(name, "db + SGD", (double)(B * o * o * cout), ny + 2 * np, best);
    fg_free(s.work);
    fg_free(back.work);
    fg_free(x);
    fg_free(w);
    fg_free(bias);
    fg_free(y);
    fg_free(wt);
    fg_free(dp);
    fg_free(dx);
}

/* Max pooling 2 x 2 and ReLU of (B, h, h, c), forward and backward. */
static void pool(const char *name, size_t h, size_t c)
{
    size_t cp = fg_kernel_pad(c), n = B * h * h * cp;
    struct fg_pool s = {B, h, h, cp, 2, 2, h / 2, h / 2};
    float *x = floats(n), *y = floats(n / 4), *d = floats(n / 4), *arg = floats(n / 4);
    double best;
    BEST(best, (K->maxpool_forward(&s, x, y, (uint8_t *)arg), K->relu_forward(y, y, n / 4)));
    report(name, "forward", (double)n, n + n / 4 + n / 16, best);
    BEST(best, (K->relu_backward(y, d, d, n / 4), K->maxpool_backward(&s, d, (uint8_t *)arg, x)));
    report(name, "backward", (double)n, n + n / 2 + n / 16, best);
    fg_free(x);
    fg_free(y);
    fg_free(d);
    fg_free(arg);
}

static void total(const char *model)
{
    printf("%-34s %-10s %12.0f samples/s if these were all\n\n", model, "sum", (double)B / TOTAL_S);
    TOTAL_S = 0.0;
}

struct layer {
    size_t in, n, np;
    float *w, *bias, *y, *d;
};

/* One SGD step of dense layers with ReLU between them, softmax cross-entropy at the end. */
static void step(struct layer *l, size_t layers, const float *x, const int32_t *label, float *loss)
{
    float a = -0.05f;
    for (size_t i = 0; i < layers; i++) {
        const float *from = i ? l[i - 1].y : x;
        K->dense_forward(from, fg_kernel_pad(l[i].in), l[i].w, l[i].bias, l[i].y, B, l[i].in, l[i].np);
        if (i + 1 < layers) {
            K->relu_forward(l[i].y, l[i].y, B * l[i].np);
        }
    }
    struct layer *top = l + layers - 1;
    K->softmax_xent(top->y, label, B, top->n, top->np, 1.0f / (float)B, top->d, loss, NULL);
    for (size_t i = layers; i-- > 0;) {
        if (i) {
            K->dense_backward_input(l[i].d, l[i].w, l[i - 1].d, l[i - 1].np, B, l[i].in, l[i].np, l[i].n);
            K->relu_backward(l[i - 1].y, l[i - 1].d, l[i - 1].d, B * l[i - 1].np);
        }
        K->dense_sgd(i ? l[i - 1].y : x, fg_kernel_pad(l[i].in), l[i].d, a, l[i].w, B, l[i].in, l[i].np);
        K->column_sum_sgd(l[i].d, B, l[i].np, a, l[i].bias);
    }
}

static void model(const char *name, const size_t *sizes, size_t layers)
{
    struct layer l[4];
    double flop = 0.0, best;
    enum { BATCHES = 32, STEPS = 100 };
    float *x = floats(BATCHES * B * fg_kernel_pad(sizes[0])), *loss = floats(B);
    int32_t *label = fg_calloc(B, sizeof *label);
    for (size_t i = 0; i < layers; i++) {
        l[i] = (struct layer){.in = sizes[i], .n = sizes[i + 1], .np = fg_kernel_pad(sizes[i + 1])};
        l[i].w = floats(l[i].in * l[i].np);
        K->scale(0.1f, l[i].w, l[i].w, l[i].in * l[i].np);
        l[i].bias = floats(l[i].np);
        l[i].y = floats(B * l[i].np);
        l[i].d = floats(B * l[i].np);
        flop += (i ? 6.0 : 4.0) * (double)(l[i].in * l[i].n);
    }
    BEST(best, for (size_t t = 0; t < STEPS; t++)
                   step(l, layers, x + t % BATCHES * B * fg_kernel_pad(sizes[0]), label, loss));
    double rate = (double)(B * STEPS) / best;
    double peak = bench_peak(K, 3);
    printf("%-34s %-10s %12.0f samples/s %8.1f GFLOP/s", name, "step", rate, rate * flop * 1e-9);
    printf(peak > 0.0 ? " %5.1f%%\n" : "\n", 100.0 * rate * flop / peak);
    for (size_t i = 0; i < layers; i++) {
        fg_free(l[i].w);
        fg_free(l[i].bias);
        fg_free(l[i].y);
        fg_free(l[i].d);
    }
    fg_free(x);
    fg_free(loss);
    fg_free(label);
}

int main(int argc, char **argv)
{
    K = fg_kernels_get(argc > 1 ? argv[1] : "auto",
                       argc > 3 && strcmp(argv[3], "bf16") == 0 ? FG_BF16 : FG_EXACT);
    B = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 10;
    if (!K || B == 0) {
        fprintf(stderr, "usage: bench_kernels [auto|avx512|avx2|reference] [batch]; or not on this CPU\n");
        return 2;
    }
    fg_rng_init(&RNG, 1, FG_RNG_TEST, 0, 0);
    if (!bench_limits_measure(&LIMITS, K)) {
        return 1;
    }
    printf("%s, batch %zu, multiply-add peak %.1f GFLOP/s; L1 %.0f, L2 %.0f, L3 %.0f, memory %.0f GB/s\n\n",
           K->name, B, LIMITS.flops * 1e-9, LIMITS.bytes_s[BENCH_L1] * 1e-9, LIMITS.bytes_s[BENCH_L2] * 1e-9,
           LIMITS.bytes_s[BENCH_L3] * 1e-9, LIMITS.bytes_s[BENCH_MEMORY] * 1e-9);

    dense("2NN 784-200", 784, 200, 1);
    dense("2NN 200-200", 200, 200, 0);
    dense("2NN 200-10", 200, 10, 0);
    total("2NN");
    conv("CNN 5x5 1-32, 28x28 same", 28, 2, 1, 32, 5, 1);
    pool("CNN pool 28x28x32", 28, 32);
    conv("CNN 5x5 32-64, 14x14 same", 14, 2, 32, 64, 5, 0);
    pool("CNN pool 14x14x64", 14, 64);
    dense("CNN 3136-512", 3136, 512, 0);
    dense("CNN 512-10", 512, 10, 0);
    total("McMahan CNN");
    conv("LeNet 5x5 3-6, 32x32 valid", 32, 0, 3, 6, 5, 1);
    pool("LeNet pool 28x28x6", 28, 6);
    conv("LeNet 5x5 6-16, 14x14 valid", 14, 0, 6, 16, 5, 0);
    pool("LeNet pool 10x10x16", 10, 16);
    dense("LeNet 400-120", 400, 120, 0);
    dense("LeNet 120-84", 120, 84, 0);
    dense("LeNet 84-10", 84, 10, 0);
    total("LeNet-5 CIFAR");
    model("softmax 784-10", (const size_t[]){784, 10}, 1);
    model("2NN 784-200-200-10", (const size_t[]){784, 200, 200, 10}, 3);
    return 0;
}
