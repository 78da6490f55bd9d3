#include "src/availability/world.h"

#include <math.h>

enum { DOWNLOAD, COMPUTE, UPLOAD, PHASES };

/* Rounded up: a transfer or step is done when all of it is. */
static fg_time_t duration(double amount, double per_second)
{
    double us = ceil(amount / per_second * 1e6);
    return us < 1e18 ? (fg_time_t)us : (fg_time_t)1000000000000000000;
}

static fg_time_t compute_us(const struct fg_fleet *f, uint32_t client, uint32_t steps,
                            double samples_per_step)
{
    return duration((steps == 0 ? 1.0 : (double)steps) * samples_per_step, fg_fleet_samples_per_s(f, client));
}

/* The most steps, at most `limit`, that fit into a time. */
static uint32_t steps_within(const struct fg_fleet *f, uint32_t client, double samples_per_step, fg_time_t us,
                             uint32_t limit)
{
    uint32_t lo = 0, hi = limit;
    while (lo < hi) {
        uint32_t mid = hi - (hi - lo) / 2;
        if (compute_us(f, client, mid, samples_per_step) <= us) {
            lo = mid;
        } else {
            hi = mid - 1;
        }
    }
    return lo;
}

/* Bytes through when `done` of `whole` time has passed. */
static uint64_t share(uint64_t bytes, fg_time_t done, fg_time_t whole)
{
    if (done >= whole) {
        return bytes;
    }
    return (uint64_t)floor((double)bytes * ((double)done / (double)whole));
}

/* Stop everything `us` after the beginning. */
static void cut(const struct fg_fleet *f, uint32_t client, double samples_per_step, fg_time_t us,
                enum fg_outcome_kind kind, struct fg_outcome *o)
{
    fg_time_t whole[PHASES] = {o->download_us, o->compute_us, o->upload_us}, done[PHASES], left = us;
    for (int p = 0; p < PHASES; p++) {
        done[p] = whole[p] < left ? whole[p] : left;
        left -= done[p];
    }
    o->kind = kind;
    o->t_end = o->t_begin + us;
    o->download_done = o->download_done && done[DOWNLOAD] == whole[DOWNLOAD];
    o->bytes_down = share(o->bytes_down, done[DOWNLOAD], whole[DOWNLOAD]);
    if (done[COMPUTE] < whole[COMPUTE]) {
        o->steps = steps_within(f, client, samples_per_step, done[COMPUTE], o->steps);
        o->bytes_up = 0;
    } else {
        o->bytes_up = share(o->bytes_up, done[UPLOAD], whole[UPLOAD]);
    }
    o->download_us = done[DOWNLOAD];
    o->compute_us = done[COMPUTE];
    o->upload_us = done[UPLOAD];
}

void fg_world_outcome(const struct fg_fleet *f, const struct fg_assignment *a, struct fg_outcome *out)
{
    struct fg_outcome o = {
        .kind = FG_OUTCOME_ARRIVED,
        .download_done = true,
        .steps = a->steps,
        .t_begin = a->t_assign,
        .download_us = duration((double)a->bytes_down, fg_fleet_downlink_bps(f, a->client)),
        .compute_us = compute_us(f, a->client, a->steps, a->samples_per_step),
        .upload_us = duration((double)a->bytes_up, fg_fleet_uplink_bps(f, a->client)),
        .bytes_down = a->bytes_down,
        .bytes_up = a->bytes_up,
    };
    fg_time_t whole = o.download_us + o.compute_us + o.upload_us, until = a->until;
    if (until <= a->t_assign || whole > until - a->t_assign) {
        until = fg_fleet_up_until(f, a->client, a->t_assign);
    }
    fg_time_t have = until == FG_NEVER ? FG_NEVER : until - a->t_assign;
    if (have <= 0) {
        *out = (struct fg_outcome){.kind = FG_OUTCOME_LEFT, .t_begin = a->t_assign, .t_end = a->t_assign};
        return;
    }
    o.t_end = a->t_assign + whole;
    if (whole > have) {
        fg_time_t for_steps = have - o.download_us - o.upload_us;
        uint32_t fit = a->hand_back && for_steps > 0
                           ? steps_within(f, a->client, a->samples_per_step, for_steps, a->steps)
                           : 0;
        if (fit > 0) {
            o.kind = FG_OUTCOME_PARTIAL;
            o.steps = fit;
            o.compute_us = compute_us(f, a->client, fit, a->samples_per_step);
            o.t_end = a->t_assign + o.download_us + o.compute_us + o.upload_us;
        } else {
            cut(f, a->client, a->samples_per_step, have, FG_OUTCOME_LEFT, &o);
        }
    }
    *out = o;
}

fg_time_t fg_world_duration(const struct fg_fleet *f, uint32_t client, uint64_t bytes_down, uint32_t steps,
                            double samples_per_step, uint64_t bytes_up)
{
    return duration((double)bytes_down, fg_fleet_downlink_bps(f, client)) +
           compute_us(f, client, steps, samples_per_step) +
           duration((double)bytes_up, fg_fleet_uplink_bps(f, client));
}

void fg_world_cut(const struct fg_fleet *f, uint32_t client, double samples_per_step, fg_time_t t,
                  struct fg_outcome *o)
{
    if (t < o->t_end) {
        cut(f, client, samples_per_step, t > o->t_begin ? t - o->t_begin : 0, FG_OUTCOME_CUT, o);
    }
}
