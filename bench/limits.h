/* What one core of this machine can do at most, measured in the same run as what is held against it:
 * multiply-adds in registers, and bytes read from each level of memory. CPU time,
 * because the machine may be shared.
 *
 * Thread safety: one caller.
 */
#ifndef FG_BENCH_LIMITS_H
#define FG_BENCH_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"

enum bench_level { BENCH_L1, BENCH_L2, BENCH_L3, BENCH_MEMORY, BENCH_LEVELS };

struct bench_limits {
    double flops;                 /* FLOP/s of nothing but multiply-adds; 0 where not known */
    double bytes_s[BENCH_LEVELS]; /* bytes/s read from an array that fits there */
    size_t size[BENCH_LEVELS];    /* bytes of that level; the last: as much as is read */
};

/* CPU time of the process, and the wall's clock. */
double bench_now_s(void);
double bench_wall_s(void);

/* FLOP/s of nothing but multiply-adds in registers, as wide as these kernels work; 0 where not known. */
double bench_peak(const struct fg_kernels *k, int repetitions);

/* All of them, the best of several tries, in about a second. Errors: false when out of memory. */
bool bench_limits_measure(struct bench_limits *out, const struct fg_kernels *k);

/* The first level that holds so many bytes. */
enum bench_level bench_level_of(const struct bench_limits *l, size_t bytes);
const char *bench_level_name(enum bench_level level);

/* Least seconds for this work: the arithmetic, or moving `moved` bytes of an array of `held` bytes. *binds
 * says which: "fma" or the name of the level. */
double bench_least_s(const struct bench_limits *l, double flop, double moved, size_t held,
                     const char **binds);

/* Least, median and greatest of n values, which it sorts. */
struct bench_spread {
    double min, median, max;
};
struct bench_spread bench_spread(double *x /* (n) in-out */, size_t n);

#endif
