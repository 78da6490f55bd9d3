#include "src/planner/threshold.h"

#include <math.h>
#include <stdbool.h>

/* (1 + 1 / (r k))^n by squaring. */
static double growth(double r, uint32_t k, uint32_t n)
{
    double p = 1.0, b = 1.0 + 1.0 / (r * (double)k);
    for (; n > 0; n >>= 1) {
        p = (n & 1) != 0 ? p * b : p;
        b *= b;
    }
    return p;
}

double fg_threshold_ratio(uint32_t k, double low, double high)
{
    double a = 1.0, b = high / low;
    if (!(high > low) || k == 0) {
        return 1.0;
    }
    for (int i = 0; i < 200 && a < b; i++) { /* the left side falls in r, the right side falls more slowly */
        double r = a + (b - a) / 2.0;
        if (r == a || r == b) {
            break;
        }
        if ((1.0 - low / high) / (1.0 - 1.0 / r) > growth(r, k, k)) {
            a = r;
        } else {
            b = r;
        }
    }
    return b;
}

double fg_threshold_at(uint32_t i, uint32_t k, double low, double high, double ratio, double trust,
                       double expected)
{
    double robust = high * (1.0 - (1.0 - 1.0 / ratio) * growth(ratio, k, i));
    double x = (1.0 - trust) * robust + trust * expected;
    return x < low ? low : x > high ? high : x;
}

double fg_threshold_worst(uint32_t k, double low, double high, double ratio, double trust, double expected)
{
    double bought = 0.0, worst = 1.0;
    for (uint32_t j = 0; j <= k; j++) {
        double next = j < k ? fg_threshold_at(j, k, low, high, ratio, trust, expected) : low;
        double paid = bought + (double)(k - j) * high, least = (double)k * next;
        bool more = true;
        for (uint32_t m = j; more; m--) { /* those from m on were bought at `low` */
            worst = paid / least > worst ? paid / least : worst;
            double spared =
                m > 0 ? fg_threshold_at(m - 1, k, low, high, ratio, trust, expected) - low : INFINITY;
            more = spared * least < paid * (next - low); /* else no fewer make it worse again */
            paid -= spared;
            least -= next - low;
        }
        bought += next;
    }
    return worst;
}

double fg_threshold_pay(const double *price, uint32_t slots, uint32_t k, double low, double high,
                        double ratio, double trust, double expected)
{
    double paid = 0.0;
    uint32_t bought = 0;
    for (uint32_t t = 0; t < slots && bought < k; t++) {
        bool must = slots - t <= k - bought;
        if (must || price[t] <= fg_threshold_at(bought, k, low, high, ratio, trust, expected)) {
            paid += price[t];
            bought++;
        }
    }
    return paid;
}
