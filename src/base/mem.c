#include "src/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static int (*alloc_hook)(void *arg);
static void *alloc_hook_arg;

static int refused(size_t n, size_t size)
{
    return (size != 0 && n > (SIZE_MAX / 2) / size) || (alloc_hook != NULL && alloc_hook(alloc_hook_arg));
}

void fg_mem_set_hook(int (*hook)(void *arg), void *arg)
{
    alloc_hook = hook;
    alloc_hook_arg = arg;
}

void fg_mem_keep(void)
{
#ifdef __GLIBC__
    enum {
        KEPT = 256 << 20, /* free bytes at the end of the heap: updates that wait to be added are as many */
        MAPPED = 32 << 20 /* larger ones are mapped */
    };
    (void)mallopt(M_TRIM_THRESHOLD, KEPT);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED);
#endif
}

void *fg_calloc(size_t n, size_t size)
{
    if (refused(n, size)) {
        return NULL;
    }
    return calloc(n != 0 ? n : 1, size != 0 ? size : 1);
}

enum fg_status fg_realloc(void *ptr_to_ptr, size_t n, size_t size)
{
    void *old;
    memcpy(&old, ptr_to_ptr, sizeof old);
    if (refused(n, size)) {
        return FG_E_NOMEM;
    }
    size_t bytes = n * size;
    void *now = realloc(old, bytes != 0 ? bytes : 1);
    if (now == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(ptr_to_ptr, &now, sizeof now);
    return FG_OK;
}

void *fg_alloc_aligned(size_t n, size_t size)
{
    if (refused(n, size)) {
        return NULL;
    }
    enum { LINE = 64, LARGE_PAGE = 1 << 21 };
    size_t align = n * size >= (size_t)LARGE_PAGE / 4 * 3 ? LARGE_PAGE : LINE;
    size_t bytes = (n * size + align - 1) / align * align;
    if (bytes == 0) {
        bytes = LINE;
    }
    void *p = aligned_alloc(align, bytes);
    if (p != NULL) {
#ifdef MADV_HUGEPAGE
        if (align == LARGE_PAGE) {
            madvise(p, bytes, MADV_HUGEPAGE); /* weights walked by rows miss the TLB otherwise */
        }
#endif
    }
    return p;
}

void *fg_calloc_aligned(size_t n, size_t size)
{
    void *p = fg_alloc_aligned(n, size);
    if (p != NULL) {
        memset(p, 0, n * size);
    }
    return p;
}

void fg_free(void *ptr)
{
    free(ptr);
}

char *fg_strndup(const char *s, size_t len)
{
    len = strnlen(s, len);
    char *copy = fg_calloc(len + 1, 1);
    if (copy != NULL) {
        memcpy(copy, s, len);
    }
    return copy;
}

char *fg_strdup(const char *s)
{
    return fg_strndup(s, strlen(s));
}

enum fg_status fg_grow(void *ptr_to_ptr, size_t *cap, size_t size)
{
    size_t want = *cap < 8 ? 8 : *cap * 2;
    enum fg_status st = fg_realloc(ptr_to_ptr, want, size);
    if (st == FG_OK) {
        *cap = want;
    }
    return st;
}
