/* Versions of the parameters that tasks still need, and the vectors that they are kept in.
 *
 * Thread safety: one thread at a time. Out of memory is NULL.
 */
#ifndef FG_WORKER_VERSIONS_H
#define FG_WORKER_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/worker/executor.h"

/* Vectors of one size that are used again: an empty pool is all zero but for the width. */
struct fg_vectors {
    size_t width; /* floats of each */
    size_t most;  /* kept for later; 0: as many as are given */
    float **free;
    size_t n, cap;
};

/* Owner: the caller, fg_vectors_give() or fg_free(). */
float *fg_vectors_take(struct fg_vectors *pool) FG_NODISCARD;
/* v may be NULL. */
void fg_vectors_give(struct fg_vectors *pool, float *v);
void fg_vectors_fini(struct fg_vectors *pool);

struct fg_version {
    uint64_t version;
    float *params; /* of the pool, or NULL: only there */
    struct fg_there there;
    size_t waiting; /* tasks that still need it */
};

/* None at first: all zero. */
struct fg_versions {
    struct fg_version *list; /* the one published last at the end */
    size_t n, cap;
};

/* NULL: not kept. Valid until a version is added or dropped. */
struct fg_version *fg_versions_find(const struct fg_versions *v, uint64_t version);

/* Make this version, known or new, the last of the list, which is always kept; drop the others that nobody
 * waits for any more. */
struct fg_version *fg_versions_last(struct fg_versions *v, uint64_t version,
                                    struct fg_vectors *pool) FG_NODISCARD;

/* The same with a copy of these parameters in a vector of the pool. False: out of memory. */
bool fg_versions_publish(struct fg_versions *v, uint64_t version, const float *params /* (P) */, size_t P,
                         struct fg_vectors *pool) FG_NODISCARD;

/* A task does not need the version any more, which must be kept. */
void fg_versions_release(struct fg_versions *v, uint64_t version, struct fg_vectors *pool);

/* Drop the versions that nobody waits for; the newest stays. */
void fg_versions_drop(struct fg_versions *v, struct fg_vectors *pool);
void fg_versions_fini(struct fg_versions *v);

#endif
