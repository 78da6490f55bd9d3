#include "src/wire/feedback.h"

#include <math.h>
#include <stdbool.h>

#include "src/base/fmath.h"

/* b, for which (E|x|)^2 / E x^2 = Gamma(2/b)^2 / (Gamma(1/b) Gamma(3/b)) is FG_USUAL_SHAPE. */
#define EXPONENT 0.42512744
#define SMALLEST 1e-6
#define LARGEST 3e3 /* of the law's own unit; what lies above has 1e-7 of the squares */

enum { LONGEST = 512 };

void fg_feedback_usual(struct fg_feedback_law *law)
{
    double step = fg_log(LARGEST / SMALLEST) / (FG_FEEDBACK_SIZES - 1), all = 0.0;
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        double x = SMALLEST * fg_exp(step * i);
        law->size[i] = x;
        law->weight[i] = x * fg_exp(-fg_pow(x, EXPONENT)); /* steps are those of log x */
        all += law->weight[i];
    }
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        law->weight[i] /= all;
    }
}

static double squares(const struct fg_feedback_law *law)
{
    double sum = 0.0;
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        sum += law->weight[i] * law->size[i] * law->size[i];
    }
    return sum;
}

/* ---- update by update ---- */

/* The size from which on values go: `density` of them at most. Shapes: y (FG_FEEDBACK_SIZES). */
static double threshold(const struct fg_feedback_law *law, const double *y, double density)
{
    double lo = 0.0, hi = 0.0;
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        hi = fmax(hi, fabs(y[i]));
    }
    for (int k = 0; k < 40; k++) {
        double mid = 0.5 * (lo + hi), share = 0.0;
        for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
            share += fabs(y[i]) >= mid ? law->weight[i] : 0.0;
        }
        if (share > density) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return hi;
}

/* One more update: kept becomes what it leaves over. */
static void send(const struct fg_feedback_law *law, enum fg_feedback how, double density, double *kept)
{
    double share = 0.0, mean = 0.0, least = 0.0;
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        kept[i] += law->size[i];
    }
    least = how == FG_FEEDBACK_SIGNS ? 0.0 : threshold(law, kept, density);
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        bool goes = fabs(kept[i]) >= least;
        share += goes ? law->weight[i] : 0.0;
        mean += goes ? law->weight[i] * fabs(kept[i]) : 0.0;
    }
    mean = share > 0.0 ? mean / share : 0.0;
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        double whole = how == FG_FEEDBACK_LARGEST ? fabs(kept[i]) : mean;
        if (fabs(kept[i]) >= least) {
            kept[i] += kept[i] < 0.0 ? whole : -whole;
        }
    }
}

double fg_feedback_sent(enum fg_feedback how, double density, double updates)
{
    struct fg_feedback_law law;
    double kept[FG_FEEDBACK_SIZES] = {0.0}, before = 0.0, now = 0.0;
    double j = fmin(fmax(1.0, updates), LONGEST), last = ceil(j);
    fg_feedback_usual(&law);
    double all = squares(&law);
    for (int done = 0; done < (int)last; done++) {
        send(&law, how, density, kept);
        before = now;
        now = 0.0;
        for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
            now += law.weight[i] * law.size[i] * kept[i] / all;
        }
    }
    return fmin(1.0, fmax(0.0, 1.0 - (now + (last - j) * (before - now)) / j));
}

/* ---- whatever it is ---- */

double fg_feedback_least(double delta, double updates)
{
    double j = fmax(1.0, updates), r = sqrt(fmax(0.0, 1.0 - delta));
    double kept = r < 1.0 ? r * (1.0 - fg_pow(r > 0.0 ? r : 1e-300, j)) / (1.0 - r) : j;
    return fmax(0.0, 1.0 - kept / j);
}
