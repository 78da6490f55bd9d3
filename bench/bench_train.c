/* How fast clients train and models are evaluated: whole tasks through the trainer, batches gathered,
 * updates returned.
 *
 *     make bench/bench_train && bench/bench_train -h
 *
 * Samples/s of CPU time on one core: least, median and most of several repetitions. FLOP are those of the
 * unpadded model: 6 a multiply-add, 4 in the first layer, which needs no input gradient; 2 forward. `of-fma`
 * is the share of the multiply-add peak measured just before and after each repetition, median; `of-bound`
 * that of the roofline that binds: the arithmetic, or the weights' way through the level of memory that holds
 * them: 4 P bytes forward, and 8 P back, where the fused update reads and writes them. With -t, wall time of
 * the same tasks on so many threads against one, turn by turn; a repetition is the least of some turns of
 * each, because whatever else runs on a core makes two threads wait for one another and so costs them more
 * than one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/case.h"
#include "bench/limits.h"
#include "src/base/mem.h"

enum { REPEATS_MAX = 101, BATCHES_MAX = 16, JOBS = 8, TURNS = 5 };

static struct {
    const struct fg_kernels *k;
    struct bench_limits limits;
    uint32_t batch[BATCHES_MAX];
    size_t batches, repeats;
    double least_s; /* CPU time of a repetition */
    unsigned threads;
    bool forward, once;
} how = {.batch = {10}, .batches = 1, .repeats = 5, .least_s = 0.05, .threads = 1};

/* A model, and where its updates go. */
struct bench {
    struct bench_case c;
    float *delta; /* (JOBS, P) */
    double flop;  /* of a sample */
};

static void prepare(struct bench *b, size_t which)
{
    bench_case_make(&b->c, which);
    b->delta = bench_need(fg_calloc(b->c.P * JOBS, sizeof *b->delta));
    b->flop = how.forward ? b->c.flop_forward : b->c.flop_train;
}

static void clear(struct bench *b)
{
    fg_free(b->delta);
    bench_case_clear(&b->c);
}

static struct fg_trainer *trainer(const struct bench *b, uint32_t batch, unsigned threads)
{
    struct fg_trainer *t = NULL;
    struct fg_err err = {""};
    struct fg_local_opts opts = {.batch = batch};
    bench_must(fg_trainer_create_cpu(&t, b->c.model, &opts, 1, threads, how.k, &err), &err);
    return t;
}

/* Samples of a task: about 0.1 s at 50 GFLOP/s, whole batches, at most one epoch of a client of MNIST IID. */
static uint32_t task_samples(const struct bench *b, uint32_t batch)
{
    double want = how.once ? 0.0 : 5e9 / b->flop;
    uint32_t n = want > 600 ? 600 : want < 2.0 * batch ? 2 * batch : (uint32_t)want;
    n = n > BENCH_SAMPLES ? BENCH_SAMPLES : n;
    return n < batch ? batch : n / batch * batch;
}

/* One epoch of n samples by each of `jobs` clients, or an evaluation on n samples. */
static void work(struct bench *b, struct fg_trainer *t, uint32_t batch, uint32_t n, size_t jobs)
{
    struct fg_err err = {""};
    struct fg_score score;
    struct fg_job job[JOBS];
    if (how.forward) {
        bench_must(fg_trainer_evaluate(t, b->c.w,
                                       &(struct fg_scoring){.data = &b->c.data, .index = b->c.index, .n = n},
                                       &score, NULL, &err),
                   &err);
        return;
    }
    for (size_t i = 0; i < jobs; i++) {
        job[i] = (struct fg_job){.data = &b->c.data,
                                 .index = b->c.index,
                                 .n = n,
                                 .params = b->c.w,
                                 .delta = b->delta + i * b->c.P,
                                 .task = {.kind = FG_TASK_TRAIN, .steps = n / batch, .lr = 0.01f}};
    }
    bench_must(fg_trainer_run(t, job, jobs, NULL, &err), &err);
}

/* CPU seconds of one task, the mean of as many as fill a repetition. */
static double repetition(struct bench *b, struct fg_trainer *t, uint32_t batch, uint32_t n)
{
    double begin = bench_now_s(), spent = 0;
    unsigned tasks = 0;
    do {
        work(b, t, batch, n, 1);
        tasks++;
        spent = bench_now_s() - begin;
    } while (spent < how.least_s);
    return spent / tasks;
}

/* What bench/instructions.sh counts, by this name: without the drawing of weights and samples before. */
void bench_counted(struct bench *b, struct fg_trainer *t, uint32_t batch);
__attribute__((noinline)) void bench_counted(struct bench *b, struct fg_trainer *t, uint32_t batch)
{
    work(b, t, batch, task_samples(b, batch), 1);
}

static void do_once(struct bench *b, uint32_t batch)
{
    struct fg_trainer *t = trainer(b, batch, 1);
    bench_counted(b, t, batch);
    fg_trainer_destroy(t);
}

