/* One-way trading on carbon: k slots are to be bought at prices within [low, high] that nobody knows before.
 *
 * The i-th slot is bought at the first price that is at most threshold i; what is missing at the end is
 * bought at any price. Without forecasts the thresholds are those of lorenz09. With a forecast they are
 * moved towards the k-th cheapest price that it expects, by a trust of 0 to 1. The worst case is told.
 * Thread safety: pure functions.
 */
#ifndef FG_PLANNER_THRESHOLD_H
#define FG_PLANNER_THRESHOLD_H

#include <stdint.h>

/* Prices are taken to stay within a forecast's range, widened by this share on both sides. */
#define FG_THRESHOLD_WIDEN 0.2

/* The ratio r that makes the thresholds: (1 - low / high) / (1 - 1 / r) = (1 + 1 / (r k))^k. They pay at most
 * r times the least where no slot is cheaper than the threshold after it, as with k = 1.
 * 1 where low = high. Source: Lorenz, Panagiotou and Steger 2009, theorem 2 (k-min search). */
double fg_threshold_ratio(uint32_t k, double low, double high);

/* Threshold of slot i (0 .. k - 1), moved by trust towards the price `expected`. */
double fg_threshold_at(uint32_t i, uint32_t k, double low, double high, double ratio, double trust,
                       double expected);

/* The most that these thresholds can pay, in least costs: the largest over m <= j of
 * (sum of the first j - m + m low + (k - j) high) / (m low + (k - m) x threshold j), threshold k being low.
 * j slots are bought at thresholds, m of them for low; what was let go is just above threshold j.
 * Cost: O(k^2). */
double fg_threshold_worst(uint32_t k, double low, double high, double ratio, double trust, double expected);

/* What k of these slots cost when they are bought so, one after the other. Shapes: price (slots),
 * k <= slots. */
double fg_threshold_pay(const double *price, uint32_t slots, uint32_t k, double low, double high,
                        double ratio, double trust, double expected);

#endif
