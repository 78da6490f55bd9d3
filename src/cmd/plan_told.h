/* What `forage plan` tells of a plan, as text and as JSON. Thread safety: one caller at a time (stdout). */
#ifndef FG_CMD_PLAN_TOLD_H
#define FG_CMD_PLAN_TOLD_H

#include "src/cmd/plan_codecs.h"
#include "src/deploy/device_need.h"

struct fg_plan_told {
    struct fg_plan *plan;
    struct fg_setup *setup;
    struct fg_plan_codec *codec; /* (codecs) */
    size_t codecs;
    struct fg_cmd_device device; /* clients = 0: nothing is trained on one */
    struct fg_str memory;        /* the same in words */
};

/* What is raised for a price, by enum fg_plan_budget. */
struct fg_plan_budget_name {
    const char *key, *one; /* in JSON; one of it in words */
    double scale;          /* units of the plan in one that is shown */
};
extern const struct fg_plan_budget_name fg_plan_budget[FG_PLAN_BUDGETS];

void fg_plan_text(const struct fg_plan_told *t);

/* picture: the file that was drawn, or NULL. Errors: FG_E_NOMEM. */
enum fg_status fg_plan_json(const struct fg_plan_told *t, const char *picture) FG_NODISCARD;

#endif
