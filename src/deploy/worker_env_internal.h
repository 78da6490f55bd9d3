/* Inside of a worker's environment: worker_env.c (life, configuring, shards), worker_jobs.c (tasks). */
#ifndef FG_DEPLOY_WORKER_ENV_INTERNAL_H
#define FG_DEPLOY_WORKER_ENV_INTERNAL_H

#include "src/deploy/worker_env.h"
#include "src/deploy/worker_sums.h"
#include "src/net/notice.h"
#include "src/sim/setup.h"
#include "src/store/shard_cache.h"
#include "src/worker/kept.h"

/* One task's place in a cohort: its update, and what it is encoded with. */
struct seat {
    struct fg_worker_env_state *owner;
    float *delta;   /* (P) */
    uint8_t *bytes; /* (bound(P)) */
    size_t len;
    enum fg_seen seen;     /* in an update that is sent as floats */
    struct fg_codec_ws ws; /* .kept: (P), owned, where clients keep something */
    uint32_t reset;
    struct fg_dataset *shard;          /* movable placement: the task's own data */
    uint32_t *index;                   /* (n) all of them */
    struct fg_train_state from, state; /* to go on from; where it was stopped */
    struct fg_str state_bytes;
    double *scores;    /* of a piece of the server's evaluation: losses, then uint32_t, */
    size_t cap_scores; /* for so many samples */
    struct fg_err err;
};

struct fg_worker_env_state {
    struct fg_config cfg;
    bool have_cfg;
    struct fg_setup *setup; /* fixed placement */
    struct fg_model *model; /* movable placement: owned; else the setup's */
    const struct fg_codec *codec;
    struct fg_codec_opts coding;
    struct fg_kept *kept;        /* NULL: the codec has clients keep nothing */
    struct fg_worker_sums *sums; /* NULL: updates go up */
    size_t bound;                /* bytes of an encoded update */
    bool codes;                  /* a device may draw them, of */
    struct fg_rounded levels;
    struct fg_trainer *trainer;
    size_t P;
    enum { HAND_NOTHING, HAND_STATE, HAND_UPDATE } on_stop; /* what a task that was stopped gives */
    struct fg_notice *notice;                               /* NULL: nothing to look for */
    struct fg_fleet *pace;                                  /* of the clients seen so far, under drive.pace */
    struct seat *seat;
    struct fg_job *job;
    size_t n_seats;
    struct fg_shard_cache *shards; /* movable placement; NULL: none are kept */
    struct fg_str shard;           /* found last */
};

/* fg_worker_env.run */
void worker_env_run(void *arg, const struct fg_session_job *jobs, size_t n, struct fg_session_answer *answers,
                    atomic_int *stop);

/* What one cohort left in a seat. */
void worker_env_clear(struct seat *s);

#endif
