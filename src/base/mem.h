/* Memory: the one allocator of the library, replaceable so that tests can fail the n-th allocation.
 *
 * Thread safety: the functions are thread safe; fg_mem_set_hook() is for tests before threads start.
 */
#ifndef FG_BASE_MEM_H
#define FG_BASE_MEM_H

#include <stddef.h>

#include "src/base/status.h"

/* Allocate n * size bytes, zeroed; NULL when out of memory or when the product overflows. n = 0 gives a
 * pointer that can be freed. Owner: the caller, fg_free(). */
void *fg_calloc(size_t n, size_t size) FG_NODISCARD;

/* Change *ptr (may be NULL) to n * size bytes; on FG_E_NOMEM *ptr is unchanged. New bytes are not set. */
enum fg_status fg_realloc(void *ptr_to_ptr, size_t n, size_t size) FG_NODISCARD;

/* Allocate zeroed memory aligned to 64 bytes. Owner: the caller, fg_free(). */
void *fg_calloc_aligned(size_t n, size_t size) FG_NODISCARD;

/* The same, of any content: what nobody touches takes no memory. */
void *fg_alloc_aligned(size_t n, size_t size) FG_NODISCARD;

/* Free what any function above gave; NULL is allowed. */
void fg_free(void *ptr);

/* A copy of a string, of at most len bytes of one; NULL when out of memory. */
char *fg_strdup(const char *s) FG_NODISCARD;
char *fg_strndup(const char *s, size_t len) FG_NODISCARD;

/* For a program's main(): keep freed memory for the next ones who ask. Updates of megabytes come and go all
 * the time: memory that is handed back to the system each time costs a fault and a cleared page for every 4
 * KB when it is wanted again, more than all else that is done to an update. */
void fg_mem_keep(void);

/* Tests: the hook is asked before every allocation; when it returns non-zero, the allocation fails. */
void fg_mem_set_hook(int (*hook)(void *arg), void *arg);

/* Grow an array for one more element: amortised doubling. `FG_GROW(arr, n, cap)` is FG_OK or FG_E_NOMEM. */
#define FG_GROW(arr, n, cap) ((n) < (cap) ? FG_OK : fg_grow(&(arr), &(cap), sizeof *(arr)))
enum fg_status fg_grow(void *ptr_to_ptr, size_t *cap, size_t size) FG_NODISCARD;

#endif
