/* Plain numbers, sorted in place, ascending. Equal ones are the same bits, so any order of them is one. */
#ifndef FG_BASE_SORT_H
#define FG_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

void fg_sort_u32(uint32_t *a, size_t n);
void fg_sort_f64(double *a, size_t n); /* no nan; -0 and 0 in any order */

#endif
