#include "config.h"

#include "bench/peak.h"

#include <string.h>
#include <time.h>

#ifdef FG_X86
#include <immintrin.h>
#endif

double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
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
