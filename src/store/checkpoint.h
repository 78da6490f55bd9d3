/* Checkpoints: the state after a commit, in two files that take turns, each replaced atomically.
 *
 * Bytes: magic "FGCKPT01", u32 version 2, u32 number of lengths L, u64 sequence, u64 length[L] (of the
 * append-only files at that commit), u64 generation and length of the rule's memory, u64 n, state[n], u64
 * XXH3-64 of all before; little-endian. The newest valid one counts; a damaged one falls back to its
 * predecessor, whose lengths cut the other files back further.
 */
#ifndef FG_STORE_CHECKPOINT_H
#define FG_STORE_CHECKPOINT_H

#include "src/store/memory.h"

enum { FG_CHECKPOINT_FILES = 3 }; /* append-only files whose lengths it keeps */

struct fg_checkpoint {
    uint64_t sequence; /* from 1 */
    uint64_t length[FG_CHECKPOINT_FILES];
    struct fg_memory_mark memory;
    const void *state; /* points into the bytes it was read from */
    size_t len;
    /* Writing, in the place of state and len: adds the state to *out, which has a sink;
     * the same bytes each of the two times. */
    enum fg_status (*put)(const void *arg, struct fg_str *out);
    const void *put_arg;
};

/* Read one from bytes. Errors: FG_E_CORRUPT, FG_E_VERSION. */
enum fg_status fg_checkpoint_decode(struct fg_checkpoint *out, const void *bytes, size_t len,
                                    struct fg_err *err) FG_NODISCARD;

/* Write into folder/checkpoint.0 or .1, whichever the sequence's turn is. Errors: FG_E_IO,
 * FG_E_FULL, FG_E_NOMEM, those of put. */
enum fg_status fg_checkpoint_write(const char *folder, const struct fg_checkpoint *c,
                                   struct fg_err *err) FG_NODISCARD;

/* Load the newest valid one of a folder, whose mark fits the rule's memory (NULL: it has none). *bytes holds
 * what out->state points into; it is empty (and *out zero) when there is no checkpoint. `warning` (may be
 * NULL) says which file was damaged. Errors: FG_E_CORRUPT when there are files but none is valid; FG_E_IO,
 * FG_E_NOMEM. Owner: the caller, fg_str_fini(bytes). */
enum fg_status fg_checkpoint_load(struct fg_checkpoint *out, struct fg_str *bytes, const char *folder,
                                  const struct fg_memory *memory, struct fg_err *warning,
                                  struct fg_err *err) FG_NODISCARD;

#endif
