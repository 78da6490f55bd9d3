/* Frames: what travels between the aggregator and a worker, whatever carries it.
 *
 *   0      4       6     8         16        24           32         40        48
 *   magic  version type  run id    sequence  payload len  beginning  checksum  payload ...
 *
 * All integers are little-endian. The checksum is XXH3-64 over the first 40 bytes followed by the payload. A
 * frame of another format version, longer than FG_FRAME_MAX or with a wrong checksum is refused as a whole;
 * run id and sequence are judged by the receiver (fg_link_accept). The beginning of a frame may have a
 * checksum of its own, XXH3-64 over the first 32 bytes followed by so much of the payload: who reads the rest
 * later judges it then. The bytes are specified in doc/wire-format.md. Pure functions: no I/O. Layer 2.
 *
 * Thread safety: pure functions on the caller's memory.
 */
#ifndef FG_WIRE_FRAME_H
#define FG_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/fold.h"
#include "src/base/status.h"

#define FG_FRAME_MAGIC 0x52464746u /* "FGFR" */
#define FG_FRAME_VERSION 3u
enum { FG_FRAME_HEADER_BYTES = 48 };
#define FG_FRAME_MAX ((uint64_t)1 << 30) /* header and payload */

struct fg_frame {
    uint16_t type;   /* enum fg_msg_type */
    uint64_t run_id; /* zero in a HELLO: the worker does not know it yet */
    uint64_t seq;    /* grows with every frame of one direction of one link, from 1 */
    const uint8_t *payload;
    size_t payload_len;
    float largest; /* of the floats that fg_frame_decode_floats() was told of: NAN if one is not finite */
};

/* Allocate a frame with room for its payload; the caller fills *payload and then seals it.
 * Errors: FG_E_RANGE if the frame would exceed FG_FRAME_MAX, FG_E_NOMEM. Owner: the caller, fg_free(). */
enum fg_status fg_frame_alloc(uint8_t **bytes, uint8_t **payload, size_t payload_len) FG_NODISCARD;

/* Write header and checksums before the payload that is already in place; f->payload is not read.
 * opening: the first bytes of the payload, which may be judged without the others; 0: they may not.
 * Cost: one pass over the payload. */
void fg_frame_seal(uint8_t *bytes, const struct fg_frame *f, size_t opening);

/* The length of the whole frame that starts with these (at least 48) bytes.
 * Errors: FG_E_CORRUPT (not a frame), FG_E_VERSION, FG_E_RANGE (longer than FG_FRAME_MAX). */
enum fg_status fg_frame_length(size_t *len, const uint8_t *bytes /* (48) */) FG_NODISCARD;

/* Judge one whole frame; out->payload points into bytes.
 * Errors: as fg_frame_length, and FG_E_CORRUPT for a wrong length or checksum. */
enum fg_status fg_frame_decode(struct fg_frame *out, const uint8_t *bytes, size_t len) FG_NODISCARD;

/* The same, where bytes `from` (at most the payload's length) to the end of the payload are floats: they are
 * looked at as they pass. Judge out->largest only if they are. block: as out->largest, of each
 * FG_FOLD_BLOCK (kernels/fold.h) of them; NULL: not asked for. Shapes: block (fg_frame_blocks()) out. */
enum fg_status fg_frame_decode_floats(struct fg_frame *out, const uint8_t *bytes, size_t len, size_t from,
                                      float *block) FG_NODISCARD;

/* Judge no more than the header and the first `opening` bytes of the payload. The frame is what it says if
 * *rest, once scanned, has *checksum; it points into bytes. floats: what follows in the payload are floats.
 * Errors: as fg_frame_decode(), so, too, if the sender gave no checksum of just so much. */
enum fg_status fg_frame_open(struct fg_frame *out, struct fg_scanner *rest, uint64_t *checksum,
                             const uint8_t *bytes, size_t len, size_t opening, bool floats) FG_NODISCARD;

/* How many blocks of floats there are in a frame of so many bytes. */
size_t fg_frame_blocks(size_t len, size_t from);

/* One end of a link: which run it belongs to, what it has sent and seen. Zero-initialise. */
struct fg_link {
    uint64_t run_id;  /* 0: not known yet, any is accepted */
    uint64_t sent;    /* sequence number of the last frame sent */
    uint64_t seen;    /* sequence number of the last frame accepted */
    uint64_t refused; /* frames not accepted: corrupt, of another run, stale */
    uint64_t skipped; /* sequence numbers never seen */
};

/* Whether a decoded frame may be acted on: of this run, and newer than everything seen.
 * Errors: FG_E_VERSION (another run), FG_E_STALE (duplicate or late). Either is counted in l->refused. */
enum fg_status fg_link_accept(struct fg_link *l, const struct fg_frame *f) FG_NODISCARD;

#endif
