/* Before a loop of constant count: unroll it whole, so that arrays of vectors become registers.
 * FG_UNROLL_SOME is for counts that are constant in some inlined copies of a loop only.
 */
#ifndef FG_KERNELS_UNROLL_H
#define FG_KERNELS_UNROLL_H

#if defined(__clang__)
#define FG_UNROLL _Pragma("clang loop unroll(full)")
#define FG_UNROLL_SOME
#else
#define FG_UNROLL _Pragma("GCC unroll 16")
#define FG_UNROLL_SOME _Pragma("GCC unroll 4")
#endif

#endif
