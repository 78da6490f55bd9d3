/* Which device a process trains on: worker.device. */
#ifndef FG_SIM_SETUP_DEVICE_H
#define FG_SIM_SETUP_DEVICE_H

#include <stdbool.h>

#include "kernels/device.h"
#include "src/config/config.h"

/* The device of this process, NULL: the CPU. Of a list, processes of one run on one machine take the items in
 * turn: the first free place counts, and a place is free again when its process has ended.
 *
 * Errors: FG_E_CONFIG for a name that is none, anywhere in the list;
 * FG_E_UNSUPPORTED without that device; FG_E_NOMEM.
 * Owner:  the caller, destroy(). Thread safety: one caller. */
enum fg_status fg_setup_device(struct fg_device **out, const struct fg_config *c,
                               struct fg_err *err) FG_NODISCARD;

/* Whether it is of different kinds in different processes or machines: a list of more than one kind,
 * or auto. */
bool fg_setup_device_varies(const struct fg_config *c);

#endif
