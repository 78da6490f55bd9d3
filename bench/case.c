#include "bench/case.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/base/rng.h"

static const struct {
    const char *model;
    struct fg_dataset data; /* as far as the shape goes */
} cases[BENCH_CASES] = {
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

void *bench_need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

void bench_must(enum fg_status st, const struct fg_err *err)
{
    if (st != FG_OK) {
        fprintf(stderr, "%s\n", err->text[0] != '\0' ? err->text : fg_status_text(st));
        exit(2);
    }
}

void bench_folder(char path[BENCH_PATH], const char *name)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(path, BENCH_PATH, "%.900s/%s.XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp", name);
    (void)bench_need(mkdtemp(path));
}

const char *bench_case_name(size_t which)
{
    return cases[which].model;
}

static void fill(struct bench_case *b)
{
    static const float scale[3] = {1.0f / 255, 1.0f / 255, 1.0f / 255}, shift[3] = {0};
    struct fg_dataset *d = &b->data;
    struct fg_rng rng;
    b->x = bench_need(fg_calloc(BENCH_SAMPLES, d->width));
    b->y = bench_need(fg_calloc(BENCH_SAMPLES * (size_t)d->label_width, sizeof *b->y));
    fg_rng_init(&rng, 1, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; i < BENCH_SAMPLES * d->width; i++) {
        b->x[i] = (uint8_t)fg_rng_below(&rng, d->kind == FG_DATA_TOKENS ? d->classes : 256);
    }
    for (size_t i = 0; i < BENCH_SAMPLES * (size_t)d->label_width; i++) {
        b->y[i] = (uint16_t)fg_rng_below(&rng, d->classes);
    }
    for (uint32_t i = 0; i < BENCH_SAMPLES; i++) {
        b->index[i] = i;
    }
    d->dtype = FG_U8;
    d->n = d->n_train = BENCH_SAMPLES;
    d->x = b->x;
    d->y = b->y;
    d->channels = d->kind == FG_DATA_IMAGE ? d->shape[2] : 1;
    d->scale = scale;
    d->shift = shift;
}

void bench_case_make(struct bench_case *b, size_t which)
{
    struct fg_err err = {""};
    uint64_t macs, first;
    *b = (struct bench_case){.name = cases[which].model, .data = cases[which].data};
    struct fg_model_input in = fg_trainer_input(&b->data);
    bench_must(fg_model_create(&b->model, b->name, &in, NULL, &err), &err);
    fill(b);
    fg_model_macs(b->model, &macs, &first);
    b->flop_forward = 2.0 * (double)macs;
    b->flop_train = 6.0 * (double)macs - 2.0 * (double)first;
    b->P = fg_model_params(b->model);
    b->w = bench_need(fg_calloc(b->P, sizeof *b->w));
    fg_model_init(b->model, 1, b->w);
}

void bench_case_clear(struct bench_case *b)
{
    fg_free(b->w);
    fg_free(b->x);
    fg_free(b->y);
    fg_model_destroy(b->model);
}
