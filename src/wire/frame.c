#include "src/wire/frame.h"

#include "kernels/fold.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/pack.h"

enum { CHECKSUM_AT = 40 };

static struct fg_scan scan(const uint8_t *bytes, size_t payload_len, size_t from, float *block)
{
    return fg_scan_all(fg_folders_get("auto"),
                       fg_scanner_of(bytes, CHECKSUM_AT, bytes + FG_FRAME_HEADER_BYTES, payload_len, from),
                       block);
}

enum fg_status fg_frame_alloc(uint8_t **bytes, uint8_t **payload, size_t payload_len)
{
    if (payload_len > FG_FRAME_MAX - FG_FRAME_HEADER_BYTES) {
        return FG_E_RANGE;
    }
    uint8_t *b = fg_calloc_aligned(FG_FRAME_HEADER_BYTES + payload_len, 1);
    if (b == NULL) {
        return FG_E_NOMEM;
    }
    *bytes = b;
    *payload = b + FG_FRAME_HEADER_BYTES;
    return FG_OK;
}

void fg_frame_seal(uint8_t *bytes, const struct fg_frame *f)
{
    struct fg_packer w = {.p = bytes, .left = FG_FRAME_HEADER_BYTES};
    fg_pack_le(&w, FG_FRAME_MAGIC, 4);
    fg_pack_le(&w, FG_FRAME_VERSION, 2);
    fg_pack_le(&w, f->type, 2);
    fg_pack_le(&w, 0, 8); /* flags, and zero */
    fg_pack_le(&w, f->run_id, 8);
    fg_pack_le(&w, f->seq, 8);
    fg_pack_le(&w, f->payload_len, 8);
    fg_pack_le(&w, scan(bytes, f->payload_len, f->payload_len, NULL).hash, 8);
}

struct header {
    uint32_t magic, flags, zero;
    uint32_t version_type; /* version, then type: 16 bits each */
    uint64_t run_id, seq, payload_len, checksum;
};

static struct header read_header(const uint8_t *bytes /* (48) */)
{
    struct fg_reader r = fg_reader_of(bytes, FG_FRAME_HEADER_BYTES);
    struct header h;
    h.magic = fg_get_u32(&r);
    h.version_type = fg_get_u32(&r);
    h.flags = fg_get_u32(&r);
    h.zero = fg_get_u32(&r);
    h.run_id = fg_get_u64(&r);
    h.seq = fg_get_u64(&r);
    h.payload_len = fg_get_u64(&r);
    h.checksum = fg_get_u64(&r);
    return h;
}

enum fg_status fg_frame_length(size_t *len, const uint8_t *bytes)
{
    struct header h = read_header(bytes);
    if (h.magic != FG_FRAME_MAGIC) {
        return FG_E_CORRUPT;
    }
    if ((h.version_type & 0xffff) != FG_FRAME_VERSION) {
        return FG_E_VERSION;
    }
    if (h.payload_len > FG_FRAME_MAX - FG_FRAME_HEADER_BYTES) {
        return FG_E_RANGE;
    }
    *len = (size_t)h.payload_len + FG_FRAME_HEADER_BYTES;
    return FG_OK;
}

enum fg_status fg_frame_decode(struct fg_frame *out, const uint8_t *bytes, size_t len)
{
    return fg_frame_decode_floats(out, bytes, len,
                                  len > FG_FRAME_HEADER_BYTES ? len - FG_FRAME_HEADER_BYTES : 0, NULL);
}

size_t fg_frame_blocks(size_t len, size_t from)
{
    size_t payload = len > FG_FRAME_HEADER_BYTES ? len - FG_FRAME_HEADER_BYTES : 0;
    size_t floats = from < payload ? (payload - from) / sizeof(float) : 0;
    return (floats + FG_FOLD_BLOCK - 1) / FG_FOLD_BLOCK;
}

enum fg_status fg_frame_decode_floats(struct fg_frame *out, const uint8_t *bytes, size_t len, size_t from,
                                      float *block)
{
    if (len < FG_FRAME_HEADER_BYTES) {
        return FG_E_CORRUPT;
    }
    size_t want = 0;
    enum fg_status st = fg_frame_length(&want, bytes);
    if (st != FG_OK) {
        return st;
    }
    struct header h = read_header(bytes);
    size_t payload_len = len - FG_FRAME_HEADER_BYTES;
    if (want != len || h.zero != 0 || h.flags != 0) {
        return FG_E_CORRUPT;
    }
    struct fg_scan seen = scan(bytes, payload_len, from, block);
    if (h.checksum != seen.hash) {
        return FG_E_CORRUPT;
    }
    *out = (struct fg_frame){
        .type = (uint16_t)(h.version_type >> 16),
        .run_id = h.run_id,
        .seq = h.seq,
        .payload = bytes + FG_FRAME_HEADER_BYTES,
        .payload_len = payload_len,
        .largest = seen.largest,
    };
    return FG_OK;
}

enum fg_status fg_link_accept(struct fg_link *l, const struct fg_frame *f)
{
    if (l->run_id != 0 && f->run_id != 0 && f->run_id != l->run_id) {
        l->refused++;
        return FG_E_VERSION;
    }
    if (f->seq <= l->seen) {
        l->refused++;
        return FG_E_STALE;
    }
    l->skipped += f->seq - l->seen - 1;
    l->seen = f->seq;
    return FG_OK;
}
