/* Models that go down as differences: one sequence of rounded models, made by the server, the same for all.
 *
 *   q_0 = x_0;   q_t+1 = q_t + g Q(x_t+1 - q_t)
 *
 * x_t are the server's models, Q is a codec, g for each layer the length at which the step comes nearest.
 * What Q rounds off is in the next difference (error feedback at the server), and no step leads away from x.
 * Clients train from q_t; whoever has q_s gets the steps from s to t while they are fewer bytes than the
 * model, else q_t as it is: the same bits. What Q draws comes from the stream (seed, FG_RNG_CODEC,
 * 2^32 - 1, t + 1), where no client is.
 *
 * Source: Gruntkowska, Tyurin, Richtarik, ICML 2023 (EF21-P); differs: the length g is that of the least
 * error, so that codecs without bias, too, shorten the difference. doc/algorithms/downlink.md.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WIRE_DOWN_H
#define FG_WIRE_DOWN_H

#include "src/base/bytes.h"
#include "src/wire/codec.h"

struct fg_down_config {
    const struct fg_codec *codec; /* NULL: models go down whole */
    struct fg_codec_opts coding;  /* `layer` is borrowed */
    size_t params;                /* P */
};

struct fg_down;

/* The sequence at version 0. Shapes: x (P), copied; NULL: nothing is learned, and steps have the size that
 * their codec expects. Errors: FG_E_NOMEM. Owner: the caller, fg_down_destroy() (NULL allowed). */
enum fg_status fg_down_create(struct fg_down **out, const struct fg_down_config *cfg,
                              const float *x) FG_NODISCARD;
void fg_down_destroy(struct fg_down *d);

/* One version on, towards x (P). Cost: encode, decode, four passes. Errors: FG_E_NOMEM, FG_E_INTERNAL. */
enum fg_status fg_down_advance(struct fg_down *d, const float *x) FG_NODISCARD;

/* The newest model (P), NULL where nothing is learned. */
const float *fg_down_model(const struct fg_down *d);
const struct fg_codec *fg_down_codec(const struct fg_down *d);

/* Bytes from version `from` to the newest: 0 if it is that, at most those of the whole model. */
uint64_t fg_down_due(const struct fg_down *d, uint64_t from);

/* The step that leads to a version: bytes, and the hash of the model after it. */
struct fg_down_step {
    const uint8_t *bytes;
    size_t len;
    uint64_t hash;
};

/* False: it is not kept. Valid until the next advance. */
bool fg_down_step(const struct fg_down *d, uint64_t version, struct fg_down_step *out);

/* What whoever has the version before makes of a step: q (P) becomes that of `version`. Shapes: scratch (P).
 * Errors: FG_E_CORRUPT, FG_E_NOMEM (q is as it was). */
enum fg_status fg_down_apply(struct fg_codec_ws *ws, const struct fg_codec *codec, uint64_t version, float *q,
                             float *scratch, size_t n, const uint8_t *bytes, size_t len) FG_NODISCARD;
uint64_t fg_down_hash(const float *q, size_t n);

/* The state as bytes and back into a fresh sequence: the model and the sizes of steps; the bytes of steps are
 * gone then, as whoever could use them is. Errors: FG_E_NOMEM; what is wrong makes the reader bad. */
enum fg_status fg_down_save(const struct fg_down *d, struct fg_str *out) FG_NODISCARD;
enum fg_status fg_down_load(struct fg_down *d, uint64_t version, struct fg_reader *in) FG_NODISCARD;

#endif
