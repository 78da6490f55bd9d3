/* Every operation of kernels/device.h over random shapes against the reference kernels: the same bits in all
 * of a lane's memory, on the emulated device with threads in several orders and on the CUDA
 * device where there is one.
 *
 * In FG_TF32 and FG_BF16 outputs of operations that multiply are held twice: against the reference of
 * operands that were rounded before (which no wrong place of a tile survives), and against that of the
 * operands as they are, within what rounding allows.
 *
 *     test_device_ops            FG_TEST_ITERS shapes each; FG_TEST_DEVICE=cuda: on the CUDA device only
 *     test_device_ops --bench    operations of the pfl CNN on 50 lanes, timed
 *
 * A plain program, so that kernels/Makefile.nvcc builds it with nothing but nvcc and a C compiler.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/gpu/trial.h"

enum { LANES = 5, SAMPLES = 90, LARGE = 80000, NO_DEVICE = 77 };
static const char *const modes[] = {[FG_EXACT] = "float", [FG_BF16] = "bf16", [FG_TF32] = "tf32"};

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

static void must(enum fg_status st, const struct fg_err *err)
{
    if (st != FG_OK) {
        printf("not ok - device: %s\n", err->text);
        exit(1);
    }
}

static void *put(struct fg_device *d, const void *from, size_t bytes)
{
    void *p = NULL;
    struct fg_err err = {""};
    must(d->ops->alloc(d, &p, bytes > 0 ? bytes : 1, &err), &err);
    must(d->ops->put(d, p, from, bytes, &err), &err);
    return p;
}

/* Samples for FG_OP_LOAD: the host's and the device's. */
struct samples {
    float x[SAMPLES * 90];
    uint16_t y[SAMPLES * 4];
    float scale[4], shift[4];
    void *on_device[4];
};

static void make_samples(struct samples *s, struct trial *t, struct fg_device_data *view, struct fg_device *d,
                         struct fg_rng *r)
{
    size_t n = (size_t)SAMPLES * t->data.width;
    for (size_t i = 0; i < n; i++) {
        if (t->data.bytes) {
            ((uint8_t *)s->x)[i] = (uint8_t)fg_rng_below(r, 256);
        } else {
            s->x[i] = (float)fg_rng_uniform(r);
        }
    }
    for (size_t i = 0; i < SAMPLES * (size_t)t->data.label_width; i++) {
        s->y[i] = (uint16_t)fg_rng_below(r, 1000);
    }
    for (size_t i = 0; i < 4; i++) {
        s->scale[i] = (float)fg_rng_uniform(r);
        s->shift[i] = (float)fg_rng_uniform(r);
    }
    *view = t->data;
    view->x = s->on_device[0] = put(d, s->x, t->data.bytes ? n : n * sizeof *s->x);
    view->y = s->on_device[1] = put(d, s->y, sizeof s->y);
    view->scale = s->on_device[2] = put(d, s->scale, sizeof s->scale);
    view->shift = s->on_device[3] = put(d, s->shift, sizeof s->shift);
    t->data.x = s->x;
    t->data.y = s->y;
    t->data.scale = s->scale;
    t->data.shift = s->shift;
}

/* Lanes of one trial, the host's copy and what is expected of it. */
struct lanes {
    size_t n, floats;
    float *begin, *memory, *want; /* before; after; as expected */
    uint32_t order[LANES][TRIAL_MOST];
    double score[LANES][TRIAL_MOST], want_score[LANES][TRIAL_MOST];
    uint32_t right[LANES][TRIAL_MOST], want_right[LANES][TRIAL_MOST];
    struct fg_lane lane[LANES], expected[LANES];
    void *on_device[5]; /* memory, order, score, right, lanes */
};

static void make_lanes(struct lanes *l, const struct trial *t, uint32_t most, struct fg_rng *r)
{
    l->n = 1 + fg_rng_below(r, LANES);
    l->floats = t->floats + (fg_rng_below(r, 3) == 0 ? LARGE : 0); /* too large for shared memory */
    l->memory = need(calloc(l->n * l->floats, sizeof *l->memory));
    l->begin = need(calloc(l->n * l->floats, sizeof *l->begin));
    l->want = need(calloc(l->n * l->floats, sizeof *l->want));
    for (size_t i = 0; i < l->n; i++) {
        uint32_t n = i == 0 ? most : 1 + fg_rng_below(r, most);
        for (size_t k = 0; k < TRIAL_MOST; k++) {
            l->order[i][k] = fg_rng_below(r, SAMPLES);
        }
        trial_fill(t, l->memory + i * l->floats, n, r);
        l->lane[i] = (struct fg_lane){.n = n,
                                      .batch = n,
                                      .end = 1,
                                      .lr = (float)fg_rng_uniform(r),
                                      .seed = fg_rng_u64(r),
                                      .shard = fg_rng_u32(r),
                                      .number = fg_rng_u32(r),
                                      .positions = 1};
        l->expected[i] = l->lane[i];
        l->expected[i].order = l->order[i];
        l->expected[i].score_loss = l->want_score[i];
        l->expected[i].score_right = l->want_right[i];
    }
    memcpy(l->begin, l->memory, l->n * l->floats * sizeof *l->begin);
    memset(l->want_score, 0, sizeof l->want_score);
    memset(l->want_right, 0, sizeof l->want_right);
    memset(l->score, 0, sizeof l->score);
    memset(l->right, 0, sizeof l->right);
}

