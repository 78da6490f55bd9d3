/* What a run may use at most: budgets of tasks, rounds with tasks, time. 0 = no limit. */
#ifndef FG_PLAN_LIMITS_H
#define FG_PLAN_LIMITS_H

enum fg_limit {
    FG_LIMIT_CARBON_G,
    FG_LIMIT_ENERGY_WH,
    FG_LIMIT_BYTES,  /* both ways */
    FG_LIMIT_MONEY,  /* for energy */
    FG_LIMIT_ROUNDS, /* in which somebody trains */
    FG_LIMIT_HOURS,  /* since the start */
    FG_LIMITS
};

enum { FG_LIMITS_SPENT = FG_LIMIT_ROUNDS }; /* those before it are spent by tasks */

/* How they are called. */
struct fg_limit_text {
    const char *price; /* its shadow price in summary.json, of one of what is counted inside */
    const char *unit;  /* that is shown */
    double scale;      /* units inside in one that is shown */
};
extern const struct fg_limit_text fg_limit_text[FG_LIMITS];

#endif
