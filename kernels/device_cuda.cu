/* The CUDA device: kernels/device_ops.h by nvcc. */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h> /* finds a profiler by dlopen, if one runs this program */
#define BEGIN_RANGE(name) nvtxRangePushA(name)
#define END_RANGE() nvtxRangePop()
#else
#define BEGIN_RANGE(name) (void)(name)
#define END_RANGE() (void)0
#endif

#include "kernels/cuda_check.h"
#include "kernels/cuda_fold.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_lockstep.h"
#include "kernels/device.h"
#include "kernels/device_arena.h"
#include "kernels/device_ops.h"
#include "kernels/device_ptx.h"

#define RESIDENT_BLOCK 512 /* chosen, not measured */
#define GRAPHS 16

/* What a graph of launches depends on; all bytes are set. */
struct launches {
    const struct fg_op *op;
    struct fg_lane *lanes;
    size_t ops, n, grad, part_grad;
    uint64_t content; /* of the operations: memory is used again */
    uint32_t steps, parts, arithmetic;
};

/* Launches that were seen, and as a graph if that was more than once. A round has some,
 * an evaluation others. */
struct recorded {
    struct launches of;
    cudaGraphExec_t graph; /* NULL: none */
    uint64_t last;         /* run; 0: nothing here */
};

struct cuda_device {
    struct fg_device base;
    int number, multiprocessors;
    size_t shared_bytes; /* that a block may have */
    struct fg_arena arena;
    cudaStream_t stream;
    uint32_t *from; /* the device's: the first step of the launches */
    struct recorded known[GRAPHS];
    uint64_t runs;
    bool without_graphs; /* capturing failed once */
    enum fg_way way;
};

/* All operations of steps from..to of one lane: a block a lane. Its first `hot` floats stay in shared memory
 * for the whole launch; they are read and written once. */
template <uint32_t MODE>
static __global__ void __launch_bounds__(RESIDENT_BLOCK)
    resident(const struct fg_op *op, size_t ops, struct fg_lane *lanes, size_t hot, size_t grad,
             size_t part_grad, uint32_t from, uint32_t to, uint32_t parts)
{
    FG_SHARED_ASKED(near_memory);
    struct fg_lane *lane = &lanes[blockIdx.x];
    for (size_t e = threadIdx.x; e < hot; e += blockDim.x) {
        near_memory[e] = lane->memory[e];
    }
    __syncthreads();
    for (uint32_t step = from; step < to; step++) {
        for (uint32_t part = 0; part < parts; part++) {
            struct fg_at at;
            if (!fg_at_find(&at, lane, grad, part_grad, step, part)) {
                continue;
            }
            at.hot = near_memory;
            at.hot_floats = hot;
            for (size_t o = 0; o < ops; o++) {
                if (fg_at_happens(&at, &op[o])) {
                    fg_op_run(op[o].kind, MODE, &op[o], &at, lane, threadIdx.x, blockDim.x);
                }
                __syncthreads();
            }
        }
    }
    for (size_t e = threadIdx.x; e < hot; e += blockDim.x) {
        lane->memory[e] = near_memory[e];
    }
}

static enum fg_status memory(struct fg_device *base, uint64_t *free_bytes, uint64_t *all, struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    size_t left = 0, total = 0;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    FG_CUDA_TRY(cudaMemGetInfo(&left, &total), cleanup);
    *free_bytes = left + d->arena.idle_bytes;
    *all = total;
cleanup:
    return st;
}

static enum fg_status take(void *of, void **out, size_t bytes, struct fg_err *err)
{
    const struct cuda_device *d = (const struct cuda_device *)of;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    FG_CUDA_TRY(cudaMalloc(out, bytes), cleanup);
cleanup:
    (void)cudaGetLastError(); /* an allocation that failed is not the next call's error */
    return st;
}

