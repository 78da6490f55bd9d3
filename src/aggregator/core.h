/* The aggregator as a pure state machine: event in, actions out.
 *
 * No clock, file, thread or message inside: the time is handed in with each event, and what must happen in
 * the world is handed out as actions. The simulator drives it in virtual time; the MPI shell drives the very
 * same code with real workers. One round is open at a time:
 *
 *            wake(available)            all resolved, goal reached, or deadline
 *   ASLEEP ------------------> OPEN ------------------------------------------> CLOSING
 *     ^                                                                           | every cancel answered
 *     |   wake_at                                                                 v
 *     +------------------------------------------------------------------- COMMITTED (-> FINISHED)
 *                                                         evaluated
 *
 * Rules of the conversation:
 * - ASSIGN is answered later by exactly one RESULT or LOST for that task id; anything else for an id is
 *   refused.
 * - Where the rule takes late updates (fg_rule_ops.stale) a task that is neither answered nor cancelled when
 *   its round closes is answered in a later one; begin gives such tasks out again after a load.
 * - A policy may ask for losses first: then the round's first tasks are of kind FG_TASK_EVALUATE, and those
 *   that train are given out when all of these are resolved.
 * - CANCEL is answered by LOST (cause late) before the next other event.
 * - COMMIT is answered by EVALUATED (with or without numbers) before the next other event.
 * - STOP may come at any time: the open round is dropped as if it had never begun, then FINISH.
 *
 * Invariants (fg_aggregator_check, tested over random event orders): the version grows by exactly one per
 * commit; an update counts at most once per task; totals equal the sums over rounds; a dropped round leaves
 * no trace.
 *
 * Thread safety: one caller.
 */
#ifndef FG_AGGREGATOR_CORE_H
#define FG_AGGREGATOR_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/aggregator/rule.h"
#include "src/aggregator/select.h"
#include "src/aggregator/select_steps.h"
#include "src/aggregator/select_weight.h"
#include "src/availability/fleet.h"
#include "src/availability/footprint.h"
#include "src/availability/ledger.h"
#include "src/availability/world.h"
#include "src/base/status.h"
#include "src/base/str.h"
#include "src/plan/plan.h"
#include "src/plan/record.h"
#include "src/wire/down.h"

/* Whether clients keep something from task to task that their updates depend on (codec.h), and who holds it
 * for them: this process, which saves it beside the aggregator's state, or workers,
 * and then it is gone when they are. */
enum fg_keeping { FG_KEEPING_NONE, FG_KEEPING_HERE, FG_KEEPING_AWAY };

/* Movable data: who trains on whose. doc/algorithms/movable.md. */
enum fg_move {
    FG_MOVE_OWN,    /* everyone on its own shard */
    FG_MOVE_ROTATE, /* on the shard that lacks most, whatever shipping costs */
    FG_MOVE_PLAN    /* what a shard lacks is weighed against what shipping it costs */
};

struct fg_move_config {
    enum fg_move how;
    uint32_t copies;         /* of a task, at most; 0 and 1: none beside it */
    double worth;            /* of an update, in grams of a task */
    double margin;           /* updates that a shard must lack more than one that is there */
    const uint64_t *allowed; /* (clients) bit z: the shard may go to zone z; its client has it in any case.
                              * NULL = everywhere. Borrowed */
};

struct fg_aggregator_config {
    uint32_t rounds;
    fg_time_t start;        /* of round 0 */
    fg_time_t slot;         /* length of a slot, > 0 */
    bool slot_pace;         /* one round per slot, begun at its start; else the next round begins at commit */
    fg_time_t deadline;     /* of a round after its begin, 0 = none (slot pace: the end of the slot) */
    bool hand_back;         /* who leaves hands back its steps (train.on_leave, workers.on_loss = ignore) */
    double target_accuracy; /* 0 = none */
    bool stop_at_target;
    uint32_t eval_every;                           /* rounds between evaluations, 0 = only after the last */
    uint32_t eval_clients_every;                   /* the same for evaluations per client */
    double (*lr)(const void *arg, uint32_t round); /* local learning rate of a round */
    const void *lr_arg;
    uint64_t model_bytes;         /* one model, down */
    uint64_t update_bytes;        /* one update, up: what decides durations, but of codecs that adapt: */
    const struct fg_codec *codec; /* of updates, with how they are coded; NULL: does not adapt. Borrowed */
    const struct fg_codec_opts *coding;
    double variance_rounds;  /* adaptive.h */
    const uint32_t *steps;   /* (clients) local steps of a full task; borrowed */
    const uint32_t *samples; /* (clients) training samples of each; borrowed */
    const uint64_t
        *shard_bytes;           /* (clients) shipped before a client's first task; NULL = data are in place */
    struct fg_move_config move; /* needs shard_bytes for anything but own shards without copies */
    struct fg_select_config select; /* steps, samples, fleet and bytes are filled in from here */
    const struct fg_select_ops *policy;
    const struct fg_steps_ops *steps_ops;   /* train.plan; NULL = fixed */
    const char *forecast, *forecast_carbon; /* predictors; NULL = ensemble */
    uint32_t staleness;         /* the most versions that an update may be old, where the rule takes
                                             * such */
    struct fg_outlook *outlook; /* begins again here and serves the run; borrowed; NULL: one of its own */
    uint32_t history_h;         /* hours before the run that forecasts learn from */
    bool from_wakes;            /* availability is what is seen (a real clock) */
    enum fg_inverse inverse;
    double curvature; /* c2 L of the cap's rule */
    struct fg_rule_config rule;
    const struct fg_rule_ops *rule_ops;
    bool average;                               /* the run's model is the mean of the server's: average.h */
    const struct fg_cost_model *cost;           /* NULL = the defaults; copied */
    uint64_t eval_samples, eval_client_samples; /* of a global evaluation, of one per client */
    bool coded;                                 /* updates are compressed */
    enum fg_keeping keeping;
    struct fg_down_config down; /* how models go down; not with rules of own_start */
};

