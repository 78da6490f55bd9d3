/* What the host does in a round whose clients train on a device: a whole `forage simulate` in the shape of
 * pfl-research's CIFAR10 benchmark (1000 users of 50 images, 50 of them a round, pfl's CNN, evaluation every
 * tenth round), on an emulated device whose operations are skipped: losses and sizes of updates are made up,
 * and a few values of the model change in every round.
 *
 *     make bench/bench_round
 *     bench/bench_round [ROUNDS [CLIENTS [CODEC]]]      CLIENTS: of a round instead of 50; wire.codec
 *
 * CPU time a round outside of the device's calls, and what goes over the bus; the first rounds are left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/case.h"
#include "kernels/device.h"
#include "src/cmd/commands.h"

enum { CLIENTS = 1000, IMAGES = 50, TEST = 10000, COHORT = 50, PIXELS = 3072, SKIP = 10, MOST = 100000 };

extern enum fg_status __real_fg_device_emulated(struct fg_device **out, const struct fg_emulation *how,
                                                struct fg_err *err);
extern enum fg_status __wrap_fg_device_emulated(struct fg_device **out, const struct fg_emulation *how,
                                                struct fg_err *err);

/* One round, or several evaluations and rounds so far. */
struct account {
    double host_s;
    uint64_t calls, to, from;
};

static struct {
    const struct fg_device_ops *real;
    struct fg_device_ops ops;
    double left_s; /* when the last call returned */
    struct account now, round[MOST];
    size_t rounds;
    uint32_t turn;
} seen;

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void enter(void)
{
    seen.now.host_s += cpu_s() - seen.left_s;
    seen.now.calls++;
}

static enum fg_status leave(enum fg_status st)
{
    seen.left_s = cpu_s();
    return st;
}

static enum fg_status memory(struct fg_device *d, uint64_t *free_bytes, uint64_t *all, struct fg_err *err)
{
    (void)d;
    (void)err;
    enter();
    *free_bytes = *all = (uint64_t)80 << 30;
    return leave(FG_OK);
}

/* Memory that nobody touches takes none. */
static enum fg_status alloc(struct fg_device *d, void **out, size_t bytes, struct fg_err *err)
{
    (void)d;
    enter();
    *out = aligned_alloc(64, (bytes / 64 + 1) * 64);
    return leave(*out != NULL ? FG_OK : fg_fail(err, FG_E_NOMEM, "no memory"));
}

static void release(struct fg_device *d, void *p)
{
    (void)d;
    enter();
    free(p);
    (void)leave(FG_OK);
}

static enum fg_status put(struct fg_device *d, void *to, const void *from, size_t bytes, struct fg_err *err)
{
    enter();
    seen.now.to += bytes;
    return leave(seen.real->put(d, to, from, bytes, err));
}

static enum fg_status get(struct fg_device *d, void *to, const void *from, size_t bytes, struct fg_err *err)
{
    enter();
    seen.now.from += bytes;
    return leave(seen.real->get(d, to, from, bytes, err));
}

static enum fg_status spread(struct fg_device *d, float *to, size_t stride, size_t n, const float *from,
                             size_t count, struct fg_err *err)
{
    (void)d;
    (void)to;
    (void)stride;
    (void)n;
    (void)from;
    (void)count;
    (void)err;
    enter();
    return leave(FG_OK);
}

/* Every sample is scored alike. */
static enum fg_status run(struct fg_device *d, const struct fg_device_run *r, struct fg_err *err)
{
    (void)d;
    (void)err;
    enter();
    bool scores = false;
    for (size_t o = 0; o < r->program->n; o++) {
        scores = scores || r->program->op[o].kind == FG_OP_SCORE;
    }
    for (size_t i = 0; i < r->n; i++) {
        struct fg_lane *l = &r->lanes[i];
        l->loss = 2.0 * l->n;
        for (uint32_t k = 0; scores && k < l->n; k++) {
            l->score_loss[k] = 2.0;
            l->score_right[k] = k % 2;
        }
    }
    return leave(FG_OK);
}

/* Sizes up to eight times apart. */
static enum fg_status deltas(struct fg_device *d, const struct fg_device_deltas *f, struct fg_err *err)
{
    (void)d;
    (void)err;
    enter();
    size_t blocks = (f->values + FG_DEVICE_FOLD - 1) / FG_DEVICE_FOLD;
    for (size_t i = 0; i < f->n * blocks; i++) {
        seen.turn = seen.turn * 1664525u + 1013904223u;
        f->largest[i] = 0.002f + 0.014f * (float)(seen.turn >> 8) * 0x1p-24f;
    }
    return leave(FG_OK);
}

/* What they become is as large. */
static enum fg_status levels(struct fg_device *d, const struct fg_device_levels *l, struct fg_err *err)
{
    (void)d;
    (void)l;
    (void)err;
    enter();
    return leave(FG_OK);
}

