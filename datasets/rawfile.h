/* Whole files as bytes, decompressed: plain, gzip or zstd, told apart by their first bytes.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_DATASETS_RAWFILE_H
#define FG_DATASETS_RAWFILE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

/* Largest decompressed file: a bomb ends here, not in the machine's memory. */
#define FG_RAWFILE_MAX ((size_t)1 << 32)

/* Bytes with the name that messages give them; what every parser takes. */
struct fg_blob {
    const char *name;
    const uint8_t *data; /* (len), not NULL */
    size_t len;
};

/* A file in memory. */
struct fg_rawfile {
    struct fg_blob blob; /* name = path; contents, decompressed */
    uint8_t *data;       /* owned */
    char *path;          /* owned */
    uint64_t file_bytes; /* as stored */
    char sha256[65];     /* of the file as stored, in hex */
};

/* Read a regular file and decompress it when it is gzip or zstd.
 *
 * Errors:  FG_E_MISSING; FG_E_IO; FG_E_INPUT (empty, truncated or damaged stream, larger than
 * FG_RAWFILE_MAX),
 *          the message names the file; FG_E_NOMEM.
 * Owner:   the caller, fg_rawfile_fini(), also after failure of nothing (out is untouched on failure).
 */
enum fg_status fg_rawfile_read(struct fg_rawfile *out, const char *path, struct fg_err *err) FG_NODISCARD;
void fg_rawfile_fini(struct fg_rawfile *b);

/* Decompress gzip (any number of members) or zstd (frames); other bytes are copied.
 *
 * Errors:  as fg_rawfile_read(); at most `max` bytes come out. Owner: *out is the caller's, fg_free().
 */
enum fg_status fg_rawfile_inflate(uint8_t **out, size_t *out_len, const struct fg_blob *in, size_t max,
                                  struct fg_err *err) FG_NODISCARD;

#endif
