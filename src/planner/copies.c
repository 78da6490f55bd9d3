#include "src/planner/copies.h"

double fg_copies_arrive(double lost, double withdrawn)
{
    return (1.0 - withdrawn) * (1.0 - lost);
}

size_t fg_copies_next(const struct fg_copy *c, size_t n, double lost, double withdrawn, double value_g)
{
    size_t best = n;
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        double arrives = fg_copies_arrive(lost * (1.0 - c[i].survives), withdrawn);
        double gain = value_g * (arrives - fg_copies_arrive(lost, withdrawn)) - c[i].cost_g;
        if (gain > most) {
            most = gain;
            best = i;
        }
    }
    return best;
}