static void give(void *of, void *at)
{
    const struct cuda_device *d = (const struct cuda_device *)of;
    if (cudaSetDevice(d->number) == cudaSuccess) {
        (void)cudaFree(at);
    }
}

static enum fg_status alloc(struct fg_device *base, void **out, size_t bytes, struct fg_err *err)
{
    return fg_arena_alloc(&((struct cuda_device *)base)->arena, out, bytes, err);
}

/* Whoever is given it next works after all that was begun before: one stream, and copies wait for it. */
static void release(struct fg_device *base, void *p)
{
    fg_arena_free(&((struct cuda_device *)base)->arena, p);
}

static enum fg_status put(struct fg_device *base, void *to, const void *from, size_t bytes,
                          struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    if (bytes > 0) {
        FG_CUDA_TRY(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), cleanup);
    }
cleanup:
    return st;
}

static enum fg_status get(struct fg_device *base, void *to, const void *from, size_t bytes,
                          struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    if (bytes > 0) {
        FG_CUDA_TRY(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), cleanup);
    }
cleanup:
    return st;
}

static void drop_graph(struct recorded *k)
{
    if (k->graph != NULL) {
        (void)cudaGraphExecDestroy(k->graph);
        k->graph = NULL;
    }
}

/* From now on these launches are one. */
static void make_graph(struct cuda_device *d, struct recorded *k, const struct fg_device_run *r)
{
    cudaGraph_t graph = NULL;
    cudaError_t made = cudaErrorUnknown;
    if (cudaStreamBeginCapture(d->stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
        cudaError_t launched = fg_cuda_lockstep(r, d->from, d->stream),
                    ended = cudaStreamEndCapture(d->stream, &graph);
        made = launched == cudaSuccess ? ended : launched;
    }
    if (made == cudaSuccess) {
        made = cudaGraphInstantiate(&k->graph, graph, 0);
    }
    if (made != cudaSuccess) { /* launched one by one instead */
        k->graph = NULL;
        d->without_graphs = true;
        (void)cudaGetLastError();
    }
    if (graph != NULL) {
        (void)cudaGraphDestroy(graph);
    }
}

/* Where these launches are known; in place of those that were not seen for longest if they are not. */
static struct recorded *recorded_of(struct cuda_device *d, const struct launches *now)
{
    struct recorded *oldest = &d->known[0];
    for (int i = 0; i < GRAPHS; i++) {
        struct recorded *k = &d->known[i];
        if (k->last != 0 && memcmp(&k->of, now, sizeof *now) == 0) {
            return k;
        }
        oldest = k->last < oldest->last ? k : oldest;
    }
    drop_graph(oldest);
    oldest->of = *now;
    oldest->last = 0;
    return oldest;
}

/* FNV-1a. */
static uint64_t fingerprint(const void *p, size_t bytes)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < bytes; i++) {
        h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001B3u;
    }
    return h;
}

static enum fg_status run_lockstep(struct cuda_device *d, const struct fg_device_run *asked,
                                   struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct fg_device_run some = *asked, *const r = &some;
    some.n = fg_at_lanes(asked);
    struct launches now;
    memset(&now, 0, sizeof now);
    now.op = r->op;
    now.lanes = r->lanes;
    now.ops = r->program->n;
    now.n = r->n;
    now.content = fingerprint(r->program->op, r->program->n * sizeof *r->program->op);
    now.grad = r->program->grad;
    now.part_grad = r->program->part;
    now.steps = r->to - r->from;
    now.parts = r->parts;
    now.arithmetic = r->program->arithmetic;
    struct recorded *k = recorded_of(d, &now);
    if (k->last != 0 && k->graph == NULL && !d->without_graphs) {
        make_graph(d, k, r);
    }
    k->last = ++d->runs;
    FG_CUDA_TRY(cudaMemcpyAsync(d->from, &asked->from, sizeof asked->from, cudaMemcpyHostToDevice, d->stream),
                cleanup); /* the caller's, which is there until all is done */
    if (k->graph != NULL) {
        FG_CUDA_TRY(cudaGraphLaunch(k->graph, d->stream), cleanup);
    } else {
        FG_CUDA_TRY(fg_cuda_lockstep(r, d->from, d->stream), cleanup);
    }
cleanup:
    return st;
}

