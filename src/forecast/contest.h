/* Which of several forecasters has been right most: the mixture, or one of those that it mixes?
 *
 * A mixture fitted to all that happened loses where one of its members has learnt to be right: it goes on
 * holding against that member what it said before. So members are paired with the mixture day by day. With
 * d the day's squared error of the mixture less that of member k (means over nodes, summed over the hours)
 *
 *     gain <- f gain + d,   square <- f square + d^2,   share_k ~ prior_k exp(gain |gain| / square)
 *
 * which is the square of a t statistic: how far the sum lies from what chance would make of it, on no scale
 * of its own. After n days f = n / (n + 2), so a day counts as the square of its number, but not more than a
 * memory that the caller sets. Cost: O(members) an hour. Thread safety: pure. Ours; the sum of gains
 * and of their squares decide as in Squint, at the rate that was best so far. Source: Koolen and van Erven
 * 2015.
 */
#ifndef FG_FORECAST_CONTEST_H
#define FG_FORECAST_CONTEST_H

#include <stddef.h>
#include <stdint.h>

#include "src/forecast/mix.h"

struct fg_contest {
    size_t members;
    double memory; /* what a day keeps of its weight until the next, at most */
    double prior[FG_MIX_MAX], day[FG_MIX_MAX], gain[FG_MIX_MAX], square[FG_MIX_MAX];
    double share[FG_MIX_MAX], share_mixture; /* their sum is 1 */
    int64_t hours, days;
};

/* prior (members): shares among them, sum 1; together they have what FG_CONTEST_MIXTURE leaves. */
#define FG_CONTEST_MIXTURE 0.7
void fg_contest_init(struct fg_contest *c, const double *prior, size_t members, double memory);

/* One more hour: the mean squared errors of the members (members) and of the mixture. */
void fg_contest_hour(struct fg_contest *c, const double *error, double error_mixture);

#endif
