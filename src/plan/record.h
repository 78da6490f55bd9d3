/* What a run records: one row a round, one row a participation, one summary. Open structs, plain data. */
#ifndef FG_PLAN_RECORD_H
#define FG_PLAN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/time.h"
#include "src/plan/limits.h"

/* Numbers of an evaluation; `have` and `have_clients` say which are given. Accuracies are fractions 0..1. */
struct fg_evaluation {
    bool have, have_clients;
    double loss, accuracy;                        /* on the global test set */
    double client_mean, client_p10, client_worst; /* accuracy on each client's own test data */
};

struct fg_round_record {
    uint32_t round;   /* from 0 */
    uint64_t version; /* of the parameters after it */
    fg_time_t t_begin, t_end;
    uint32_t n_available, n_selected;
    uint32_t n_used;                    /* updates folded in, partial ones included */
    uint32_t n_partial, n_lost, n_late; /* lost: the client left, or the update was refused */
    uint64_t steps_total, steps_wasted; /* total includes wasted */
    uint64_t uplink_bytes, downlink_bytes;
    double energy_wh, carbon_g; /* total, wasted included */
    double wasted_wh, wasted_g;
    double train_loss; /* mean over the used updates weighted by samples; < 0 when there was none */
    struct fg_evaluation evaluation;
};

struct fg_participation {
    uint32_t round, client;
    uint8_t verdict; /* enum fg_verdict of outcome.h */
    uint32_t steps, steps_planned;
    uint32_t staleness; /* commits between the model that it started from and its own */
    uint64_t bytes_up, bytes_down;
    double energy_j, carbon_g;
    double loss; /* mean training loss it reported; 0 when nothing came, < 0 where nothing was computed */
    fg_time_t t_begin, t_end;
    uint64_t shard_bytes; /* of bytes_down, if all came: data shipped with the task */
    uint32_t shard;       /* whose data */
};

/* What energy and carbon went into; doc/cost-model.md. */
enum fg_spend {
    FG_SPEND_INIT,     /* clients that get ready for their first task */
    FG_SPEND_SHARD,    /* data shipped, of tasks that counted */
    FG_SPEND_MODEL,    /* models down and updates up, of tasks that counted */
    FG_SPEND_TRAIN,    /* local steps that counted */
    FG_SPEND_ASK,      /* losses that clients worked out for the selection */
    FG_SPEND_EVALUATE, /* the server's evaluations */
    FG_SPEND_IDLE,     /* machines that wait, as cost.idle says */
    FG_SPEND_WASTED,   /* all of tasks that were lost, late or refused */
    FG_SPEND_SERVER,   /* the server: waiting, decoding, folding */
    FG_SPEND_PLANNING, /* forecasts and plans */
    FG_SPEND_CODEC,    /* updates encoded by clients */
    FG_SPEND_EMBODIED, /* the making of the clients' machines: no energy, grams only */
    FG_SPENDS
};

/* Energy, and its carbon at three prices: as it was when and where it was used; at each zone's mean over the
 * run (what differs is shifting in time); at one mean for all (what differs further is shifting in place). */
struct fg_spent {
    double energy_wh, carbon_g, zone_mean_g, constant_g;
};

enum fg_idle { FG_IDLE_NONE = 0, FG_IDLE_MARGINAL = 1, FG_IDLE_FULL = 2, FG_IDLES = 3 };

struct fg_footprint_sums {
    struct fg_spent by[FG_SPENDS], total;
    struct fg_spent tasks;          /* what energy_wh and carbon_g of the summary are */
    struct fg_spent idle[FG_IDLES]; /* each way of counting idle time, whichever is in the total */
    struct fg_spent network[2];     /* transfers by energy per byte, by power; whichever is in the total */
    double mean_g_per_kwh;          /* the one mean */
};

