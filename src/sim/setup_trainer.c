/* Which trainer: worker.device. */
#include "src/sim/setup.h"
#include "src/sim/setup_device.h"
#include "src/worker/trainer_device.h"

enum fg_status fg_setup_trainer(struct fg_trainer **out, struct fg_setup_hands *hands,
                                const struct fg_config *c, const struct fg_model *model,
                                const struct fg_local_opts *local, const struct fg_dataset *data,
                                struct fg_err *err)
{
    static const enum fg_arithmetic of[] = {FG_EXACT, FG_BF16, FG_TF32}; /* FG_OPT_ARITHMETIC_... */
    enum fg_arithmetic arithmetic = of[c->train.arithmetic];
    struct fg_device *d;
    const struct fg_kernels *kernels;
    enum fg_status st = fg_setup_device(&d, c, err);
    if (st != FG_OK) {
        return st;
    }
    if (arithmetic != FG_EXACT && (fg_setup_device_varies(c) || (d == NULL && arithmetic == FG_TF32))) {
        if (d != NULL) {
            d->ops->destroy(d);
        }
        return fg_config_reject(c, "train.arithmetic", err,
                                d == NULL && arithmetic == FG_TF32
                                    ? "exact or bf16 where worker.device is cpu"
                                    : "exact where worker.device is auto or a list of several kinds");
    }
    if (d == NULL) {
        *hands = (struct fg_setup_hands){fg_setup_threads(c), true};
        st = fg_setup_kernels(&kernels, c, err);
        return st == FG_OK
                   ? fg_trainer_create_cpu(out, model, local, c->run.seed, hands->cohort, kernels, err)
                   : st;
    }
    *hands = (struct fg_setup_hands){FG_SETUP_DEVICE_WIDTH, false};
    st = fg_trainer_create_device(out, model, local, c->run.seed, arithmetic, d, err);
    if (st == FG_OK && data != NULL) {
        st = fg_trainer_device_keep(*out, data, err);
        if (st != FG_OK) {
            fg_trainer_destroy(*out);
            *out = NULL;
        }
    }
    return st;
}
