/* A range coder of bits whose chances are learned on the way.
 *
 * Chances are of 16 bits, the mean of a quick and a slow estimate. The writer carries into bytes that are
 * held back until it is known that nothing does; zeros at the end are left out,
 * and read where nothing is left.
 *
 * Source: Martin 1979 (range encoding), with the carries of LZMA; differs: two estimates,
 * no zeros at the ends.
 *
 * Thread safety: pure functions on the caller's cursor.
 */
#ifndef FG_WIRE_RANGE_H
#define FG_WIRE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The chance of a 0, in 1 / 65536; both 32768 at first. */
struct fg_chance {
    uint16_t quick, slow;
};

static inline void fg_chance_learn(struct fg_chance *c, unsigned bit)
{
    if (bit == 0) {
        c->quick = (uint16_t)(c->quick + ((65535u - c->quick) >> 4));
        c->slow = (uint16_t)(c->slow + ((65535u - c->slow) >> 7));
    } else {
        c->quick = (uint16_t)(c->quick - (c->quick >> 4));
        c->slow = (uint16_t)(c->slow - (c->slow >> 7));
    }
}

static inline uint32_t fg_chance_share(const struct fg_chance *c, uint32_t range)
{
    return (range >> 16) * (((uint32_t)c->quick + c->slow) / 2);
}

/* `full` is set, and nothing more written, where the room is not enough. */
struct fg_range_writer {
    uint8_t *p, *end;
    uint64_t low;
    uint32_t range;
    uint8_t held;     /* the byte before low, not written yet */
    uint64_t waiting; /* bytes of 255 after it */
    bool first, full;
};

static inline struct fg_range_writer fg_range_writer_of(uint8_t *p, size_t room)
{
    return (struct fg_range_writer){.p = p, .end = p + room, .range = UINT32_MAX, .first = true};
}

static inline void fg_range_out(struct fg_range_writer *w, uint8_t byte)
{
    if (w->p < w->end) {
        *w->p++ = byte;
    } else {
        w->full = true;
    }
}

static inline void fg_range_shift(struct fg_range_writer *w)
{
    if (w->low < 0xff000000u || w->low > UINT32_MAX) {
        uint8_t carry = (uint8_t)(w->low >> 32);
        if (!w->first) {
            fg_range_out(w, (uint8_t)(w->held + carry));
        }
        w->first = false;
        for (; w->waiting > 0 && !w->full; w->waiting--) {
            fg_range_out(w, (uint8_t)(255 + carry));
        }
        w->held = (uint8_t)(w->low >> 24);
    } else {
        w->waiting++;
    }
    w->low = (w->low & 0xffffffu) << 8;
}

static inline void fg_range_put(struct fg_range_writer *w, struct fg_chance *c, unsigned bit)
{
    uint32_t share = fg_chance_share(c, w->range);
    if (bit == 0) {
        w->range = share;
    } else {
        w->low += share;
        w->range -= share;
    }
    fg_chance_learn(c, bit);
    for (; w->range < 1u << 24; w->range <<= 8) {
        fg_range_shift(w);
    }
}

/* The n low bits, highest first, 0 and 1 being equally likely. */
static inline void fg_range_put_even(struct fg_range_writer *w, uint32_t bits, unsigned n)
{
    for (; n > 0; n--) {
        w->range >>= 1;
        w->low += bits >> (n - 1) & 1 ? w->range : 0;
        for (; w->range < 1u << 24; w->range <<= 8) {
            fg_range_shift(w);
        }
    }
}

/* From `begin` on; the length is p - begin then. */
static inline void fg_range_close(struct fg_range_writer *w, const uint8_t *begin)
{
    for (int i = 0; i < 5; i++) {
        fg_range_shift(w);
    }
    while (w->p > begin && w->p[-1] == 0) {
        w->p--;
    }
}

struct fg_range_reader {
    const uint8_t *p, *end;
    uint32_t range, code;
};

static inline uint32_t fg_range_next(struct fg_range_reader *r)
{
    return r->p < r->end ? *r->p++ : 0;
}

static inline struct fg_range_reader fg_range_reader_of(const uint8_t *p, size_t len)
{
    struct fg_range_reader r = {.p = p, .end = p + len, .range = UINT32_MAX};
    for (int i = 0; i < 4; i++) {
        r.code = r.code << 8 | fg_range_next(&r);
    }
    return r;
}

static inline void fg_range_refill(struct fg_range_reader *r)
{
    for (; r->range < 1u << 24; r->range <<= 8) {
        r->code = r->code << 8 | fg_range_next(r);
    }
}

static inline unsigned fg_range_get(struct fg_range_reader *r, struct fg_chance *c)
{
    uint32_t share = fg_chance_share(c, r->range);
    unsigned bit = r->code >= share;
    if (bit == 0) {
        r->range = share;
    } else {
        r->code -= share;
        r->range -= share;
    }
    fg_chance_learn(c, bit);
    fg_range_refill(r);
    return bit;
}

static inline uint32_t fg_range_get_even(struct fg_range_reader *r, unsigned n)
{
    uint32_t bits = 0;
    for (; n > 0; n--) {
        r->range >>= 1;
        unsigned bit = r->code >= r->range;
        r->code -= bit ? r->range : 0;
        bits = bits << 1 | bit;
        fg_range_refill(r);
    }
    return bits;
}

/* Whether all bytes were read. */
static inline bool fg_range_done(const struct fg_range_reader *r)
{
    return r->p == r->end;
}

#endif
