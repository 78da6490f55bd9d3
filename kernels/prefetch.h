/* Prefetches: memory is asked for what comes next while something else is computed. A hint, no access,
 * so it may point behind an end.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_KERNELS_PREFETCH_H
#define FG_KERNELS_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

enum { FG_PREFETCH_LINE = 64 }; /* bytes fetched at once */

/* The lines of `bytes` bytes that lie `far` bytes behind p. */
static inline __attribute__((always_inline)) void fg_prefetch(const void *p, size_t far, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += FG_PREFETCH_LINE) {
        __builtin_prefetch((const void *)((uintptr_t)p + far + i));
    }
}

/* The same, into the second-level cache only. */
static inline __attribute__((always_inline)) void fg_prefetch_second(const void *p, size_t far, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += FG_PREFETCH_LINE) {
        __builtin_prefetch((const void *)((uintptr_t)p + far + i), 0, 2);
    }
}

#endif