static void to_device(struct lanes *l, struct fg_device *d, const struct fg_device_data *data)
{
    l->on_device[0] = put(d, l->memory, l->n * l->floats * sizeof *l->memory);
    l->on_device[1] = put(d, l->order, sizeof l->order);
    l->on_device[2] = put(d, l->score, sizeof l->score);
    l->on_device[3] = put(d, l->right, sizeof l->right);
    for (size_t i = 0; i < l->n; i++) {
        l->lane[i].memory = (float *)l->on_device[0] + i * l->floats;
        l->lane[i].order = (uint32_t *)l->on_device[1] + i * TRIAL_MOST;
        l->lane[i].score_loss = (double *)l->on_device[2] + i * TRIAL_MOST;
        l->lane[i].score_right = (uint32_t *)l->on_device[3] + i * TRIAL_MOST;
        l->lane[i].data = data;
    }
    l->on_device[4] = put(d, l->lane, sizeof l->lane);
}

static void from_device(struct lanes *l, struct fg_device *d)
{
    struct fg_err err = {""};
    must(d->ops->get(d, l->memory, l->on_device[0], l->n * l->floats * sizeof *l->memory, &err), &err);
    must(d->ops->get(d, l->score, l->on_device[2], sizeof l->score, &err), &err);
    must(d->ops->get(d, l->right, l->on_device[3], sizeof l->right, &err), &err);
    must(d->ops->get(d, l->lane, l->on_device[4], sizeof l->lane, &err), &err);
    for (int i = 0; i < 5; i++) {
        d->ops->free(d, l->on_device[i]);
    }
}

/* What outputs may differ by: atol + rtol |expected|; zero: not at all. */
struct near {
    double atol, rtol;
    size_t from, to;           /* outputs, floats of a lane */
    size_t also_from, also_to; /* weights that are updated by the way */
};

static bool same(const struct lanes *l, const struct near *near)
{
    for (size_t i = 0; i < l->n * l->floats; i++) {
        double got = (double)l->memory[i], want = (double)l->want[i];
        size_t at = i % l->floats;
        bool loose = (at >= near->from && at < near->to) || (at >= near->also_from && at < near->also_to);
        if (memcmp(&l->memory[i], &l->want[i], sizeof *l->want) != 0 &&
            !(loose && fabs(got - want) <= near->atol + near->rtol * fabs(want))) {
            printf("  lane %zu, float %zu: %a, expected %a\n", i / l->floats, i % l->floats,
                   (double)l->memory[i], (double)l->want[i]);
            return false;
        }
    }
    for (size_t i = 0; i < l->n; i++) {
        if (memcmp(&l->lane[i].loss, &l->expected[i].loss, sizeof(double)) != 0) {
            printf("  lane %zu: loss %a, expected %a\n", i, l->lane[i].loss, l->expected[i].loss);
            return false;
        }
    }
    return memcmp(l->score, l->want_score, sizeof l->score) == 0 &&
           memcmp(l->right, l->want_right, sizeof l->right) == 0;
}

static void run(struct fg_device *d, enum fg_arithmetic mode, const struct trial *t, const struct lanes *l)
{
    struct fg_err err = {""};
    struct fg_op op[2] = {t->op};
    size_t n = trial_beside(t, &op[1]) ? 2 : 1;
    struct fg_program p = {.op = op, .n = n, .floats = l->floats, .arithmetic = mode};
    struct fg_device_run r = {.program = &p, .lanes = l->on_device[4], .n = l->n, .to = 1, .parts = 1};
    void *copy = put(d, op, sizeof op);
    r.op = copy;
    must(d->ops->run(d, &r, &err), &err);
    d->ops->free(d, copy);
}

