/* A ragged cohort on a device: the emulated one, or the CUDA device where a test says so.
 * What fails ends the test. */
#ifndef FG_TESTS_LIB_TOYDEVICE_H
#define FG_TESTS_LIB_TOYDEVICE_H

#include "kernels/cuda.h"
#include "src/wire/codec.h"
#include "src/worker/trainer_device.h"
#include "tests/lib/toytrain.h"

enum { TOY_JOBS = 7, TOY_WAYS = 4, TOY_FIRST = 10 }; /* the first client of a cohort */

extern const struct fg_emulation toy_plain;
extern const struct fg_local_opts
    toy_ways[TOY_WAYS]; /* batches, momentum, decay, clipping, the proximal term */
extern bool toy_cuda;   /* of `how` only which way it goes counts then */

/* How many of the tests failed on the emulated device, left out with FG_TEST_DEVICE=cuda. */
#define toy_emulated(tests) (toy_only_cuda() ? 0 : cmocka_run_group_tests(tests, NULL, NULL))
bool toy_only_cuda(void);

/* How many failed on the CUDA device, from now on; where there is none this is said, and none did. */
#define toy_on_gpu(tests) (toy_has_gpu() ? cmocka_run_group_tests(tests, NULL, NULL) : 0)
bool toy_has_gpu(void);

/* Owner: the caller, ops->destroy(). */
struct fg_device *toy_device(struct fg_emulation how);

/* A device trainer of seed 42. */
struct fg_trainer *toy_on_device(const struct fg_model *m, const struct fg_local_opts *o,
                                 enum fg_arithmetic arithmetic, struct fg_emulation how);

/* Shards, steps, rates, an empty shard, two evaluations. Shapes: jobs (TOY_JOBS), w (P), deltas (TOY_JOBS,
 * P). */
void toy_cohort(struct fg_job *jobs, const struct fg_dataset *d, const uint32_t *index, const float *w,
                float *deltas, size_t P);

/* A task of 12 steps, and a trainer of each kind for it. Owner: the caller, toy_task_end(). */
struct toy_task {
    struct fg_dataset *d;
    uint32_t *index;
    struct fg_model *m;
    size_t P;
    float *w; /* (3, P) the start, its update, room for another */
    struct fg_trainer *cpu, *dev;
    struct fg_job whole; /* as the CPU did it */
};
struct toy_task toy_task(void);
struct fg_job toy_task_again(const struct toy_task *t); /* into the room */
void toy_task_end(struct toy_task *t);

/* The cohort and an evaluation have the bits of the CPU trainer's. */
void toy_device_compare(const struct fg_dataset *d, const char *layers, const struct fg_local_opts *o,
                        struct fg_emulation how);

/* How updates of a model are encoded, and what an update becomes by codecs that need no bytes for it.
 * Shapes: layer (TOY_LAYERS) out, must outlive what is returned. */
enum { TOY_LAYERS = 16 };
struct fg_codec_opts toy_coding(const struct fg_model *m, size_t layer[TOY_LAYERS]);

#endif
