/* What is said of updates, and done with them, on the way into a sum: as fast as the CPU goes, the same bits everywhere.
 *
 * Thread safety: pure functions.
 */
#ifndef FG_KERNELS_FOLD_H
#define FG_KERNELS_FOLD_H

#include <stdbool.h>
#include <stddef.h>

/* Whether none of x (n) is infinite or a NaN. */
bool fg_kernel_all_finite(const float *x, size_t n);

/* acc[i] += w * (double)x[i], product and sum rounded each. */
void fg_kernel_fold(double w, const float *x, double *acc, size_t n);

#endif
