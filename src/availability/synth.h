/* Synthetic availability: a two-state chain per node, hour by hour, whose share of up time may follow the
 * hour. For tests, for studies over pi and lambda, and as the twin of a real trace.
 *
 *     P(up at h | state x at h - 1) = lambda x + (1 - lambda) q(h),   q(h) = the share asked for at hour h
 *
 * so that the state's correlation over k hours is lambda^k. Shares by form (Source: Xiang et al. 2024,
 * FedAWE, section 6, for sine and interleaved):
 *
 *   stationary    q = pi
 *   sine          q = pi (1 - a + a sin(2 pi h / period))
 *   interleaved   the same, and 0 where that is below the floor
 *   daily         q = pi shape(h mod 24) / mean shape, at most 1
 *
 * Every node has a stream of its own, (seed, FG_RNG_SYNTH, node): more nodes or hours change nothing of the
 * others. Thread safety: pure.
 */
#ifndef FG_AVAILABILITY_SYNTH_H
#define FG_AVAILABILITY_SYNTH_H

#include <stdint.h>

#include "src/base/status.h"
#include "src/base/str.h"

enum fg_synth_form {
    FG_SYNTH_STATIONARY,
    FG_SYNTH_SINE,
    FG_SYNTH_INTERLEAVED,
    FG_SYNTH_DAILY,
    FG_SYNTH_FORMS
};
extern const char *const fg_synth_form_names[FG_SYNTH_FORMS];

struct fg_synth_spec {
    uint32_t nodes, hours;
    uint64_t seed;
    enum fg_synth_form form;
    double pi;     /* mean share of up time, 0..1 */
    double spread; /* standard deviation of the nodes' own shares (a beta distribution), 0 = all alike */
    double lambda; /* 0..1 */
    double amplitude, floor;
    uint32_t period_h;
    double shape[24];         /* >= 0, by hour after the trace's zero */
    const double *own_pi;     /* (nodes) instead of pi and spread; NULL */
    const double *own_lambda; /* (nodes) instead of lambda; NULL */
    int half_hours;           /* 1: changes happen half an hour before the full hour, 0: at it */
};

/* 20 nodes, 4 weeks, seed 1, stationary, pi .5, lambda 0; a .3, period 20 h, floor .1, office hours. */
void fg_synth_defaults(struct fg_synth_spec *spec);

/* Errors: FG_E_RANGE naming what is out of range and the range. */
enum fg_status fg_synth_check(const struct fg_synth_spec *spec, struct fg_err *err) FG_NODISCARD;

/* The share that a node of share pi is asked for at an hour. */
double fg_synth_share(const struct fg_synth_spec *spec, double pi, int64_t hour);

/* Append the trace's text (doc/trace-format.md). A node that chance would never have up is up for one hour.
 * Errors: those of fg_synth_check(), FG_E_NOMEM. */
enum fg_status fg_synth_text(struct fg_str *out, const struct fg_synth_spec *spec,
                             struct fg_err *err) FG_NODISCARD;

#endif
