/* A model as a program for devices (kernels/device.h): training steps, or evaluation.
 *
 * The operations and, in FG_EXACT, the order of sums are those of fg_net,
 * so a lane ends with the bits of the CPU trainer.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_MODEL_PROGRAM_H
#define FG_MODEL_PROGRAM_H

#include "kernels/device.h"
#include "src/model/model.h"

/* What a step does with its gradient; all zero: w += -lr g at once. As fg_local_opts. */
struct fg_program_opts {
    uint32_t batch; /* samples a step; 0: any number */
    float momentum, weight_decay, clip, prox_mu;
    bool evaluate; /* no step: losses and right answers of each sample */
    enum fg_arithmetic arithmetic;
};

/* A lane's memory begins with its packed parameters.
 *
 * Errors:  FG_E_UNSUPPORTED if a lane would need 2^32 floats or more; FG_E_NOMEM.
 * Owner:   the caller, fg_program_fini().
 */
enum fg_status fg_model_program(struct fg_program *out, const struct fg_model *m,
                                const struct fg_program_opts *opts, struct fg_err *err) FG_NODISCARD;
void fg_program_fini(struct fg_program *p);

#endif
