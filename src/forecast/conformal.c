#include "src/forecast/conformal.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"

enum fg_status fg_conformal_init(struct fg_conformal *c, size_t window, double level, double rate)
{
    *c = (struct fg_conformal){.level = level, .rate = rate, .a_low = level, .a_high = level, .cap = window};
    c->ring = fg_calloc(window, sizeof *c->ring);
    c->sorted = fg_calloc(window, sizeof *c->sorted);
    return c->ring != NULL && c->sorted != NULL ? FG_OK : FG_E_NOMEM;
}

void fg_conformal_copy(struct fg_conformal *to, const struct fg_conformal *from)
{
    float *ring = to->ring, *sorted = to->sorted;
    *to = *from;
    to->ring = ring;
    to->sorted = sorted;
    memcpy(ring, from->ring, from->cap * sizeof *ring);
    memcpy(sorted, from->sorted, from->cap * sizeof *sorted);
}

void fg_conformal_fini(struct fg_conformal *c)
{
    fg_free(c->ring);
    fg_free(c->sorted);
}

/* Beyond the smallest and the largest error kept, a level of -x adds x times this many ranges. */
#define BEYOND 1.0

/* The error of a place in the order, from 1; place and level fall together. */
static double at(const struct fg_conformal *c, double place, double level)
{
    if (c->n == 0) {
        return 0.0;
    }
    double range = (double)c->sorted[c->n - 1] - (double)c->sorted[0];
    double error = (double)c->sorted[place <= 1.0 ? 0 : place >= (double)c->n ? c->n - 1 : (size_t)place - 1];
    double more = level < 0.0 ? -level * BEYOND * range : 0.0;
    return place <= 1.0 ? error - more : error + more;
}

double fg_conformal_low(const struct fg_conformal *c)
{
    return at(c, floor(c->a_low * (double)(c->n + 1)), c->a_low);
}

double fg_conformal_high(const struct fg_conformal *c)
{
    return at(c, ceil((1.0 - c->a_high) * (double)(c->n + 1)), c->a_high);
}

/* How many of the sorted errors are smaller. */
static size_t rank(const struct fg_conformal *c, float error)
{
    size_t lo = 0, n = c->n;
    while (n > 0) {
        size_t half = n / 2;
        if (c->sorted[lo + half] < error) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return lo;
}

static double moved(double a, double rate, double level, int missed)
{
    a += rate * (level - missed);
    return a < -0.5 ? -0.5 : a > 0.5 ? 0.5 : a;
}

void fg_conformal_learn(struct fg_conformal *c, double error, double low, double high)
{
    float e = (float)error;
    if (c->n > 0) {
        c->a_low = moved(c->a_low, c->rate, c->level, error < low);
        c->a_high = moved(c->a_high, c->rate, c->level, error > high);
    }
    if (c->n == c->cap) {
        size_t old = rank(c, c->ring[c->next]);
        memmove(c->sorted + old, c->sorted + old + 1, (c->n - old - 1) * sizeof *c->sorted);
        c->n--;
    }
    size_t place = rank(c, e);
    memmove(c->sorted + place + 1, c->sorted + place, (c->n - place) * sizeof *c->sorted);
    c->sorted[place] = e;
    c->n++;
    c->ring[c->next] = e;
    c->next = c->next + 1 < c->cap ? c->next + 1 : 0;
}
