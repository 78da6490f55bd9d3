/* Memory of a device, kept when it is given back: the rounds of a run ask for the same sizes again and again,
 * and asking the driver takes longer than a small model's step.
 *
 * Blocks come from a source and go back to it only when it has no more (then all that nobody uses), when a
 * block was not used for long, or at the end. A block is handed out whole, to whoever asks for at most an
 * eighth less; the smallest such, of equal ones the oldest:
 * the same calls from the same state have the same addresses.
 *
 * Thread safety: none.
 */
#ifndef FG_KERNELS_DEVICE_ARENA_H
#define FG_KERNELS_DEVICE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_arena_block {
    void *at;
    size_t bytes;
    uint64_t since; /* the call that gave it back; 0: in use */
};

struct fg_arena {
    void *of; /* the source's */
    enum fg_status (*take)(void *of, void **out, size_t bytes, struct fg_err *err);
    void (*give)(void *of, void *at);
    struct fg_arena_block *block; /* (n) */
    size_t n, cap;
    uint64_t calls, taken; /* blocks that were ever taken from the source */
    uint64_t idle_bytes;   /* that nobody uses */
};

/* Errors: those of `take`; FG_E_NOMEM. */
enum fg_status fg_arena_alloc(struct fg_arena *a, void **out, size_t bytes, struct fg_err *err) FG_NODISCARD;

/* Take back what fg_arena_alloc() gave; NULL allowed. */
void fg_arena_free(struct fg_arena *a, void *at);

/* Give all blocks that nobody uses to the source. */
void fg_arena_trim(struct fg_arena *a);

/* Give everything back. */
void fg_arena_fini(struct fg_arena *a);

#ifdef __cplusplus
}
#endif

#endif
