#include "src/sim/queue.h"

#include <string.h>

#include "src/aggregator/core.h"
#include "src/base/mem.h"

enum { BATCH = 64 }; /* fewer are not worth a sort; chosen: a heap of that depth costs as much */

static int rank_of(int kind)
{
    switch (kind) {
    case FG_EVENT_RESULT:
    case FG_EVENT_LOST:
        return 0;
    case FG_EVENT_DEADLINE:
        return 1;
    default:
        return 2;
    }
}

static bool before(const struct fg_queue_entry *a, const struct fg_queue_entry *b)
{
    if (a->at != b->at) {
        return a->at < b->at;
    }
    int ra = rank_of(a->kind), rb = rank_of(b->kind);
    return ra != rb ? ra < rb : a->id < b->id;
}

void fg_queue_fini(struct fg_queue *q)
{
    fg_free(q->heap);
    fg_free(q->run);
    fg_free(q->other);
    *q = (struct fg_queue){0};
}

/* ---- the heap ---- */

/* The first of the fresh ones becomes part of the heap. */
static void sift_up(struct fg_queue *q)
{
    size_t i = q->n_heap++;
    struct fg_queue_entry e = q->heap[i];
    q->n_fresh--;
    while (i > 0 && before(&e, &q->heap[(i - 1) / 2])) {
        q->heap[i] = q->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap[i] = e;
}

/* There are no fresh ones. */
static void drop_top(struct fg_queue *q)
{
    struct fg_queue_entry last = q->heap[--q->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->n_heap) {
            break;
        }
        if (child + 1 < q->n_heap && before(&q->heap[child + 1], &q->heap[child])) {
            child++;
        }
        if (!before(&q->heap[child], &last)) {
            break;
        }
        q->heap[i] = q->heap[child];
        i = child;
    }
    if (q->n_heap > 0) {
        q->heap[i] = last;
    }
}

/* ---- batches ---- */

static enum fg_status reserve(struct fg_queue_entry **array, size_t *cap, size_t n)
{
    enum fg_status st = n <= *cap ? FG_OK : fg_realloc(array, n, sizeof **array);
    *cap = st == FG_OK && n > *cap ? n : *cap;
    return st;
}

/* By time: bytes of the time from the lowest to the highest that differs;
 * the order of those at one time is kept. */
static void sort_by_time(struct fg_queue_entry *a, struct fg_queue_entry *b, size_t n)
{
    fg_time_t low = a[0].at, high = a[0].at;
    for (size_t i = 1; i < n; i++) {
        low = a[i].at < low ? a[i].at : low;
        high = a[i].at > high ? a[i].at : high;
    }
    uint64_t range = (uint64_t)high - (uint64_t)low;
    struct fg_queue_entry *from = a, *to = b;
    for (unsigned shift = 0; shift < 64 && range >> shift != 0; shift += 8) {
        size_t first[257] = {0};
        for (size_t i = 0; i < n; i++) {
            first[((((uint64_t)from[i].at - (uint64_t)low) >> shift) & 255u) + 1]++;
        }
        for (size_t k = 1; k < 257; k++) {
            first[k] += first[k - 1];
        }
        for (size_t i = 0; i < n; i++) {
            to[first[(((uint64_t)from[i].at - (uint64_t)low) >> shift) & 255u]++] = from[i];
        }
        struct fg_queue_entry *was = from;
        from = to;
        to = was;
    }
    if (from != a) {
        memcpy(a, from, n * sizeof *a);
    }
}

/* The fresh ones in order: after sort_by_time() only those at one time may still have to change places. */
static void sort_fresh(struct fg_queue *q)
{
    struct fg_queue_entry *a = q->heap + q->n_heap;
    sort_by_time(a, q->other, q->n_fresh);
    for (size_t i = 1; i < q->n_fresh; i++) {
        struct fg_queue_entry e = a[i];
        size_t at = i;
        while (at > 0 && before(&e, &a[at - 1])) {
            a[at] = a[at - 1];
            at--;
        }
        a[at] = e;
    }
}

/* Merge the fresh ones into what is left of the run, from the back. There is room. */
static void merge(struct fg_queue *q)
{
    const struct fg_queue_entry *fresh = q->heap + q->n_heap;
    size_t left = q->n_run - q->next, k = q->n_fresh;
    memmove(q->run, q->run + q->next, left * sizeof *q->run);
    q->next = 0;
    q->n_run = left + k;
    q->n_fresh = 0;
    while (k > 0) {
        bool old = left > 0 && before(&fresh[k - 1], &q->run[left - 1]);
        q->run[left + k - 1] = old ? q->run[left - 1] : fresh[k - 1];
        left -= old;
        k -= !old;
    }
}

/* Give the fresh ones their places: in the heap where there is no memory for a sort. */
static void sort_in(struct fg_queue *q)
{
    size_t left = q->n_run - q->next;
    if (q->n_fresh >= BATCH && q->n_fresh >= left / 8 &&
        reserve(&q->other, &q->cap_other, q->n_fresh) == FG_OK &&
        reserve(&q->run, &q->cap_run, left + q->n_fresh) == FG_OK) {
        sort_fresh(q);
        merge(q);
    }
    while (q->n_fresh > 0) {
        sift_up(q);
    }
}

/* ---- the queue ---- */

static size_t keep(struct fg_queue_entry *a, size_t n,
                   bool (*wanted)(const struct fg_queue_entry *e, void *arg), void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (wanted(&a[i], arg)) {
            a[kept++] = a[i];
        }
    }
    return kept;
}

void fg_queue_keep(struct fg_queue *q, bool (*wanted)(const struct fg_queue_entry *e, void *arg), void *arg)
{
    q->n_fresh = keep(q->heap, q->n_heap + q->n_fresh, wanted, arg);
    q->n_heap = 0;
    if (q->next < q->n_run) {
        q->n_run = q->next + keep(q->run + q->next, q->n_run - q->next, wanted, arg);
    }
}

enum fg_status fg_queue_push(struct fg_queue *q, struct fg_queue_entry e)
{
    enum fg_status st = FG_GROW(q->heap, q->n_heap + q->n_fresh, q->cap_heap);
    if (st == FG_OK) {
        q->heap[q->n_heap + q->n_fresh++] = e;
    }
    return st;
}

/* There are no fresh ones. */
static bool heap_is_next(const struct fg_queue *q)
{
    return q->n_heap > 0 && (q->next == q->n_run || before(&q->heap[0], &q->run[q->next]));
}

bool fg_queue_peek(struct fg_queue *q, struct fg_queue_entry *out)
{
    if (q->n_fresh > 0) {
        sort_in(q);
    }
    if (q->n_heap == 0 && q->next == q->n_run) {
        return false;
    }
    *out = heap_is_next(q) ? q->heap[0] : q->run[q->next];
    return true;
}

bool fg_queue_pop(struct fg_queue *q, struct fg_queue_entry *out)
{
    if (!fg_queue_peek(q, out)) {
        return false;
    }
    if (heap_is_next(q)) {
        drop_top(q);
    } else {
        q->next++;
    }
    return true;
}
