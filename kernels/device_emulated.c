/* The emulated device: kernels/device_ops.h in plain C, for tests and for machines without a
 * GPU to develop on. */
#include <stdlib.h>
#include <string.h>

#include "kernels/device.h"
#include "kernels/device_arena.h"
#include "kernels/device_fold.h"
#include "kernels/device_ops.h"
#include "src/base/mem.h"

struct emulated {
    struct fg_device base;
    struct fg_emulation how;
    struct fg_arena arena;
    uint64_t used, peak; /* idle blocks included */
    uint32_t calls;
    struct fg_device_traffic traffic;
    float *chunks; /* (FG_TILE_STAGES, FG_TILE_STAGE) a block's shared memory */
    float *near;   /* (how.near_floats) the same of a resident block */
    size_t hot;    /* floats of the lane that are there */
};

/* Blocks remember their size in front of them. */
enum { HEAD = 64, CHUNK_BYTES = FG_TILE_STAGES * FG_TILE_STAGE * sizeof(float) };

static enum fg_status lost(struct emulated *d, struct fg_err *err)
{
    d->calls++;
    return d->how.fail_at != 0 && d->calls >= d->how.fail_at
               ? fg_fail(err, FG_E_IO, "the emulated device is lost")
               : FG_OK;
}

static enum fg_status memory(struct fg_device *base, uint64_t *free_bytes, uint64_t *all, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    (void)err;
    *all = d->how.memory_bytes;
    *free_bytes = *all - d->used + d->arena.idle_bytes;
    return FG_OK;
}

static enum fg_status take(void *of, void **out, size_t bytes, struct fg_err *err)
{
    struct emulated *d = of;
    char *p = bytes > d->how.memory_bytes - d->used ? NULL : fg_calloc_aligned(bytes + HEAD, 1);
    if (p == NULL) {
        return fg_fail(err, FG_E_NOMEM, "the emulated device has no %zu bytes", bytes);
    }
    memcpy(p, &bytes, sizeof bytes);
    d->used += bytes;
    d->peak = d->used > d->peak ? d->used : d->peak;
    *out = p + HEAD;
    return FG_OK;
}

static void give(void *of, void *at)
{
    struct emulated *d = of;
    size_t bytes;
    memcpy(&bytes, (char *)at - HEAD, sizeof bytes);
    d->used -= bytes;
    fg_free((char *)at - HEAD);
}

static enum fg_status alloc(struct fg_device *base, void **out, size_t bytes, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st == FG_OK) {
        st = fg_arena_alloc(&d->arena, out, bytes, err);
    }
    if (st == FG_OK) {
        memset(*out, 0x7f, bytes); /* what a program reads unwritten shows */
    }
    return st;
}

static void release(struct fg_device *base, void *p)
{
    struct emulated *d = (struct emulated *)base;
    fg_arena_free(&d->arena, p);
    if (!d->how.keeps) {
        fg_arena_trim(&d->arena);
    }
}

static enum fg_status copy(struct emulated *d, void *to, const void *from, size_t bytes, uint64_t *traffic,
                           struct fg_err *err)
{
    enum fg_status st = lost(d, err);
    if (st == FG_OK && bytes > 0) {
        memcpy(to, from, bytes);
        *traffic += bytes;
    }
    return st;
}

static enum fg_status put(struct fg_device *base, void *to, const void *from, size_t bytes,
                          struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    return copy(d, to, from, bytes, &d->traffic.to, err);
}

static enum fg_status get(struct fg_device *base, void *to, const void *from, size_t bytes,
                          struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    return copy(d, to, from, bytes, &d->traffic.from, err);
}

static enum fg_status spread(struct fg_device *base, float *to, size_t stride, size_t n, const float *from,
                             size_t count, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    for (size_t i = 0; i < n && st == FG_OK; i++) {
        memcpy(to + i * stride, from, count * sizeof *to);
    }
    return st;
}

/* One operation of one lane, thread by thread; where warps or blocks work together a thread
 * stands for one of them. */
static void run_threads(const struct emulated *d, enum fg_arithmetic mode, const struct fg_op *op,
                        const struct fg_at *at, struct fg_lane *lane)
{
    uint32_t nt = d->how.threads;
    for (uint32_t i = 0; i < nt; i++) {
        uint32_t t = d->how.shuffle != 0 ? (nt - 1 - (i + d->how.shuffle) % nt) : i;
        if (!d->how.resident && FG_OP_BY_TILES(op->kind)) {
            memset(d->chunks, 0x7f, CHUNK_BYTES);
            fg_op_tiles(op->kind, mode, op, at, lane, d->chunks, t, nt);
        } else {
            fg_op_run(op->kind, mode, op, at, lane, t, nt);
        }
    }
}

static void run_lane(const struct emulated *d, const struct fg_device_run *r, size_t i, size_t from_op,
                     size_t to_op, uint32_t step, uint32_t part)
{
    struct fg_at at;
    struct fg_lane *lane = &r->lanes[i];
    if (fg_at_find(&at, lane, r->program->grad, r->program->part, step, part)) {
        at.hot = d->hot > 0 ? d->near : at.hot;
        at.hot_floats = d->hot;
        for (size_t o = from_op; o < to_op; o++) {
            int done = !d->how.resident && (r->op[o].flags & FG_OP_BESIDE) != 0;
            if (!done && fg_at_happens(&at, &r->op[o])) {
                run_threads(d, r->program->arithmetic, &r->op[o], &at, lane);
            }
        }
    }
}

