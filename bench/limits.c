#include "config.h"

#include "bench/limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/base/mem.h"

#ifdef FG_X86
#include <immintrin.h>
#endif

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#ifdef FG_X86
enum { CHAINS = 12, TURNS = 200000 };
static volatile float SINK;
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 12")
#endif

__attribute__((target("avx512f"))) static double fma_avx512(void)
{
    __m512 a[CHAINS], x = _mm512_set1_ps(0.5f);
    for (int i = 0; i < CHAINS; i++) {
        a[i] = _mm512_set1_ps((float)i);
    }
    __asm__ volatile("" : "+x"(x)); /* not a constant to the compiler */
    double t = bench_now_s();
    for (int k = 0; k < TURNS; k++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) {
            a[i] = _mm512_fmadd_ps(a[i], x, x);
        }
    }
    t = bench_now_s() - t;
    for (int i = 1; i < CHAINS; i++) {
        a[0] = _mm512_add_ps(a[0], a[i]);
    }
    SINK = _mm512_cvtss_f32(a[0]);
    return 2.0 * 16 * CHAINS * TURNS / t;
}

__attribute__((target("avx2,fma"))) static double fma_avx2(void)
{
    __m256 a[CHAINS], x = _mm256_set1_ps(0.5f);
    for (int i = 0; i < CHAINS; i++) {
        a[i] = _mm256_set1_ps((float)i);
    }
    __asm__ volatile("" : "+x"(x)); /* not a constant to the compiler */
    double t = bench_now_s();
    for (int k = 0; k < TURNS; k++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) {
            a[i] = _mm256_fmadd_ps(a[i], x, x);
        }
    }
    t = bench_now_s() - t;
    for (int i = 1; i < CHAINS; i++) {
        a[0] = _mm256_add_ps(a[0], a[i]);
    }
    SINK = _mm256_cvtss_f32(a[0]);
    return 2.0 * 8 * CHAINS * TURNS / t;
}

/* Reads p, a multiple of 512 bytes, `turns` times. */
__attribute__((target("avx512f"))) static void read_avx512(const uint8_t *p, size_t bytes, size_t turns)
{
    __m512i a[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                    _mm512_setzero_si512()};
    for (size_t t = 0; t < turns; t++) {
        for (size_t i = 0; i < bytes; i += 512) {
            UNROLL
            for (size_t j = 0; j < 8; j++) {
                a[j % 4] = _mm512_or_si512(a[j % 4], _mm512_load_si512((const void *)(p + i + 64 * j)));
            }
        }
        __asm__ volatile("" ::: "memory");
    }
    a[0] = _mm512_or_si512(_mm512_or_si512(a[0], a[1]), _mm512_or_si512(a[2], a[3]));
    SINK = (float)_mm512_reduce_or_epi32(a[0]);
}

__attribute__((target("avx2"))) static void read_avx2(const uint8_t *p, size_t bytes, size_t turns)
{
    __m256i a[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                    _mm256_setzero_si256()};
    for (size_t t = 0; t < turns; t++) {
        for (size_t i = 0; i < bytes; i += 256) {
            UNROLL
            for (size_t j = 0; j < 8; j++) {
                a[j % 4] = _mm256_or_si256(
                    a[j % 4], _mm256_load_si256((const __m256i *)(const void *)(p + i + 32 * j)));
            }
        }
        __asm__ volatile("" ::: "memory");
    }
    a[0] = _mm256_or_si256(_mm256_or_si256(a[0], a[1]), _mm256_or_si256(a[2], a[3]));
    SINK = (float)_mm256_extract_epi32(a[0], 0);
}
#endif

double bench_peak(const struct fg_kernels *k, int repetitions)
{
    double best = 0.0;
    (void)k;
    (void)repetitions;
#ifdef FG_X86
    for (int i = 0; i < repetitions; i++) {
        double f = strcmp(k->name, "avx512") == 0 ? fma_avx512()
                   : strcmp(k->name, "avx2") == 0 ? fma_avx2()
                                                  : 0.0;
        best = f > best ? f : best;
    }
#endif
    return best;
}

static void read_plain(const uint8_t *p, size_t bytes, size_t turns)
{
    uint64_t a = 0;
    for (size_t t = 0; t < turns; t++) {
        const uint64_t *x = (const uint64_t *)(const void *)p;
        for (size_t i = 0; i < bytes / sizeof *x; i++) {
            a |= x[i];
        }
        __asm__ volatile("" : "+r"(a)::"memory");
    }
}

static double bandwidth(const uint8_t *p, size_t bytes, const struct fg_kernels *k)
{
    void (*read)(const uint8_t *, size_t, size_t) = read_plain;
#ifdef FG_X86
    read = strcmp(k->name, "avx512") == 0 ? read_avx512 : strcmp(k->name, "avx2") == 0 ? read_avx2 : read;
#endif
    (void)k;
    size_t turns = bytes > ((size_t)16 << 20) ? 1 : ((size_t)16 << 20) / bytes;
    double best = 0.0;
    read(p, bytes, 1);
    for (int i = 0; i < 7; i++) {
        double t = bench_now_s();
        read(p, bytes, turns);
        t = bench_now_s() - t;
        double got = (double)(bytes * turns) / t;
        best = got > best ? got : best;
    }
    return best;
}

static size_t cache_bytes(int name, size_t otherwise)
{
    long got = sysconf(name);
    return got > 0 ? (size_t)got : otherwise;
}

bool bench_limits_measure(struct bench_limits *out, const struct fg_kernels *k)
{
    struct bench_limits l = {.flops = bench_peak(k, 30)};
    l.size[BENCH_L1] = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, (size_t)32 << 10);
    l.size[BENCH_L2] = cache_bytes(_SC_LEVEL2_CACHE_SIZE, (size_t)1 << 20);
    l.size[BENCH_L3] = cache_bytes(_SC_LEVEL3_CACHE_SIZE, (size_t)16 << 20);
    l.size[BENCH_MEMORY] = 2 * l.size[BENCH_L3];
    if (l.size[BENCH_MEMORY] > (size_t)512 << 20) {
        l.size[BENCH_MEMORY] = (size_t)512 << 20;
    }
    uint8_t *p = fg_calloc_aligned(l.size[BENCH_MEMORY], 1);
    if (p == NULL) {
        return false;
    }
    memset(p, 1, l.size[BENCH_MEMORY]);
    for (int i = 0; i < BENCH_LEVELS; i++) {
        /* Half of a cache, so that it fits beside all else; of a shared one, an eighth. */
        size_t part = i == BENCH_MEMORY ? 1 : i == BENCH_L3 ? 8 : 2;
        l.bytes_s[i] = bandwidth(p, l.size[i] / part / 512 * 512, k);
    }
    fg_free(p);
    *out = l;
    return true;
}

enum bench_level bench_level_of(const struct bench_limits *l, size_t bytes)
{
    int i = BENCH_L1;
    while (i < BENCH_MEMORY && bytes > l->size[i]) {
        i++;
    }
    return (enum bench_level)i;
}

const char *bench_level_name(enum bench_level level)
{
    static const char *const name[] = {"L1", "L2", "L3", "memory"};
    return name[level];
}

double bench_least_s(const struct bench_limits *l, double flop, double moved, size_t held, const char **binds)
{
    enum bench_level level = bench_level_of(l, held);
    double compute = l->flops > 0.0 ? flop / l->flops : 0.0, move = moved / l->bytes_s[level];
    *binds = compute >= move ? "fma" : bench_level_name(level);
    return compute >= move ? compute : move;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bench_spread bench_spread(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return (struct bench_spread){x[0], x[n / 2], x[n - 1]};
}
