/* The trainer of devices: whole cohorts at once, a lane a client, with the bits of the CPU trainer.
 *
 * A cohort is cut into waves that fit into the device's memory; where an allocation fails all the same, the wave is
 * halved. In a wave the lanes are ordered by their last step, so that those that still work are always the first ones.
 * The stop flag is asked between launches of a few steps. A device that fails ends the run with FG_E_IO: the worker
 * is given up as any other that dies, and its tasks are done elsewhere.
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
                                        struct fg_device *device, struct fg_err *err) FG_NODISCARD;

/* Keep a data set on the device for the life of the trainer, which it must outlive; others are brought there for every
 * run. */
enum fg_status fg_trainer_device_keep(struct fg_trainer *base, const struct fg_dataset *data,
                                      struct fg_err *err) FG_NODISCARD;

/* Bytes of device memory a client of n samples takes that does `epochs` passes over them. */
enum fg_status fg_trainer_device_estimate(uint64_t *bytes, const struct fg_model *model,
                                          const struct fg_local_opts *opts, uint32_t n, uint32_t epochs,
                                          struct fg_err *err) FG_NODISCARD;

#endif
