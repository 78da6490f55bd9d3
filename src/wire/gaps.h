/* Places of values in vectors as bits: of each its gap, which is its distance from the one before it (from -1
 * at first), less 1, in the parts of a Rice code with k: where signs are sent the sign, and above it the k
 * low bits of the gap, are a field, as wide for all values of a vector; gap >> k is so many zeros and a one.
 * The fields of all vectors come first, one after another and filled up to a byte, then the zeros and ones of
 * all, likewise: so that nothing has to be read before the next can be.
 *
 * A code is the place, or with signs twice the place, plus 1 if negative; codes ascend.
 * `sign` is 1 with signs, else 0.
 *
 * Thread safety: pure functions on the caller's cursors.
 */
#ifndef FG_WIRE_GAPS_H
#define FG_WIRE_GAPS_H

#include <stdbool.h>

#include "kernels/coder_levels.h"
#include "src/wire/bits.h"

enum { FG_RICE_MAX = FG_CODER_RICE - 1 };

/* One vector's places: how many, of at most 2^31 values, with which k. */
struct fg_gaps {
    uint32_t count;
    unsigned k, sign;
};

static inline uint64_t fg_gaps_field_bits(const struct fg_gaps *g)
{
    return (uint64_t)g->count * (g->k + g->sign);
}

/* The least Rice parameter of fewest bits. */
unsigned fg_gaps_best(const uint32_t *code /* (count) */, size_t count, unsigned sign);

/* The same of what their sums are. */
unsigned fg_gaps_best_of(const struct fg_coder_gap_sums *sums, unsigned sign);

struct fg_gaps_writer {
    struct fg_bit_writer field, ones;
};

/* Into the room from `out` to `end`; field_bits: of all vectors. */
struct fg_gaps_writer fg_gaps_writer_of(uint8_t *out, uint8_t *end, uint64_t field_bits);
void fg_gaps_put(struct fg_gaps_writer *w, const struct fg_gaps *g, const uint32_t *code /* (count) */);

/* The end of what was written. */
uint8_t *fg_gaps_close(struct fg_gaps_writer *w);

struct fg_gaps_reader {
    const uint8_t *bytes;
    uint64_t bits;        /* of them */
    uint64_t field, ones; /* which bit comes next */
    uint64_t fields_end;
};

/* False: there are fewer bytes than fields. */
bool fg_gaps_reader_of(struct fg_gaps_reader *r, const uint8_t *bytes, size_t len, uint64_t field_bits);

/* The codes of a vector of n values that begins at value `base`. False if the bits are bad:
 * the codes then mean nothing. */
bool fg_gaps_get(struct fg_gaps_reader *r, const struct fg_gaps *g, size_t base, size_t n,
                 uint32_t *code /* (count) */);

/* Everything was read, and the last bytes were filled with zeros. */
bool fg_gaps_done(const struct fg_gaps_reader *r);

/* What signed codes of a vector that begins at value 0 stand for: x = 0 but s or -s where they are; a NaN
 * everywhere if s is not finite. */
void fg_gaps_spread(const uint32_t *code /* (count) */, size_t count, float s, float *x /* (n) */, size_t n);

#endif
