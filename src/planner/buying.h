/* What threshold buying (threshold.h) would have paid on a carbon file,
 * as its forecasts get worse step by step.
 *
 * Each day after a week of warm-up FG_BUYING_NEED of the day's hours are bought as the policy `robust` buys
 * slots: limits and the price to trust from a forecast, made with nothing of the day known, the ensemble's
 * times 1 + noise x normal. What is paid is told over the least that could have been, beside what the
 * thresholds promised. doc/algorithms/robust.md. Thread safety: pure.
 */
#ifndef FG_PLANNER_BUYING_H
#define FG_PLANNER_BUYING_H

#include <stdint.h>

#include "src/availability/carbon.h"
#include "src/base/status.h"

enum { FG_BUYING_SLOTS = 24, FG_BUYING_NEED = 6, FG_BUYING_NOISES = 4, FG_BUYING_TRUSTS = 3 };

struct fg_buying_row {
    double noise, trust;
    double mean, worst; /* over the days: paid / least */
    double promised;    /* mean of what was promised at most, as long as prices stay within their limits */
    double inside;      /* share of days on which they did */
    double broken;      /* of these, share on which more was paid than promised: 0 */
};

struct fg_buying {
    uint32_t days;                                                 /* 0: the file is too short */
    struct fg_buying_row row[FG_BUYING_NOISES * FG_BUYING_TRUSTS]; /* noises 0, .1, .3, 1; trusts 0, .5, 1 */
};

/* Errors: FG_E_NOMEM. Cost: a second or two a year. */
enum fg_status fg_buying_run(struct fg_buying *out, const struct fg_carbon *c, uint64_t seed) FG_NODISCARD;

#endif
