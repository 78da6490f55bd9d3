#include "src/base/fmath.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static double pow2i(int k) /* 2^k, -1022 <= k <= 1023 */
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static const double LN2_HI = 0x1.62e42feep-1, LN2_LO = 0x1.a39ef35793c76p-33;

double fg_exp(double x)
{
    if (!(x >= -745.2)) {
        return x < 0.0 ? 0.0 : x; /* x is nan when not below */
    }
    if (x > 709.782712893384) {
        return (double)INFINITY;
    }
    double k = floor(x * 0x1.71547652b82fep0 + 0.5);
    double r = (x - k * LN2_HI) - k * LN2_LO; /* |r| <= 0.3466 */
    double p = 1.0;
    for (int i = 14; i >= 1; i--) { /* Taylor: the first omitted term is below 2^-60 */
        p = 1.0 + p * r / (double)i;
    }
    int n = (int)k, half = n / 2;
    return p * pow2i(half) * pow2i(n - half);
}

double fg_log(double x)
{
    if (!(x > 0.0)) {
        return x == 0.0 ? -(double)INFINITY : (double)NAN;
    }
    if (x > 0x1.fffffffffffffp1023) {
        return x;
    }
    int k = 0;
    double m = frexp(x, &k); /* exact */
    if (m < 0.70710678118654752) {
        m *= 2.0;
        k--;
    }
    double f = (m - 1.0) / (m + 1.0), z = f * f, s = 0.0;
    for (int i = 23; i >= 3; i -= 2) { /* 2 atanh(f), |f| <= 0.1716 */
        s = (s + 1.0 / (double)i) * z;
    }
    return (double)k * LN2_HI + (2.0 * f + (2.0 * f * s + (double)k * LN2_LO));
}

double fg_pow(double x, double y)
{
    return y == 0.0 ? 1.0 : fg_exp(y * fg_log(x));
}

static double sin_small(double t) /* |t| <= pi/4 */
{
    double z = t * t, s = 1.0;
    for (int i = 19; i >= 3; i -= 2) {
        s = 1.0 - s * z / (double)(i * (i - 1));
    }
    return t * s;
}

static double cos_small(double t)
{
    double z = t * t, s = 1.0;
    for (int i = 20; i >= 2; i -= 2) {
        s = 1.0 - s * z / (double)(i * (i - 1));
    }
    return s;
}

double fg_cos2pi(double u)
{
    double v = u - floor(u);         /* exact */
    double q = floor(v * 4.0 + 0.5); /* quarter turns */
    double t = (v - q * 0.25) * 6.283185307179586476925;
    switch ((int)q & 3) {
    case 0:
        return cos_small(t);
    case 1:
        return -sin_small(t);
    case 2:
        return -cos_small(t);
    default:
        return sin_small(t);
    }
}

double fg_sin2pi(double u)
{
    return fg_cos2pi(u - floor(u) - 0.25);
}