/* Expect what the reference makes of the same memory, its operands rounded first or not. */
static void expect(struct lanes *l, const struct trial *t, enum fg_arithmetic mode)
{
    for (size_t i = 0; i < l->n; i++) {
        float *want = l->want + i * l->floats;
        memcpy(want, l->begin + i * l->floats, l->floats * sizeof *want);
        l->expected[i].loss = 0;
        trial_round(t, want, mode);
        trial_expect(t, want, &l->expected[i]);
        trial_unround(t, want, l->begin + i * l->floats, mode);
        trial_expect_beside(t, want, l->begin + i * l->floats, mode, &l->expected[i]);
    }
}

/* Signs that were kept are those of what was given; not so in a resident block, which keeps none. */
static bool signs_are_of_outputs(struct lanes *l, const struct trial *t)
{
    const size_t from = t->op.signs.at;
    bool all = true;
    for (size_t i = 0; i < l->n && t->op.kind == FG_OP_CONV && (t->op.flags & FG_OP_SIGNS) != 0; i++) {
        float *want = l->want + i * l->floats, *got = l->memory + i * l->floats;
        const float *begin = l->begin + i * l->floats;
        if (memcmp(got + from, begin + from, (t->floats - from) * sizeof *got) != 0) {
            trial_signs(&t->op, got + t->op.y.at, want, l->lane[i].n);
            all = all && memcmp(got + from, want + from, (t->floats - from) * sizeof *got) == 0;
        }
        memcpy(want + from, got + from, (t->floats - from) * sizeof *want);
    }
    return all;
}

/* What an operation need not write is as it is, and so are, where sums differ by a little, the places of the
 * largest. */
static void let_be(struct lanes *l, const struct trial *t, bool places)
{
    size_t from = t->op.y.at, to = t->pool.y.at, also = t->pool.d.at;
    for (size_t i = 0; i < l->n && t->op.kind == FG_OP_CONV_POOL; i++) {
        float *want = l->want + i * l->floats;
        const float *got = l->memory + i * l->floats;
        memcpy(want + from, got + from, (to - from) * sizeof *want);
        memcpy(want + also, got + also, places ? (t->floats - also) * sizeof *want : 0);
    }
}

/* Sums of terms of size 1 at most 4.5 (trial_fill); a float's own rounding, an operand's. */
static bool near_enough(struct lanes *l, const struct trial *t, enum fg_arithmetic mode)
{
    struct near near = {.from = t->op.y.at, .to = t->floats};
    double terms = (double)trial_terms(t, l->lane[0].n), rounded = mode == FG_TF32 ? 2e-3 : 1.6e-2;
    near.atol = 1.3e-6 * (terms + 8); /* what tensor cores cut off where two large terms cancel */
    near.rtol = 1e-5;
    if ((t->op.flags & FG_OP_WEIGHTS) != 0) {
        near.also_from = t->op.w.at;
        near.also_to = near.also_from + (size_t)t->op.in * t->op.np;
        terms = terms > 16 ? terms : 16;
    }
    expect(l, t, mode);
    let_be(l, t, true);
    if (!signs_are_of_outputs(l, t) || !same(l, &near)) {
        return false;
    }
    near.atol += 1.3 * rounded * sqrt(terms);
    near.rtol = 0.5 * rounded;
    expect(l, t, FG_EXACT);
    let_be(l, t, true);
    return signs_are_of_outputs(l, t) && same(l, &near);
}

static bool try_one(struct fg_device *d, enum fg_op_kind kind, enum fg_arithmetic mode, uint64_t seed)
{
    static struct samples samples;
    static struct lanes l;
    struct trial t;
    struct fg_device_data view = {0};
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_TEST, (uint32_t)kind, 1);
    uint32_t most = 1 + fg_rng_below(&r, fg_rng_below(&r, 4) == 0 ? TRIAL_MOST : 12);
    trial_draw(&t, kind, most, &r);
    if (kind == FG_OP_LOAD) {
        make_samples(&samples, &t, &view, d, &r);
    }
    void *data = put(d, &view, sizeof view);
    make_lanes(&l, &t, most, &r);
    to_device(&l, d, data);
    run(d, mode, &t, &l);
    from_device(&l, d);
    bool good;
    if (mode == FG_EXACT) {
        const struct near exactly = {0};
        expect(&l, &t, mode);
        let_be(&l, &t, false);
        good = signs_are_of_outputs(&l, &t) && same(&l, &exactly);
    } else {
        good = near_enough(&l, &t, mode);
    }
    if (!good) {
        printf("  %s in %s, seed %llu, %zu lanes\n", trial_name(kind), modes[mode], (unsigned long long)seed,
               l.n);
    }
    d->ops->free(d, data);
    for (int i = 0; i < 4 && kind == FG_OP_LOAD; i++) {
        d->ops->free(d, samples.on_device[i]);
    }
    free(l.begin);
    free(l.memory);
    free(l.want);
    return good;
}

