/* The models that are measured, each with data of its shape: random bytes, on which no speed depends.
 *
 * For programs that measure: what cannot be had ends them.
 */
#ifndef FG_BENCH_CASE_H
#define FG_BENCH_CASE_H

#include "src/worker/trainer.h"

enum { BENCH_SAMPLES = 640, BENCH_CASES = 6, BENCH_PATH = 1024 };

struct bench_case {
    const char *name;
    struct fg_dataset data;
    uint8_t *x;
    uint16_t *y;
    struct fg_model *model;
    float *w; /* (P) */
    size_t P;
    double flop_train,
        flop_forward; /* a sample of the unpadded model: 6 and 2 a multiply-add, 4 in the first layer */
    uint32_t index[BENCH_SAMPLES]; /* 0.. */
};

const char *bench_case_name(size_t which);
void bench_case_make(struct bench_case *b, size_t which);
void bench_case_clear(struct bench_case *b);

/* p unless it is NULL; nothing unless st is an error. */
void *bench_need(void *p);
void bench_must(enum fg_status st, const struct fg_err *err);

/* A new folder for temporary files, in $TMPDIR or /tmp. */
void bench_folder(char path[BENCH_PATH], const char *name);

#endif
