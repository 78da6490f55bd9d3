/* What a kWh costs in each zone, hour by hour, in whatever money the files are in. A zone without a file pays
 * the constant.
 *
 * Files have the form of carbon traces (doc/trace-format.md), prices in the place of intensities. Before the
 * first and after the last hour of a file its first and last value hold. Of a run, files of another year have
 * been moved by whole weeks (fg_week_shift), as carbon traces are.
 * Thread safety: any number of readers.
 */
#ifndef FG_AVAILABILITY_PRICE_H
#define FG_AVAILABILITY_PRICE_H

#include <stdint.h>

#include "src/availability/carbon.h"
#include "src/base/time.h"

struct fg_prices {
    double constant;               /* per kWh */
    const struct fg_carbon **zone; /* (zones), NULL = the constant; NULL = constant everywhere */
    uint32_t zones;
};

/* Per kWh at that moment. */
double fg_price_at(const struct fg_prices *p, uint32_t zone, fg_time_t t);

/* What is expected at t, now being earlier: the last price of the same hour of a day that is known. */
double fg_price_expected(const struct fg_prices *p, uint32_t zone, fg_time_t now, fg_time_t t);

#endif
