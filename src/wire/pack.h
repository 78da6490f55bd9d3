/* Little-endian bytes written into a buffer of known size: what a frame is filled with. (Reading:
 * base/bytes.h.)
 *
 * Thread safety: pure functions on the caller's cursor.
 */
#ifndef FG_WIRE_PACK_H
#define FG_WIRE_PACK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "src/base/status.h"

/* The caller sized the buffer: too little room is a broken contract. */
struct fg_packer {
    uint8_t *p;
    size_t left;
};

static inline void fg_pack_le(struct fg_packer *w, uint64_t v, size_t bytes)
{
    FG_ASSERT(w->left >= bytes);
    for (size_t i = 0; i < bytes; i++) {
        w->p[i] = (uint8_t)(v >> (8 * i));
    }
    w->p += bytes;
    w->left -= bytes;
}

static inline void fg_pack_f32(struct fg_packer *w, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    fg_pack_le(w, bits, 4);
}

static inline void fg_pack_bytes(struct fg_packer *w, const void *bytes, size_t len)
{
    FG_ASSERT(w->left >= len);
    if (len > 0) {
        memcpy(w->p, bytes, len);
    }
    w->p += len;
    w->left -= len;
}

static inline void fg_pack_f32s(struct fg_packer *w, const float *x /* (n) */, size_t n)
{
    FG_ASSERT(w->left / 4 >= n);
    fg_pack_bytes(w, x, 4 * n); /* the machine's order is that of the wire, as in base/bytes.c */
}

#endif
