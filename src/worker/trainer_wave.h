/* One wave of the device trainer: lanes that fit into the device's memory, run to their ends.
 *
 * Thread safety: one thread a device.
 */
#ifndef FG_WORKER_TRAINER_WAVE_H
#define FG_WORKER_TRAINER_WAVE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "kernels/device.h"
#include "src/base/time.h"
#include "src/worker/trainer_stay.h"

/* A lane and what the host keeps of it. */
struct fg_wave_lane {
    struct fg_lane lane; /* its memory, order, data and scores are the wave's to set */
    const struct fg_device_data *data;
    const float
        *params; /* packed, the host's, into the beginning of its memory; NULL: lane.params is set, or */
    const float *there;    /* the same, the device's */
    const float *velocity; /* packed, or NULL for zeros */
    const float *first;    /* packed: the parameters at the start of the task; NULL: params */
    uint32_t *order;       /* (n_order) */
    size_t n_order;
    double *score_loss;    /* (lane.n) out, evaluation; else NULL */
    uint32_t *score_right; /* (lane.n) out */
    fg_time_t step_us;     /* a step takes at least so long */
    float *out_params;     /* packed out, or NULL */
    /* its update, if all of the wave may; it begins with the model of `stays`; else out_params is made */
    bool may_stay;
    struct fg_stay *stay; /* out: the update, which stayed; the caller's to drop */
    /* or its codes (fg_stays_codes()), if all of the wave have such a place and came to their ends; NULL: not
     * wanted */
    uint8_t *codes;
    bool coded;          /* out: they are there */
    size_t mark;         /* the caller's */
    float *out_velocity; /* packed out, or NULL */
    uint32_t steps;      /* out: done in all */
};

/* Run lanes (n) in waves; those that are done are so in memory when it returns, interrupted or not.
 *
 * lanes are put in another order. stays: where updates may stay, NULL: nowhere.
 * *stop ends it between two launches.
 * Errors:  FG_E_NOMEM if not even one lane fits; FG_E_IO if the device fails; FG_E_INTERRUPTED.
 */
enum fg_status fg_waves_run(struct fg_device *d, const struct fg_program *p, const struct fg_op *op,
                            struct fg_wave_lane *lanes, size_t n, struct fg_stays *stays, atomic_int *stop,
                            struct fg_err *err) FG_NODISCARD;

/* Device memory that a lane takes, and a wave beside its lanes. */
uint64_t fg_wave_lane_bytes(const struct fg_program *p, uint64_t n_order, uint64_t scored);
enum { FG_WAVE_BYTES = 3 };

/* Whether so many bytes of lanes are tried where so many are free: a sixteenth is left. */
bool fg_wave_fits(uint64_t bytes, uint64_t free_bytes);

#endif
