/* Inside of the device trainer: the trainer itself, and jobs as lanes. */
#ifndef FG_WORKER_TRAINER_DEVICE_INTERNAL_H
#define FG_WORKER_TRAINER_DEVICE_INTERNAL_H

#include "src/model/program.h"
#include "src/worker/trainer_device.h"
#include "src/worker/trainer_resident.h"
#include "src/worker/trainer_wave.h"

enum { FG_DEVICE_BLOCK = 256 }; /* samples whose losses are summed first, as the CPU trainer does: a lane */

struct fg_device_trainer {
    struct fg_trainer base;
    const struct fg_model *m;
    struct fg_local_opts opts;
    uint64_t seed;
    uint32_t positions;
    struct fg_device *d;
    struct fg_program train, score;
    void *train_op, *score_op; /* on the device */
    struct fg_stays *stays;    /* NULL: nothing stayed yet */
    struct fg_resident *kept;  /* (n_kept) */
    size_t n_kept, cap_kept;
};

/* What a training program is made of. */
struct fg_program_opts fg_device_program_opts(const struct fg_local_opts *o);

/* Parameters that jobs begin with, once for all of them. */
struct fg_shared {
    const float *of; /* (P) NULL: they are only */
    struct fg_there at;
    const float *there; /* packed, the device's; NULL: they are not there */
    float *packed;      /* the host's; NULL: nobody asked for them yet */
    float *fetched;     /* (P) the same, of those that are only there */
};

/* A job and its lane's buffers; all zero where it has none. */
struct fg_job_lane {
    struct fg_job *job;
    const float *begin;               /* (P) that it begins with, where its update comes back */
    float *params, *velocity, *first; /* packed; params: what the lane came to */
    uint32_t *order;
    double *score_loss;
    uint32_t *score_right;
    uint64_t seen; /* positions before */
};

/* Whether a job's update may stay where it is made; whether it may be made there at all, to stay or to come
 * as codes; and whether its lane can do with parameters that are on the device. */
bool fg_job_may_stay(const struct fg_job *job);
bool fg_job_made_there(const struct fg_job *job);
bool fg_job_takes_there(const struct fg_job *job);

/* Make the lane of a job; its packed parameters: the device's, or else the host's. Errors: FG_E_SHAPE for a
 * state of another task; FG_E_NOMEM. Owner: the caller, fg_job_lane_fini(), also on failure. */
enum fg_status fg_job_lane_init(struct fg_job_lane *j, struct fg_wave_lane *w,
                                const struct fg_device_trainer *t, struct fg_job *job, const float *there,
                                const float *packed) FG_NODISCARD;
void fg_job_lane_fini(struct fg_job_lane *j);

/* Fill in the lower half of the job from what its lane came to. */
void fg_job_lane_done(struct fg_job_lane *j, struct fg_wave_lane *w, const struct fg_device_trainer *t);

#endif
