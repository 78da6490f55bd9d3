/* Short cuts of the trainer's tests; what fails ends the test. */
#ifndef FG_TESTS_LIB_TOYTRAIN_H
#define FG_TESTS_LIB_TOYTRAIN_H

#include "src/worker/trainer.h"
#include "tests/lib/toydata.h"

/* A model for these data, initialised by glorot_uniform. */
struct fg_model *toy_model(const struct fg_dataset *d, const char *layers);

/* A CPU trainer of seed 42. */
struct fg_trainer *toy_trainer(const struct fg_model *m, const struct fg_local_opts *o, unsigned threads,
                               const char *kernels);

/* 0..n-1; the caller's to free. */
uint32_t *toy_iota(uint32_t n);

/* A training task of client 5, its third. */
struct fg_job toy_job(const struct fg_dataset *d, const uint32_t *index, uint32_t n, uint32_t steps, float lr,
                      const float *params, float *delta);

void toy_run(struct fg_trainer *t, struct fg_job *jobs, size_t n);

#endif
