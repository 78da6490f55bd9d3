/* Data sets in device memory, for the device trainer.
 *
 * Thread safety: one thread a device.
 */
#ifndef FG_WORKER_TRAINER_RESIDENT_H
#define FG_WORKER_TRAINER_RESIDENT_H

#include "datasets/dataset.h"
#include "kernels/device.h"

struct fg_resident {
    const struct fg_dataset *of;
    const struct fg_device_data *view; /* the device's pointer */
    void *owned[5];
};

/* Bring a data set to the device, bytes as bytes. Errors: FG_E_NOMEM, FG_E_IO. Owner: the caller,
 * fg_resident_drop(). */
enum fg_status fg_resident_put(struct fg_resident *out, struct fg_device *d, const struct fg_dataset *data,
                               struct fg_err *err) FG_NODISCARD;
void fg_resident_drop(struct fg_resident *r, struct fg_device *d);

/* Bytes that n samples like its take there. */
uint64_t fg_resident_bytes(const struct fg_dataset *data, uint64_t n);

/* Allocate on the device and copy there. */
enum fg_status fg_device_copy(void **out, struct fg_device *d, const void *from, size_t bytes,
                              struct fg_err *err) FG_NODISCARD;

#endif
