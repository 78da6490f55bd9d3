/* How fast clients train on one core: whole tasks through the trainer, batches gathered, updates returned.
 *
 *     make bench/bench_train && bench/bench_train [auto|avx512|avx2|reference] [batch] [exact|bf16] [model...]
 *
 * Samples/s of CPU time, the best of several tasks; FLOP are those of the unpadded model: 6 a multiply-add, 4
 * in the first layer, which needs no input gradient.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peak.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/worker/trainer.h"

enum { SAMPLES = 600 };

static const char *KERNELS = "auto";
static uint32_t BATCH = 10;
static enum fg_arithmetic ARITHMETIC = FG_EXACT;

static const struct {
    const char *model;
    struct fg_dataset data; /* as far as the shape goes */
} cases[] = {
    {"softmax", {.kind = FG_DATA_IMAGE, .shape = {28, 28, 1}, .width = 784, .label_width = 1, .classes = 10}},
    {"2nn", {.kind = FG_DATA_IMAGE, .shape = {28, 28, 1}, .width = 784, .label_width = 1, .classes = 10}},
    {"lenet5", {.kind = FG_DATA_IMAGE, .shape = {32, 32, 3}, .width = 3072, .label_width = 1, .classes = 10}},
    {"mcmahan_cnn",
     {.kind = FG_DATA_IMAGE, .shape = {28, 28, 1}, .width = 784, .label_width = 1, .classes = 10}},
    {"pfl_cnn",
     {.kind = FG_DATA_IMAGE, .shape = {32, 32, 3}, .width = 3072, .label_width = 1, .classes = 10}},
    {"char_lstm",
     {.kind = FG_DATA_TOKENS, .shape = {80, 1, 1}, .width = 80, .label_width = 80, .classes = 90}},
};

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static void fill(struct fg_dataset *d, uint8_t *x, uint16_t *y)
{
    static const float scale[3] = {1.0f / 255, 1.0f / 255, 1.0f / 255}, shift[3] = {0};
    struct fg_rng rng;
    fg_rng_init(&rng, 1, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; i < SAMPLES * d->width; i++) {
        x[i] = (uint8_t)fg_rng_below(&rng, d->kind == FG_DATA_TOKENS ? d->classes : 256);
    }
    for (size_t i = 0; i < SAMPLES * (size_t)d->label_width; i++) {
        y[i] = (uint16_t)fg_rng_below(&rng, d->classes);
    }
    d->dtype = FG_U8;
    d->n = d->n_train = SAMPLES;
    d->x = x;
    d->y = y;
    d->channels = d->kind == FG_DATA_IMAGE ? d->shape[2] : 1;
    d->scale = scale;
    d->shift = shift;
}

/* Least CPU seconds of one task of `steps` steps. */
static double best_task(struct fg_trainer *t, struct fg_job *job)
{
    double best = 1e9, spent = 0;
    for (int i = 0; i < 5 || spent < 0.3; i++) {
        double begin = bench_now_s();
        if (fg_trainer_run(t, job, 1, NULL, NULL) != FG_OK) {
            exit(1);
        }
        double s = bench_now_s() - begin;
        spent += s;
        best = s < best ? s : best;
    }
    return best;
}

static void measure(size_t which)
{
    struct fg_dataset d = cases[which].data;
    struct fg_model_input in = fg_trainer_input(&d);
    struct fg_model *m = NULL;
    struct fg_trainer *t = NULL;
    struct fg_err err = {""};
    struct fg_local_opts opts = {.batch = BATCH};
    uint8_t *x = need(fg_calloc(SAMPLES, d.width));
    uint16_t *y = need(fg_calloc(SAMPLES * (size_t)d.label_width, sizeof *y));
    uint32_t index[SAMPLES];
    uint64_t macs, first;
    fill(&d, x, y);
    if (fg_model_create(&m, cases[which].model, &in, NULL, &err) != FG_OK ||
        fg_trainer_create_cpu(&t, m, &opts, 1, 1, fg_kernels_get(KERNELS, ARITHMETIC), &err) != FG_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    fg_model_macs(m, &macs, &first);
    double flop = 6.0 * (double)macs - 2.0 * (double)first;
    size_t P = fg_model_params(m);
    float *w = need(fg_calloc(P, sizeof *w)), *delta = need(fg_calloc(P, sizeof *delta));
    /* About 0.1 s at 50 GFLOP/s, at most one epoch of 600 samples (the client of MNIST IID). */
    double want = 5e9 / flop;
    uint32_t n = want > SAMPLES ? SAMPLES : want < 2.0 * BATCH ? 2 * BATCH : (uint32_t)want;
    n = n / BATCH * BATCH;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        index[i] = i;
    }
    fg_model_init(m, 1, w);
    struct fg_job job = {.data = &d,
                         .index = index,
                         .n = n,
                         .params = w,
                         .delta = delta,
                         .task = {.kind = FG_TASK_TRAIN, .steps = n / BATCH, .lr = 0.01f}};
    double rate = (double)n / best_task(t, &job), peak = bench_peak(fg_kernels_get(KERNELS, ARITHMETIC), 10);
    printf("%-12s %9zu %9.3f %12.0f %9.1f", cases[which].model, P, flop * 1e-6, rate, rate * flop * 1e-9);
    printf(peak > 0 ? " %7.1f%%\n" : "\n", 100 * rate * flop / peak);
    fflush(stdout);
    fg_free(w);
    fg_free(delta);
    fg_free(x);
    fg_free(y);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
}

int main(int argc, char **argv)
{
    KERNELS = argc > 1 ? argv[1] : "auto";
    BATCH = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10;
    int models = argc > 3 && (strcmp(argv[3], "exact") == 0 || strcmp(argv[3], "bf16") == 0) ? 4 : 3;
    ARITHMETIC = models == 4 && strcmp(argv[3], "bf16") == 0 ? FG_BF16 : FG_EXACT;
    const struct fg_kernels *k = fg_kernels_get(KERNELS, ARITHMETIC);
    if (k == NULL || BATCH == 0 || BATCH > SAMPLES) {
        fprintf(stderr, "usage: bench_train [auto|avx512|avx2|reference] [batch] [exact|bf16] [model...]; or "
                        "not on this CPU\n");
        return 2;
    }
    printf("%s, batch %u, multiply-add peak %.1f GFLOP/s\n", k->name, BATCH, bench_peak(k, 30) * 1e-9);
    printf("%-12s %9s %9s %12s %9s %8s\n", "model", "params", "MFLOP", "samples/s", "GFLOP/s", "of peak");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int wanted = argc <= models;
        for (int a = models; a < argc; a++) {
            wanted |= strcmp(argv[a], cases[i].model) == 0;
        }
        if (wanted) {
            measure(i);
        }
    }
    return 0;
}
