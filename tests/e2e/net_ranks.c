/* One rank of the transport's real-process tests (driven by net.sh): `net_ranks MODE DIR` under mpirun.
 *
 * Each rank leaves what it saw in files of DIR; mpirun's exit code says little once ranks are killed.
 *   echo   rank 0 sends frames of many sizes to every worker and gets them back, unchanged and in order
 *   kill   every worker but the last kills itself when told; rank 0 must see each, and still reach the last
 *   idle   everyone waits for three seconds and reports the share of a core it used
 *   busy   everyone computes for ever; for killing mpirun
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/net/net.h"

static const char *dir;
static uint32_t rank, size;

#define REQUIRE(cond) ((cond) ? (void)0 : die(#cond, __LINE__))

static void note(const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.%u", dir, name, rank);
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        (void)fprintf(f, "%s\n", text);
        (void)fclose(f);
    }
}

static void die(const char *what, int line)
{
    char text[256];
    (void)snprintf(text, sizeof text, "line %d: %s", line, what);
    note("error", text);
    _exit(0);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct fg_net_event next(struct fg_transport *t, enum fg_net_event_kind kind)
{
    struct fg_net_event ev;
    double begin = now_s();
    do {
        REQUIRE(t->ops->poll(t, &ev, FG_SECOND) == FG_OK);
        REQUIRE(now_s() - begin < 20);
    } while (ev.kind == FG_NET_NONE);
    REQUIRE(ev.kind == kind);
    return ev;
}

static void send_bytes(struct fg_transport *t, uint32_t peer, size_t len, unsigned fill)
{
    uint8_t *frame = fg_calloc_aligned(len, 1);
    REQUIRE(frame != NULL);
    for (size_t i = 0; i < len; i++) {
        frame[i] = (uint8_t)(i * 7 + fill);
    }
    REQUIRE(t->ops->post(t, peer, frame, len) == FG_OK);
}

static void echo(struct fg_transport *t)
{
    static const size_t sizes[] = {1, 8388608, 48, 100000, 4096, 3000000, 65536, 7};
    enum { N = sizeof sizes / sizeof *sizes };
    if (rank != 0) {
        for (int i = 0; i < N; i++) {
            struct fg_net_event ev = next(t, FG_NET_FRAME);
            REQUIRE(t->ops->post(t, 0, ev.frame, ev.len) == FG_OK);
        }
        return;
    }
    for (int i = 0; i < N; i++) {
        for (uint32_t peer = 1; peer < size; peer++) {
            send_bytes(t, peer, sizes[i], (unsigned)i + peer);
        }
    }
    int *got = fg_calloc(size, sizeof *got);
    for (uint32_t n = 0; n < N * (size - 1); n++) {
        struct fg_net_event ev = next(t, FG_NET_FRAME);
        int i = got[ev.peer]++;
        REQUIRE(ev.len == sizes[i]);
        for (size_t k = 0; k < ev.len; k++) {
            REQUIRE(ev.frame[k] == (uint8_t)(k * 7 + (unsigned)i + ev.peer));
        }
        fg_free(ev.frame);
    }
    fg_free(got);
}

static void kill_workers(struct fg_transport *t)
{
    char text[64];
    if (rank != 0) {
        struct fg_net_event ev = next(t, FG_NET_FRAME);
        fg_free(ev.frame);
        if (rank != size - 1) {
            (void)raise(SIGKILL);
        }
        ev = next(t, FG_NET_FRAME);
        REQUIRE(t->ops->post(t, 0, ev.frame, ev.len) == FG_OK);
        return;
    }
    double worst = 0;
    for (uint32_t peer = 1; peer + 1 < size; peer++) {
        send_bytes(t, peer, 64, 1);
        double begin = now_s();
        struct fg_net_event ev = next(t, FG_NET_GONE);
        REQUIRE(ev.peer == peer);
        REQUIRE(t->ops->post(t, peer, fg_calloc(1, 1), 1) == FG_E_GONE);
        worst = now_s() - begin > worst ? now_s() - begin : worst;
    }
    send_bytes(t, size - 1, 64, 1);
    send_bytes(t, size - 1, 200000, 2);
    struct fg_net_event ev = next(t, FG_NET_FRAME);
    REQUIRE(ev.peer == size - 1 && ev.len == 200000);
    fg_free(ev.frame);
    (void)snprintf(text, sizeof text, "%.0f", worst * 1e6);
    note("worst_us", text);
}

static void idle(struct fg_transport *t)
{
    struct rusage before, after;
    struct fg_net_event ev;
    char text[64];
    double begin = now_s();
    (void)getrusage(RUSAGE_SELF, &before);
    while (now_s() - begin < 3) {
        REQUIRE(t->ops->poll(t, &ev, FG_SECOND) == FG_OK);
        REQUIRE(ev.kind != FG_NET_FRAME);
    }
    (void)getrusage(RUSAGE_SELF, &after);
    double cpu_us = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
                             before.ru_stime.tv_sec) *
                        1e6 +
                    (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                             before.ru_stime.tv_usec);
    (void)snprintf(text, sizeof text, "%.0f", cpu_us / (now_s() - begin)); /* parts per million of a core */
    note("cpu_ppm", text);
}

static void busy(void)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", (long)getpid());
    note("pid", text);
    for (volatile unsigned long i = 0;; i++) {
    }
}

int main(int argc, char **argv)
{
    struct fg_transport *t = NULL;
    struct fg_err err = {""};
    if (argc != 3) {
        return 2;
    }
    dir = argv[2];
    if (fg_net_start(&t, &err) != FG_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    rank = fg_net_rank();
    size = fg_net_size();
    for (uint32_t n = rank == 0 ? size - 1 : 1; n > 0; n--) {
        (void)next(t, FG_NET_JOINED);
    }
    if (strcmp(argv[1], "echo") == 0) {
        echo(t);
    } else if (strcmp(argv[1], "kill") == 0) {
        kill_workers(t);
    } else if (strcmp(argv[1], "idle") == 0) {
        idle(t);
    } else {
        busy();
    }
    note("done", "ok");
    fg_net_stop(t);
    return 0;
}
