/* The CUDA device: kernels/device_ops.h by nvcc. */
#include <cstdio>
#include <cstdlib>

#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/device_ops.h"

/* Source of the sizes: chosen, not measured. */
static const unsigned BLOCK = 128, MOST_BLOCKS = 1024, MOST_LANES = 65535;
#define RESIDENT_BLOCK 512

struct cuda_device {
    struct fg_device base;
    int number, multiprocessors;
    size_t shared_bytes; /* that a block may have */
};

/* One operation of one part of one step of all lanes: grid (blocks, lanes). Traffic: op_*'s own, nothing is kept
 * between operations but what the caches hold. */
static __global__ void lockstep(const struct fg_op *op, struct fg_lane *lanes, size_t n, size_t grad,
                                size_t part_grad, uint32_t step, uint32_t part)
{
    for (size_t i = blockIdx.y; i < n; i += gridDim.y) {
        struct fg_at at;
        if (fg_at_find(&at, &lanes[i], grad, part_grad, step, part) && fg_at_happens(&at, op)) {
            fg_op_run(op, &at, &lanes[i], (size_t)blockIdx.x * blockDim.x + threadIdx.x,
                      (size_t)gridDim.x * blockDim.x);
        }
    }
}

/* All operations of steps from..to of one lane: a block a lane. Its first `hot` floats stay in shared memory for the
 * whole launch; they are read and written once. */
static __global__ void __launch_bounds__(RESIDENT_BLOCK)
    resident(const struct fg_op *op, size_t ops, struct fg_lane *lanes, size_t hot, size_t grad,
             size_t part_grad, uint32_t from, uint32_t to, uint32_t parts)
{
    extern __shared__ float near_memory[];
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
                    fg_op_run(&op[o], &at, lane, threadIdx.x, blockDim.x);
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
    *free_bytes = left;
    *all = total;
cleanup:
    return st;
}

static enum fg_status alloc(struct fg_device *base, void **out, size_t bytes, struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    enum fg_status st = FG_OK;
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    FG_CUDA_TRY(cudaMalloc(out, bytes), cleanup);
cleanup:
    (void)cudaGetLastError(); /* an allocation that failed is not the next call's error */
    return st;
}

static void release(struct fg_device *base, void *p)
{
    struct cuda_device *d = (struct cuda_device *)base;
    if (p != NULL && cudaSetDevice(d->number) == cudaSuccess) {
        (void)cudaFree(p);
    }
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

/* What of a lane fits into shared memory: all, its parameters, nothing. */
static size_t hot_floats(const struct cuda_device *d, const struct fg_program *p)
{
    size_t room = d->shared_bytes / sizeof(float);
    return p->floats <= room ? p->floats : p->packed <= room ? p->packed : 0;
}

static void launch_lockstep(const struct fg_device_run *r)
{
    const struct fg_program *p = r->program;
    for (uint32_t step = r->from; step < r->to; step++) {
        for (uint32_t part = 0; part < r->parts; part++) {
            for (size_t o = 0; o < p->n; o++) {
                uint32_t want = (p->op[o].outputs + BLOCK - 1) / BLOCK;
                if (p->op[o].when == FG_WHEN_LATER && part == 0) {
                    continue;
                }
                dim3 grid(want < 1             ? 1
                          : want < MOST_BLOCKS ? want
                                               : MOST_BLOCKS,
                          (unsigned)(r->n < MOST_LANES ? r->n : MOST_LANES));
                lockstep<<<grid, BLOCK>>>(r->op + o, r->lanes, r->n, p->grad, p->part, step, part);
            }
        }
    }
}

/* A lane that lives in shared memory, or as many lanes as multiprocessors: a block each. */
static enum fg_status run(struct fg_device *base, const struct fg_device_run *r, struct fg_err *err)
{
    struct cuda_device *d = (struct cuda_device *)base;
    const struct fg_program *p = r->program;
    enum fg_status st = FG_OK;
    size_t hot = hot_floats(d, p);
    FG_CUDA_TRY(cudaSetDevice(d->number), cleanup);
    if (hot == p->floats || r->n >= (size_t)d->multiprocessors) {
        FG_CUDA_TRY(cudaFuncSetAttribute(resident, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         (int)(hot * sizeof(float))),
                    cleanup);
        resident<<<(unsigned)r->n, RESIDENT_BLOCK, hot * sizeof(float)>>>(r->op, p->n, r->lanes, hot, p->grad,
                                                                          p->part, r->from, r->to, r->parts);
    } else {
        launch_lockstep(r);
    }
    FG_CUDA_TRY(cudaGetLastError(), cleanup);
    FG_CUDA_TRY(cudaDeviceSynchronize(), cleanup);
cleanup:
    return st;
}

static void destroy(struct fg_device *base)
{
    free(base);
}

static const struct fg_device_ops ops = {memory, alloc, release, put, get, run, destroy};

enum fg_status fg_device_cuda(struct fg_device **out, int number, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct fg_cuda_device info;
    int shared = 0;
    struct cuda_device *d = NULL;
    if (number < 0 || number >= fg_cuda_device_count()) {
        return fg_fail(err, FG_E_UNSUPPORTED, "CUDA: no device %d on this machine", number);
    }
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
    d->number = number;
    d->multiprocessors = info.multiprocessors;
    d->shared_bytes = (size_t)shared;
    snprintf(d->base.name, sizeof d->base.name, "cuda:%d %.60s", number, info.name);
    *out = &d->base;
cleanup:
    return st;
}
