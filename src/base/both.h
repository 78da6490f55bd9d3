/* FG_BOTH before a function: nvcc compiles it for the host and for the device, a C compiler as it is.
 *
 * Such functions use nothing but their arguments, + - * /, square roots of doubles and fmaf, so both give the
 * same bits.
 */
#ifndef FG_BASE_BOTH_H
#define FG_BASE_BOTH_H

#ifdef __CUDACC__
#define FG_BOTH __host__ __device__
#else
#define FG_BOTH
#endif

#endif
