/* The trainer of devices: whole cohorts at once, a lane a client,
 * in FG_EXACT with the bits of the CPU trainer.
 *
 * A cohort is cut into waves that fit into the device's memory; where an allocation fails all the same, the
 * wave is halved. In a wave the lanes are ordered by their last step, so that those that still work are
 * always the first ones. The stop flag is asked between launches of a few steps. A device that fails ends the
 * run with FG_E_IO: the worker is given up as any other that dies, and its tasks are done elsewhere.
 *
 * Thread safety: one caller a trainer.
 */
#ifndef FG_WORKER_TRAINER_DEVICE_H
#define FG_WORKER_TRAINER_DEVICE_H

#include "kernels/device.h"
#include "src/worker/trainer.h"

/* A trainer on a device, which it takes over (on failure it is destroyed, too).
 *
 * Errors:  FG_E_CONFIG for settings out of range, FG_E_NOMEM, FG_E_UNSUPPORTED (a model too large), FG_E_IO.
 * Owner:   the caller, fg_trainer_destroy().
 */
enum fg_status fg_trainer_create_device(struct fg_trainer **out, const struct fg_model *model,
                                        const struct fg_local_opts *opts, uint64_t seed,
                                        enum fg_arithmetic arithmetic, struct fg_device *device,
                                        struct fg_err *err) FG_NODISCARD;

/* Keep a data set on the device for the life of the trainer, which it must outlive; others are brought there
 * for every run. */
enum fg_status fg_trainer_device_keep(struct fg_trainer *base, const struct fg_dataset *data,
                                      struct fg_err *err) FG_NODISCARD;

/* Work for a device, as far as its memory goes. */
struct fg_device_load {
    const struct fg_dataset *data; /* what a sample is */
    bool kept; /* all of it stays on the device; else each client's samples come with its task */
    const uint32_t *samples, *steps; /* (n) of the clients that train together */
    size_t n;
    size_t scored;         /* samples of an evaluation */
    uint64_t memory_bytes; /* free on the device before anything is there; UINT64_MAX: more than enough */
    uint64_t all_bytes;    /* that it has */
    bool stays;            /* updates may stay there until they are added up */
    bool coded;            /* or come back as codes */
    const struct fg_rounded *levels; /* what becomes of them; NULL: nothing else */
};

/* What it takes there, to the byte; what a driver needs for itself comes on top. */
struct fg_device_need {
    uint64_t fixed_bytes;           /* programs and samples, which are there all the time */
    uint64_t client_bytes;          /* the largest client */
    uint64_t cohort_bytes;          /* all clients at once */
    uint64_t evaluate_bytes;        /* the evaluation at once, its data included where they are not kept */
    uint64_t stay_bytes;            /* updates that stay, what it takes to make them, and their model */
    uint64_t peak_bytes;            /* at most at any moment, in waves that fit */
    uint32_t waves, evaluate_waves; /* in how many they go; 0: there is no room even for one client */
};

/* What fg_trainer_run() of these clients and fg_trainer_evaluate() allocate. Pure.
 *
 * Errors: FG_E_UNSUPPORTED (a model too large), FG_E_NOMEM. */
enum fg_status fg_trainer_device_need(struct fg_device_need *out, const struct fg_model *model,
                                      const struct fg_local_opts *opts, const struct fg_device_load *load,
                                      struct fg_err *err) FG_NODISCARD;

#endif
