#include "src/wire/frame.h"

#include "kernels/fold.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"
#include "src/wire/pack.h"

enum { BEGINNING_AT = 32, CHECKSUM_AT = 40 };

static struct fg_scanner scanner_of(const uint8_t *bytes, size_t payload_len, size_t from)
{
    return fg_scanner_of(bytes, CHECKSUM_AT, bytes + FG_FRAME_HEADER_BYTES, payload_len, from);
}

static uint64_t beginning_of(const uint8_t *bytes, size_t opening)
{
    return fg_scan_all(fg_folders_get("auto"),
                       fg_scanner_of(bytes, BEGINNING_AT, bytes + FG_FRAME_HEADER_BYTES, opening, opening),
                       NULL)
        .hash;
}

enum fg_status fg_frame_alloc(uint8_t **bytes, uint8_t **payload, size_t payload_len)
{
    if (payload_len > FG_FRAME_MAX - FG_FRAME_HEADER_BYTES) {
        return FG_E_RANGE;
    }
    uint8_t *b = fg_alloc_aligned(FG_FRAME_HEADER_BYTES + payload_len, 1);
    if (b == NULL) {
        return FG_E_NOMEM;
    }
    *bytes = b;
    *payload = b + FG_FRAME_HEADER_BYTES;
    return FG_OK;
}

void fg_frame_seal(uint8_t *bytes, const struct fg_frame *f, size_t opening)
{
    struct fg_packer w = {.p = bytes, .left = FG_FRAME_HEADER_BYTES};
    fg_pack_le(&w, FG_FRAME_MAGIC, 4);
    fg_pack_le(&w, FG_FRAME_VERSION, 2);
    fg_pack_le(&w, f->type, 2);
    fg_pack_le(&w, f->run_id, 8);
    fg_pack_le(&w, f->seq, 8);
    fg_pack_le(&w, f->payload_len, 8);
    fg_pack_le(&w, opening > 0 ? beginning_of(bytes, opening) : 0, 8);
    fg_pack_le(
        &w, fg_scan_all(fg_folders_get("auto"), scanner_of(bytes, f->payload_len, f->payload_len), NULL).hash,
        8);
}

struct header {
    uint32_t magic;
    uint32_t version_type; /* version, then type: 16 bits each */
    uint64_t run_id, seq, payload_len, beginning, checksum;
};

static struct header read_header(const uint8_t *bytes /* (48) */)
{
    struct fg_reader r = fg_reader_of(bytes, FG_FRAME_HEADER_BYTES);
    struct header h;
    h.magic = fg_get_u32(&r);
    h.version_type = fg_get_u32(&r);
    h.run_id = fg_get_u64(&r);
    h.seq = fg_get_u64(&r);
    h.payload_len = fg_get_u64(&r);
    h.beginning = fg_get_u64(&r);
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

/* The header of a frame of just this length. */
static enum fg_status take_header(struct fg_frame *out, struct header *h, const uint8_t *bytes, size_t len)
{
    size_t want = 0;
    enum fg_status st = len >= FG_FRAME_HEADER_BYTES ? fg_frame_length(&want, bytes) : FG_E_CORRUPT;
    if (st != FG_OK || want != len) {
        return st != FG_OK ? st : FG_E_CORRUPT;
    }
    *h = read_header(bytes);
    *out = (struct fg_frame){
        .type = (uint16_t)(h->version_type >> 16),
        .run_id = h->run_id,
        .seq = h->seq,
        .payload = bytes + FG_FRAME_HEADER_BYTES,
        .payload_len = len - FG_FRAME_HEADER_BYTES,
    };
    return FG_OK;
}

enum fg_status fg_frame_decode_floats(struct fg_frame *out, const uint8_t *bytes, size_t len, size_t from,
                                      float *block)
{
    struct fg_frame f;
    struct header h;
    enum fg_status st = take_header(&f, &h, bytes, len);
    if (st != FG_OK) {
        return st;
    }
    struct fg_scan seen = fg_scan_all(fg_folders_get("auto"), scanner_of(bytes, f.payload_len, from), block);
    if (h.checksum != seen.hash) {
        return FG_E_CORRUPT;
    }
    f.largest = seen.largest;
    *out = f;
    return FG_OK;
}

enum fg_status fg_frame_open(struct fg_frame *out, struct fg_scanner *rest, uint64_t *checksum,
                             const uint8_t *bytes, size_t len, size_t opening, bool floats)
{
    struct fg_frame f;
    struct header h;
    enum fg_status st = take_header(&f, &h, bytes, len);
    if (st != FG_OK || opening > f.payload_len || h.beginning != beginning_of(bytes, opening)) {
        return st != FG_OK ? st : FG_E_CORRUPT;
    }
    *rest = scanner_of(bytes, f.payload_len, floats ? opening : f.payload_len);
    *checksum = h.checksum;
    *out = f;
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
