/* What an outlook is, for the files that it is made of: what it sees (outlook.c) and what it
 * answers (outlook_ask.c). */
#ifndef FG_FORECAST_OUTLOOK_IMPL_H
#define FG_FORECAST_OUTLOOK_IMPL_H

#include "src/forecast/forecast_impl.h"
#include "src/forecast/outlook.h"

enum { FG_OUTLOOK_AHEAD_H = 48 };

struct fg_outlook {
    struct fg_outlook_config cfg;
    uint32_t clients, rows, zones, targets, carbon_ahead, horizon;
    size_t predictor, carbon_predictor;
    bool certain, oracle, carbon_oracle; /* nobody ever leaves; the future is read */
    /* A row for each history that clients have, which from wakes is each client's own;
     * no rows where nothing is learnt. */
    struct fg_forecaster *forecaster;
    uint32_t *row;                  /* (clients) */
    uint32_t *first;                /* (rows) a client of each */
    double *weight;                 /* (rows) how many clients */
    struct fg_carbon_track *carbon; /* (zones) */
    uint32_t carbon_steps;          /* hours of the run's outlook that carbon was told of, or not */
    struct fg_seen *seen;           /* (rows) */
    double *hours, *held;           /* (rows) hours begun up, and of these up throughout */
    double all_hours, all_held;
    struct fg_looks looks;
    fg_time_t begin, now; /* of the first step; of the last call */
    uint32_t steps;       /* full hours seen */
    /* what is kept */
    bool keeps;
    double *kept;               /* (steps - past, 1 + targets, rows): chances to stay, then of each target */
    size_t n_kept, cap_kept;    /* numbers */
    uint32_t past, carbon_past; /* `steps` and `carbon_steps` that were copied to it */
    uint32_t at;                /* hours of `steps` that are over now */
    /* from_wakes */
    uint8_t *history; /* (cap) bits: (steps, clients), each step padded to whole bytes */
    size_t cap, settled;
    uint8_t *up, *settled_up; /* (clients) at the last look, and at that of the last commit */
};

/* The chance that a row's clients, up at a full hour, stay for it. */
double fg_outlook_stay(const struct fg_outlook *o, uint32_t row);

#endif
