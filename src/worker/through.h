/* Updates on their way through a codec: what becomes of them, so that a simulation has what the other end of
 * the wire would read. */
#ifndef FG_WORKER_THROUGH_H
#define FG_WORKER_THROUGH_H

#include <pthread.h>

#include "src/wire/codec.h"
#include "src/worker/trainer.h"
#include "src/worker/trainer_rounding.h"

/* What becomes of an update of the model that `coding` is of, where the codec needs no bytes for that; and
 * where it can be told by codes, which have room in the place of its P floats. Neither where `coding` does
 * not say what layers there are. Pure. */
bool fg_codec_rounded(struct fg_rounded *out, const struct fg_codec *codec,
                      const struct fg_codec_opts *coding);
bool fg_codec_coded(struct fg_rounded *out, const struct fg_codec *codec, const struct fg_codec_opts *coding,
                    size_t P);

struct fg_encoder;

/* A codec's scratch, for as many threads as ever needed it at once. */
struct fg_through {
    const struct fg_codec *codec;
    struct fg_codec_opts coding;
    size_t P;
    pthread_mutex_t lock; /* of `encoders` */
    struct fg_encoder *encoders;
};

/* coding is copied; what it points at is borrowed. */
void fg_through_init(struct fg_through *t, const struct fg_codec *codec, const struct fg_codec_opts *coding,
                     size_t P);
void fg_through_fini(struct fg_through *t);

/* The job's delta (P), or its codes, become the delta that is read of it. kept: (P) what its client keeps,
 * in-out, or NULL. Thread safety: from several threads at once. Errors: FG_E_NOMEM, the codec's. */
enum fg_status fg_through_codec(struct fg_through *t, struct fg_job *job, float *kept,
                                uint64_t *wire_bytes) FG_NODISCARD;

#endif
