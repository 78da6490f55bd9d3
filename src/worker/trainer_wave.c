#include "src/worker/trainer_wave.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/wire/noise.h"
#include "src/worker/trainer_resident.h"

/* Device memory of one wave. */
struct wave {
    struct fg_device *d;
    const struct fg_program *p;
    const struct fg_op *op;
    struct fg_wave_lane *lane;
    size_t n;
    struct fg_lane *host;  /* (n) */
    struct fg_lane *lanes; /* the device's, here and below */
    float *memory;         /* (n, floats) */
    uint32_t *order;       /* one lane's after the other's */
    double *loss;
    uint32_t *right;
    float *zeros; /* (packed), the host's; NULL without momentum */
    struct fg_stays *stays;
};

uint64_t fg_wave_lane_bytes(const struct fg_program *p, uint64_t n_order, uint64_t scored)
{
    return p->floats * sizeof(float) + sizeof(struct fg_lane) + n_order * sizeof(uint32_t) +
           scored * (sizeof(double) + sizeof(uint32_t));
}

bool fg_wave_fits(uint64_t bytes, uint64_t free_bytes)
{
    return bytes <= free_bytes - free_bytes / 16;
}

static uint64_t bytes_of(const struct fg_program *p, const struct fg_wave_lane *l)
{
    return fg_wave_lane_bytes(p, l->n_order, l->score_loss != NULL ? l->lane.n : 0);
}

static enum fg_status get_memory(struct wave *w, struct fg_err *err)
{
    const struct fg_device_ops *ops = w->d->ops;
    size_t order = 0, scores = 0;
    enum fg_status st;
    for (size_t i = 0; i < w->n; i++) {
        order += w->lane[i].n_order;
        scores += w->lane[i].score_loss != NULL ? w->lane[i].lane.n : 0;
    }
    void *p;
    FG_TRY(ops->alloc(w->d, &p, w->n * sizeof(struct fg_lane), err));
    w->lanes = p;
    FG_TRY(ops->alloc(w->d, &p, w->n * w->p->floats * sizeof(float), err));
    w->memory = p;
    FG_TRY(ops->alloc(w->d, &p, order * sizeof(uint32_t) + 1, err));
    w->order = p;
    FG_TRY(ops->alloc(w->d, &p, scores * sizeof(double) + 1, err));
    w->loss = p;
    FG_TRY(ops->alloc(w->d, &p, scores * sizeof(uint32_t) + 1, err));
    w->right = p;
cleanup:
    return st;
}

static void drop_memory(struct wave *w)
{
    w->d->ops->free(w->d, w->lanes);
    w->d->ops->free(w->d, w->memory);
    w->d->ops->free(w->d, w->order);
    w->d->ops->free(w->d, w->loss);
    w->d->ops->free(w->d, w->right);
    w->lanes = NULL;
    w->memory = NULL;
    w->order = NULL;
    w->loss = NULL;
    w->right = NULL;
}

/* What a lane's vector begins with. */
struct vector {
    const float *at; /* NULL: it has none */
    bool there;      /* on the device */
};

static struct vector vector_of(const struct wave *w, const struct fg_wave_lane *l, size_t offset)
{
    if (offset != 0 && offset == w->p->velocity) {
        return (struct vector){l->velocity != NULL ? l->velocity : w->zeros, false};
    }
    if (offset != 0 && l->first != NULL) {
        return (struct vector){l->first, false};
    }
    return l->there != NULL ? (struct vector){l->there, true} : (struct vector){l->params, false};
}

/* The vector at `offset` of all lanes; what several in a row begin with goes there once,
 * or not if it is there. */
static enum fg_status put_vectors(struct wave *w, size_t offset, struct fg_err *err)
{
    const struct fg_device_ops *ops = w->d->ops;
    const size_t packed = w->p->packed, floats = w->p->floats;
    enum fg_status st = FG_OK;
    for (size_t i = 0, next; i < w->n && st == FG_OK; i = next) {
        const struct vector from = vector_of(w, &w->lane[i], offset);
        float *to = w->memory + i * floats + offset;
        for (next = i + 1; next < w->n && vector_of(w, &w->lane[next], offset).at == from.at; next++) {
        }
        if (from.there) {
            st = ops->spread(w->d, to, floats, next - i, from.at, packed, err);
            continue;
        }
        if (from.at != NULL) {
            st = ops->put(w->d, to, from.at, packed * sizeof *to, err);
        }
        if (from.at != NULL && next > i + 1 && st == FG_OK) {
            st = ops->spread(w->d, to + floats, floats, next - i - 1, to, packed, err);
        }
    }
    return st;
}

