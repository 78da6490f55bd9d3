#include "src/base/stats.h"

#include <math.h>

#include "src/base/fmath.h"

#define LOG_2PI 1.8378770664093454836

static double density(double z)
{
    return fg_exp(-0.5 * z * z - 0.5 * LOG_2PI);
}

/* The series of Marsaglia: Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3 5) + ...). Beyond 8 nothing is left. */
double fg_normal_cdf(double z)
{
    if (z < -8.0 || z > 8.0) {
        return z < 0.0 ? 0.0 : 1.0;
    }
    double term = z, sum = z, last = 0.0;
    for (double i = 3.0; sum != last; i += 2.0) {
        last = sum;
        term *= z * z / i;
        sum += term;
    }
    return 0.5 + sum * density(z);
}

/* log Gamma for x > 0: Stirling's series above 10, by recurrence below. */
static double log_gamma(double x)
{
    double down = 0.0;
    while (x < 10.0) {
        down += fg_log(x);
        x += 1.0;
    }
    double r = 1.0 / (x * x);
    double series =
        (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / x;
    return (x - 0.5) * fg_log(x) - x + 0.5 * LOG_2PI + series - down;
}

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double beta_fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 2000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int k = 0; k < 2; k++) {
            double by = k == 0 ? even : odd;
            d = 1.0 + by * d;
            c = 1.0 + by / c;
            d = 1.0 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
        }
        if (fabs(d * c - 1.0) < 1e-15) {
            break;
        }
    }
    return h;
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta(double x, double a, double b)
{
    if (!(x > 0.0) || x >= 1.0) {
        return x >= 1.0 ? 1.0 : 0.0;
    }
    double front =
        fg_exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * fg_log(x) + b * fg_log(1.0 - x));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(x, a, b) / a
                                         : 1.0 - front * beta_fraction(1.0 - x, b, a) / b;
}

double fg_t_cdf(double t, double df)
{
    double tail = 0.5 * beta(df / (df + t * t), 0.5 * df, 0.5);
    return t < 0.0 ? tail : 1.0 - tail;
}

double fg_t_quantile(double p, double df)
{
    double high = 1.0, low = 0.0, above = p < 0.5 ? 1.0 - p : p;
    while (fg_t_cdf(high, df) < above && high < 1e12) {
        high *= 2.0;
    }
    for (int i = 0; i < 100; i++) {
        double mid = 0.5 * (low + high);
        if (fg_t_cdf(mid, df) < above) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return p < 0.5 ? -high : high;
}

double fg_f_above(double f, double d1, double d2)
{
    return beta(d2 / (d2 + d1 * f), 0.5 * d2, 0.5 * d1);
}

/* k times the integral of phi(z) (Phi(z) - Phi(z - q))^(k - 1), by Simpson's rule. */
static double range_cdf(double q, unsigned k)
{
    enum { STEPS = 800 };
    double sum = 0.0, from = -8.0, h = (16.0 + q) / STEPS;
    if (!(q > 0.0)) {
        return 0.0;
    }
    for (int i = 0; i <= STEPS; i++) {
        double z = from + h * i, between = fg_normal_cdf(z) - fg_normal_cdf(z - q), power = 1.0;
        for (unsigned j = 1; j < k; j++) {
            power *= between;
        }
        double weight = i == 0 || i == STEPS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        sum += weight * density(z) * power;
    }
    double p = k * sum * h / 3.0;
    return p < 1.0 ? p : 1.0;
}

double fg_range_quantile(double p, unsigned k)
{
    double low = 0.0, high = 20.0;
    for (int i = 0; i < 60; i++) {
        double mid = 0.5 * (low + high);
        if (range_cdf(mid, k) < p) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return high;
}

struct fg_mean fg_mean_of(const double *x, size_t n)
{
    struct fg_mean m = {.n = n, .mean = NAN, .sd = NAN, .half = NAN};
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    m.mean = n > 0 ? sum / (double)n : NAN;
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - m.mean) * (x[i] - m.mean);
    }
    if (n > 1) {
        m.sd = sqrt(squares / (double)(n - 1));
        m.half = fg_t_quantile(0.975, (double)(n - 1)) * m.sd / sqrt((double)n);
    }
    return m;
}

double fg_mean_p(const struct fg_mean *m)
{
    if (m->n < 2) {
        return NAN;
    }
    if (!(m->sd > 0.0)) {
        return m->mean == 0.0 ? 1.0 : 0.0;
    }
    double t = fabs(m->mean) / (m->sd / sqrt((double)m->n));
    return 2.0 * fg_t_cdf(-t, (double)(m->n - 1));
}

struct fg_friedman fg_friedman_of(const double *rank, unsigned k, size_t blocks)
{
    double n = (double)blocks, squares = 0.0;
    for (unsigned j = 0; j < k; j++) {
        squares += rank[j] * rank[j];
    }
    struct fg_friedman out = {.f = NAN, .p = NAN};
    out.chi2 = 12.0 * n / (k * (k + 1.0)) * (squares - 0.25 * k * (k + 1.0) * (k + 1.0));
    double rest = n * (k - 1.0) - out.chi2;
    if (rest > 1e-9 * n && blocks > 1) {
        out.f = (n - 1.0) * out.chi2 / rest;
        out.f = out.f > 0.0 ? out.f : 0.0;
        out.p = fg_f_above(out.f, k - 1.0, (k - 1.0) * (n - 1.0));
    }
    out.critical = fg_range_quantile(0.95, k) / sqrt(2.0) * sqrt(k * (k + 1.0) / (6.0 * n));
    return out;
}

void fg_ranks_of(double *rank, const double *x, unsigned k, int lower)
{
    for (unsigned i = 0; i < k; i++) {
        double better = 0.0, same = 0.0;
        for (unsigned j = 0; j < k; j++) {
            better += lower ? x[j] < x[i] : x[j] > x[i];
            same += x[j] == x[i];
        }
        rank[i] = better + 0.5 * (same + 1.0);
    }
}
