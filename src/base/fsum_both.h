/* The steps of src/base/fsum.h, for the host and for devices. */
#ifndef FG_BASE_FSUM_BOTH_H
#define FG_BASE_FSUM_BOTH_H

#include <math.h>

#include "src/base/both.h"
#include "src/base/fsum.h"

/* There must be room for one part more. */
FG_BOTH static inline void fg_fsum_grow(struct fg_fsum *s, double x)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        double y = s->part[i];
        double large = fabs(x) < fabs(y) ? y : x, small = fabs(x) < fabs(y) ? x : y;
        double high = large + small, low = small - (high - large);
        if (low != 0.0) {
            s->part[kept++] = low;
        }
        x = high;
    }
    s->part[kept++] = x;
    s->n = kept;
}

/* Half of the last place is seen only with what lies below it. */
FG_BOTH static inline double fg_fsum_round(const struct fg_fsum *s)
{
    size_t n = s->n;
    double high = n > 0 ? s->part[--n] : 0.0, low = 0.0;
    while (n > 0 && low == 0.0) {
        double x = high, y = s->part[--n];
        high = x + y;
        low = y - (high - x);
    }
    if (n > 0 && low != 0.0 && (low < 0.0) == (s->part[n - 1] < 0.0)) {
        double twice = 2.0 * low, next = high + twice;
        high = next - high == twice ? next : high;
    }
    return high;
}

#endif