static void measure(struct bench *b, uint32_t batch)
{
    double rate[REPEATS_MAX], share[REPEATS_MAX];
    uint32_t n = task_samples(b, batch);
    struct fg_trainer *t = trainer(b, batch, 1);
    work(b, t, batch, n, 1);
    for (size_t i = 0; i < how.repeats; i++) {
        double before = bench_peak(how.k, 3);
        rate[i] = n / repetition(b, t, batch, n);
        double after = bench_peak(how.k, 3), peak = before > after ? before : after;
        share[i] = peak > 0 ? rate[i] * b->flop / peak : 0;
    }
    struct bench_spread r = bench_spread(rate, how.repeats), s = bench_spread(share, how.repeats);
    const char *binds = "";
    double streams = how.forward ? 4.0 : 12.0, P = (double)b->c.P;
    double least = bench_least_s(&how.limits, b->flop * batch, streams * P, 4 * b->c.P, &binds);
    double compute = how.limits.flops > 0 ? b->flop * batch / how.limits.flops : 0;
    /* Shares of the arithmetic were taken turn by turn; where memory binds, its limit is that of the
     * start. */
    double of_bound = compute >= least ? s.median : r.median * least / batch;
    printf("%-12s %-8s %5u %8zu %9.3f %10.0f %10.0f %10.0f %8.1f %7.3f %7.3f %7.3f %7s %8.3f\n", b->c.name,
           how.forward ? "forward" : "train", batch, b->c.P, b->flop * 1e-6, r.min, r.median, r.max,
           r.median * b->flop * 1e-9, s.min, s.median, s.max, binds, of_bound);
    fflush(stdout);
    fg_trainer_destroy(t);
}

static double wall_of(struct bench *b, struct fg_trainer *t, uint32_t batch, uint32_t n)
{
    double begin = bench_wall_s();
    work(b, t, batch, n, JOBS);
    return bench_wall_s() - begin;
}

/* Wall time of the same tasks on one thread and on several, turn by turn. */
static void measure_threads(struct bench *b, uint32_t batch)
{
    double ratio[REPEATS_MAX], rate[REPEATS_MAX];
    uint32_t n = task_samples(b, batch);
    struct fg_trainer *one = trainer(b, batch, 1), *all = trainer(b, batch, how.threads);
    work(b, one, batch, n, JOBS);
    work(b, all, batch, n, JOBS);
    for (size_t i = 0; i < how.repeats; i++) {
        double alone = INFINITY, shared = INFINITY;
        for (int turn = 0; turn < TURNS; turn++) {
            alone = fmin(alone, wall_of(b, one, batch, n));
            shared = fmin(shared, wall_of(b, all, batch, n));
        }
        ratio[i] = alone / shared;
        rate[i] = n * JOBS / shared;
    }
    struct bench_spread q = bench_spread(ratio, how.repeats), r = bench_spread(rate, how.repeats);
    printf("%-12s %-8s %5u %8u %10.0f %10.0f %10.0f %7.2f %7.2f %7.2f\n", b->c.name, "threads", batch,
           how.threads, r.min, r.median, r.max, q.min, q.median, q.max);
    fflush(stdout);
    fg_trainer_destroy(one);
    fg_trainer_destroy(all);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_train [-k auto|avx512|avx2|reference] [-a exact|bf16] [-b BATCH,...] [-r REPEATS]\n"
            "                   [-s SECONDS] [-t THREADS] [-f] [-1] [MODEL...]\n"
            "  -f  forward only (evaluation; its batches are the trainer's)   -s  CPU time of a repetition\n"
            "  -1  two batches of each and nothing measured: for counting instructions\n");
    return 2;
}

static bool parse(int argc, char **argv)
{
    const char *kernels = "auto", *arithmetic = "exact";
    for (int c; (c = getopt(argc, argv, "k:a:b:r:s:t:f1h")) != -1;) {
        char *p = optarg;
        switch (c) {
        case 'k':
            kernels = p;
            break;
        case 'a':
            arithmetic = p;
            break;
        case 'b':
            for (how.batches = 0; how.batches < BATCHES_MAX; p++) {
                how.batch[how.batches++] = (uint32_t)strtoul(p, &p, 10);
                if (*p != ',') {
                    break;
                }
            }
            break;
        case 'r':
            how.repeats = strtoul(p, NULL, 10);
            break;
        case 's':
            how.least_s = strtod(p, NULL);
            break;
        case 't':
            how.threads = (unsigned)strtoul(p, NULL, 10);
            break;
        case '1':
            how.once = true;
            break;
        case 'f':
            how.forward = true;
            break;
        default:
            return false;
        }
    }
    for (size_t i = 0; i < how.batches; i++) {
        if (how.batch[i] == 0 || how.batch[i] > BENCH_SAMPLES) {
            return false;
        }
    }
    how.k = fg_kernels_get(kernels, strcmp(arithmetic, "bf16") == 0 ? FG_BF16 : FG_EXACT);
    return how.k != NULL && how.repeats > 0 && how.repeats <= REPEATS_MAX && how.threads > 0;
}

int main(int argc, char **argv)
{
    if (!parse(argc, argv)) {
        return usage();
    }
    if (how.threads == 1 && !how.once) {
        if (!bench_limits_measure(&how.limits, how.k)) {
            return 1;
        }
        printf("%-12s %-8s %5s %8s %9s %10s %10s %10s %8s %7s %7s %7s %7s %8s\n", "model", "what", "batch",
               "params", "MFLOP", "min/s", "median/s", "max/s", "GFLOP/s", "fma-min", "of-fma", "fma-max",
               "binds", "of-bound");
    } else if (!how.once) {
        printf("%-12s %-8s %5s %8s %10s %10s %10s %7s %7s %7s\n", "model", "what", "batch", "threads",
               "min/s", "median/s", "max/s", "x-min", "x", "x-max");
    }
    for (size_t i = 0; i < BENCH_CASES; i++) {
        bool wanted = optind >= argc;
        for (int a = optind; a < argc; a++) {
            wanted = wanted || strcmp(argv[a], bench_case_name(i)) == 0;
        }
        struct bench b;
        if (!wanted) {
            continue;
        }
        prepare(&b, i);
        for (size_t j = 0; j < how.batches; j++) {
            (how.once ? do_once : how.threads == 1 ? measure : measure_threads)(&b, how.batch[j]);
        }
        clear(&b);
    }
    return 0;
}
