/* How fast a device trains a cohort: whole tasks through the trainer, parameters there and updates back.
 *
 *     make bench/bench_device
 *     bench/bench_device [-d cuda:N|emulated] [-a exact|tf32|bf16] [-w resident|lockstep] [-c CLIENTS]
 *         [-n SAMPLES] [-r REPEATS] [MODEL...]
 *
 * Samples/s of wall time over all clients, batch 10. `of-limit` is the share of the device's own limit that
 * binds, both limits measured just before by small kernels: multiply-adds in float, or the way of each
 * client's weights through the device's memory (16 P bytes a step). -w: a block a client, or an operation at
 * a time for all of them, instead of what the device chooses. Exits with 77 without the device.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/case.h"
#include "bench/limits.h"
#include "kernels/cuda.h"
#include "src/base/mem.h"
#include "src/worker/trainer_device.h"

enum { BATCH = 10, REPEATS_MAX = 101, NO_DEVICE = 77 };

static struct {
    int number; /* -1: emulated */
    enum fg_arithmetic arithmetic;
    enum fg_way way;
    uint32_t clients, samples;
    size_t repeats;
    struct fg_cuda_limits limits;
} how = {.clients = 64, .samples = 50, .repeats = 3};

static struct fg_trainer *trainer(const struct bench_case *b)
{
    const struct fg_emulation emulated = {
        .memory_bytes = 1u << 30, .threads = 32, .resident = how.way == FG_WAY_RESIDENT};
    const struct fg_local_opts opts = {.batch = BATCH};
    struct fg_device *d = NULL;
    struct fg_trainer *t = NULL;
    struct fg_err err = {""};
    bench_must(how.number < 0 ? fg_device_emulated(&d, &emulated, &err)
                              : fg_device_cuda(&d, how.number, &err),
               &err);
    if (how.number >= 0) {
        fg_device_cuda_goes(d, how.way);
    }
    bench_must(fg_trainer_create_device(&t, b->model, &opts, 1, how.arithmetic, d, &err), &err);
    bench_must(fg_trainer_device_keep(t, &b->data, &err), &err);
    return t;
}

static void one_epoch(const struct bench_case *b, struct fg_trainer *t, struct fg_job *job, float *delta)
{
    struct fg_err err = {""};
    for (uint32_t i = 0; i < how.clients; i++) {
        job[i] = (struct fg_job){.data = &b->data,
                                 .index = b->index,
                                 .n = how.samples,
                                 .params = b->w,
                                 .delta = delta + i * b->P,
                                 .task = {.kind = FG_TASK_TRAIN,
                                          .client = i,
                                          .shard = i,
                                          .steps = (how.samples - 1) / BATCH + 1,
                                          .lr = 0.01f}};
    }
    bench_must(fg_trainer_run(t, job, how.clients, NULL, &err), &err);
}

static void measure(size_t which)
{
    struct bench_case b;
    double rate[REPEATS_MAX];
    bench_case_make(&b, which);
    struct fg_trainer *t = trainer(&b);
    struct fg_job *job = bench_need(fg_calloc(how.clients, sizeof *job));
    float *delta = bench_need(fg_calloc(how.clients * b.P, sizeof *delta));
    one_epoch(&b, t, job, delta); /* warms up */
    for (size_t i = 0; i < how.repeats; i++) {
        double begin = bench_wall_s();
        one_epoch(&b, t, job, delta);
        rate[i] = (double)how.clients * how.samples / (bench_wall_s() - begin);
    }
    struct bench_spread r = bench_spread(rate, how.repeats);
    double compute = b.flop_train / how.limits.flops, move = 16.0 * (double)b.P / BATCH / how.limits.bytes_s;
    printf("%-12s %8u %8zu %9.3f %10.0f %10.0f %10.0f ", b.name, how.clients, b.P, b.flop_train * 1e-6, r.min,
           r.median, r.max);
    if (how.number < 0) {
        printf("%7s %8s\n", "-", "-");
    } else {
        printf("%7s %8.3f\n", compute >= move ? "fma" : "memory",
               r.median * (compute >= move ? compute : move));
    }
    fflush(stdout);
    fg_trainer_destroy(t);
    fg_free(job);
    fg_free(delta);
    bench_case_clear(&b);
}

static bool parse(int argc, char **argv)
{
    for (int c; (c = getopt(argc, argv, "a:d:w:c:n:r:h")) != -1;) {
        switch (c) {
        case 'd':
            how.number = strcmp(optarg, "emulated") == 0    ? -1
                         : strncmp(optarg, "cuda:", 5) == 0 ? atoi(optarg + 5)
                         : strcmp(optarg, "cuda") == 0      ? 0
                                                            : -2;
            break;
        case 'a':
            how.arithmetic = strcmp(optarg, "tf32") == 0   ? FG_TF32
                             : strcmp(optarg, "bf16") == 0 ? FG_BF16
                                                           : FG_EXACT;
            break;
        case 'w':
            how.way = strcmp(optarg, "resident") == 0 ? FG_WAY_RESIDENT : FG_WAY_LOCKSTEP;
            break;
        case 'c':
            how.clients = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'n':
            how.samples = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'r':
            how.repeats = strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return how.number >= -1 && how.clients > 0 && how.samples > 0 && how.samples <= BENCH_SAMPLES &&
           how.repeats > 0 && how.repeats <= REPEATS_MAX;
}

int main(int argc, char **argv)
{
    struct fg_err err = {""};
    if (!parse(argc, argv)) {
        fprintf(stderr,
                "usage: bench_device [-d cuda:N|emulated] [-a exact|tf32|bf16] [-w resident|lockstep] "
                "[-c CLIENTS] [-n SAMPLES] [-r REPEATS] [MODEL...]\n");
        return 2;
    }
    if (how.number >= 0) {
        if (fg_cuda_limits(&how.limits, how.number, &err) != FG_OK) {
            printf("bench_device: %s\n", err.text);
            return NO_DEVICE;
        }
        printf("limits of cuda:%d: %.1f TFLOP/s in float, %.0f GB/s\n", how.number, how.limits.flops * 1e-12,
               how.limits.bytes_s * 1e-9);
    }
    printf("%-12s %8s %8s %9s %10s %10s %10s %7s %8s\n", "model", "clients", "params", "MFLOP", "min/s",
           "median/s", "max/s", "binds", "of-limit");
    for (size_t i = 0; i < BENCH_CASES; i++) {
        bool wanted = optind >= argc;
        for (int a = optind; a < argc; a++) {
            wanted = wanted || strcmp(argv[a], bench_case_name(i)) == 0;
        }
        if (wanted) {
            measure(i);
        }
    }
    return 0;
}