/* Each kind over `shapes` shapes, in every arithmetic that makes a difference to it. */
static bool try_all(struct fg_device *d, const char *label, uint64_t seed, unsigned shapes)
{
    bool all = true;
    for (int kind = 0; kind < FG_OP_KINDS; kind++) {
        for (int mode = FG_EXACT; mode <= (trial_multiplies((enum fg_op_kind)kind) ? FG_TF32 : FG_EXACT);
             mode++) {
            bool good = true;
            for (unsigned i = 0; i < shapes && good; i++) {
                good = try_one(d, (enum fg_op_kind)kind, (enum fg_arithmetic)mode, seed + i);
            }
            printf("%s - %s in %s on %s\n", good ? "ok" : "not ok", trial_name((enum fg_op_kind)kind),
                   modes[mode], label);
            all = all && good;
        }
    }
    return all;
}

static bool emulated(uint64_t seed, unsigned shapes)
{
    static const struct fg_emulation how[] = {
        {.memory_bytes = 1u << 30, .threads = 1},
        {.memory_bytes = 1u << 30, .threads = 7, .shuffle = 3, .resident = 1},
        {.memory_bytes = 1u << 30, .threads = 512, .shuffle = 200, .resident = 1, .near_floats = 58112},
    };
    static const char *const label[] = {"one emulated thread", "seven emulated threads, turned round",
                                        "512 emulated threads of a block"};
    bool good = true;
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        struct fg_device *d;
        struct fg_err err = {""};
        must(fg_device_emulated(&d, &how[i], &err), &err);
        good = try_all(d, label[i], seed, shapes) && good;
        d->ops->destroy(d);
    }
    return good;
}

/* ---- measuring ---- */

enum { BATCH = 10, OPERAND = 1600 << 10, FLOATS = 4 * OPERAND, TURNS = 5 }; /* x, d, y and w of a lane */

static const struct {
    const char *name;
    struct fg_op op;
} hot[] = {
    {"conv 3 to 32", {.kind = FG_OP_CONV, .win = {32, 32, 3, 3, 3, 1, 30, 30, 32, 32}}},
    {"conv 32 to 64", {.kind = FG_OP_CONV, .win = {30, 30, 32, 32, 3, 1, 28, 28, 64, 64}}},
    {"conv 32 to 64, pooled", {.kind = FG_OP_CONV_POOL, .win = {30, 30, 32, 32, 3, 1, 28, 28, 64, 64}}},
    {"conv 64 to 32, back", {.kind = FG_OP_CONV_BACK, .win = {32, 32, 64, 64, 3, 1, 30, 30, 32, 32}}},
    {"conv 32 to 64, dw", {.kind = FG_OP_CONV_DW, .win = {30, 30, 32, 32, 3, 1, 28, 28, 64, 64}}},
    {"dense 12544 to 128",
     {.kind = FG_OP_DENSE, .rows = 1, .in = 12544, .out = 128, .np = 128, .ldx = 12544}},
    {"dense, dx", {.kind = FG_OP_DENSE_DX, .rows = 1, .in = 12544, .out = 128, .np = 128, .ldy = 12544}},
    {"dense, dw", {.kind = FG_OP_DENSE_DW, .rows = 1, .in = 12544, .out = 128, .np = 128, .ldx = 12544}},
    {"relu", {.kind = FG_OP_RELU, .rows = 28 * 28 * 64}},
};

/* Behind the convolution. */
static const struct fg_op hot_pool = {.kind = FG_OP_POOL,
                                      .flags = FG_OP_BESIDE,
                                      .y = {.at = 2 * OPERAND},
                                      .d = {.at = OPERAND},
                                      .win = {28, 28, 64, 64, 2, 2, 14, 14, 64, 64}};

/* Multiply-adds of a lane of n samples, twice. */
static double flop(const struct fg_op *o, double n)
{
    const struct fg_window *s = &o->win;
    return o->kind == FG_OP_RELU ? 0
           : s->k > 0            ? 2.0 * n * s->oh * s->ow * s->np * s->k * s->k * s->cin
                                 : 2.0 * n * o->in * o->np;
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Floats of the largest operand of o. */
static size_t largest(const struct fg_op *o)
{
    const struct fg_window *s = &o->win;
    size_t of[] = {(size_t)BATCH * o->rows,
                   (size_t)BATCH * (o->ldx > o->ldy ? o->ldx : o->ldy),
                   (size_t)BATCH * s->h * s->w * s->cs,
                   (size_t)BATCH * s->oh * s->ow * s->np,
                   (size_t)o->in * o->np,
                   (size_t)s->k * s->k * s->cin * s->np};
    size_t most = 0;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        most = of[i] > most ? of[i] : most;
    }
    return most;
}

