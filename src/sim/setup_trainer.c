/* Which trainer: worker.device. */
#include <string.h>

#include "kernels/cuda.h"
#include "src/base/str.h"
#include "src/sim/setup.h"
#include "src/worker/trainer_device.h"

/* Tasks at once on a device, chosen: a host buffer of the model's size each; waves of it are what memory allows. */
enum { DEVICE_WIDTH = 64 };

/* "cuda" and "cuda:N" */
static bool read_number(int *out, const char *text)
{
    *out = 0;
    if (*text == '\0') {
        return true;
    }
    if (*text++ != ':' || *text == '\0') {
        return false;
    }
    for (; *text >= '0' && *text <= '9' && *out < 1000; text++) {
        *out = *out * 10 + (*text - '0');
    }
    return *text == '\0';
}

static enum fg_status find_device(struct fg_device **out, const struct fg_config *c, struct fg_err *err)
{
    const char *name = c->worker.device;
    int number = 0;
    *out = NULL;
    if (strcmp(name, "cpu") == 0 || (strcmp(name, "auto") == 0 && fg_cuda_device_count() == 0)) {
        return FG_OK;
    }
    if (strcmp(name, "emulated") == 0) {
        const struct fg_emulation how = {.memory_bytes = 1u << 30, .threads = 32};
        return fg_device_emulated(out, &how, err);
    }
    if (strcmp(name, "auto") != 0 && (strncmp(name, "cuda", 4) != 0 || !read_number(&number, name + 4))) {
        return fg_config_reject(c, "worker.device", err, "cpu, auto, cuda, cuda:N or emulated");
    }
    enum fg_status st = fg_device_cuda(out, number, err);
    return st == FG_OK ? st
                       : fg_fail_prefix(err, st, "%s: worker.device", fg_config_where(c, "worker.device"));
}

enum fg_status fg_setup_trainer(struct fg_trainer **out, unsigned *width, const struct fg_config *c,
                                const struct fg_model *model, const struct fg_local_opts *local,
                                const struct fg_dataset *data, struct fg_err *err)
{
    struct fg_device *d;
    const struct fg_kernels *kernels;
    enum fg_status st = find_device(&d, c, err);
    if (st != FG_OK) {
        return st;
    }
    if (d == NULL) {
        *width = fg_setup_threads(c);
        st = fg_setup_kernels(&kernels, c, err);
        return st == FG_OK ? fg_trainer_create_cpu(out, model, local, c->run.seed, *width, kernels, err) : st;
    }
    if (c->train.arithmetic != FG_OPT_ARITHMETIC_EXACT) {
        d->ops->destroy(d);
        return fg_fail(err, FG_E_UNSUPPORTED, "%s: worker.device: devices have exact arithmetic only",
                       fg_config_where(c, "worker.device"));
    }
    *width = DEVICE_WIDTH;
    st = fg_trainer_create_device(out, model, local, c->run.seed, d, err);
    if (st == FG_OK && data != NULL) {
        st = fg_trainer_device_keep(*out, data, err);
        if (st != FG_OK) {
            fg_trainer_destroy(*out);
            *out = NULL;
        }
    }
    return st;
}
