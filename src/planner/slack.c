/* What waiting for greener slots saves. */
#include "src/planner/slots.h"

/* Reorder a (n) so that its k smallest come first: Hoare's selection with the middle of three as pivot. */
static void select_smallest(double *a, size_t n, size_t k)
{
    size_t lo = 0, hi = n; /* the k-th boundary is inside [lo, hi] */
    while (hi - lo > 1 && k > lo && k < hi) {
        double x = a[lo], y = a[lo + (hi - lo) / 2], z = a[hi - 1];
        double pivot = x < y ? (y < z ? y : x < z ? z : x) : (x < z ? x : y < z ? z : y);
        size_t i = lo, less = lo, more = hi;
        while (i < more) { /* three parts: smaller, equal, larger than the pivot */
            double v = a[i];
            if (v < pivot) {
                a[i++] = a[less];
                a[less++] = v;
            } else if (v > pivot) {
                a[i] = a[--more];
                a[more] = v;
            } else {
                i++;
            }
        }
        if (k <= less) {
            hi = less;
        } else if (k >= more) {
            lo = more;
        } else {
            return;
        }
    }
}

double fg_slots_slack_saving(const double *grams, size_t need, size_t slack, double *scratch)
{
    double first = 0, cheapest = 0;
    for (size_t i = 0; i < need + slack; i++) {
        scratch[i] = grams[i];
        first += i < need ? grams[i] : 0;
    }
    select_smallest(scratch, need + slack, need);
    for (size_t i = 0; i < need; i++) {
        cheapest += scratch[i];
    }
    return first > 0 ? 1 - cheapest / first : 0;
}
