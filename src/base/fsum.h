/* Exact sums of doubles: as many terms as there are, in any order, rounded once at the end.
 *
 * Source: Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997 (grow-expansion).
 * A sum that overflows is not finite.
 *
 * Thread safety: one caller each.
 */
#ifndef FG_BASE_FSUM_H
#define FG_BASE_FSUM_H

#include <stddef.h>

enum { FG_FSUM_PARTS = 42 }; /* 2098 bits of doubles, 53 in each part */

/* Zero-initialise: 0. */
struct fg_fsum {
    double part[FG_FSUM_PARTS]; /* do not overlap, by growing size */
    size_t n;
};

void fg_fsum_add(struct fg_fsum *s, double x);

/* The sum, to the nearest double, ties to even. */
double fg_fsum_read(const struct fg_fsum *s);

#endif
