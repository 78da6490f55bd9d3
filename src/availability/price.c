#include "src/availability/price.h"

#include <stddef.h>

double fg_price_at(const struct fg_prices *p, uint32_t zone, fg_time_t t)
{
    const struct fg_carbon *c = p->zone != NULL && zone < p->zones ? p->zone[zone] : NULL;
    if (c == NULL) {
        return p->constant;
    }
    int64_t hour = t / (3600 * FG_SECOND) - c->start_s / 3600;
    hour = hour < 0 ? 0 : hour >= (int64_t)c->hours ? (int64_t)c->hours - 1 : hour;
    return c->g_per_kwh[hour];
}

double fg_price_expected(const struct fg_prices *p, uint32_t zone, fg_time_t now, fg_time_t t)
{
    const fg_time_t day = 24 * 3600 * FG_SECOND;
    fg_time_t days = t > now ? (t - now + day - 1) / day : 0;
    return fg_price_at(p, zone, t - days * day);
}