enum fg_event_kind {
    FG_EVENT_WAKE,      /* the time asked for by WAKE_AT has come */
    FG_EVENT_RESULT,    /* a task's result arrived */
    FG_EVENT_LOST,      /* a task ended without a usable result */
    FG_EVENT_DEADLINE,  /* the time asked for by DEADLINE_AT has come */
    FG_EVENT_EVALUATED, /* answer to COMMIT */
    FG_EVENT_STOP,      /* save and end */
    FG_EVENT_FORGET     /* what clients kept is gone with those who held it; between rounds */
};

struct fg_event {
    enum fg_event_kind kind;
    fg_time_t now; /* never runs backwards */
    uint64_t id;   /* task, for RESULT and LOST */
    const uint32_t
        *available; /* WAKE: (n_available) clients that are up, ascending; borrowed during the call */
    size_t n_available;
    const struct fg_result *result;   /* RESULT: borrowed during the call */
    const struct fg_outcome *outcome; /* RESULT, LOST: what was spent; borrowed */
    struct fg_evaluation evaluation;  /* EVALUATED */
};

enum fg_action_kind {
    FG_ACTION_WAKE_AT,     /* give WAKE at .at with who is up then */
    FG_ACTION_ASSIGN,      /* give .task to its client; when the run goes on, one that it had since .at */
    FG_ACTION_DEADLINE_AT, /* give DEADLINE at .at unless the round closed before */
    FG_ACTION_CANCEL,      /* task .id is not wanted any more */
    FG_ACTION_COMMIT,      /* a round is committed: record it; evaluate if .evaluate / .evaluate_clients */
    FG_ACTION_FINISH       /* the run is over: .reason */
};

/* BUDGET: the budget is spent, or the policy's plan has come to its end. */
enum fg_finish { FG_FINISH_ROUNDS, FG_FINISH_TARGET, FG_FINISH_BUDGET, FG_FINISH_STOPPED };

struct fg_action {
    enum fg_action_kind kind;
    fg_time_t at;
    uint64_t id;
    struct fg_task task;
    /* ASSIGN: model, or what leads to it, and, the first time, the shard; 0 if the client has it all */
    uint64_t bytes_down;
    uint64_t bytes_up; /* ASSIGN: of the update, as durations count it */
    bool evaluate, evaluate_clients;
    enum fg_finish reason;
};

/* Actions of one step, in order; reused from step to step. Zero-initialise; fg_actions_fini(). */
struct fg_actions {
    struct fg_action *a;
    size_t n, cap;
};
void fg_actions_fini(struct fg_actions *acts);

struct fg_aggregator;

/* Create the aggregator before round 0 with parameters x (P), copied. Ask for the first WAKE with
 * fg_aggregator_begin(). The fleet is borrowed. Errors: FG_E_NOMEM, FG_E_CONFIG. */
enum fg_status fg_aggregator_create(struct fg_aggregator **out, const struct fg_aggregator_config *cfg,
                                    const struct fg_fleet *fleet, const float *x,
                                    struct fg_err *err) FG_NODISCARD;
void fg_aggregator_destroy(struct fg_aggregator *a);

/* The first actions: WAKE_AT of the next round; after a resume also FINISH when all rounds are done, or
 * COMMIT of the round whose evaluation was stopped. */
enum fg_status fg_aggregator_begin(struct fg_aggregator *a, struct fg_actions *out) FG_NODISCARD;

/* Take one event; `out` is emptied, then filled. Errors: FG_E_STALE for an unknown or repeated task id and
 * FG_E_USAGE for an event that this state cannot have (nothing is changed then); FG_E_NOMEM, and those of
 * fg_rule_fold(), fg_rule_settle() and fg_down_advance(): the open round can then only be dropped. */
enum fg_status fg_aggregator_step(struct fg_aggregator *a, const struct fg_event *ev,
                                  struct fg_actions *out) FG_NODISCARD;

/* What clients keep (FG_KEEPING_*): the name of each client's after its last update that counted (as
 * fg_task.kept; NULL: nothing is kept). Whether all of it is gone after a load, because workers held it: then
 * FORGET is due before the next round, unless there was nothing. */
