/* A stream of bits, lowest first, in bytes of known room; and Rice codes in it.
 *
 * Rice code with k of v: v >> k zeros, a one, the k low bits of v.
 *
 * A reader never runs past its end: what is missing reads as zeros and sets `bad`.
 *
 * Thread safety: pure functions on the caller's cursor.
 */
#ifndef FG_WIRE_BITS_H
#define FG_WIRE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

enum { FG_RICE_MAX = 31 };

/* The caller sized the room: too little is a broken contract. */
struct fg_bit_writer {
    uint8_t *p, *end;
    uint64_t held;
    unsigned n; /* bits held, fewer than 32 between calls */
};

static inline void fg_bits_put(struct fg_bit_writer *w, uint64_t bits, unsigned n /* 0..32 */)
{
    w->held |= bits << w->n;
    w->n += n;
    if (w->n >= 32) {
        FG_ASSERT(w->end - w->p >= 4);
        for (unsigned i = 0; i < 4; i++) {
            w->p[i] = (uint8_t)(w->held >> 8 * i);
        }
        w->p += 4;
        w->held >>= 32;
        w->n -= 32;
    }
}

static inline void fg_bits_put_rice(struct fg_bit_writer *w, uint32_t v, unsigned k)
{
    uint32_t zeros = v >> k;
    for (; zeros > 31; zeros -= 31) {
        fg_bits_put(w, 0, 31);
    }
    fg_bits_put(w, (uint64_t)1 << zeros, zeros + 1);
    fg_bits_put(w, v & (((uint64_t)1 << k) - 1), k);
}

/* Write what is held; the last byte is filled with zeros. */
static inline void fg_bits_close(struct fg_bit_writer *w)
{
    for (; w->n > 0; w->n -= w->n < 8 ? w->n : 8) {
        FG_ASSERT(w->p < w->end);
        *w->p++ = (uint8_t)w->held;
        w->held >>= 8;
    }
}

struct fg_bit_reader {
    const uint8_t *p, *end;
    uint64_t held;
    unsigned n; /* bits held */
    bool bad;
};

/* At least 57 bits, or all that are left. */
static inline void fg_bits_refill(struct fg_bit_reader *r)
{
    if (r->n <= 56 && r->end - r->p >= 8) {
        uint64_t next = 0;
        for (unsigned i = 0; i < 8; i++) {
            next |= (uint64_t)r->p[i] << 8 * i;
        }
        unsigned bytes = (64 - r->n) / 8;
        r->held |= next << r->n;
        r->p += bytes;
        r->n += 8 * bytes;
        r->held &= ~(uint64_t)0 >> (64 - r->n);
        return;
    }
    while (r->n <= 56 && r->p < r->end) {
        r->held |= (uint64_t)*r->p++ << r->n;
        r->n += 8;
    }
}

static inline uint32_t fg_bits_get(struct fg_bit_reader *r, unsigned n /* 0..32 */)
{
    fg_bits_refill(r);
    if (r->n < n) {
        r->bad = true;
        r->n = 0;
        r->held = 0;
        return 0;
    }
    uint32_t bits = (uint32_t)(r->held & (((uint64_t)1 << n) - 1));
    r->held >>= n;
    r->n -= n;
    return bits;
}

/* Values above `most` are bad. */
static inline uint32_t fg_bits_get_rice(struct fg_bit_reader *r, unsigned k /* 0..FG_RICE_MAX */,
                                        uint32_t most)
{
    uint64_t zeros = 0;
    for (fg_bits_refill(r); r->held == 0 && r->n > 0; fg_bits_refill(r)) {
        zeros += r->n;
        r->n = 0;
    }
    if (r->n == 0 || zeros > most) {
        r->bad = true;
        return 0;
    }
    unsigned last = (unsigned)__builtin_ctzll(r->held);
    r->held >>= last;
    r->held >>= 1;
    r->n -= last + 1;
    uint64_t v = (zeros + last) << k | fg_bits_get(r, k);
    r->bad = r->bad || v > most;
    return r->bad ? 0 : (uint32_t)v;
}

/* Everything was read, the last byte was filled with zeros, and nothing was wrong. */
static inline bool fg_bits_done(const struct fg_bit_reader *r)
{
    return !r->bad && r->p == r->end && r->n < 8 && r->held == 0;
}

#endif
