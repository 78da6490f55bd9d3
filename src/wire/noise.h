/* What the codecs that draw share: the coders of this CPU and the stream of a task.
 *
 * Word e of a stream is word e % 4 of Philox block e / 4 of (seed, FG_RNG_CODEC, shard, number); a layer
 * begins at a multiple of FG_CODER_WORDS words.
 *
 * Thread safety: pure functions on the caller's workspace.
 */
#ifndef FG_WIRE_NOISE_H
#define FG_WIRE_NOISE_H

#include "kernels/coders.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

/* The stream of a task of a run with that seed. */
static inline struct fg_coder_stream fg_noise_of(uint64_t seed, uint32_t shard, uint32_t number)
{
    struct fg_coder_stream s = {.key = {(uint32_t)seed, (uint32_t)(seed >> 32)}};
    fg_rng_counter(s.ctr, FG_RNG_CODEC, shard, number, 0);
    return s;
}

/* The stream of the task whose update comes next. */
static inline struct fg_coder_stream fg_noise_stream(const struct fg_codec_ws *ws)
{
    return fg_noise_of(ws->opts.seed, ws->shard, ws->number);
}

/* Where the words of the layer after one of n values at `at` begin. */
static inline uint64_t fg_noise_next(uint64_t at, size_t n)
{
    return at + (n + FG_CODER_WORDS - 1) / FG_CODER_WORDS * FG_CODER_WORDS;
}

#endif