/* Whether each of n lanes gets a block: where a lane lives in shared memory, or as many of them as
 * multiprocessors have their parameters there. */
static bool goes_resident(const struct cuda_device *d, const struct fg_program *p, size_t hot, size_t n)
{
    const bool better = hot == p->floats || (hot > 0 && n >= (size_t)d->multiprocessors);
    return d->way == FG_WAY_CHOSEN ? better : d->way == FG_WAY_RESIDENT;
}

static size_t hot_floats(const struct cuda_device *d, const struct fg_program *p)
{
    return fg_at_hot(p, d->shared_bytes / sizeof(float));
}

static uint32_t steps(const struct fg_device *base, const struct fg_program *p, size_t lanes)
{
    const struct cuda_device *d = (const struct cuda_device *)base;
    const size_t hot = hot_floats(d, p);
    return fg_at_steps(p, goes_resident(d, p, hot, lanes) ? hot : 0);
}

static enum fg_status run(struct fg_device *base, const struct fg_device_run *r, struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    const struct fg_program *p = r->program;
    enum fg_status st = FG_OK;
    size_t hot = hot_floats(d, p);
    char range[80];
    snprintf(range, sizeof range, "forage: steps %u to %u of %zu lanes", r->from, r->to, r->n);
    BEGIN_RANGE(range);
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    if (goes_resident(d, p, hot, r->n)) {
        auto kernel = p->arithmetic == FG_TF32   ? resident<FG_TF32>
                      : p->arithmetic == FG_BF16 ? resident<FG_BF16>
                                                 : resident<FG_EXACT>;
        FG_CUDA_TRY(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         (int)(hot * sizeof(float))),
                    cleanup);
        fg_cuda_launch(kernel, (unsigned)r->n, RESIDENT_BLOCK, hot * sizeof(float), d->stream, r->op, p->n,
                       r->lanes, hot, p->grad, p->part, r->from, r->to, r->parts);
        FG_CUDA_TRY(cudaGetLastError(), cleanup);
    } else {
        st = run_lockstep(d, r, err);
    }
    if (st == FG_OK) {
        FG_CUDA_TRY(cudaStreamSynchronize(d->stream), cleanup);
    }
cleanup:
    END_RANGE();
    return st;
}

static enum fg_status spread(struct fg_device *base, float *to, size_t stride, size_t n, const float *from,
                             size_t count, struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    FG_CUDA_TRY(fg_cuda_spread(to, stride, n, from, count, d->stream), cleanup);
cleanup:
    return st;
}

/* Launched on the stream, and done. */
template <typename WHAT>
static enum fg_status done(struct fg_device *base, const WHAT *what,
                           cudaError_t (*launch)(const WHAT *, cudaStream_t), struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    FG_CUDA_TRY(launch(what, d->stream), cleanup);
    FG_CUDA_TRY(cudaStreamSynchronize(d->stream), cleanup);
cleanup:
    return st;
}

static enum fg_status deltas(struct fg_device *base, const struct fg_device_deltas *f, struct fg_err *err)
{
    return done(base, f, fg_cuda_deltas, err);
}

static enum fg_status levels(struct fg_device *base, const struct fg_device_levels *l, struct fg_err *err)
{
    return done(base, l, fg_cuda_levels, err);
}

static enum fg_status sum(struct fg_device *base, const struct fg_device_sum *s, struct fg_err *err)
{
    return done(base, s, fg_cuda_sum, err);
}

static enum fg_status step(struct fg_device *base, const struct fg_device_step *s, struct fg_err *err)
{
    return done(base, s, fg_cuda_step, err);
}

