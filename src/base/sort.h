/* Sorting in place, and finding in what is sorted.
 *
 * Plain numbers ascend: equal ones are the same bits, so any order of them is one. */
#ifndef FG_BASE_SORT_H
#define FG_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

void fg_sort_u32(uint32_t *a, size_t n);
void fg_sort_f64(double *a, size_t n); /* no nan; -0 and 0 in any order */

/* (n) records of so many bytes that begin with a uint64_t, no two with the same: those from `from` on have
 * been appended, the others ascend. Cost: O(appended) where they ascend, too. */
void fg_sort_appended(void *records, size_t n, size_t from, size_t bytes);

/* The place of the record that begins with this key, among such (n) that ascend; n: there is none.
 * Cost: O(log n), O(1) where keys follow one another. */
size_t fg_sort_find(const void *records, size_t n, size_t bytes, uint64_t wanted);

/* The highest score first; of equal ones the lowest number first. No score is nan. */
struct fg_ranked {
    double score;
    uint32_t number;
};
void fg_sort_ranked(struct fg_ranked *a, size_t n);

#endif