static enum fg_status sum(struct fg_device *d, const struct fg_device_sum *s, struct fg_err *err)
{
    (void)d;
    (void)err;
    enter();
    memset(s->sum, 0, s->of.windows * FG_DEVICE_FOLD * sizeof *s->sum);
    return leave(FG_OK);
}

static enum fg_status step(struct fg_device *d, const struct fg_device_step *s, struct fg_err *err)
{
    (void)d;
    (void)err;
    enter();
    for (size_t i = 0; i < s->of.values; i += FG_DEVICE_FOLD) {
        s->x[i] *= 0.999f;
        s->packed[s->place[i]] = s->x[i];
    }
    if (seen.rounds < MOST) {
        seen.round[seen.rounds++] = seen.now;
    }
    seen.now = (struct account){0};
    return leave(FG_OK);
}

enum fg_status __wrap_fg_device_emulated(struct fg_device **out, const struct fg_emulation *how,
                                         struct fg_err *err)
{
    enum fg_status st = __real_fg_device_emulated(out, how, err);
    if (st == FG_OK) {
        seen.real = (*out)->ops;
        seen.ops = (struct fg_device_ops){memory,
                                          alloc,
                                          release,
                                          put,
                                          get,
                                          spread,
                                          run,
                                          seen.real->steps,
                                          deltas,
                                          levels,
                                          sum,
                                          step,
                                          seen.real->pin,
                                          seen.real->loose,
                                          seen.real->destroy};
        (*out)->ops = &seen.ops;
        (void)leave(FG_OK);
    }
    return st;
}

/* Noise, as CIFAR-10's binary files have it. */
static void write_images(const char *folder, const char *name, size_t n)
{
    char path[BENCH_PATH + 32];
    uint8_t record[1 + PIXELS];
    uint32_t turn = (uint32_t)n;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = bench_need(fopen(path, "wb"));
    for (size_t i = 0; i < n; i++) {
        record[0] = (uint8_t)(i % 10);
        for (size_t k = 1; k < sizeof record; k++) {
            turn = turn * 1664525u + 1013904223u;
            record[k] = (uint8_t)(turn >> 24);
        }
        (void)fwrite(record, sizeof record, 1, f);
    }
    (void)fclose(f);
}

static int by_host(const void *a, const void *b)
{
    double x = ((const struct account *)a)->host_s, y = ((const struct account *)b)->host_s;
    return x < y ? -1 : x > y;
}

static void tell(void)
{
    size_t skip = seen.rounds > 2 * SKIP ? SKIP : 0, n = seen.rounds - skip;
    struct account *r = seen.round + skip, all = {0};
    for (size_t i = 0; i < n; i++) {
        all.host_s += r[i].host_s;
        all.calls += r[i].calls;
        all.to += r[i].to;
        all.from += r[i].from;
    }
    qsort(r, n, sizeof *r, by_host);
    printf("host, ms of CPU a round: mean %.3f, min %.3f, median %.3f, max %.3f (%zu rounds)\n",
           1e3 * all.host_s / (double)n, 1e3 * r[0].host_s, 1e3 * r[n / 2].host_s, 1e3 * r[n - 1].host_s, n);
    printf("a round: %.1f calls of the device, %.3f MB there, %.3f MB back\n", (double)all.calls / (double)n,
           1e-6 * (double)all.to / (double)n, 1e-6 * (double)all.from / (double)n);
}

int main(int argc, char **argv)
{
    char folder[BENCH_PATH], ini[BENCH_PATH + 16], out[BENCH_PATH + 16], rounds[32], command[BENCH_PATH + 16];
    bench_folder(folder, "bench_round");
    write_images(folder, "data_batch_1.bin", (size_t)CLIENTS * IMAGES);
    write_images(folder, "test_batch.bin", TEST);
    (void)snprintf(ini, sizeof ini, "%s/study.ini", folder);
    (void)snprintf(out, sizeof out, "%s/run", folder);
    (void)snprintf(rounds, sizeof rounds, "run.rounds=%d", argc > 1 ? atoi(argv[1]) : 200);
    FILE *f = bench_need(fopen(ini, "w"));
    fprintf(f,
            "[run]\neval_every = 10\nsync_s = 3600\n[data]\npath = %s\nclients = %d\npartition = iid\n"
            "normalise = yes\n[select]\nclients = %d\n[aggregate]\nweights = uniform\n[model]\n"
            "layers = pfl_cnn\n[train]\nbatch = 10\nlr = 0.1\nepochs = 1\n[worker]\ndevice = emulated\n"
            "[wire]\ncodec = %s\n",
            folder, CLIENTS, argc > 2 ? atoi(argv[2]) : COHORT, argc > 3 ? argv[3] : "none");
    (void)fclose(f);
    char *run_it[] = {"forage", "simulate", "-q", "--set", rounds, "--out", out, ini, NULL};
    int rc = fg_cmd_main(8, run_it);
    if (rc == 0 && seen.rounds > 0) {
        tell();
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? rc : 1;
}