/* Theory beside measurement; each of it as doc/theory.md says. Rounds are the steps of chains. */
struct fg_theory {
    bool have;
    double effective_clients, target_clients; /* (sum w)^2 / sum w^2 of what clients counted, should count */
    double counted_least, counted_most;       /* of p_k over its target, over clients */
    double up_mean;                           /* share of rounds in which a client is up */
    double memory_mean, memory_max; /* second eigenvalue of the clients' chains; the joint chain's */
    double mixing_rounds;           /* 1 / (1 - memory_max) */
    double effective_rounds;        /* independent rounds that say as much about who is there */
    uint64_t redundant_steps;       /* of tasks called off or late: more than were needed */
    double redundant_wh, redundant_g;
    double predicted_wh, predicted_g; /* of all tasks as they were given out, were they undisturbed */
    double predicted_s, actual_s;     /* rounds with tasks, in all */
    double predicted_accuracy;        /* of the last evaluation from those before; < 0 = none */
    double accuracy_miss;             /* mean distance of such predictions; < 0 = none */
    double error_progress, error_variance, error_drift, error_bias; /* of the planning model */
};

/* A bound on F(x) - F* with its constants, or why none applies. */
struct fg_bound_result {
    bool applies;
    const char *why; /* not NULL once judged; static */
    double value, mu, smoothness, gradient, noise, gap, distance2;
};

/* What the machine's own counters say of a launched run's energy on this machine. */
struct fg_measured {
    bool rapl, nvml; /* read; else modelled */
    double rapl_wh, nvml_wh;
};

/* What a policy that plans ahead promised when it planned first. */
struct fg_promise {
    bool have;
    double value;       /* of its objective, by the forecasts */
    double bound;       /* no plan within the budget has a larger value */
    bool ratio;         /* bound / value is no such gap but the most that thresholds pay, over the least */
    double carbon_g;    /* that it expected to emit */
    double price_per_g; /* what one more gram of budget was worth; 0 = it did not bind */
    double price[FG_LIMITS]; /* the same of each budget; of hours: of a slot more */
    bool ships;              /* it settled who is sent which data */
    double sent_bytes;       /* of data that clients are to be sent */
    uint32_t sent;           /* times that a client is to be sent another's data */
    uint32_t receivers;      /* clients that are */
    uint32_t copies;         /* tasks beside one that is the same, to be on the safe side */
};

/* What codecs spared the clients' transfers that came to their end, against float32 both ways; negative where
 * they took more. Seconds as they are counted: by the size that the codec expects. */
struct fg_saved {
    double up_bytes, down_bytes, seconds, energy_wh, carbon_g;
};

struct fg_summary {
    const char *name;       /* of the run; borrowed */
    const char *status;     /* running, interrupted, finished; borrowed */
    const char *version;    /* of forage; borrowed */
    const char *arithmetic; /* of training: train.arithmetic; borrowed */
    uint64_t seed;
    uint32_t clients;
    uint64_t params;          /* P */
    uint32_t rounds;          /* committed */
    double accuracy, loss;    /* of the last evaluation; < 0 before the first */
    double target_accuracy;   /* 0 = none */
    int64_t rounds_to_target; /* -1 = not reached */
    char params_sha256[65];   /* empty where nothing was trained */
    double virtual_s, wall_s;
    double peak_bytes;      /* most memory of the process; 0 = not asked for */
    double saving_s;        /* of wall_s: checkpoints, journal and the other files of the run */
    double saving_memory_s; /* of saving_s: what the rule keeps of each client */
    uint64_t memory_bytes;  /* of that */
    uint64_t uplink_bytes, downlink_bytes;
    double energy_wh, carbon_g, wasted_wh, wasted_g;
    struct fg_saved saved;
    double money; /* paid for energy_wh; < 0 = no prices are given */
    uint64_t steps_total, steps_wasted;
    uint64_t updates_used; /* partial ones included */
    uint64_t updates_partial, updates_lost, updates_late;
    double client_accuracy_mean, client_accuracy_p10, client_accuracy_worst; /* < 0 = not evaluated */
    /* distance of what the clients counted from what they should count; < 0 = none */
    double participation_tv;
    uint64_t asked;           /* losses that were told to the selection */
    uint64_t models_averaged; /* in the run's model; 0: it is the newest */
    uint64_t states_reset;    /* times that what a client kept for the codec was gone with its holder */
    double skew, skew_bar,
        skew_tilde; /* of the selection by losses: mean, least, at the end; < 0 = not known */
    struct fg_promise promise;
    struct fg_footprint_sums footprint;
    struct fg_theory theory;
    struct fg_bound_result bound;
    struct fg_measured measured;
};

#endif
