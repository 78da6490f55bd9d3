/* A bound where data move, by Lagrangian relaxation of two things: the budget, at a price y per gram; and
 * that the value which shards get is that which clients make, at a price m_j of each shard's. What is left
 * falls apart,
 *
 *     y B + sum_j max_u [f(base_j + u) - m_j u] + sum_c max_j [sum_t max(0, m_j v_ct - y c_ct) - y ship_cj],
 *
 * because the value of a client's slot is the same on every shard: of all that it could be sent one shard,
 * the dearest for its shipping, serves all its slots. That a shard is trained on once a slot is left out, and
 * copies count in full. With rounds each slot's worth is replaced by its tangent. Any prices bound;
 * doc/algorithms/movable.md. */
#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/slots_impl.h"

enum { TRIES = 30 };

struct dual {
    const struct fg_slots_work *w;
    double *m, *want, *made;  /* (shards) price; value wanted and made at it */
    double price, spent, all; /* spent at it; all value there is */
};

/* The same with rounds, where an update is worth its slope besides: that of the group that is worth most
 * there, so that still one shard serves all slots. The items are in no order. */
static double row_even(const struct dual *d, uint32_t c, double m, double *value, double *grams)
{
    const struct fg_slots_problem *p = d->w->p;
    const struct fg_slots_item *row = d->w->item + (size_t)c * p->slots;
    double sum = 0.0;
    *value = *grams = 0.0;
    for (uint32_t k = 0; k < d->w->n[c]; k++) {
        double q = fg_slots_chance(p, (size_t)c * p->slots + row[k].slot);
        double gain = m * row[k].v + q * d->w->tangent->most[row[k].slot] - d->price * row[k].c;
        if (gain > 0.0) {
            sum += gain;
            *value += row[k].v;
            *grams += row[k].c;
        }
    }
    return sum;
}

/* Sum over the row of what pays at these prices: the items are in the order of value per gram. */
static double row_gain(const struct dual *d, uint32_t c, double m, double *value, double *grams)
{
    if (d->w->tangent != NULL) {
        return row_even(d, c, m, value, grams);
    }
    const struct fg_slots_item *row = d->w->item + (size_t)c * d->w->p->slots;
    uint32_t lo = 0, hi = d->w->n[c];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (row[mid].c <= 0.0 || m * row[mid].ratio >= d->price) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *value = lo > 0 ? row[lo - 1].sum_v : 0.0;
    *grams = lo > 0 ? row[lo - 1].sum_c : 0.0;
    return m * *value - d->price * *grams;
}

static double of_clients(struct dual *d)
{
    uint32_t n = d->w->p->clients;
    const struct fg_slots_ship *s = d->w->p->ship;
    double sum = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        double most = 0.0, value = 0.0, grams = 0.0, v, g;
        uint32_t best = 0;
        for (uint32_t j = 0; j < n; j++) {
            double bytes = s->bytes[(size_t)c * n + j];
            bool window = d->w->p->tune > 0 && c == j; /* sent for the window, and paid for */
            double ship = window && bytes < INFINITY ? 0.0 : bytes * s->per_byte[c];
            if (!(bytes < INFINITY) || d->m[j] * (d->w->n[c] > 0 ? 1.0 : 0.0) <= 0.0) {
                continue;
            }
            double gain = row_gain(d, c, d->m[j], &v, &g) - d->price * ship;
            if (gain > most) {
                most = gain;
                value = v;
                grams = g + ship;
                best = j;
            }
        }
        sum += most;
        d->made[best] += value;
        d->spent += grams;
    }
    return sum;
}

/* max over 0 <= u <= all of f(base + u) - m u. */
static double of_shard(struct dual *d, uint32_t j)
{
    double alpha = d->w->p->alpha, base = d->w->base[j], u = 0.0;
    if (alpha < 1.0) {
        u = fg_pow(alpha / d->m[j], 1.0 / (1.0 - alpha)) - base;
    } else {
        u = d->m[j] < 1.0 ? d->all : 0.0;
    }
    u = u > 0.0 ? u < d->all ? u : d->all : 0.0;
    d->want[j] = u;
    return fg_slots_utility(base + u, alpha) - d->m[j] * u;
}

static double bound_at(struct dual *d)
{
    uint32_t n = d->w->p->clients;
    double sum = d->price * d->w->budget_g + (d->w->tangent != NULL ? d->w->tangent->at_zero : 0.0);
    d->spent = 0.0;
    memset(d->made, 0, n * sizeof *d->made);
    for (uint32_t j = 0; j < n; j++) {
        sum += of_shard(d, j);
    }
    return sum + of_clients(d);
}

/* Prices rise where more is wanted than made, where more is spent than there is. Where `level` is set, all
 * shards' prices move alike: as if shipping were free, everyone could serve any. */
static void adjust(struct dual *d, uint32_t round, bool level)
{
    uint32_t n = d->w->p->clients;
    double step = 1.0 / (1.0 + 0.15 * (double)round), want = 0.0, made = 0.0;
    double over = d->w->budget_g > 0.0 ? d->spent / d->w->budget_g - 1.0 : 1.0;
    d->price *= fg_exp(step * fmax(-1.0, fmin(1.0, over)));
    for (uint32_t j = 0; j < n; j++) {
        want += d->want[j];
        made += d->made[j];
    }
    for (uint32_t j = 0; j < n; j++) {
        double lack = level ? want - made : d->want[j] - d->made[j];
        double scale = level ? fmax(want, made) : fmax(d->want[j], d->made[j]) + made / (double)n;
        d->m[j] *= scale > 0.0 ? fg_exp(0.5 * step * lack / scale) : 1.0;
    }
}

static void descend(double *bound, double *price, struct dual *d, bool level)
{
    for (uint32_t k = 0; k < TRIES; k++) {
        double b = bound_at(d);
        if (b < *bound) {
            *bound = b;
            *price = d->price;
        }
        adjust(d, k, level);
    }
}

enum fg_status fg_slots_ship_bound(double *bound, double *price, const struct fg_slots_work *w,
                                   const double *u)
{
    uint32_t n = w->p->clients;
    double *rows = fg_calloc(3 * (size_t)n, sizeof *rows), first = *price, least = INFINITY, mean = 0.0;
    struct dual d = {.w = w, .m = rows, .want = rows + n, .made = rows + 2 * (size_t)n};
    if (rows == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t c = 0; c < n; c++) {
        d.all += w->n[c] > 0 ? w->item[(size_t)c * w->p->slots + w->n[c] - 1].sum_v : 0.0;
        mean += u[c] / (double)n;
    }
    for (int level = 0; level < 2; level++) {
        d.price = first;
        for (uint32_t j = 0; j < n; j++) {
            double x = level ? mean : u[j] > 0.01 * mean ? u[j] : 0.01 * mean;
            d.m[j] = w->p->alpha * fg_pow(x > 0.0 ? x : 1.0, w->p->alpha - 1.0);
        }
        descend(&least, price, &d, level != 0);
    }
    *bound = least;
    fg_free(rows);
    return FG_OK;
}
