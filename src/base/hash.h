/* Hashes: SHA-256 (names shards and parameters) and XXH3-64 (checksums of frames and records). */
#ifndef FG_BASE_HASH_H
#define FG_BASE_HASH_H

#include <stdint.h>

#include "src/base/status.h"

struct fg_sha256 {
    void *ctx; /* OpenSSL's */
};

/* Streaming: init, add..., then end (which frees) or drop. Errors: FG_E_NOMEM. */
enum fg_status fg_sha256_init(struct fg_sha256 *h) FG_NODISCARD;
void fg_sha256_add(struct fg_sha256 *h, const void *bytes, size_t len);
void fg_sha256_end(struct fg_sha256 *h, uint8_t digest[32]);

/* One shot. Errors: FG_E_NOMEM. */
enum fg_status fg_sha256(uint8_t digest[32], const void *bytes, size_t len) FG_NODISCARD;

/* 64 lower-case hex digits and a NUL. */
void fg_hex32(char out[65], const uint8_t digest[32]);

uint64_t fg_xxh64(const void *bytes, size_t len);

#endif
