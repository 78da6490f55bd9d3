/* What one core of this machine can do at most: the rooflines of bench/run. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/limits.h"

int main(int argc, char **argv)
{
    const struct fg_kernels *k = fg_kernels_get(argc > 1 ? argv[1] : "auto", FG_EXACT);
    int repeats = argc > 2 ? atoi(argv[2]) : 1;
    if (k == NULL || repeats < 1) {
        fprintf(stderr, "usage: bench_limits [auto|avx512|avx2|reference] [REPEATS]; or not on this CPU\n");
        return 2;
    }
    printf("%-10s %9s %9s %9s %9s %9s\n", "kernels", "GFLOP/s", "L1-GB/s", "L2-GB/s", "L3-GB/s", "mem-GB/s");
    for (int i = 0; i < repeats; i++) {
        struct bench_limits l;
        if (!bench_limits_measure(&l, k)) {
            return 1;
        }
        printf("%-10s %9.1f %9.1f %9.1f %9.1f %9.1f\n", k->name, l.flops * 1e-9, l.bytes_s[BENCH_L1] * 1e-9,
               l.bytes_s[BENCH_L2] * 1e-9, l.bytes_s[BENCH_L3] * 1e-9, l.bytes_s[BENCH_MEMORY] * 1e-9);
        fflush(stdout);
    }
    return 0;
}