/* Lanes whose first step reads what is there for all of them; false: not all of them do. */
static bool begin_there(struct wave *w)
{
    bool all = w->p->in_place;
    for (size_t i = 0; i < w->n; i++) {
        all = all && w->lane[i].there != NULL;
    }
    for (size_t i = 0; i < w->n; i++) {
        w->lane[i].lane.begin = all ? w->lane[i].there : NULL;
    }
    return all;
}

/* The orders of all lanes, in one piece. */
static enum fg_status put_orders(struct wave *w, struct fg_err *err)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < w->n; i++) {
        n += w->lane[i].n_order;
    }
    uint32_t *all = fg_calloc(n, sizeof *all);
    if (all == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for the orders of %zu lanes", w->n);
    }
    for (size_t i = 0; i < w->n; at += w->lane[i++].n_order) {
        memcpy(all + at, w->lane[i].order, w->lane[i].n_order * sizeof *all);
        w->lane[i].lane.order = w->order + at;
    }
    enum fg_status st = w->d->ops->put(w->d, w->order, all, n * sizeof *all, err);
    fg_free(all);
    return st;
}

static enum fg_status put_lanes(struct wave *w, struct fg_err *err)
{
    size_t scored = 0;
    enum fg_status st;
    FG_TRY(put_orders(w, err));
    if (!begin_there(w)) {
        FG_TRY(put_vectors(w, 0, err));
    }
    if (w->p->velocity != 0) {
        FG_TRY(put_vectors(w, w->p->velocity, err));
    }
    if (w->p->first != 0) {
        FG_TRY(put_vectors(w, w->p->first, err));
    }
    for (size_t i = 0; i < w->n; i++) {
        struct fg_wave_lane *l = &w->lane[i];
        l->lane.memory = w->memory + i * w->p->floats;
        l->lane.data = l->data;
        l->lane.score_loss = w->loss + scored;
        l->lane.score_right = w->right + scored;
        scored += l->score_loss != NULL ? l->lane.n : 0;
        w->host[i] = l->lane;
    }
    FG_TRY(w->d->ops->put(w->d, w->lanes, w->host, w->n * sizeof *w->host, err));
cleanup:
    return st;
}

/* How the updates of a wave, which did the steps before `at`, leave the device. */
enum way { BACK, STAY, CODES };

static enum way way_of(const struct wave *w, uint32_t at)
{
    bool stay = w->stays != NULL, codes = stay;
    for (size_t i = 0; i < w->n; i++) {
        const struct fg_wave_lane *l = &w->lane[i];
        stay = stay && l->may_stay;
        codes = codes && l->codes != NULL && l->lane.end <= at;
    }
    return stay ? STAY : codes ? CODES : BACK;
}

/* Make the updates there, to stay or as codes. Shapes: stay (n) out, codes (n).
 * Errors: FG_E_NOMEM, FG_E_IO. */
static enum fg_status make_updates(struct wave *w, enum way way, struct fg_stay **stay, uint8_t **codes,
                                   struct fg_err *err)
{
    struct fg_coder_stream *stream = fg_calloc(w->n, sizeof *stream);
    if (stream == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct fg_lane *l = &w->lane[i].lane;
        stream[i] = fg_noise_of(l->seed, l->shard, l->number);
        codes[i] = w->lane[i].codes;
    }
    const struct fg_stay_lanes from = {w->memory, w->p->floats, w->n, stream};
    enum fg_status st =
        way == STAY ? fg_stays_take(w->stays, &from, stay, err) : fg_stays_codes(w->stays, &from, codes, err);
    fg_free(stream);
    return st;
}

/* The updates of lanes that the host has no parameters for; where there is no room to make them, the
 * parameters come back. Errors: FG_E_NOMEM (the host's), FG_E_IO. */
