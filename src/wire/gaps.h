/* Places of values in a vector as a stream of bits: of each its distance from the one before it (from -1 at first), less 1,
 * in a Rice code (bits.h), then its sign where signs are sent.
 *
 * A code is the place, or with signs twice the place, plus 1 if negative; codes ascend. `sign` is 1 with signs, else 0.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_WIRE_GAPS_H
#define FG_WIRE_GAPS_H

#include "src/wire/bits.h"

/* The least Rice parameter of fewest bits. */
unsigned fg_gaps_best(const uint32_t *code /* (count) */, size_t count, unsigned sign);

void fg_gaps_put(struct fg_bit_writer *w, const uint32_t *code /* (count) */, size_t count, unsigned sign,
                 unsigned k);

/* The next place, at least `from` and below n; r->bad otherwise. */
static inline size_t fg_gaps_place(struct fg_bit_reader *r, unsigned k, size_t from, size_t n)
{
    if (from >= n) {
        r->bad = true;
        return from;
    }
    return from + fg_bits_get_rice(r, k, (uint32_t)(n - 1 - from));
}

/* The codes of `count` places with signs of a layer of n values that begins at value `base`. False if the bits are bad. */
bool fg_gaps_get_codes(struct fg_bit_reader *r, size_t count, unsigned k, size_t base,
                       uint32_t *code /* (count) */, size_t n);

/* x = 0 but s or -s at `count` places with signs; a NaN everywhere if s is not finite. False if the bits are bad. */
bool fg_gaps_get_signed(struct fg_bit_reader *r, size_t count, unsigned k, float s, float *x /* (n) */,
                        size_t n);

#endif
