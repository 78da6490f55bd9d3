/* How much of a client's updates has been sent where what was not sent is kept for its next one (error
 * feedback).
 *
 * Along what they have in common: with e kept after j updates that come to X, F(j) = 1 - <X, e> / |X|^2.
 * A run is then about where one without a codec was (1 - F) j updates of each client earlier: what is kept
 * waits for the client's next update, in rounds 1 / (the share of rounds that it is in) times as long. F is
 * derived for updates that are alike, whose values' sizes are as usual (FG_USUAL_SHAPE) and follow a
 * generalised normal law, exp(-x^b), the one that this shape fixes. What it is off by:
 * doc/algorithms/codecs.md.
 *
 * Thread safety: pure functions.
 * Source: Stich and Karimireddy 2020: error feedback as delay, which costs rounds and leaves the noise of
 * gradients alone; Karimireddy et al., ICML 2019, lemma 3, for the bound; F of each codec is ours.
 */
#ifndef FG_WIRE_FEEDBACK_H
#define FG_WIRE_FEEDBACK_H

#include <stddef.h>

/* Rounds were off by at most this factor wherever they were measured. */
#define FG_FEEDBACK_OFF 2.0

enum { FG_FEEDBACK_SIZES = 1024 };

/* The usual sizes of values, and how often each is: weights that sum to 1. */
struct fg_feedback_law {
    double size[FG_FEEDBACK_SIZES], weight[FG_FEEDBACK_SIZES];
};
void fg_feedback_usual(struct fg_feedback_law *law);

/* What goes of an update and what is kept: the largest values, the same as their mean size, all as
 * theirs. */
enum fg_feedback { FG_FEEDBACK_LARGEST, FG_FEEDBACK_LARGEST_MEAN, FG_FEEDBACK_SIGNS };

/* F by going through it update by update, for values of each size at once; density: the share that is
 * the largest. updates: any number >= 0, below 1 it is that of the first. Cost: O(updates), at most
 * 512: later more is sent. */
double fg_feedback_sent(enum fg_feedback how, double density, double updates);

/* At least that, for a codec with |C(y) - y|^2 <= (1 - delta) |y|^2 whatever y is, and updates of one size:
 * |e| <= |x| sum of (1 - delta)^(i / 2), i = 1 to j. */
double fg_feedback_least(double delta, double updates);

#endif