static enum fg_status leave(struct wave *w, uint32_t at, struct fg_err *err)
{
    struct fg_stay **stay = fg_calloc(w->n, sizeof(struct fg_stay *));
    uint8_t **codes = fg_calloc(w->n, sizeof *codes);
    const enum way way = way_of(w, at);
    enum fg_status st = stay == NULL || codes == NULL ? FG_E_NOMEM : FG_OK, made = FG_E_NOMEM;
    FG_TRY(st);
    made = way != BACK ? make_updates(w, way, stay, codes, err) : FG_E_NOMEM;
    FG_TRY(made == FG_E_NOMEM ? FG_OK : made);
    for (size_t i = 0; i < w->n && st == FG_OK; i++) {
        struct fg_wave_lane *l = &w->lane[i];
        l->stay = stay[i];
        l->coded = made == FG_OK && way == CODES;
        if ((l->may_stay || l->codes != NULL) && l->stay == NULL && !l->coded) {
            l->out_params = fg_calloc_aligned(w->p->packed, sizeof(float));
            st = l->out_params == NULL ? FG_E_NOMEM : FG_OK;
        }
    }
cleanup:
    fg_free(stay);
    fg_free(codes);
    return st == FG_E_NOMEM ? fg_fail(err, st, "no memory for %zu lanes", w->n) : st;
}

/* Until the last lane's end or the stop flag; *at is the step that everything was done before. */
static enum fg_status run_steps(struct wave *w, uint32_t *at, atomic_int *stop, struct fg_err *err)
{
    uint32_t end = w->lane[0].lane.end, largest = 1;
    size_t n = w->n;
    fg_time_t step_us = 0, then = 0;
    *at = end;
    for (size_t i = 0; i < n; i++) {
        const struct fg_lane *l = &w->lane[i].lane;
        uint32_t batch = l->batch < l->n ? l->batch : l->n;
        *at = l->start < *at ? l->start : *at;
        largest = batch > largest ? batch : largest;
        step_us = w->lane[i].step_us > step_us ? w->lane[i].step_us : step_us;
    }
    then = step_us > 0 ? fg_now_steady() : 0;
    while (*at < end) {
        uint32_t chunk = step_us > 0 ? 1 : w->d->ops->steps(w->d, w->p, n);
        if (step_us > 0) {
            fg_wait_until(then += step_us, stop);
        }
        if (fg_stopped(stop)) {
            return FG_E_INTERRUPTED;
        }
        while (n > 0 && w->lane[n - 1].lane.end <= *at) {
            n--;
        }
        struct fg_device_run r = {.program = w->p,
                                  .op = w->op,
                                  .lanes = w->lanes,
                                  .n = n,
                                  .all = w->n,
                                  .from = *at,
                                  .to = end - *at < chunk ? end : *at + chunk,
                                  .parts = (largest - 1) / FG_DEVICE_PART + 1};
        enum fg_status st = w->d->ops->run(w->d, &r, err);
        if (st != FG_OK) {
            return st;
        }
        *at = r.to;
    }
    return FG_OK;
}

/* The scores of all lanes, in two pieces. */
static enum fg_status get_scores(struct wave *w, struct fg_err *err)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < w->n; i++) {
        n += w->lane[i].score_loss != NULL ? w->lane[i].lane.n : 0;
    }
    double *loss = fg_calloc(n, sizeof *loss);
    uint32_t *right = fg_calloc(n, sizeof *right);
    enum fg_status st =
        loss == NULL || right == NULL ? fg_fail(err, FG_E_NOMEM, "no memory for %zu scores", n) : FG_OK;
    FG_TRY(st);
    FG_TRY(w->d->ops->get(w->d, loss, w->loss, n * sizeof *loss, err));
    FG_TRY(w->d->ops->get(w->d, right, w->right, n * sizeof *right, err));
    for (size_t i = 0; i < w->n; i++) {
        const struct fg_wave_lane *l = &w->lane[i];
        if (l->score_loss != NULL) {
            memcpy(l->score_loss, loss + at, l->lane.n * sizeof *loss);
            memcpy(l->score_right, right + at, l->lane.n * sizeof *right);
            at += l->lane.n;
        }
    }
cleanup:
    fg_free(loss);
    fg_free(right);
    return st;
}

