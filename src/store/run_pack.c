/* Chunks of run.h5 as HDF5's own filters `shuffle` and `deflate` would make them, by a library that is faster
 * and packs as well: that is most of what the end of a long study without learning takes. */
#include <libdeflate.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/store/run_h5_impl.h"

enum { LEVEL = 3 }; /* chosen: higher ones take longer and gain nothing here */

struct fg_run_packer {
    struct libdeflate_compressor *deflate;
    uint8_t *plain, *packed; /* (cap), (bound of cap) */
    size_t cap, bound;
};

enum fg_status fg_run_packer_create(struct fg_run_packer **out)
{
    struct fg_run_packer *p = fg_calloc(1, sizeof *p);
    if (p == NULL || (p->deflate = libdeflate_alloc_compressor(LEVEL)) == NULL) {
        fg_free(p);
        return FG_E_NOMEM;
    }
    *out = p;
    return FG_OK;
}

void fg_run_packer_destroy(struct fg_run_packer *p)
{
    if (p != NULL) {
        libdeflate_free_compressor(p->deflate);
        fg_free(p->plain);
        fg_free(p->packed);
        fg_free(p);
    }
}

enum fg_status fg_run_packed(hid_t props, int rank, const hsize_t *chunk, bool shuffled)
{
    bool ok = H5Pset_chunk(props, rank, chunk) >= 0 && (!shuffled || H5Pset_shuffle(props) >= 0);
    return ok && H5Pset_deflate(props, LEVEL) >= 0 ? FG_OK : FG_E_IO;
}

static enum fg_status reserve(struct fg_run_packer *p, size_t bytes)
{
    if (bytes <= p->cap) {
        return FG_OK;
    }
    size_t bound = libdeflate_zlib_compress_bound(p->deflate, bytes);
    enum fg_status st = fg_realloc(&p->plain, bytes, 1);
    st = st == FG_OK ? fg_realloc(&p->packed, bound, 1) : st;
    p->cap = st == FG_OK ? bytes : 0;
    p->bound = st == FG_OK ? bound : 0;
    return st;
}

/* The first byte of each of `most` values, then the second of each, ...; those after the n-th are 0. */
static void shuffle(uint8_t *out, const uint8_t *values, size_t n, size_t most, size_t size)
{
    for (size_t b = 0; b < size; b++, out += most) {
        for (size_t i = 0; i < n; i++) {
            out[i] = values[i * size + b];
        }
        memset(out + n, 0, most - n);
    }
}

enum fg_status fg_run_chunk(struct fg_run_packer *p, hid_t set, const hsize_t *at,
                            const struct fg_run_block *b)
{
    size_t bytes = b->most * b->size;
    enum fg_status st = reserve(p, bytes);
    if (st != FG_OK) {
        return st;
    }
    shuffle(p->plain, b->values, b->shuffled ? b->n : b->n * b->size, b->shuffled ? b->most : bytes,
            b->shuffled ? b->size : 1);
    size_t len = libdeflate_zlib_compress(p->deflate, p->plain, bytes, p->packed, p->bound);
    return len > 0 ? fg_run_check(H5Dwrite_chunk(set, H5P_DEFAULT, 0, at, len, p->packed)) : FG_E_INTERNAL;
}
