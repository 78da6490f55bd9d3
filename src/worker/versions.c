#include "src/worker/versions.h"

#include <string.h>

#include "src/base/mem.h"

/* ---- vectors ---- */

float *fg_vectors_take(struct fg_vectors *pool)
{
    return pool->n > 0 ? pool->free[--pool->n] : fg_alloc_aligned(pool->width, sizeof(float));
}

void fg_vectors_give(struct fg_vectors *pool, float *v)
{
    if (v == NULL) {
        return;
    }
    bool room = pool->most == 0 || pool->n < pool->most;
    if (room && FG_GROW(pool->free, pool->n, pool->cap) == FG_OK) {
        pool->free[pool->n++] = v;
    } else {
        fg_free(v);
    }
}

void fg_vectors_fini(struct fg_vectors *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        fg_free(pool->free[i]);
    }
    fg_free(pool->free);
    *pool = (struct fg_vectors){.width = pool->width, .most = pool->most};
}

/* ---- versions ---- */

struct fg_version *fg_versions_find(const struct fg_versions *v, uint64_t version)
{
    for (size_t i = v->n; i-- > 0;) {
        if (v->list[i].version == version) {
            return &v->list[i];
        }
    }
    return NULL;
}

void fg_versions_drop(struct fg_versions *v, struct fg_vectors *pool)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->list[i].waiting == 0 && i + 1 < v->n) {
            fg_vectors_give(pool, v->list[i].params);
        } else {
            v->list[kept++] = v->list[i];
        }
    }
    v->n = kept;
}

struct fg_version *fg_versions_last(struct fg_versions *v, uint64_t version, struct fg_vectors *pool)
{
    struct fg_version *known = fg_versions_find(v, version), again = {.version = version};
    if (known != NULL) {
        struct fg_version *end = v->list + --v->n;
        again = *known;
        memmove(known, known + 1, (size_t)(end - known) * sizeof *known);
    } else if (FG_GROW(v->list, v->n, v->cap) != FG_OK) {
        return NULL;
    }
    v->list[v->n++] = again;
    fg_versions_drop(v, pool);
    return &v->list[v->n - 1];
}

bool fg_versions_publish(struct fg_versions *v, uint64_t version, const float *params, size_t P,
                         struct fg_vectors *pool)
{
    struct fg_version *last = fg_versions_last(v, version, pool);
    if (last == NULL) {
        return false;
    }
    if (last->params == NULL && (last->params = fg_vectors_take(pool)) == NULL) {
        v->n -= last->waiting == 0;
        return false;
    }
    memcpy(last->params, params, P * sizeof *params);
    return true;
}

void fg_versions_release(struct fg_versions *v, uint64_t version, struct fg_vectors *pool)
{
    fg_versions_find(v, version)->waiting--;
    fg_versions_drop(v, pool);
}

void fg_versions_fini(struct fg_versions *v)
{
    for (size_t i = 0; i < v->n; i++) {
        fg_free(v->list[i].params);
    }
    fg_free(v->list);
    *v = (struct fg_versions){0};
}