static enum fg_status get_lanes(struct wave *w, uint32_t at, struct fg_err *err)
{
    const struct fg_device_ops *ops = w->d->ops;
    size_t packed = w->p->packed * sizeof(float);
    bool scores = false;
    enum fg_status st;
    FG_TRY(leave(w, at, err));
    FG_TRY(ops->get(w->d, w->host, w->lanes, w->n * sizeof *w->host, err));
    for (size_t i = 0; i < w->n; i++) {
        struct fg_wave_lane *l = &w->lane[i];
        const struct fg_lane *h = &w->host[i];
        l->lane.loss = h->loss;
        l->steps = at < l->lane.start ? l->lane.start : at > l->lane.end ? l->lane.end : at;
        if (l->out_params != NULL) {
            FG_TRY(ops->get(w->d, l->out_params, h->memory, packed, err));
        }
        if (l->out_velocity != NULL && l->out_params != NULL) { /* only who is stopped wants it */
            FG_TRY(ops->get(w->d, l->out_velocity, h->memory + w->p->velocity, packed, err));
        }
        scores = scores || l->score_loss != NULL;
    }
    st = scores ? get_scores(w, err) : FG_OK;
cleanup:
    return st;
}

static int longest_first(const void *a, const void *b)
{
    const struct fg_wave_lane *x = a, *y = b;
    if (x->lane.end != y->lane.end) {
        return x->lane.end < y->lane.end ? 1 : -1;
    }
    return x->lane.shard < y->lane.shard ? -1 : x->lane.shard > y->lane.shard;
}

/* How many lanes of those from `lane` on fit by estimate, at least one. */
static size_t fitting(const struct fg_program *p, const struct fg_wave_lane *lane, size_t n,
                      uint64_t free_bytes)
{
    uint64_t sum = 0;
    size_t fit = 0;
    while (fit < n && fg_wave_fits(sum += bytes_of(p, &lane[fit]), free_bytes)) {
        fit++;
    }
    return fit > 0 ? fit : 1;
}

/* As many lanes as memory can be had for: halved until it suffices. */
static enum fg_status allocate(struct wave *w, size_t n, struct fg_err *err)
{
    uint64_t free_bytes, all;
    enum fg_status st = w->d->ops->memory(w->d, &free_bytes, &all, err);
    if (st != FG_OK) {
        return st;
    }
    w->n = fitting(w->p, w->lane, n, free_bytes);
    while ((st = get_memory(w, err)) == FG_E_NOMEM && w->n > 1) {
        drop_memory(w);
        w->n = (w->n + 1) / 2;
    }
    return st;
}

/* What a lane of a later wave comes to when the run is interrupted before it. */
static void not_begun(struct fg_wave_lane *l, size_t packed)
{
    l->steps = l->lane.start;
    if (l->out_params != NULL) {
        memcpy(l->out_params, l->params, packed * sizeof *l->out_params);
    }
    if (l->out_velocity != NULL && l->velocity != NULL) {
        memcpy(l->out_velocity, l->velocity, packed * sizeof *l->out_velocity);
    }
}

enum fg_status fg_waves_run(struct fg_device *d, const struct fg_program *p, const struct fg_op *op,
                            struct fg_wave_lane *lanes, size_t n, struct fg_stays *stays, atomic_int *stop,
                            struct fg_err *err)
{
    enum fg_status st = FG_OK, interrupted = FG_OK;
    struct wave w = {.d = d, .p = p, .op = op, .stays = stays};
    w.host = fg_calloc(n, sizeof *w.host);
    w.zeros = p->velocity != 0 ? fg_calloc(p->packed, sizeof *w.zeros) : NULL;
    if (w.host == NULL || (p->velocity != 0 && w.zeros == NULL)) {
        st = fg_fail(err, FG_E_NOMEM, "no memory for %zu lanes", n);
        goto cleanup;
    }
    qsort(lanes, n, sizeof *lanes, longest_first);
    for (size_t done = 0; done < n && interrupted == FG_OK; done += w.n) {
        uint32_t at;
        w.lane = lanes + done;
        FG_TRY(allocate(&w, n - done, err));
        FG_TRY(put_lanes(&w, err));
        interrupted = run_steps(&w, &at, stop, err);
        st = interrupted != FG_E_INTERRUPTED ? interrupted : FG_OK;
        if (st == FG_OK) {
            st = get_lanes(&w, at, err);
        }
        drop_memory(&w);
        FG_TRY(st);
        for (size_t i = done + w.n; interrupted != FG_OK && i < n; i++) {
            not_begun(&lanes[i], p->packed);
        }
    }
cleanup:
    drop_memory(&w);
    fg_free(w.host);
    fg_free(w.zeros);
    return st != FG_OK ? st : interrupted;
}
