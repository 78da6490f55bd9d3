/* A folder of shards by name, kept by workers across restarts and bounded in size.
 *
 * Each entry is a file named by the shard's hash in hex, written beside its place and renamed, so several
 * workers of a machine share a folder. Whoever reads one checks it: an entry whose bytes do not hash to its
 * name is removed and counts as missing. Beyond the limit, what was used longest ago goes first.
 *
 * Thread safety: one caller an object; any number of processes a folder.
 */
#ifndef FG_STORE_SHARD_CACHE_H
#define FG_STORE_SHARD_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/str.h"

struct fg_shard_cache;

/* `folder` is made, readable by its owner only; NULL or empty: shards under $XDG_CACHE_HOME/forage or
 * ~/.cache/forage. Errors: FG_E_IO, FG_E_MISSING (no such place), FG_E_NOMEM. Owner: the caller,
 * fg_shard_cache_close() (NULL allowed). */
enum fg_status fg_shard_cache_open(struct fg_shard_cache **out, const char *folder, uint64_t limit_bytes,
                                   struct fg_err *err) FG_NODISCARD;
void fg_shard_cache_close(struct fg_shard_cache *c);

/* The bytes of a shard into *out (emptied first). Errors: FG_E_MISSING; FG_E_CORRUPT for an entry that was
 * damaged, which is gone then; FG_E_IO, FG_E_NOMEM. */
enum fg_status fg_shard_cache_get(struct fg_shard_cache *c, const uint8_t hash[32], struct fg_str *out,
                                  struct fg_err *err) FG_NODISCARD;

/* Keep a shard and bring the folder below its limit; one that is larger than the limit is not kept. Errors:
 * FG_E_FULL, FG_E_IO, FG_E_NOMEM. */
enum fg_status fg_shard_cache_put(struct fg_shard_cache *c, const uint8_t hash[32], const void *bytes,
                                  size_t len, struct fg_err *err) FG_NODISCARD;

#endif