static void pin(struct fg_device *base, void *host, size_t bytes)
{
    if (cudaSetDevice(((struct cuda_device *)base)->number) != cudaSuccess ||
        cudaHostRegister(host, bytes, cudaHostRegisterDefault) != cudaSuccess) {
        (void)cudaGetLastError(); /* not the next call's error */
    }
}

static void loose(struct fg_device *base, void *host)
{
    if (cudaSetDevice(((struct cuda_device *)base)->number) != cudaSuccess ||
        cudaHostUnregister(host) != cudaSuccess) {
        (void)cudaGetLastError();
    }
}

static void destroy(struct fg_device *base)
{
    struct cuda_device *d = (struct cuda_device *)base;
    (void)cudaSetDevice(d->number); /* of a lost one, too, the host has something */
    for (int i = 0; i < GRAPHS; i++) {
        drop_graph(&d->known[i]);
    }
    fg_arena_fini(&d->arena);
    (void)cudaFree(d->from);
    if (d->stream != NULL) {
        (void)cudaStreamDestroy(d->stream);
    }
    free(d);
}

/* Launch every kernel once with nothing to do: their code, and the memory that threads of the largest ones
 * spill to, are on the device before data is, which may fill it; no launch that is captured or timed waits
 * for code; and a device that there is no code for says so at once. */
static cudaError_t warm_up(const struct cuda_device *d)
{
    void (*const of_lane[])(const struct fg_op *, size_t, struct fg_lane *, size_t, size_t, size_t, uint32_t,
                            uint32_t, uint32_t) = {resident<FG_EXACT>, resident<FG_BF16>, resident<FG_TF32>};
    for (uint32_t mode = 0; mode < 3; mode++) {
        fg_cuda_launch(of_lane[mode], 1, RESIDENT_BLOCK, 0, d->stream, nullptr, 0, nullptr, 0, 0, 0, 0, 0, 0);
    }
    cudaError_t launched = cudaGetLastError(), folds = fg_cuda_fold_nothing(d->stream),
                steps = fg_cuda_lockstep_nothing(d->from, d->stream);
    cudaError_t ran = cudaStreamSynchronize(d->stream);
    return launched != cudaSuccess ? launched
           : folds != cudaSuccess  ? folds
           : steps != cudaSuccess  ? steps
                                   : ran;
}

static const struct fg_device_ops ops = {memory, alloc,  release, put,  get, spread, run,    steps,
                                         deltas, levels, sum,     step, pin, loose,  destroy};

void fg_device_cuda_goes(struct fg_device *d, enum fg_way way)
{
    ((struct cuda_device *)d)->way = way;
}

enum fg_status fg_device_cuda(struct fg_device **out, int number, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct fg_cuda_device info;
    int shared = 0;
    struct cuda_device *d = NULL;
    st = fg_cuda_device_info(&info, number, err);
    if (st != FG_OK) {
        return st;
    }
    FG_CUDA_TRY(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, number), cleanup);
    d = (struct cuda_device *)calloc(1, sizeof *d);
    if (d == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for a device");
    }
    d->base.ops = &ops;
    d->arena.of = d;
    d->arena.take = take;
    d->arena.give = give;
    d->number = number;
    d->multiprocessors = info.multiprocessors;
    d->shared_bytes = (size_t)shared;
    snprintf(d->base.name, sizeof d->base.name, "cuda:%d %.60s", number, info.name);
    FG_CUDA_TRY(cudaSetDevice(number), cleanup);
    FG_CUDA_TRY(cudaStreamCreate(&d->stream), cleanup);
    FG_CUDA_TRY(cudaMalloc(&d->from, sizeof *d->from), cleanup);
    FG_CUDA_TRY(warm_up(d), cleanup);
    *out = &d->base;
    return FG_OK;
cleanup:
    if (d != NULL) {
        destroy(&d->base);
    }
    return st;
}