const uint64_t *fg_aggregator_keeps_of(const struct fg_aggregator *a); /* (clients) */
bool fg_aggregator_forgets(const struct fg_aggregator *a);

/* What a commit recorded: valid after a COMMIT action until the next WAKE. */
const struct fg_round_record *fg_aggregator_record(const struct fg_aggregator *a);
const struct fg_participation *fg_aggregator_participation(const struct fg_aggregator *a, size_t *n);

/* Of the round last committed: whether the client was up when it began, whether the policy's plan has it
 * train then, and the forecasts that the policy had (NULL: none). */
bool fg_aggregator_was_up(const struct fg_aggregator *a, uint32_t client);
bool fg_aggregator_planned(const struct fg_aggregator *a, uint32_t client);
const struct fg_outlook *fg_aggregator_outlook(const struct fg_aggregator *a);

/* Slots ahead that the policy of such a run looks; 0: it wants no forecasts. */
uint32_t fg_aggregator_horizon(const struct fg_aggregator_config *cfg);

/* The outlook of a run of this configuration, *out = NULL if its policy wants none. Errors: FG_E_CONFIG,
 * FG_E_NOMEM.
 * Owner: the caller, fg_outlook_destroy(). */
enum fg_status fg_aggregator_look_out(struct fg_outlook **out, const struct fg_aggregator_config *cfg,
                                      const struct fg_fleet *fleet, struct fg_err *err) FG_NODISCARD;

/* The run's model: what is evaluated, stored and exported. The newest, which clients train from, or with
 * cfg.average the mean of the models after rounds in which an update counted. Shapes: (P). Owner: the
 * aggregator; valid until the next commit. NULL: it is only on a device, until it is brought here. */
const float *fg_aggregator_params(const struct fg_aggregator *a);

/* Where the parameters that the newest version's tasks start from are beside, or instead; and bring them
 * here: before params is asked for, or the state is saved. Errors: FG_E_IO. */
struct fg_there fg_aggregator_there(const struct fg_aggregator *a);
enum fg_status fg_aggregator_bring(struct fg_aggregator *a) FG_NODISCARD;

/* Models beside the newest one, of rules that keep one a block (semicyclic). */
struct fg_plural {
    uint32_t blocks;    /* 0: the rule has none */
    float *params;      /* (blocks, P) */
    uint32_t *block_of; /* (clients) which one a client goes by; `blocks`: the newest */
};

/* Errors: FG_E_NOMEM. Owner: the caller, fg_plural_fini(). */
enum fg_status fg_aggregator_plural(const struct fg_aggregator *a, struct fg_plural *out) FG_NODISCARD;
void fg_plural_fini(struct fg_plural *p);

/* What a task of the client starts from, given the task's version: the newest parameters (cfg.down: what of
 * them goes down), or those that the client received last where the rule keeps them.
 * Shapes: (P). Owner: the aggregator; valid until the round closes. */
const float *fg_aggregator_start_of(const struct fg_aggregator *a, uint32_t client, uint64_t version);
/* The models that go down, where these are not the newest parameters as they are; else NULL. */
const struct fg_down *fg_aggregator_down(const struct fg_aggregator *a);
uint64_t fg_aggregator_version(const struct fg_aggregator *a);
fg_time_t fg_aggregator_now(const struct fg_aggregator *a); /* of the last event, or the start */
bool fg_aggregator_pending(const struct fg_aggregator *a);  /* the last commit's evaluation is not in yet */
size_t fg_aggregator_goal(const struct fg_aggregator *a);   /* usable answers that close the open round */
bool fg_aggregator_keeps(const struct fg_aggregator *a);    /* tasks may go on behind their round's end */
const struct fg_ledger *fg_aggregator_ledger(const struct fg_aggregator *a);
const struct fg_footprint *fg_aggregator_footprint(const struct fg_aggregator *a);
const struct fg_watch *fg_aggregator_watch(const struct fg_aggregator *a);

/* Theory beside what was measured so far. Cost: O(clients). */
struct fg_theory fg_aggregator_theory(const struct fg_aggregator *a);

/* Totals since round 0 for the summary: everything but names, times on the wall and hashes. */
void fg_aggregator_summary(const struct fg_aggregator *a, struct fg_summary *s);

/* State at the last commit, evaluated or not, as bytes, and back into a freshly created aggregator of the
 * same configuration: all but what the rule keeps in cfg.rule.rows, which are the caller's to keep. save is
 * refused (FG_E_USAGE) while a round is open, and where the rule's rows are its own. load judges its input:
 * FG_E_CORRUPT. */
enum fg_status fg_aggregator_save(const struct fg_aggregator *a, struct fg_str *out) FG_NODISCARD;
enum fg_status fg_aggregator_load(struct fg_aggregator *a, const void *bytes, size_t len,
                                  struct fg_err *err) FG_NODISCARD;

/* Check the invariants: FG_E_INTERNAL and which does not hold. For tests and after loading. */
enum fg_status fg_aggregator_check(const struct fg_aggregator *a, struct fg_err *err) FG_NODISCARD;

#endif
