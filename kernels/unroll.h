/* Before a loop of constant count: unroll it whole, so that arrays of vectors become registers. */
#ifndef FG_KERNELS_UNROLL_H
#define FG_KERNELS_UNROLL_H

#if defined(__clang__)
#define FG_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FG_UNROLL _Pragma("GCC unroll 16")
#endif

#endif
