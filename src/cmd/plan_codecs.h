/* What updates would cost with each codec: beside a plan,
 * so that one can be chosen before anything is spent. Thread safety: pure. */
#ifndef FG_CMD_PLAN_CODECS_H
#define FG_CMD_PLAN_CODECS_H

#include "src/sim/plan.h"
#include "src/wire/codec.h"

/* Of one codec with the run's wire.level, wire.density and wire.clip. Sizes are those that durations
 * count. */
struct fg_plan_codec {
    const struct fg_codec *codec;
    uint64_t bytes;   /* of an update */
    double seconds;   /* that the median client takes to send it */
    double wh;        /* of the median client's device and the network for it */
    double run_bytes; /* of all updates that the plan expects */
    double run_wh;    /* the same */
    double variance;  /* of an update, in its square, by what updates usually are; < 0: not known */
    double sent; /* with keeps_state: of what a client's updates come to, with its last one; < 0: not known */
    /* To the same accuracy, in those of the run's codec, and what it may be off by; < 0: no figure,
     * bounds alone. run_bytes, run_wh and run_s are in proportion. */
    double rounds, rounds_low, rounds_high;
    double run_s;     /* of so many rounds with the median client's uploads */
    bool keeps_state; /* with clients: a lost worker takes it along */
    bool chosen;      /* by the run */
};

/* One for each codec in the order of the registry, `*n` of them; the caller's to fg_free().
 * Errors: FG_E_NOMEM. */
enum fg_status fg_plan_codecs(struct fg_plan_codec **out, size_t *n, const struct fg_plan *p,
                              const struct fg_setup *setup) FG_NODISCARD;

#endif
