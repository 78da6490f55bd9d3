#include "src/base/time.h"

#include <math.h>

double fg_seconds(fg_time_t t)
{
    return (double)t / 1e6;
}

fg_time_t fg_from_seconds(double s)
{
    double us = floor(s * 1e6 + 0.5);
    if (!(us > -9.2e18)) {
        return INT64_MIN;
    }
    return us < 9.2e18 ? (fg_time_t)us : FG_NEVER;
}
