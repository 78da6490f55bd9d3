/* What the updates of a run tell about its problem, in units of squared gradients: how much of an update all
 * clients have in common, how much is its zone's, its client's own, and noise of its steps. The planning
 * model (planner/error.h) takes its constants from here.
 *
 * An update of tau steps at rate eta, divided by eta times fg_effective_steps(), stands for the client's
 * gradient. Model: d(i, r) = g(r) + z(zone of i) + b(i) + e(i, r), crossed effects; z, b, e of mean zero.
 * Pairs of updates of a round tell the sums of parts, pairs of clients that meet again in a later round tell
 * the noise: the difference of their differences has nothing else in it. Formulas: doc/algorithms/forage.md.
 * Updates are kept as random projections, in which lengths and products are right on average.
 * Thread safety: one caller.
 * Source: Searle, Casella and McCulloch 1992, chapter 5 (method of moments; ours are sums over pairs); the
 * projection is that of Charikar, Chen and Farach-Colton 2002.
 */
#ifndef FG_AGGREGATOR_SELECT_GAUGE_H
#define FG_AGGREGATOR_SELECT_GAUGE_H

#include <stddef.h>

#include "src/base/bytes.h"
#include "src/base/status.h"
#include "src/base/str.h"

enum {
    FG_GAUGE_WIDTH = 128, /* numbers kept of an update; fewer parameters are kept as they are */
    FG_GAUGE_ROUND = 32,  /* updates of a round that are looked at: those that come first */
    FG_GAUGE_KEPT = 256   /* updates that are kept: the last ones */
};

/* Sums over pairs, each pair of a round of n counting 2/n: n - 1 degrees of freedom a round. */
enum fg_gauge_moment {
    FG_GAUGE_SIZE,  /* |d|^2: everything */
    FG_GAUGE_ALONG, /* <d_i, d_j>: what is common */
    FG_GAUGE_OTHER, /* |d_i - d_j|^2 / 2, zones differ: zone + client + noise */
    FG_GAUGE_SAME,  /* the same, one zone: client + noise */
    FG_GAUGE_AGAIN, /* |(d_i - d_j) - (d_i' - d_j')|^2 / 4, d' of an earlier round: noise */
    FG_GAUGE_FIRST, /* ALONG of rounds that another one follows, of two or more updates both, */
    FG_GAUGE_NEXT,  /* and of those that follow */
    FG_GAUGE_MOMENTS
};

struct fg_gauge_update {
    uint32_t round, client, zone;
    float d[FG_GAUGE_WIDTH];
};

struct fg_gauge {
    size_t params;
    uint32_t round; /* closed so far */
    double sum[FG_GAUGE_MOMENTS], freedom[FG_GAUGE_MOMENTS];
    struct fg_gauge_update *open; /* (FG_GAUGE_ROUND) */
    size_t n_open;
    struct fg_gauge_update *kept; /* (FG_GAUGE_KEPT), the oldest first */
    size_t n_kept;
    double last_along; /* of the round before, if last_share > 0 */
    double last_share;
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_gauge_fini(). */
enum fg_status fg_gauge_init(struct fg_gauge *g, size_t params) FG_NODISCARD;
void fg_gauge_fini(struct fg_gauge *g);

/* An update (P) of the open round counts, divided by `scale`; the round is committed, or never was.
 * Cost: O(P); O(n^2 (width + kept)) for a round of n. */
void fg_gauge_take(struct fg_gauge *g, uint32_t client, uint32_t zone, const float *delta, double scale);
void fg_gauge_close(struct fg_gauge *g);
void fg_gauge_drop(struct fg_gauge *g);

/* Degrees of freedom: updates beyond one a round. */
double fg_gauge_freedom(const struct fg_gauge *g);

/* The mean of a moment as seen: unbiased for what its comment says; 0 where nothing was seen. */
double fg_gauge_mean(const struct fg_gauge *g, enum fg_gauge_moment which);

/* The parts of an update's mean square, none below zero. Nothing seen: a quarter each, of 1. Each moment is
 * shrunk towards what the ones before it leave to equal parts, as if by FG_GAUGE_PRIOR degrees of freedom. */
#define FG_GAUGE_PRIOR 10.0
struct fg_gauge_parts {
    double common, noise, client, zone;
};
struct fg_gauge_parts fg_gauge_parts(const struct fg_gauge *g);

/* How much shorter the common gradient is after a round: on the whole eta T mu, mu the curvature that is left
 * to descend. 1 - |g'| / |g| over successive rounds, 0..1, shrunk towards `prior`. */
double fg_gauge_gone(const struct fg_gauge *g, double prior);

enum fg_status fg_gauge_save(const struct fg_gauge *g, struct fg_str *out) FG_NODISCARD;
void fg_gauge_load(struct fg_gauge *g, struct fg_reader *in);

#endif