static bool operands_fit(void)
{
    bool good = true;
    for (size_t i = 0; i < sizeof hot / sizeof *hot; i++) {
        good = good && largest(&hot[i].op) <= OPERAND;
    }
    printf("%s - operands of what is timed lie in their lane\n", good ? "ok" : "not ok");
    return good;
}

static void bench(struct fg_device *d, size_t lanes)
{
    struct fg_err err = {""};
    struct fg_lane *lane = need(calloc(lanes, sizeof *lane));
    float *values = need(calloc(FLOATS, sizeof *values)), *memory = NULL;
    for (size_t i = 0; i < FLOATS; i++) { /* none are 0, which takes less power */
        values[i] = (float)(i % 251) / 125.0f - 1.001f;
    }
    void *p = NULL;
    must(d->ops->alloc(d, &p, lanes * FLOATS * sizeof *memory, &err), &err);
    memory = p;
    for (size_t i = 0; i < lanes; i++) {
        lane[i] = (struct fg_lane){.memory = memory + i * FLOATS, .n = BATCH, .batch = BATCH, .end = 1};
        must(d->ops->put(d, lane[i].memory, values, FLOATS * sizeof *values, &err), &err);
    }
    struct lanes l = {.n = lanes, .floats = FLOATS};
    l.on_device[4] = put(d, lane, lanes * sizeof *lane);
    printf("%-22s %6s %10s %10s   on %zu lanes of %d samples, %s\n", "operation", "in", "us", "GFLOP/s",
           lanes, BATCH, d->name);
    for (size_t m = 0; m < 3 * sizeof hot / sizeof *hot; m++) {
        size_t i = m / 3;
        enum fg_arithmetic mode = (enum fg_arithmetic)(m % 3);
        if (mode != FG_EXACT && !trial_multiplies((enum fg_op_kind)hot[i].op.kind)) {
            continue;
        }
        struct trial t = {.op = hot[i].op, .pool = hot_pool};
        double best = 1e9;
        t.op.d.at = OPERAND;
        t.op.y.at = 2 * OPERAND;
        t.op.w.at = 3 * OPERAND;
        t.op.outputs = 1u << 17;
        for (int k = 0; k <= TURNS; k++) {
            double begin = now_s(), took;
            run(d, mode, &t, &l);
            took = now_s() - begin;
            best = k > 0 && took < best ? took : best;
        }
        printf("%-22s %6s %10.1f %10.1f\n", hot[i].name, modes[mode], best * 1e6,
               flop(&t.op, BATCH) * (double)lanes / best * 1e-9);
    }
    d->ops->free(d, p);
    d->ops->free(d, l.on_device[4]);
    free(lane);
    free(values);
}

int main(int argc, char **argv)
{
    const char *only = getenv("FG_TEST_DEVICE"), *iters = getenv("FG_TEST_ITERS"),
               *seed = getenv("FG_TEST_SEED");
    unsigned shapes = iters != NULL ? (unsigned)strtoul(iters, NULL, 10) : 40;
    uint64_t first = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    struct fg_device *cuda = NULL;
    struct fg_err err = {""};
    bool there = fg_device_cuda(&cuda, 0, &err) == FG_OK, good;
    if (!there) {
        printf("skip - CUDA device (%s)\n", err.text);
    }
    good = operands_fit();
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        if (there) {
            bench(cuda, 50);
            cuda->ops->destroy(cuda);
        }
        return there ? 0 : NO_DEVICE;
    }
    for (int way = FG_WAY_RESIDENT; way <= FG_WAY_LOCKSTEP && there; way++) {
        char label[120];
        snprintf(label, sizeof label, "%s, %s", cuda->name, way == FG_WAY_RESIDENT ? "resident" : "lockstep");
        fg_device_cuda_goes(cuda, (enum fg_way)way);
        good = try_all(cuda, label, first, shapes) && good;
    }
    if (there) {
        cuda->ops->destroy(cuda);
    }
    if (only == NULL || strcmp(only, "cuda") != 0) {
        good = emulated(first, shapes) && good;
    } else if (!there) {
        return NO_DEVICE;
    }
    return good ? 0 : 1;
}
