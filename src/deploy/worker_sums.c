#include "src/deploy/worker_sums.h"

#include <math.h>
#include <pthread.h>

#include "kernels/coders.h"
#include "src/aggregator/exact.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/worker/versions.h"

enum { AT_ONCE = 4 }; /* updates that are added together */

struct update {
    uint64_t id, version;
    float *delta;   /* (P) */
    float *largest; /* (blocks) */
};

struct fg_worker_sums {
    size_t P, blocks;
    const struct fg_coders *coders;
    pthread_mutex_t lock;
    /* under the lock */
    struct update *kept;
    size_t n_kept, cap_kept;
    struct fg_vectors vectors, largests; /* (P), (blocks) */
    /* the caller's */
    struct fg_exact *exact;
    uint64_t number;
    bool good;                    /* nothing is missing in it */
    struct update queue[AT_ONCE]; /* to be added */
    double weight[AT_ONCE];
    size_t n_queue;
    struct fg_str bytes;
};

enum fg_status fg_worker_sums_create(struct fg_worker_sums **out, size_t P)
{
    struct fg_worker_sums *s = fg_calloc(1, sizeof *s);
    if (s == NULL || fg_exact_create(&s->exact, P) != FG_OK) {
        fg_free(s);
        return FG_E_NOMEM;
    }
    s->P = P;
    s->blocks = (P + FG_EXACT_BLOCK - 1) / FG_EXACT_BLOCK;
    s->coders = fg_coders_get("auto");
    s->vectors.width = P;
    s->largests.width = s->blocks;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return FG_OK;
}

void fg_worker_sums_destroy(struct fg_worker_sums *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_kept; i++) {
        fg_free(s->kept[i].delta);
        fg_free(s->kept[i].largest);
    }
    for (size_t i = 0; i < s->n_queue; i++) {
        fg_free(s->queue[i].delta);
        fg_free(s->queue[i].largest);
    }
    fg_vectors_fini(&s->vectors);
    fg_vectors_fini(&s->largests);
    fg_exact_destroy(s->exact);
    fg_str_fini(&s->bytes);
    fg_free(s->kept);
    pthread_mutex_destroy(&s->lock);
    fg_free(s);
}

/* ---- updates ---- */

/* Under the lock. */
static void drop(struct fg_worker_sums *s, const struct update *u)
{
    fg_vectors_give(&s->vectors, u->delta);
    fg_vectors_give(&s->largests, u->largest);
}

static float look_at(const struct fg_worker_sums *s, const float *delta, float *largest)
{
    float most = 0.0f;
    for (size_t b = 0; b < s->blocks; b++) {
        size_t at = b * FG_EXACT_BLOCK, left = s->P - at;
        largest[b] = s->coders->largest(delta + at, left < FG_EXACT_BLOCK ? left : FG_EXACT_BLOCK);
        most = largest[b] <= most ? most : largest[b]; /* a NAN stays, once there */
        if (isnan(most)) {
            return most;
        }
    }
    return most;
}

enum fg_status fg_worker_sums_keep(struct fg_worker_sums *s, uint64_t id, uint64_t version, float **delta,
                                   float *largest)
{
    pthread_mutex_lock(&s->lock);
    float *other = fg_vectors_take(&s->vectors), *blocks = fg_vectors_take(&s->largests);
    enum fg_status st = other != NULL && blocks != NULL ? FG_OK : FG_E_NOMEM;
    pthread_mutex_unlock(&s->lock);
    *largest = st == FG_OK ? look_at(s, *delta, blocks) : 0.0f;
    struct update u = {.id = id, .version = version, .delta = *delta, .largest = blocks};
    pthread_mutex_lock(&s->lock);
    st = st == FG_OK ? FG_GROW(s->kept, s->n_kept, s->cap_kept) : st;
    if (st == FG_OK) {
        s->kept[s->n_kept++] = u;
        *delta = other;
    } else {
        u.delta = other;
        drop(s, &u);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

void fg_worker_sums_forget(struct fg_worker_sums *s, uint64_t floor)
{
    pthread_mutex_lock(&s->lock);
    size_t left = 0;
    for (size_t i = 0; i < s->n_kept; i++) {
        if (s->kept[i].version >= floor) {
            s->kept[left++] = s->kept[i];
        } else {
            drop(s, &s->kept[i]);
        }
    }
    s->n_kept = left;
    pthread_mutex_unlock(&s->lock);
}

/* ---- the sum ---- */

/* Move an update into *out: the last one of that id, should its task have been computed twice. */
static bool take(struct fg_worker_sums *s, uint64_t id, struct update *out)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = s->n_kept; i > 0 && !found; i--) {
        if (s->kept[i - 1].id == id) {
            *out = s->kept[i - 1];
            s->kept[i - 1] = s->kept[--s->n_kept];
            found = true;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void drop_queue(struct fg_worker_sums *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->n_queue > 0) {
        drop(s, &s->queue[--s->n_queue]);
    }
    pthread_mutex_unlock(&s->lock);
}

static void add_queue(struct fg_worker_sums *s)
{
    struct fg_exact_term term[AT_ONCE];
    for (size_t i = 0; i < s->n_queue; i++) {
        term[i] = fg_exact_floats(s->weight[i], s->queue[i].delta);
        term[i].form.largest = s->queue[i].largest;
    }
    enum fg_status st = s->n_queue > 0 && s->good ? fg_exact_add(s->exact, term, s->n_queue) : FG_OK;
    if (st != FG_OK) {
        fg_log_write(FG_LOG_WARN, "updates were not added up: %s", fg_status_text(st));
        s->good = false;
    }
    drop_queue(s);
}

static void begin(struct fg_worker_sums *s, uint64_t sum)
{
    drop_queue(s);
    fg_exact_clear(s->exact);
    s->number = sum;
    s->good = true;
}

void fg_worker_sums_add(struct fg_worker_sums *s, uint64_t sum, uint64_t id, double weight)
{
    if (sum != s->number) {
        begin(s, sum);
    }
    if (!take(s, id, &s->queue[s->n_queue])) {
        fg_log_write(FG_LOG_WARN, "the update of task %llu is not here", (unsigned long long)id);
        s->good = false;
        return;
    }
    s->weight[s->n_queue++] = weight;
    if (s->n_queue == AT_ONCE) {
        add_queue(s);
    }
}

struct fg_view fg_worker_sums_pack(struct fg_worker_sums *s, uint64_t sum)
{
    bool there = sum == s->number;
    s->bytes.len = 0;
    if (there) {
        add_queue(s);
    }
    if (!there || !s->good || fg_exact_pack(s->exact, &s->bytes) != FG_OK) {
        s->bytes.len = 0;
    }
    if (there) {
        begin(s, 0);
    }
    return (struct fg_view){.data = (const uint8_t *)s->bytes.data, .len = s->bytes.len};
}
