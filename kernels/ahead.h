/* Asking memory for what comes next while something else is computed: a hint, no access,
 * so it may point behind an end.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_KERNELS_AHEAD_H
#define FG_KERNELS_AHEAD_H

#include <stddef.h>
#include <stdint.h>

enum { FG_AHEAD_LINE = 64 }; /* bytes fetched at once */

/* The lines of `bytes` bytes that lie `far` bytes behind p. */
static inline __attribute__((always_inline)) void fg_ahead(const void *p, size_t far, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += FG_AHEAD_LINE) {
        __builtin_prefetch((const void *)((uintptr_t)p + far + i));
    }
}

/* The same, into the second-level cache only. */
static inline __attribute__((always_inline)) void fg_ahead_second(const void *p, size_t far, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += FG_AHEAD_LINE) {
        __builtin_prefetch((const void *)((uintptr_t)p + far + i), 0, 2);
    }
}

#endif
