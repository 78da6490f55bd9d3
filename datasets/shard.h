/* Shards: some samples of a data set as bytes to ship, and their name.
 *
 * Layout, little-endian: "FGSHARD1"; u32 kind, dtype, shape[3], label_width, classes, channels; u64 n;
 * f32 scale[channels], shift[channels]; samples (n, width) of dtype; u16 labels (n, label_width); u64 XXH3-64
 * of all before. A shard's name is the SHA-256 of all these bytes, on the wire, in caches and here, so who
 * receives one can prove that it is the one that was asked for.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_DATASETS_SHARD_H
#define FG_DATASETS_SHARD_H

#include "datasets/dataset.h"
#include "datasets/rawfile.h"
#include "src/base/str.h"

/* Bytes of the shard that holds n samples when encoded. */
size_t fg_shard_bytes(const struct fg_dataset *ds, size_t n);

/* Append the shard that holds samples index[0..n), in that order. Errors: FG_E_NOMEM (out may have grown). */
enum fg_status fg_shard_encode(struct fg_str *out, const struct fg_dataset *ds, const uint32_t *index,
                               size_t n) FG_NODISCARD;

/* The name of an encoded shard. Cost: one pass. Errors: FG_E_NOMEM. */
enum fg_status fg_shard_name(uint8_t digest[32], const void *bytes, size_t len) FG_NODISCARD;

/* Turn bytes back into a data set of training samples 0..n-1, without groups. `digest` (may be NULL) is the
 * name that the shard must have.
 *
 * Errors:  FG_E_CORRUPT: wrong magic, sizes, checksum, name, or a value out of range; FG_E_NOMEM.
 * Owner:   the caller, fg_dataset_destroy().
 */
enum fg_status fg_shard_decode(struct fg_dataset **out, const struct fg_blob *blob, const uint8_t digest[32],
                               struct fg_err *err) FG_NODISCARD;

#endif
