#include "src/wire/ternary.h"

#include <math.h>

#include "src/base/fmath.h"

struct fg_layer_view fg_layer_see(const struct fg_coders *c, const float *x, size_t n)
{
    return (struct fg_layer_view){.n = n, .largest = (double)c->largest(x, n), .sums = c->sums(x, n)};
}

float fg_ternary_scale(const struct fg_layer_view *v, double density, double clip)
{
    double s = v->largest, n = (double)v->n;
    if (clip > 0.0 && v->n > 0) {
        double cut = clip * sqrt(v->sums.square / n);
        s = cut < s ? cut : s;
    }
    if (density > 0.0 && density < 1.0 && v->n > 0) {
        double sparse = v->sums.sum / (density * n);
        s = sparse > s ? sparse : s;
    }
    return s > 0x1p127 ? NAN : s < 0x1p-126 ? 0.f : (float)s;
}

double fg_ternary_bytes(double n, double p)
{
    double q = 1.0 - p;
    if (!(p > 0.0 && q > 0.0)) {
        return p > 0.0 ? n / 4.0 : 0.0;
    }
    double place = -(p * fg_log(p) + q * fg_log(q)) / 0x1.62e42fefa39efp-1;
    return n * (1.03 * place + p) / 8.0;
}
