#include "src/planner/buying.h"

#include <stdbool.h>

#include "src/base/rng.h"
#include "src/base/sort.h"
#include "src/forecast/carbon.h"
#include "src/planner/threshold.h"

enum { WARMUP_H = 168, STREAM = 500 };

static const double noises[FG_BUYING_NOISES] = {0.0, 0.1, 0.3, 1.0},
                    trusts[FG_BUYING_TRUSTS] = {0.0, 0.5, 1.0};

/* What a forecast of a day comes to. */
struct limits {
    double low, high, expected;
};

static struct limits limits_of(const double *forecast, double noise, uint64_t seed, uint32_t day,
                               uint32_t level)
{
    double g[FG_BUYING_SLOTS];
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_BOOTSTRAP, day, STREAM + level);
    for (uint32_t t = 0; t < FG_BUYING_SLOTS; t++) {
        double x = forecast[t] * (1.0 + noise * fg_rng_normal(&r));
        g[t] = x > 0.0 ? x : 0.0;
    }
    fg_sort_f64(g, FG_BUYING_SLOTS);
    struct limits l = {.high = g[FG_BUYING_SLOTS - 1] * (1.0 + FG_THRESHOLD_WIDEN),
                       .expected = g[FG_BUYING_NEED - 1]};
    double low = g[0] * (1.0 - FG_THRESHOLD_WIDEN),
           least = l.high * 1e-3; /* of 0 nothing could be promised */
    l.low = low > least ? low : least;
    return l;
}

static void book(struct fg_buying_row *row, const struct limits *l, const double *price, double least)
{
    const uint32_t k = FG_BUYING_NEED;
    double ratio = fg_threshold_ratio(k, l->low, l->high);
    double paid =
        fg_threshold_pay(price, FG_BUYING_SLOTS, k, l->low, l->high, ratio, row->trust, l->expected);
    double promised = fg_threshold_worst(k, l->low, l->high, ratio, row->trust, l->expected);
    bool inside = true;
    for (uint32_t t = 0; t < FG_BUYING_SLOTS; t++) {
        inside = inside && price[t] >= l->low && price[t] <= l->high;
    }
    row->mean += paid / least;
    row->worst = paid / least > row->worst ? paid / least : row->worst;
    row->promised += promised;
    row->inside += inside ? 1.0 : 0.0;
    row->broken += inside && paid > promised * least * (1.0 + 1e-9) ? 1.0 : 0.0;
}

/* A day whose hours cost nothing has no ratio. */
static void buy(struct fg_buying *b, const double *price, const double *forecast, uint64_t seed, uint32_t day)
{
    double sorted[FG_BUYING_SLOTS], least = 0.0;
    for (uint32_t t = 0; t < FG_BUYING_SLOTS; t++) {
        sorted[t] = price[t];
    }
    fg_sort_f64(sorted, FG_BUYING_SLOTS);
    for (uint32_t t = 0; t < FG_BUYING_NEED; t++) {
        least += sorted[t];
    }
    for (uint32_t d = 0; least > 0.0 && d < FG_BUYING_NOISES; d++) {
        struct limits l = limits_of(forecast, noises[d], seed, day, d);
        for (uint32_t t = 0; t < FG_BUYING_TRUSTS; t++) {
            book(&b->row[d * FG_BUYING_TRUSTS + t], &l, price, least);
        }
    }
    b->days += least > 0.0;
}

static void settle(struct fg_buying *b)
{
    for (uint32_t i = 0; b->days > 0 && i < FG_BUYING_NOISES * FG_BUYING_TRUSTS; i++) {
        struct fg_buying_row *row = &b->row[i];
        row->broken = row->inside > 0.0 ? row->broken / row->inside : 0.0;
        row->mean /= (double)b->days;
        row->promised /= (double)b->days;
        row->inside /= (double)b->days;
    }
}

enum fg_status fg_buying_run(struct fg_buying *out, const struct fg_carbon *c, uint64_t seed)
{
    struct fg_carbon_forecaster *f = NULL;
    struct fg_buying b = {0};
    size_t ensemble = fg_carbon_predictor_find("ensemble");
    enum fg_status st;
    for (uint32_t i = 0; i < FG_BUYING_NOISES * FG_BUYING_TRUSTS; i++) {
        b.row[i].noise = noises[i / FG_BUYING_TRUSTS];
        b.row[i].trust = trusts[i % FG_BUYING_TRUSTS];
    }
    FG_TRY(fg_carbon_forecaster_create(&f, FG_BUYING_SLOTS, c->start_s, NULL, false));
    for (size_t now = 1; now + FG_BUYING_SLOTS <= c->hours; now++) {
        FG_TRY(fg_carbon_forecaster_step(f, c->g_per_kwh[now - 1]));
        if (now >= WARMUP_H && now % FG_BUYING_SLOTS == 0) {
            buy(&b, c->g_per_kwh + now, fg_carbon_forecaster_get(f, ensemble), seed,
                (uint32_t)(now / FG_BUYING_SLOTS));
        }
    }
    settle(&b);
    *out = b;
cleanup:
    fg_carbon_forecaster_destroy(f);
    return st;
}
