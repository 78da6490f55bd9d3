/* What a study takes of a GPU's memory, for `forage plan` and `forage doctor`. Thread safety: one caller. */
#ifndef FG_DEPLOY_DEVICE_NEED_H
#define FG_DEPLOY_DEVICE_NEED_H

#include "src/base/str.h"
#include "src/sim/setup.h"
#include "src/worker/trainer_device.h"

/* A round's clients, those with the most samples, as one process trains them:
 * at most FG_SETUP_DEVICE_WIDTH at once. */
struct fg_cmd_device {
    struct fg_device_need need; /* on the device that is here, else where there is more than enough */
    uint32_t clients;
    bool stays; /* updates do, as `forage simulate` has them */
    bool here;  /* there is a device, the first one counts: */
    uint64_t free_bytes, all_bytes;
    char name[80];
};

/* Errors: FG_E_UNSUPPORTED (a model too large), FG_E_NOMEM. The setup must have a model. */
enum fg_status fg_cmd_device_need(struct fg_cmd_device *out, const struct fg_setup *setup,
                                  struct fg_err *err) FG_NODISCARD;

/* Append it in words, one line. */
enum fg_status fg_cmd_device_text(struct fg_str *out, const struct fg_cmd_device *d) FG_NODISCARD;

#endif