/* A lane's first floats move to a resident block's memory; who looks for them where they were finds NaNs. */
static void move_near(struct emulated *d, const struct fg_program *p, const struct fg_lane *lane)
{
    d->hot = fg_at_hot(p, d->how.near_floats);
    memcpy(d->near, lane->memory, d->hot * sizeof *d->near);
    memset(lane->memory, 0xff, d->hot * sizeof *d->near);
}

static void move_back(struct emulated *d, const struct fg_lane *lane)
{
    memcpy(lane->memory, d->near, d->hot * sizeof *d->near);
    d->hot = 0;
}

static uint32_t steps(const struct fg_device *base, const struct fg_program *p, size_t lanes)
{
    const struct emulated *d = (const struct emulated *)base;
    (void)lanes;
    return fg_at_steps(p, d->how.resident ? fg_at_hot(p, d->how.near_floats) : 0);
}

static enum fg_status run(struct fg_device *base, const struct fg_device_run *r, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st != FG_OK) {
        return st;
    }
    size_t lanes = d->how.resident ? r->n : 1;
    for (size_t i = 0; i < lanes; i++) {
        if (d->how.resident) {
            move_near(d, r->program, &r->lanes[i]);
        }
        for (uint32_t step = r->from; step < r->to; step++) {
            for (uint32_t part = 0; part < r->parts; part++) {
                if (d->how.resident) {
                    run_lane(d, r, i, 0, r->program->n, step, part);
                    continue;
                }
                for (size_t o = 0; o < r->program->n; o++) {
                    for (size_t k = fg_at_lanes(r); k-- > 0;) {
                        run_lane(d, r, k, o, o + 1, step, part);
                    }
                }
            }
        }
        if (d->how.resident) {
            move_back(d, &r->lanes[i]);
        }
    }
    return FG_OK;
}

/* The threads of a step that works on no lane. */
#define ALL_THREADS(d, step, arg)                   \
    for (size_t t = 0; t < (d)->how.threads; t++) { \
        step(arg, t, (d)->how.threads);             \
    }

static enum fg_status deltas(struct fg_device *base, const struct fg_device_deltas *f, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st == FG_OK) {
        ALL_THREADS(d, fold_deltas, f)
        ALL_THREADS(d, fold_largest, f)
    }
    return st;
}

static enum fg_status levels(struct fg_device *base, const struct fg_device_levels *l, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st == FG_OK) {
        ALL_THREADS(d, fold_shares, l)
        ALL_THREADS(d, fold_pieces, l)
        ALL_THREADS(d, fold_steps, l)
        ALL_THREADS(d, fold_levels, l)
    }
    if (st == FG_OK && l->code == NULL) {
        if (l->gaps != NULL) {
            ALL_THREADS(d, fold_marks, l)
            ALL_THREADS(d, fold_places, l)
            ALL_THREADS(d, fold_gaps, l)
        }
        ALL_THREADS(d, fold_again, &l->of)
        ALL_THREADS(d, fold_largest, &l->of)
    }
    return st;
}

static enum fg_status sum(struct fg_device *base, const struct fg_device_sum *s, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st == FG_OK) {
        ALL_THREADS(d, fold_sum, s)
    }
    return st;
}

static enum fg_status step(struct fg_device *base, const struct fg_device_step *s, struct fg_err *err)
{
    struct emulated *d = (struct emulated *)base;
    enum fg_status st = lost(d, err);
    if (st == FG_OK) {
        ALL_THREADS(d, fold_step, s)
    }
    return st;
}

/* There is no bus. */
static void pin(struct fg_device *base, void *host, size_t bytes)
{
    (void)base;
    (void)host;
    (void)bytes;
}

static void loose(struct fg_device *base, void *host)
{
    (void)base;
    (void)host;
}

static void destroy(struct fg_device *base)
{
    struct emulated *d = (struct emulated *)base;
    fg_arena_fini(&d->arena);
    fg_free(d->chunks);
    fg_free(d->near);
    fg_free(d);
}

static const struct fg_device_ops ops = {memory, alloc,  release, put,  get, spread, run,    steps,
                                         deltas, levels, sum,     step, pin, loose,  destroy};

struct fg_device_traffic fg_device_emulated_traffic(const struct fg_device *d)
{
    return ((const struct emulated *)d)->traffic;
}

uint64_t fg_device_emulated_peak(const struct fg_device *d)
{
    return ((const struct emulated *)d)->peak;
}

uint64_t fg_device_emulated_taken(const struct fg_device *d)
{
    return ((const struct emulated *)d)->arena.taken;
}

enum fg_status fg_device_emulated(struct fg_device **out, const struct fg_emulation *how, struct fg_err *err)
{
    struct emulated *d = fg_calloc(1, sizeof *d);
    float *chunks = fg_calloc_aligned(CHUNK_BYTES, 1),
          *near = fg_calloc_aligned((size_t)how->near_floats + 1, sizeof *near);
    if (d == NULL || chunks == NULL || near == NULL) {
        fg_free(d);
        fg_free(chunks);
        fg_free(near);
        return fg_fail(err, FG_E_NOMEM, "no memory for a device");
    }
    d->base.ops = &ops;
    strcpy(d->base.name, "emulated");
    d->how = *how;
    d->chunks = chunks;
    d->near = near;
    d->arena = (struct fg_arena){.of = d, .take = take, .give = give};
    *out = &d->base;
    return FG_OK;
}
