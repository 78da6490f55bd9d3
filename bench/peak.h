/* What the benchmarks measure with: CPU time, and the multiply-add peak of one core in the same run. */
#ifndef FG_BENCH_PEAK_H
#define FG_BENCH_PEAK_H

#include "kernels/kernels.h"

/* CPU time of the process. */
double bench_now_s(void);

/* FLOP/s of nothing but multiply-adds in registers, as wide as these kernels work; 0 where not known. */
double bench_peak(const struct fg_kernels *k, int repetitions);

#endif
